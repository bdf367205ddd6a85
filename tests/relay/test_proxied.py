"""Connections behind a balancer: whose they are, and that nothing but a right header opens the door."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from proxy.relay import Capacity, Listener, Occupancy, ProxyProtocol, RelaySettings, SslMode, Upstream
from proxy.relay.proxied import LATE, UNTRUSTED
from proxy.session import Peer
from tests.relay.peers import Client, PassingSession, connected, echo, server, until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 6432\r\n"
ADDRESSES = socket.inet_aton("203.0.113.7") + socket.inet_aton("10.0.0.1") + struct.pack(">HH", 56324, 6432)
BLOCK = SIGNATURE + b"\x21\x11" + struct.pack(">H", 12 + 3 + 2000) + ADDRESSES + b"\4\7\xd0" + bytes(2000)
LOCAL = SIGNATURE + b"\x20\0\0\0"
CLIENT = Peer("203.0.113.7", 56324)


class Door:
    """A listener behind a balancer, in front of a server that echoes."""

    def __init__(self, listener: Listener, occupancy: Occupancy) -> None:
        self.listener = listener
        self.occupancy = occupancy
        self.peers: list[Peer] = []
        self.told: list[tuple[str, str | None, str]] = []

    @property
    def port(self) -> int:
        return self.listener.addresses[0][1]

    @property
    def is_empty(self) -> bool:
        return (self.listener.connections, self.occupancy.clients, self.occupancy.logins) == (0, 0, 0)


@asynccontextmanager
async def door(
    proxy: ProxyProtocol,
    capacity: Capacity | None = None,
    settings: RelaySettings | None = None,
    place: tuple[str, int] = ("127.0.0.1", 0),
) -> AsyncIterator[Door]:
    occupancy = Occupancy(
        capacity or Capacity(), asyncio.get_running_loop().time, lambda *told: standing.told.append(told)
    )

    def open_session(peer: Peer) -> PassingSession:
        standing.peers.append(peer)
        return PassingSession(peer)

    async with server(echo) as port:
        upstream = Upstream("127.0.0.1", port, SslMode.DISABLE)
        listener = Listener(
            [place], open_session, upstream, lambda event: None, settings, occupancy=occupancy, proxy=proxy
        )
        standing = Door(listener, occupancy)
        await listener.start()
        yield standing
        await listener.stop()
        assert standing.is_empty


def from_loopback(*versions: int) -> ProxyProtocol:
    return ProxyProtocol(versions or (1, 2), (ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize("header", [LINE, BLOCK])
async def test_the_session_sees_the_client_and_its_very_first_byte(header: bytes) -> None:
    async with door(from_loopback()) as gate, connected(gate.port) as client:
        await client.send(header + b"hello")
        assert await client.receive(5) == b"hello"
        await client.send(b"again")
        assert await client.receive(5) == b"again"
        assert gate.peers == [CLIENT]


@pytest.mark.parametrize("header", [LINE, BLOCK[:60] + BLOCK[-20:]])
async def test_a_header_that_comes_byte_by_byte(header: bytes) -> None:
    if header is not LINE:
        header = SIGNATURE + b"\x21\x11" + struct.pack(">H", 12) + ADDRESSES
    async with door(from_loopback()) as gate, connected(gate.port) as client:
        for number in range(len(header)):
            assert gate.peers == []
            await client.send(header[number : number + 1])
            await asyncio.sleep(0)
        await until(lambda: gate.peers == [CLIENT])
        await client.send(b"hello")
        assert await client.receive(5) == b"hello"


@pytest.mark.parametrize(
    ("header", "peer"),
    [
        (b"PROXY UNKNOWN\r\n", Peer(None)),
        (SIGNATURE + b"\x21\0\0\0", Peer(None)),
        (SIGNATURE + b"\x21\x31\0\xd8" + bytes(216), Peer(None)),
        (LOCAL, None),
    ],
)
async def test_clients_without_an_address_are_nobody_and_the_balancer_is_itself(
    header: bytes, peer: Peer | None
) -> None:
    async with door(from_loopback()) as gate, connected(gate.port) as client:
        await client.send(header + b"hello")
        assert await client.receive(5) == b"hello"
        assert gate.peers == [peer or Peer("127.0.0.1", client.writer.get_extra_info("sockname")[1])]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\0\0\0\x08\x04\xd2\x16\x2f", "the connection begins without a PROXY header"),
        (b"\x16\x03\x01\x02", "the connection begins without a PROXY header"),
        (LINE.replace(b"TCP4", b"TCP5"), "the PROXY header's line has other fields than it should"),
        (b"PROXY " + b"x" * 200, "the PROXY header is longer than a line of version 1"),
        (SIGNATURE + b"\x21\x11\xff\xff", "the PROXY header is too long"),
    ],
)
async def test_what_does_not_begin_so_is_closed_without_an_answer(data: bytes, why: str) -> None:
    async with door(from_loopback()) as gate, connected(gate.port) as client:
        await client.send(data)
        assert await ended(client) == b""
        await until(lambda: gate.told == [("proxy_protocol", "127.0.0.1", why)])
        assert gate.peers == []
        assert gate.occupancy.refused["proxy_protocol"] == 1


async def test_a_version_that_is_not_read() -> None:
    async with door(from_loopback(2)) as gate, connected(gate.port) as client:
        await client.send(LINE)
        assert await ended(client) == b""
        assert gate.peers == []


async def test_a_header_from_somebody_else() -> None:
    proxy = ProxyProtocol((1, 2), (ip_network("10.0.0.0/8"), ip_network("::/0")))
    async with door(proxy) as gate, connected(gate.port) as client:
        await client.send(LINE + b"hello")
        assert await ended(client) == b""
        assert (gate.peers, gate.told) == ([], [("proxy_protocol", "127.0.0.1", UNTRUSTED)])


@pytest.mark.parametrize("data", [b"", LOCAL])
async def test_health_checks_make_no_noise(data: bytes) -> None:
    async with door(from_loopback()) as gate:
        for _ in range(3):
            async with connected(gate.port) as client:
                await client.send(data)
        await until(lambda: gate.is_empty)
        assert gate.told == []


async def test_a_header_that_does_not_come() -> None:
    settings = RelaySettings(login_timeout_s=0.05)
    async with door(from_loopback(), settings=settings) as gate, connected(gate.port) as client:
        await client.send(LINE[:10])
        assert await ended(client) == b""
        assert gate.told == [("proxy_protocol", "127.0.0.1", LATE)]


async def test_half_a_header_and_the_end() -> None:
    async with door(from_loopback()) as gate, connected(gate.port) as client:
        await client.send(LINE[:10])
        client.writer.write_eof()
        assert await ended(client) == b""
        assert [why for _, _, why in gate.told] == ["the connection ends inside of the PROXY header"]


async def test_limits_by_address_count_clients_not_balancers() -> None:
    async with (
        door(from_loopback(), Capacity(max_logins_per_address=1)) as gate,
        connected(gate.port) as first,
        connected(gate.port) as other,
        connected(gate.port) as second,
    ):
        await first.send(LINE)
        await until(lambda: len(gate.peers) == 1)
        await other.send(LINE.replace(b"113.7", b"113.8"))
        await until(lambda: len(gate.peers) == 2)
        await second.send(LINE + b"hello")
        assert await ended(second) == b""
        assert gate.told == [("max_logins_per_address", "203.0.113.7", "")]


async def test_stopping_ends_who_has_not_said_whose_it_is() -> None:
    async with door(from_loopback()) as gate, connected(gate.port) as client:
        await client.send(LINE[:10])
        await until(lambda: gate.occupancy.logins == 1)
        await gate.listener.stop()
        assert await ended(client) == b""
        assert (gate.is_empty, gate.told) == (True, [])


@pytest.mark.parametrize("unix", [True, False])
async def test_a_balancer_at_a_unix_socket(unix: bool) -> None:
    with TemporaryDirectory(prefix="pgw", dir="/tmp") as folder:
        async with door(ProxyProtocol((1,), (), unix), place=(folder, 6432)) as gate:
            reader, writer = await asyncio.open_unix_connection(str(Path(folder, ".s.PGSQL.6432")))
            client = Client(reader, writer)
            writer.write(LINE + b"hello")
            assert await (client.receive(5) if unix else ended(client)) == (b"hello" if unix else b"")
            assert gate.peers == ([CLIENT] if unix else [])
            writer.transport.abort()


async def ended(client: Client) -> bytes:
    """What the client hears before its connection ends; a reset is an end, too."""
    try:
        return await client.rest()
    except ConnectionError:
        return b""
