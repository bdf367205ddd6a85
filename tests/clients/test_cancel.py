"""Cancelling with real clients: libpq of protocol 3.0 and 3.2, asyncpg, psql; through peers and a pooler."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial

import asyncpg  # type: ignore[import-untyped]
import psycopg
import pytest

from proxy.backup.cluster import Cluster, free_port
from tests.clients.conftest import Serve
from tests.clients.gate import POLICY, WAIT_S, Gate, until, upstream_of
from tests.clients.programs import Program
from tests.clients.test_flow import active
from tests.conftest import Programs, ServerAt, StartPgBouncer
from tests.servers.database import Database
from tests.servers.pgbouncer import PoolMode

DELIVERED = 'pgwarden_cancel_requests_total{outcome="delivered"}'


@contextmanager
def sleeping(connection: psycopg.Connection, database: Database, text: str) -> Iterator[list[str | None]]:
    """A thread waits for this text on the connection; the list gets the SQLSTATE that ends it."""
    ended: list[str | None] = []

    def run() -> None:
        try:
            connection.execute(text.encode())
            ended.append(None)
        except psycopg.Error as error:
            ended.append(error.sqlstate)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: active(database, text), f"that the server runs {text}")
    yield ended
    thread.join(WAIT_S)
    assert not thread.is_alive()


@pytest.mark.parametrize("major", [15, 18])
def test_both_versions_of_the_protocol(
    server_at: ServerAt, new_database: Callable[[Cluster], Database], serve: Serve, major: int
) -> None:
    """PostgreSQL 15 knows the older one alone, and the client is told so."""
    database = new_database(server_at(major))
    gate = serve(POLICY, upstream_of(server_at(major)))
    for version, way in itertools.product(("3.0", "3.2", "latest"), ("cancel", "cancel_safe")):
        url = gate.url(database.name, max_protocol_version=version)
        with psycopg.connect(url, autocommit=True) as connection:
            newer = major == 18 and version != "3.0"
            assert connection.pgconn.full_protocol_version == (30002 if newer else 30000)
            server_pid = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert server_pid == (connection.info.backend_pid,)
            with sleeping(connection, database, "SELECT pg_sleep(71)") as ended:
                getattr(connection, way)()
                until(lambda ended=ended: ended, "the end of the query")  # type: ignore[misc]
            assert ended == ["57014"]
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert gate.metrics()[DELIVERED] == 6


class Balancer:
    """Brings each connection to the next of some ports, whatever it is about.

    Attributes:
        port: where it listens.
    """

    def __init__(self, *ports: int) -> None:
        self._next = itertools.cycle(ports).__next__
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self._threads: list[threading.Thread] = []
        self.port: int = self._sockets[0].getsockname()[1]
        self._run(self._accept)

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_S)
        for each in self._sockets:
            each.close()

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._sockets[0].accept()
                gate = socket.create_connection(("127.0.0.1", self._next()))
                self._sockets += client, gate
                self._run(partial(self._pass, client, gate))
                self._run(partial(self._pass, gate, client))

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_replicas_behind_one_address(serve: Serve, server_at: ServerAt, version: str) -> None:
    """A balancer brings the cancel to another replica than the session: it gets where it belongs."""
    cluster = server_at(18)
    ports = {1: free_port(), 2: free_port()}
    gates = [
        serve(
            POLICY,
            upstream_of(cluster),
            listen=f"127.0.0.1:{ports[number]}",
            peer_id=str(number),
            peers=f"{other}=127.0.0.1:{ports[other]}",
        )
        for number, other in ((1, 2), (2, 1))
    ]
    with closing(Balancer(ports[1], ports[2])) as balancer:
        url = f"postgresql://postgres@127.0.0.1:{balancer.port}/postgres?max_protocol_version={version}"
        with psycopg.connect(url, autocommit=True) as connection:
            with sleeping(connection, Database(cluster, "postgres"), "SELECT pg_sleep(72)") as ended:
                connection.cancel_safe()
                until(lambda: ended, "the end of the query that was cancelled")
            assert ended == ["57014"]
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert [gate.metrics()[DELIVERED] for gate in gates] == [1, 1]


@pytest.mark.parametrize("pool_mode", ["session", "transaction"])
def test_a_pooler_behind_the_gate(
    serve: Serve, database: Database, pgbouncer: StartPgBouncer, pool_mode: PoolMode
) -> None:
    """The server's key is the pooler's, and the pooler knows which server works for it."""
    pooler = pgbouncer(database.port, pool_mode)
    gate = serve(POLICY, f"postgresql://127.0.0.1:{pooler.port}")
    with psycopg.connect(gate.url(database.name), autocommit=True) as connection:
        with sleeping(connection, database, "SELECT pg_sleep(73)") as ended:
            connection.cancel_safe()
            until(lambda: ended, "the end of the query that was cancelled")
        assert ended == ["57014"]
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_pooler_in_front_of_the_gate(gate: Gate, database: Database, pgbouncer: StartPgBouncer) -> None:
    pooler = pgbouncer(gate.port, "session")
    with psycopg.connect(pooler.url(database.name), autocommit=True) as connection:
        with sleeping(connection, database, "SELECT pg_sleep(74)") as ended:
            connection.cancel_safe()
            until(lambda: ended, "the end of the query that was cancelled")
        assert ended == ["57014"]


async def test_asyncpg_cancels_what_takes_too_long_many_times_over(gate: Gate, database: Database) -> None:
    """The next statement of the same connection is never hit, the gate's own question never."""
    connection = await asyncpg.connect(gate.url(database.name))
    for _ in range(20):
        with pytest.raises(TimeoutError):
            await connection.execute("SELECT pg_sleep(75)", timeout=0.01)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.execute("CREATE TEMP TABLE mine (id int)")
        await connection.execute("DROP TABLE mine")
    await connection.close()


def test_psql_speaks_3_2(gate: Gate, database: Database, programs: Programs) -> None:
    psql = Program(programs(18) / "psql", ("--no-psqlrc",))
    command = psql.command(
        gate.url(database.name, max_protocol_version="latest"), "-c", "SELECT pg_sleep(76)"
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: active(database, "SELECT pg_sleep(76)"), "that psql's query runs")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    assert "ERROR:  canceling statement due to user request\n" in err, out


def test_what_the_gate_still_reads_is_cancelled_at_the_gate(gate: Gate, database: Database) -> None:
    """A text that takes long to read has not reached the server."""
    database.execute("CREATE TABLE IF NOT EXISTS big (id int)")
    text = "INSERT INTO big VALUES " + ",".join(f"({number})" for number in range(100_000))
    ended: list[str | None] = []
    with psycopg.connect(gate.url(database.name), autocommit=True) as connection:

        def run() -> None:
            try:
                connection.execute(f"UPDATE big SET id = 1 WHERE id = 1; {text}".encode())
            except psycopg.Error as error:
                ended.append(error.sqlstate)

        thread = threading.Thread(target=run)
        thread.start()
        while not ended and thread.is_alive():
            connection.cancel_safe()
        thread.join(WAIT_S)
        assert ended == ["57014"]
        assert connection.execute("SELECT count(*) FROM big").fetchone() == (0,)
