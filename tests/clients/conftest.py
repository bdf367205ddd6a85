"""Fixtures: `gate`, one for each module, under the shipped rule packs; `serve`, gates of a test's own."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import POLICY, Gate, serving, upstream_of
from tests.clients.programs import Program
from tests.conftest import Programs
from tests.servers.database import Database

_numbers = itertools.count(1)


class Serve(Protocol):
    def __call__(self, policy: str | Path = POLICY, *upstreams: str, **settings: str) -> Gate: ...


@pytest.fixture(scope="module")
def gate(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """This module's gate, under the rule packs that come with the program."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "policy.yaml").write_text(POLICY)
    with serving(folder, folder / "policy.yaml", upstream_of(server)) as gate:
        yield gate


@pytest.fixture(scope="module")
def database(server: Cluster) -> Iterator[Database]:
    """A database of this module's own, since making one takes longer than most tests do."""
    database = Database(server, f"clients_{next(_numbers)}")
    server.execute(f"CREATE DATABASE {database.name}")
    yield database
    server.execute(f"DROP DATABASE {database.name} WITH (FORCE)")


@pytest.fixture
def users(database: Database) -> Database:
    """The module's database as every test finds it: one table, one row."""
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
        connection.execute("INSERT INTO users VALUES (1, 'ada')")
    return database


@pytest.fixture
def serve(server: Cluster, tmp_path: Path) -> Iterator[Serve]:
    """`serve(policy, *upstreams, setting="value")` is a gate of this test's own."""
    with ExitStack() as stack:

        def start(policy: str | Path = POLICY, *upstreams: str, **settings: str) -> Gate:
            if isinstance(policy, str):
                (tmp_path / "policy.yaml").write_text(policy)
                policy = tmp_path / "policy.yaml"
            return stack.enter_context(
                serving(tmp_path, policy, *(upstreams or [upstream_of(server)]), **settings)
            )

        yield start


@pytest.fixture(scope="session")
def psql(programs: Programs) -> Program:
    """The program: `psql(url, "-c", "SELECT 1")`."""
    return Program(programs() / "psql", ("--no-psqlrc",))


@pytest.fixture(scope="session")
def pgbench(programs: Programs) -> Program:
    """The program pgbench."""
    return Program(programs() / "pgbench", ())
