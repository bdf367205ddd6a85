"""Waiting until somebody may have written to a file, without looking at it again and again.

Enters: paths. Leaves: a thread that waits goes on when one of them is written to, replaced or removed, or
when it is woken. Linux tells (inotify); elsewhere, and where Linux has no more watches to give, nobody does,
and `hears` says so. Deliberately absent: reading what is there.
"""

from __future__ import annotations

import ctypes
import os
import select
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_MODIFY, _ATTRIBUTES, _DELETED, _MOVED = 0x2, 0x4, 0x400, 0x800
_MASK: Final = (
    _MODIFY | _ATTRIBUTES | _DELETED | _MOVED
)  # a file that is replaced loses its name: an attribute
_READ_BYTES: Final = 65_536

_library: Final = ctypes.CDLL(None)
_inotify_init1: Final[Callable[[int], int] | None] = getattr(_library, "inotify_init1", None)
_inotify_add_watch: Final[Callable[[int, bytes, int], int] | None] = getattr(
    _library, "inotify_add_watch", None
)


class Bell:
    """Rings when files are written to; one thread waits, any may wake it.

    Attributes:
        hears: whether it would ring.
    """

    def __init__(self) -> None:
        """Begin without files."""
        self.hears = False
        self._ear: _Descriptor | None = None
        self._woken = _Descriptor.pair()
        self._waking = select.poll()
        self._waking.register(self._woken[0].number, select.POLLIN)

    def listen(self, paths: Iterable[Path]) -> None:
        """Ring for what is written to these from now on, and for no others."""
        self._ear = _ear(paths)
        self.hears = self._ear is not None

    def rung(self) -> bool:
        """Whether something may have been written since this was asked; where nothing is heard, it may."""
        return self._ear is None or self._ear.drain()

    def wait(self, timeout_s: float, *, listening: bool) -> bool:
        """Wait to be woken, or for so long, or if ``listening`` until something is written.

        Returns: whether it was woken.
        """
        waiting = self._waking
        if listening and self._ear is not None:
            waiting = select.poll()
            waiting.register(self._woken[0].number, select.POLLIN)
            waiting.register(self._ear.number, select.POLLIN)
        waiting.poll(timeout_s * 1000)
        return self._woken[0].drain()

    def wake(self) -> None:
        """Have `wait` return now; if nobody waits, the next."""
        with suppress(BlockingIOError):  # then it has been woken a thousand times
            os.write(self._woken[1].number, b"\0")


class _Descriptor:
    """A file descriptor that is closed when nobody has it any more, so never under one who waits."""

    def __init__(self, number: int) -> None:
        os.set_blocking(number, False)
        self.number = number
        weakref.finalize(self, os.close, number).atexit = False

    @classmethod
    def pair(cls) -> tuple[_Descriptor, _Descriptor]:
        """What is written to the second can be read from the first."""
        ours, theirs = os.pipe()
        return cls(ours), cls(theirs)

    def drain(self) -> bool:
        """Whether there was something to read; there is not any more."""
        drained = False
        with suppress(BlockingIOError):
            while os.read(self.number, _READ_BYTES):
                drained = True
        return drained


def _ear(paths: Iterable[Path]) -> _Descriptor | None:
    if _inotify_init1 is None or _inotify_add_watch is None:
        return None
    number = _inotify_init1(os.O_CLOEXEC)
    if number < 0:
        return None
    ear = _Descriptor(number)
    for path in paths:
        if _inotify_add_watch(number, os.fsencode(path), _MASK) < 0:
            return None
    return ear
