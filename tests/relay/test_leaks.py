"""Thousands of connections, of every kind: nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections import Counter
from pathlib import Path

from proxy.relay import SslMode, Upstream
from proxy.relay.legs import Leg
from proxy.relay.limits import Seat
from proxy.relay.link import Link
from proxy.session import Session
from proxy.wire.frontend import encode_query
from proxy.wire.startup import encode_cancel, encode_ssl_request, encode_startup
from tests.relay.peers import connected, until
from tests.relay.test_postgres import Door, door
from tests.servers.database import Database

CONNECTIONS = {"uvloop": 3_000, "asyncio": 300}
"""By event loop: the gate's is uvloop."""
STRAY_OBJECTS = 700
AT_ONCE = 20
UVLOOPS = ("TCPTransport", "TCPServer", "UVPoll")
OURS = (Session, Link, Leg, Seat, asyncio.Transport)


async def come_and_go(gate: Door, database: str, number: int) -> None:
    """One connection: most only look whether somebody is there, some do what they can to stay."""
    startup = encode_startup(3, 0, [("user", "postgres"), ("database", database)])
    async with connected(gate.port) as client:
        match number % 10:
            case 0:
                await client.send(startup)
                await client.reader.readuntil(b"Z\0\0\0\5I")
                await client.send(encode_query(b"SELECT 1"))
                await client.reader.readuntil(b"Z\0\0\0\5I")
            case 1:
                await client.send(startup)
                client.kill()
            case 2:
                await client.send(encode_ssl_request())
                assert await client.receive(1) == b"N"
            case 3:
                await client.send(b"GET / HTTP/1.1\r\n\r\n")
                assert (await client.rest())[:1] == b"E"
            case 4:
                await client.send(encode_cancel(bytes(8)))
                assert await client.rest() == b""
            case 5:
                await client.send(startup[:9])
                client.kill()


def descriptors() -> int:
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


def alive() -> Counter[str]:
    """What there is of ours by type; of asyncio's own things the loop lets go when it likes."""
    gc.collect()
    names = ((type(thing).__name__, isinstance(thing, OURS)) for thing in gc.get_objects())
    return Counter(name for name, ours in names if ours or name in UVLOOPS)


async def test_no_descriptor_and_no_object_stays(database: Database) -> None:
    connections = CONNECTIONS[type(asyncio.get_running_loop()).__module__.partition(".")[0]]
    upstream = Upstream("127.0.0.1", database.port, SslMode.DISABLE)
    async with door(upstream) as gate:
        numbers = itertools.count()

        async def clients(until_number: int) -> None:
            while (number := next(numbers)) < until_number:
                await come_and_go(gate, database.name, number)

        async def all_gone() -> None:
            # This one, and what lets idle sessions sleep.
            await until(lambda: gate.listener.connections == 0 and len(asyncio.all_tasks()) == 2)

        await asyncio.gather(*(clients(100) for _ in range(AT_ONCE)))
        await all_gone()
        before, open_before, objects_before = alive(), descriptors(), len(gc.get_objects())
        await asyncio.gather(*(clients(100 + connections) for _ in range(AT_ONCE)))
        await all_gone()
        gate.events.clear()
        assert alive() == before
        assert len(gc.get_objects()) - objects_before < STRAY_OBJECTS
        await until(lambda: descriptors() == open_before)
