"""A client of the gate's console: told by its database's name, passed on unread, never to the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.session import (
    Close,
    Command,
    Connect,
    Excess,
    Peer,
    Phase,
    Session,
    TlsInfo,
    ToClient,
    ToServer,
    UpstreamFailure,
)
from proxy.session.introduction import (
    LENGTH_BYTES,
    Introduction,
    decode_introduction,
    encode_introduction,
    introduction_length,
)
from proxy.wire.backend import decode_error
from proxy.wire.channelbinding import end_point
from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import encode_startup
from tests.relay.certificates import Authority
from tests.session.wired import gate_of

CONSOLE = encode_startup(3, 0, [("user", "ada"), ("database", "pgwarden")])
PEER = Peer("192.0.2.7", 5)


def session_of(console: str = "pgwarden") -> Session:
    gate = gate_of()
    gate.console = console
    gate.name = "127.0.0.1:6432"
    return Session(gate, PEER)


def to_server(commands: list[Command]) -> bytes:
    return b"".join(bytes(command.data) for command in commands if isinstance(command, ToServer))


def called() -> Session:
    session = session_of()
    assert session.client_data(CONSOLE) == [Connect(console=True)]
    session.server_connected(None)
    return session


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 8))
def test_everything_is_passed_on_unread(chunks: list[bytes], early: int) -> None:
    session = session_of()
    assert session.client_data(CONSOLE) == [Connect(console=True)]
    before = [command for chunk in chunks[:early] for command in session.client_data(chunk)]
    assert before == []
    commands = session.server_connected(None)
    for chunk in chunks[early:]:
        commands += session.client_data(chunk)
    introduction = encode_introduction(Introduction("127.0.0.1:6432", "192.0.2.7"))
    assert to_server(commands) == introduction + CONSOLE + b"".join(chunks)
    assert session.server_data(b"Zanything") == [ToClient(b"Zanything")]
    assert session.phase is Phase.CONSOLE


@pytest.mark.parametrize(
    ("console", "packet"),
    [
        ("", CONSOLE),
        ("other", CONSOLE),
        ("pgwarden", encode_startup(3, 0, [("user", "ada"), ("database", "PGWARDEN")])),
        ("pgwarden", encode_startup(3, 0, [("user", "ada"), ("database", "shop")])),
    ],
)
def test_anybody_else_goes_the_ordinary_way(console: str, packet: bytes) -> None:
    session = session_of(console)
    (command,) = session.client_data(packet)
    assert command == Connect("ada", session.database)


def test_a_walsender_is_no_caller() -> None:
    startup = encode_startup(3, 0, [("user", "ada"), ("database", "pgwarden"), ("replication", "database")])
    assert Connect(console=True) not in session_of().client_data(startup)


def test_what_a_login_can_be_bound_to_is_told(tmp_path: Path) -> None:
    shown, _ = Authority(tmp_path, "authority").certify("gate")
    certificate = load_pem_x509_certificate(shown.read_bytes()).public_bytes(Encoding.DER)
    session = session_of()
    session.admission.client_tls = TlsInfo("TLSv1.3", "x", own_certificate=certificate)
    session.client_data(CONSOLE)
    told = to_server(session.server_connected(None))
    length = introduction_length(told[:LENGTH_BYTES])
    assert decode_introduction(told[LENGTH_BYTES : LENGTH_BYTES + length]) == Introduction(
        "127.0.0.1:6432", "192.0.2.7", True, end_point(certificate)
    )


def test_a_console_that_does_not_answer() -> None:
    session = session_of()
    session.client_data(CONSOLE)
    (said, *_, last) = [
        command
        for command in session.server_failed(UpstreamFailure("no"))
        if isinstance(command, ToClient | Close)
    ]
    assert isinstance(said, ToClient)
    assert decode_error(bytes(said.data[5:]))["C"] == "57P03"
    assert isinstance(last, Close)


def test_too_many_callers_are_told() -> None:
    session = session_of()
    session.client_data(CONSOLE)
    (said, *_) = session.turned_away(Excess("console", "too many", "", "wait"))
    assert isinstance(said, ToClient)
    assert decode_error(bytes(said.data[5:]))["C"] == "53300"


@pytest.mark.parametrize("end", ["drain", "server_eof", "client_eof", "terminate"])
def test_when_it_ends_nothing_is_said_into_a_message(end: str) -> None:
    session = called()
    commands = session.terminate("over") if end == "terminate" else getattr(session, end)()
    assert not [command for command in commands if isinstance(command, ToClient | ToServer)]
    assert isinstance(commands[-1], Close)
    assert session.phase is Phase.CLOSED
    assert session.client_data(b"x") == session.server_data(b"x") == []


@example(b"\x81\xa8listener\xa1\xff")
@given(st.binary(max_size=30))
def test_what_is_no_introduction_is_refused(raw: bytes) -> None:
    try:
        found = decode_introduction(raw)
    except ProtocolViolation:
        return
    assert decode_introduction(encode_introduction(found)[LENGTH_BYTES:]) == found
