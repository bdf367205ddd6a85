"""One client and its server connection: two sockets, one session between them.

Enters: what the event loop says of either socket. Leaves: the session's commands, performed in order, each
write with the very bytes object that the session gave. Deliberately absent: looking into those bytes.

Back-pressure goes both ways: while one side does not take what is written, nothing is read from the other,
so that a slow reader costs one write buffer, however much is under way. An exception ends the link, fail
closed: nothing more goes to the server, and the client is told if it can be told without breaking into a
message.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from mypy_extensions import i64

from proxy.relay.calls import Console
from proxy.relay.cancel import Canceller
from proxy.relay.certificate import Certificate
from proxy.relay.clocks import Stand
from proxy.relay.errands import Errands, Helpers, LinkError
from proxy.relay.failures import client_failure
from proxy.relay.legs import Leg
from proxy.relay.limits import Place
from proxy.relay.ports import (
    CrashReporter,
    Observer,
    RelaySettings,
)
from proxy.relay.routing import CancelRouter
from proxy.relay.secure import SecureTransport
from proxy.relay.slices import SLICE_BYTES, Slices
from proxy.relay.sockets import unread, unsent
from proxy.relay.tls import tls_info
from proxy.relay.upstream import Upstream, UpstreamError
from proxy.session import (
    Abandon,
    Activity,
    Brain,
    Cancel,
    CancelAnother,
    Close,
    Command,
    Connect,
    Ended,
    Event,
    Opened,
    Report,
    Standing,
    StartTls,
    ToClient,
    ToServer,
    UpstreamFailure,
)
from proxy.wire.backend import encode_error
from proxy.wire.framing import View, size_of

_CRASH_NOTICE: Final = encode_error(
    {
        "S": "FATAL",
        "V": "FATAL",
        "C": "XX000",
        "M": "pgwarden: internal error; the connection is closed",
        "H": "Connect again; if it comes back, report what the gate's log says.",
    }
)


_CRASH_REASON: Final = "internal error"

_CLIENT: Final = 0
_SERVER: Final = 1
_AT_ONCE_BYTES: Final = 512 * 1024
_SLICE_BYTES: Final = SLICE_BYTES  # compiled, a name of another module's is looked up each time

Write: TypeAlias = Callable[[asyncio.Transport, View], None]


def _nowhere(transport: asyncio.Transport, data: View) -> None:
    """Write to a side that is not there yet."""


@dataclass(frozen=True, slots=True)
class Service:
    """What all links behind one door share.

    Attributes:
        console: the way to the gate's console; None: a session that asks for it ends.
        router: takes CancelRequests to their sessions; None: they come to nothing.
        certificate: gives what TLS with clients is spoken with.
        observer: is told every event.
        on_crash: is told every exception that ended a session.
        on_finished: is told of a link that is over.
    """

    upstream: Upstream
    canceller: Canceller
    settings: RelaySettings
    console: Console | None
    router: CancelRouter | None
    helpers: Helpers
    certificate: Callable[[], Certificate | None]
    observer: Observer
    on_crash: CrashReporter
    on_finished: "FinishedReporter"
    loop: asyncio.AbstractEventLoop


class Link:
    """Performs one session's commands. Its two legs call it; a listener watches it.

    Attributes:
        since: when it was made, by the loop's clock.
    """

    def __init__(self, session: Brain, seat: Place, service: Service) -> None:
        """Begin; ``client_made`` comes next."""
        self._session = session
        self._seat = seat
        self._service = service
        self._calling = False  # the console, which has an end to be told of
        self._cancels: set[asyncio.Task[bytes]] | None = None
        self._errands: Errands | None = None  # most sessions have none
        self._client: asyncio.Transport | None = None
        self._server: asyncio.Transport | None = None
        # What writes, of their classes: looked for by name once, and not for each message.
        self._write_client: Write = _nowhere
        self._write_server: Write = _nowhere
        self._client_full = False  # the client does not take what is written to it
        self._server_full = False
        self._slices: Slices | None = None  # what goes to the server in pieces
        self._client_paused = False  # nothing is read from the client
        self._server_paused = False
        self._received: i64 = 0  # bytes of the client's,
        self._seen: i64 = -1  # ... and when it was looked whether it moves
        self._rests_at: i64 = _AT_ONCE_BYTES  # when others have their turn
        self._server_ended = False
        self._connecting = False
        self._over = False  # the session has ended: what still arrives is dropped
        self._closing = False
        self._finished = False
        self._task: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] | None = None
        self.since = service.loop.time()

    def gone(self, side: int) -> None:
        """Whoever is on that side will send nothing more."""
        self.client_gone() if side == _CLIENT else self.server_gone()

    def lost(self, side: int) -> None:
        """That side's socket is closed."""
        self.client_lost() if side == _CLIENT else self.server_lost()

    def blocked(self, side: int, full: bool) -> None:
        """That side does not take what is written to it, or takes it again."""
        self.client_blocked(full) if side == _CLIENT else self.server_blocked(full)

    # -- what the client's socket does -------------------------------------------------------------------

    def client_made(self, client: asyncio.Transport) -> None:
        """A client has connected: take its socket over."""
        self._take_client(client)
        client.set_protocol(self._client_leg())
        self._timers = [
            self._service.loop.call_later(self._service.settings.login_timeout_s, self._login_expired)
        ]

    def _take_client(self, client: asyncio.Transport) -> None:
        self._client = client
        self._write_client = type(client).write

    def _client_leg(self) -> Leg:
        return Leg(self, _CLIENT, self.client_data)

    def client_data(self, data: bytes) -> None:
        """The client sent bytes."""
        if self._over:
            return
        self._received += len(data)
        try:
            allowed = self._session.from_client(data)
            if isinstance(allowed, list):
                self._perform(allowed)
            else:
                size = size_of(allowed)
                if size:
                    self._to_server(allowed, size)
            if self._received > self._rests_at:
                self._throttle()
                self._service.loop.call_soon(self._rested)
            elif self._client_paused or self._server_full:
                self._throttle()
        except Exception as error:
            self._crash(error)

    def _rested(self) -> None:
        """The others have had their turn: a loop reads megabytes of one socket before it looks at another."""
        self._rests_at = self._received + _AT_ONCE_BYTES
        self._throttle()

    def client_gone(self) -> None:
        """The client will send nothing more: the server's side ends at once, and an open transaction too."""
        self._ask(self._session.client_eof)
        self._close()

    def client_lost(self) -> None:
        """The client's socket is closed."""
        self._client = None
        self.client_gone()
        self._finish()

    def client_blocked(self, full: bool) -> None:
        """The client does not take what is written to it, or takes it again."""
        self._client_full = full
        self._throttle()

    # -- what the server's socket does -------------------------------------------------------------------

    def server_data(self, data: bytes) -> None:
        """The server sent bytes."""
        if self._over:
            return
        try:
            answer = self._session.from_server(data)
            if isinstance(answer, list):
                self._perform(answer)
                return
            if self._client is not None and size_of(answer):
                self._write_client(self._client, answer)
            if self._client_paused:
                self._throttle()
        except Exception as error:
            self._crash(error)

    def server_gone(self) -> None:
        """The server will send nothing more: the session tells the client."""
        self._server_ended = True
        self._ask(self._session.server_eof)
        self._close()

    def server_lost(self) -> None:
        """The server's socket is closed."""
        self._server = None
        self.server_gone()
        self._finish()

    def server_blocked(self, full: bool) -> None:
        """The server does not take what is written to it, or takes it again."""
        if self._slices is not None:
            self._slices.blocked(full)
            return
        self._server_full = full
        self._throttle()

    # -- what the listener asks for ----------------------------------------------------------------------

    def drain(self) -> None:
        """End as soon as no work is under way."""
        self._ask(self._session.drain)

    def facts_changed(self) -> None:
        """Have what is under way looked at again."""
        self._ask(self._session.facts_changed)

    def terminate(self, message: str, detail: str = "") -> None:
        """End now, and tell the client why."""
        self._ask(lambda: self._session.terminate(message, detail))
        self._close()

    @property
    def activity(self) -> Activity | None:
        """What its session does now, for people; None once it is over."""
        return None if self._over else self._session.activity

    @property
    def stand(self) -> Stand | None:
        """What it waits for, for a clock that looks now and then."""
        client = self._client
        if self._over or client is None or client.is_closing():
            return None
        try:
            standing = self._session.standing
        except Exception as error:
            self._crash(error)
            return None
        if standing is None:
            return None
        if self._client_full:
            pending = client.get_write_buffer_size() + unsent(client.get_extra_info("socket"))
            return Stand(Standing.WRITING, pending)
        if self._server_full:
            standing = Standing.QUERY
        return Stand(standing, self._received)

    def rest(self) -> None:
        """It is looked at now and then: let the session sleep where the client has sent nothing since."""
        if self._over:
            return
        if self._received != self._seen:
            self._seen = self._received
            return
        try:
            self._session.sleep()
        except Exception as error:
            self._crash(error)

    def expire(self, standing: Standing, limit_s: float) -> None:
        """End, because it has stood like this for longer than it may."""
        self._ask(lambda: self._session.expire(standing, limit_s))
        self._close()

    async def cancel(self) -> None:
        """Cancel what the session runs, and wait until the server has been told."""
        self._ask(self._session.cancel)
        if self._cancels:
            await asyncio.wait(tuple(self._cancels))

    def abort(self) -> None:
        """Cut both connections."""
        self._close()
        if self._task is not None:
            self._task.cancel()
        for transport in (self._client, self._server):
            if transport is not None:
                transport.abort()

    # -- performing --------------------------------------------------------------------------------------

    def _ask(self, question: Callable[[], list[Command]]) -> None:
        if self._over:
            return
        try:
            self._perform(question())
        except Exception as error:
            self._crash(error)

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case ToServer():
                    self._to_server(command.data, size_of(command.data))
                case ToClient():
                    if self._client is not None:
                        self._client.write(command.data)
                case Report():
                    self._report(command.event)
                case StartTls():
                    self._start_tls(command.begun)
                case Connect():
                    self._sit_down(command)
                case Cancel():
                    task = self._service.canceller.deliver_soon(command.packet)
                    if self._cancels is None:
                        self._cancels = set()
                    self._cancels.add(task)
                    task.add_done_callback(self._cancels.discard)
                case CancelAnother():
                    self._start(self._cancel_another(command))
                case Abandon():
                    self._abandon()
                case Close():
                    self._close()
                case _:
                    if self._errands is None:
                        self._errands = Errands(self._session, self._service.helpers, self._ask, self._crash)
                    self._errands.run(command)
        self._throttle()

    def _to_server(self, data: View, size: i64) -> None:
        if self._server is not None:
            if self._slices is None and size <= _SLICE_BYTES:
                self._write_server(self._server, data)
            else:
                self._write_slices(self._server, data)
        elif not self._server_ended:
            raise LinkError("bytes for a server that is not connected")

    def _write_slices(self, server: asyncio.Transport, data: View) -> None:
        """The server counts as full until all is written."""
        if self._slices is None:
            self._slices = Slices(server, self._service.loop, self._sliced)
            self._slices.blocked(self._server_full)
            self._server_full = True
        self._slices.write(data)

    def _sliced(self) -> None:
        self._slices = None
        self.server_blocked(False)

    def _report(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._stop_timers()
            self._seat = self._seat.logged_in()
            if self._service.router is not None:
                self._service.router.enter(self._session, self)
        self._service.observer(event)

    def _start_tls(self, begun: bytes) -> None:
        """From here on the client's leg is the encrypted one: nothing is read or written beside it."""
        client, certificate = self._client, self._service.certificate()
        if client is None:
            return
        if certificate is None:
            raise LinkError("TLS was begun without a certificate")

        def secured(tls: ssl.SSLObject) -> None:
            self._ask(lambda: self._session.client_secured(tls_info(tls, certificate.der)))

        def failed(error: OSError) -> None:
            self._ask(lambda: self._session.client_not_secured(client_failure(error)))
            self._close()

        secure = SecureTransport(client, certificate.accept, self._client_leg(), secured, failed)
        self._take_client(secure)
        secure.begin(begun)

    def _throttle(self) -> None:
        """Read from each side only while the other takes what is written, and the session wants more."""
        if self._over:
            return
        client, server = self._client, self._server
        pause = self._server_full or self._session.waiting or self._received > self._rests_at
        if pause is not self._client_paused and client is not None and not client.is_closing():
            self._client_paused = pause
            (client.pause_reading if pause else client.resume_reading)()
        pause = self._client_full
        if pause is not self._server_paused and server is not None and not server.is_closing():
            self._server_paused = pause
            (server.pause_reading if pause else server.resume_reading)()

    # -- work that waits ---------------------------------------------------------------------------------

    def _start(self, work: Coroutine[None, None, None]) -> None:
        if self._task is not None or self._server is not None:
            work.close()
            raise LinkError("a second connection to the server was asked for")
        self._task = self._service.loop.create_task(work)
        self._task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._task = None
        self._connecting = False
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._crash(error)
        self._finish()

    def _sit_down(self, wanted: Connect) -> None:
        """Connect to the server, or to the console, if there may be one more."""
        if wanted.console:
            self._call()
            return
        excess = self._seat.connects(str(self._service.upstream), wanted.role, wanted.database)
        if excess is None:
            self._connecting = True
            self._start(self._connect(self._service.upstream))
        else:
            self._ask(lambda: self._session.turned_away(excess))

    def _call(self) -> None:
        if self._service.console is None:
            raise LinkError("the console was asked for and there is none")
        excess = self._service.console.begin()
        if excess is not None:
            self._ask(lambda: self._session.turned_away(excess))
            return
        self._calling = self._connecting = True
        self._start(self._connect(self._service.console.upstream))

    async def _connect(self, upstream: Upstream) -> None:
        try:
            server, arrival = await upstream.connect()
        except UpstreamError as error:
            self._connecting = False
            failure = UpstreamFailure(error.message, error.hint)
            self._ask(lambda: self._session.server_failed(failure))
            self._close()
            return
        self._connecting = False
        self._server = server
        self._write_server = type(server).write
        if self._calling:
            self._stop_timers()  # the console keeps the time, and counts who has not logged in
            self._seat = self._seat.logged_in()
        server.set_protocol(Leg(self, _SERVER, self.server_data))
        tls = server.get_extra_info("ssl_object")
        self._ask(lambda: self._session.server_connected(None if tls is None else tls_info(tls)))
        if arrival.data:
            self.server_data(bytes(arrival.data))
        if arrival.ended.is_set():
            self.server_lost()

    async def _cancel_another(self, command: CancelAnother) -> None:
        if self._service.router is None:
            raise LinkError("a CancelRequest came that nobody takes to its session")
        answer = await self._service.router.deliver(command.key, command.address)
        if answer and self._client is not None:
            self._client.write(answer)
        self._close()

    # -- ending ------------------------------------------------------------------------------------------

    def _login_expired(self) -> None:
        self.terminate(f"canceling login: it took longer than {self._service.settings.login_timeout_s:g} s")

    def _crash(self, error: Exception) -> None:
        """Nothing more goes to the server, not even what is pending: that may be what went wrong."""
        if self._server is not None:
            self._server.abort()
        self._service.on_crash(error)
        if self._over:
            return
        self._over = True
        for command in self._last_words():
            if isinstance(command, ToClient) and self._client is not None:
                self._client.write(_CRASH_NOTICE)
            elif isinstance(command, Report):
                with suppress(Exception):  # the observer may be what has failed
                    self._service.observer(command.event)
        self._close()

    def _last_words(self) -> list[Command]:
        """What the session would say now: it alone knows whether the client is in the middle of a message."""
        try:
            return self._session.terminate(_CRASH_REASON)
        except Exception:
            return [Report(Ended(_CRASH_REASON))]

    def _close(self) -> None:
        """Write out what is pending on both sides, for a while, then close both."""
        self._over = True
        if self._closing:
            return
        self._closing = True
        self._stop_timers()
        if self._connecting and self._task is not None:
            self._task.cancel()
        self._abandon()
        client, server = self._client, self._server
        timers: list[asyncio.TimerHandle] = []
        if client is not None:
            self._part(client)
            timers.append(self._service.loop.call_later(self._service.settings.flush_client_s, client.abort))
        if server is not None:
            (server if self._slices is None else self._slices).close()
            timers.append(self._service.loop.call_later(self._service.settings.flush_server_s, server.abort))
        self._timers = timers

    def _part(self, client: asyncio.Transport) -> None:
        """Let the client go. One that has sent more than was read is read to its end first, and not heard.

        A socket that is closed with bytes unread, or gets some while it still sends, resets its connection:
        what was said last might never arrive.
        """
        if client.is_closing():
            return
        if unread(client.get_extra_info("socket")) or client.get_write_buffer_size():
            try:
                client.write_eof()
                client.resume_reading()
                return
            except OSError:
                pass  # it has reset the connection itself
        client.close()

    def _stop_timers(self) -> None:
        if self._timers is not None:
            for timer in self._timers:
                timer.cancel()
            self._timers = None

    def _abandon(self) -> None:
        if self._errands is not None:
            self._errands.abandon()

    def _finish(self) -> None:
        left = self._client is None and self._server is None and self._task is None
        if left and not self._finished:
            self._finished = True
            self._stop_timers()
            if self._errands is not None:
                self._errands.close(self._service.on_crash)
            self._seat.leave()
            if self._calling and self._service.console is not None:
                self._calling = False
                self._service.console.end()
            if self._service.router is not None:
                self._service.router.leave(self._session)
            self._service.on_finished(self)


FinishedReporter: TypeAlias = Callable[[Link], None]
