"""Fixtures for tests against real servers.

`server` is a PostgreSQL 17, `server_at(major)` one of another major version, `every_server` each of them in
turn, `german_server` one with translated messages, `database` a fresh database on `server`. `programs(major)`
says where a version's programs are, for a test that makes a `Cluster` of its own (other authentication, TLS,
settings, a standby). `pgbouncer(port)` starts PgBouncers, `node` runs node-postgres. What cannot be had skips
with the reason, or fails under --require-real.
"""

import gc
import itertools
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar

import hypothesis
import psycopg
import pytest

from proxy.app.compiled import built
from proxy.backup.cluster import Cluster
from tests.clients.gate import latest
from tests.defects import defects
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
    parser.addoption(
        "--compiled", action="store_true", help="run nothing unless the modules of setup.py are compiled"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--compiled") and built() != "compiled":
        raise pytest.UsageError("the modules that setup.py names are not compiled here: make compiled")
    for number, line in defects().items():
        config.addinivalue_line("markers", f"defect_{number:02d}: {line}")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: to look for garbage in it, over and over, takes a third longer."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure that comes once in a thousand runs is only understood by what all sides said of it."""
    report = yield
    if report.failed:
        report.sections.extend(("a gate", str(gate)) for gate in latest)
        server = getattr(item, "funcargs", {}).get("server")
        if isinstance(server, Cluster) and server.directory.exists():
            report.sections.append(("the server's log", server.log[-20_000:]))
    return report


def _give_up(config: pytest.Config, missing: Missing) -> NoReturn:
    if config.getoption("--require-real"):
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


T = TypeVar("T")

# Hundreds of programs are started: none shall compile what one before it has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell's background jobs ignore it, and so would all that is started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts times, and Hypothesis would. What fails, fails on every machine; new examples are looked for
# with --hypothesis-profile=explore.
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("fixed")


class Programs(Protocol):
    def __call__(self, major: int = DEFAULT_MAJOR) -> Path: ...


class ServerAt(Protocol):
    def __call__(self, major: int) -> Cluster: ...


class Administer(Protocol):
    def __call__(self, cluster: Cluster, sql: str) -> None: ...


class Obtain(Protocol):
    def __call__(self, find: Callable[[], T]) -> T: ...


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


@pytest.fixture(scope="session")
def administer() -> Iterator[Administer]:
    """`administer(cluster, sql)` runs a statement over a kept connection: a psql each takes longer."""
    kept: dict[Cluster, psycopg.Connection] = {}

    def run(cluster: Cluster, sql: str) -> None:
        for _ in range(2):  # the server may have been started anew since
            if cluster not in kept or kept[cluster].closed:
                kept[cluster] = psycopg.connect(cluster.dsn, autocommit=True)
            with suppress(psycopg.OperationalError):
                kept[cluster].execute(sql.encode())
                return
        cluster.execute(sql)

    yield run
    for connection in kept.values():
        connection.close()


@pytest.fixture
def new_database(administer: Administer) -> Iterator[Callable[[Cluster], Database]]:
    """`new_database(cluster)` is a fresh database on any server, dropped when the test ends."""
    made: list[Database] = []

    def create(cluster: Cluster) -> Database:
        database = Database(cluster, f"test_{next(_database_numbers)}")
        administer(cluster, f"CREATE DATABASE {database.name}")
        made.append(database)
        return database

    yield create
    for database in made:
        if database.cluster.pid is not None:
            administer(database.cluster, f"DROP DATABASE {database.name} WITH (FORCE)")


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
def obtain(pytestconfig: pytest.Config) -> Obtain:
    """`obtain(find)` is what `find()` gives, unless what the tests need is missing."""

    def ask(find: Callable[[], T]) -> T:
        try:
            return find()
        except Missing as missing:
            _give_up(pytestconfig, missing)

    return ask


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config) -> Node:
    """A node that can require("pg")."""
    try:
        return find_node()
    except Missing as missing:
        _give_up(pytestconfig, missing)
