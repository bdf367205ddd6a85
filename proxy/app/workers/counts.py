"""Counts that all workers of a gate can see, in memory that they share.

Each worker writes its own part and reads those of the others, so nobody waits for a lock that a dead or
stopped worker holds, and what a dead one counted goes when another begins in its place. Until then it counts:
rather one client too few.

Names come from clients, so there is no room kept for each: a part is a count-min sketch (Cormode and
Muthukrishnan, 2005), whose cells a key of the gate's own chooses. It never says too few. It says too many for
a name that meets others in each of its three cells: with 1,000 names in use that is one in 5,000.
"""

from __future__ import annotations

import mmap
import secrets
import struct
from collections.abc import Hashable, Iterator
from hashlib import blake2b
from typing import Final

_ROWS: Final = 3
_COLUMNS: Final = 1 << 14
_CELLS: Final = _ROWS * _COLUMNS
_WHERE: Final = struct.Struct(f"={_ROWS}I")


class SharedCounts:
    """The memory; made before there is any worker."""

    def __init__(self, workers: int) -> None:
        """Make room for so many."""
        self._memory = mmap.mmap(-1, workers * _CELLS * 4)
        self._workers = workers
        self._key = secrets.token_bytes(16)

    def of(self, worker: int) -> WorkerCounts:
        """A worker's part, with nothing in it: whoever had it before is dead."""
        return WorkerCounts(self._memory, self._key, worker, self._workers)


class WorkerCounts:
    """What one worker counts, and what the others do (session/elsewhere.py)."""

    def __init__(self, memory: mmap.mmap, key: bytes, worker: int, workers: int) -> None:
        """Begin with none."""
        self._cells = memoryview(memory).cast("I")
        self._key = key
        self._own = worker * _CELLS
        self._others = [each * _CELLS for each in range(workers) if each != worker]
        self._cells[self._own : self._own + _CELLS] = memoryview(bytes(_CELLS * 4)).cast("I")

    def add(self, by: int, *key: Hashable) -> None:
        """Count more, or fewer, of this."""
        for place in self._places(key):
            self._cells[self._own + place] += by

    def count(self, *key: Hashable) -> int:
        """How many the others count."""
        places = tuple(self._places(key))
        return sum(min(self._cells[part + place] for place in places) for part in self._others)

    def _places(self, key: tuple[Hashable, ...]) -> Iterator[int]:
        digest = blake2b(repr(key).encode(errors="surrogateescape"), digest_size=_WHERE.size, key=self._key)
        for row, chosen in enumerate(_WHERE.unpack(digest.digest())):
            yield row * _COLUMNS + chosen % _COLUMNS
