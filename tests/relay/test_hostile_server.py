"""A server that breaks the protocol: what its client is told, what is logged; nobody else notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from proxy.relay import RelaySettings
from proxy.wire.backend import (
    encode_authentication,
    encode_command_complete,
    encode_copy_in_response,
    encode_copy_out_response,
    encode_data_row,
    encode_error,
    encode_negotiation,
    encode_notice,
    encode_notification,
    encode_parameter_status,
    encode_ready,
)
from proxy.wire.octets import message
from tests.relay.peers import until
from tests.relay.script import Close, Drip, Hear, HearAll, Say, Step, Vanish
from tests.relay.stage import ONE, START, memory, settled, stage
from tests.session.messages import H, Q, S, X
from tests.session.palette import KEY, LET_IN
from tests.session.wired import Answer

Z = encode_ready("I")
ERROR = encode_error({"S": "ERROR", "V": "ERROR", "C": "22012", "M": "division by zero"})
GONE = encode_error({"S": "FATAL", "V": "FATAL", "C": "57P01", "M": "gone"})
NOTICE = encode_notice({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "x" * 60_000})
ROW_DESCRIPTION = message(b"T", b"\0\0")
ROW = encode_data_row([b"1"])
SELECT = (Say(START), Hear("Z"), Say(Q("SELECT 1")), HearAll())
PIPELINE = (Say(START), Hear("Z"), Say(X("SELECT 1") + S), HearAll())
REFUSED = (Say(START), Hear("Z"), Say(Q("DROP TABLE t")), HearAll())
IDLE = (Say(START), Hear("Z"), Say(H), HearAll())
"""Flush asks for nothing, and tells the server that its client has logged in."""

NOT_ASKED = "the server answered something that was not asked"
NOT_DUE = "the server sent ReadyForQuery where none was due"
NO_ERROR = "the server did not answer a refused statement with an error"
TOO_LONG = "canceling login: it took longer than 0.2 s"
FLOOD_BYTES = 32 * 1024 * 1024
"""More than the buffers of two connections hold, and of the gate between them."""
LOST = "The server closed the connection."


@dataclass
class Case:
    """What the server does behind the login, and what comes of it.

    Attributes:
        told: what the client hears, before the FATAL that says why it ends.
        why: that FATAL's message, and the reason in the log; "" where the server has said FATAL itself.
        code: its SQLSTATE.
    """

    server: Sequence[Step]
    why: str
    told: Sequence[Answer] = ()
    client: Sequence[Step] = SELECT
    code: str = "08P01"
    login: bytes = LET_IN


def after(question: str, said: bytes, *, ends: bool = True) -> list[Step]:
    return [Hear(question), Say(said), *([Close()] if ends else [HearAll()])]


ROWS = [("T",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]
CASES = {
    "ReadyForQuery unasked": Case(after("H", Z, ends=False), NOT_DUE, client=IDLE),
    "a second ReadyForQuery": Case(
        [Hear("Q"), Say(ONE), *after("H", Z, ends=False)],
        NOT_DUE,
        ROWS,
        client=(Say(START), Hear("Z"), Say(Q("SELECT 1")), Hear("Z"), Say(H), HearAll()),
    ),
    "CommandComplete unasked": Case(
        after("H", encode_command_complete("SELECT 1"), ends=False), NOT_ASKED, client=IDLE
    ),
    "rows to a Parse": Case(after("S", message(b"T", b"\0\0"), ends=False), NOT_ASKED, client=PIPELINE),
    "BindComplete before ParseComplete": Case(
        after("S", message(b"2"), ends=False), NOT_ASKED, client=PIPELINE
    ),
    "ParseComplete to a Query": Case(after("Q", message(b"1"), ends=False), NOT_ASKED),
    "ReadyForQuery before the batch is answered": Case(after("S", Z, ends=False), NOT_DUE, client=PIPELINE),
    "success to a refused statement": Case(
        after("Q", encode_command_complete("DROP TABLE") + Z, ends=False), NOT_ASKED, client=REFUSED
    ),
    "nothing to a refused statement": Case(after("Q", Z, ends=False), NO_ERROR, client=REFUSED),
    "another error to a refused statement": Case(
        after("Q", ERROR + Z),
        LOST,
        [("E", "22012", "division by zero"), ("Z", "I")],
        client=REFUSED,
        code="08006",
    ),
    "two errors to a Query, then the end": Case(
        after("Q", ERROR + ERROR + Z),
        LOST,
        [("E", "22012", "division by zero")] * 2 + [("Z", "I")],
        code="08006",
    ),
    "a login behind the login": Case(
        after("H", encode_authentication(0), ends=False), "unexpected server message type 82", client=IDLE
    ),
    "a question for the password behind the login": Case(
        after("Q", encode_authentication(3), ends=False), "unexpected server message type 82"
    ),
    "a key behind the login": Case(
        after("H", KEY, ends=False), "unexpected server message type 75", client=IDLE
    ),
    "another version behind the login": Case(
        after("H", encode_negotiation(3 << 16, []), ends=False),
        "unexpected server message type 118",
        client=IDLE,
    ),
    "CopyInResponse unasked": Case(
        after("H", encode_copy_in_response(0, [0]), ends=False), NOT_ASKED, client=IDLE
    ),
    "CopyOutResponse unasked": Case(
        after("H", encode_copy_out_response(0, [0]), ends=False), NOT_ASKED, client=IDLE
    ),
    "CopyBothResponse": Case(
        after("Q", message(b"W", b"\0\0\0"), ends=False),
        "the server began a replication stream that was not asked for",
    ),
    "a message that nobody knows": Case(
        after("Q", message(b"!"), ends=False), "invalid server message type 33"
    ),
    "a client's message": Case(after("Q", Q("DROP TABLE t"), ends=False), "invalid server message type 81"),
    "a length below its own": Case(
        after("Q", b"Z\0\0\0\3", ends=False), "invalid message length 3 for server message type 90"
    ),
    "a negative length": Case(
        after("Q", b"D\xff\xff\xff\xff", ends=False),
        "invalid message length 4294967295 for server message type 68",
    ),
    "an error of a gigabyte": Case(
        after("Q", b"E\x3f\xff\xff\xff", ends=False),
        "invalid message length 1073741823 for server message type 69",
    ),
    "good rows, then what nobody knows": Case(
        after("Q", ONE + message(b"!"), ends=False), "invalid server message type 33", ROWS
    ),
    "a good answer, then one that was not asked": Case(after("Q", ONE + Z, ends=False), NOT_DUE, ROWS),
    "a row that is said to be longer than any": Case(
        after("Q", ROW_DESCRIPTION + ROW + b"D\xff\xff\xff\xff", ends=False),
        "invalid message length 4294967295 for server message type 68",
        ROWS[:2],
    ),
    "an answer to a call, begun and not asked": Case(
        after("Q", message(b"V", bytes(100_000))[:50], ends=False), NOT_ASKED
    ),
    "a good login, then what nobody knows": Case(
        [HearAll()], "invalid server message type 33", login=LET_IN + message(b"!")
    ),
    "an end without a word": Case([Hear("Q"), Close()], LOST, code="08006"),
    "a reset": Case([Hear("Q"), Vanish()], LOST, code="08006"),
    "FATAL, then the end": Case(after("Q", GONE), "", [("E", "57P01", "gone")]),
    "FATAL, then more": Case(
        after("Q", GONE + ERROR + ROW),
        "",
        [("E", "57P01", "gone"), ("E", "22012", "division by zero"), ("D", b"1")],
    ),
    "FATAL unasked": Case(after("H", GONE), "", [("E", "57P01", "gone")], client=IDLE),
}


def behind_the_login(told: list[Answer]) -> list[Answer]:
    return told[told.index(("Z", "I")) + 1 :]


@pytest.mark.parametrize("name", CASES)
async def test_what_its_client_is_told(name: str) -> None:
    case = CASES[name]
    async with stage(Say(case.login), *case.server) as (standing, _):
        told = behind_the_login(await standing.client(*case.client))
        assert told == [*case.told, *([("E", case.code, case.why)] if case.why else [])]
        assert standing.ends == [case.why]
        failures = {reason: count for reason, count in standing.gate.tally.upstream_failures.items() if count}
        reason = "lost" if case.code == "08006" else "protocol"
        assert failures == ({reason: 1} if case.why else {})


async def test_bytes_that_drip_are_the_same_bytes() -> None:
    async with stage(Drip(LET_IN), Hear("Q"), Drip(ONE), Close()) as (standing, _):
        assert behind_the_login(await standing.client(*SELECT)) == [*ROWS, ("E", "08006", LOST)]


FLOODS = {
    "notices": NOTICE,
    "settings": encode_parameter_status("search_path", "x" * 60_000),
    "notifications": encode_notification(1, "channel", "x" * 7_000),
    "rows": encode_data_row([b"x" * 60_000]),
}


@pytest.mark.defect_27
@pytest.mark.parametrize("flood", FLOODS)
async def test_an_endless_answer_that_nobody_reads_stops_the_server_and_costs_no_memory(flood: str) -> None:
    async with stage(Say(LET_IN), Hear("Q"), Say(FLOODS[flood], times=100_000)) as (standing, servers):
        async with standing.connected() as client:
            await client.play([Say(START), Hear("Z")])
            before = memory()
            await client.play([Say(Q("SELECT 1"))])
            await settled(lambda: servers[0].said)
            assert servers[0].said < FLOOD_BYTES
            assert memory() - before < FLOOD_BYTES
        await until(lambda: len(standing.ends) == 1)
        assert standing.ends == ["the client closed the connection"]


@pytest.mark.defect_18
@pytest.mark.parametrize("flood", ["notices", "settings"])
async def test_a_login_that_never_ends_is_ended(flood: str) -> None:
    settings = RelaySettings(login_timeout_s=0.2)
    async with stage(Say(FLOODS[flood], times=100_000), settings=settings) as (standing, _):
        before = memory()
        async with standing.connected() as client:
            await client.play([Say(START)])
            assert await client.drain() > len(FLOODS[flood])
        assert standing.ends == [TOO_LONG]
        assert memory() - before < FLOOD_BYTES


@pytest.mark.parametrize("asked", [b"", encode_authentication(3), encode_authentication(0) + KEY])
async def test_a_server_that_falls_silent_in_the_login(asked: bytes) -> None:
    settings = RelaySettings(login_timeout_s=0.2)
    async with stage(Say(asked), HearAll(), settings=settings) as (standing, _):
        told = await standing.client(Say(START), HearAll())
        assert told[-1] == ("E", "57P01", TOO_LONG)


async def test_a_gigabyte_of_a_row_passes_as_it_comes() -> None:
    row = b"D\x3f\xff\xff\xff\0\1\x3f\xff\xff\xf0"
    script = (Say(LET_IN), Hear("Q"), Say(row), Say(bytes(1_000_000), times=40), Close())
    async with stage(*script) as (standing, _), standing.connected() as client:
        await client.play([Say(START), Hear("Z")])
        before = memory()
        await client.play([Say(Q("SELECT 1"))])
        count = await client.drain()
        assert count == len(row) + 40_000_000  # and no word of the gate's within the row
        assert memory() - before < FLOOD_BYTES
        assert standing.ends == [LOST]
