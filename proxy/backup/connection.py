"""Which database is backed up or restored, and as whom: what libpq's programs are told by their environment.

Enters: a URL, a password from elsewhere. Leaves: a `Connection`; or a ValueError that says what is wrong and
repeats no secret. Deliberately absent: drivers. pg_dump, pg_restore and psql share libpq, so that they agree
on service files, ~/.pgpass and TLS. Nothing secret is ever an argument: those show in process lists.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

FORM: Final = "postgresql://USER@HOST:PORT/DATABASE"
APPLICATION: Final = "pgwarden-backup"
_TRANSACTION_POOLER_PORT: Final = 6543  # Supabase's
_CONNECT_TIMEOUT_S: Final = "15"
# The parameters of a URL that mean something here, and the variables that libpq reads them from
# (https://www.postgresql.org/docs/current/libpq-envars.html).
_VARIABLES: Final[Mapping[str, str]] = {
    "host": "PGHOST",
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """A role's way to a database.

    Attributes:
        host: "" for libpq's default, a directory for a Unix socket.
        password: None leaves it to PGPASSWORD and ~/.pgpass, as in libpq.
        variables: further variables of libpq.
    """

    host: str
    port: int
    user: str
    database: str
    password: str | None = field(default=None, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.user}@{self.host or 'localhost'}:{self.port}/{self.database}"

    @property
    def url(self) -> str:
        """As `parse_connection` reads it, without the password."""
        named = {name: self.variables[env] for name, env in _VARIABLES.items() if env in self.variables}
        host = f"[{self.host}]" if ":" in self.host else self.host
        if host.startswith("/"):
            named, host = {"host": host, **named}, ""
        query = f"?{urlencode(named)}" if named else ""
        where = f"{host}:{self.port}" if host else f":{self.port}"
        return f"postgresql://{quote(self.user, safe='')}@{where}/{quote(self.database, safe='')}{query}"

    def to(self, database: str) -> Self:
        """The same way to another database of the server."""
        return replace(self, database=database)

    def environment(self, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a program of libpq's is started with.

        Args:
            inherited: None takes this process's environment.
        """
        around = dict(os.environ if inherited is None else inherited)
        own = {
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.database,
            "PGAPPNAME": APPLICATION,
            "PGCLIENTENCODING": "UTF8",
            "LC_ALL": "C",  # what the programs say is read
        }
        defaults = {"PGCONNECT_TIMEOUT": _CONNECT_TIMEOUT_S}
        if self.host:
            own["PGHOST"] = self.host
            if not _on_this_host(self.host):
                defaults |= {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": _authorities(around)}
        if self.password is not None:
            own["PGPASSWORD"] = self.password
        return {**defaults, **around, **own, **self.variables}


def parse_connection(url: str, password: str | None = None, *, secret: bool = False) -> Connection:
    """Read a URL.

    Args:
        password: the role's, where it is not in the URL.
        secret: the URL came by a way that nobody else reads, and may hold the password.

    Raises: ValueError, in one line.
    """
    try:
        parts = urlsplit(url.strip())
        host, port, given = parts.hostname or "", parts.port or 5432, parts.password
    except ValueError:
        raise ValueError(f"is not a URL: write {FORM}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"must be {FORM}")
    if given is not None and not secret:
        raise ValueError(
            "must not hold a password, which process lists show: leave it to PGPASSWORD, ~/.pgpass or "
            "--password-file"
        )
    database = unquote(parts.path.removeprefix("/"))
    if not parts.username or not database or "/" in database:
        raise ValueError(f"must name a user and a database: {FORM}")
    if host.endswith(".pooler.supabase.com") and port == _TRANSACTION_POOLER_PORT:
        raise ValueError(
            "leads to a transaction pooler, where pg_dump cannot keep one snapshot: take the direct "
            "connection, or the pooler's session mode on port 5432"
        )
    secret_of_url = unquote(given) if given is not None else None
    return Connection(
        host=host,
        port=port,
        user=unquote(parts.username),
        database=database,
        password=password if password is not None else secret_of_url,
        variables=_variables(parts.query),
    )


def _variables(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "pgbouncer":
            raise ValueError("leads to a transaction pooler (pgbouncer=…): take the direct connection")
        if name not in _VARIABLES:
            known = ", ".join(sorted(_VARIABLES))
            raise ValueError(f"has a parameter that is not known here; known are {known}")
        found[_VARIABLES[name]] = value
    return found


def _authorities(environment: Mapping[str, str]) -> str:
    """The certificates to trust; `system` is libpq's word for the host's own, from version 16 on."""
    return environment.get("PGWARDEN_SSLROOTCERT") or "system"


def _on_this_host(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
