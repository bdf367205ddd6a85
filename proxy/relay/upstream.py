"""The way to the database server: an address, and how to be sure who answers there.

Enters: where the server is and what TLS is asked of it. Leaves: a transport on which nothing has been said
yet, or an UpstreamError that says what to do. Deliberately absent: pools, retries (providers ban by
address), credentials.

Nothing that arrived before TLS is ever used: the answer to SSLRequest is one byte, and a server that sends
more is refused, because the rest would be somebody else's (CVE-2021-23222, CVE-2021-3935).
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final, cast

from proxy.relay.failures import UpstreamError, explain, no_direct_tls, refuse_answer
from proxy.relay.secure import SecureTransport
from proxy.relay.sockets import KeepAlive
from proxy.relay.tls import Negotiation, SslMode, make_context
from proxy.session import ALPN_PROTOCOL

_MOST_EARLY_BYTES: Final = 65_536
_QUEUE_S: Final = 0.01
"""How long to wait for a place in a Unix socket's queue before the next try."""


class Arrival(asyncio.Protocol):
    """Holds the server's end until somebody takes it over with `transport.set_protocol`.

    Attributes:
        data: what the server has said unasked; one that says much is cut off.
        ended: set when the server has closed the connection.
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to cut off."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports only look like it

    def data_received(self, data: bytes) -> None:
        """Keep what comes early, within bounds."""
        self.data += data
        if len(self.data) > _MOST_EARLY_BYTES and self._transport is not None:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The server has gone."""
        self.ended.set()


@dataclass(frozen=True, slots=True)
class Upstream:
    """One database server.

    Attributes:
        host: a name, an address, or the directory of a Unix socket when it begins with a slash.
        port: the TCP port, and the number in the Unix socket's name.
        sslmode: what is asked of the server; a Unix socket has no TLS.
        ca_file: the certificates to trust instead of the system's, in PEM.
        server_hostname: the name that the certificate must bear, when it is not `host`.
        direct: TLS begins at once, without being asked for (PostgreSQL 17 and later).
        connect_timeout_s: for everything up to a connection on which TLS stands.
        keep_alive: how its connections notice that nobody is there any more.

    Raises: ValueError when TLS is asked of a Unix socket, `ca_file` cannot be read, or `direct` or `ca_file`
        does not go with the sslmode.
    """

    host: str
    port: int = 5432
    sslmode: SslMode = SslMode.VERIFY_FULL
    ca_file: str | None = None
    server_hostname: str | None = None
    connect_timeout_s: float = 10.0
    direct: bool = False
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    _context: ssl.SSLContext | None = field(init=False, repr=False, compare=False)
    _numeric: bool = field(init=False, repr=False, compare=False)
    _shown: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the TLS context once: it reads files, and a bad one must show before clients come."""
        if self.host.startswith("/") and self.sslmode is not SslMode.DISABLE:
            raise ValueError("a Unix socket has no TLS: use sslmode=disable")
        if self.direct and self.sslmode in (SslMode.DISABLE, SslMode.PREFER):
            raise ValueError("has sslnegotiation=direct, which needs sslmode=require, or better verify-full")
        object.__setattr__(self, "_context", make_context(self.sslmode, self.ca_file))
        object.__setattr__(self, "_numeric", _is_address(self.host))
        object.__setattr__(self, "_shown", self._address())

    def __str__(self) -> str:
        """The server's address, as messages show it."""
        return self._shown

    def _address(self) -> str:
        if self.host.startswith("/"):
            return str(Path(self.host) / f".s.PGSQL.{self.port}")
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def context(self) -> ssl.SSLContext | None:
        """How TLS is to be spoken with it, None for not at all."""
        return self._context

    async def connect(self) -> tuple[asyncio.Transport, Arrival]:
        """Open a connection, TLS included.

        Returns: the transport, and the protocol that holds it until the caller sets another.
        Raises: UpstreamError, and nothing else, when there is no connection.
        """
        deadline = asyncio.get_running_loop().time() + self.connect_timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                return await self._open(deadline)
        except (OSError, UnicodeError) as error:  # UnicodeError: DNS could not hold such a name
            raise explain(str(self), error, self.connect_timeout_s) from error

    async def _open(self, deadline: float) -> tuple[asyncio.Transport, Arrival]:
        arrival = Arrival()
        if self._context is None:
            return await self._connect_somewhere(arrival, deadline), arrival
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        first = Arrival() if self.direct else Negotiation(answer)
        plain = await self._connect_somewhere(first, deadline)
        async with _aborted_on_failure(plain):
            said = b"S" if self.direct else await answer
            if said == b"N" and self.sslmode is SslMode.PREFER:
                plain.set_protocol(arrival)
                arrival.connection_made(plain)
                plain.resume_reading()
                return plain, arrival
            if said != b"S":
                raise refuse_answer(str(self), self.sslmode.value, said)
            return await self._secure(plain, self._context, arrival), arrival

    async def _connect_somewhere(self, protocol: asyncio.Protocol, deadline: float) -> asyncio.Transport:
        """Try each address of the host in turn, each with its share of the time that is left."""
        if self.host.startswith("/"):
            return await _connect_unix(str(self), protocol)
        targets = await self._addresses()
        if len(targets) == 1:  # a time-out of its own would cost as much as connecting does
            return await self._connect(targets[0], protocol)
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "it has no address")
        for number, address in enumerate(targets):
            left_s = max(deadline - asyncio.get_running_loop().time(), 0)
            try:
                async with asyncio.timeout(left_s / (len(targets) - number)):
                    return await self._connect(address, protocol)
            except OSError as error:  # TimeoutError is one
                failure = error
        raise failure

    async def _addresses(self) -> Sequence[tuple[str, int]]:
        """Numbers and port; of a host that is one already, without a question."""
        if self._numeric:
            return ((self.host, self.port),)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return [(str(address[0]), int(address[1])) for _, _, _, _, address in found]

    async def _connect(self, address: tuple[str, int], protocol: asyncio.Protocol) -> asyncio.Transport:
        """Not by `sock_connect`, which takes three times as much of a uvloop's time."""
        host, port = address
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, host, port)
        self.keep_alive.apply_to(transport)
        return transport

    async def _secure(
        self, plain: asyncio.Transport, context: ssl.SSLContext, arrival: Arrival
    ) -> SecureTransport:
        over: asyncio.Future[ssl.SSLObject] = asyncio.get_running_loop().create_future()
        secure = SecureTransport(
            plain,
            partial(context.wrap_bio, server_hostname=self.server_hostname or self.host),
            arrival,
            lambda tls: None if over.done() else over.set_result(tls),
            lambda error: None if over.done() else over.set_exception(error),
        )
        arrival.connection_made(secure)
        secure.begin()
        plain.resume_reading()
        tls = await over
        if self.direct and tls.selected_alpn_protocol() != ALPN_PROTOCOL:
            raise no_direct_tls(str(self))
        return secure


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _connect_unix(path: str, protocol: asyncio.Protocol) -> asyncio.Transport:
    """By a socket of our own: uvloop would cut a long path, and take a full queue for a connection.

    Other than over TCP a connection stands at once, or the server's queue is full, and nobody tells when not.
    """
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.setblocking(False)
        while True:
            try:
                connected.connect(path)
                break
            except BlockingIOError:
                await asyncio.sleep(_QUEUE_S)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(lambda: protocol, sock=connected)
    except BaseException:
        connected.close()
        raise
    return transport


@asynccontextmanager
async def _aborted_on_failure(transport: asyncio.Transport) -> AsyncIterator[None]:
    """A half-made connection is never left open, whatever ends the attempt, cancelling included."""
    try:
        yield
    except BaseException:
        transport.abort()
        raise


__all__ = ["Arrival", "SslMode", "Upstream", "UpstreamError"]
