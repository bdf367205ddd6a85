"""What a session says that it waits for, and how it ends when that takes too long or there is no place."""

from __future__ import annotations

from proxy.session import (
    Cancel,
    Close,
    Command,
    Connect,
    Ended,
    Excess,
    Peer,
    Phase,
    Report,
    Session,
    Standing,
    ToClient,
    ToServer,
)
from proxy.wire.backend import decode_error
from proxy.wire.frontend import encode_terminate
from proxy.wire.startup import encode_startup
from tests.servers.database import Database
from tests.session.messages import B, E, H, P, Q, S
from tests.session.wired import Wired, error_fields, gate_of


def wired(database: Database) -> Wired:
    return Wired(database.port, database.name).start()


def said(commands: list[Command]) -> tuple[str, str]:
    """SQLSTATE and message of the one thing that the client is told."""
    (told,) = [command for command in commands if isinstance(command, ToClient)]
    fields = decode_error(bytes(told.data[5:]))
    assert fields["V"] == "FATAL"
    return fields["C"], fields["M"]


def kinds(commands: list[Command]) -> list[type[Command]]:
    return [type(command) for command in commands]


def test_before_login_no_time_out_of_a_session_applies() -> None:
    session = Session(gate_of(), Peer("127.0.0.1"))
    assert session.standing is None
    session.client_data(encode_startup(3, 0, [("user", "app"), ("database", "shop")]))
    assert (session.phase, session.standing) == (Phase.CONNECTING, None)


def test_the_connection_is_asked_for_by_role_and_database() -> None:
    session = Session(gate_of(), Peer("127.0.0.1"))
    startup = encode_startup(3, 0, [("user", "app"), ("database", "shop")])
    assert session.client_data(startup) == [Connect("app", "shop")]


def test_for_whom_there_is_no_place_is_told_so_and_the_server_nothing() -> None:
    session = Session(gate_of(), Peer("127.0.0.1"))
    session.client_data(encode_startup(3, 0, [("user", "app"), ("database", "shop")]))
    commands = session.turned_away(Excess("max_client_conn", "too many", "The limit is 1.", "Wait."))
    assert said(commands) == ("53300", "too many")
    assert kinds(commands) == [ToClient, Report, Close]
    assert session.standing is None


def test_standings(database: Database) -> None:
    database.execute("CREATE TABLE t (a int)")
    client = wired(database)
    session = client.session
    seen = [session.standing]

    def see(*messages: bytes, until: bytes) -> None:
        client.inbox = b""
        client._send(b"".join(messages))
        seen.append(session.standing)
        client.until(lambda: until in client.inbox)
        seen.append(session.standing)

    for text, status in (("SELECT 1", b"I"), ("BEGIN", b"T"), ("SELECT 1/0", b"E"), ("ROLLBACK", b"I")):
        see(Q(text), until=b"Z\0\0\0\5" + status)
    idle, query, transaction = Standing.IDLE, Standing.QUERY, Standing.TRANSACTION
    assert seen == [idle, query, idle, query, transaction, query, transaction, query, idle]
    seen.clear()
    see(P("SELECT 1") + B() + E() + H, until=b"SELECT 1\0")
    see(S, until=b"Z\0\0\0\5I")
    see(Q("COPY t FROM STDIN"), until=b"G\0\0\0")
    assert seen == [query, transaction, query, idle, query, transaction]
    client.close()


def test_half_a_message_is_no_statement(database: Database) -> None:
    client = wired(database)
    client._send(Q("SELECT 1")[:-1])
    assert client.session.standing is Standing.IDLE
    commands = client.session.expire(Standing.IDLE, 60)
    assert commands[-2:] == [ToServer(encode_terminate()), Close()]  # nothing of it went to the server
    client.close()


def test_an_idle_session_says_good_bye_to_the_server(database: Database) -> None:
    client = wired(database)
    commands = client.session.expire(Standing.IDLE, 60)
    message = "terminating connection due to idle-session timeout"
    assert said(commands) == ("57P05", message)
    assert commands[1:] == [Report(Ended(message)), ToServer(encode_terminate()), Close()]
    (told,) = [bytes(command.data) for command in commands if isinstance(command, ToClient)]
    assert error_fields(told)["D"] == "The gate's client_idle_timeout_s is 60 s."
    assert (client.session.standing, client.session.expire(Standing.IDLE, 60)) == (None, [])
    client.close()


def test_a_transaction_ends_as_if_its_client_had_left(database: Database) -> None:
    client = wired(database)
    client.exchange(Q("BEGIN"))
    commands = client.session.expire(Standing.TRANSACTION, 60)
    assert said(commands) == ("25P03", "terminating connection due to idle-in-transaction timeout")
    assert commands[-2:] == [ToServer(encode_terminate()), Close()]
    client.close()


def test_a_query_is_cancelled(database: Database) -> None:
    client = wired(database)
    client._send(Q("SELECT pg_sleep(0)"))
    commands = client.session.expire(Standing.QUERY, 60)
    assert said(commands)[0] == "57014"
    assert kinds(commands) == [ToClient, Report, Cancel, Close]
    client.close()


def test_nothing_is_told_in_the_middle_of_a_message(database: Database) -> None:
    client = wired(database)
    client._send(Q("SELECT repeat('x', 1000000)"))
    client.until(lambda: len(client.inbox) > 1000)
    conversation = client.session._conversation
    assert conversation is not None
    assert conversation.server.midway
    assert kinds(client.session.expire(Standing.WRITING, 60)) == [Report, Cancel, Close]
    client.close()
