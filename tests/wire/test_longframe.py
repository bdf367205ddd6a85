"""Long frames: put together from any chunks, and where the first NULs of them are."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.longframe import LongFrame, find_nul


@given(
    body=st.lists(st.sampled_from([b"\0", b"a", b"bc" * 9]), max_size=30).map(b"".join),
    behind=st.binary(max_size=9),
    cuts=st.lists(st.integers(0, 300), max_size=6),
    at=st.integers(0, 40),
)
def test_any_chunking_finds_the_same(body: bytes, behind: bytes, cuts: list[int], at: int) -> None:
    frame = b"Q" + (len(body) + 4).to_bytes(4, "big") + body
    long = LongFrame(len(frame))
    # The last chunk alone brings what lies behind the frame.
    edges = sorted({0, *(cut for cut in cuts if cut < len(frame) - 1)})
    chunks = [frame[a:b] for a, b in zip(edges, [*edges[1:], len(frame)], strict=True)]
    whole = None
    for number, chunk in enumerate(chunks, 1):
        assert whole is None
        whole = long.add(chunk + behind if number == len(chunks) else chunk)
    assert whole is not None
    assert bytes(whole) == frame + behind
    assert isinstance(whole, memoryview)
    view = whole[5 : len(frame)].toreadonly()
    assert find_nul(view, at) == body.find(b"\0", at)
    assert find_nul(view[1:], at) == body[1:].find(b"\0", at)
    assert find_nul(memoryview(body), at) == body.find(b"\0", at)
