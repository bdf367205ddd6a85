"""The file of console tokens: a line for each, in the form of the file of users.

    "ada" "SCRAM-SHA-256$4096:…" role="operator" expires="2027-01-01T00:00:00+00:00"

Enters: its text. Leaves: a token a line, or a UserListError with every problem. A token is `NAME~SECRET`: the
password of the user NAME in psql's console, a Bearer token (RFC 6750, 2.1) over HTTP. The file holds its
verifier, as pg_authid would. Deliberately absent: tokens in clear.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from proxy.app.users.private import PrivateFileError, read_private
from proxy.app.users.userlist import UserListError, numbered, quoted, split
from proxy.console.people import Role, read_role
from proxy.wire.scram import DEFAULT_ITERATIONS, Verifier, make_verifier

SEPARATOR: Final = "~"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_SECRET_BYTES: Final = 32
_SALT_BYTES: Final = 16
_EXTRAS: Final = ("role", "expires")


@dataclass(frozen=True, slots=True)
class Token:
    """One line; `expires` is aware, None for never."""

    name: str
    verifier: Verifier
    role: Role
    expires: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires

    def written(self) -> str:
        """The line."""
        expires = "" if self.expires is None else f" expires={quoted(self.expires.isoformat())}"
        return f'{quoted(self.name)} {quoted(self.verifier.written())} role="{self.role.word}"{expires}'


def make_token(name: str, role: Role, expires: datetime | None) -> tuple[Token, str]:
    """A new token: its line, and the token itself, which nothing keeps.

    Raises: ValueError, where nobody may be called that.
    """
    check_token_name(name)
    text = f"{name}{SEPARATOR}{secrets.token_urlsafe(_SECRET_BYTES)}"
    verifier = make_verifier(text.encode(), secrets.token_bytes(_SALT_BYTES), DEFAULT_ITERATIONS)
    return Token(name, verifier, role, expires), text


def check_token_name(name: str) -> None:
    """Whether a token may be called this: it goes into a header and a role's name.

    Raises: ValueError.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a token's name has 1 to 63 letters, digits, dots, hyphens and underscores")


def parse_tokens(text: str, path: str) -> dict[str, Token]:
    """Read the whole file.

    Raises: UserListError.
    """
    tokens: dict[str, Token] = {}
    problems: list[str] = []
    for number, line in numbered(text):
        try:
            token = _token(line)
            if token.name in tokens:
                raise ValueError("the name stands there twice")
            tokens[token.name] = token
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems:
        raise UserListError(problems)
    return tokens


def read_tokens(path: str) -> dict[str, Token]:
    """Read the file, which only its owner may.

    Raises: UserListError.
    """
    try:
        return parse_tokens(read_private(path), path)
    except PrivateFileError as error:
        raise UserListError([str(error)]) from error


def _token(line: str) -> Token:
    name, verifier, extras = split(line, _EXTRAS)
    check_token_name(name)
    if verifier is None:
        raise ValueError("has an md5 hash: make the token with pgwarden console token create")
    if "role" not in extras:
        raise ValueError("has no role=")
    return Token(name, verifier, read_role(extras["role"]), _moment(extras.get("expires")))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("has an expires= that is no time in ISO 8601") from None
    if moment.tzinfo is None:
        raise ValueError("has an expires= without a time zone")
    return moment
