"""A database with rows, and places to back it up to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from proxy.backup.connection import Connection
from proxy.backup.places import Place
from tests.backup.stores import Bucket, GoogleBucket, azurite
from tests.servers.database import Database

# 3 MB that do not compress: no buffer between pg_dump and its reader holds a dump of it.
ROWS = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id int, region text, note text) PARTITION BY LIST (region);
CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('eu');
CREATE TABLE blobs (id int, body bytea);
ALTER TABLE blobs ALTER body SET STORAGE EXTERNAL;
INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 1000) i;
INSERT INTO orders SELECT i, 'eu', 'x' FROM generate_series(1, 50) i;
INSERT INTO blobs
    SELECT i, sha512(i::text::bytea) || sha512((i + 1)::text::bytea) FROM generate_series(1, 12000) i;
"""


def nothing(size_bytes: int) -> None:
    """Let it pass."""


@dataclass
class Watch:
    """Sees what a backup does, and may interfere once bytes are written.

    Attributes:
        then: called at the first bytes.
    """

    then: Callable[[int], None] = nothing
    steps: list[str] = field(default_factory=list)
    seen: int = 0

    def step(self, text: str, total: int | None = None) -> None:
        self.steps.append(text)

    def at(self, done: int) -> None:
        """Not looked at."""

    def written(self, size_bytes: int) -> None:
        if self.seen == 0:
            self.then(size_bytes)
        self.seen = size_bytes


def connection(cluster: Cluster, database: str) -> Connection:
    return Connection("127.0.0.1", cluster.port, cluster.superuser, database)


def rest_of(*folders: Path) -> list[str]:
    """Every file below these."""
    return sorted(path.name for folder in folders for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def shop(database: Database) -> Database:
    """A database with rows."""
    database.execute(ROWS)
    return database


@pytest.fixture
def to_shop(shop: Database) -> Connection:
    return connection(shop.cluster, shop.name)


@pytest.fixture
def places(tmp_path: Path) -> list[Place]:
    """Two folders."""
    return [Place(str(tmp_path / "first")), Place(str(tmp_path / "second"))]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket `s3://backups`, where obstore looks for it."""
    server = Bucket()
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    yield server
    server.kill()


@pytest.fixture(params=["s3", "gs", "az"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """`SCHEME://backups`, with nothing in it, where obstore looks for it; of each kind in turn."""
    with ExitStack() as after:
        if request.param == "az":
            if not request.config.getoption("--heavy-drivers"):
                pytest.skip("Azurite is fetched under --heavy-drivers alone")
            variables = after.enter_context(azurite(tmp_path))
        else:
            server = Bucket() if request.param == "s3" else GoogleBucket(tmp_path)
            after.callback(server.kill)
            variables = server.variables
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield f"{request.param}://backups"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("PG", "AWS_", "AZURE_", "GOOGLE_", "SUPABASE_")) and name != "PGWARDEN_TRACEBACK":
            monkeypatch.delenv(name)
