"""Where the ledger lies, as people write it: a file's path, or postgresql://USER@HOST:PORT/DATABASE?sslmode=….

Enters: that text, and a password from elsewhere. Leaves: what `open_ledger` takes, or a ValueError that says
what is wrong. Deliberately absent: passwords in URLs, which show in process lists; no error here repeats one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit

from proxy.app.asking import Password, driver_tls
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
    text: str, password: Password = None, *, ca_file: str | None = None, timeout_s: float = 10.0
) -> LedgerPlace:
    """Read where the ledger lies.

    Args:
        password: or what gives it; None leaves it to PGPASSWORD and ~/.pgpass, as in libpq.
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
    return PostgresAddress(server.host, server.port, unquote(user), database, password, driver_tls(server))


def default_key(place: LedgerPlace, default_ledger: str) -> Path:
    """Where the key lies that signs heads: beside the file, or where the user's own ledger would be."""
    return (
        Path(default_ledger).with_name("ledger.key")
        if isinstance(place, PostgresAddress)
        else Path(f"{place}.key")
    )
