"""A gate with real sessions between two scripts, and somebody else who works through it all the while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import psutil

from proxy.relay import CancelRouter, Listener, RelaySettings, SslMode, Upstream
from proxy.session import Ended, Event, Gate, Session
from proxy.wire.backend import encode_command_complete, encode_data_row, encode_ready, encode_row_description
from proxy.wire.startup import encode_cancel, encode_startup
from tests.relay.peers import server, until
from tests.relay.script import Actor, Hear, HearStartup, Say, Step
from tests.session.messages import Q
from tests.session.palette import LET_IN
from tests.session.wired import Answer, answers, gate_of, whole

ONE = (
    encode_row_description([])
    + encode_data_row([b"1"])
    + encode_command_complete("SELECT 1")
    + encode_ready("I")
)
"""What an honest server answers to SELECT 1."""
_WHO = [("user", "postgres"), ("database", "postgres")]
START = encode_startup(3, 0, _WHO)
_OTHER = encode_startup(3, 0, [*_WHO, ("application_name", "other")])
_ANSWERS: Sequence[Step] = (Hear("Q"), Say(ONE))
_HONEST: Sequence[Step] = (Say(LET_IN), *_ANSWERS, *_ANSWERS)


class Stage:
    """What plays.

    Attributes:
        gate: whose sessions they are.
        events: all that was reported.
        crashes: exceptions of sessions.
    """

    def __init__(self, upstream_port: int, settings: RelaySettings | None) -> None:
        self.gate: Gate = gate_of()
        self.events: list[Event] = []
        self.crashes: list[Exception] = []
        self.listener = Listener(
            [("127.0.0.1", 0)],
            lambda peer: Session(self.gate, peer),
            Upstream("127.0.0.1", upstream_port, SslMode.DISABLE),
            self.events.append,
            settings,
            router=CancelRouter(self.gate.keys),
            on_crash=self.crashes.append,
        )

    @property
    def ends(self) -> list[str]:
        """Why sessions have ended."""
        return [event.reason for event in self.events if isinstance(event, Ended)]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Actor]:
        """A client of the gate."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.addresses[0][1])
        try:
            yield Actor(reader, writer)
        finally:
            writer.transport.abort()

    async def client(self, *steps: Step) -> list[Answer]:
        """A client plays; what it has heard in whole messages."""
        async with self.connected() as actor:
            heard = await actor.play(steps)
        return answers(heard[: whole(heard)])


@asynccontextmanager
async def stage(
    *script: Step, settings: RelaySettings | None = None, port: int = 0
) -> AsyncIterator[tuple[Stage, list[Actor]]]:
    """A gate before a server that plays this script, from its first answer on, or before a real one's port.

    Somebody else works through the same gate before and after, with an honest server. In the end nobody is
    left, and no session has crashed.

    Returns: the stage, and the scripted server's side of each connection so far.
    """
    actors: list[Actor] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        actor = Actor(reader, writer)
        await actor.play([HearStartup()])
        if actor.heard[4:8] == encode_cancel(b"")[4:]:
            return
        if b"other" in actor.heard:
            await actor.play(_HONEST)
            return
        actors.append(actor)
        await actor.play(script)

    async with server(serve) as scripted:
        standing = Stage(port or scripted, settings)
        await standing.listener.start()
        try:
            async with standing.connected() as other:
                await other.play([Say(_OTHER), Hear("Z"), Say(Q("SELECT 1")), Hear("Z")])
                yield standing, actors
                await until(lambda: standing.listener.connections == 1)
                await other.play([Say(Q("SELECT 1")), Hear("Z")])
        finally:
            await standing.listener.stop()
            assert standing.crashes == []


async def settled(value: Callable[[], int]) -> None:
    """Wait until a number has not grown for a while: nothing more goes through."""
    before, same = -1, 0
    while same < 20:
        await asyncio.sleep(0.01)
        same = same + 1 if value() == before else 0
        before = value()


def memory() -> int:
    """Of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)
