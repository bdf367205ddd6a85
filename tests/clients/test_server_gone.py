"""A server that is down, goes down, or ends a session: told once, at once, and the gate goes on."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import Gate, moved, serving, until, upstream_of
from tests.clients.programs import Done, Program
from tests.conftest import Programs
from tests.servers.node import Node
from tests.session.messages import Q
from tests.session.wired import Answer, Bare, answers

OPEN = "version: 1\nname: open\nenvironment: test\nrules: []\n"
HINT = "Check that PostgreSQL is running and listens there, and the upstream URL."
LOST = ("E", "08006", "The server closed the connection.")


@pytest.fixture(scope="module")
def mortal(programs: Programs) -> Iterator[Cluster]:
    """A server that tests may kill."""
    with Cluster(programs()) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def gate(mortal: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder: Path = tmp_path_factory.mktemp("gone")
    (folder / "policy.yaml").write_text(OPEN)
    with serving(folder, folder / "policy.yaml", upstream_of(mortal)) as gate:
        yield gate
        assert gate.metrics()["pgwarden_sessions_crashed_total"] == 0
        assert [line for line in gate.log.so_far if line.get("level") in ("error", "critical")] == []


@pytest.fixture(autouse=True)
def running(mortal: Cluster) -> Cluster:
    """The server, up again whatever the test before did to it."""
    if mortal.pid is None:
        mortal.start()
    until(lambda: answers_queries(mortal), "that the server has recovered")
    return mortal


def answers_queries(cluster: Cluster) -> bool:
    try:
        with psycopg.connect(cluster.dsn):
            return True
    except psycopg.OperationalError:
        return False


def works(gate: Gate) -> bool:
    with psycopg.connect(gate.url()) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


_SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


def rest(client: Bare) -> list[Answer]:
    """All that a client hears up to the end."""
    client.inbox = b""
    client.until(lambda: False)
    return answers(client.inbox)


def test_a_server_that_is_down_is_told_at_once_and_the_gate_recovers(
    gate: Gate, mortal: Cluster, psql: Program
) -> None:
    assert works(gate)
    before = gate.metrics("pgwarden_upstream_failures_total")
    mortal.stop("fast")
    done = psql(gate.url(), "-c", "SELECT 1")
    assert done == Done(
        2,
        "",
        f'psql: error: connection to server at "127.0.0.1", port {gate.port} failed: FATAL:  '
        f"The server 127.0.0.1:{mortal.port} cannot be reached: Connection refused.\nHINT:  {HINT}\n",
    )
    with closing(Bare(gate.port, "postgres")) as client:
        assert client.exchange(client.startup()) == [
            ("E", "08001", f"The server 127.0.0.1:{mortal.port} cannot be reached: Connection refused.")
        ]
    assert gate.get("/healthz") == (200, "ok\n")
    failed = moved(before, gate.metrics("pgwarden_upstream_failures_total"))
    assert failed == {'pgwarden_upstream_failures_total{reason="connect"}': 2.0}
    mortal.start()
    assert works(gate)


async def test_drivers_tell_it_too(gate: Gate, mortal: Cluster, node: Node) -> None:
    mortal.stop("fast")
    with pytest.raises(psycopg.OperationalError) as told:
        psycopg.connect(gate.url())
    assert HINT in str(told.value)
    with pytest.raises(asyncpg.ClientCannotConnectError) as refused:
        await asyncpg.connect(gate.url())
    assert (refused.value.sqlstate, refused.value.hint) == ("08001", HINT)
    script = """
const { Client } = require("pg");
new Client(process.argv[2]).connect().catch((e) => console.log(JSON.stringify([e.code, e.hint])));
"""
    assert node.run(script, gate.url()).stdout == f'["08001","{HINT}"]\n'


def send_all_that_is_taken(connection: socket.socket, message: bytes) -> None:
    """Send it over and over until neither the gate nor the kernel takes more."""
    patience_s = connection.gettimeout()
    connection.settimeout(0.5)
    with suppress(TimeoutError):
        while True:
            connection.sendall(message * 100)
    connection.settimeout(patience_s)


@pytest.mark.defect_24
@pytest.mark.parametrize("doing", ["nothing", "a query", "a transaction", "a copy", "a long pipeline"])
def test_a_session_that_the_server_ends_hears_its_words_once(gate: Gate, mortal: Cluster, doing: str) -> None:
    with closing(Bare(gate.port, "postgres").start()) as client:
        ((_, pid),) = [answer for answer in client.exchange(Q("SELECT pg_backend_pid()")) if answer[0] == "D"]
        assert isinstance(pid, bytes)
        assert client.server is not None
        if doing in ("a query", "a long pipeline"):
            client.server.sendall(Q("SELECT pg_sleep(60)"))
            asleep = f"SELECT wait_event FROM pg_stat_activity WHERE pid = {pid.decode()}"
            until(lambda: mortal.execute(asleep) == "PgSleep", "that it sleeps")
            if doing == "a long pipeline":
                send_all_that_is_taken(client.server, Q("SELECT '" + "x" * 8_000 + "'"))
        elif doing == "a transaction":
            client.exchange(Q("BEGIN"))
        elif doing == "a copy":
            client.server.sendall(Q("CREATE TEMP TABLE t (x int); COPY t FROM STDIN"))
            client.until(lambda: b"G\0\0\0" in client.inbox)
        mortal.execute(f"SELECT pg_terminate_backend({pid.decode()})")
        heard = [answer for answer in rest(client) if answer[0] == "E"]
        assert heard == [("E", "57P01", "terminating connection due to administrator command")]
    assert works(gate)


@pytest.mark.defect_24
def test_drivers_see_the_servers_own_fatal(gate: Gate, mortal: Cluster) -> None:
    with psycopg.connect(gate.url(), autocommit=True) as connection:
        mortal.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        with pytest.raises(psycopg.errors.AdminShutdown) as told:
            connection.execute("SELECT 1")
        assert told.value.diag.message_primary == "terminating connection due to administrator command"
        assert connection.closed


@pytest.mark.defect_24
@pytest.mark.parametrize("doing", ["nothing", "a query", "a transaction"])
def test_a_server_process_killed_without_a_word(gate: Gate, mortal: Cluster, doing: str) -> None:
    before = gate.metrics("pgwarden_upstream_failures_total")
    with (
        closing(Bare(gate.port, "postgres").start()) as victim,
        closing(Bare(gate.port, "postgres").start()) as bystander,
    ):
        ((_, pid),) = [answer for answer in victim.exchange(Q("SELECT pg_backend_pid()")) if answer[0] == "D"]
        assert isinstance(pid, bytes)
        assert victim.server is not None
        if doing == "a query":
            victim.server.sendall(Q("SELECT pg_sleep(60)"))
            until(lambda: mortal.execute(_SLEEPS) == "1", "that it sleeps")
        elif doing == "a transaction":
            victim.exchange(Q("BEGIN"))
        os.kill(int(pid), signal.SIGKILL)
        assert rest(victim) == [LOST]
        # The postmaster ends every other session, too: mostly with a warning, then nothing more.
        assert rest(bystander) in ([("N",), LOST], [LOST])
    lost = 'pgwarden_upstream_failures_total{reason="lost"}'
    assert moved(before, gate.metrics("pgwarden_upstream_failures_total")) == {lost: 2.0}
    until(lambda: answers_queries(mortal), "that the server has recovered")
    assert works(gate)


@pytest.mark.defect_24
def test_the_whole_server_killed_in_the_middle_of_work(gate: Gate, mortal: Cluster, psql: Program) -> None:
    with (
        closing(Bare(gate.port, "postgres").start()) as asleep,
        closing(Bare(gate.port, "postgres").start()) as streaming,
    ):
        assert asleep.server is not None
        assert streaming.server is not None
        asleep.server.sendall(Q("SELECT pg_sleep(60)"))
        streaming.server.sendall(Q("SELECT repeat('x', 100000) FROM generate_series(1, 1000)"))
        streaming.server.recv(1)
        until(lambda: mortal.execute(_SLEEPS) == "1", "that it sleeps")
        mortal.stop("immediate")
        assert [answer for answer in rest(asleep) if answer[0] == "E"] == [LOST]
        # In the middle of a row there is no place for an error: the stream just ends.
        while streaming.server.recv(1_000_000):
            pass
    assert psql(gate.url(), "-c", "SELECT 1").err.endswith(f"HINT:  {HINT}\n")
    until(lambda: gate.connections == 0, "that nobody is left")
    mortal.start()
    assert works(gate)


@pytest.mark.defect_24
def test_fast_shutdown_is_told_by_the_server(gate: Gate, mortal: Cluster) -> None:
    with closing(Bare(gate.port, "postgres").start()) as client:
        mortal.stop("fast")
        assert rest(client) == [("E", "57P01", "terminating connection due to administrator command")]


def test_too_many_connections_is_the_servers_word(programs: Programs, gate: Gate, mortal: Cluster) -> None:
    mortal.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
    with (
        psycopg.connect(gate.url(user="few")),
        pytest.raises(psycopg.OperationalError, match='FATAL:  too many connections for role "few"'),
    ):
        psycopg.connect(gate.url(user="few"))


@pytest.mark.defect_35
def test_no_such_database_is_the_servers_word(gate: Gate, psql: Program) -> None:
    done = psql(gate.url("absent"), "-c", "SELECT 1")
    assert (done.code, done.err.partition("failed: ")[2]) == (2, 'FATAL:  database "absent" does not exist\n')
