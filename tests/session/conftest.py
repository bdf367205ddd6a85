"""A table on each server, and clients before and behind the gate."""

from collections.abc import Callable, Iterator

import pytest

from proxy.backup.cluster import Cluster
from proxy.session import Gate
from tests.servers.database import Database
from tests.session.wired import Bare, Wired, gate_of

TABLE = "CREATE TABLE t(id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'v1'), (2, 'v2'), (3, 'v3')"


@pytest.fixture
def table(database: Database) -> Database:
    """A database on PostgreSQL 17 with a table t of three rows."""
    database.execute(TABLE)
    return database


@pytest.fixture
def every_table(every_server: Cluster, new_database: Callable[[Cluster], Database]) -> Database:
    """The same on each major version."""
    database = new_database(every_server)
    database.execute(TABLE)
    return database


class Clients:
    """Opens clients and closes them when the test ends."""

    def __init__(self) -> None:
        self._open: list[Bare] = []

    def bare(self, database: Database, **more: str) -> Bare:
        """A client straight at the server."""
        client = Bare(database.port, database.name, parameters=tuple(more.items()))
        self._open.append(client)
        return client.start()

    def wired(
        self, database: Database, gate: Gate | None = None, *, chunk: int = 0, port: int = 0, **more: str
    ) -> Wired:
        """A client behind a session, on another port than the server's where a pooler listens."""
        client = Wired(
            port or database.port,
            database.name,
            parameters=tuple(more.items()),
            gate=gate or gate_of(),
            chunk=chunk,
        )
        self._open.append(client)
        return client.start()

    def close(self) -> None:
        """Close all of them."""
        for client in self._open:
            client.close()


@pytest.fixture
def clients() -> Iterator[Clients]:
    """Opens clients: ``clients.wired(database)``, ``clients.bare(database)``."""
    opened = Clients()
    yield opened
    opened.close()
