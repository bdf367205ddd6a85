"""One client, one server, one session between them: order, back-pressure, every way to end."""

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import timedelta

import psutil
import pytest

from proxy.policy.decision import BackupWanted, Decision
from proxy.policy.facts import Verification
from proxy.relay import RelaySettings, SslMode
from proxy.relay.ports import Told
from proxy.session import (
    Abandon,
    AwaitCatalogue,
    Change,
    Command,
    Connect,
    Ended,
    GivenUp,
    Hold,
    Opened,
    Origin,
    Peer,
    Ponder,
    Record,
    Recorded,
    Released,
    TlsInfo,
    ToClient,
    ToServer,
    Unrecorded,
    Weighed,
)
from proxy.wire.backend import decode_error
from tests.relay.certificates import Certificates, server_context
from tests.relay.peers import PATIENCE_S, PassingSession, connected, echo, full_backlog, relay, server, until

MEGABYTE = 1024 * 1024
LONG = 64 * MEGABYTE


async def discard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that hears and says nothing."""
    while await reader.read(65_536):
        pass


class Recorder:
    """A server whose ends and bytes a test can wait for."""

    def __init__(self) -> None:
        self.heard = b""
        self.connections = 0
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while data := await reader.read(65_536):
                self.heard += data
        finally:
            self.ended.set()


async def ended(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):  # it ends the test where the end never comes
        await event.wait()


def memory() -> int:
    return int(psutil.Process().memory_info().rss)


# -- passing ---------------------------------------------------------------------------------------------


async def test_bytes_pass_both_ways() -> None:
    async with server(echo) as port, relay(port) as gate, connected(gate.port) as client:
        for data in (b"first", b"second", bytes(range(256)) * 5_000):
            await client.send(data)
            assert await client.receive(len(data)) == data
        assert gate.sessions[0].peer == Peer("127.0.0.1", client.writer.get_extra_info("sockname")[1])
        assert gate.events == [Opened("", "", "")]
        assert gate.listener.connections == 1


async def test_commands_are_performed_in_order() -> None:
    class Talking(PassingSession):
        def from_server(self, data: bytes) -> list[Command]:
            return [ToClient(b"<"), ToServer(b"+"), ToClient(data), ToClient(b">")] if data == b"x" else []

    recorder = Recorder()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x")
        await recorder(reader, writer)

    async with server(handle) as port, relay(port, Talking) as gate, connected(gate.port) as client:
        await client.send(b"1")
        assert await client.receive(3) == b"<x>"
        await until(lambda: recorder.heard == b"1+")


async def test_what_the_server_says_before_it_is_asked_reaches_the_session() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"too many connections")

    async with server(greet) as port, relay(port) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        assert await client.rest() == b"too many connections<server gone>"
        await gate.emptied()


# -- back-pressure ---------------------------------------------------------------------------------------


@pytest.mark.defect_27
@pytest.mark.parametrize("sslmode", [SslMode.DISABLE, SslMode.REQUIRE])
async def test_a_client_that_does_not_read_stops_the_server(
    certificates: Certificates, sslmode: SslMode
) -> None:
    written = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        if sslmode is SslMode.REQUIRE:
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(server_context(certificates.loopback))
        await reader.readexactly(5)
        chunk = bytes(MEGABYTE // 4)
        while written < LONG:
            writer.write(chunk)
            await writer.drain()
            written += len(chunk)

    async with (
        server(pour) as port,
        relay(port, sslmode=sslmode) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"hello")
        before = memory()
        await settled(lambda: written)
        assert written < LONG // 2  # what the kernel's buffers hold, and no more
        assert memory() - before < 8 * MEGABYTE
        for _ in range(LONG // MEGABYTE):
            assert len(await client.receive(MEGABYTE)) == MEGABYTE
        assert await client.rest() == b"<server gone>"
        assert memory() - before < 8 * MEGABYTE


@pytest.mark.defect_27
async def test_a_server_that_does_not_read_stops_the_client() -> None:
    heard = 0
    reading = asyncio.Event()

    async def hesitate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        await reading.wait()
        while heard < LONG:
            heard += len(await reader.read(MEGABYTE))
        writer.write(b"done")

    written = 0

    async with server(hesitate) as port, relay(port) as gate, connected(gate.port) as client:

        async def pour() -> None:
            nonlocal written
            chunk = bytes(MEGABYTE // 4)
            while written < LONG:
                await client.send(chunk)
                written += len(chunk)

        pouring = asyncio.create_task(pour())
        before = memory()
        await settled(lambda: written)
        assert written < LONG // 2
        assert memory() - before < 8 * MEGABYTE
        reading.set()
        assert await client.receive(4) == b"done"
        await pouring
        assert heard == LONG


async def settled(progress: Callable[[], int]) -> None:
    """Wait until something has begun and then stands still for a while."""
    await until(lambda: progress() > 0)
    seen = -1
    while progress() != seen:
        seen = progress()
        await asyncio.sleep(0.2)


@pytest.mark.defect_26
async def test_a_pipelining_client_that_reads_late_does_not_deadlock() -> None:
    """Both directions are full at once; then the client begins to read."""
    async with server(echo) as port, relay(port) as gate, connected(gate.port) as client:
        sending = asyncio.create_task(client.send(bytes(LONG // 2)))
        await asyncio.sleep(0.2)
        received = 0
        while received < LONG // 2:
            received += len(await client.reader.read(MEGABYTE))
        await sending
        assert received == LONG // 2


async def test_nothing_is_read_while_the_session_waits() -> None:
    class Halting(PassingSession):
        """Waits after each chunk until the server has said something."""

        def from_client(self, data: bytes) -> list[Command]:
            commands = super().from_client(data)
            self.waiting = True
            self.events.append(data.decode())
            return commands

        def server_connected(self, tls: TlsInfo | None) -> list[Command]:
            commands = super().server_connected(tls)
            self.waiting = True
            return commands

        def from_server(self, data: bytes) -> list[Command]:
            self.waiting = False
            return super().from_server(data)

    answer = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):
            await answer.wait()
            answer.clear()
            writer.write(b"!")

    async with server(handle) as port, relay(port, Halting) as gate, connected(gate.port) as client:
        await client.send(b"1")
        await until(lambda: len(gate.sessions) == 1 and gate.sessions[0].events == ["1"])
        await client.send(b"2")
        await asyncio.sleep(0.05)
        assert gate.sessions[0].events == ["1"]
        answer.set()
        await until(lambda: gate.sessions[0].events == ["1", "2"])
        assert await client.receive(1) == b"!"


@pytest.mark.parametrize("waits", [False, True])
async def test_a_plain_answer_says_whether_the_client_is_read(waits: bool) -> None:
    """Bytes alone set a client free that was not read; a session that still waits says so by its commands."""

    class Terse(PassingSession):
        def from_client(self, data: bytes) -> list[Command]:
            commands = super().from_client(data)
            self.waiting = len(self.events) == 0
            self.events.append(data.decode())
            return commands

        def server_connected(self, tls: TlsInfo | None) -> list[Command]:
            commands = super().server_connected(tls)
            self.waiting = True
            return commands

        def from_server(self, data: bytes) -> bytes | list[Command]:  # type: ignore[override]
            self.waiting = waits or data == b"?"
            return [ToClient(data)] if self.waiting else data

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"!")
        if not waits:
            await reader.readexactly(1)
            writer.write(b"?")  # what it answers now makes the session wait
        await reader.read()

    async with server(handle) as port, relay(port, Terse) as gate, connected(gate.port) as client:
        await client.send(b"1")
        assert await client.receive(1) == b"!"
        await client.send(b"2")
        if waits:
            await asyncio.sleep(0.05)
            assert gate.sessions[0].events == ["1"]
            return
        assert await client.receive(1) == b"?"
        await client.send(b"3")
        await asyncio.sleep(0.05)
        assert gate.sessions[0].events == ["1", "2"]


# -- the client ends -------------------------------------------------------------------------------------


async def test_a_client_that_closes_ends_the_server_connection() -> None:
    recorder = Recorder()
    async with server(recorder) as port, relay(port) as gate:
        async with connected(gate.port) as client:
            await client.send(b"BEGIN")
            await until(lambda: recorder.heard == b"BEGIN")
            client.writer.close()
            await ended(recorder.ended)
        await gate.emptied()
        assert gate.sessions[0].events == ["client_eof"]
        assert gate.events == [Opened("", "", ""), Ended("client gone")]


async def test_a_killed_client_ends_the_server_connection() -> None:
    recorder = Recorder()
    async with server(recorder) as port, relay(port) as gate, connected(gate.port) as client:
        await client.send(b"half a mess")
        await until(lambda: recorder.heard == b"half a mess")
        client.kill()
        await ended(recorder.ended)
        await gate.emptied()
        assert gate.events == [Opened("", "", ""), Ended("client gone")]


async def test_a_client_that_stops_sending_is_gone() -> None:
    recorder = Recorder()
    async with server(recorder) as port, relay(port) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        client.writer.write_eof()
        assert await client.rest() == b""
        await ended(recorder.ended)


async def test_what_a_client_sent_before_it_ended_reaches_the_server() -> None:
    recorder = Recorder()
    async with server(recorder) as port, relay(port) as gate:
        async with connected(gate.port) as client:
            await client.send(b"hello")
            await until(lambda: recorder.connections == 1)
            await client.send(b"COMMIT")
            client.writer.close()
            await client.writer.wait_closed()
        await ended(recorder.ended)
        assert recorder.heard == b"helloCOMMIT"


async def test_a_client_killed_while_the_server_does_not_read() -> None:
    """What is pending for a server that takes nothing is given up after a while."""
    released = asyncio.Event()

    async def sleep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()

    settings = RelaySettings(flush_server_s=0.1)
    async with server(sleep) as port, relay(port, settings=settings) as gate, connected(gate.port) as client:
        client.writer.write(bytes(LONG))
        await settled(lambda: LONG - len_pending(client.writer))
        client.kill()
        gate.listener.close()
        # Nothing is read from the client any more: only its server's end, or a drain, shows that it is gone.
        await gate.listener.drain(0)
        assert gate.listener.connections == 0
        released.set()


async def test_a_client_that_reset_its_connection_with_bytes_unread_is_let_go() -> None:
    class Silent(PassingSession):
        def drain(self) -> list[Command]:
            return self._end("drained")

    with full_backlog() as port:
        async with relay(port, Silent) as gate, connected(gate.port) as client:
            await client.send(b"hello")
            await until(lambda: bool(gate.sessions) and gate.sessions[0].waiting)
            await client.send(b"more")
            client.kill()
            await client.writer.wait_closed()
            await gate.listener.stop()
            assert (gate.crashes, gate.listener.connections) == ([], 0)


def len_pending(writer: asyncio.StreamWriter) -> int:
    return int(writer.transport.get_write_buffer_size())


async def test_a_client_that_goes_while_the_gate_connects() -> None:
    """The attempt is given up, and nobody is told of a failure."""

    class Impatient(PassingSession):
        def from_client(self, data: bytes) -> list[Command]:
            return [Connect()]

    with full_backlog() as port:
        async with relay(port, Impatient) as gate, connected(gate.port) as client:
            await client.send(b"hello")
            await until(lambda: gate.listener.connections == 1)
            client.kill()
            await gate.emptied()
            assert gate.events == [Ended("client gone")]
            assert gate.crashes == []


async def test_a_client_that_says_nothing_is_closed_in_time() -> None:
    settings = RelaySettings(login_timeout_s=0.1)
    async with server(echo) as port, relay(port, settings=settings) as gate, connected(gate.port) as client:
        assert await client.rest() == b"<canceling login: it took longer than 0.1 s>"
        await gate.emptied()


async def test_a_client_that_has_logged_in_may_be_silent() -> None:
    settings = RelaySettings(login_timeout_s=0.2)
    async with server(echo) as port, relay(port, settings=settings) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        assert await client.receive(5) == b"hello"
        await asyncio.sleep(0.4)
        await client.send(b"still here")
        assert await client.receive(10) == b"still here"


# -- the server ends -------------------------------------------------------------------------------------


@pytest.mark.defect_24
async def test_a_server_that_ends_is_reported_once_with_its_own_words_first() -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.write(b"FATAL")

    async with server(die) as port, relay(port) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        assert await client.rest() == b"FATAL<server gone>"
        await gate.emptied()
        assert gate.sessions[0].events == ["server_eof"]


@pytest.mark.defect_24
async def test_the_last_words_reach_a_client_that_has_sent_more_than_was_read() -> None:
    """A socket that is closed with bytes unread resets its connection, and what it said may be lost."""
    dies = asyncio.Event()

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await dies.wait()
        writer.write(b"FATAL")

    async with server(die) as port, relay(port) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        client.writer.write(bytes(LONG))
        await settled(lambda: LONG - len_pending(client.writer))
        dies.set()
        assert await client.rest() == b"FATAL<server gone>"
        client.writer.transport.abort()
        await gate.emptied()


async def test_a_client_that_goes_on_sending_to_a_dead_session_is_cut_off() -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.2)

    settings = RelaySettings(flush_client_s=0.2)
    async with server(die) as port, relay(port, settings=settings) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        client.writer.write(bytes(LONG))
        await gate.emptied()


async def test_the_last_rows_reach_a_slow_reader_after_the_server_has_gone() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.write(bytes(LONG))
        await writer.drain()

    async with server(pour) as port, relay(port) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        received = 0
        while received < LONG:
            received += len(await client.receive(min(MEGABYTE, LONG - received)))
        assert await client.rest() == b"<server gone>"


async def test_a_server_that_is_down_is_reported_at_once() -> None:
    async with server(echo) as port:
        pass
    async with relay(port) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        said = (await client.rest()).decode()
        assert said == (
            f"<The server 127.0.0.1:{port} cannot be reached: Connection refused.|"
            "Check that PostgreSQL is running and listens there, and the upstream URL.>"
        )
        await gate.emptied()
        assert gate.events == [Ended("server failed")]


# -- defects ---------------------------------------------------------------------------------------------


class Broken(PassingSession):
    """Forwards nothing of what contains `bad`: it raises instead."""

    midway = False

    def from_client(self, data: bytes) -> list[Command]:
        if b"bad" in data:
            raise RuntimeError("a defect")
        return super().from_client(data)

    def from_server(self, data: bytes) -> list[Command]:
        if b"bad" in data:
            raise RuntimeError("a defect")
        return super().from_server(data)

    def terminate(self, message: str, detail: str = "") -> list[Command]:
        commands = super().terminate(message)
        return [command for command in commands if not (self.midway and isinstance(command, ToClient))]


def fatal(said: bytes) -> dict[str, str]:
    assert said[:1] == b"E"
    assert int.from_bytes(said[1:5], "big") == len(said) - 1
    return decode_error(said[5:])


INTERNAL_ERROR = {
    "S": "FATAL",
    "V": "FATAL",
    "C": "XX000",
    "M": "pgwarden: internal error; the connection is closed",
    "H": "Connect again; if it comes back, report what the gate's log says.",
}


async def test_an_exception_ends_the_session() -> None:
    recorder = Recorder()
    async with server(recorder) as port, relay(port, Broken) as gate, connected(gate.port) as client:
        await client.send(b"good")
        await until(lambda: recorder.heard == b"good")
        await client.send(b"bad")
        assert fatal(await client.rest()) == INTERNAL_ERROR
        await ended(recorder.ended)
        await gate.emptied()
        assert recorder.heard == b"good"
        assert [str(crash) for crash in gate.crashes] == ["a defect"]
        assert gate.events == [Opened("", "", ""), Ended("internal error")]


async def test_an_exception_over_what_the_server_says_ends_the_session() -> None:
    async with server(echo) as port, relay(port, Broken) as gate, connected(gate.port) as client:
        await client.send(b"b")
        await client.send(b"ad")
        assert (await client.rest())[-10:] != b""
        assert [str(crash) for crash in gate.crashes] in (["a defect"], ["a defect", "a defect"])


async def test_an_exception_in_the_middle_of_a_message_is_silent() -> None:
    class Midway(Broken):
        midway = True

    async with server(echo) as port, relay(port, Midway) as gate, connected(gate.port) as client:
        await client.send(b"row")
        assert await client.receive(3) == b"row"
        await client.send(b"bad")
        assert await client.rest() == b""
        assert gate.events == [Opened("", "", ""), Ended("internal error")]


async def test_a_session_that_only_raises_is_closed_without_a_word() -> None:
    class Hopeless(Broken):
        def terminate(self, message: str, detail: str = "") -> list[Command]:
            raise RuntimeError("another defect")

    async with server(echo) as port, relay(port, Hopeless) as gate, connected(gate.port) as client:
        await client.send(b"bad")
        assert await client.rest() == b""
        await gate.emptied()
        assert gate.events == [Ended("internal error")]
        assert [str(crash) for crash in gate.crashes] == ["a defect"]


class AskingTwice(PassingSession):
    def from_client(self, data: bytes) -> list[Command]:
        return [Connect(), Connect()]


class AskingTooEarly(PassingSession):
    def from_client(self, data: bytes) -> list[Command]:
        return [ToServer(data)]


@pytest.mark.parametrize(
    ("session", "message"),
    [
        (AskingTwice, "a second connection to the server was asked for"),
        (AskingTooEarly, "bytes for a server that is not connected"),
    ],
)
async def test_a_session_that_asks_for_the_impossible(session: type[PassingSession], message: str) -> None:
    async with server(echo) as port, relay(port, session) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        assert fatal(await client.rest())["C"] == "XX000"
        await gate.emptied()
        assert [str(crash) for crash in gate.crashes] == [message]


# -- nothing is left behind ------------------------------------------------------------------------------


async def test_connections_leave_nothing_behind() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would hold a descriptor itself

    async with server(echo) as port, relay(port) as gate:
        async with connected(gate.port) as client:
            await client.send(b"hello")
            await client.receive(5)
        await gate.emptied()
        before = descriptors()
        for number in range(100):
            async with connected(gate.port) as client:
                if number % 2:
                    await client.send(b"hello")
                    await client.receive(5)
                client.kill()
        await gate.emptied()
        await until(lambda: descriptors() <= before)


# -- pondering -------------------------------------------------------------------------------------------


ALLOWED = Decision(True, (), (), None, (), facts_used=False, transaction_used=False)


class Pondering(PassingSession):
    """Has everything worked out in another thread before it lets it through."""

    def from_client(self, data: bytes) -> list[Command]:
        if not self._connected:
            return super().from_client(data)
        self._held = data
        return [Ponder(self.work)]

    def work(self) -> Weighed:
        if self._held == b"fault":
            raise ArithmeticError
        self.threads = {threading.get_ident()}
        return Weighed(decision=ALLOWED, since=0.0, until=0.0)

    def pondered(self, weighed: Weighed) -> list[Command]:
        assert weighed.decision is ALLOWED
        assert self.threads.isdisjoint({threading.get_ident()})
        return [ToServer(self._held)]


async def test_what_is_pondered_goes_on_when_it_is_worked_out() -> None:
    async with (
        server(echo) as port,
        relay(port, Pondering) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        for data in (b"first", b"other"):
            await client.send(data)
            assert await client.receive(5) == data


async def test_a_fault_in_what_is_pondered_ends_the_session() -> None:
    async with (
        server(echo) as port,
        relay(port, Pondering) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        await client.send(b"fault")
        assert fatal(await client.rest()) == INTERNAL_ERROR
        assert [type(crash) for crash in gate.crashes] == [ArithmeticError]


# -- waiting for a catalogue -----------------------------------------------------------------------------


class Careful(PassingSession):
    """Has the catalogue read before it lets anything through, each time."""

    def from_client(self, data: bytes) -> list[Command]:
        if not self._connected:
            return super().from_client(data)
        self._held = data
        return [AwaitCatalogue("shop")]

    def catalogue_ready(self) -> list[Command]:
        return [ToServer(self._held)]


async def test_what_waits_for_a_catalogue_goes_on_when_it_has_been_read() -> None:
    asked: list[str] = []
    may_end = asyncio.Event()

    async def reads(database: str) -> None:
        asked.append(database)
        await may_end.wait()

    async with (
        server(echo) as port,
        relay(port, Careful, catalogue=reads) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        await client.send(b"first")
        await until(lambda: asked == ["shop"])
        may_end.set()
        assert await client.receive(5) == b"first"
        await client.send(b"other")
        assert await client.receive(5) == b"other"
        assert asked == ["shop", "shop"]


async def test_a_client_that_goes_ends_the_waiting() -> None:
    cancelled = asyncio.Event()

    async def reads(database: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with server(echo) as port, relay(port, Careful, catalogue=reads) as gate:
        async with connected(gate.port) as client:
            await client.send(b"login")
            assert await client.receive(5) == b"login"
            await client.send(b"first")
            await until(lambda: gate.sessions[0].events == [])
        await ended(cancelled)
        await gate.emptied()


@pytest.mark.parametrize("reader", ["none", "failing"])
async def test_a_catalogue_that_nobody_reads_ends_the_session(reader: str) -> None:
    async def fails(database: str) -> None:
        raise RuntimeError("a defect of the reader")

    catalogue = None if reader == "none" else fails
    async with (
        server(echo) as port,
        relay(port, Careful, catalogue=catalogue) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        await client.send(b"first")
        assert b"internal error" in await client.rest()
        assert [type(crash).__name__ for crash in gate.crashes] == [
            "LinkError" if reader == "none" else "RuntimeError"
        ]


# -- waiting for the ledger ------------------------------------------------------------------------------


CHANGE = Change("DROP TABLE t", (), (), "high", False, Origin("", "", None, "", "", "none", ""))


class Recording(PassingSession):
    """Has a change recorded before it lets anything through, each time."""

    def from_client(self, data: bytes) -> list[Command]:
        if not self._connected:
            return super().from_client(data)
        self._held = data
        return [Record(CHANGE)]

    def recorded(self, outcome: Recorded | Unrecorded) -> list[Command]:
        return [ToServer(self._held)] if outcome == Recorded(7) else [ToClient(str(outcome).encode())]


async def test_what_waits_for_the_ledger_goes_on_when_it_is_recorded_and_not_before() -> None:
    asked: list[Change] = []
    may_end = asyncio.Event()
    heard = Recorder()

    async def records(change: Change) -> Recorded | Unrecorded:
        asked.append(change)
        await may_end.wait()
        return Recorded(7) if len(asked) == 1 else Unrecorded("no")

    async with (
        server(heard) as port,
        relay(port, Recording, recorder=records) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"login")
        await until(lambda: heard.heard == b"login")
        await client.send(b"first")
        await until(lambda: asked == [CHANGE])
        assert heard.heard == b"login"
        may_end.set()
        await until(lambda: heard.heard == b"loginfirst")
        await client.send(b"other")
        assert await client.receive(len(str(Unrecorded("no")))) == str(Unrecorded("no")).encode()
        assert (heard.heard, asked) == (b"loginfirst", [CHANGE, CHANGE])


# -- holding statements ----------------------------------------------------------------------------------


class Holding(PassingSession):
    """Holds what a client sends for a backup, and passes on how far that is."""

    def from_client(self, data: bytes) -> list[Command]:
        if not self._connected:
            return super().from_client(data)
        return [Hold(BackupWanted((data.decode(),), timedelta(hours=1), Verification.RECORDED, 1), CHANGE)]

    def progressed(self, message: str, detail: str = "") -> list[Command]:
        return [ToClient(f"{message}, {detail}. ".encode())]

    def held(self, outcome: Released | GivenUp) -> list[Command]:
        return [ToClient(str(outcome).encode())]

    def cancel(self) -> list[Command]:
        return [Abandon(), ToClient(b"cancelled")]


class Backups:
    """Takes backups when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.abandoned: list[str] = []
        self.may_end = asyncio.Event()

    async def __call__(self, hold: Hold, tell: Told) -> Released | GivenUp:
        (rule,) = hold.wanted.rules
        self.asked.append(rule)
        tell("begun", rule)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.abandoned.append(rule)
            raise
        return Released(rule)


async def test_a_held_statement_hears_how_far_it_is_and_what_has_become_of_it() -> None:
    backups = Backups()
    async with (
        server(echo) as port,
        relay(port, Holding, holder=backups) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        for name in (b"first", b"other"):
            await client.send(name)
            progress = b"begun, " + name + b". "
            assert await client.receive(len(progress)) == progress
            backups.may_end.set()
            outcome = str(Released(name.decode())).encode()
            assert await client.receive(len(outcome)) == outcome
    assert (backups.asked, backups.abandoned) == (["first", "other"], [])


async def test_what_a_statement_is_held_for_ends_with_a_cancel_and_with_the_client() -> None:
    backups = Backups()
    async with (
        server(echo) as port,
        relay(port, Holding, holder=backups) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        await client.send(b"first")
        await until(lambda: backups.asked == ["first"])
        (link,) = gate.listener._links
        await link.cancel()
        await until(lambda: backups.abandoned == ["first"])
        assert await client.receive(23) == b"begun, first. cancelled"
        await client.send(b"other")
        await until(lambda: backups.asked == ["first", "other"])
        client.writer.transport.abort()
        await until(lambda: backups.abandoned == ["first", "other"])
        await gate.emptied()


async def test_a_statement_held_for_what_nobody_brings_about_ends_the_session() -> None:
    async with server(echo) as port, relay(port, Holding) as gate, connected(gate.port) as client:
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        await client.send(b"first")
        assert b"internal error" in await client.rest()
        assert [type(crash).__name__ for crash in gate.crashes] == ["LinkError"]


async def test_a_change_that_nobody_records_ends_the_session() -> None:
    async with server(echo) as port, relay(port, Recording) as gate, connected(gate.port) as client:
        await client.send(b"login")
        assert await client.receive(5) == b"login"
        await client.send(b"first")
        assert b"internal error" in await client.rest()
        assert [type(crash).__name__ for crash in gate.crashes] == ["LinkError"]
