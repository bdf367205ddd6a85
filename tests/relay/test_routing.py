"""CancelRequests on their way: to the session they name, through workers and peers, and to the server."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from proxy.relay import CancelRouter, RelaySettings, SslMode, Upstream
from proxy.relay.attempts import Attempts
from proxy.relay.cancel import Canceller
from proxy.session import Cancel, CancelAnother, CancelKeys, Command, Identity, Peer
from proxy.wire.startup import encode_cancel
from tests.relay.peers import (
    PATIENCE_S,
    Client,
    PassingSession,
    Relay,
    connected,
    echo,
    relay,
    server,
    until,
)

ASKS = encode_cancel(b"")[4:]
PACKET = encode_cancel(b"the server's key")


def tokens() -> Iterator[str]:
    return (f"{number:032x}" for number in itertools.count(0xABCDEF0123456789))


class Named(PassingSession):
    """Has a key, and knows a CancelRequest that comes in one piece."""

    def from_client(self, data: bytes) -> list[Command]:
        if data[4:8] == ASKS:
            self.over = True
            return [CancelAnother(data[8:], self.peer.address)]
        return super().from_client(data)

    def cancel(self) -> list[Command]:
        super().cancel()
        return [Cancel(PACKET)]


class Replica:
    """A process as far as cancelling goes: keys, a router, a listener.

    Attributes:
        keys_of: the key of each session, in order.
    """

    def __init__(
        self, peer: int, worker: int, *, directory: str | None = None, timeout_s: float = 5.0
    ) -> None:
        self.keys = CancelKeys(Identity(peer, worker), tokens().__next__)
        self.settings = RelaySettings(cancels_at_once=3, cancel_timeout_s=timeout_s, wrong_keys_at_once=5)
        self.router = CancelRouter(self.keys, directory=directory, settings=self.settings)
        self.keys_of: list[bytes] = []
        self.relay: Relay | None = None

    def open_session(self, peer: Peer) -> Named:
        session = Named(peer)
        self.keys_of.append(self.keys.issue(session, 17, long=False))
        return session

    @property
    def port(self) -> int:
        assert self.relay is not None
        return self.relay.port

    @property
    def cancelled(self) -> list[int]:
        """Which of its sessions were told."""
        assert self.relay is not None
        return [number for number, one in enumerate(self.relay.sessions) if "cancel" in one.events]


@asynccontextmanager
async def standing(replica: Replica, server_port: int) -> AsyncIterator[Replica]:
    await replica.router.start()
    async with relay(
        server_port, replica.open_session, replica.settings, router=replica.router
    ) as replica.relay:
        yield replica
    replica.router.close()


@asynccontextmanager
async def working(replica: Replica) -> AsyncIterator[Client]:
    """A client whose session has opened."""
    async with connected(replica.port) as client:
        await client.send(b"hello")
        assert await client.receive(5) == b"hello"
        yield client


async def ask(replica: Replica, key: bytes, patience_s: float = PATIENCE_S) -> bytes:
    """Show a key at a replica; what it says before it closes."""
    async with connected(replica.port) as client:
        await client.send(encode_cancel(key))
        return await client.rest(patience_s)


class Told:
    """A server that echoes, and keeps the CancelRequests that it gets until it may close them."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.close = asyncio.Event()
        self.running = self.most = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65_536)
        if first != PACKET:
            writer.write(first)
            return await echo(reader, writer)
        self.packets.append(first)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.close.wait()
        self.running -= 1
        return None


async def acting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that acts at once."""
    told = Told()
    told.close.set()
    await told.handle(reader, writer)


@pytest.mark.defect_21
async def test_a_request_reaches_the_session_that_it_names_and_ends_with_the_servers_close() -> None:
    told = Told()
    async with (
        server(told.handle) as port,
        standing(Replica(0, 0), port) as gate,
        working(gate),
        working(gate),
        connected(gate.port) as asking,
    ):
        await asking.send(encode_cancel(gate.keys_of[1]))
        await until(lambda: told.packets == [PACKET])
        assert not asking.reader.at_eof()
        told.close.set()
        assert await asking.rest() == b""
        assert gate.cancelled == [1]
        assert gate.router.counts == {"delivered": 1, "wrong_key": 0, "limited": 0, "unreachable": 0}


async def test_a_request_is_delivered_though_its_sender_has_gone() -> None:
    told = Told()
    told.close.set()
    async with server(told.handle) as port, standing(Replica(0, 0), port) as gate, working(gate):
        async with connected(gate.port) as asking:
            await asking.send(encode_cancel(gate.keys_of[0]))
            asking.writer.close()
            await asking.writer.wait_closed()
        await until(lambda: told.packets == [PACKET])


@pytest.mark.defect_21
async def test_a_thousand_at_once_reach_the_server_a_few_at_a_time() -> None:
    if not isinstance(asyncio.get_running_loop(), uvloop.Loop):
        pytest.skip("it is slow, and nothing in it depends on the event loop")
    told = Told()
    told.close.set()
    last_s = 60  # the last of them has waited for all others
    replica = Replica(0, 0, timeout_s=last_s)
    async with server(told.handle) as port, standing(replica, port) as gate, working(gate):
        key = gate.keys_of[0]
        assert await asyncio.gather(*(ask(gate, key, last_s) for _ in range(1000))) == [b""] * 1000
        assert (len(told.packets), told.most <= 3) == (1000, True)
        assert gate.router.counts["delivered"] == 1000


@pytest.mark.defect_21
async def test_the_key_of_a_session_that_has_ended_is_nobodys() -> None:
    async with server(echo) as port, standing(Replica(0, 0), port) as gate:
        async with working(gate):
            pass
        assert gate.relay is not None
        await gate.relay.emptied()
        assert await ask(gate, gate.keys_of[0]) == b""
        assert gate.router.counts["wrong_key"] == 1


async def test_a_silent_server_holds_nobody_for_long() -> None:
    told = Told()
    async with (
        server(told.handle) as port,
        standing(Replica(0, 0, timeout_s=0.1), port) as gate,
        working(gate),
    ):
        assert await ask(gate, gate.keys_of[0]) == b""


async def test_a_server_that_is_gone_is_no_error() -> None:
    nowhere = Upstream("127.0.0.1", 1, SslMode.DISABLE)
    assert await Canceller(nowhere, at_once=1, timeout_s=2).deliver(PACKET) == b""


# -- between processes -----------------------------------------------------------------------------------


def counted(*gates: Replica) -> list[dict[str, int]]:
    """What each has counted, without noughts."""
    return [{name: count for name, count in gate.router.counts.items() if count} for gate in gates]


def upstream(port: int) -> Upstream:
    return Upstream("127.0.0.1", port, SslMode.DISABLE)


async def test_workers_pass_a_request_on_to_the_one_that_it_is_for(tmp_path: Path) -> None:
    directory = str(tmp_path / "run")
    one, two = (Replica(0, worker, directory=directory) for worker in (1, 2))
    async with server(acting) as port, standing(one, port), standing(two, port), working(one), working(two):
        assert [await ask(gate, one.keys_of[0]) for gate in (one, two)] == [b"", b""]
        assert (one.cancelled, two.cancelled) == ([0], [])
        assert await ask(one, two.keys_of[0]) == b""
        assert two.cancelled == [0]
        wrong = two.keys_of[0][:-1] + b"x"
        assert await ask(one, wrong) == b""
        assert counted(one, two) == [{"delivered": 2, "wrong_key": 1}, {"delivered": 1}]
    assert os.listdir(directory) == []  # noqa: PTH208 - nothing of asyncio's is waited for


async def test_only_who_runs_the_gate_may_use_the_workers_sockets(tmp_path: Path) -> None:
    async with server(acting) as port, standing(Replica(0, 1, directory=str(tmp_path / "run")), port):
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


async def test_what_is_no_request_is_let_go_at_a_workers_socket(tmp_path: Path) -> None:
    async with server(acting) as port, standing(Replica(0, 1, directory=str(tmp_path)), port):
        for garbage in (b"", b"\0\0\0", b"GET / HTTP/1.1\r\n\r\n", encode_cancel(b"none of its")):
            reader, writer = await asyncio.open_unix_connection(tmp_path / ".s.PGSQL.1")
            writer.write(garbage)
            writer.write_eof()
            assert await reader.read() in (b"", b"\0")
            writer.close()


async def test_a_worker_that_has_ended_is_unreachable(tmp_path: Path) -> None:
    one, two = (Replica(0, worker, directory=str(tmp_path)) for worker in (1, 2))
    async with server(acting) as port, standing(one, port):
        async with standing(two, port), working(two):
            pass
        assert await ask(one, two.keys_of[0]) == b""
        assert counted(one) == [{"unreachable": 1}]


async def test_replicas_pass_a_request_on_to_the_one_that_it_is_for() -> None:
    one, two = Replica(1, 0), Replica(2, 0)
    async with server(acting) as port, standing(one, port), standing(two, port), working(two):
        one.router.know({2: upstream(two.port)})
        assert await ask(one, two.keys_of[0]) == b""
        assert two.cancelled == [0]
        assert await ask(one, two.keys_of[0][:-1] + b"x") == b""
        assert counted(one, two) == [{"delivered": 1, "wrong_key": 1}] * 2


async def test_a_peer_may_be_several_workers(tmp_path: Path) -> None:
    one = Replica(1, 0)
    first, second = (Replica(2, worker, directory=str(tmp_path)) for worker in (1, 2))
    async with server(acting) as port, standing(one, port), standing(first, port), standing(second, port):
        one.router.know({2: upstream(first.port)})
        async with working(second):
            assert await ask(one, second.keys_of[0]) == b""
            assert (first.cancelled, second.cancelled) == ([], [0])


async def test_peers_in_a_circle_pass_a_request_on_once() -> None:
    one, two = Replica(1, 0), Replica(2, 0)
    elsewhere = CancelKeys(Identity(3, 0), tokens().__next__)
    key = elsewhere.issue(Named(Peer(None)), 17, long=False)
    async with server(acting) as port, standing(one, port), standing(two, port):
        one.router.know({3: upstream(two.port)})
        two.router.know({3: upstream(one.port)})
        assert await ask(one, key) == b""
        assert counted(one, two) == [{"wrong_key": 1}, {"wrong_key": 1}]


async def test_a_peer_that_is_not_there_is_unreachable_and_costs_its_client_nothing() -> None:
    gate = Replica(1, 0)
    key = CancelKeys(Identity(2, 0), tokens().__next__).issue(Named(Peer(None)), 17, long=False)
    async with server(acting) as port, standing(gate, port):
        gate.router.know({2: upstream(1)})
        assert [await ask(gate, key) for _ in range(7)] == [b""] * 7
        assert counted(gate) == [{"unreachable": 7}]


# -- guessing --------------------------------------------------------------------------------------------


async def test_who_shows_many_wrong_keys_is_not_heard_for_a_while() -> None:
    async with server(acting) as port, standing(Replica(0, 0), port) as gate, working(gate):
        for _ in range(5):
            await ask(gate, gate.keys_of[0][:-1] + b"x")
        assert await ask(gate, gate.keys_of[0]) == b""  # the right one: too late
        assert (gate.cancelled, counted(gate)) == ([], [{"wrong_key": 5, "limited": 1}])


def test_attempts_come_back_with_time() -> None:
    now = [0.0]
    attempts = Attempts(3, 0.5, lambda: now[0])
    heard = []
    for moment in (0, 0, 0, 0, 1, 2, 3, 4, 60, 60, 60, 60):
        now[0] = moment
        heard.append(not attempts.exhausted("10.0.0.1"))
        if heard[-1]:
            attempts.failed("10.0.0.1")
    assert heard == [True, True, True, False, False, True, False, True, True, True, True, False]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        (None, "", True),
    ],
)
def test_who_counts_as_one(one: str | None, other: str | None, same: bool) -> None:
    attempts = Attempts(1, 0, lambda: 0.0)
    attempts.failed(one)
    assert attempts.exhausted(other) is same


def test_attempts_of_ever_new_addresses_are_forgotten() -> None:
    attempts = Attempts(1, 0, lambda: 0.0)
    for number in range(10_001):
        attempts.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert (attempts.exhausted("10.0.0.0"), attempts.exhausted("10.0.0.1")) == (False, True)
