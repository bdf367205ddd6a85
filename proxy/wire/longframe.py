"""A long frame that has to be seen as a whole, put together in place as its chunks come.

Enters: chunks. Leaves: a view of the whole frame and of what came behind it. Joining, clearing or copying a
megabyte takes half a millisecond or more, in which the loop serves nobody; pages from mmap are cleared by the
system one by one, as they are written to. Deliberately absent: where a frame ends (``framing``).
"""

from __future__ import annotations

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Final

_ROOM: Final = 256 * 1024
"""For what comes behind the frame in its last chunk; more than any read from a socket brings."""

_PRIVATE: Final = MAP_PRIVATE | MAP_ANONYMOUS
"""Giving back what is not shared takes half the time."""


class LongFrame:
    """The beginning of a frame, to which the rest is added."""

    __slots__ = ("_filled", "_memory", "_size")

    def __init__(self, size: int) -> None:
        """Begin with nothing of a frame that is this long, header included, in bytes."""
        self._size = size
        self._memory = mmap(-1, size + _ROOM, _PRIVATE)
        self._filled = 0

    def add(self, data: bytes | memoryview) -> bytes | memoryview | None:
        """Add a chunk.

        Returns: the frame with what came behind it, once it is whole; nothing may be added then.
        """
        end = self._filled + len(data)
        if end > len(self._memory):
            return self.so_far() + data
        self._memory[self._filled : end] = data
        self._filled = end
        return None if end < self._size else memoryview(self._memory)[:end].toreadonly()

    def so_far(self) -> bytes:
        """What has come."""
        return self._memory[: self._filled]

    def __len__(self) -> int:
        """How much has come, in bytes."""
        return self._filled
