"""A door: an address where clients connect, and the links behind it.

Enters: an address, a factory of sessions, the way to the server. Leaves: one link a client, until the last
is gone.
Deliberately absent: signals (app turns SIGTERM into `drain`), TLS of the client leg, limits on connections.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

from proxy.relay.cancel import Canceller
from proxy.relay.legs import Door
from proxy.relay.link import Link
from proxy.relay.ports import (
    CatalogueReader,
    CrashReporter,
    Observer,
    RelaySettings,
    SessionFactory,
    TextReader,
)
from proxy.relay.sockets import keep_alive, turn_away
from proxy.relay.upstream import Upstream
from proxy.session import Peer

_GOING_AWAY: Final = "terminating connection: the gate is shutting down"
_LAST_WORDS_S: Final = 1.0

# For handshakes that have begun: a round trip to a client far away.
_HAND_OVER_S: Final = 0.5


class Listener:
    """Accepts clients at one address and relays them to one server."""

    def __init__(
        self,
        address: tuple[str, int],
        session_factory: SessionFactory,
        upstream: Upstream,
        observer: Observer,
        settings: RelaySettings | None = None,
        *,
        reader: TextReader | None = None,
        catalogue: CatalogueReader | None = None,
        on_crash: CrashReporter | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            address: host and port; port 0 takes a free one, host "" or "*" every interface.
            session_factory: makes the session of a client.
            upstream: the server behind this door.
            observer: is told every event; its exception ends the session that reported.
            settings: bounds; the defaults when None.
            reader: reads the texts that sessions hand out; without one such a session ends.
            catalogue: reads what databases hold; without one a session that asks for it ends.
            on_crash: is told every exception that ended a session; when None, the event loop's handler is.
        """
        self._address = address
        self._session_factory = session_factory
        self._upstream = upstream
        self._reader = reader
        self._catalogue = catalogue
        self._observer = observer
        self._settings = settings or RelaySettings()
        self._on_crash = on_crash or _tell_loop
        self._canceller = Canceller(
            upstream, at_once=self._settings.cancels_at_once, timeout_s=self._settings.cancel_timeout_s
        )
        self._servers: list[asyncio.Server] = []
        self._sockets: tuple[socket.socket, ...] = ()
        self._addresses: tuple[tuple[str, int], ...] = ()
        self._links: set[Link] = set()
        self._empty = asyncio.Event()
        self._draining = False

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Where clients can connect: the bound host and port of each socket, also after `close`."""
        return self._addresses

    @property
    def connections(self) -> int:
        """How many clients have not been let go of yet."""
        return len(self._links)

    async def start(self, sockets: Sequence[socket.socket] = ()) -> None:
        """Begin to accept.

        Args:
            sockets: bound ones to accept at; they are closed with the listener. Without any the address is
                bound here.

        Raises: OSError when the address cannot be bound.
        """
        loop, backlog = asyncio.get_running_loop(), self._settings.backlog

        def door() -> Door:
            return Door(self._open_link)

        if sockets:
            self._servers = [await loop.create_server(door, sock=s, backlog=backlog) for s in sockets]
        else:
            host, port = self._address
            everywhere = host in ("", "*")
            self._servers = [
                await loop.create_server(door, None if everywhere else host, port, backlog=backlog)
            ]
        self._sockets = tuple(sockets)
        self._addresses = tuple(
            bound.getsockname()[:2] for server in self._servers for bound in server.sockets
        )

    async def hand_over(self) -> None:
        """Have the kernel send newcomers to others who listen at the same port; take those who are here.

        What closes a socket cuts off whoever waits at it. So newcomers are turned away first: a SYN that gets
        no answer is sent again a second later, to a socket that is still there.
        """
        if any([turn_away(bound) for bound in self._sockets]):
            await asyncio.sleep(_HAND_OVER_S)

    def close(self) -> None:
        """Accept nobody any more; who is connected stays."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._sockets = ()

    async def drain(self, timeout_s: float, idle_s: float = 0.0) -> None:
        """Let everybody finish, then go.

        Args:
            timeout_s: those that are left then are ended with a FATAL, and cut off when they do not take even
                that.
            idle_s: how long sessions without work may stay; then they end, and busy ones with their
                transaction.
        """
        self.close()
        try:
            grace_s = min(idle_s, timeout_s)
            await self._emptied(grace_s)
            self._draining = True
            await self._let_go(timeout_s - grace_s)
        finally:
            await self._canceller.finish(_LAST_WORDS_S)

    async def stop(self) -> None:
        """Accept nobody, and end every session now."""
        await self.drain(0)

    async def _let_go(self, timeout_s: float) -> None:
        for link in tuple(self._links):
            link.drain()
        if await self._emptied(timeout_s):
            return
        for link in tuple(self._links):
            link.terminate(_GOING_AWAY)
        if await self._emptied(_LAST_WORDS_S):
            return
        for link in tuple(self._links):
            link.abort()
        await self._emptied(_LAST_WORDS_S)

    def _open_link(self, client: asyncio.Transport) -> None:
        try:
            session = self._session_factory(_peer_of(client))
        except Exception as error:
            client.abort()
            self._on_crash(error)
            return
        link = Link(
            session,
            self._upstream,
            self._canceller,
            self._settings,
            reader=self._reader,
            catalogue=self._catalogue,
            observer=self._observer,
            on_crash=self._on_crash,
            on_finished=self._forget,
        )
        self._links.add(link)
        self._empty.clear()
        link.client_made(client)
        if self._draining:
            link.drain()

    def _forget(self, link: Link) -> None:
        self._links.discard(link)
        if not self._links:
            self._empty.set()

    async def _emptied(self, timeout_s: float) -> bool:
        """Wait until nobody is left; False when somebody still is."""
        if self._links and timeout_s > 0:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._empty.wait()
            except TimeoutError:
                pass
        return not self._links


def _peer_of(client: asyncio.Transport) -> Peer:
    keep_alive(client.get_extra_info("socket"))
    name = client.get_extra_info("peername")
    if not isinstance(name, tuple):
        return Peer(None)
    host, port = name[:2]
    # An IPv4 client on a dual-stack socket: policies name it by the address that people know.
    return Peer(host.removeprefix("::ffff:") if "." in host else host, port)


def _tell_loop(error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "pgwarden: a session failed and was closed", "exception": error}
    )
