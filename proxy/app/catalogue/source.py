"""Who reads a server's catalogues, and how: a role, a password, an address.

Enters: the settings of one listener. Leaves: connections that can write nothing and in which every name
means the server's own, or a CatalogueUnreadable of one line without a secret. Deliberately absent: what is
read (reader.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import asyncpg  # type: ignore[import-untyped]

from proxy.app.asking import Password, driver_tls
from proxy.app.catalogue.reader import SETTINGS, Connection
from proxy.relay import Upstream

PASSWORD: Final = "PGWARDEN_CATALOGUE_PASSWORD"  # noqa: S105 - a variable's name

FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that was lost in between
    OSError,
    TimeoutError,
    EOFError,
)
"""What connecting and reading may raise."""


class CatalogueUnreadable(Exception):
    """A database's catalogue cannot be read; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """Where to read.

    Attributes:
        password: or what gives it, asked for each connection; None leaves it to ~/.pgpass.
    """

    server: Upstream
    role: str
    password: Password = field(repr=False)

    async def connect(self, database: str) -> Connection:
        """Open a connection to one database.

        Raises:
            CatalogueUnreadable: there is none to be had.
        """
        tls = driver_tls(self.server)
        try:
            connection: Connection = await asyncpg.connect(
                host=self.server.host,
                port=self.server.port,
                user=self.role,
                password=self.password,
                database=database,
                ssl=tls.mode,
                direct_tls=tls.direct,
                timeout=self.server.connect_timeout_s,
                command_timeout=60,
                statement_cache_size=0,
                server_settings=SETTINGS,
            )
        except FAULTS as error:
            raise unreadable(database, error) from error
        return connection


def unreadable(database: str, error: BaseException) -> CatalogueUnreadable:
    """Why a database's catalogue cannot be read, in one line."""
    if isinstance(error, TimeoutError):
        reason = "the server did not answer in time"
    elif isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    else:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return CatalogueUnreadable(f"the catalogue of {database} cannot be read: {reason}")
