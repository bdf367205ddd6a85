"""How answers travel: nothing is lost on the way, and nothing that is malformed is believed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.app.reading import child, form
from proxy.app.reading.children import CannotStart, Child, ChildLost
from proxy.app.reading.form import LENGTH, Done, Failed, Hello, MalformedAnswer, Part, Rejected
from proxy.sql.analyse import Analysis, SqlSyntaxError, Statement, UnreadableText, analyse
from proxy.sql.effects import (
    EFFECT_KINDS,
    TRAITS,
    Act,
    Deallocates,
    DiscardsAll,
    Effect,
    Executes,
    Prepares,
    Risk,
    Target,
)
from tests.sql.golden import FOLDER, cases

_STATEMENTS = [sql for path in sorted(FOLDER.glob("*.txt")) for _, sql, _ in cases(path)]

_OPTIONAL = st.none() | st.text(max_size=9)
_EFFECTS = st.lists(
    st.builds(
        Effect,
        st.sampled_from(sorted(EFFECT_KINDS)),
        st.none() | st.builds(Target, st.text(max_size=9), _OPTIONAL, _OPTIONAL),
        st.frozensets(st.sampled_from(sorted(TRAITS)), max_size=4),
        st.sampled_from(Risk),
        st.integers(-1, 2**31),
        st.text(max_size=9),
    ),
    max_size=4,
).map(tuple)
_ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(Prepares, st.text(max_size=9), _EFFECTS),
    st.builds(Executes, st.text(max_size=9)),
    st.builds(Deallocates, _OPTIONAL),
    st.builds(DiscardsAll),
)
_ANALYSES = st.lists(
    st.builds(
        Statement,
        st.text(max_size=9),
        st.integers(0, 2**31),
        st.integers(0, 2**31),
        _EFFECTS,
        st.lists(_ACTS, max_size=3).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
).map(lambda statements: Analysis(tuple(statements)))


async def heard(data: bytes) -> Analysis | SqlSyntaxError:
    """What the gate hears when a child answers its first request with these bytes and ends."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        speaking = asyncio.ensure_future(asyncio.to_thread(_speak, theirs, data))
        reader = Child(1, ours)
        try:
            return await reader.read(b"SELECT 1", 17)
        finally:
            reader.close()
            await speaking


def _speak(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def told(outcome: Analysis | SqlSyntaxError) -> bytes:
    return b"".join(child.answer(1, outcome))


def test_every_statement_of_the_golden_files_comes_through() -> None:
    async def check() -> None:
        for sql in _STATEMENTS:
            analysis = analyse(sql, 17)
            assert await heard(told(analysis)) == analysis, sql

    assert _STATEMENTS
    asyncio.run(check())


@given(_ANALYSES)
def test_any_analysis_comes_through(analysis: Analysis) -> None:
    assert asyncio.run(heard(told(analysis))) == analysis


@pytest.mark.parametrize("kind", [SqlSyntaxError, UnreadableText])
async def test_an_error_comes_through(kind: type[SqlSyntaxError]) -> None:
    error = await heard(told(kind('syntax error at or near "é"', 17)))
    assert (type(error), error.message, error.position) == (kind, 'syntax error at or near "é"', 17)  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
async def test_statements_of_many_effects_come_through_in_pieces(count: int) -> None:
    drops = "DROP TABLE " + ", ".join(f"t{number}" for number in range(count)) if count else "SELECT 1"
    analysis = analyse(f"SELECT f(a::int); {drops}; {drops}; PREPARE p AS DELETE FROM t", 17)
    assert await heard(told(analysis)) == analysis
    assert max(map(len, told_effects(analysis))) <= form.PART_EFFECTS


def told_effects(analysis: Analysis) -> Iterator[list[Effect]]:
    """The effects of each part of the answer, but for the last statement's before which it is full."""
    for message in child.answer(1, analysis):
        part = form.decode(message[LENGTH.size :])
        if isinstance(part, Part):
            yield [effect for each in form.decode_statements(part.statements)[-1:] for effect in each.effects]


def _part(rows: object, *, continues: bool = False) -> bytes:
    return form.encode(Part(msgspec.Raw(msgspec.msgpack.encode(rows)), continues))


_NO_ACTS: Sequence[object] = ("SelectStmt", 0, 8, (), (), False, False, {})
_DONE = form.encode(Done(1, False))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\x00", id="half a length"),
        pytest.param(LENGTH.pack(9) + b"\x00", id="half a message"),
        pytest.param(LENGTH.pack(0), id="an empty message"),
        pytest.param(LENGTH.pack(2**32 - 1) + b"x" * 99, id="too long"),
        pytest.param(LENGTH.pack(4) + b"\xff\xfe\xfd\xfc", id="no MessagePack"),
        pytest.param(LENGTH.pack(5000) + b"\x91" * 5000, id="nested deep"),
        pytest.param(LENGTH.pack(4) + b"\x93\xa1x\x01", id="no kind of message"),
        pytest.param(form.encode(Hello(form.VERSION, 1)), id="a greeting again"),
        pytest.param(form.encode(Done(2, False)), id="the answer to another text"),
        pytest.param(form.encode(Rejected(2, False, "x", 1, False)), id="another text's error"),
        pytest.param(form.encode(Failed(0, "x", "y")), id="another text's fault"),
        pytest.param(_part([_NO_ACTS]), id="no end"),
        pytest.param(_part([_NO_ACTS], continues=True) + _DONE, id="goes on with nothing"),
        pytest.param(_part([_NO_ACTS]) + _part([], continues=True) + _DONE, id="goes on by nothing"),
        pytest.param(_part([_NO_ACTS]) + form.encode(Rejected(1, False, "x", 1, False)), id="both"),
        pytest.param(_part([_NO_ACTS[:-1]]) + _DONE[:1], id="a field is missing"),
        pytest.param(_part([[*_NO_ACTS, 1]]) + _DONE, id="a field more"),
        pytest.param(_part([("S", "0", 8, (), (), False, False, {})]) + _DONE, id="of another type"),
        pytest.param(_part([("S", 0, 8, ({"name": "no.such"},), (), False, False, {})]) + _DONE, id="effect"),
        pytest.param(_part([("S", 0, 8, (), ({},), False, False, {})]) + _DONE, id="no act"),
        pytest.param(
            _part([("S", 0, 8, (), ({"Executes": {"name": "a"}, "DiscardsAll": {}},), False, False, {})])
            + _DONE,
            id="two acts in one",
        ),
        pytest.param(
            _part(
                [
                    (
                        "S", 0, 8, (), ({"Prepares": {"name": "a", "effects": [{"name": "no.such"}]}},),
                        False, False, {},
                    )
                ]
            )
            + _DONE,
            id="effect of an act",
        ),
    ],
)  # fmt: skip
async def test_a_malformed_answer_is_the_end_of_the_child(data: bytes) -> None:
    with pytest.raises(ChildLost):
        await heard(data)


@given(st.binary(max_size=200))
def test_garbage_is_malformed_and_nothing_else(data: bytes) -> None:
    with suppress(MalformedAnswer):
        form.decode(data)
    with suppress(MalformedAnswer):
        form.decode_statements(msgspec.Raw(data))


async def test_a_child_of_another_version_is_not_used() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        theirs.sendall(form.encode(Hello("0.0.0/0", 1)))
        stranger = Child(1, ours)
        with pytest.raises(CannotStart, match=r"is of version 0\.0\.0/0, the gate of"):
            await stranger.greet()
        stranger.close()
