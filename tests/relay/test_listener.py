"""Doors: addresses, accepting, draining."""

import asyncio
import socket

import pytest

from proxy.relay import Listener, RelaySettings, SslMode, Upstream
from proxy.session import Command, Peer
from tests.relay.peers import PassingSession, Relay, connected, echo, relay, server, until

NOWHERE = Upstream("127.0.0.1", 1, SslMode.DISABLE)


class Busy(PassingSession):
    """Drains when it hears the end of its work."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self.idle = False

    def from_client(self, data: bytes) -> list[Command]:
        commands = super().from_client(data)
        if data == b"COMMIT":
            self.idle = True
            if self.draining:
                return commands + self.drain()
        return commands


class Stubborn(PassingSession):
    """Never wants to end."""

    def drain(self) -> list[Command]:
        return []

    def terminate(self, message: str, detail: str = "") -> list[Command]:
        return []


def listener(host: str, port: int = 0) -> Listener:
    return Listener([(host, port)], PassingSession, NOWHERE, lambda event: None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", {"127.0.0.1"}),
        ("::1", {"::1"}),
        ("", {"0.0.0.0", "::"}),
        ("*", {"0.0.0.0", "::"}),
    ],
)
async def test_addresses(host: str, expected: set[str]) -> None:
    door = listener(host)
    assert list(door.addresses) == []
    await door.start()
    bound = door.addresses
    assert {bound_host for bound_host, _ in bound} == expected
    assert all(bound_port > 0 for _, bound_port in bound)
    door.close()
    assert door.addresses == bound


async def test_an_address_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match=r"(?i)address already in use"):
            await listener("127.0.0.1", taken.getsockname()[1]).start()


async def test_ipv6_clients_are_named_by_their_address() -> None:
    peers: list[Peer] = []

    def open_session(peer: Peer) -> PassingSession:
        peers.append(peer)
        return PassingSession(peer)

    door = Listener([("::1", 0)], open_session, NOWHERE, lambda event: None)
    await door.start()
    _, writer = await asyncio.open_connection("::1", door.addresses[0][1])
    await until(lambda: len(peers) == 1)
    assert peers == [Peer("::1", writer.get_extra_info("sockname")[1])]
    writer.close()
    await door.stop()


async def test_two_doors_to_two_servers() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(5)).upper())

    async with server(echo) as one, server(other) as two, relay(one) as first, relay(two) as second:
        async with connected(first.port) as client:
            await client.send(b"hello")
            assert await client.receive(5) == b"hello"
        async with connected(second.port) as client:
            await client.send(b"hello")
            assert await client.receive(5) == b"HELLO"


async def test_a_session_that_cannot_be_made_closes_the_connection() -> None:
    def fail(peer: Peer) -> PassingSession:
        raise RuntimeError("a defect")

    async with relay(1, fail) as gate:
        async with connected(gate.port) as client:
            assert await client.rest() == b""
        assert [str(crash) for crash in gate.crashes] == ["a defect"]
        assert gate.listener.connections == 0


async def test_an_observer_that_fails_ends_the_session() -> None:
    """What cannot be recorded does not pass."""

    def fail(event: object) -> None:
        raise OSError("disk full")

    crashes: list[Exception] = []
    async with server(echo) as port:
        upstream = Upstream("127.0.0.1", port, SslMode.DISABLE)
        door = Listener([("127.0.0.1", 0)], PassingSession, upstream, fail, on_crash=crashes.append)
        await door.start()
        async with connected(door.addresses[0][1]) as client:
            await client.send(b"hello")
            assert (await client.rest())[:1] == b"E"
        await door.stop()
    assert [str(crash) for crash in crashes] == ["disk full"]


async def test_without_a_reporter_the_event_loop_is_told() -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: told.append(f"{context['message']}: {context['exception']}")
    )

    def fail(peer: Peer) -> PassingSession:
        raise RuntimeError("a defect")

    door = Listener([("127.0.0.1", 0)], fail, NOWHERE, lambda event: None)
    await door.start()
    async with connected(door.addresses[0][1]) as client:
        assert await client.rest() == b""
    await door.stop()
    assert told == ["pgwarden: a session failed and was closed: a defect"]


async def test_draining_ends_idle_sessions_and_refuses_new_ones() -> None:
    async with server(echo) as port, relay(port) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        assert await client.receive(5) == b"hello"
        await gate.listener.drain(10)
        assert gate.listener.connections == 0
        assert await client.rest() == b"<drained>"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", gate.port)


async def test_draining_waits_for_busy_sessions() -> None:
    async with server(echo) as port, relay(port, Busy) as gate, connected(gate.port) as client:
        await client.send(b"BEGIN")
        assert await client.receive(5) == b"BEGIN"
        draining = asyncio.create_task(gate.listener.drain(10))
        await until(lambda: gate.sessions[0].draining)
        await client.send(b"INSERT")
        assert await client.receive(6) == b"INSERT"
        assert not draining.done()
        await client.send(b"COMMIT")
        assert await client.rest() == b"<drained>"
        await draining
        assert gate.listener.connections == 0


async def test_draining_has_an_end() -> None:
    async with server(echo) as port, relay(port, Busy) as gate, connected(gate.port) as client:
        await client.send(b"BEGIN")
        assert await client.receive(5) == b"BEGIN"
        await gate.listener.drain(0.1)
        assert gate.listener.connections == 0
        assert await client.rest() == b"<terminating connection: the gate is shutting down>"


async def test_draining_cuts_off_who_does_not_go() -> None:
    """A client that reads nothing cannot hold the gate."""
    settings = RelaySettings(flush_client_s=60)

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(1_000_000))
            await writer.drain()

    async with server(pour) as port, relay(port, Stubborn, settings) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        await asyncio.sleep(0.2)
        await gate.listener.drain(0.1)
        assert gate.listener.connections == 0


async def test_stopping_ends_everybody() -> None:
    async with server(echo) as port:
        gate = Relay(Upstream("127.0.0.1", port, SslMode.DISABLE), Busy)
        await gate.listener.start()
        async with connected(gate.port) as client:
            await client.send(b"hello")
            await client.receive(5)
            await gate.listener.stop()
            assert gate.listener.connections == 0
            await gate.listener.stop()
