"""Connections that a balancer hands on: whose they are, the PROXY header says that comes first.

Enters: a listening socket. Leaves: connections whose first byte is the client's own, each with the client's
address; or nothing, and the connection is closed without a word. Deliberately absent: what a header looks
like (wire.proxyheader), TLS and startup packets, which come next.

The header is read before the event loop has a transport for the connection, and not a byte more than it is
long: whatever takes the connection over finds it as if the client had come by itself. (A transport could not
wait: uvloop's begins to read, whatever is asked of it in `connection_made`.)
"""

import asyncio
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
_ACCEPTED_AT_ONCE: Final = 64
_REST_S: Final = 0.5
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


class Acceptor:
    """Accepts connections at a listening socket, without a transport that would begin to read them."""

    def __init__(self, listening: socket.socket, accepted: Callable[[socket.socket], None]) -> None:
        """Begin to accept; each connection is `accepted`, which owns it then."""
        self._listening = listening
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._rest: asyncio.TimerHandle | None = None
        self._loop.add_reader(listening, self._readable)

    def close(self) -> None:
        """Accept nobody any more."""
        self._loop.remove_reader(self._listening)
        if self._rest is not None:
            self._rest.cancel()
        self._listening.close()

    def _readable(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connected, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor is left, or no memory: others have to close theirs first
                self._loop.remove_reader(self._listening)
                self._rest = self._loop.call_later(_REST_S, self._go_on)
                return
            connected.setblocking(False)
            self._accepted(connected)

    def _go_on(self) -> None:
        self._loop.add_reader(self._listening, self._readable)


class HeaderReader:
    """Reads the header of one connection."""

    def __init__(
        self,
        connected: socket.socket,
        peer: Peer,
        versions: Collection[int],
        on_header: Callable[["HeaderReader", Peer], None],
        on_end: Callable[["HeaderReader", str], None],
    ) -> None:
        """Prepare.

        Args:
            connected: the connection, of which nothing was read yet.
            peer: who connected, the balancer.
            versions: those accepted.
            on_header: is told whose connection it is; the socket is the caller's from then on.
            on_end: is told that there is none, and why; "" when the peer just went, as health checks do.
        """
        self.socket = connected
        self.peer = peer
        self._versions = versions
        self._on_header = on_header
        self._on_end = on_end
        self._read = b""
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, timeout_s: float) -> None:
        """Begin to read; the header may take so long."""
        self._loop.add_reader(self.socket, self._readable)
        self._timer = self._loop.call_later(timeout_s, self._end, LATE)

    def abort(self) -> None:
        """Close the connection without a word."""
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
        seen = self.socket.recv(MAX_V2_BYTES, socket.MSG_PEEK)
        if not seen and self._read:
            raise ProtocolViolation("the connection ends inside of the PROXY header")
        if not seen:
            raise EOFError
        length = header_length(self._read + seen, self._versions)
        missing = len(seen) if length is None else length - len(self._read)
        self._read += self.socket.recv(min(missing, len(seen)))
        return decode_proxy_header(self._read) if len(self._read) == length else None

    def _said(self, header: ProxyHeader) -> Peer:
        match header.origin:
            case Origin.CLIENT:
                return Peer(header.address, header.port)
            case Origin.UNKNOWN:
                return Peer(None)  # not the balancer's address: no rule shall take the client for it
            case Origin.BALANCER:
                return self.peer

    def _stop(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self.socket)

    def _end(self, why: str) -> None:
        if self._over:
            return
        self._stop()
        self.socket.close()
        self._on_end(self, why)
