"""Relay and session together, in front of a real PostgreSQL."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import psycopg
import pytest

from proxy.backup.cluster import Cluster, StopMode
from proxy.relay import CancelRouter, Listener, SslMode, Upstream
from proxy.session import Brain, Command, Ended, Event, Gate, Peer, Session
from proxy.wire.framing import View
from proxy.wire.frontend import encode_query
from proxy.wire.startup import encode_startup
from proxy.wire.trace import Sender, trace
from tests.conftest import Programs
from tests.relay.certificates import Certificates
from tests.relay.peers import PATIENCE_S, connected, until
from tests.servers.database import Database
from tests.session.wired import gate_of


class Door:
    """A listener with real sessions, and what they report."""

    def __init__(self, upstream: Upstream, gate: Gate) -> None:
        self.events: list[Event] = []
        self.crashes: list[Exception] = []
        self.listener = Listener(
            [("127.0.0.1", 0)],
            lambda peer: Session(gate, peer),
            upstream,
            self.events.append,
            router=CancelRouter(gate.keys),
            on_crash=self.crashes.append,
        )

    @property
    def port(self) -> int:
        return self.listener.addresses[0][1]

    def ends(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, Ended)]


@asynccontextmanager
async def door(upstream: Upstream) -> AsyncIterator[Door]:
    """A running gate in front of this server; no session may crash."""
    standing = Door(upstream, gate_of())
    await standing.listener.start()
    try:
        yield standing
    finally:
        await standing.listener.stop()
        assert standing.crashes == []


def plain(cluster: Cluster) -> Upstream:
    return Upstream("127.0.0.1", cluster.port, SslMode.DISABLE)


@asynccontextmanager
async def session_of(url: str) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, sslmode="disable")
    try:
        yield connection
    finally:
        await connection.close()


async def value(connection: psycopg.AsyncConnection[tuple[object, ...]], sql: str) -> object:
    row = await (await connection.execute(sql)).fetchone()
    return None if row is None else row[0]


async def holds(condition: Callable[[], bool]) -> None:
    """Wait for what psql shows."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - a server has no event to wait for
            await asyncio.sleep(0.02)


# -- work ------------------------------------------------------------------------------------------------


async def test_work_a_refusal_and_work_again(database: Database) -> None:
    database.execute("CREATE TABLE t (n int)")
    async with door(plain(database.cluster)) as gate, session_of(database.url(gate.port)) as connection:
        await connection.execute("INSERT INTO t SELECT generate_series(1, 1000)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no-drop"):
            await connection.execute("DROP TABLE t")
        assert await value(connection, "SELECT count(*) FROM t WHERE n > 10") == 990


async def test_copy_both_ways(database: Database) -> None:
    """Forty megabytes of rows, some of which spell messages."""
    line = b"Z\x00\\\\x05I" * 12
    database.execute("CREATE TABLE t (line text)")
    async with door(plain(database.cluster)) as gate, session_of(database.url(gate.port)) as connection:
        row = line.replace(b"\x00", b"0") + b"\n"
        async with connection.cursor() as cursor:
            async with cursor.copy("COPY t FROM STDIN") as copy:
                for _ in range(400):
                    await copy.write(row * 1_000)
            received = 0
            async with cursor.copy("COPY t TO STDOUT") as copy:
                async for data in copy:
                    received += len(data)
        assert received == len(row) * 400_000
        assert await value(connection, "SELECT count(*) FROM t") == 400_000


async def test_a_cancel_request_reaches_its_query(database: Database) -> None:
    async with door(plain(database.cluster)) as gate, session_of(database.url(gate.port)) as connection:
        running = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
        await holds(lambda: "1" in database.execute(_SLEEPERS))
        await connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            await running
        assert await value(connection, "SELECT 1") == 1


_SLEEPERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active' "
    "AND datname = current_database()"
)


# -- TLS and authentication ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure_server(programs: Programs, certificates: Certificates) -> Iterator[Cluster]:
    """A server with TLS and SCRAM."""
    with Cluster(programs(), auth="scram-sha-256", tls=certificates.loopback) as cluster:
        yield cluster


async def test_tls_to_the_server(secure_server: Cluster, certificates: Certificates) -> None:
    upstream = Upstream("127.0.0.1", secure_server.port, SslMode.VERIFY_FULL, certificates.ca_file)
    async with door(upstream) as gate:
        url = secure_server.url().replace(f":{secure_server.port}/", f":{gate.port}/")
        async with session_of(url) as connection:
            assert await value(connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True
            rows = await (
                await connection.execute("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
            ).fetchall()
            assert len(rows) == 20_000
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            async with session_of(url.replace(f":{secure_server.password}@", ":wrong@")):
                pass


async def test_cancel_over_tls(secure_server: Cluster, certificates: Certificates) -> None:
    upstream = Upstream("127.0.0.1", secure_server.port, SslMode.REQUIRE)
    async with door(upstream) as gate:
        url = secure_server.url().replace(f":{secure_server.port}/", f":{gate.port}/")
        async with session_of(url) as connection:
            running = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
            await holds(lambda: "1" in secure_server.execute(_SLEEPERS))
            await connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                await running


async def test_a_server_without_tls(server: Cluster) -> None:
    upstream = Upstream("127.0.0.1", server.port, SslMode.REQUIRE)
    async with door(upstream) as gate:
        with pytest.raises(psycopg.OperationalError) as caught:
            async with session_of(server.url().replace(f":{server.port}/", f":{gate.port}/")):
                pass
        assert f"The server 127.0.0.1:{server.port} does not offer TLS" in str(caught.value)


# -- ends ------------------------------------------------------------------------------------------------


async def test_a_server_that_is_down() -> None:
    async with door(Upstream("127.0.0.1", 1, SslMode.DISABLE)) as gate:
        with pytest.raises(psycopg.OperationalError) as caught:
            async with session_of(f"postgresql://postgres@127.0.0.1:{gate.port}/postgres"):
                pass
        assert "The server 127.0.0.1:1 cannot be reached: Connection refused." in str(caught.value)
        assert "Check that PostgreSQL is running" in str(caught.value)


@pytest.mark.defect_23
async def test_a_killed_client_releases_its_locks(database: Database) -> None:
    database.execute("CREATE TABLE t (n int)")

    def locks() -> str:
        return database.execute("SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass")

    async with door(plain(database.cluster)) as gate:
        async with session_of(database.url(gate.port)) as connection:
            await connection.execute("BEGIN")
            await connection.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            assert locks().strip() == "1"
            with socket.fromfd(connection.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as plug:
                plug.shutdown(socket.SHUT_RDWR)  # pulled, without a Terminate
            await holds(lambda: locks().strip() == "0")
        await until(lambda: gate.listener.connections == 0)


@pytest.mark.defect_23
async def test_half_a_message_never_runs(database: Database) -> None:
    """A client is killed at every byte of a Query: what did not come whole does not run."""
    database.execute("CREATE TABLE t (n int)")
    query = encode_query(b"INSERT INTO t VALUES (1)")
    startup = encode_startup(3, 0, [("user", database.cluster.superuser), ("database", database.name)])
    async with door(plain(database.cluster)) as gate:
        for length in range(len(query)):
            async with connected(gate.port) as client:
                await client.send(startup)
                async with asyncio.timeout(PATIENCE_S):
                    await client.reader.readuntil(b"Z\0\0\0\5I")
                await client.send(query[:length])
                client.kill()
        await until(lambda: gate.listener.connections == 0)
    assert database.execute("SELECT count(*) FROM t").strip() == "0"


@pytest.mark.defect_24
@pytest.mark.parametrize(
    ("mode", "error", "text"),
    [
        ("fast", psycopg.errors.AdminShutdown, "terminating connection due to administrator command"),
        ("immediate", psycopg.errors.ConnectionFailure, "The server closed the connection."),
    ],
)
async def test_a_server_killed_in_a_query(
    programs: Programs, mode: StopMode, error: type[psycopg.Error], text: str
) -> None:
    with Cluster(programs()) as cluster:
        async with door(plain(cluster)) as gate:
            url = cluster.url().replace(f":{cluster.port}/", f":{gate.port}/")
            async with session_of(url) as connection:
                running = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
                await holds(lambda: "1" in cluster.execute(_SLEEPERS))
                await asyncio.to_thread(cluster.stop, mode)
                with pytest.raises(error) as caught:
                    await running
                assert str(caught.value).count(text) == 1
            await until(lambda: gate.listener.connections == 0)


async def test_draining_lets_a_transaction_finish(database: Database) -> None:
    database.execute("CREATE TABLE t (n int)")
    async with (
        door(plain(database.cluster)) as gate,
        session_of(database.url(gate.port)) as busy,
        session_of(database.url(gate.port)) as idle,
    ):
        await busy.execute("BEGIN")
        await busy.execute("INSERT INTO t VALUES (1)")
        draining = asyncio.create_task(gate.listener.drain(30))
        await until(lambda: gate.listener.connections == 1)
        with pytest.raises(psycopg.errors.AdminShutdown):
            await idle.execute("SELECT 1")
        await busy.execute("INSERT INTO t VALUES (2)")
        await busy.execute("COMMIT")
        await draining
    assert database.execute("SELECT sum(n) FROM t").strip() == "3"


# -- the trace is libpq's --------------------------------------------------------------------------------


def _passed_on(name: str) -> property:
    return property(lambda self: getattr(self._session, name))


class Recording(Brain):
    """Notes each message as libpq's own trace would; no heir of a session, which may be compiled."""

    vars().update({name: _passed_on(name) for name in vars(Brain) if not name.startswith("_")})

    def __init__(self, gate: Gate, peer: Peer) -> None:
        self._session = Session(gate, peer)
        self.conversation: list[tuple[Sender, bytes]] = []

    def from_client(self, data: bytes) -> View | list[Command]:
        self.conversation.append((Sender.FRONTEND, data))
        return self._session.from_client(data)

    def from_server(self, data: bytes) -> View | list[Command]:
        self.conversation.append((Sender.BACKEND, data))
        return self._session.from_server(data)


async def test_the_trace_is_libpqs(database: Database, tmp_path: Path) -> None:
    sessions: list[Recording] = []

    def open_session(peer: Peer) -> Session:
        sessions.append(Recording(gate_of(), peer))  # type: ignore[abstract]
        return cast(Session, sessions[-1])

    listener = Listener([("127.0.0.1", 0)], open_session, plain(database.cluster), lambda event: None)
    await listener.start()
    file = tmp_path / "trace"
    url = database.url(listener.addresses[0][1])
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.relay.libpq", url, str(file))
    assert await worker.wait() == 0
    await listener.stop()
    begun = next(
        number for number, (sender, data) in enumerate(sessions[0].conversation) if data.startswith(b"Q")
    )
    ours = trace(sessions[0].conversation[begun:]).removesuffix("F\t4\tTerminate\n")
    assert ours.splitlines() == file.read_text(encoding="utf-8").splitlines()
