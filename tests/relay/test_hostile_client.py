"""A client that misbehaves, at a real server: what it hears, what is logged, and that nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from proxy.backup.cluster import Cluster
from proxy.wire.frontend import encode_copy_data, encode_password, encode_terminate
from proxy.wire.startup import encode_ssl_request
from tests.relay.peers import until
from tests.relay.script import Drip, HalfClose, Hear, HearAll, Say, Step, Vanish
from tests.relay.stage import START, memory, settled, stage
from tests.session.messages import H, P, Q, S, X
from tests.session.wired import Answer, ready_count

BOUND_BYTES = 32 * 1024 * 1024
"""More than the buffers of two connections hold, and of the gate between them."""

LONG_ANSWER = "SELECT repeat('x', 10000)"
LEFT = "the client closed the connection"
ROWS = [("T",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]
DONE = (Say(encode_terminate()), HearAll())


@dataclass
class Case:
    """What a client does behind its login, what it hears, and why its session ended."""

    steps: Sequence[Step]
    told: Sequence[Answer]
    why: str = ""


def violation(text: str) -> list[Answer]:
    return [("E", "08P01", text)]


CASES = {
    "a byte at a time": Case(
        [Drip(Q("SELECT 1") + X("SELECT 1") + S), Hear("ZZ"), *DONE], [*ROWS, ("1",), ("2",), *ROWS[1:]]
    ),
    "Terminate and more": Case([Say(encode_terminate() + Q("SELECT 1")), HearAll()], []),
    "data where none is copied": Case(
        [Say(encode_copy_data(bytes(60_000)), times=200), Say(Q("SELECT 1")), Hear("Z"), *DONE], ROWS
    ),
    "Flush without end": Case([Say(H * 10_000), Say(Q("SELECT 1")), Hear("Z"), *DONE], ROWS),
    "another startup packet": Case(
        [Say(START), HearAll()], violation("invalid client message type 0"), "invalid client message type 0"
    ),
    "TLS behind the login": Case(
        [Say(encode_ssl_request()), HearAll()],
        violation("invalid client message type 0"),
        "invalid client message type 0",
    ),
    "a password behind the login": Case(
        [Say(encode_password(b"x")), HearAll()],
        violation("invalid client message type 112"),
        "invalid client message type 112",
    ),
    "a server's message": Case(
        [Say(b"Z\0\0\0\5I"), HearAll()],
        violation("invalid client message type 90"),
        "invalid client message type 90",
    ),
    "a refusal and no Sync, then the end": Case(
        [Say(X("DROP TABLE t") + H), Hear("E"), HalfClose(), HearAll()],
        [("E", "42501", "DROP TABLE on t would lose data. [rule no-drop]")],
        LEFT,
    ),
    "half a message, then the end": Case([Say(Q("SELECT 1")[:-3]), HalfClose(), HearAll()], [], LEFT),
    "no more words while its query runs": Case(
        [Say(Q("SELECT pg_sleep(600)")), HalfClose(), HearAll()], [], LEFT
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_behind_the_login(name: str, server: Cluster) -> None:
    case = CASES[name]
    async with stage(port=server.port) as (standing, _):
        told = await standing.client(Say(START), Hear("Z"), *case.steps)
        await until(lambda: len(standing.ends) == 1)
        assert told[told.index(("Z", "I")) + 1 :] == case.told
        assert standing.ends == [case.why]


@pytest.mark.defect_03
async def test_ten_thousand_syncs_in_one_write(server: Cluster) -> None:
    async with stage(port=server.port) as (standing, _), standing.connected() as client:
        heard = await client.play([Say(START), Hear("Z"), Say(S * 10_000), Hear("Z" * 10_000), *DONE])
        assert ready_count(heard) == 10_001
        assert standing.ends == [""]


async def test_whatever_comes_before_it_has_logged_in_waits_or_ends_it(server: Cluster) -> None:
    async with stage(port=server.port) as (standing, _):
        told = await standing.client(Drip(START + Q("SELECT 1")), Hear("ZZ"), *DONE)
        assert told[-4:] == ROWS
        told = await standing.client(Say(START + encode_password(b"x") + Q("SELECT 1")), HearAll())
        assert told[-1] == ("E", "08P01", "invalid client message type 112")


@pytest.mark.defect_27
@pytest.mark.parametrize(
    "asks",
    [
        pytest.param(Q(LONG_ANSWER), id="simple"),
        pytest.param(X(LONG_ANSWER), id="one batch"),
        pytest.param(X(LONG_ANSWER) + S, id="batches"),
        pytest.param(X("SELECT 1"), id="short answers", marks=pytest.mark.survival),
        pytest.param(S, id="nothing but Syncs", marks=pytest.mark.survival),
    ],
)
async def test_who_asks_and_never_reads_is_stopped_and_costs_no_memory(asks: bytes, server: Cluster) -> None:
    async with stage(port=server.port) as (standing, _), standing.connected() as client:
        await client.play([Say(START), Hear("Z")])
        before = memory()
        asking = asyncio.create_task(client.play([Say(asks * 100, times=100_000)]))
        await settled(lambda: client.said)
        assert client.said < BOUND_BYTES
        assert memory() - before < BOUND_BYTES
        asking.cancel()
        await client.play([Vanish()])
        await until(lambda: standing.ends == [LEFT])


@pytest.mark.defect_30
@pytest.mark.parametrize("kind", [b"Q", b"P"])
async def test_a_text_of_a_gigabyte_is_refused_at_its_first_byte_and_never_kept(
    kind: bytes, server: Cluster
) -> None:
    async with stage(port=server.port) as (standing, _), standing.connected() as client:
        await client.play([Say(START), Hear("Z"), Say(kind + b"\x3f\xff\xff\xff")])
        before = memory()
        heard = await client.play([Say(H), Hear("E"), Say(bytes(1_000_000), times=40)])
        assert b"A statement of 1073741824 bytes is longer than pgwarden reads." in heard
        assert memory() - before < BOUND_BYTES
        await client.play([Vanish()])
        await until(lambda: standing.ends == [LEFT])


async def test_a_value_without_end_passes_as_it_comes(server: Cluster) -> None:
    async with stage(port=server.port) as (standing, _), standing.connected() as client:
        await client.play([Say(START), Hear("Z"), Say(P("SELECT length($1::bytea)"))])
        before = memory()
        await client.play([Say(b"B\x10\0\0\0" + bytes(6)), Say(bytes(65_536), times=600)])
        assert memory() - before < BOUND_BYTES
        await client.play([Vanish()])
        await until(lambda: standing.ends == [LEFT])
