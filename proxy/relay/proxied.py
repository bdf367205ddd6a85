"""Connections that a balancer hands on: whose they are, the PROXY header says that comes first.

Enters: an accepted connection, before anything of it was read. Leaves: the same connection, its first byte
now the client's own, with the client's address; or nothing, and the connection is closed without a word.
Deliberately absent: what a header looks like (wire.proxyheader), TLS and startup packets, which come next.

The header is read from the socket itself, beneath the event loop's transport, and not a byte more than it is
long: whatever takes the connection over finds it as if the client had come by itself.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final, TypeAlias

from proxy.session import Peer
from proxy.wire.errors import ProtocolViolation
from proxy.wire.proxyheader import MAX_V2_BYTES, Origin, ProxyHeader, decode_proxy_header, header_length

Network: TypeAlias = IPv4Network | IPv6Network

UNTRUSTED: Final = "it comes from an address that proxy_protocol_from does not name"
LATE: Final = "the PROXY header did not come in time"


@dataclass(frozen=True, slots=True)
class ProxyProtocol:
    """Which headers are read, and from whom.

    Attributes:
        versions: those accepted, of 1 and 2.
        networks: where balancers connect from.
        unix: whether whoever connects to a Unix socket is one.
    """

    versions: Collection[int]
    networks: tuple[Network, ...]
    unix: bool = False

    def trusts(self, peer: Peer) -> bool:
        """True when this peer may say whose connections it hands on."""
        if peer.address is None:
            return self.unix
        address = ip_address(peer.address.partition("%")[0])
        return any(address in network for network in self.networks if network.version == address.version)


class HeaderReader(asyncio.Protocol):
    """Reads one connection's header; the transport's protocol meanwhile, and paused."""

    def __init__(
        self,
        client: asyncio.Transport,
        peer: Peer,
        versions: Collection[int],
        timeout_s: float,
        on_header: Callable[["HeaderReader", Peer], None],
        on_end: Callable[["HeaderReader", str], None],
    ) -> None:
        """Begin to read.

        Args:
            client: the connection, of which nothing was read yet.
            peer: who connected, the balancer.
            versions: those accepted.
            timeout_s: how long the header may take.
            on_header: is told whose connection it is; it takes the transport over, and lets it read.
            on_end: is told that there is none, and why; "" when the peer just went, as health checks do.
        """
        self.client = client
        self._peer = peer
        self._versions = versions
        self._on_header = on_header
        self._on_end = on_end
        self._read = b""
        self._over = False
        self._loop = asyncio.get_running_loop()
        client.pause_reading()
        client.set_protocol(self)
        # The loop does not let anybody else look at a descriptor that a transport has.
        self._socket = socket.socket(fileno=os.dup(client.get_extra_info("socket").fileno()))
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._readable)
        self._timer = self._loop.call_later(timeout_s, self._end, LATE)

    def connection_lost(self, error: Exception | None) -> None:
        """Somebody has closed it."""
        self._end("")

    def abort(self) -> None:
        """Close it without a word."""
        self._end("")

    def _readable(self) -> None:
        try:
            header = self._take()
        except ProtocolViolation as violation:
            self._end(str(violation))
        except (BlockingIOError, InterruptedError):
            return
        except (EOFError, OSError):
            self._end("")
        else:
            if header is not None:
                self._stop()
                self._on_header(self, self._said(header))

    def _take(self) -> ProxyHeader | None:
        """Take what has come of the header, and leave the rest to whoever comes after."""
        seen = self._socket.recv(MAX_V2_BYTES, socket.MSG_PEEK)
        if not seen and self._read:
            raise ProtocolViolation("the connection ends inside of the PROXY header")
        if not seen:
            raise EOFError
        length = header_length(self._read + seen, self._versions)
        missing = len(seen) if length is None else length - len(self._read)
        self._read += self._socket.recv(min(missing, len(seen)))
        return decode_proxy_header(self._read) if len(self._read) == length else None

    def _said(self, header: ProxyHeader) -> Peer:
        match header.origin:
            case Origin.CLIENT:
                return Peer(header.address, header.port)
            case Origin.UNKNOWN:
                return Peer(None)  # not the balancer's address: no rule shall take the client for it
            case Origin.BALANCER:
                return self._peer

    def _stop(self) -> None:
        self._over = True
        self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _end(self, why: str) -> None:
        if self._over:
            return
        self._stop()
        self.client.abort()
        self._on_end(self, why)
