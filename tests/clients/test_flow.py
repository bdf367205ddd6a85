"""What flows through the gate while nobody asks, all at once, or more than anybody can hold."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psutil
import psycopg
import pytest

from proxy.wire.startup import encode_cancel
from tests.clients.gate import WAIT_S, Gate, until
from tests.clients.programs import Program
from tests.servers.database import Database
from tests.session.messages import Q
from tests.session.wired import Bare, answers

MIB = 1024 * 1024


def active(database: Database, text: str) -> int:
    """How many sessions are running this text."""
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = '{text}'"
    return int(database.execute(sql))


# -- unasked -----------------------------------------------------------------------------------------------


@pytest.mark.defect_14
def test_a_notification_reaches_an_idle_client_at_once(gate: Gate, users: Database) -> None:
    with psycopg.connect(gate.url(users.name), autocommit=True) as listener:
        listener.execute("LISTEN news")
        users.execute("NOTIFY news, 'first'")
        (heard,) = listener.notifies(timeout=WAIT_S, stop_after=1)
        assert (heard.channel, heard.payload) == ("news", "first")
        listener.execute("BEGIN")
        users.execute("NOTIFY news, 'second'")
        assert list(listener.notifies(timeout=0)) == []  # the server keeps it until the transaction ends
        listener.execute("COMMIT")
        assert [n.payload for n in listener.notifies(timeout=WAIT_S, stop_after=1)] == ["second"]


@pytest.mark.defect_14
def test_notifications_by_the_thousand(gate: Gate, users: Database) -> None:
    with psycopg.connect(gate.url(users.name), autocommit=True) as listener:
        listener.execute("LISTEN news")
        users.execute("SELECT pg_notify('news', n::text) FROM generate_series(1, 5000) AS n")
        heard = [int(n.payload) for n in listener.notifies(timeout=WAIT_S, stop_after=5000)]
    assert heard == list(range(1, 5001))


# -- cancelling --------------------------------------------------------------------------------------------


@contextmanager
def sleeping(
    gate: Gate, database: Database, text: str
) -> Iterator[tuple[psycopg.Connection, list[str | None]]]:
    """A connection on which a thread waits for this text; the list gets the SQLSTATE that ends it."""
    ended: list[str | None] = []
    with psycopg.connect(gate.url(database.name), autocommit=True) as connection:

        def run() -> None:
            try:
                connection.execute(text.encode())
                ended.append(None)
            except psycopg.Error as error:
                ended.append(error.sqlstate)

        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: active(database, text), f"that the server runs {text}")
        yield connection, ended
        connection.cancel()
        thread.join(WAIT_S)


@pytest.mark.defect_21
@pytest.mark.parametrize("way", ["cancel", "cancel_safe"])
def test_cancel_reaches_the_query_that_it_names_and_no_other(gate: Gate, users: Database, way: str) -> None:
    with (
        sleeping(gate, users, "SELECT pg_sleep(61)") as (_, other),
        sleeping(gate, users, "SELECT pg_sleep(62)") as (named, ended),
    ):
        getattr(named, way)()
        until(lambda: ended, "the end of the query that was cancelled")
        assert ended == ["57014"]
        assert (other, active(users, "SELECT pg_sleep(61)")) == ([], 1)
        assert named.execute("SELECT 1").fetchone() == (1,)
        named.cancel()  # of nothing
        assert named.execute("SELECT 2").fetchone() == (2,)


@pytest.mark.defect_21
def test_a_cancel_key_that_is_nobodys(gate: Gate, users: Database) -> None:
    with sleeping(gate, users, "SELECT pg_sleep(63)") as (connection, ended):
        pid = connection.info.backend_pid
        with socket.create_connection(gate.address, WAIT_S) as stranger:
            stranger.sendall(encode_cancel(pid.to_bytes(4, "big") + b"\0\0\0\1"))
            assert stranger.recv(1) == b""
        assert (ended, active(users, "SELECT pg_sleep(63)")) == ([], 1)


def test_interrupting_psql_cancels_its_query(gate: Gate, users: Database, psql: Program) -> None:
    command = psql.command(gate.url(users.name), "-c", "SELECT pg_sleep(64)")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: active(users, "SELECT pg_sleep(64)"), "that psql's query runs")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    assert "ERROR:  canceling statement due to user request\n" in err, out
    assert active(users, "SELECT pg_sleep(64)") == 0


def test_cancel_in_the_middle_of_a_copy(gate: Gate, users: Database) -> None:
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        with (
            pytest.raises(psycopg.errors.QueryCanceled),
            connection.cursor().copy("COPY users FROM STDIN") as copy,
        ):
            copy.write_row((2, "x"))
            connection.cancel()
            copy.write_row((3, "y"))
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)


# -- many at once ------------------------------------------------------------------------------------------


async def test_twenty_clients_at_once(gate: Gate, users: Database) -> None:
    clients, rounds = 20, 25
    users.execute("INSERT INTO users SELECT n FROM generate_series(2, 10) AS n; UPDATE users SET name = '0'")
    before = gate.metrics("pgwarden_blocked_statements_total")

    async def work(client: int) -> None:
        url = gate.url(users.name, application_name=f"client-{client}")
        async with await psycopg.AsyncConnection.connect(
            url, prepare_threshold=2, autocommit=True
        ) as connection:
            for number in range(rounds):
                async with connection.transaction():
                    await connection.execute(
                        "UPDATE users SET name = name::int + 1 WHERE id = %s", [(client + number) % 10 + 1]
                    )
                if number % 5 == 0:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        async with connection.transaction():
                            await connection.execute("UPDATE users SET name = 'x' WHERE id = 2")
                            await connection.execute("DROP TABLE users")
                cursor = await connection.execute("SELECT %s, current_setting('application_name')", [number])
                assert await cursor.fetchone() == (number, f"client-{client}")

    await asyncio.gather(*(work(client) for client in range(clients)))
    assert int(users.execute("SELECT sum(name::int) FROM users")) == clients * rounds
    refused = 'pgwarden_blocked_statements_total{mode="enforce",rule="no-drop"}'
    assert gate.metrics()[refused] - before[refused] == clients * rounds // 5
    until(lambda: gate.connections == 0, "that every client has gone")


# -- more than anybody can hold ----------------------------------------------------------------------------


class Memory:
    """How much a process holds, beyond what it held at first."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._first = self._process.memory_info().rss
        self.most = 0

    def look(self) -> None:
        self.most = max(self.most, self._process.memory_info().rss - self._first)


@pytest.mark.defect_27
def test_a_long_answer_read_slowly_costs_no_memory(gate: Gate, users: Database) -> None:
    rows, width = 200, MIB
    sql = f"SELECT repeat('x', {width}) FROM generate_series(1, {rows})"
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND datname = '{}'"
    with closing(Bare(gate.port, users.name).start()) as client:
        assert client.server is not None
        memory = Memory(gate.workers[0])
        client.server.sendall(Q(sql))
        until(lambda: users.execute(waits.format(users.name)) == "1", "that the server waits for its reader")
        memory.look()
        received = 0
        tail = b""
        while not tail.endswith(b"Z\0\0\0\5I"):
            data = client.server.recv(MIB)
            assert data
            received += len(data)
            tail = (tail + data)[-6:]
            memory.look()
        assert received > rows * width
        assert memory.most < 16 * MIB
        assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")


@pytest.mark.defect_13
@pytest.mark.defect_27
def test_a_long_copy_into_a_busy_server_costs_no_memory(gate: Gate, users: Database) -> None:
    """A trigger waits for a lock, then throws the rows away: 100 MB without a byte on the disk."""
    users.execute(
        """CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END';
        CREATE TRIGGER swallow BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION swallow()"""
    )
    row = b"2\t" + b"x" * (MIB - 3) + b"\n"
    frame = b"d" + (len(row) + 4).to_bytes(4, "big") + row
    frames = 100
    with (
        closing(Bare(gate.port, users.name).start()) as client,
        psycopg.connect(users.url(), autocommit=True) as holder,
    ):
        assert client.server is not None
        holder.execute("SELECT pg_advisory_lock(7)")
        memory = Memory(gate.workers[0])
        client.server.sendall(Q("COPY users FROM STDIN"))
        client.until(lambda: client.inbox.startswith(b"G"))
        client.server.settimeout(0.3)
        rest = memoryview(frame * frames)
        with pytest.raises(TimeoutError):
            while rest:
                rest = rest[client.server.send(rest[:65536]) :]
        taken = len(frame) * frames - len(rest)
        memory.look()
        assert taken < 30 * MIB  # in the kernel's buffers, mostly
        holder.execute("SELECT pg_advisory_unlock(7)")
        client.server.settimeout(WAIT_S)
        while rest:
            rest = rest[client.server.send(rest[:MIB]) :]
            memory.look()
        client.inbox = b""
        client.server.sendall(b"c\0\0\0\4")
        client.wait(1)
        assert answers(client.inbox) == [("C", "COPY 0"), ("Z", "I")]
        assert memory.most < 16 * MIB


@pytest.mark.defect_30
def test_a_statement_that_is_too_long_is_refused_and_the_connection_lives(
    gate: Gate, users: Database
) -> None:
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        text = b"SELECT '" + b"x" * (16 * MIB) + b"'"
        for prepare in (False, True):
            with pytest.raises(psycopg.errors.ProgramLimitExceeded) as refused:
                connection.execute(text, prepare=prepare)
            told = refused.value.diag
            assert told.message_primary is not None
            assert told.message_primary.endswith("is longer than pgwarden reads. [rule over-size]")
            assert told.message_detail == "The limit is 16777216 bytes."
        assert connection.execute("SELECT length(%s)", ["x" * (20 * MIB)]).fetchone() == (20 * MIB,)
