"""What people write where it is said which role reads databases: postgresql://ROLE@HOST:PORT?sslmode=….

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
class RoleAddress:
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


def parse_catalogue(url: object) -> RoleAddress:
    """Read who reads the catalogues.

    Raises: ValueError, in one line.
    """
    return parse_role(url, "catalogue_password_file")


def parse_role(url: object, password_file: str) -> RoleAddress:
    """Read a role's URL.

    Args:
        password_file: the setting that names the file with its password.

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
        raise ValueError(f"must not hold a password: put it into a file, and name that in {password_file}")
    if not who:
        raise ValueError(f"must name the role that reads: {FORM}")
    if parts.path.strip("/"):
        raise ValueError("must not name a database: each is read that clients choose")
    if not host and not parts.query:
        return RoleAddress(unquote(who), None)
    server = urlunsplit((parts.scheme, where, "", parts.query, parts.fragment))
    with suppress(NoAuthority):  # the setting sslrootcert may name them
        parse_upstream(server)
    return RoleAddress(unquote(who), server)
