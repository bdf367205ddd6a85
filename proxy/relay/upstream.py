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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, cast

from proxy.relay.failures import UpstreamError, explain, no_direct_tls, refuse_answer
from proxy.relay.secure import SecureTransport
from proxy.relay.sockets import KeepAlive
from proxy.relay.tls import Negotiation, SslMode, make_context
from proxy.session import ALPN_PROTOCOL

_MOST_EARLY_BYTES: Final = 65_536

_SocketAddress: TypeAlias = tuple[object, ...] | str


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

    def __post_init__(self) -> None:
        """Build the TLS context once: it reads files, and a bad one must show before clients come."""
        if self.host.startswith("/") and self.sslmode is not SslMode.DISABLE:
            raise ValueError("a Unix socket has no TLS: use sslmode=disable")
        if self.direct and self.sslmode in (SslMode.DISABLE, SslMode.PREFER):
            raise ValueError("has sslnegotiation=direct, which needs sslmode=require, or better verify-full")
        object.__setattr__(self, "_context", make_context(self.sslmode, self.ca_file))

    def __str__(self) -> str:
        """The server's address, as messages show it."""
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
                return await self._open(await self._connect_somewhere(deadline))
        except (OSError, UnicodeError) as error:  # UnicodeError: DNS could not hold such a name
            raise explain(str(self), error, self.connect_timeout_s) from error

    async def _connect_somewhere(self, deadline: float) -> socket.socket:
        """Try each address of the host in turn, each with its share of the time that is left."""
        targets = await self._addresses()
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "it has no address")
        for number, (family, address) in enumerate(targets):
            left_s = max(deadline - asyncio.get_running_loop().time(), 0)
            try:
                async with asyncio.timeout(left_s / (len(targets) - number)):
                    return await _connect_socket(family, address, self.keep_alive)
            except OSError as error:  # TimeoutError is one
                failure = error
        raise failure

    async def _addresses(self) -> list[tuple[socket.AddressFamily, _SocketAddress]]:
        if self.host.startswith("/"):
            return [(socket.AF_UNIX, str(self))]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]

    async def _open(self, connected: socket.socket) -> tuple[asyncio.Transport, Arrival]:
        arrival = Arrival()
        if self._context is None:
            return await _adopt(connected, arrival), arrival
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        plain = await _adopt(connected, Arrival() if self.direct else Negotiation(answer))
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


async def _connect_socket(
    family: socket.AddressFamily, address: _SocketAddress, keep_alive: KeepAlive
) -> socket.socket:
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.setblocking(False)
        keep_alive.apply(connected)
        await asyncio.get_running_loop().sock_connect(connected, address)
    except BaseException:
        connected.close()
        raise
    return connected


async def _adopt(connected: socket.socket, protocol: asyncio.Protocol) -> asyncio.Transport:
    """Make a transport of a connected socket."""
    loop = asyncio.get_running_loop()
    try:
        if connected.family == socket.AF_UNIX:
            transport, _ = await loop.create_unix_connection(lambda: protocol, sock=connected)
        else:
            transport, _ = await loop.create_connection(lambda: protocol, sock=connected)
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
