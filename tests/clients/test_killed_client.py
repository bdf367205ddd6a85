"""Clients that go in the middle of a message: no part of it runs, and the server lets go of everything."""

from __future__ import annotations

import itertools
import socket
import struct
import subprocess
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from tests.clients.gate import Gate, until
from tests.clients.programs import Program
from tests.servers.database import Database
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import Bare

pytestmark = pytest.mark.defect_23

INSERT = "INSERT INTO users VALUES (99, 'partial')"
ROW = b"99\tpartial\n"
DATA = b"d" + struct.pack("!i", 4 + len(ROW)) + ROW
_numbers = itertools.count(1)


def reset(connection: socket.socket) -> None:
    """Close with RST, as the system does for a killed process with data left unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def half_close(connection: socket.socket) -> None:
    """Say FIN, and never read again."""
    connection.shutdown(socket.SHUT_WR)


ENDS: dict[str, Callable[[socket.socket], None]] = {
    "FIN": socket.socket.close,
    "RST": reset,
    "half-closed": half_close,
}
# What goes out whole before, what is cut off.
MESSAGES = {
    "Query": (b"", Q(INSERT)),
    "Parse": (b"", P(INSERT)),
    "Bind": (P(INSERT), B()),
    "Execute": (P(INSERT) + B(), E()),
    "Sync": (P(INSERT) + B() + E(), S),
    "CopyData": (Q("COPY users FROM STDIN"), DATA),
    "CopyDone": (Q("COPY users FROM STDIN") + DATA, b"c\0\0\0\4"),
}
CUTS = {"type byte": 1, "header": 3, "body": -3, "last byte": -1}


def gone(observer: psycopg.Connection, application: str) -> bool:
    found = observer.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [application])
    return found.fetchone() is None


@pytest.mark.parametrize("transaction", [True, False], ids=["in a transaction", "outside"])
@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize("name", MESSAGES)
def test_in_the_middle_of_a_message(
    gate: Gate, users: Database, name: str, way: str, transaction: bool
) -> None:
    before, message = MESSAGES[name]
    with psycopg.connect(users.url(), autocommit=True) as observer:
        for cut in CUTS.values():
            application = f"dying-{next(_numbers)}"
            parameters = [("application_name", application)]
            with closing(Bare(gate.port, users.name, parameters=parameters).start()) as client:
                if transaction:
                    client.exchange(Q("BEGIN"))
                    client.exchange(Q("INSERT INTO users VALUES (98, 'uncommitted')"))
                    client.exchange(Q("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
                assert client.server is not None
                client.server.sendall(before + message[:cut])
                ENDS[way](client.server)
                until(lambda name=application: gone(observer, name), "that the server session ends")  # type: ignore[misc]
                observer.execute("SET lock_timeout = '1s'")
                assert observer.execute("SELECT id FROM users").fetchall() == [(1,)]
    until(lambda: gate.connections == 0, "that the gate has forgotten everybody")


@pytest.mark.parametrize("way", ENDS)
def test_in_the_middle_of_the_first_packet(gate: Gate, users: Database, way: str) -> None:
    started = gate.metrics()["pgwarden_connections_accepted_total"]
    packet = Bare(gate.port, users.name).startup()
    for cut in (0, 1, 5, -1):
        connection = socket.create_connection(gate.address)
        connection.sendall(packet[:cut] if cut else b"")
        ENDS[way](connection)
        until(lambda: gate.connections == 0, "that the gate has forgotten it")
        connection.close()
    assert gate.metrics()["pgwarden_connections_accepted_total"] == started + 4


@pytest.mark.parametrize("way", ENDS)
def test_with_an_answer_under_way(gate: Gate, users: Database, way: str) -> None:
    """Killed while rows come, most of them unread."""
    application = f"dying-{next(_numbers)}"
    with (
        psycopg.connect(users.url(), autocommit=True) as observer,
        closing(
            Bare(gate.port, users.name, parameters=[("application_name", application)]).start()
        ) as client,
    ):
        assert client.server is not None
        client.server.sendall(Q("SELECT repeat('x', 1000000) FROM generate_series(1, 1000)"))
        client.server.recv(1)
        ENDS[way](client.server)
        until(lambda: gone(observer, application), "that the server session ends", 3)
    until(lambda: gate.connections == 0, "that the gate has forgotten it", 3)


def test_psql_killed_in_the_middle_of_a_copy(gate: Gate, users: Database, psql: Program) -> None:
    command = psql.command(gate.url(users.name, application_name="victim"), "-c", "COPY users FROM STDIN")
    with (
        psycopg.connect(users.url(), autocommit=True) as observer,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(b"".join(b"%d\tx\n" % number for number in range(2, 20_000)))
        process.stdin.flush()
        copied = "SELECT 1 FROM pg_stat_progress_copy WHERE tuples_processed > 1000"
        until(lambda: observer.execute(copied).fetchone(), "that much of it has arrived")
        process.kill()
        until(lambda: gone(observer, "victim"), "that the server session ends")
        assert observer.execute("SELECT id FROM users").fetchall() == [(1,)]


def test_psql_killed_in_a_transaction(gate: Gate, users: Database, psql: Program) -> None:
    command = psql.command(gate.url(users.name, application_name="victim"), "-f", "-")
    with (
        psycopg.connect(users.url(), autocommit=True) as observer,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(b"BEGIN; INSERT INTO users VALUES (2, 'x'); LOCK TABLE users;\n")
        process.stdin.flush()
        locked = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'victim' AND query LIKE 'LOCK%' "
            "AND state = 'idle in transaction'"
        )
        until(lambda: observer.execute(locked).fetchone(), "that the table is locked")
        process.kill()
        until(lambda: gone(observer, "victim"), "that the server session ends")
        assert observer.execute("SELECT id FROM users").fetchall() == [(1,)]
