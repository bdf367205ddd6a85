"""Where the ledger lies, as people write it: a file's path, or postgresql://USER@HOST:PORT/DATABASE?sslmode=….

Enters: that text, and a password from elsewhere. Leaves: what `open_ledger` takes, or a ValueError that says
what is wrong. Deliberately absent: passwords in URLs, which show in process lists; no error here repeats one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit

from proxy.records import PostgresAddress
from proxy.relay.address import parse_upstream

FORM: Final = "postgresql://USER@HOST:PORT/DATABASE"
PASSWORD: Final = "PGWARDEN_LEDGER_PASSWORD"  # noqa: S105 - a variable's name

LedgerPlace: TypeAlias = str | PostgresAddress
"""A file's path, or a database."""


def is_url(text: str) -> bool:
    """Whether this is meant as a database, not as a file."""
    return "://" in text


def ledger_place(
    text: str, password: str | None = None, *, ca_file: str | None = None, timeout_s: float = 10.0
) -> LedgerPlace:
    """Read where the ledger lies.

    Args:
        password: None leaves it to PGPASSWORD and ~/.pgpass, as in libpq.
        ca_file: the certificates to trust where the URL names none.

    Raises: ValueError, in one line.
    """
    if not is_url(text):
        return text
    try:
        parts = urlsplit(text.strip())
        given = parts.password
    except ValueError:
        raise ValueError(f"is not a URL: write {FORM}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"must be a file, or {FORM}")
    if given is not None:
        raise ValueError(
            "must not hold a password: put it into a file, and name that in ledger_password_file"
        )
    user, _, where = parts.netloc.rpartition("@")
    database = unquote(parts.path.removeprefix("/"))
    if not user or not database or "/" in database:
        raise ValueError(f"must name a user and a database: {FORM}")
    server = parse_upstream(
        urlunsplit((parts.scheme, where, "", parts.query, parts.fragment)),
        ca_file=ca_file,
        connect_timeout_s=timeout_s,
    )
    return PostgresAddress(server.host, server.port, unquote(user), database, password, server.context)


def default_key(place: LedgerPlace, default_ledger: str) -> Path:
    """Where the key lies that signs heads: beside the file, or where the user's own ledger would be."""
    return (
        Path(default_ledger).with_name("ledger.key")
        if isinstance(place, PostgresAddress)
        else Path(f"{place}.key")
    )


def read_password(path: str, read: Callable[[str], str]) -> str:
    """The password in a file.

    Raises: ValueError, with the end of a sentence that begins with where the file was named.
    """
    try:
        lines = read(path).splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text") from error
    if len(lines) != 1 or not lines[0]:
        raise ValueError(f"{path} must hold the password in one line, and nothing else")
    return lines[0]


def password_in(environment: Mapping[str, str], read: Callable[[str], str]) -> str | None:
    """The password that the environment names, for commands; None where it names none."""
    path = environment.get("PGWARDEN_LEDGER_PASSWORD_FILE")
    return read_password(path, read) if path else environment.get(PASSWORD) or None
