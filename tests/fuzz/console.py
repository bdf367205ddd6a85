"""A caller of psql's console, after its login or before: answered, or sent away; nothing is changed unasked.

The first byte says whether the caller has logged in, and as whom; what follows is what it sends.
"""

from __future__ import annotations

import asyncio

from proxy.console.people import Person
from proxy.console.psql import Desk, PsqlServer, PsqlSettings
from proxy.console.psql.conversation import Conversation
from proxy.console.psql.courtesies import Asked
from proxy.console.psql.server import MESSAGES
from proxy.session.introduction import encode_introduction
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter
from proxy.wire.frontend import (
    BindMessage,
    encode_bind,
    encode_describe,
    encode_execute,
    encode_parse,
    encode_query,
    encode_sync,
)
from tests.console.psql.caller import CALLER, STARTUP, WAIT_S
from tests.console.psql.gate import ADA, BOB, PlayedGate

_EXTENDED = (
    encode_parse(b"s", b"SHOW STATS")
    + encode_bind(BindMessage(b"c", b"s", result_formats=(1, 0, 1, 0, 0)))
    + encode_describe("P", b"c")
    + encode_execute(b"c", 1)
    + encode_sync()
)
SEEDS = (
    b"\0" + encode_query(b"SHOW CLIENTS; SELECT version(); BEGIN; FREEZE 'a' UNTIL '2h' DATABASE b KILL"),
    b"\0" + encode_query(b"FREEZE 'a' UNTIL '2026-11-27T08:00Z' KILL") + _EXTENDED,
    b"\1" + encode_query(b"KILL 0-4f1c2d 'why'; THAW DATABASE \"a\"; RELOAD; SET a = 'b'") + _EXTENDED,
    b"\2" + encode_introduction(CALLER) + STARTUP + b"p\0\0\0\x08abc\0",
    b"\2" + STARTUP,
)


def fuzz(data: bytes) -> None:
    """Any bytes of a caller's."""
    if not data:
        return
    gate = PlayedGate()
    faults: list[str] = []
    if data[0] % 3 == 2:
        asyncio.run(_from_the_start(gate, data[1:], faults))
        assert gate.done == []
    else:
        person = (ADA, BOB)[data[0] % 3]
        asyncio.run(_logged_in(gate, person, data[1:], faults))
        assert person is ADA or gate.done == []
    assert faults == []


async def _logged_in(gate: PlayedGate, person: Person, data: bytes, faults: list[str]) -> None:
    conversation = Conversation(person, Desk(gate, gate), Asked(person.name, "pgwarden", 1), faults.append)
    cutter = Cutter(MESSAGES)
    cutter.show_whole = cutter.show_all = True
    cutter.feed(data)
    try:
        while not conversation.over and (kind := cutter.next()):
            body = cutter.body()
            cutter.drop()
            await conversation.message(chr(kind), body)
    except ProtocolViolation as violation:
        assert violation.sqlstate == "08P01"


async def _from_the_start(gate: PlayedGate, data: bytes, faults: list[str]) -> None:
    """Over a real pair of sockets, since the server's task owns its streams."""
    server = PsqlServer(Desk(gate, gate), gate, PsqlSettings(), faults.append)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with asyncio.timeout(WAIT_S), listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(data)
        writer.write_eof()
        await reader.read()
        writer.close()
        await server.stop()
