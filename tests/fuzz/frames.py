"""The cutter: any stream in any pieces gives the same frames, and loses no byte."""

from __future__ import annotations

from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import BACKEND, FRONTEND, LOGIN, Cutter
from tests.session.palette import CLIENT, SERVER

_GRAMMARS = (FRONTEND, BACKEND, LOGIN)

SEEDS = (
    *(bytes([0, 3]) + CLIENT[at] + CLIENT[at + 1] for at in range(8, 60, 7)),
    *(bytes([1, 5]) + SERVER[at] + SERVER[at + 1] for at in range(0, 30, 5)),
    bytes([2, 2]) + b"p\0\0\0\x05\0",
)

Cut = tuple[list[tuple[int, int]], bytes, str]


def fuzz(data: bytes) -> None:
    """The first byte chooses the grammar, the second the size of the pieces."""
    if len(data) < 2:
        return
    grammar, size, stream = _GRAMMARS[data[0] % 3], data[1] % 32 + 1, data[2:]
    whole = cut(Cutter(grammar, statement_limit=64), [stream])
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    frames, kept, violation = cut(Cutter(grammar, statement_limit=64), pieces)
    assert (frames, violation) == (whole[0], whole[2])
    assert stream.startswith(kept)
    assert stream.startswith(whole[1])


def cut(cutter: Cutter, pieces: list[bytes]) -> Cut:
    """Frames as (kind, size), the bytes that pass, and what is wrong with the next frame."""
    frames: list[tuple[int, int]] = []
    kept: list[bytes] = []
    try:
        for piece in pieces:
            cutter.feed(piece)
            while cutter.next():
                frames.append((cutter.kind, cutter.size))
            kept.append(bytes(cutter.take()))
    except ProtocolViolation as violation:
        return frames, b"".join(kept), str(violation)
    return frames, b"".join(kept), ""
