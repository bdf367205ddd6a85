"""One reading of one database, for a command.

Enters: the URL of who reads, a database's name. Leaves: its Database. Deliberately absent: keeping it fresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from proxy.app.catalogue.address import parse_catalogue
from proxy.app.catalogue.reader import read
from proxy.app.catalogue.source import FAULTS, PASSWORD, CatalogueSource, CatalogueUnreadable, unreadable
from proxy.relay.address import parse_upstream
from proxy.sql.database import Database


async def read_once(url: str, database: str, environment: Mapping[str, str]) -> Database:
    """Read what a database holds.

    Args:
        url: postgresql://ROLE@HOST:PORT.
        database: its name.
        environment: may hold the password; else ~/.pgpass does.

    Raises:
        ValueError: the URL is wrong, in one line.
        CatalogueUnreadable: it cannot be read.
    """
    address = parse_catalogue(url)
    if address.server is None:
        raise ValueError("must name the server behind the role")
    server = parse_upstream(address.server)
    password = environment.get(PASSWORD)
    connection = await CatalogueSource(server, address.role, password).connect(database)
    try:
        reading = await read(connection)
    except FAULTS as error:
        raise unreadable(database, error) from error
    finally:
        with suppress(*FAULTS):
            await connection.close(timeout=1)
    if reading is None:
        raise CatalogueUnreadable(f"the catalogue of {database} cannot be read")
    return Database(database, reading.snapshot())
