"""A small language for peers that do not behave: what one side of a connection says and hears, in order.

    play(reader, writer, [Hear("Q"), Say(NOTICE, times=1000), Stall()])

Both a client and a server are written in it. A client whose script is through stays until the test lets it
go; a server closes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.relay.peers import PATIENCE_S


@dataclass(frozen=True)
class Say:
    """Send these bytes so many times, waiting whenever the other side does not read."""

    data: bytes
    times: int = 1


@dataclass(frozen=True)
class Drip:
    """Send these bytes one by one, each in a packet of its own."""

    data: bytes


@dataclass(frozen=True)
class Hear:
    """Read whole messages until these kinds have come, in this order, others between them."""

    kinds: str


@dataclass(frozen=True)
class HearStartup:
    """Read the packet without a type that begins a connection."""


@dataclass(frozen=True)
class HearAll:
    """Read to the end of the connection."""


@dataclass(frozen=True)
class Stall:
    """Say nothing and read nothing until the test ends."""


@dataclass(frozen=True)
class HalfClose:
    """Say that nothing more will be said."""


@dataclass(frozen=True)
class Close:
    """Close in an orderly way."""


@dataclass(frozen=True)
class Vanish:
    """Close with a reset, whatever is still on its way."""


Step = Say | Drip | Hear | HearStartup | HearAll | Stall | HalfClose | Close | Vanish


class Actor:
    """One side that plays its script.

    Attributes:
        heard: all messages, as they came.
        said: how many bytes it could send.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard = b""
        self.said = 0
        self._reader = reader
        self._writer = writer

    async def play(self, steps: Sequence[Step]) -> bytes:
        """Do all steps; gives what was heard. An end where bytes were expected fails."""
        for step in steps:
            await self._do(step)
        return self.heard

    async def drain(self) -> int:
        """Read to the end of the connection, keeping nothing; how many bytes there were."""
        count = 0
        while data := await self._reader.read(65_536):
            count += len(data)
        return count

    async def _do(self, step: Step) -> None:
        match step:
            case Say(data, times):
                for _ in range(times):
                    await self._send(data)
            case Drip(data):
                for byte in data:
                    await self._send(bytes([byte]))
                    await asyncio.sleep(0)
            case Hear(kinds):
                for kind in kinds:
                    while await self._message() != kind:
                        pass
            case HearStartup():
                await self._receive(int.from_bytes(await self._receive(4), "big") - 4)
            case HearAll():
                async with asyncio.timeout(PATIENCE_S):
                    with suppress(ConnectionResetError):
                        while data := await self._reader.read(65_536):
                            self.heard += data
            case Stall():
                await asyncio.Event().wait()
            case HalfClose():
                self._writer.write_eof()
            case Close():
                self._writer.close()
            case Vanish():
                connection: socket.socket = self._writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._writer.transport.abort()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        self.said += len(data)

    async def _message(self) -> str:
        header = await self._receive(5)
        await self._receive(int.from_bytes(header[1:], "big") - 4)
        return chr(header[0])

    async def _receive(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            data = await self._reader.readexactly(count)
        self.heard += data
        return data
