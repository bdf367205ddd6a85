"""What a server may say between the startup packet and the first ReadyForQuery, and after it unasked."""

from dataclasses import dataclass

import pytest

from proxy.session import Cancel, Close, Peer, Phase, Session, ToClient, ToServer
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
from proxy.wire.octets import message
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


@pytest.mark.defect_18
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


@pytest.mark.defect_18
def test_a_client_that_was_asked_answers_behind_a_notice() -> None:
    session = connected()
    session.server_data(ASKED + NOTICE)
    password = encode_password(b"secret")
    assert session.client_data(password) == [ToServer(password)]


@pytest.mark.defect_18
@pytest.mark.parametrize("before", [b"", NOTICE, ASKED, LET_IN])
def test_an_error_without_sqlstate_passes_and_ends_the_login(before: bytes) -> None:
    session = connected()
    commands = session.server_data(before + WITHOUT_SQLSTATE)
    assert b"".join(c.data for c in commands if isinstance(c, ToClient)) == before + WITHOUT_SQLSTATE
    commands = session.server_eof()
    assert isinstance(commands[-1], Close)
    assert [c for c in commands if isinstance(c, ToClient)] == []


@pytest.mark.defect_14
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


@pytest.mark.defect_21
def test_without_a_key_there_is_nothing_to_cancel_by() -> None:
    session = logged_in(STATUS)
    session.client_data(Q("SELECT 1"))
    assert [c for c in session.client_eof() if isinstance(c, Cancel)] == []


def test_with_a_key_a_statement_that_nobody_waits_for_is_cancelled() -> None:
    session = logged_in(STATUS, KEY)
    session.client_data(Q("SELECT 1"))
    cancels = [c for c in session.client_eof() if isinstance(c, Cancel)]
    assert cancels == [Cancel(encode_cancel(KEY[5:]))]


@pytest.mark.defect_21
@pytest.mark.parametrize("asked_before", [b"", ASKED])
def test_a_server_without_a_key(asked_before: bytes) -> None:
    """As PgBouncer does: the client gets one all the same."""
    session = connected()
    if asked_before:
        session.server_data(asked_before)
        session.client_data(encode_password(b"secret"))
    (told, *_) = session.server_data(LET_IN + STATUS + encode_ready("I"))
    assert isinstance(told, ToClient)
    assert told.data == LET_IN + STATUS + _own(session) + encode_ready("I")
    assert session.cancel() == []


def _own(session: Session) -> bytes:
    """The BackendKeyData of the gate's own."""
    return message(b"K", session._key)


@pytest.mark.defect_21
def test_the_client_sees_a_key_of_the_gates_own_and_the_servers_process_id() -> None:
    gate = gate_of()
    session = Session(gate, Peer("127.0.0.1"))
    session.client_data(START)
    session.server_connected()
    (told, *_) = session.server_data(LET_IN + KEY + encode_ready("I"))
    assert isinstance(told, ToClient)
    key = bytes(told.data)[len(LET_IN) + 5 : -6]
    assert (key[:4], len(key), key == KEY[5:]) == (b"\0\0\0\x11", 8, False)
    assert gate.keys.find(key) is session
    assert gate.keys.find(KEY[5:]) is None
    session.client_eof()
    assert gate.keys.find(key) is None


def test_a_second_key_has_no_place_in_a_login() -> None:
    session = connected()
    session.server_data(LET_IN + KEY)
    assert isinstance(session.server_data(KEY)[-1], Close)


ASKINGS = {
    "3.0": (0, ()),
    "3.0, options": (0, ("_pq_.shiny", "_pq_.older")),
    "3.1": (1, ()),
    "3.2": (2, ()),
    "3.2, options": (2, ("_pq_.shiny", "_pq_.new")),
    "3.3": (3, ()),
    "grease": (9999, ("_pq_.test_protocol_negotiation",)),
}


@dataclass
class Newer(Bare):
    """Asks for a version, and options."""

    asking: str = "3.0"

    def startup(self) -> bytes:
        minor, options = ASKINGS[self.asking]
        parameters = [("user", self.role), ("database", self.database), *((name, "on") for name in options)]
        return encode_startup(3, minor, parameters)


@dataclass
class NewerWired(Newer, Wired):
    """The same through a session."""


@pytest.mark.defect_22
@pytest.mark.parametrize("asking", ASKINGS)
@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
def test_protocol_3_2(chunk: int, asking: str, every_table: Database) -> None:
    """PostgreSQL 18 speaks it, with a longer key; those before offer 3.0. The client is told the same."""
    told = []
    for client in (
        Newer(every_table.port, every_table.name, asking=asking),
        NewerWired(every_table.port, every_table.name, chunk=chunk, asking=asking),
    ):
        client._send(client.startup())
        client.wait(1)
        kinds = [answer[0] for answer in answers(client.inbox)]
        key = client.inbox.index(b"K\0\0\0")
        offered = client.inbox[: client.inbox.index(b"R")]
        told.append((kinds, offered, client.inbox[key + 1 : key + 5]))
        assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")
        client.close()
    assert told[1] == told[0]


@pytest.mark.defect_22
@pytest.mark.parametrize(
    ("asking", "server_says", "told"),
    [
        # The server's answer to what the gate asked for, joined with what the gate took out.
        ("3.2", b"", b""),
        ("3.2", encode_negotiation(0x30000, []), encode_negotiation(0x30000, [])),
        ("3.2, options", b"", encode_negotiation(0x30002, ["_pq_.shiny", "_pq_.new"])),
        ("grease", b"", encode_negotiation(0x30002, ["_pq_.test_protocol_negotiation"])),
        (
            "grease",
            encode_negotiation(0x30000, []),
            encode_negotiation(0x30000, ["_pq_.test_protocol_negotiation"]),
        ),
        ("3.0, options", b"", encode_negotiation(0x30000, ["_pq_.shiny", "_pq_.older"])),
        ("3.0", encode_negotiation(0x30000, ["_pq_.x"]), encode_negotiation(0x30000, ["_pq_.x"])),
    ],
)
def test_what_was_taken_out_is_told_with_what_the_server_says(
    asking: str, server_says: bytes, told: bytes
) -> None:
    session = Session(gate_of(), Peer("127.0.0.1"))
    session.client_data(Newer(0, "u", role="u", asking=asking).startup())
    minor = min(ASKINGS[asking][0], 2)
    sent = session.server_connected()
    assert sent == [ToServer(encode_startup(3, minor, [("user", "u"), ("database", "u")]))]
    assert session.server_data(server_says + LET_IN) == [ToClient(told + LET_IN)]


@pytest.mark.defect_22
@pytest.mark.parametrize("version", [0x30001, 0x30002, 0x20000, 0x40000, -1])
def test_a_server_that_offers_what_was_not_asked_for_is_not_followed(version: int) -> None:
    assert isinstance(connected().server_data(encode_negotiation(version, []))[-1], Close)


@pytest.mark.defect_22
def test_a_version_is_negotiated_once_and_first() -> None:
    session = connected()
    session.server_data(LET_IN)
    assert isinstance(session.server_data(encode_negotiation(0x30000, []))[-1], Close)
