"""The file of users: PgBouncer's userlist.txt, with what stands behind a user in the rest of its line.

    "ada" "SCRAM-SHA-256$4096:…" role="app" password_env="APP_PASSWORD"

Enters: its text. Leaves: a user a line, or a UserListError with every problem; a text with one line changed.
PgBouncer itself passes over what follows the second string. Deliberately absent: passwords in clear, which
such a file may hold for PgBouncer: they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.wire.scram import Verifier
from proxy.wire.startup import MAX_NAME_BYTES

_STRING: Final = r'"((?:[^"]|"")*)"'
_LINE: Final = re.compile(rf"\s*{_STRING}\s+{_STRING}((?:\s+[a-z_]+={_STRING})*)\s*")
_EXTRA: Final = re.compile(rf"([a-z_]+)={_STRING}")
_MD5: Final = re.compile(r"md5[0-9a-f]{32}")
_EXTRAS: Final = ("role", "password_file", "password_env")


class UserListError(Exception):
    """A file of users cannot be used.

    Attributes:
        problems: one line each, that begins with file and line number.
    """

    def __init__(self, problems: list[str]) -> None:
        """Keep them."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class User:
    """One line.

    Attributes:
        verifier: None for an md5 hash.
        role: who the gate is at the server for this user; None: a user of the same name.
        password_file, password_env: where that role's password is.
        line: its number, from 1.
    """

    name: str
    verifier: Verifier | None
    role: str | None = None
    password_file: str | None = None
    password_env: str | None = None
    line: int = 0

    @property
    def managed(self) -> bool:
        """Whether the gate logs in as a role of its own for this user."""
        return self.password_file is not None or self.password_env is not None

    def written(self) -> str:
        """The line.

        Raises: ValueError where there is no verifier.
        """
        if self.verifier is None:
            raise ValueError("only a SCRAM verifier can be written")
        extras = zip(_EXTRAS, (self.role, self.password_file, self.password_env), strict=True)
        rest = "".join(f" {name}={quoted(value)}" for name, value in extras if value is not None)
        return f"{quoted(self.name)} {quoted(self.verifier.written())}{rest}"


def parse_userlist(text: str, path: str) -> dict[str, User]:
    """Read the whole file.

    Args:
        text: what is in it.
        path: for errors.

    Raises: UserListError.
    """
    users: dict[str, User] = {}
    problems: list[str] = []
    for number, line in numbered(text):
        try:
            user = _user(line, number)
            if user.name in users:
                raise ValueError(f"the user stands in line {users[user.name].line} already")
            users[user.name] = user
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems:
        raise UserListError(problems)
    return users


def with_line(text: str, name: str, line: str) -> str:
    """The text with this line in place of the one of that name, or at the end; all else stays as it is."""
    lines = text.splitlines()
    number = _number_of(text, name)
    if number is None:
        lines.append(line)
    else:
        lines[number - 1] = line
    return "\n".join(lines) + "\n"


def without_user(text: str, name: str) -> str | None:
    """The text without this user's line; None when there is none."""
    number = _number_of(text, name)
    if number is None:
        return None
    lines = text.splitlines()
    del lines[number - 1]
    return "".join(f"{line}\n" for line in lines)


def check_name(name: str) -> None:
    """Whether a user may be called this.

    Raises: ValueError.
    """
    if not name or len(name.encode(errors="surrogateescape")) > MAX_NAME_BYTES:
        raise ValueError(f"a user's name has 1 to {MAX_NAME_BYTES} bytes")
    if not name.isprintable():
        raise ValueError("a user's name has no control characters in it")


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers, from 1."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith((";", "#")):
            yield number, line


def _number_of(text: str, name: str) -> int | None:
    for number, line in numbered(text):
        found = _LINE.fullmatch(line)
        if found is not None and _plain(found[1]) == name:
            return number
    return None


def _user(line: str, number: int) -> User:
    name, verifier, extras = split(line, _EXTRAS)
    user = User(
        name,
        verifier,
        extras.get("role"),
        extras.get("password_file"),
        extras.get("password_env"),
        number,
    )
    if user.password_file is not None and user.password_env is not None:
        raise ValueError("has both password_file and password_env: leave one out")
    if user.role is not None and not user.managed:
        raise ValueError("has a role, and no password_file or password_env for it")
    if user.managed and user.verifier is None:
        raise ValueError("has an md5 hash; a user of the gate's own needs a SCRAM-SHA-256 verifier")
    return user


def split(line: str, known: Collection[str]) -> tuple[str, Verifier | None, dict[str, str]]:
    """A line's name, its verifier (None for an md5 hash), and what stands behind them, by name.

    Raises: ValueError.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError('is not "user" "SCRAM-SHA-256$…", each in double quotes')
    name = _plain(found[1])
    check_name(name)
    return name, _verifier(_plain(found[2])), _extras(found[3], known)


def _extras(text: str, known: Collection[str]) -> dict[str, str]:
    extras: dict[str, str] = {}
    for name, text_of_it in _EXTRA.findall(text):
        if name not in known:
            raise ValueError(f"has an unknown {name}=: there are {', '.join(known)}")
        if name in extras:
            raise ValueError(f"has {name}= twice")
        value = _plain(text_of_it)
        if not value or not value.isprintable():
            raise ValueError(f"has a {name}= that is empty, or has control characters in it")
        extras[name] = value
    return extras


def _verifier(text: str) -> Verifier | None:
    """The second string; nothing of it is repeated."""
    if _MD5.fullmatch(text):
        return None
    if not text.startswith("SCRAM-SHA-256$"):
        raise ValueError("has no verifier; a password in clear is not taken: pgwarden user add, or learn")
    return Verifier.parse(text)


def _plain(quoted: str) -> str:
    return quoted.replace('""', '"')


def quoted(text: str) -> str:
    """A string of such a line."""
    return '"' + text.replace('"', '""') + '"'
