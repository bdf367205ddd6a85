"""Connections to the server: TLS that is what it says, and a clear reason whenever there is none."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from proxy.relay import SslMode, Upstream, UpstreamError
from proxy.wire.startup import encode_ssl_request
from tests.relay.certificates import Certificates, server_context
from tests.relay.peers import PATIENCE_S, Handler, echo, full_backlog, server, until

LOOPBACK = "127.0.0.1"


def tls_server(context: ssl.SSLContext, seen: list[str | None] | None = None) -> Handler:
    """A server that takes TLS when asked, then says back what it hears."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == encode_ssl_request()
        writer.write(b"S")
        await writer.start_tls(context)
        if seen is not None:
            seen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await echo(reader, writer)

    return handle


def says(answer: bytes, *, then_closes: bool = True) -> Handler:
    """A server that answers the SSLRequest with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(answer)
        await writer.drain()
        if not then_closes:
            await reader.read()

    return handle


async def talk(upstream: Upstream) -> bytes:
    """Connect, say hello, and give what comes back."""
    transport, arrival = await upstream.connect()
    try:
        transport.write(b"hello")
        await until(lambda: len(arrival.data) >= 5)
        return bytes(arrival.data)
    finally:
        transport.abort()


async def failure(upstream: Upstream) -> tuple[str, str]:
    """Why connecting fails, without the port."""
    with pytest.raises(UpstreamError) as caught:
        await upstream.connect()
    return caught.value.message.replace(f":{upstream.port}", ""), caught.value.hint


async def test_plain() -> None:
    async with server(echo) as port:
        assert await talk(Upstream(LOOPBACK, port, SslMode.DISABLE)) == b"hello"


async def test_options_of_the_socket() -> None:
    async with server(echo) as port:
        transport, _ = await Upstream(LOOPBACK, port, SslMode.DISABLE).connect()
        connection = transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        transport.abort()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose name is short enough for a Unix socket's."""
    with TemporaryDirectory(prefix="pgw") as name:
        yield Path(name)


async def test_unix_socket(short_path: Path) -> None:
    upstream = Upstream(str(short_path), 5433, SslMode.DISABLE)
    assert str(upstream) == f"{short_path}/.s.PGSQL.5433"
    async with server(echo, short_path / ".s.PGSQL.5433"):
        assert await talk(upstream) == b"hello"


async def test_a_name_with_several_addresses() -> None:
    """Localhost is ::1, too, where nobody listens."""
    async with server(echo) as port:
        assert await talk(Upstream("localhost", port, SslMode.DISABLE)) == b"hello"


async def test_verify_full(certificates: Certificates) -> None:
    seen: list[str | None] = []
    async with server(tls_server(server_context(certificates.loopback), seen)) as port:
        for host in (LOOPBACK, "localhost"):
            upstream = Upstream(host, port, SslMode.VERIFY_FULL, certificates.ca_file)
            assert await talk(upstream) == b"hello"
    assert seen == ["postgresql", "postgresql"]


async def test_the_certificate_may_bear_another_name(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.elsewhere))) as port:
        upstream = Upstream(LOOPBACK, port, SslMode.VERIFY_FULL, certificates.ca_file, "db.example.com")
        assert await talk(upstream) == b"hello"


async def test_require_takes_any_certificate(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.self_made))) as port:
        assert await talk(Upstream(LOOPBACK, port, SslMode.REQUIRE)) == b"hello"


async def test_require_with_a_ca_file_checks_all_but_the_name(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.elsewhere))) as port:
        assert await talk(Upstream(LOOPBACK, port, SslMode.REQUIRE, certificates.ca_file)) == b"hello"
    async with server(tls_server(server_context(certificates.self_made))) as port:
        message, _ = await failure(Upstream(LOOPBACK, port, SslMode.REQUIRE, certificates.ca_file))
    assert message.startswith("The certificate of the server 127.0.0.1 is not trusted: ")


async def test_a_stranger_is_not_trusted(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.self_made))) as port:
        message, hint = await failure(Upstream(LOOPBACK, port, SslMode.VERIFY_FULL, certificates.ca_file))
    assert message == (
        "The certificate of the server 127.0.0.1 is not trusted: unable to get local issuer certificate."
    )
    assert hint == ("Put the file of the authority that signed it into the upstream URL as sslrootcert=FILE.")


async def test_the_system_does_not_trust_our_authority(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.loopback))) as port:
        message, _ = await failure(Upstream(LOOPBACK, port, SslMode.VERIFY_FULL))
    assert message.startswith("The certificate of the server 127.0.0.1 is not trusted: ")


async def test_what_the_system_trusts_is_trusted(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificates.ca_file)
    async with server(tls_server(server_context(certificates.loopback))) as port:
        assert await talk(Upstream(LOOPBACK, port, SslMode.VERIFY_FULL)) == b"hello"


async def test_the_wrong_name_is_refused(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.elsewhere))) as port:
        message, hint = await failure(Upstream("localhost", port, SslMode.VERIFY_FULL, certificates.ca_file))
    assert message == (
        "The certificate of the server localhost is not trusted: "
        "Hostname mismatch, certificate is not valid for 'localhost'."
    )
    assert hint == "Write the name that the certificate bears into the upstream URL."


async def test_an_expired_certificate_is_refused(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.expired))) as port:
        message, hint = await failure(Upstream(LOOPBACK, port, SslMode.VERIFY_FULL, certificates.ca_file))
    assert message == ("The certificate of the server 127.0.0.1 is not trusted: certificate has expired.")
    assert hint == "Renew the server's certificate, and check the clock of the gate's host."


async def test_verify_ca_checks_all_but_the_name(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.elsewhere))) as port:
        assert await talk(Upstream(LOOPBACK, port, SslMode.VERIFY_CA, certificates.ca_file)) == b"hello"
    async with server(tls_server(server_context(certificates.self_made))) as port:
        message, _ = await failure(Upstream(LOOPBACK, port, SslMode.VERIFY_CA, certificates.ca_file))
    assert message.startswith("The certificate of the server 127.0.0.1 is not trusted: ")


async def test_prefer_takes_tls_of_whomever_and_no_tls(certificates: Certificates) -> None:
    async with server(tls_server(server_context(certificates.self_made))) as port:
        transport, _ = await Upstream(LOOPBACK, port, SslMode.PREFER, certificates.ca_file).connect()
        assert transport.get_extra_info("ssl_object").version() == "TLSv1.3"
        transport.abort()

    async def declines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == encode_ssl_request()
        writer.write(b"N")
        await echo(reader, writer)

    async with server(declines) as port:
        upstream = Upstream(LOOPBACK, port, SslMode.PREFER)
        assert await talk(upstream) == b"hello"
        transport, _ = await upstream.connect()
        assert transport.get_extra_info("ssl_object") is None
        transport.abort()


async def test_prefer_uses_nothing_that_stands_behind_a_no() -> None:
    async with server(says(b"NR\0\0\0\x08\0\0\0\0")) as port:
        message, _ = await failure(Upstream(LOOPBACK, port, SslMode.PREFER))
    assert message == "The server 127.0.0.1 sent unencrypted data behind its answer to SSLRequest."


@pytest.mark.defect_15
@pytest.mark.parametrize("protocol", ["postgresql", "http/1.1"])
async def test_direct_tls_has_to_agree_on_the_protocol(certificates: Certificates, protocol: str) -> None:
    context = server_context(certificates.loopback)
    context.set_alpn_protocols([protocol])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(context)
        await echo(reader, writer)

    async with server(handle) as port:
        upstream = Upstream(LOOPBACK, port, SslMode.VERIFY_FULL, certificates.ca_file, direct=True)
        if protocol == "postgresql":
            assert await talk(upstream) == b"hello"
        else:
            assert await failure(upstream) == (
                "The server 127.0.0.1 does not name PostgreSQL's protocol by ALPN.",
                "Remove sslnegotiation=direct from the upstream URL, which only PostgreSQL 17 and later "
                "understand.",
            )


async def test_a_name_is_told_by_sni_and_an_address_is_not(certificates: Certificates) -> None:
    told: list[str | None] = []
    context = server_context(certificates.loopback)
    context.sni_callback = lambda tls, name, context: told.append(name)
    async with server(tls_server(context)) as port:
        for host in ("localhost", LOOPBACK):
            assert await talk(Upstream(host, port, SslMode.REQUIRE)) == b"hello"
    assert told == ["localhost", None]


async def test_a_server_that_is_not_trusted_is_told_why(certificates: Certificates) -> None:
    """Its log then says so, too, rather than that somebody went away."""
    told: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = server_context(certificates.self_made).wrap_bio(incoming, outgoing, server_side=True)
        while data := await reader.read(65_536):
            incoming.write(data)
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
            except ssl.SSLError as error:
                told.append(str(error.reason))
                return

    async with server(handle) as port:
        await failure(Upstream(LOOPBACK, port, SslMode.VERIFY_FULL, certificates.ca_file))
        await until(lambda: told == ["TLSV1_ALERT_UNKNOWN_CA"])


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (
            b"N",
            "The server 127.0.0.1 does not offer TLS, and sslmode=require asks for it.",
            "Turn on ssl in the server's postgresql.conf, or put sslmode=disable into the upstream URL if "
            "the network between is trusted.",
        ),
        (
            b"",
            "The server 127.0.0.1 was asked for TLS and closed the connection.",
            "Check that the upstream URL names a PostgreSQL server.",
        ),
        (
            b"E\0\0\0\x0fMlook here\0\0",
            "The server 127.0.0.1 was asked for TLS and answered with something else.",
            "Check that the upstream URL names a PostgreSQL server.",
        ),
        (
            b"HTTP/1.1 400 Bad Request",
            "The server 127.0.0.1 was asked for TLS and answered with something else.",
            "Check that the upstream URL names a PostgreSQL server.",
        ),
        (
            b"SR\0\0\0\x08\0\0\0\0",
            "The server 127.0.0.1 sent unencrypted data behind its answer to SSLRequest.",
            "Look for somebody between the gate and the server who changes what they say to each other.",
        ),
        (
            b"NR\0\0\0\x08\0\0\0\0",
            "The server 127.0.0.1 sent unencrypted data behind its answer to SSLRequest.",
            "Look for somebody between the gate and the server who changes what they say to each other.",
        ),
    ],
)
async def test_answers_to_ssl_request(answer: bytes, message: str, hint: str) -> None:
    async with server(says(answer)) as port:
        assert await failure(Upstream(LOOPBACK, port, SslMode.REQUIRE)) == (message, hint)


@pytest.mark.defect_15
async def test_plaintext_behind_the_answer_never_counts(certificates: Certificates) -> None:
    """The injected bytes come in a packet of their own, before the handshake."""

    async def inject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        await reader.readexactly(1)  # the client has begun its handshake: the answer was read alone
        writer.write(b"R\0\0\0\x08\0\0\0\0")
        await reader.read()

    async with server(inject) as port:
        message, _ = await failure(Upstream(LOOPBACK, port, SslMode.VERIFY_FULL, certificates.ca_file))
    assert message.startswith("TLS with the server 127.0.0.1 failed: ")


async def test_a_server_that_ends_in_the_handshake() -> None:
    async with server(says(b"S")) as port:
        message, hint = await failure(Upstream(LOOPBACK, port, SslMode.REQUIRE))
    assert message.startswith(
        ("The server 127.0.0.1 cannot be reached: ", "TLS with the server 127.0.0.1 failed: ")
    )
    assert hint


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        port = taken.getsockname()[1]
        assert await failure(Upstream(LOOPBACK, port, SslMode.DISABLE)) == (
            "The server 127.0.0.1 cannot be reached: Connection refused.",
            "Check that PostgreSQL is running and listens there, and the upstream URL.",
        )


@contextmanager
def full_queue(folder: Path) -> Iterator[tuple[Upstream, socket.socket]]:
    """A server at a Unix socket that has not accepted who stands there, and has room for nobody else."""
    upstream = Upstream(str(folder), 5433, SslMode.DISABLE, connect_timeout_s=0.2)
    with socket.socket(socket.AF_UNIX) as listening, ExitStack() as waiting:
        listening.bind(str(upstream))
        listening.listen(0)
        with pytest.raises(BlockingIOError):
            while True:
                first = waiting.enter_context(socket.socket(socket.AF_UNIX))
                first.setblocking(False)
                first.connect(str(upstream))
        yield upstream, listening


async def test_a_full_queue_at_a_unix_socket_is_no_connection(short_path: Path) -> None:
    with full_queue(short_path) as (upstream, _):
        message, _ = await failure(upstream)
        assert message == f"The server {upstream} did not answer within 0.2 s."


async def test_a_place_in_a_queue_is_waited_for(short_path: Path) -> None:
    with full_queue(short_path) as (full, listening):
        upstream = replace(full, connect_timeout_s=60)
        connecting = asyncio.create_task(upstream.connect())
        await asyncio.sleep(0.05)
        assert not connecting.done()
        with listening.accept()[0]:
            transport, _ = await connecting
            transport.write(b"hello")
            with listening.accept()[0] as accepted:
                accepted.setblocking(False)
                assert await asyncio.get_running_loop().sock_recv(accepted, 10) == b"hello"
            transport.abort()


async def test_no_unix_socket(short_path: Path) -> None:
    message, _ = await failure(Upstream(str(short_path), 5433, SslMode.DISABLE))
    assert message == f"The server {short_path}/.s.PGSQL.5433 cannot be reached: No such file or directory."


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".invalid"])
async def test_no_such_name(host: str) -> None:
    message, hint = await failure(Upstream(host, 5432, SslMode.DISABLE))
    assert message.startswith(f"The server {host} cannot be reached: its name cannot be resolved (")
    assert hint == "Check the host in the upstream URL, and DNS."


async def test_nobody_answers() -> None:
    with full_backlog() as port:
        assert await failure(Upstream(LOOPBACK, port, SslMode.DISABLE, connect_timeout_s=0.2)) == (
            "The server 127.0.0.1 did not answer within 0.2 s.",
            "Check the address in the upstream URL, and firewalls and network restrictions on the way.",
        )


@pytest.mark.parametrize("answer", [b"", b"S"])
async def test_a_server_that_stays_silent(answer: bytes) -> None:
    async with server(says(answer, then_closes=False)) as port:
        message, _ = await failure(Upstream(LOOPBACK, port, SslMode.REQUIRE, connect_timeout_s=0.2))
    assert message == "The server 127.0.0.1 did not answer within 0.2 s."


@pytest.mark.parametrize("sslmode", [SslMode.DISABLE, SslMode.REQUIRE])
async def test_a_given_up_attempt_leaves_nothing_open(sslmode: SslMode) -> None:
    ended = asyncio.Event()
    asked = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        ended.set()

    async with server(handle) as port:
        attempt = asyncio.create_task(Upstream(LOOPBACK, port, sslmode).connect())
        await asked.wait()
        if sslmode is SslMode.DISABLE:
            transport, _ = await attempt
            transport.abort()
        attempt.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()


async def test_what_the_server_says_unasked_is_kept_within_bounds() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await reader.read()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(65_536))
            await writer.drain()

    async with server(greet) as port:
        transport, arrival = await Upstream(LOOPBACK, port, SslMode.DISABLE).connect()
        await until(lambda: bytes(arrival.data) == b"hello")
        assert not arrival.ended.is_set()
        transport.abort()
    async with server(flood) as port:
        transport, arrival = await Upstream(LOOPBACK, port, SslMode.DISABLE).connect()
        await until(arrival.ended.is_set)
        assert len(arrival.data) < 1_000_000


@pytest.mark.parametrize(
    ("upstream", "text"),
    [
        (Upstream("db.example.com", 6543), "db.example.com:6543"),
        (Upstream("::1", 5432), "[::1]:5432"),
        (Upstream("/tmp", 5432, SslMode.DISABLE), "/tmp/.s.PGSQL.5432"),
    ],
)
def test_its_text_is_the_address(upstream: Upstream, text: str) -> None:
    assert str(upstream) == text
