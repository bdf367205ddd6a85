"""What a server may say between the startup packet and the first ReadyForQuery, and after it unasked."""

import pytest

from proxy.session import Cancel, Close, Opened, Peer, Phase, Report, Session, ToClient, ToServer
from proxy.wire.backend import (
    encode_authentication,
    encode_error,
    encode_negotiation,
    encode_notice,
    encode_notification,
    encode_parameter_status,
    encode_ready,
)
from proxy.wire.frontend import encode_password
from proxy.wire.startup import encode_cancel, encode_startup
from tests.servers.database import Database
from tests.session.messages import Q
from tests.session.wired import Bare, Wired, answers, gate_of

START = encode_startup(3, 0, [("user", "u")])
NOTICE = encode_notice({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "hello"})
STATUS = encode_parameter_status("server_version", "17.0")
WITHOUT_SQLSTATE = encode_error({"S": "FATAL", "M": "go away"})
KEY = b"K\0\0\0\x0c\0\0\0\x11\0\0\0\x63"
ASKED = encode_authentication(3)
LET_IN = encode_authentication(0)


def connected() -> Session:
    session = Session(gate_of(), Peer("127.0.0.1"))
    session.client_data(START)
    assert session.server_connected() == [ToServer(START)]
    return session


def logged_in(*said: bytes) -> Session:
    session = connected()
    session.server_data(b"".join((LET_IN, *said, encode_ready("I"))))
    assert session.phase is Phase.READY
    return session


@pytest.mark.parametrize(
    "said",
    [NOTICE, STATUS, NOTICE + ASKED, STATUS + ASKED, ASKED + NOTICE, LET_IN + NOTICE + STATUS],
    ids=["notice", "status", "notice, question", "status, question", "question, notice", "let in"],
)
@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
def test_notices_and_settings_pass_at_any_time(said: bytes, chunk: int) -> None:
    session = connected()
    pieces = [said] if chunk == 0 else [said[at : at + 1] for at in range(len(said))]
    told = [command for piece in pieces for command in session.server_data(piece)]
    assert b"".join(c.data for c in told if isinstance(c, ToClient)) == said
    assert session.phase is Phase.AUTHENTICATING


def test_a_client_that_was_asked_answers_behind_a_notice() -> None:
    session = connected()
    session.server_data(ASKED + NOTICE)
    password = encode_password(b"secret")
    assert session.client_data(password) == [ToServer(password)]


@pytest.mark.parametrize("before", [b"", NOTICE, ASKED, LET_IN])
def test_an_error_without_sqlstate_passes_and_ends_the_login(before: bytes) -> None:
    session = connected()
    commands = session.server_data(before + WITHOUT_SQLSTATE)
    assert b"".join(c.data for c in commands if isinstance(c, ToClient)) == before + WITHOUT_SQLSTATE
    commands = session.server_eof()
    assert isinstance(commands[-1], Close)
    assert [c for c in commands if isinstance(c, ToClient)] == []


@pytest.mark.parametrize(
    "said",
    [
        NOTICE,
        encode_parameter_status("TimeZone", "UTC"),
        encode_notification(7, "jobs", "one"),
        encode_notification(7, "jobs", "one") + NOTICE,
    ],
    ids=["notice", "status", "notification", "two"],
)
def test_what_comes_unasked_passes_at_once_to_an_idle_client(said: bytes) -> None:
    session = logged_in(STATUS, KEY)
    assert session.server_data(said) == [ToClient(said)]
    assert session.idle


def test_without_a_key_there_is_nothing_to_cancel_by() -> None:
    session = logged_in(STATUS)
    session.client_data(Q("SELECT 1"))
    assert [c for c in session.client_eof() if isinstance(c, Cancel)] == []


def test_with_a_key_a_statement_that_nobody_waits_for_is_cancelled() -> None:
    session = logged_in(STATUS, KEY)
    session.client_data(Q("SELECT 1"))
    cancels = [c for c in session.client_eof() if isinstance(c, Cancel)]
    assert cancels == [Cancel(encode_cancel(KEY[5:]))]


def test_a_server_that_knows_only_an_older_protocol() -> None:
    session = connected()
    said = encode_negotiation(0x30000, ["_pq_.shiny"]) + LET_IN + STATUS + encode_ready("I")
    commands = session.server_data(said)
    assert commands == [ToClient(said), Report(Opened("u", "u", ""))]


class Newer(Bare):
    """Asks for protocol 3.2 with an option that nobody knows."""

    def startup(self) -> bytes:
        parameters = [("user", self.role), ("database", self.database), ("_pq_.shiny", "on")]
        return encode_startup(3, 2, parameters)


class NewerWired(Newer, Wired):
    """The same through a session."""


@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
def test_protocol_3_2(chunk: int, every_table: Database) -> None:
    """PostgreSQL 18 speaks it, with a longer key; those before offer 3.0. Each says so itself."""
    told = []
    for client in (
        Newer(every_table.port, every_table.name),
        NewerWired(every_table.port, every_table.name, chunk=chunk),
    ):
        client._send(client.startup())
        client.wait(1)
        kinds = [answer[0] for answer in answers(client.inbox)]
        key = client.inbox.index(b"K\0\0\0")
        told.append((kinds, client.inbox[key + 1 : key + 5]))
        assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")
        client.close()
    assert told[1] == told[0]
