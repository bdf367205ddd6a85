"""Lengths that no message has (0, 3, 4, 2^31-1, negative), messages in pieces, what a stranger may say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.session import CancelAnother, Close, Command, Connect, Peer, Phase, Session, ToClient, ToServer
from proxy.wire.backend import (
    decode_error,
    encode_authentication,
    encode_command_complete,
    encode_parameter_status,
    encode_ready,
)
from proxy.wire.frontend import encode_password, encode_terminate
from proxy.wire.startup import encode_cancel, encode_startup
from tests.session.messages import B, C, D, E, H, P, Q, S
from tests.session.wired import gate_of

START = encode_startup(3, 0, [("user", "u")])
LENGTHS = (0, 3, 2**31 - 1, 2**31, 2**32 - 1)
KEY = b"K\0\0\0\x0c\0\0\0\x11\0\0\0\x63"
SETTINGS = encode_parameter_status("client_encoding", "UTF8") + encode_parameter_status(
    "standard_conforming_strings", "on"
)
LET_IN = encode_authentication(0) + SETTINGS + KEY + encode_ready("I")


def opened() -> Session:
    return Session(gate_of(), Peer("127.0.0.1"))


def asked() -> Session:
    session = opened()
    session.client_data(START)
    session.server_connected()
    session.server_data(encode_authentication(3))
    return session


def logged_in() -> Session:
    session = asked()
    session.client_data(encode_password(b"x"))
    session.server_data(LET_IN)
    return session


def fatal(commands: list[Command]) -> tuple[str, str]:
    """The one thing that the client is told before the connection closes."""
    assert isinstance(commands[-1], Close)
    assert not [c for c in commands if isinstance(c, ToServer) and c.data != encode_terminate()]
    (told,) = [c for c in commands if isinstance(c, ToClient)]
    fields = decode_error(bytes(told.data[5:]))
    return fields["V"], fields["C"]


@pytest.mark.parametrize("length", [*LENGTHS, 4, 7, 10_001])
def test_of_a_startup_packet(length: int) -> None:
    assert fatal(opened().client_data(length.to_bytes(4, "big"))) == ("FATAL", "08P01")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", "QPBDECSHFXdcfp")
def test_of_a_clients_message(kind: str, length: int) -> None:
    assert fatal(logged_in().client_data(kind.encode() + length.to_bytes(4, "big"))) == ("FATAL", "08P01")


@pytest.mark.parametrize("length", [*LENGTHS, 65_536])
def test_of_a_password(length: int) -> None:
    assert fatal(asked().client_data(b"p" + length.to_bytes(4, "big"))) == ("FATAL", "08P01")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", "RKvSZENTDCdAW")
@pytest.mark.parametrize("when", [asked, logged_in], ids=["login", "later"])
def test_of_a_servers_message(when: Callable[[], Session], kind: str, length: int) -> None:
    assert fatal(when().server_data(kind.encode() + length.to_bytes(4, "big"))) == ("FATAL", "08P01")


@pytest.mark.parametrize("kind", "QPBECF")
def test_a_message_without_the_body_that_is_read(kind: str) -> None:
    """A length of 4 is nothing but the length itself. Describe goes on unread: the server refuses it."""
    assert fatal(logged_in().client_data(kind.encode() + (4).to_bytes(4, "big"))) == ("FATAL", "08P01")


def test_a_startup_packet_in_any_two_pieces() -> None:
    for packet, kind in ((START, Connect), (encode_cancel(b"k" * 260), CancelAnother)):
        for cut in range(1, len(packet)):
            session = opened()
            assert session.client_data(packet[:cut]) == []
            assert [type(command) for command in session.client_data(packet[cut:])] == [kind]


@pytest.mark.parametrize(
    "message", [Q("SELECT 1"), P("SELECT 1") + B() + D() + E() + C() + H + S], ids=["simple", "extended"]
)
def test_a_clients_messages_in_any_two_pieces(message: bytes) -> None:
    for cut in range(1, len(message)):
        session = logged_in()
        commands = [*session.client_data(message[:cut]), *session.client_data(message[cut:])]
        assert b"".join(bytes(c.data) for c in commands if isinstance(c, ToServer)) == message


def test_a_login_and_an_answer_in_any_two_pieces() -> None:
    whole = LET_IN + encode_command_complete("SELECT 1") + encode_ready("I")
    for cut in range(1, len(LET_IN)):
        session = asked()
        session.client_data(encode_password(b"x"))
        session.server_data(whole[:cut])
        session.server_data(LET_IN[cut:])
        assert session.phase is Phase.READY
        session.client_data(Q("SELECT 1"))
        answer = whole[len(LET_IN) :]
        for at in range(len(answer)):
            session.server_data(answer[at : at + 1])
        assert session.idle


def test_a_stranger_is_read_no_further_than_a_little() -> None:
    """While the server decides whether to let it in, the relay stops reading."""
    session = asked()
    session.client_data(encode_password(b"x"))
    session.client_data(Q("x" * 70_000))
    assert session.waiting
