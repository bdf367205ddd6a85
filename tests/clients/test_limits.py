"""Limits, time-outs and doors of a running gate, as clients and those who look at the server see them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests.clients.conftest import Serve
from tests.clients.gate import POLICY, Gate, until
from tests.clients.programs import Program
from tests.relay.certificates import Authority
from tests.servers.database import Database
from tests.session.messages import B, E, P, Q
from tests.session.wired import Bare, answers

HEADER = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 6432\r\n"
FROM_OUTSIDE = (
    POLICY
    + """
rules:
  - id: no-writes-from-outside
    match: {effects: [row.insert]}
    unless: [{who: {cidrs: [127.0.0.0/8]}}]
    deny: "{effect} from there."
"""
)


def sessions(database: Database, application: str) -> str:
    """The states of the server's sessions of this application, and how many locks they hold on tables."""
    return database.execute(
        "SELECT string_agg(state, ',') FROM pg_stat_activity "
        f"WHERE application_name = '{application}' AND datname = current_database()"
    )


@contextmanager
def bare(gate: Gate, database: Database, application: str = "waiting") -> Iterator[Bare]:
    parameters = [("application_name", application)]
    with closing(Bare(gate.port, database.name, parameters=parameters).start()) as client:
        yield client


def expired(gate: Gate, setting: str) -> float:
    """How many sessions this time-out has ended."""
    return gate.metrics()[f'pgwarden_sessions_expired_total{{reason="{setting}"}}']


def rest(client: Bare) -> list[tuple[object, ...]]:
    """All that comes until the connection ends."""
    client.inbox = b""
    client.until(lambda: False)
    return answers(client.inbox)


# -- limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told", "reason"),
    [
        (
            {"max_client_conn": "1"},
            "FATAL:  sorry, too many clients already\n"
            "DETAIL:  The gate's max_client_conn is 1; 1 are connected.",
            "max_client_conn",
        ),
        (
            {"max_user_connections": "postgres=1,*=5"},
            'FATAL:  too many connections for role "postgres"\n'
            "DETAIL:  The gate's max_user_connections allows 1 for this role; 1 are open.",
            "max_user_connections",
        ),
        (
            {"max_db_connections": "1"},
            'FATAL:  too many connections for database "{}"\n'
            "DETAIL:  The gate's max_db_connections allows 1 for every database without a limit of its own; "
            "1 are open.",
            "max_db_connections",
        ),
    ],
)
def test_one_more_than_may_be_is_told_which_limit_it_is(
    serve: Serve, users: Database, psql: Program, settings: dict[str, str], told: str, reason: str
) -> None:
    gate = serve(**settings)
    with psycopg.connect(gate.url(users.name)):
        done = psql(gate.url(users.name), "-c", "SELECT 1")
        assert done.code == 2
        assert told.format(users.name) in done.err
        assert f"or raise {reason}." in done.err
        # Before any connection to the server was made for it.
        assert users.execute(CONNECTED) == "2"  # with the one that asks
        series = f'pgwarden_connections_refused_total{{reason="{reason}"}}'
        assert gate.metrics("pgwarden_connections_refused_total")[series] == 1
        gate.says("connection refused", reason=reason)
    until(lambda: gate.connections == 0, "that the place is free")
    assert psql(gate.url(users.name), "-Atc", "SELECT 1").out == "1\n"


def test_logins_of_one_address_are_limited(serve: Serve, users: Database, psql: Program) -> None:
    gate = serve(max_logins_per_address="3")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(gate.address)).sendall(b"\0\0\0")
        until(lambda: gate.connections == 3, "that they are there")
        assert psql(gate.url(users.name), "-Atc", "SELECT 1").code == 2
        gate.says("connection refused", reason="max_logins_per_address", client="127.0.0.1")
    until(lambda: gate.connections == 0, "that they are gone")
    assert psql(gate.url(users.name), "-Atc", "SELECT 1").out == "1\n"


# -- time-outs ---------------------------------------------------------------------------------------------


def test_an_idle_session_is_ended_as_the_server_would(serve: Serve, users: Database) -> None:
    gate = serve(client_idle_timeout_s="300ms")
    with bare(gate, users) as client:
        assert rest(client) == [("E", "57P05", "terminating connection due to idle-session timeout")]
        assert sessions(users, "waiting") == ""
    gate.says("session ended", reason="terminating connection due to idle-session timeout")
    assert expired(gate, "client_idle_timeout_s") == 1


FLUSH = b"H\0\0\0\4"
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
IDLE_IN_TRANSACTION = [("E", "25P03", "terminating connection due to idle-in-transaction timeout")]


def test_an_open_transaction_is_ended_and_its_locks_with_it(serve: Serve, users: Database) -> None:
    gate = serve(idle_transaction_timeout_s="600ms")
    with psycopg.connect(users.url(), autocommit=True) as other:
        other.execute("SET lock_timeout = '5s'")
        for work in (b"", Q("SELECT 1/0"), Q("COPY users FROM STDIN"), P("SELECT 1") + B() + E() + FLUSH):
            with bare(gate, users) as client:
                client.exchange(Q("BEGIN"))
                client.exchange(Q("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
                assert client.server is not None
                client.server.sendall(work)
                assert rest(client)[-1:] == IDLE_IN_TRANSACTION
                assert other.execute("SELECT name FROM users").fetchall() == [("ada",)]
                until(lambda: sessions(users, "waiting") == "", "that the server's session is gone")
    assert expired(gate, "idle_transaction_timeout_s") == 4


def test_who_works_is_not_idle(serve: Serve, users: Database) -> None:
    """A statement that runs, and a COPY that flows, for longer than anybody may be idle."""
    gate = serve(idle_transaction_timeout_s="1s", client_idle_timeout_s="1s")
    with (
        psycopg.connect(gate.url(users.name), autocommit=True) as connection,
        psycopg.connect(users.url(), autocommit=True) as clock,
    ):
        assert connection.execute("SELECT pg_sleep(1.5)").fetchone() == ("",)
        with connection.cursor().copy("COPY users FROM STDIN") as copy:
            for number in range(2, 10):
                copy.write_row((number, "x" * 100_000))
                clock.execute("SELECT pg_sleep(0.2)")
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (9,)


def test_a_query_that_takes_too_long_is_cancelled(serve: Serve, users: Database) -> None:
    gate = serve(query_timeout_s="300ms")
    with bare(gate, users) as client:
        assert client.server is not None
        client.server.sendall(Q("SELECT pg_sleep(70)"))
        (end,) = rest(client)
        assert end[:2] == ("E", "57014")
        until(lambda: sessions(users, "waiting") == "", "that the server has stopped")


def test_a_client_that_never_reads_lets_its_server_connection_go(serve: Serve, users: Database) -> None:
    gate = serve(client_write_timeout_s="500ms")
    with bare(gate, users) as client:
        assert client.server is not None
        client.server.sendall(Q("SELECT repeat('x', 1000000) FROM generate_series(1, 100)"))
        until(lambda: expired(gate, "client_write_timeout_s") == 1, "that it is ended")
        until(lambda: sessions(users, "waiting") == "", "that the server's session is gone")


# -- doors -------------------------------------------------------------------------------------------------


def test_rules_and_logs_see_the_client_behind_a_balancer(serve: Serve, users: Database) -> None:
    gate = serve(FROM_OUTSIDE, proxy_protocol="v1", proxy_protocol_from="127.0.0.1")
    insert = "INSERT INTO users VALUES (2, 'eve')"
    for header, passes in ((HEADER, False), (HEADER.replace(b"203.0.113.7", b"127.0.0.9"), True)):
        with closing(Bare(gate.port, users.name)) as client:
            client._send(header)
            client.start()
            assert ((answer := client.exchange(Q(insert))[0])[0] == "C") is passes, answer
    assert gate.refused(insert)["client_address"] == "203.0.113.7"


@contextmanager
def balancer(gate: Gate, header: bytes) -> Iterator[int]:
    """A port behind which each connection goes on to the gate, with this header in front."""
    threads: list[threading.Thread] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def hand_on(client: socket.socket) -> None:
        with client, socket.create_connection(gate.address) as server:
            server.sendall(header)
            back = threading.Thread(target=pump, args=(server, client))
            back.start()
            pump(client, server)
            back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=hand_on, args=(listening.accept()[0],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads.append(threading.Thread(target=accept))
        threads[0].start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
def test_tls_comes_behind_the_header(
    serve: Serve, users: Database, psql: Program, tmp_path: Path, negotiation: str
) -> None:
    certificate, key = Authority(tmp_path, "authority").certify("127.0.0.1")
    gate = serve(
        proxy_protocol="any",
        proxy_protocol_from="127.0.0.1",
        client_tls_sslmode="require",
        client_tls_cert_file=str(certificate),
        client_tls_key_file=str(key),
        client_idle_timeout_s="60",
    )
    with balancer(gate, HEADER) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/{users.name}?sslmode=require&sslnegotiation={negotiation}"
        assert psql(url, "-Atc", "SELECT 1").out == "1\n"
        assert "[rule no-drop]" in psql(url, "-c", "DROP TABLE users").err
    assert gate.refused("DROP TABLE users")["client_address"] == "203.0.113.7"


def test_time_outs_hold_within_tls(serve: Serve, users: Database, tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path, "authority").certify("127.0.0.1")
    tls = {"client_tls_cert_file": str(certificate), "client_tls_key_file": str(key)}
    gate = serve(idle_transaction_timeout_s="300ms", client_write_timeout_s="500ms", **tls)
    url = gate.url(users.name, sslmode="require", application_name="waiting")
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE users")
        until(lambda: sessions(users, "waiting") == "", "that the server's session is gone")
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            connection.execute("SELECT 1")
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.pgconn.send_query(b"SELECT repeat('x', 1000000) FROM generate_series(1, 100)")
        until(lambda: expired(gate, "client_write_timeout_s") == 1, "that it is ended")
        until(lambda: sessions(users, "waiting") == "", "that the server's session is gone")


def test_without_a_header_nobody_gets_in(serve: Serve, users: Database, psql: Program) -> None:
    gate = serve(proxy_protocol="any", proxy_protocol_from="127.0.0.1,::1")
    assert psql(gate.url(users.name), "-c", "SELECT 1").code == 2
    gate.says("connection refused", reason="proxy_protocol: the connection begins without a PROXY header")
    with socket.create_connection(gate.address):
        pass  # a health check
    assert gate.said("session ended") == []


def test_a_policy_for_each_door_and_several_addresses_for_one(
    serve: Serve, users: Database, psql: Program
) -> None:
    with TemporaryDirectory(prefix="pgw", dir="/tmp") as folder:
        gate = serve(listen=f"127.0.0.1:0,[::1]:0,{folder}:6432", unix_socket_mode="0700")
        door = str(gate.says("pgwarden 0.1.0 serves")["listeners"]).partition(" ")[0]
        four, six, unix = door.split(",")
        assert (six.rpartition(":")[0], unix) == ("[::1]", f"{folder}:6432")
        ports = {"127.0.0.1": four.rpartition(":")[2], "::1": six.rpartition(":")[2], folder: "6432"}
        for host, port in ports.items():
            arguments = ("-h", host, "-p", port, "-U", "postgres", "-d", users.name, "-Atc")
            assert psql(*arguments, "SELECT 1").out == "1\n", host
            assert "[rule no-drop]" in psql(*arguments, "DROP TABLE users").err
        assert gate.stop() == 0
        refused = {line["client_address"] for line in gate.refusals.so_far}
        assert refused == {"127.0.0.1", "::1", None}
        assert list(Path(folder).iterdir()) == []


def test_what_libpq_finds_after_the_gate_was_killed(serve: Serve, users: Database, psql: Program) -> None:
    with TemporaryDirectory(prefix="pgw", dir="/tmp") as folder:
        first = serve(listen=f"{folder}:6432")
        first.signal(signal.SIGKILL)
        first.ended()
        serve(listen=f"{folder}:6432")
        done = psql("-h", folder, "-p", "6432", "-U", "postgres", "-d", users.name, "-Atc", "SELECT 1")
        assert done.out == "1\n"
