"""One stream of bytes into several places at once.

Enters: bytes. Leaves: for each place an object that is whole, or the reason why there is none. A place that
fails is left behind, and the others go on. Nothing is there before `complete`, which is for whoever knows
that the stream came to its end. Deliberately absent: what the bytes are.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from hashlib import sha256
from types import TracebackType
from typing import Final, Self

from proxy.backup.clients import BackupError
from proxy.backup.places import Place, trouble

_WAITING: Final = 8  # pieces that a slow place may lag behind


class _Abandoned(Exception):
    """The stream did not come to its end."""


class Copy:
    """One place's copy.

    Attributes:
        failure: why there is none; "" while nothing is wrong.
    """

    def __init__(self, place: Place, path: str) -> None:
        """Begin to write."""
        self.place = place
        self.path = path
        self.failure = ""
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._whole = False
        self._thread = threading.Thread(target=self._write, name="copy", daemon=True)
        self._thread.start()

    def take(self, piece: bytes) -> None:
        """Write this next."""
        self._pieces.put(piece)

    def end(self, *, whole: bool) -> None:
        """Complete the object, or leave nothing of it."""
        self._whole = whole
        self._pieces.put(None)
        self._thread.join()

    def _write(self) -> None:
        ended = False
        try:
            with self.place.writing(self.path) as sink:
                while (piece := self._pieces.get()) is not None:
                    sink.write(piece)
                ended = True
                if not self._whole:
                    raise _Abandoned
            self.place.settle(self.path)
        except _Abandoned:
            self.failure = "the backup was abandoned"
        except Exception as error:  # whatever a store raises: its copy is none, and the others go on
            self.failure = trouble(error)
        while not ended:  # nobody must wait for a place that has failed
            ended = self._pieces.get() is None


class Copies:
    """All copies of one stream.

    Attributes:
        size_bytes, sha256: of what was written.
    """

    def __init__(self, places: Sequence[Place], path: str) -> None:
        """Say where."""
        self._places = places
        self._path = path
        self._hash = sha256()
        self._ended = False
        self.copies: list[Copy] = []
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return self._hash.hexdigest()

    @property
    def failures(self) -> list[str]:
        """What went wrong, a line for each place."""
        return [f"{copy.place.url}: {copy.failure}" for copy in self.copies if copy.failure]

    def write(self, piece: bytes, /) -> int:
        """Take the next bytes.

        Raises:
            BackupError: no place is left to write to.
        """
        if all(copy.failure for copy in self.copies):
            raise BackupError("no copy could be written: " + "; ".join(self.failures))
        self._hash.update(piece)
        self.size_bytes += len(piece)
        for copy in self.copies:
            copy.take(piece)
        return len(piece)

    def flush(self) -> None:
        """As files have it."""

    def complete(self) -> None:
        """The stream came to its end: have the objects there."""
        self._end(whole=True)

    def __enter__(self) -> Self:
        self.copies = [Copy(place, self._path) for place in self._places]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(whole=False)

    def _end(self, *, whole: bool) -> None:
        if self._ended:
            return
        self._ended = True
        for copy in self.copies:
            copy.end(whole=whole)
