"""What people write where it is said who reads the catalogues: postgresql://ROLE@HOST:PORT?sslmode=….

Enters: that text. Leaves: a role, and the server where it is another address than the clients'; or a
ValueError that says what is wrong with it. Deliberately absent: passwords, which have no place in a URL; no
error here repeats what might be one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from proxy.relay import NoAuthority, Upstream, parse_upstream

FORM: Final = "postgresql://ROLE@, or postgresql://ROLE@HOST:PORT"


@dataclass(frozen=True, slots=True)
class CatalogueAddress:
    """Who reads, and where: None is the clients' own server."""

    role: str
    server: str | None

    def upstream(self, clients: Upstream, ca_file: str | None, connect_timeout_s: float) -> Upstream:
        """The server to read from.

        Raises: ValueError, in one line.
        """
        if self.server is None:
            return clients
        return parse_upstream(self.server, ca_file=ca_file, connect_timeout_s=connect_timeout_s)


def parse_catalogue(url: object) -> CatalogueAddress:
    """Read the URL.

    Raises: ValueError, in one line.
    """
    if not isinstance(url, str) or not url.strip():
        raise ValueError(f"must be {FORM}")
    try:
        parts = urlsplit(url.strip())
        host, password = parts.hostname, parts.password
    except ValueError:
        raise ValueError(f"is not a URL: write {FORM}") from None
    who, _, where = parts.netloc.rpartition("@")
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    if password is not None:
        raise ValueError(
            "must not hold a password: put it into a file, and name that in catalogue_password_file"
        )
    if not who:
        raise ValueError(f"must name the role that reads: {FORM}")
    if parts.path.strip("/"):
        raise ValueError("must not name a database: each is read that clients choose")
    if not host and not parts.query:
        return CatalogueAddress(unquote(who), None)
    server = urlunsplit((parts.scheme, where, "", parts.query, parts.fragment))
    with suppress(NoAuthority):  # the setting sslrootcert may name them
        parse_upstream(server)
    return CatalogueAddress(unquote(who), server)
