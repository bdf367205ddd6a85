"""A caller of the console, byte by byte: what it says, and what it is told, in libpq's trace format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from proxy.console.psql import Desk, PsqlServer, PsqlSettings
from proxy.session.introduction import Introduction, encode_introduction
from proxy.wire.backend import decode_authentication
from proxy.wire.framing import BACKEND, Cutter
from proxy.wire.frontend import SASLInitialResponse, encode_sasl_initial, encode_sasl_response
from proxy.wire.scram import (
    SCRAM,
    auth_message,
    binding_of,
    client_final,
    client_first,
    client_proof,
    decode_server_first,
    keys_of,
    salted_password,
    with_proof,
)
from proxy.wire.startup import encode_startup
from proxy.wire.trace import Sender, trace
from tests.console.psql.gate import TOKEN, PlayedGate

WAIT_S = 20
CALLER = Introduction("127.0.0.1:6432", "192.0.2.7")
STARTUP = encode_startup(3, 0, [("user", "ada"), ("database", "pgwarden"), ("application_name", "test")])


class Caller:
    """One connection to the console."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._cutter = Cutter(BACKEND)
        self._cutter.show_all = self._cutter.show_whole = True

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def message(self) -> bytes:
        """The next message, b"" at the end."""
        async with asyncio.timeout(WAIT_S):
            while not self._cutter.next():
                data = await self._reader.read(65536)
                if not data:
                    return b""
                self._cutter.feed(data)
        kind, length = int(self._cutter.kind), int(self._cutter.size) - 1
        whole = bytes([kind]) + length.to_bytes(4, "big") + self._cutter.body()
        self._cutter.drop()
        return whole

    async def until(self, kind: bytes) -> list[bytes]:
        """What comes up to a message of this kind, or to the end."""
        found: list[bytes] = []
        while (one := await self.message()) != b"":
            found.append(one)
            if one[:1] == kind:
                break
        return found

    async def told(self, *sent: bytes, ready: int = 1) -> list[str]:
        """Send, and read so many ReadyForQuery: the trace's lines without length."""
        self.send(b"".join(sent))
        found: list[bytes] = []
        for _ in range(ready):
            found += await self.until(b"Z")
        return lines(found)

    async def rest(self) -> list[str]:
        """What comes up to the end."""
        return lines(await self.until(b""))

    async def log_in(self, token: bytes = TOKEN, *, offered: bool = False) -> list[str]:
        """By SCRAM, from the first message after the startup packet on, unless that was read."""
        offer = b"" if offered else await self.message()
        if offer[:1] == b"E":
            return lines([offer])
        first = client_first("n", "abc")
        self.send(encode_sasl_initial(SASLInitialResponse(SCRAM, first.encode())))
        answer = await self.message()
        if answer[:1] == b"E":
            return lines([answer])
        challenge = decode_server_first(decode_authentication(answer[5:]).data, "abc")
        without = client_final(binding_of("n", None), challenge.nonce)
        covered = auth_message(first.bare, challenge.text, without)
        keys = keys_of(salted_password(token, challenge.salt, challenge.iterations))
        self.send(encode_sasl_response(with_proof(without, client_proof(keys.client_key, covered))))
        return lines(await self.until(b"Z"))


def lines(messages: list[bytes]) -> list[str]:
    """The trace, without sides and lengths."""
    traced = trace([(Sender.BACKEND, message) for message in messages])
    return ["".join(line.split("\t")[2:]) for line in traced.splitlines()]


class Stage:
    """A console that listens, and the gate that it shows."""

    def __init__(self, path: Path, gate: PlayedGate, settings: PsqlSettings) -> None:
        self.path = path
        self.gate = gate
        self.faults: list[str] = []
        self.server = PsqlServer(Desk(gate, gate), gate, settings, self.faults.append)
        self._open: list[asyncio.StreamWriter] = []

    async def call(self, *first: bytes) -> Caller:
        """Connect, and say this first."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        self._open.append(writer)
        writer.write(b"".join(first))
        return Caller(reader, writer)

    async def person(self, user: str = "ada") -> Caller:
        """Somebody who is logged in."""
        startup = encode_startup(3, 0, [("user", user), ("database", "pgwarden")])
        caller = await self.call(encode_introduction(CALLER), startup)
        assert (await caller.log_in())[-1] == "ReadyForQuery I"
        return caller

    async def person_by(self, caller: Caller) -> list[str]:
        """Log in where the offer was read already."""
        return await caller.log_in(offered=True)

    async def end(self) -> None:
        for writer in self._open:
            writer.close()
        await self.server.stop()


@asynccontextmanager
async def console(
    folder: Path, gate: PlayedGate | None = None, settings: PsqlSettings | None = None
) -> AsyncIterator[Stage]:
    """A console until the block ends."""
    stage = Stage(folder / "console", gate or PlayedGate(), settings or PsqlSettings())
    await stage.server.start(stage.path)
    try:
        yield stage
    finally:
        await stage.end()
