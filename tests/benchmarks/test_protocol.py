"""The load generator's messages, byte for byte, and its walk over answers cut anywhere."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.protocol import (
    ReplyWalk,
    ServerError,
    bind,
    copy_data,
    copy_done,
    describe_portal,
    execute,
    parse,
    query,
    split_messages,
    ssl_request,
    startup,
    sync,
    terminate,
)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


READY = message(b"Z", b"I")
# A row whose value spells a ReadyForQuery: a walk that guesses from the last bytes counts one too many.
ROW = message(b"D", b"\0\1" + struct.pack(">I", len(READY)) + READY)
ANSWER = message(b"T", b"\0" * 40) + ROW + ROW + message(b"C", b"SELECT 2\0") + READY
REFUSAL = message(b"E", b"SERROR\0C42501\0Mno\0\0") + READY


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (startup({"user": "u", "database": "d"}), b"\0\0\0\x1b\0\3\0\0user\0u\0database\0d\0\0"),
        (query(b"SELECT 1"), b"Q\0\0\0\x0dSELECT 1\0"),
        (parse(b"s", b"SELECT $1"), b"P\0\0\0\x12s\0SELECT $1\0\0\0"),
        (bind(b"s", (b"17",)), b"B\0\0\0\x13\0s\0\0\0\0\1\0\0\0\x0217\0\0"),
        (describe_portal(), b"D\0\0\0\6P\0"),
        (execute(), b"E\0\0\0\x09\0\0\0\0\0"),
        (sync(), b"S\0\0\0\4"),
        (copy_data(b"1\n"), b"d\0\0\0\x061\n"),
        (copy_done(), b"c\0\0\0\4"),
        (ssl_request(), b"\0\0\0\x08\x04\xd2\x16\x2f"),
        (terminate(), b"X\0\0\0\4"),
    ],
)
def test_messages_are_packed_as_the_manual_says(packed: bytes, expected: bytes) -> None:
    assert packed == expected


def test_messages_are_split() -> None:
    assert list(split_messages(READY + message(b"S", b"a\0b\0"))) == [("Z", b"I"), ("S", b"a\0b\0")]


@given(st.lists(st.integers(0, 3 * len(ANSWER)), max_size=12))
def test_any_cutting_counts_the_same(cuts: list[int]) -> None:
    stream = ANSWER * 3
    borders = [0, *sorted(cuts), len(stream)]
    walk = ReplyWalk()
    chunks = [stream[start:end] for start, end in pairwise(borders)]
    ready = [walk.feed(chunk) for chunk in chunks]
    # Each is counted with the chunk that brings its last byte, and not before.
    ends = [len(ANSWER) * (number + 1) for number in range(3)]
    expected = [sum(1 for end in ends if start < end <= stop) for start, stop in pairwise(borders)]
    assert (ready, walk.rows) == (expected, 6)


def test_copied_rows_are_counted_apart() -> None:
    walk = ReplyWalk()
    assert walk.feed(message(b"H", b"\0\0\0") + message(b"d", b"1\n") * 3 + message(b"c", b"") + READY) == 1
    assert (walk.rows, walk.copied) == (0, 3)


@given(st.integers(1, len(REFUSAL) - len(READY) - 1))
def test_an_error_is_raised_once_it_is_whole(cut: int) -> None:
    walk = ReplyWalk()
    assert walk.feed(REFUSAL[:cut]) == 0
    with pytest.raises(ServerError) as raised:
        walk.feed(REFUSAL[cut:])
    assert (raised.value.sqlstate, raised.value.message) == ("42501", "no")
