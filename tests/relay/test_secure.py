"""TLS on the client's leg, through a whole link: what clients see, and what a hostile one achieves."""

import asyncio
import hashlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.relay import CertificateFiles, RelaySettings, load_certificate
from proxy.relay.certificate import Certificate
from proxy.relay.secure import SecureTransport
from proxy.session import Command, Ended, Report, StartTls, TlsInfo, ToClient
from proxy.session.commands import Close
from proxy.wire.startup import encode_ssl_request
from tests.relay.certificates import Certificates
from tests.relay.peers import (
    PATIENCE_S,
    Client,
    Handler,
    PassingSession,
    Relay,
    connected,
    echo,
    relay,
    server,
    until,
)

MEGABYTE = 1024 * 1024
LONG = 64 * MEGABYTE


class SecuringSession(PassingSession):
    """Answers an SSLRequest, or a handshake that comes unasked; lets all through from then on."""

    tls: TlsInfo | None = None
    failure = ""
    began = False

    def from_client(self, data: bytes) -> list[Command]:
        if self.tls is not None:
            return super().from_client(data)
        assert not self.began, "plain bytes after TLS was begun"
        self.began = True
        if data[:1] == b"\x16":
            return [StartTls(data)]
        assert data == encode_ssl_request()
        return [ToClient(b"S"), StartTls(b"")]

    def client_secured(self, tls: TlsInfo) -> list[Command]:
        self.tls = tls
        return []

    def client_not_secured(self, reason: str) -> list[Command]:
        self.failure = reason
        self.over = True
        return [Report(Ended(reason)), Close()]


@pytest.fixture(scope="session")
def own(certificates: Certificates) -> Certificate:
    certificate, key = map(str, certificates.loopback)
    return load_certificate(CertificateFiles(certificate, key, certificates.ca_file))


def trusting(certificates: Certificates, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """A client that checks everything, and shows a certificate of its own if it has one."""
    context = ssl.create_default_context(cafile=certificates.ca_file)
    context.set_alpn_protocols(["postgresql"])
    if pair is not None:
        context.load_cert_chain(*pair)
    return context


@asynccontextmanager
async def gate_with(
    own: Certificate, handler: Handler = echo, settings: RelaySettings | None = None
) -> AsyncIterator[Relay]:
    async with server(handler) as port, relay(port, SecuringSession, settings) as gate:
        gate.listener.swap_certificate(own)
        yield gate


async def ask(client: Client) -> None:
    await client.send(encode_ssl_request())
    assert await client.receive(1) == b"S"


@asynccontextmanager
async def secured(gate: Relay, context: ssl.SSLContext, *, direct: bool = False) -> AsyncIterator[Client]:
    """A client with TLS, asked for or at once."""
    async with connected(gate.port) as client:
        if not direct:
            await ask(client)
        await client.writer.start_tls(context, server_hostname="localhost")
        yield client


def only(gate: Relay) -> SecuringSession:
    return cast(SecuringSession, gate.sessions[-1])


# -- standing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direct", [False, True], ids=["asked", "direct"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_bytes_pass_both_ways(
    own: Certificate, certificates: Certificates, direct: bool, version: ssl.TLSVersion
) -> None:
    context = trusting(certificates)
    context.maximum_version = version
    async with gate_with(own) as gate, secured(gate, context, direct=direct) as client:
        for data in (b"first", b"second", os.urandom(3 * MEGABYTE)):
            client.writer.write(data)
            assert await client.receive(len(data)) == data
        tls = only(gate).tls
        assert tls is not None
        assert (tls.version.replace(".", "_"), tls.alpn) == (version.name, "postgresql")
        shown = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert tls.own_certificate == own.der == shown
        assert (tls.peer_certificate, tls.identities) == (None, ())


async def test_what_a_clients_certificate_says(own: Certificate, certificates: Certificates) -> None:
    pair = certificates.trusted.certify("ada", "ada.example.com")
    async with gate_with(own) as gate, secured(gate, trusting(certificates, pair)) as client:
        client.writer.write(b"x")
        assert await client.receive(1) == b"x"
        tls = only(gate).tls
        assert tls is not None
        assert tls.identities == ("ada", "ada.example.com")
        assert tls.peer_certificate == ssl.PEM_cert_to_DER_cert(pair[0].read_text())


class ByHand:
    """A client's TLS without a socket: what it would send, a step at a time."""

    def __init__(self, certificates: Certificates) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trusting(certificates).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def step(self) -> bool:
        """Go on with the handshake; False when it needs more of the other side's."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True


async def test_bytes_that_come_with_the_end_of_the_handshake_are_not_lost(
    own: Certificate, certificates: Certificates
) -> None:
    """One packet may hold a client's Finished and its startup packet."""
    hand = ByHand(certificates)
    async with gate_with(own) as gate, connected(gate.port) as client:
        await ask(client)
        while not hand.step():
            await client.send(hand.outgoing.read())
            hand.incoming.write(await client.reader.read(65_536))
        hand.tls.write(b"hello")
        await client.send(hand.outgoing.read())
        hand.incoming.write(await client.reader.read(65_536))
        assert hand.tls.read(100) == b"hello"


async def test_a_handshake_may_come_byte_by_byte(own: Certificate, certificates: Certificates) -> None:
    hand = ByHand(certificates)
    async with gate_with(own) as gate, connected(gate.port) as client:
        client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await ask(client)
        while not hand.step():
            for byte in hand.outgoing.read():
                await client.send(bytes([byte]))
                await asyncio.sleep(0)
            hand.incoming.write(await client.reader.read(65_536))
        hand.tls.write(b"hello")
        await client.send(hand.outgoing.read())
        hand.incoming.write(await client.reader.read(65_536))
        assert hand.tls.read(100) == b"hello"


async def test_the_next_handshake_shows_the_new_certificate(
    own: Certificate, certificates: Certificates
) -> None:
    files = CertificateFiles(*(str(file) for file in certificates.trusted.certify("localhost")))
    other = load_certificate(files)
    async with gate_with(own) as gate, secured(gate, trusting(certificates)) as before:
        gate.listener.swap_certificate(other)
        async with secured(gate, trusting(certificates)) as after:
            for client, certificate in ((before, own), (after, other)):
                client.writer.write(b"x")
                assert await client.receive(1) == b"x"
                seen = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                assert seen == certificate.der


async def test_without_a_certificate_a_session_that_begins_tls_ends() -> None:
    async with server(echo) as port, relay(port, SecuringSession) as gate, connected(gate.port) as client:
        await ask(client)
        await client.rest()
        await gate.emptied()
        assert [str(error) for error in gate.crashes] == ["TLS was begun without a certificate"]


# -- hostile -----------------------------------------------------------------------------------------------


@pytest.mark.defect_15
@pytest.mark.parametrize(
    "plain", [b"Q\0\0\0\x0dSELECT 1\0", b"\0\0\0\x08\x04\xd2\x16\x2f", b"GET / HTTP/1.1"]
)
async def test_what_is_sent_in_the_clear_instead_of_a_handshake_is_never_used(
    own: Certificate, plain: bytes
) -> None:
    async with gate_with(own) as gate, connected(gate.port) as client:
        await ask(client)
        await client.send(plain)
        rest = await client.rest()
        await gate.emptied()
        assert only(gate).failure != ""
        assert rest[:1] in (b"", b"\x15")  # nothing, or an alert
        assert gate.crashes == []


@pytest.mark.defect_15
async def test_what_is_sent_in_the_clear_before_a_handshake_spoils_it(
    own: Certificate, certificates: Certificates
) -> None:
    """Somebody on the way puts bytes between the answer and the client's handshake (CVE-2021-23214)."""
    hand = ByHand(certificates)
    assert not hand.step()
    async with gate_with(own) as gate, connected(gate.port) as client:
        await ask(client)
        await client.send(b"Q\0\0\0\x0dSELECT 1\0" + hand.outgoing.read())
        await client.rest()
        await gate.emptied()
        assert only(gate).tls is None


async def test_a_broken_record_ends_the_connection(own: Certificate, certificates: Certificates) -> None:
    async with gate_with(own) as gate, secured(gate, trusting(certificates)) as client:
        client.writer.write(b"x")
        assert await client.receive(1) == b"x"
        raw: socket.socket = client.writer.get_extra_info("socket")
        os.write(raw.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
        await until(lambda: gate.listener.connections == 0)
        assert only(gate).events == ["client_eof"]


async def refused(gate: Relay, context: ssl.SSLContext) -> str:
    """What a client is told whose handshake fails, now or with the first answer in TLS 1.3."""
    with pytest.raises(ssl.SSLError) as raised:
        async with secured(gate, context) as client:
            await client.receive(1)
    await gate.emptied()
    return raised.value.reason or ""


async def test_a_client_is_told_by_an_alert_why_there_is_no_tls(
    own: Certificate, certificates: Certificates
) -> None:
    stranger = trusting(certificates, certificates.self_made)
    old = trusting(certificates)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    async with gate_with(own) as gate:
        assert await refused(gate, stranger) == "TLSV1_ALERT_UNKNOWN_CA"
        assert only(gate).failure == (
            "its certificate is not trusted: unable to get local issuer certificate"
        )
        expired = trusting(certificates, certificates.expired)
        assert await refused(gate, expired) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
        with pytest.warns(DeprecationWarning):
            old.minimum_version = ssl.TLSVersion.TLSv1_1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        assert await refused(gate, old) == "TLSV1_ALERT_PROTOCOL_VERSION"
        assert only(gate).failure == "unsupported protocol"


@pytest.mark.parametrize("asked", [b"", b"\x16", b"\x16\x03\x01\x02\x00"])
async def test_a_handshake_that_does_not_go_on_is_ended(own: Certificate, asked: bytes) -> None:
    settings = RelaySettings(login_timeout_s=0.2)
    async with gate_with(own, settings=settings) as gate, connected(gate.port) as client:
        await ask(client)
        if asked:
            await client.send(asked)
        assert await client.rest() == b""
        await gate.emptied()


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(own: Certificate) -> None:
    async with gate_with(own) as gate:
        for kill in (True, False):
            async with connected(gate.port) as client:
                await ask(client)
                await client.send(b"\x16\x03\x01")
                await until(lambda: gate.listener.connections == 1)
                if kill:
                    client.kill()
            await gate.emptied()
        assert gate.crashes == []


@pytest.mark.parametrize("how", ["reset", "end"])
async def test_a_client_that_vanishes_within_tls_ends_the_servers_side(
    own: Certificate, certificates: Certificates, how: str
) -> None:
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1))
        await reader.read()
        gone.set()

    async with gate_with(own, listen) as gate, secured(gate, trusting(certificates)) as client:
        client.writer.write(b"x")
        assert await client.receive(1) == b"x"
        if how == "reset":
            client.kill()
        else:
            client.writer.transport.abort()  # without a close_notify
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        await gate.emptied()
        assert (only(gate).events, gate.crashes) == (["client_eof"], [])


# -- flow --------------------------------------------------------------------------------------------------


async def test_whoever_is_let_go_is_told_so_within_tls_and_not_waited_for(
    own: Certificate, certificates: Certificates
) -> None:
    async with gate_with(own) as gate, secured(gate, trusting(certificates)) as client:
        client.writer.write(b"x")
        assert await client.receive(1) == b"x"
        await gate.listener.drain(5)
        assert await client.rest() == b"<drained>"


@pytest.mark.defect_26
async def test_a_slow_reader_that_pipelines_does_not_stop_what_flows(
    own: Certificate, certificates: Certificates
) -> None:
    """Both directions are full at once; when the client reads again, all of it arrives, in order."""
    sent, heard = hashlib.sha256(), hashlib.sha256()
    async with gate_with(own) as gate, secured(gate, trusting(certificates)) as client:

        async def pipeline() -> None:
            for number in range(LONG // MEGABYTE):
                piece = bytes([number]) * MEGABYTE
                sent.update(piece)
                await client.send(piece)

        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        writing = asyncio.create_task(pipeline())
        link = next(iter(gate.listener._links))
        await until(lambda: link._client_full and link._client_paused)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        left = LONG
        async with asyncio.timeout(60):
            while left:
                data = await client.reader.read(MEGABYTE)
                heard.update(data)
                left -= len(data)
            await writing
    assert heard.digest() == sent.digest()


async def test_a_reader_that_stops_costs_one_buffer(own: Certificate, certificates: Certificates) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(2)
        piece = bytes(MEGABYTE)
        for _ in range(LONG // MEGABYTE):
            writer.write(piece)
            await writer.drain()

    async with gate_with(own, flood) as gate, secured(gate, trusting(certificates)) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(b"go")
        before = psutil.Process().memory_info().rss
        link = next(iter(gate.listener._links))
        await until(lambda: link._client_full)
        assert psutil.Process().memory_info().rss - before < 16 * MEGABYTE
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await client.receive(MEGABYTE)) == MEGABYTE


class _Counting:
    """A TLS session that counts what it is asked to encrypt."""

    def __init__(self, inner: ssl.SSLObject) -> None:
        self._inner = inner
        self.asked: list[memoryview] = []
        self.do_handshake: Callable[[], None] = inner.do_handshake

    def write(self, data: memoryview) -> int:
        self.asked.append(data)
        return self._inner.write(data)


class Heard(asyncio.Protocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data


class _Sink(asyncio.Transport):
    """A plain transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.written))

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def close(self) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


def shake_hands(
    session: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject], hand: ByHand, protocol: asyncio.Protocol
) -> tuple[SecureTransport, _Sink]:
    """Both ends of TLS without a socket."""
    sink = _Sink()
    secure = SecureTransport(sink, session, protocol, lambda tls: None, lambda error: None)
    secure.begin()
    while not hand.step():
        secure._received(hand.outgoing.read())
        hand.incoming.write(b"".join(sink.written))
        sink.written.clear()
    secure._received(hand.outgoing.read())
    return secure, sink


@given(sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=6), cuts=st.lists(st.integers(1, 9_000)))
@settings(max_examples=40)
def test_any_chunking_gives_the_same_bytes(
    own: Certificate, certificates: Certificates, sizes: list[int], cuts: list[int]
) -> None:
    heard = Heard()
    hand = ByHand(certificates)
    secure, _ = shake_hands(own.accept, hand, heard)
    said = [bytes([number]) * size for number, size in enumerate(sizes)]
    for piece in said:
        hand.tls.write(piece)
    encrypted = hand.outgoing.read()
    for cut in cuts:
        secure._received(encrypted[:cut])
        encrypted = encrypted[cut:]
    secure._received(encrypted)
    assert bytes(heard.data) == b"".join(said)


@given(st.lists(st.binary(max_size=300), max_size=5), st.booleans())
@settings(max_examples=200)
def test_garbage_is_a_failed_handshake_or_the_wait_for_more(
    own: Certificate, pieces: list[bytes], looks_like_one: bool
) -> None:
    secured: list[ssl.SSLObject] = []
    failed: list[OSError] = []
    heard = Heard()
    secure = SecureTransport(_Sink(), own.accept, heard, secured.append, failed.append)
    secure.begin(b"\x16\x03\x01" if looks_like_one else b"")
    for piece in pieces:
        secure._received(piece)
    assert (secured, bytes(heard.data)) == ([], b"")
    assert secure.is_closing() is bool(failed)
    assert len(failed) < 2


@pytest.mark.defect_28
def test_a_long_write_is_encrypted_by_pieces_of_one_buffer(
    own: Certificate, certificates: Certificates
) -> None:
    """Linear in the size: every byte is given to OpenSSL once, out of the very object that was written."""
    hand = ByHand(certificates)
    made: list[_Counting] = []

    def session(reads: ssl.MemoryBIO, writes: ssl.MemoryBIO) -> ssl.SSLObject:
        made.append(_Counting(own.accept(reads, writes)))
        return cast(ssl.SSLObject, made[0])

    secure, sink = shake_hands(session, hand, asyncio.Protocol())
    data = os.urandom(1_000_000)
    secure.write(data)
    assert {id(view.obj) for view in made[0].asked} == {id(data)}
    assert sum(map(len, made[0].asked)) == len(data)
    assert max(map(len, sink.written)) < 300_000
    hand.incoming.write(b"".join(sink.written))
    read = bytearray()
    while len(read) < len(data):
        read += hand.tls.read(16_384)
    assert read == data


class _Answering:
    """A TLS session that has something to say whenever it reads, as to a KeyUpdate."""

    def __init__(self, reads: ssl.MemoryBIO, writes: ssl.MemoryBIO) -> None:
        self._reads, self._writes = reads, writes

    def do_handshake(self) -> None:
        pass

    def read(self, size: int) -> bytes:
        self._reads.read(size)
        self._writes.write(bytes(27))
        raise ssl.SSLWantReadError


@pytest.mark.defect_27
def test_whoever_has_answers_made_and_takes_none_is_cut_off() -> None:
    sink = _Sink()

    def session(reads: ssl.MemoryBIO, writes: ssl.MemoryBIO) -> ssl.SSLObject:
        return cast(ssl.SSLObject, _Answering(reads, writes))

    secure = SecureTransport(sink, session, asyncio.Protocol(), lambda tls: None, lambda error: None)
    secure.begin()
    sink.written = [bytes(4 * MEGABYTE - 27)]
    for _ in range(2):
        secure._received(b"x")
    assert (sink.get_write_buffer_size(), sink.aborted) == (4 * MEGABYTE + 27, False)
    secure._received(b"x")
    assert (sink.get_write_buffer_size(), sink.aborted) == (4 * MEGABYTE + 27, True)
