"""The gate's URL, as a migration tool is given it, and the same with a run's token in it.

Enters: a URL with whatever parameters the tool wants. Leaves: its parts, and the URL with the token among its
`options`, which drivers pass on as they are; everything else in it stays as it was written. Deliberately
absent: showing a password or a token in any message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from proxy.session.runtoken import OPTION

FORM: Final = "postgresql://USER@GATE:PORT/DATABASE"
_TLS: Final = ("sslmode", "sslrootcert", "sslnegotiation")


@dataclass(frozen=True, slots=True)
class GateAddress:
    """A role's way to a database, through a gate.

    Attributes:
        url: as it was given.
        host: "" for a driver's default.
        tls: the parameters about TLS that libpq knows.
    """

    url: str = field(repr=False)
    host: str
    port: int
    role: str
    database: str
    password: str | None = field(default=None, repr=False)
    tls: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.role}@{self.host or 'localhost'}:{self.port}/{self.database}"

    def with_token(self, token: str) -> str:
        """The URL that a session of the run connects by."""
        parts = urlsplit(self.url)
        kept, own = [], quote(f"{OPTION}{token}", safe="")
        for parameter in parts.query.split("&") if parts.query else ():
            name, _, value = parameter.partition("=")
            if name == "options" and value:
                own = f"{value.replace('+', '%20')}%20{own}"
            elif name != "options":
                kept.append(parameter)
        query = "&".join((*kept, f"options={own}"))
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))


def parse_gate(url: str) -> GateAddress:
    """Read a URL.

    Raises: ValueError, in one line that repeats no secret.
    """
    try:
        parts = urlsplit(url.strip())
        host, port, password = parts.hostname or "", parts.port or 5432, parts.password
    except ValueError:
        raise ValueError(f"is not a URL: write {FORM}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"must be {FORM}")
    database = unquote(parts.path.removeprefix("/"))
    if not parts.username or not database or "/" in database:
        raise ValueError(f"must name a user and a database: {FORM}")
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    host = next((value for name, value in parameters if name == "host" and value), host)
    return GateAddress(
        url.strip(),
        host,
        port,
        unquote(parts.username),
        database,
        None if password is None else unquote(password),
        tuple((name, value) for name, value in parameters if name in _TLS),
    )
