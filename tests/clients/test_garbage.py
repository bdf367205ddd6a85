"""What is no client: it gets an error or the door, and nobody else notices."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.wire.startup import encode_ssl_request, encode_startup
from tests.clients.gate import POLICY, WAIT_S, Gate, serving, until, upstream_of
from tests.servers.database import Database
from tests.session.wired import answers

pytestmark = pytest.mark.defect_20

LOGIN_TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def gate(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder: Path = tmp_path_factory.mktemp("garbage")
    (folder / "policy.yaml").write_text(POLICY)
    with serving(
        folder, folder / "policy.yaml", upstream_of(server), login_timeout_s=str(LOGIN_TIMEOUT_S)
    ) as gate:
        yield gate
        assert gate.metrics()["pgwarden_sessions_crashed_total"] == 0
        assert [line for line in gate.log.so_far if line.get("level") in ("error", "critical")] == []


def hello() -> bytes:
    """The first message of direct TLS."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


STARTUP = encode_startup(3, 0, [("user", "postgres"), ("database", "postgres")])
GARBAGE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": hello(),
    "zeros": bytes(1000),
    "ones": b"\xff" * 1000,
    "noise": os.urandom(5000),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "length 4": b"\0\0\0\4",
    "the longest length": b"\x7f\xff\xff\xff\0\3\0\0",
    "TLS behind SSLRequest": encode_ssl_request() + hello(),
    "garbage behind the startup packet": STARTUP + bytes(100),
    "a message of another protocol behind it": STARTUP + b"GET / HTTP/1.1\r\n\r\n",
    "a long length behind it": STARTUP + b"Q\x7f\xff\xff\xff",
    "a negative length behind it": STARTUP + b"Q\xff\xff\xff\xff",
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_shown_the_door_and_others_go_on(gate: Gate, users: Database, garbage: str) -> None:
    with psycopg.connect(gate.url(users.name), autocommit=True) as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO users VALUES (2, 'x')")
        with socket.create_connection(gate.address, WAIT_S) as stranger:
            stranger.sendall(GARBAGE[garbage])
            heard = b""
            while data := receive(stranger):
                heard += data
        if heard[:1] == b"N":  # the answer to SSLRequest
            heard = heard[1:]
        assert [answer[1] for answer in answers(heard) if answer[0] == "E"] == ["08P01"]
        assert other.execute("SELECT count(*) FROM users").fetchone() == (2,)
        other.execute("COMMIT")
    until(lambda: gate.connections == 0, "that nobody is left")


def receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:  # it closed with something of ours unread
        return b""


def test_who_says_nothing_or_half_of_it_is_closed_in_time(gate: Gate, users: Database) -> None:
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection(gate.address, WAIT_S))
            for begin in (b"", STARTUP[:1], STARTUP[:9], STARTUP[:-1], encode_ssl_request())
            for _ in range(4)
        ]
        for number, connection in enumerate(waiting):
            begin = (b"", STARTUP[:1], STARTUP[:9], STARTUP[:-1], encode_ssl_request())[number // 4]
            connection.sendall(begin)
        with psycopg.connect(gate.url(users.name)) as other:
            assert other.execute("SELECT 1").fetchone() == (1,)
            assert gate.connections == len(waiting) + 1
            for connection in waiting:
                heard = b""
                while data := receive(connection):
                    heard += data
                message = "canceling login: it took longer than 0.5 s"
                assert answers(heard.removeprefix(b"N")) == [("E", "57P01", message)]
            assert other.execute("SELECT 1").fetchone() == (1,)
    until(lambda: gate.connections == 0, "that nobody is left")


def test_a_thousand_strangers(gate: Gate, users: Database) -> None:
    with psycopg.connect(gate.url(users.name)) as other:
        for number in range(1000):
            with socket.create_connection(gate.address, WAIT_S) as stranger:
                stranger.sendall(GARBAGE["HTTP"] if number % 2 else b"")
        assert other.execute("SELECT 1").fetchone() == (1,)
        until(lambda: gate.connections == 1, "that the strangers are gone")
