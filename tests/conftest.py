"""Fixtures for tests against real servers.

`server` is a PostgreSQL 17, `server_at(major)` one of another major version, `every_server` each of them in
turn, `german_server` one with translated messages, `database` a fresh database on `server`. `programs(major)`
says where a version's programs are, for a test that makes a `Cluster` of its own (other authentication, TLS,
settings, a standby). `pgbouncer(port)` starts PgBouncers, `node` runs node-postgres. What cannot be had skips
with the reason, or fails under --require-real.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, Protocol

import pytest

from proxy.backup.cluster import Cluster
from tests.servers.cache import Missing
from tests.servers.database import Database
from tests.servers.node import Node, find_node
from tests.servers.pgbouncer import PgBouncer, PoolMode
from tests.servers.postgres import DEFAULT_MAJOR, MAJORS, binaries, memory_directory, translated

_database_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-real",
        action="store_true",
        help="fail, instead of skipping, where a real server or driver cannot be had",
    )
    parser.addoption(
        "--heavy-drivers",
        action="store_true",
        help="run the drivers of tests/drivers that take long to fetch, too",
    )


def _give_up(config: pytest.Config, missing: Missing) -> NoReturn:
    if config.getoption("--require-real"):
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


class Programs(Protocol):
    def __call__(self, major: int = DEFAULT_MAJOR) -> Path: ...


class ServerAt(Protocol):
    def __call__(self, major: int) -> Cluster: ...


class StartPgBouncer(Protocol):
    def __call__(self, upstream_port: int, pool_mode: PoolMode = "transaction") -> PgBouncer: ...


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> Programs:
    """`programs(major)` is the directory of initdb, postgres, psql, pgbench and their like."""

    def find(major: int = DEFAULT_MAJOR) -> Path:
        try:
            return binaries(major)
        except Missing as missing:
            _give_up(pytestconfig, missing)

    return find


@pytest.fixture(scope="session")
def server_at(programs: Programs) -> Iterator[ServerAt]:
    """`server_at(major)` is this process's one server of that version: trust, superuser postgres."""
    running: dict[int, Cluster] = {}
    with ExitStack() as stack:

        def start(major: int) -> Cluster:
            if major not in running:
                running[major] = stack.enter_context(Cluster(programs(major), memory_directory()))
            return running[major]

        yield start


@pytest.fixture(scope="session")
def server(server_at: ServerAt) -> Cluster:
    """This process's PostgreSQL 17: trust, superuser postgres, no TLS."""
    return server_at(DEFAULT_MAJOR)


@pytest.fixture(params=MAJORS, ids=lambda major: f"pg{major}")
def every_server(request: pytest.FixtureRequest, server_at: ServerAt) -> Cluster:
    """Each major version's server in turn."""
    return server_at(request.param)


@pytest.fixture(scope="session")
def german_server(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A server whose lc_messages is German: its errors say »…« where others say "…"."""
    with ExitStack() as stack:
        try:
            german = stack.enter_context(translated())
        except Missing as missing:
            _give_up(pytestconfig, missing)
        settings = {"lc_messages": german.lc_messages}
        cluster = Cluster(
            german.bin_dir, memory_directory(), settings=settings, environment=german.environment
        )
        yield stack.enter_context(cluster)


@pytest.fixture
def new_database() -> Iterator[Callable[[Cluster], Database]]:
    """`new_database(cluster)` is a fresh database on any server, dropped when the test ends."""
    made: list[Database] = []

    def create(cluster: Cluster) -> Database:
        database = Database(cluster, f"test_{next(_database_numbers)}")
        cluster.execute(f"CREATE DATABASE {database.name}")
        made.append(database)
        return database

    yield create
    for database in made:
        if database.cluster.pid is not None:
            database.cluster.execute(f"DROP DATABASE {database.name} WITH (FORCE)")


@pytest.fixture
def database(server: Cluster, new_database: Callable[[Cluster], Database]) -> Database:
    """A fresh database on `server`, dropped when the test ends."""
    return new_database(server)


@pytest.fixture
def pgbouncer(pytestconfig: pytest.Config) -> Iterator[StartPgBouncer]:
    """`pgbouncer(upstream_port, "transaction")` is a running PgBouncer, stopped when the test ends."""
    with ExitStack() as stack:

        def start(upstream_port: int, pool_mode: PoolMode = "transaction") -> PgBouncer:
            try:
                return stack.enter_context(PgBouncer(upstream_port, pool_mode))
            except Missing as missing:
                _give_up(pytestconfig, missing)

        yield start


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config) -> Node:
    """A node that can require("pg")."""
    try:
        return find_node()
    except Missing as missing:
        _give_up(pytestconfig, missing)
