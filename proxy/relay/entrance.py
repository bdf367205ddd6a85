"""Where clients come in: addresses to listen at, and who may stay.

Enters: addresses, limits, which balancers speak for others. Leaves: each connection that there is room for,
with whose it is and its seat. Deliberately absent: what it is for, sessions, TLS.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import TypeAlias

from proxy.relay.legs import Door
from proxy.relay.limits import PROXY_HEADER, Occupancy, Seat
from proxy.relay.ports import RelaySettings
from proxy.relay.proxied import UNTRUSTED, Acceptor, HeaderReader, ProxyProtocol
from proxy.relay.unixsocket import UnixSocket
from proxy.session import Peer

Place: TypeAlias = tuple[str, int]
Welcome: TypeAlias = Callable[[asyncio.Transport, Peer, Seat], None]


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
        self._unix_sockets: list[UnixSocket] = []
        self._headers: dict[HeaderReader, Seat] = {}  # who has not said yet whose connection it is
        self._handing_over: set[asyncio.Task[object]] = set()

    async def open(self) -> tuple[Place, ...]:
        """Begin to accept.

        Returns: the bound host and port of each socket.
        Raises: OSError when an address cannot be bound, which is the `filename`; then none is.
        """
        bound: list[Place] = []
        for place in self._places:
            try:
                bound += await (self._listen_unix if place[0].startswith("/") else self._listen)(*place)
            except OSError as error:
                self.close()
                error.filename = place
                raise
        return tuple(bound)

    def close(self) -> None:
        """Accept nobody any more."""
        for server in self._servers:
            server.close()
        for acceptor in self._acceptors:
            acceptor.close()
        for unix in self._unix_sockets:
            unix.release()
        self._servers, self._acceptors, self._unix_sockets = [], [], []

    def turn_out(self) -> None:
        """Close the connections of which nobody knows yet whose they are."""
        for reader in tuple(self._headers):
            reader.abort()

    # -- listening ---------------------------------------------------------------------------------------

    async def _listen(self, host: str, port: int) -> list[Place]:
        server = await asyncio.get_running_loop().create_server(
            lambda: Door(self._accept),
            None if host in ("", "*") else host,
            port,
            backlog=self._settings.backlog,
            start_serving=self._proxy is None,
        )
        self._servers.append(server)
        if self._proxy is not None:
            for bound in server.sockets:
                self._accept_at(socket.socket(fileno=os.dup(bound.fileno())))
        return [bound.getsockname()[:2] for bound in server.sockets]

    async def _listen_unix(self, directory: str, port: int) -> list[Place]:
        unix = UnixSocket(directory, port, self._settings.unix_socket_mode)
        self._unix_sockets.append(unix)
        if self._proxy is not None:
            self._accept_at(unix.socket)
        else:
            server = await asyncio.get_running_loop().create_unix_server(
                lambda: Door(self._accept), sock=unix.socket, backlog=self._settings.backlog
            )
            self._servers.append(server)
        return [(directory, port)]

    def _accept_at(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        listening.listen(self._settings.backlog)
        self._acceptors.append(Acceptor(listening, self._accept_proxied))

    # -- accepting ---------------------------------------------------------------------------------------

    def _accept(self, client: asyncio.Transport) -> None:
        """A client has connected by itself."""
        self._settings.keep_alive.apply(client.get_extra_info("socket"))
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


def _peer_of(name: object) -> Peer:
    """Who has such a name to the kernel; a Unix socket's is no address."""
    if not isinstance(name, tuple):
        return Peer(None, local=True)
    host, port = name[:2]
    # An IPv4 client on a dual-stack socket: policies name it by the address that people know.
    return Peer(host.removeprefix("::ffff:") if "." in host else host, port)
