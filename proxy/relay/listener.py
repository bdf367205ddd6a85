"""A door: addresses where clients connect, and the links behind them.

Enters: addresses, a factory of sessions, the way to the server. Leaves: one link a client, until the last
is gone.
Deliberately absent: signals (app turns SIGTERM into `drain`), where certificates come from.
"""

import asyncio
import socket
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from proxy.relay.binding import Place
from proxy.relay.calls import Console
from proxy.relay.cancel import Canceller
from proxy.relay.certificate import Certificate
from proxy.relay.clocks import Clock, let_sleep
from proxy.relay.entrance import Entrance
from proxy.relay.errands import Helpers
from proxy.relay.limits import Capacity, Occupancy, Seat
from proxy.relay.link import Link, Service
from proxy.relay.ports import (
    CatalogueReader,
    ChangeRecorder,
    CrashReporter,
    CredentialFinder,
    Holder,
    Observer,
    RelaySettings,
    SessionFactory,
    TextReader,
)
from proxy.relay.proxied import ProxyProtocol
from proxy.relay.routing import CancelRouter
from proxy.relay.upstream import Upstream
from proxy.session import Peer, Standing

_GOING_AWAY: Final = "terminating connection: the gate is shutting down"
_LAST_WORDS_S: Final = 1.0


class Listener:
    """Accepts clients at some addresses and relays them to one server."""

    def __init__(
        self,
        addresses: Sequence[Place],
        session_factory: SessionFactory,
        upstream: Upstream,
        observer: Observer,
        settings: RelaySettings | None = None,
        *,
        console: Console | None = None,
        router: CancelRouter | None = None,
        reader: TextReader | None = None,
        catalogue: CatalogueReader | None = None,
        credentials: CredentialFinder | None = None,
        recorder: ChangeRecorder | None = None,
        holder: Holder | None = None,
        certificate: Certificate | None = None,
        on_crash: CrashReporter | None = None,
        occupancy: Occupancy | None = None,
        proxy: ProxyProtocol | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            addresses: host and port; port 0 takes a free one, host "" or "*" every interface. A host that
                begins with a slash is the directory of a Unix socket.
            session_factory: makes the session of a client.
            upstream: the server behind this door.
            observer: is told every event; its exception ends the session that reported.
            settings: bounds; the defaults when None.
            console: the way to the gate's console; without one a session that asks for it ends.
            router: takes CancelRequests to the sessions they name; without one they come to nothing.
            reader: reads the texts that sessions hand out; without one such a session ends.
            catalogue: reads what databases hold; without one a session that asks for it ends.
            credentials: looks users up; without one a session that asks for it ends.
            recorder: writes changes down; without one a session that asks for it ends.
            holder: brings about what held statements need; likewise.
            certificate: what TLS with clients is spoken with; without one a session that begins it ends.
            on_crash: is told every exception that ended a session; when None, the event loop's handler is.
            occupancy: who is connected, of this door and others; of this one alone when None.
            proxy: the headers that every connection has to begin with; none when None.
        """
        self._session_factory = session_factory
        self._certificate = certificate
        self._settings = settings or RelaySettings()
        self._on_crash = on_crash or _tell_loop
        self._canceller = Canceller(
            upstream, at_once=self._settings.cancels_at_once, timeout_s=self._settings.cancel_timeout_s
        )
        self._service = Service(
            upstream,
            self._canceller,
            self._settings,
            console,
            router,
            Helpers(reader, catalogue, credentials, recorder, holder),
            lambda: self._certificate,
            observer,
            self._on_crash,
            self._forget,
            asyncio.get_running_loop(),
        )
        occupancy = occupancy or Occupancy(Capacity(), asyncio.get_running_loop().time)
        self._entrance = Entrance(addresses, self._settings, occupancy, proxy, self._open_link)
        self._clock = Clock(self._settings.standing_s)
        self._watching: list[asyncio.Task[None]] = []
        self._addresses: tuple[Place, ...] = ()
        self._links: set[Link] = set()
        self._empty = asyncio.Event()
        self._draining = False

    @property
    def addresses(self) -> tuple[Place, ...]:
        """Where clients can connect: the bound host and port of each socket, also after `close`."""
        return self._addresses

    @property
    def connections(self) -> int:
        """How many clients have not been let go of yet."""
        return len(self._links)

    def swap_certificate(self, certificate: Certificate) -> None:
        """From the next handshake on, this is what clients are shown."""
        self._certificate = certificate

    @property
    def expired(self) -> Mapping[Standing, int]:
        """How many sessions a time-out has ended, by what they stood like."""
        return self._clock.expired

    @property
    def links(self) -> Collection[Link]:
        """Whoever is connected now."""
        return self._links

    def facts_changed(self) -> None:
        """Have every session look at what it has under way: a freeze began or ended."""
        for link in tuple(self._links):
            link.facts_changed()

    async def start(self, sockets: Sequence[socket.socket] = ()) -> None:
        """Begin to accept.

        Args:
            sockets: bound ones; without any the addresses are bound here.

        Raises: OSError when an address cannot be bound, which is its `filename`.
        """
        self._addresses = await self._entrance.open(sockets)
        loop = asyncio.get_running_loop()
        self._watching = [
            loop.create_task(work) for work in (self._clock.run(self._links), let_sleep(self._links))
        ]

    async def hand_over(self) -> None:
        """Have the kernel send newcomers to others who listen at the same port, before `close`."""
        await self._entrance.hand_over()

    def close(self) -> None:
        """Accept nobody any more; who is connected stays."""
        self._entrance.close()

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
            self._entrance.turn_out()
            await self._let_go(timeout_s - grace_s)
        finally:
            for watching in self._watching:
                watching.cancel()
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

    def _open_link(self, client: asyncio.Transport, peer: Peer, seat: Seat) -> None:
        try:
            session = self._session_factory(peer)
        except Exception as error:
            seat.leave()
            client.abort()
            self._on_crash(error)
            return
        link = Link(session, seat, self._service)
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


def _tell_loop(error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "pgwarden: a session failed and was closed", "exception": error}
    )
