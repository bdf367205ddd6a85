"""The two ends of a relay in a test: a scripted server, a plain client, a session that lets all through."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from proxy.relay import CancelRouter, Listener, RelaySettings, SslMode, Upstream
from proxy.relay.ports import CatalogueReader, ChangeRecorder, Holder
from proxy.session import (
    Activity,
    Brain,
    Close,
    Command,
    Connect,
    Credential,
    Ended,
    Event,
    Excess,
    GivenUp,
    Opened,
    Outcome,
    Peer,
    Recorded,
    Released,
    Report,
    Standing,
    TlsInfo,
    ToClient,
    ToServer,
    Unavailable,
    Unrecorded,
    UpstreamFailure,
    Weighed,
)

PATIENCE_S = 60.0
"""How long a test waits for what must happen at once."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class PassingSession(Brain):
    """Connects at the first bytes and lets all through; says `<…>` where a real session says FATAL."""

    waiting = False
    standing: Standing | None = None
    activity = Activity("", "", None, "", "idle", False, None)

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.idle = True
        self.draining = False
        self.over = False
        self.events: list[str] = []
        self._early: list[bytes] = []
        self._connected = False

    def from_client(self, data: bytes) -> list[Command]:
        if self._connected:
            return [ToServer(data)]
        self._early.append(data)
        self.waiting = True
        return [Connect()] if len(self._early) == 1 else []

    def analysed(self, outcome: Outcome) -> list[Command]:
        raise AssertionError("it hands no text out")

    def pondered(self, weighed: Weighed) -> list[Command]:
        raise AssertionError("it has nothing worked out")

    def catalogue_ready(self) -> list[Command]:
        raise AssertionError("it asks for no catalogue")

    def credential_found(self, answer: Credential | Unavailable) -> list[Command]:
        raise AssertionError("no user was to be looked up")

    def key_derived(self, salted: bytes) -> list[Command]:
        raise AssertionError("no key was to be derived")

    def cancel(self) -> list[Command]:
        self.events.append("cancel")
        return []

    def sleep(self) -> None:
        self.events.append("sleep")

    def recorded(self, outcome: Recorded | Unrecorded) -> list[Command]:
        raise AssertionError("it has nothing recorded")

    def held(self, outcome: Released | GivenUp) -> list[Command]:
        raise AssertionError("it has nothing held")

    def progressed(self, message: str, detail: str = "") -> list[Command]:
        raise AssertionError("it has nothing held")

    def client_eof(self) -> list[Command]:
        self.events.append("client_eof")
        return self._end("client gone")

    def client_secured(self, tls: TlsInfo) -> list[Command]:
        raise AssertionError("it begins no TLS")

    def client_not_secured(self, reason: str) -> list[Command]:
        raise AssertionError("it begins no TLS")

    def server_connected(self, tls: TlsInfo | None) -> list[Command]:
        self._connected = True
        self.waiting = False
        return [Report(Opened("", "", "")), *(ToServer(data) for data in self._early)]

    def server_failed(self, failure: UpstreamFailure) -> list[Command]:
        return self._end("server failed", f"<{failure.message}|{failure.hint}>")

    def turned_away(self, excess: Excess) -> list[Command]:
        return self._end("turned away", f"<{excess.message}>")

    def from_server(self, data: bytes) -> list[Command]:
        return [ToClient(data)]

    def server_eof(self) -> list[Command]:
        self.events.append("server_eof")
        return self._end("server gone", "<server gone>")

    def facts_changed(self) -> list[Command]:
        return []

    def drain(self) -> list[Command]:
        self.draining = True
        return self._end("drained", "<drained>") if self.idle else []

    def terminate(self, message: str, detail: str = "") -> list[Command]:
        return self._end(message, f"<{message}>")

    def expire(self, standing: Standing, limit_s: float) -> list[Command]:
        return self._end(f"expired: {standing.name}", f"<{standing.name} after {limit_s:g} s>")

    def _end(self, reason: str, text: str = "") -> list[Command]:
        if self.over:
            return []
        self.over = True
        said: list[Command] = [ToClient(text.encode())] if text else []
        return [*said, Report(Ended(reason)), Close()]


class Client:
    """A client on a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(count)

    async def rest(self, patience_s: float = PATIENCE_S) -> bytes:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(patience_s):
            return await self.reader.read()

    def kill(self) -> None:
        """Vanish as a killed process on a far host does: with a reset, in the middle of whatever it was."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client of this port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def server(handler: Handler, unix_path: Path | None = None) -> AsyncIterator[int]:
    """A server that does with each connection as the handler says, then closes it; gives its port."""
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            running.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    if unix_path is None:
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    else:
        listening = await asyncio.start_unix_server(handle, unix_path)
    try:
        yield 0 if unix_path else listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose kernel drops further connection attempts, as a firewall does."""
    with socket.socket() as listening, socket.socket() as first:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        first.connect(listening.getsockname())
        yield listening.getsockname()[1]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that says back what it hears."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


class Relay:
    """A listener in front of a server on loopback, with all that it reports."""

    def __init__(
        self,
        upstream: Upstream,
        make_session: Callable[[Peer], PassingSession] = PassingSession,
        settings: RelaySettings | None = None,
        catalogue: CatalogueReader | None = None,
        router: CancelRouter | None = None,
        recorder: ChangeRecorder | None = None,
        holder: Holder | None = None,
    ) -> None:
        self.sessions: list[PassingSession] = []
        self.events: list[Event] = []
        self.crashes: list[Exception] = []
        self._make_session = make_session
        self.listener = Listener(
            [("127.0.0.1", 0)],
            self._open,
            upstream,
            self.events.append,
            settings,
            router=router,
            catalogue=catalogue,
            recorder=recorder,
            holder=holder,
            on_crash=self.crashes.append,
        )

    @property
    def port(self) -> int:
        return self.listener.addresses[0][1]

    async def emptied(self) -> None:
        """Wait until no connection is left."""
        await until(lambda: self.listener.connections == 0)

    def _open(self, peer: Peer) -> PassingSession:
        session = self._make_session(peer)
        self.sessions.append(session)
        return session


@asynccontextmanager
async def relay(
    port: int,
    make_session: Callable[[Peer], PassingSession] = PassingSession,
    settings: RelaySettings | None = None,
    sslmode: SslMode = SslMode.DISABLE,
    catalogue: CatalogueReader | None = None,
    router: CancelRouter | None = None,
    recorder: ChangeRecorder | None = None,
    holder: Holder | None = None,
) -> AsyncIterator[Relay]:
    """A running relay to a server on this port."""
    standing = Relay(
        Upstream("127.0.0.1", port, sslmode), make_session, settings, catalogue, router, recorder, holder
    )
    await standing.listener.start()
    try:
        yield standing
    finally:
        await standing.listener.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until the condition holds; fail when it does not."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the code under test has no event to wait for
            await asyncio.sleep(0.001)
