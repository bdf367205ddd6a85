"""A file of lines that rotates by size: PATH, then PATH.1 (the newest of the old) up to PATH.N.

Enters: whole lines as bytes. Leaves: bytes in files. Every write goes to the system at once, so that a killed
process loses nothing that was written. Deliberately absent: several processes writing one file, compression,
waiting.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from proxy.app.settings import STANDARD_OUTPUT

_MODE = 0o640  # statements are in it: not for everybody's eyes


class Sink(Protocol):
    """Where lines go; OSError from `write` means that some of them are lost."""

    def write(self, lines: bytes) -> None:
        """Write whole lines."""
        ...

    def reopen(self) -> None:
        """Somebody else has moved the file away: begin a new one."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class FileSink:
    """Lines into a rotated file."""

    def __init__(self, path: Path, rotate_bytes: int, keep: int) -> None:
        """Open the file at once, so that a wrong path shows at the start.

        Args:
            path: the file; its folder has to exist.
            rotate_bytes: begin a new file rather than let one grow beyond this.
            keep: how many old files to keep.

        Raises:
            OSError: the file cannot be opened.
        """
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._torn = False
        self._rotate_at = rotate_bytes
        self._descriptor, self._size = self._open()

    def write(self, lines: bytes) -> None:
        """Write whole lines; after a write that failed half-way the next begins on a line of its own."""
        if self._descriptor < 0:
            self._descriptor, self._size = self._open()
        if self._size and self._size + len(lines) > self._rotate_at:
            self._rotate()
        rest = memoryview(b"\n" + lines if self._torn else lines)
        while rest:
            try:
                written = os.write(self._descriptor, rest)
            except OSError:
                self._torn = self._torn or len(rest) < len(lines)
                raise
            self._size += written
            rest = rest[written:]
        self._torn = False

    def reopen(self) -> None:
        """Begin anew at the path, whatever became of the file that was there."""
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> tuple[int, int]:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        return descriptor, os.fstat(descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        try:
            self._make_room()
        except OSError:
            # A file that cannot be moved grows on: better a long log than none. Try again a file's length
            # later.
            self._descriptor, self._size = self._open()
            self._rotate_at = self._size + self._rotate_bytes
        else:
            self._descriptor, self._size = self._open()
            self._rotate_at = self._rotate_bytes
            self._torn = False

    def _make_room(self) -> None:
        if self._keep == 0:
            self._path.unlink(missing_ok=True)
            return
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        if self._path.exists():
            self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class DescriptorSink:
    """Lines to an open descriptor, such as standard output."""

    def __init__(self, descriptor: int) -> None:
        """Borrow the descriptor; it is never closed here."""
        self._descriptor = descriptor

    def write(self, lines: bytes) -> None:
        """Write whole lines; waits for a pipe's reader."""
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def reopen(self) -> None:
        """Nothing to reopen."""

    def close(self) -> None:
        """Nothing of ours to close."""


def open_sink(path: str, rotate_bytes: int, keep: int) -> Sink:
    """The sink for a path; `-` is standard output.

    Raises: OSError when the file cannot be opened.
    """
    if path == STANDARD_OUTPUT:
        return DescriptorSink(1)
    return FileSink(Path(path).absolute(), rotate_bytes, keep)
