"""Time-outs of sessions: who stands still for too long is ended, who moves is not."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from proxy.relay import RelaySettings, clocks
from proxy.relay.clocks import Clock, Stand
from proxy.session import Peer, Standing
from tests.relay.peers import PassingSession, connected, echo, relay, server, until

MEGABYTE = 1024 * 1024


class Link:
    """Stands as a test says, and dies of it."""

    def __init__(self, standing: Standing | None) -> None:
        self.standing = standing
        self.moved = 0
        self.looks = 0
        self.moves = False
        self.ended: list[tuple[Standing, float]] = []

    @property
    def stand(self) -> Stand | None:
        self.looks += 1
        self.moved += self.moves
        return None if self.standing is None else Stand(self.standing, self.moved)

    def expire(self, standing: Standing, limit_s: float) -> None:
        self.ended.append((standing, limit_s))
        self.standing = None


async def watch(clock: Clock, links: list[Link], enough: int = 40) -> None:
    """Let the clock look at them so often."""
    watching = asyncio.create_task(clock.run(links))
    await until(lambda: min(link.looks for link in links) >= enough)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_who_stands_still_is_ended_once() -> None:
    still, other, none = Link(Standing.IDLE), Link(Standing.QUERY), Link(None)
    moving = Link(Standing.IDLE)
    moving.moves = True
    clock = Clock({Standing.IDLE: 0.2, Standing.QUERY: 0, Standing.WRITING: 0.1})
    await watch(clock, [still, other, none, moving])
    assert (still.ended, other.ended, none.ended, moving.ended) == ([(Standing.IDLE, 0.2)], [], [], [])
    assert clock.expired == dict.fromkeys(Standing, 0) | {Standing.IDLE: 1}


async def test_time_begins_anew_with_what_is_waited_for() -> None:
    link = Link(Standing.IDLE)

    class Turning(Link):
        @property
        def stand(self) -> Stand | None:
            self.standing = Standing.TRANSACTION if self.standing is Standing.IDLE else Standing.IDLE
            return super().stand

    turning = Turning(Standing.IDLE)
    await watch(Clock({Standing.IDLE: 0.1, Standing.TRANSACTION: 0.1}), [link, turning])
    assert (link.ended, turning.ended) == ([(Standing.IDLE, 0.1)], [])


async def test_without_limits_nobody_is_looked_at() -> None:
    link = Link(Standing.IDLE)
    await Clock({Standing.IDLE: 0}).run([link])
    assert link.looks == 0


async def test_thousands_of_links_in_turns() -> None:
    links = [Link(Standing.IDLE) for _ in range(1000)]
    clock = Clock({Standing.IDLE: 0.1})
    await watch(clock, links, enough=8)
    assert {tuple(link.ended) for link in links} == {((Standing.IDLE, 0.1),)}


class Standing_(PassingSession):
    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self.standing = Standing.IDLE


def bounds(standing: Standing, limit_s: float) -> RelaySettings:
    return RelaySettings(standing_s={standing: limit_s})


async def test_a_client_that_sends_is_not_idle() -> None:
    async with (
        server(echo) as port,
        relay(port, Standing_, bounds(Standing.IDLE, 0.3)) as gate,
        connected(gate.port) as quiet,
        connected(gate.port) as busy,
    ):
        for client in (quiet, busy):
            await client.send(b"hello")
            assert await client.receive(5) == b"hello"

        async def work() -> None:
            while True:
                await busy.send(b"x")
                await busy.receive(1)
                await asyncio.sleep(0.01)

        working = asyncio.create_task(work())
        assert await quiet.rest() == b"<IDLE after 0.3 s>"
        assert not working.done()
        working.cancel()
        assert gate.listener.expired[Standing.IDLE] == 1
        assert gate.listener.connections == 1


async def test_a_server_that_never_reads_is_at_work() -> None:
    async def sleep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        await asyncio.Event().wait()

    async with (
        server(sleep) as port,
        relay(port, Standing_, bounds(Standing.QUERY, 0.3)) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"hello")
        client.writer.write(bytes(64 * MEGABYTE))
        await gate.emptied()
        assert gate.listener.expired[Standing.QUERY] == 1


async def test_a_session_that_cannot_say_how_it_stands_is_ended() -> None:
    answered: list[bool] = []  # before that, a slow machine's clock would look first

    class Broken(PassingSession):
        @property
        def standing(self) -> Standing | None:
            if not answered:
                return None
            raise RuntimeError("a defect")

        @standing.setter
        def standing(self, standing: Standing | None) -> None:
            pass

    async with (
        server(echo) as port,
        relay(port, Broken, bounds(Standing.IDLE, 0.1)) as gate,
        connected(gate.port) as client,
    ):
        await client.send(b"hello")
        assert await client.receive(5) == b"hello"
        answered.append(True)
        assert (await client.rest())[:1] == b"E"
        assert [str(crash) for crash in gate.crashes] == ["a defect"]


@pytest.mark.defect_27
@pytest.mark.parametrize("reads", [True, False])
async def test_a_client_that_never_reads_holds_its_server_connection_for_a_while(reads: bool) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        for _ in range(64):
            writer.write(bytes(MEGABYTE))
            await writer.drain()

    settings = RelaySettings(standing_s={Standing.WRITING: 0.3}, flush_client_s=0.05)
    async with server(pour) as port, relay(port, Standing_, settings) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        if reads:
            for _ in range(64):
                assert len(await client.receive(MEGABYTE)) == MEGABYTE
                await asyncio.sleep(0.01)
        await gate.emptied()
        assert gate.listener.expired[Standing.WRITING] == (0 if reads else 1)


async def test_a_client_that_has_sent_nothing_since_the_last_look_lets_its_session_sleep() -> None:
    async with server(echo) as port, relay(port) as gate, connected(gate.port) as client:

        async def said(data: bytes) -> None:
            await client.send(data)
            assert await client.receive(len(data)) == data

        await said(b"one")
        (link,) = gate.listener.links
        (session,) = gate.sessions
        link.rest()
        assert session.events == []
        link.rest()
        link.rest()
        assert session.events == ["sleep", "sleep"]
        await said(b"two")
        link.rest()
        assert session.events == ["sleep", "sleep"]


async def test_links_are_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "_REST_S", 0.01)

    class Resting:
        looks = 0

        def rest(self) -> None:
            self.looks += 1

    links = [Resting() for _ in range(1000)]
    sleeping = asyncio.create_task(clocks.let_sleep(links))
    await until(lambda: min(link.looks for link in links) >= 3)
    sleeping.cancel()
    with suppress(asyncio.CancelledError):
        await sleeping
