"""Where the tests' ledgers lie: in a file, and in a database of a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from proxy.records import Clock, Ledger, PostgresAddress
from proxy.records.ledger import utc_now
from tests.servers.database import Database

Place = Path | PostgresAddress


def address_of(database: Database) -> PostgresAddress:
    """A ledger in this database."""
    return PostgresAddress("127.0.0.1", database.port, "postgres", database.name)


class Open(Protocol):
    """Opens one more connection to the test's ledger."""

    def __call__(self, *, create: bool = True, wait_s: float = 5.0, clock: Clock = utc_now) -> Ledger: ...
