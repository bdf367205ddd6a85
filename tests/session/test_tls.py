"""TLS on the client's leg as the session sees it: what is asked for, what stands, who may come in."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pytest

from proxy.session import (
    CancelAnother,
    ClientCertificate,
    ClientTls,
    Close,
    Command,
    Connect,
    Ended,
    Peer,
    Phase,
    Report,
    Session,
    StartTls,
    TlsInfo,
    ToClient,
    ToServer,
)
from proxy.wire.backend import decode_error
from proxy.wire.startup import encode_cancel, encode_gssenc_request, encode_ssl_request, encode_startup
from tests.session.wired import gate_of

START = encode_startup(3, 0, [("user", "ada"), ("database", "shop")])
CANCEL = encode_cancel(struct.pack(">II", 17, 99))
CONNECT = Connect("ada", "shop")
HELLO = b"\x16\x03\x01\x02\x00\x01"
PLAIN_TLS = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384")
DIRECT_TLS = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", "postgresql")

OFFERED = ClientTls(offered=True)
REQUIRED = ClientTls(offered=True, required=True)


def session_of(asks: ClientTls) -> Session:
    gate = gate_of()
    gate.client_tls = asks
    return Session(gate, Peer("127.0.0.1"))


def secured(asks: ClientTls, tls: TlsInfo = PLAIN_TLS) -> Session:
    """A session whose client has asked for TLS and has it."""
    session = session_of(asks)
    assert session.client_data(encode_ssl_request()) == [ToClient(b"S"), StartTls(b"")]
    assert session.client_secured(tls) == []
    return session


def fatal(commands: Sequence[Command]) -> tuple[str, str, str]:
    """The one thing that is said before the end: SQLSTATE, message, hint."""
    (said,) = [command for command in commands if isinstance(command, ToClient)]
    assert commands[-1] == Close()
    fields = decode_error(bytes(said.data[5:]))
    assert fields["V"] == "FATAL"
    return fields["C"], fields["M"], fields.get("H", "")


# -- asking ------------------------------------------------------------------------------------------------


@pytest.mark.defect_15
def test_an_ssl_request_is_answered_yes_and_tls_begins() -> None:
    session = secured(OFFERED)
    assert session.client_data(START) == [CONNECT]
    assert session.admission.client_tls is PLAIN_TLS


@pytest.mark.defect_15
def test_gssapi_encryption_is_declined_before_tls() -> None:
    session = session_of(REQUIRED)
    assert session.client_data(encode_gssenc_request()) == [ToClient(b"N")]
    assert session.client_data(encode_ssl_request()) == [ToClient(b"S"), StartTls(b"")]


@pytest.mark.parametrize("again", [encode_ssl_request(), encode_gssenc_request()])
def test_inside_tls_no_encryption_may_be_asked_for(again: bytes) -> None:
    commands = secured(OFFERED).client_data(again)
    assert fatal(commands)[:2] == ("08P01", "encryption was requested again")


@pytest.mark.defect_15
@pytest.mark.parametrize("behind", [START, b"\x16", b"Q", encode_ssl_request()])
@pytest.mark.parametrize("before", [b"", encode_gssenc_request()])
def test_nothing_sent_behind_the_request_is_used(before: bytes, behind: bytes) -> None:
    session = session_of(OFFERED)
    if before:
        session.client_data(before)
    commands = session.client_data(encode_ssl_request() + behind)
    assert fatal(commands)[:2] == ("08P01", "received unencrypted data after an encryption request")
    assert session.phase is Phase.CLOSED


@pytest.mark.defect_15
def test_nothing_that_comes_between_the_answer_and_tls_is_used() -> None:
    """The relay hands none over; should it, the session ends and says nothing in the clear."""
    session = session_of(OFFERED)
    session.client_data(encode_ssl_request())
    commands = session.client_data(START)
    assert [command for command in commands if isinstance(command, ToClient | Connect | ToServer)] == []
    assert commands[-1] == Close()


# -- beginning with TLS at once ----------------------------------------------------------------------------


@pytest.mark.defect_15
@pytest.mark.parametrize("hello", [HELLO, HELLO[:1]])
def test_a_handshake_may_come_unasked(hello: bytes) -> None:
    session = session_of(REQUIRED)
    assert session.client_data(hello) == [StartTls(hello)]
    assert session.client_secured(DIRECT_TLS) == []
    assert session.client_data(START) == [CONNECT]


@pytest.mark.defect_15
@pytest.mark.parametrize("alpn", [None, "http/1.1"])
def test_an_unasked_handshake_has_to_name_the_protocol(alpn: str | None) -> None:
    """Else a browser that is made to speak to this port could be answered (ALPACA)."""
    session = session_of(OFFERED)
    session.client_data(HELLO)
    assert fatal(session.client_secured(TlsInfo("TLSv1.3", "x", alpn)))[:2] == (
        "08P01",
        "received direct SSL connection request without ALPN protocol negotiation extension",
    )


@pytest.mark.parametrize("before", [encode_gssenc_request(), b"\0"])
def test_a_handshake_is_one_only_at_the_very_beginning(before: bytes) -> None:
    session = session_of(OFFERED)
    session.client_data(before)
    assert fatal(session.client_data(HELLO))[0] == "08P01"


def test_without_a_certificate_a_handshake_is_no_startup_packet() -> None:
    assert fatal(session_of(ClientTls()).client_data(HELLO))[0] == "08P01"


# -- not coming about --------------------------------------------------------------------------------------


def test_a_handshake_that_fails_is_counted_and_told_to_the_log_alone() -> None:
    session = session_of(OFFERED)
    session.client_data(encode_ssl_request())
    assert session.client_not_secured("no shared cipher") == [
        Report(Ended("no TLS with the client: no shared cipher")),
        Close(),
    ]
    assert session._gate.tally.tls_failures == {"handshake": 1, "plain": 0, "certificate": 0}


@pytest.mark.parametrize("end", ["drain", "terminate"])
def test_whoever_is_sent_away_during_a_handshake_is_told_nothing_in_the_clear(end: str) -> None:
    session = session_of(OFFERED)
    session.client_data(encode_ssl_request())
    commands = session.drain() if end == "drain" else session.terminate("too late")
    assert [command for command in commands if isinstance(command, ToClient)] == []
    assert commands[-1] == Close()
    assert session.client_secured(PLAIN_TLS) == []


# -- who may come in ---------------------------------------------------------------------------------------


def test_where_tls_is_required_a_plain_client_is_told_what_to_do() -> None:
    session = session_of(REQUIRED)
    assert fatal(session.client_data(START)) == (
        "28000",
        "This gate takes encrypted connections only.",
        "Connect with sslmode=require, or with sslmode=verify-full and sslrootcert.",
    )
    assert session._gate.tally.tls_failures["plain"] == 1


@pytest.mark.parametrize("certificate", ClientCertificate)
def test_at_a_unix_socket_nobody_needs_tls(certificate: ClientCertificate) -> None:
    gate = gate_of()
    gate.client_tls = ClientTls(True, True, certificate)
    assert Session(gate, Peer(None, local=True)).client_data(START) == [CONNECT]


def test_a_client_of_whom_a_balancer_knows_nothing_is_not_local() -> None:
    gate = gate_of()
    gate.client_tls = REQUIRED
    assert fatal(Session(gate, Peer(None)).client_data(START))[0] == "28000"


@pytest.mark.parametrize("tls", [True, False])
def test_a_cancel_request_needs_no_tls(tls: bool) -> None:
    """Libpq before 17 sends it in the clear, whatever the connection is."""
    session = secured(REQUIRED) if tls else session_of(REQUIRED)
    assert session.client_data(CANCEL) == [CancelAnother(CANCEL[8:], "127.0.0.1")]


def shown(common_name: str | None, *names: str) -> TlsInfo:
    return TlsInfo(
        "TLSv1.3",
        "x",
        peer_certificate=b"der",
        common_name=common_name,
        alternative_names=names,
    )


NOBODY = "connection requires a valid client certificate"
OTHER = 'certificate authentication failed for user "ada"'
MAPPED = {"ci.example.com": frozenset({"deploy", "ada"}), "ada": frozenset({"bob"})}


@pytest.mark.parametrize(
    ("certificate", "roles", "tls", "message"),
    [
        (ClientCertificate.OPTIONAL, {}, PLAIN_TLS, None),
        (ClientCertificate.OPTIONAL, {}, shown("eve"), None),
        (ClientCertificate.VERIFY_CA, {}, PLAIN_TLS, NOBODY),
        (ClientCertificate.VERIFY_CA, {}, shown("eve"), None),
        (ClientCertificate.VERIFY_CA, {}, shown(None), None),
        (ClientCertificate.VERIFY_FULL, {}, PLAIN_TLS, NOBODY),
        (ClientCertificate.VERIFY_FULL, {}, shown("ada"), None),
        (ClientCertificate.VERIFY_FULL, {}, shown(None, "ada"), None),
        (ClientCertificate.VERIFY_FULL, {}, shown("x", "y", "ada"), None),
        (ClientCertificate.VERIFY_FULL, {}, shown("Ada"), OTHER),
        (ClientCertificate.VERIFY_FULL, {}, shown("eve", "eve@example.com"), OTHER),
        (ClientCertificate.VERIFY_FULL, {}, shown("ada\0eve"), OTHER),
        (ClientCertificate.VERIFY_FULL, {}, shown(None), OTHER),
        (ClientCertificate.VERIFY_FULL, MAPPED, shown("ci.example.com"), None),
        (ClientCertificate.VERIFY_FULL, MAPPED, shown("eve", "ci.example.com"), None),
        (ClientCertificate.VERIFY_FULL, MAPPED, shown("eve"), OTHER),
        (ClientCertificate.VERIFY_FULL, MAPPED, shown("ada"), OTHER),
    ],
)
def test_certificates(
    certificate: ClientCertificate,
    roles: Mapping[str, frozenset[str]],
    tls: TlsInfo,
    message: str | None,
) -> None:
    session = secured(ClientTls(True, True, certificate, roles), tls)
    commands = session.client_data(START)
    if message is None:
        assert commands == [CONNECT]
    else:
        assert fatal(commands)[:2] == ("28000", message)
        assert session._gate.tally.tls_failures["certificate"] == 1


def test_a_session_knows_what_stands_on_either_leg() -> None:
    session = secured(OFFERED, DIRECT_TLS)
    session.client_data(START)
    server = TlsInfo("TLSv1.2", "y", peer_certificate=b"server")
    assert session.server_connected(server) == [ToServer(START)]
    admission = session.admission
    assert (admission.client_tls, admission.server_tls) == (DIRECT_TLS, server)
