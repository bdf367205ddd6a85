"""A long frame that has to be seen as a whole, put together in place as its chunks come.

Enters: chunks. Leaves: a view of the whole frame and of what came behind it. Joining, clearing or copying a
megabyte takes half a millisecond or more, in which the loop serves nobody; pages from mmap are cleared by the
system one by one, as they are written to. Deliberately absent: where a frame ends (``framing``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, PAGESIZE, mmap
from typing import ClassVar, Final

_HEADER: Final = 5
_MOST_NULS: Final = 3
"""Strings at the beginning of any message whose end has to be found."""

_ROOM: Final = 256 * 1024
"""For what comes behind the frame in its last chunk; more than any read from a socket brings."""

_PRIVATE: Final = MAP_PRIVATE | MAP_ANONYMOUS
"""Giving back what is not shared takes half the time."""

_POPULATE_WRITE: Final = 23
"""MADV_POPULATE_WRITE of Linux 5.14: pages asked for together take two thirds of the time of a fault each."""


_PIECE: Final = 64 * 1024

_DEAR_BYTES: Final = 1024 * 1024
"""Giving back less takes less than 0.1 ms."""


class _Memory(mmap):
    """What a frame is put together in.

    Attributes:
        body: the length of the frame's body.
        nuls: where the first NULs of the body are; there may be such as lie behind it.
        taker: gets what nobody refers to any more.
    """

    body: int
    nuls: tuple[int, ...]
    taker: ClassVar[Callable[[mmap], object]]

    def __del__(self) -> None:
        """Live on for whoever gives it back, if that is dear."""
        if len(self) > _DEAR_BYTES:
            type(self).taker(self)


def given_back_by(taker: Callable[[mmap], object]) -> None:
    """Hand over the memory of long frames that nobody needs any more: 16 MB take the system a millisecond.

    Args:
        taker: called anywhere, with what it is to close, in a thread perhaps; it must only take note.
    """
    _Memory.taker = staticmethod(taker)


given_back_by(mmap.close)


class LongFrame:
    """The beginning of a frame, to which the rest is added."""

    __slots__ = ("_filled", "_memory", "_size")

    def __init__(self, size: int) -> None:
        """Begin with nothing of a frame that is this long, header included, in bytes."""
        self._size = size
        self._memory = _Memory(-1, size + _ROOM, _PRIVATE)
        self._memory.body = size - _HEADER
        self._memory.nuls = ()
        self._filled = 0

    def add(self, data: bytes | memoryview) -> bytes | memoryview | None:
        """Add a chunk.

        Returns: the frame with what came behind it, once it is whole; nothing may be added then.
        """
        end = self._filled + len(data)
        if end > len(self._memory):
            return self.so_far() + data
        self._ask_for_pages(end)
        self._memory[self._filled : end] = data
        if len(self._memory.nuls) < _MOST_NULS:
            self._look_for_nuls(data if isinstance(data, bytes) else bytes(data))
        self._filled = end
        return None if end < self._size else memoryview(self._memory)[:end].toreadonly()

    def _ask_for_pages(self, end: int) -> None:
        """Those that will be written to next; what an older system refuses it clears as they are."""
        if sys.platform == "linux":
            begin = self._filled - self._filled % PAGESIZE
            try:
                self._memory.madvise(_POPULATE_WRITE, begin, end - begin)
            except OSError:
                return

    def _look_for_nuls(self, data: bytes) -> None:
        """Note those of a chunk: looking through all of the frame at once takes a millisecond and more."""
        before, found = self._filled - _HEADER, list(self._memory.nuls)
        at = data.find(0, max(-before, 0))
        while at >= 0 and len(found) < _MOST_NULS:
            found.append(before + at)
            at = data.find(0, at + 1)
        self._memory.nuls = tuple(found)

    def so_far(self) -> bytes:
        """What has come."""
        return self._memory[: self._filled]

    def __len__(self) -> int:
        """How much has come, in bytes."""
        return self._filled


def find_nul(body: memoryview, at: int) -> int:
    """Where the first NUL of a message's body is from a place on, -1 where there is none.

    The body is a view of what a LongFrame has put together, from behind the header on, or of other memory.
    """
    owner = body.obj
    if isinstance(owner, _Memory) and len(body) == owner.body:
        nul = next((nul for nul in owner.nuls if nul >= at), -1)
        if nul >= 0 or len(owner.nuls) < _MOST_NULS:
            return nul if nul < len(body) else -1
    for start in range(at, len(body), _PIECE):
        found = bytes(body[start : start + _PIECE]).find(0)
        if found >= 0:
            return start + found
    return -1
