"""The cutter: any chunking gives equal frames, every byte leaves once, and bad lengths end it."""

import contextlib
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import BACKEND, FRONTEND, LOGIN, Cutter, Grammar


def frame(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def run(cutter: Cutter, chunks: list[bytes], drop: str = "") -> tuple[list[tuple[str, bytes]], bytes]:
    """Feed chunks; give the frames shown (with the body where it is whole) and the bytes that went on."""
    shown: list[tuple[str, bytes]] = []
    out = b""
    for chunk in chunks:
        cutter.feed(chunk)
        while kind := cutter.next():
            shown.append((chr(kind), cutter.body()))
            if chr(kind) in drop:
                out += cutter.drop()
        out += cutter.take()
    return shown, out


def chunks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True) if a < b]


CLIENT_FRAMES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("QPBF"), st.binary(max_size=300)),
        st.tuples(st.sampled_from("SH"), st.just(b"")),
        st.tuples(st.sampled_from("cXEDC"), st.binary(max_size=20)),
        st.tuples(st.just("d"), st.binary(max_size=300)),
    ),
    max_size=12,
)


@pytest.mark.defect_20
@given(CLIENT_FRAMES, st.lists(st.integers(min_value=0, max_value=10_000), max_size=20))
def test_any_chunking_gives_equal_frames_and_loses_no_byte(
    frames: list[tuple[str, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(frame(kind, body) for kind, body in frames)
    expected = [(kind, body) for kind, body in frames if kind != "d"]  # COPY data is passed over
    assert run(Cutter(FRONTEND), chunks_of(stream, cuts)) == (expected, stream)


@given(
    CLIENT_FRAMES,
    st.lists(st.integers(min_value=0, max_value=10_000), max_size=20),
    st.sets(st.sampled_from("QPBS")),
)
def test_what_is_dropped_and_nothing_else_is_left_out(
    frames: list[tuple[str, bytes]], cuts: list[int], dropped: set[str]
) -> None:
    stream = b"".join(frame(kind, body) for kind, body in frames)
    kept = b"".join(frame(kind, body) for kind, body in frames if kind not in dropped)
    assert run(Cutter(FRONTEND), chunks_of(stream, cuts), "".join(dropped))[1] == kept


def test_every_split_of_one_message() -> None:
    stream = frame("Q", b"SELECT 1\0") + frame("S")
    for cut in range(len(stream) + 1):
        chunks = [part for part in (stream[:cut], stream[cut:]) if part]
        assert run(Cutter(FRONTEND), chunks) == ([("Q", b"SELECT 1\0"), ("S", b"")], stream)


def test_a_chunk_of_whole_frames_leaves_as_the_object_that_came() -> None:
    cutter = Cutter(FRONTEND)
    chunk = frame("Q", b"SELECT 1\0") * 3
    cutter.feed(chunk)
    while cutter.next():
        pass
    assert cutter.take() is chunk


@pytest.mark.parametrize("rest", [b"", b"D\0\0\7\xd0some of it"])
def test_what_was_taken_is_not_held(rest: bytes) -> None:
    """Thousands of idle sessions would hold a read of a quarter of a megabyte each."""
    cutter = Cutter(BACKEND)
    chunk = frame("D", b"x" * 1000) * 3 + rest
    held = sys.getrefcount(chunk)
    cutter.feed(chunk)
    assert cutter.next() == 0
    assert cutter.take() is chunk
    assert sys.getrefcount(chunk) == held
    dropped = frame("Z", b"I") * 3
    held = sys.getrefcount(dropped)
    other = Cutter(BACKEND)
    other.feed(dropped)
    while other.next():
        other.drop()
    assert (other.take(), sys.getrefcount(dropped)) == (b"", held)


def test_rows_and_copy_data_pass_as_they_arrive() -> None:
    cutter = Cutter(BACKEND)
    row = frame("D", b"x" * 1000)
    cutter.feed(row[:100])
    assert cutter.next() == 0
    assert cutter.take() == row[:100]
    assert not cutter.clean
    cutter.feed(row[100:] + frame("Z", b"I"))
    assert chr(cutter.next()) == "Z"
    assert cutter.take() == row[100:] + frame("Z", b"I")
    assert cutter.clean


@pytest.mark.defect_13
def test_row_data_that_spells_a_message_is_data() -> None:
    inner = frame("Z", b"I")
    stream = frame("D", inner * 50) + frame("C", b"SELECT 1\0")
    for size in (1, 5, 6, 7, 11):
        chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert run(Cutter(BACKEND), chunks)[0] == [("C", b"SELECT 1\0")]


def test_a_long_bind_is_shown_once_its_names_are_there_and_can_be_dropped_whole() -> None:
    body = b"portal\0name\0" + b"v" * 200_000
    stream = frame("B", body) + frame("S")
    chunks = [stream[at : at + 10_000] for at in range(0, len(stream), 10_000)]
    shown, out = run(Cutter(FRONTEND), chunks, drop="B")
    assert [kind for kind, _ in shown] == ["B", "S"]
    assert shown[0][1] == body[: len(shown[0][1])]
    assert len(shown[0][1]) >= 65_536
    assert out == frame("S")
    assert run(Cutter(FRONTEND), chunks)[1] == stream


@pytest.mark.defect_30
def test_a_text_over_the_limit_is_shown_as_such_and_dropped_without_being_kept() -> None:
    cutter = Cutter(FRONTEND, statement_limit=1000)
    stream = frame("Q", b"x" * 5000) + frame("Q", b"SELECT 1\0")
    cutter.feed(stream[:10])
    assert chr(cutter.next()) == "Q"
    assert (cutter.oversize, cutter.size) == (True, 5005)
    assert cutter.drop() == b""
    assert cutter.take() == b""
    cutter.feed(stream[10:])
    assert chr(cutter.next()) == "Q"
    assert (cutter.oversize, cutter.size) == (False, 14)
    assert cutter.take() == frame("Q", b"SELECT 1\0")


def test_hold_shows_the_frame_again_and_keeps_it_back() -> None:
    cutter = Cutter(FRONTEND)
    first, second = frame("Q", b"A\0"), frame("Q", b"B\0")
    cutter.feed(first + second)
    cutter.next()
    cutter.next()
    cutter.hold()
    assert cutter.take() == first
    assert not cutter.clean
    cutter.feed(frame("S"))
    cutter.next()
    assert cutter.body() == b"B\0"
    assert chr(cutter.next()) == "S"
    assert cutter.take() == second + frame("S")
    assert cutter.clean


def test_a_long_frame_that_arrives_in_pieces_is_joined_once() -> None:
    body = bytes(range(256)) * 4096 + b"\0"
    stream = frame("Q", body)
    chunks = [stream[at : at + 65_536] for at in range(0, len(stream), 65_536)]
    assert run(Cutter(FRONTEND), chunks) == ([("Q", body)], stream)


def test_rest_hands_over_what_was_not_shown() -> None:
    cutter = Cutter(LOGIN)
    cutter.feed(frame("p", b"secret\0") + frame("Q", b"SELECT 1\0")[:7])
    cutter.next()
    assert cutter.take() == frame("p", b"secret\0")
    assert cutter.rest() == frame("Q", b"SELECT 1\0")[:7]
    assert cutter.next() == 0


@pytest.mark.defect_20
@pytest.mark.parametrize(
    ("grammar", "raw", "message"),
    [
        (FRONTEND, b"Q\x00\x00\x00\x00", "invalid message length 0 for client message type 81"),
        (FRONTEND, b"Q\x00\x00\x00\x03", "invalid message length 3 for client message type 81"),
        (FRONTEND, b"Q\x7f\xff\xff\xff", "invalid message length 2147483647 for client message type 81"),
        (FRONTEND, b"Q\xff\xff\xff\xff", "invalid message length 4294967295 for client message type 81"),
        (FRONTEND, b"D\x00\x00\x27\x11", "invalid message length 10001 for client message type 68"),
        (FRONTEND, b"S\x00\x00\x00\x05", "invalid message length 5 for client message type 83"),
        (FRONTEND, b"H\x00\x00\x00\x05", "invalid message length 5 for client message type 72"),
        (FRONTEND, b"z\x00\x00\x00\x04", "invalid client message type 122"),
        (FRONTEND, b"\x16\x03\x01\x00\x05", "invalid client message type 22"),
        (LOGIN, b"Q\x00\x00\x00\x05", "invalid client message type 81"),
        (LOGIN, b"p\x00\x01\x00\x00", "invalid message length 65536 for client message type 112"),
        (BACKEND, b"Y\x00\x00\x00\x04", "invalid server message type 89"),
        (BACKEND, b"E\x04\x00\x00\x01S", "invalid message length 67108865 for server message type 69"),
        (BACKEND, b"Z\x00\x00\x00\x02", "invalid message length 2 for server message type 90"),
    ],
)
def test_what_no_peer_sends_is_a_violation(grammar: Grammar, raw: bytes, message: str) -> None:
    cutter = Cutter(grammar)
    cutter.feed(raw)
    with pytest.raises(ProtocolViolation) as caught:
        cutter.next()
    assert str(caught.value) == message


@given(st.binary(max_size=200), st.sampled_from([FRONTEND, BACKEND, LOGIN]))
def test_garbage_gives_frames_or_a_violation(data: bytes, grammar: Grammar) -> None:
    cutter = Cutter(grammar, statement_limit=64)
    with contextlib.suppress(ProtocolViolation):
        assert data.startswith(run(cutter, [data])[1])


def test_a_frame_that_is_held_before_all_of_it_has_come_is_shown_again() -> None:
    frame = b"B" + (4 + 200_000).to_bytes(4, "big") + b"p" * 200_000
    cutter = Cutter(FRONTEND)
    cutter.feed(frame[:70_000])
    assert cutter.next() == ord("B")
    cutter.hold()
    assert (cutter.take(), cutter.midway, cutter.clean) == (b"", False, False)
    cutter.feed(frame[70_000:150_000])
    cutter.feed(frame[150_000:] + b"S\0\0\0\4")
    assert (cutter.next(), cutter.size) == (ord("B"), len(frame))
    assert cutter.next() == ord("S")
    assert cutter.take() == frame + b"S\0\0\0\4"
