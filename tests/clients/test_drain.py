"""SIGTERM: who is idle goes, who works finishes, nobody comes in, and it all ends in time."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack, closing

import psycopg
import pytest

from tests.clients.conftest import Serve
from tests.clients.gate import WAIT_S, Gate, until
from tests.clients.programs import Program
from tests.servers.database import Database
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import Bare, answers, error_fields

ASLEEP = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
GOING_AWAY = ("E", "57P01", "terminating connection: the gate is shutting down")


def told(client: Bare) -> list[tuple[object, ...]]:
    """All that a client hears up to the end of its connection."""
    client.until(lambda: False)
    return answers(client.inbox)


def drained(gate: Gate) -> None:
    gate.signal(signal.SIGTERM)
    gate.says("draining")


def sessions(database: Database) -> str:
    return database.execute(
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}' AND pid <> pg_backend_pid()"
    )


def test_everybody_ends_at_the_right_moment(serve: Serve, users: Database, psql: Program) -> None:
    gate = serve(drain_timeout_s="30")
    users.execute("CREATE TABLE work (id int)")
    with ExitStack() as stack, psycopg.connect(users.url(), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(1)")

        def client() -> Bare:
            return stack.enter_context(closing(Bare(gate.port, users.name).start()))

        idle, inside, aborted, alone, batch, copying = (client() for _ in range(6))
        silent = stack.enter_context(socket.create_connection(gate.address, WAIT_S))
        inside.exchange(Q("BEGIN"), ready=1)
        inside.exchange(Q("INSERT INTO work VALUES (1)"))
        aborted.exchange(Q("BEGIN"))
        assert aborted.exchange(Q("DROP TABLE work"))[-1] == ("Z", "E")
        waiting = "WITH w AS (SELECT pg_advisory_lock_shared(1)) INSERT INTO work SELECT {} FROM w"
        for one in (alone, batch, copying):
            one.inbox = b""
            assert one.server is not None
        alone.server.sendall(Q(waiting.format(2)))  # type: ignore[union-attr]
        batch.server.sendall(P(waiting.format(3)) + B() + E() + S)  # type: ignore[union-attr]
        copying.server.sendall(Q("COPY work FROM STDIN"))  # type: ignore[union-attr]
        copying.until(lambda: copying.inbox.startswith(b"G"))
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
        until(lambda: users.execute(blocked) == "2", "that two clients wait for the lock")

        drained(gate)
        assert told(idle) == [GOING_AWAY]
        assert error_fields(idle.inbox)["S"] == "FATAL"
        assert GOING_AWAY in answers(silent.recv(65536))
        assert gate.get("/readyz") == (503, "draining: no new connections\n")
        refused = psql(gate.url(users.name), "-c", "SELECT 1")
        assert (refused.code, "Connection refused" in refused.err) == (2, True)

        holder.execute("SELECT pg_advisory_unlock(1)")
        assert told(alone) == [("C", "INSERT 0 1"), ("Z", "I"), GOING_AWAY]
        assert told(batch) == [("1",), ("2",), ("C", "INSERT 0 1"), ("Z", "I"), GOING_AWAY]
        copying.inbox = b""
        copying.server.sendall(b"d\0\0\0\6" + b"4\n" + b"c\0\0\0\4")  # type: ignore[union-attr]
        assert told(copying) == [("C", "COPY 1"), ("Z", "I"), GOING_AWAY]
        assert inside.exchange(Q("INSERT INTO work VALUES (5)")) == [("C", "INSERT 0 1"), ("Z", "T")]
        inside.inbox = b""
        inside.server.sendall(Q("COMMIT"))  # type: ignore[union-attr]
        assert told(inside) == [("C", "COMMIT"), ("Z", "I"), GOING_AWAY]
        aborted.inbox = b""
        aborted.server.sendall(Q("ROLLBACK"))  # type: ignore[union-attr]
        assert told(aborted) == [("C", "ROLLBACK"), ("Z", "I"), GOING_AWAY]
        assert gate.ended() == 0
    assert [line["event"] for line in gate.log.so_far][-1] == "pgwarden has stopped"
    assert users.execute("SELECT id FROM work ORDER BY id").split() == ["1", "2", "3", "4", "5"]


def test_who_does_not_finish_is_ended_in_time(serve: Serve, users: Database) -> None:
    gate = serve(drain_timeout_s="0.3")
    with (
        closing(Bare(gate.port, users.name).start()) as inside,
        closing(Bare(gate.port, users.name).start()) as copying,
    ):
        inside.exchange(Q("BEGIN"))
        inside.exchange(Q("INSERT INTO users VALUES (2, 'x')"))
        inside.inbox = b""
        assert copying.server is not None
        copying.server.sendall(Q("COPY users FROM STDIN") + b"d\0\0\0\x083\tx\n")
        copying.until(lambda: copying.inbox.startswith(b"G"))
        copying.inbox = b""
        drained(gate)
        assert told(inside) == [GOING_AWAY]
        assert told(copying) == [GOING_AWAY]
        assert gate.ended() == 0
    until(lambda: sessions(users) == "0", "that the server has let everybody go")
    assert users.execute("SELECT id FROM users") == "1"


def test_a_statement_that_never_ends_does_not_hold_the_gate(serve: Serve, users: Database) -> None:
    gate = serve(drain_timeout_s="0.3")
    with closing(Bare(gate.port, users.name).start()) as client:
        assert client.server is not None
        client.server.sendall(Q("SELECT pg_sleep(60)"))
        until(lambda: users.execute(ASLEEP), "that the statement runs")
        drained(gate)
        assert told(client) == [GOING_AWAY]
        assert gate.ended() == 0
    users.execute(f"SELECT pg_terminate_backend(pid) FROM ({ASLEEP}) AS s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nobody_there(serve: Serve, number: signal.Signals) -> None:
    gate = serve(drain_timeout_s="600")
    gate.signal(number)
    assert gate.ended() == 0


def test_a_statement_that_was_told_its_end_does_not_commit(serve: Serve, users: Database) -> None:
    """A server that says 57P01 in the middle of a statement has undone it."""
    gate = serve(drain_timeout_s="0.1")
    with closing(Bare(gate.port, users.name).start()) as client:
        assert client.server is not None
        client.server.sendall(Q("INSERT INTO users SELECT 2 FROM (SELECT pg_sleep(0.7)) AS s"))
        until(lambda: users.execute(ASLEEP), "that the statement runs")
        drained(gate)
        assert told(client) == [GOING_AWAY]
        assert gate.ended() == 0
    until(lambda: sessions(users) == "0", "that the server session ends")
    assert users.execute("SELECT id FROM users") == "1"
