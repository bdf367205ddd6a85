"""Where clients come in: addresses to listen at, and who may stay.

Enters: addresses, limits, which balancers speak for others. Leaves: each connection that there is room for,
with whose it is and its seat. Deliberately absent: what it is for, sessions, TLS.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from proxy.relay.binding import Binding, Place, bind
from proxy.relay.legs import Door
from proxy.relay.limits import PROXY_HEADER, Occupancy, Seat
from proxy.relay.ports import RelaySettings
from proxy.relay.proxied import UNTRUSTED, Acceptor, HeaderReader, ProxyProtocol
from proxy.relay.sockets import INHERITED, turn_away
from proxy.session import Peer

Welcome: TypeAlias = Callable[[asyncio.Transport, Peer, Seat], None]

# For handshakes that have begun: a round trip to a client far away.
_HAND_OVER_S: Final = 0.5


class Entrance:
    """Listens at some addresses."""

    def __init__(
        self,
        places: Sequence[Place],
        settings: RelaySettings,
        occupancy: Occupancy,
        proxy: ProxyProtocol | None,
        welcome: Welcome,
    ) -> None:
        """Prepare; nothing is opened before `open`.

        Args:
            places: host and port; host "" or "*" is every interface, one that begins with a slash the
                directory of a Unix socket.
            settings: of them the backlog, the sockets' options, and how long a PROXY header may take.
            occupancy: who is connected.
            proxy: the headers that every connection has to begin with; none when None.
            welcome: takes a connection over, of which nothing was read yet, within `connection_made`.
        """
        self._places = places
        self._settings = settings
        self._occupancy = occupancy
        self._proxy = proxy
        self._welcome = welcome
        self._servers: list[asyncio.Server] = []
        self._acceptors: list[Acceptor] = []
        self._own: Binding | None = None
        self._sockets: tuple[socket.socket, ...] = ()
        self._headers: dict[HeaderReader, Seat] = {}  # who has not said yet whose connection it is
        self._handing_over: set[asyncio.Task[object]] = set()

    async def open(self, sockets: Sequence[socket.socket] = ()) -> tuple[Place, ...]:
        """Begin to accept.

        Args:
            sockets: bound ones, which are closed with the entrance; without any it binds its own.

        Returns: the bound host and port of each socket.
        Raises: OSError when an address cannot be bound, which is the `filename`; then none is.
        """
        if not sockets:
            self._own = bind(self._places, unix_mode=self._settings.unix_socket_mode)
            (sockets,) = self._own.sockets
        for bound in sockets:
            await self._listen(bound)
        self._sockets = tuple(sockets)
        return tuple(_place_of(bound) for bound in sockets)

    async def hand_over(self) -> None:
        """Have the kernel send newcomers to others who listen at the same port; take those who are here.

        What closes a socket cuts off whoever waits at it. So newcomers are turned away first: a SYN that gets
        no answer is sent again a second later, to a socket that is still there.
        """
        if any([turn_away(bound) for bound in self._sockets]):
            await asyncio.sleep(_HAND_OVER_S)

    def close(self) -> None:
        """Accept nobody any more."""
        for server in self._servers:
            server.close()
        for acceptor in self._acceptors:
            acceptor.close()
        if self._own is not None:
            self._own.release()
        self._servers, self._acceptors, self._sockets, self._own = [], [], (), None

    def turn_out(self) -> None:
        """Close the connections of which nobody knows yet whose they are."""
        for reader in tuple(self._headers):
            reader.abort()

    # -- listening ---------------------------------------------------------------------------------------

    async def _listen(self, bound: socket.socket) -> None:
        loop, backlog = asyncio.get_running_loop(), self._settings.backlog
        self._settings.keep_alive.apply(bound)  # once for all that it accepts, where that is so
        if self._proxy is not None:
            bound.listen(backlog)
            self._acceptors.append(Acceptor(bound, self._accept_proxied))
            return
        unix = bound.family == socket.AF_UNIX
        create = loop.create_unix_server if unix else loop.create_server
        self._servers.append(await create(lambda: Door(self._accept), sock=bound, backlog=backlog))

    # -- accepting ---------------------------------------------------------------------------------------

    def _accept(self, client: asyncio.Transport) -> None:
        """A client has connected by itself."""
        if not INHERITED:
            self._settings.keep_alive.apply_to(client)
        seat = self._occupancy.enter(client.abort)
        if seat is None:
            client.abort()
        else:
            self._let_in(client, _peer_of(client.get_extra_info("peername")), seat)

    def _accept_proxied(self, connected: socket.socket) -> None:
        """A balancer has connected, and has to say for whom."""
        try:
            proxy, peer = self._proxy, _peer_of(connected.getpeername())
        except OSError:  # it has gone again
            connected.close()
            return
        if proxy is None or not proxy.trusts(peer):
            connected.close()
            self._occupancy.refuse(PROXY_HEADER, peer.address, UNTRUSTED)
            return
        if not INHERITED:
            self._settings.keep_alive.apply(connected)
        reader = HeaderReader(connected, peer, proxy.versions, self._has_header, self._has_no_header)
        seat = self._occupancy.enter(reader.abort)
        if seat is None:
            connected.close()
        else:
            self._headers[reader] = seat
            reader.start(self._settings.login_timeout_s)

    def _has_header(self, reader: HeaderReader, peer: Peer) -> None:
        seat = self._headers.pop(reader)

        def let_in(client: asyncio.Transport) -> None:
            seat.cut_off = client.abort
            self._let_in(client, peer, seat)

        def done(handing: asyncio.Task[object]) -> None:
            self._handing_over.discard(handing)
            if handing.cancelled() or handing.exception() is not None:  # it has gone again
                seat.leave()
                reader.socket.close()

        loop = asyncio.get_running_loop()
        handing = loop.create_task(loop.connect_accepted_socket(lambda: Door(let_in), reader.socket))
        self._handing_over.add(handing)
        handing.add_done_callback(done)

    def _has_no_header(self, reader: HeaderReader, why: str) -> None:
        self._headers.pop(reader).leave()
        if why:
            self._occupancy.refuse(PROXY_HEADER, reader.peer.address, why)

    def _let_in(self, client: asyncio.Transport, peer: Peer, seat: Seat) -> None:
        if seat.comes_from(peer.address):
            self._welcome(client, peer, seat)
        else:
            seat.leave()
            client.abort()


def _place_of(bound: socket.socket) -> Place:
    name = bound.getsockname()
    if bound.family != socket.AF_UNIX:
        return str(name[0]), int(name[1])
    directory, _, file = str(name).rpartition("/")
    return directory, int(file.rpartition(".")[2])


def _peer_of(name: object) -> Peer:
    """Who has such a name to the kernel; a Unix socket's is no address."""
    if not isinstance(name, tuple):
        return Peer(None, local=True)
    host, port = name[:2]
    # An IPv4 client on a dual-stack socket: policies name it by the address that people know.
    return Peer(host.removeprefix("::ffff:") if "." in host else host, port)
