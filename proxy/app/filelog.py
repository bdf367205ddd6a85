"""A file of lines that rotates by size: PATH, then PATH.1 (the newest of the old) up to PATH.N.

Enters: whole lines as bytes. Leaves: bytes in files. Every write goes to the system at once, so that a killed
process loses nothing that was written. Several processes may write one file: who writes or rotates it holds
its lock (flock(2)), which the system takes back from a process that dies. Deliberately absent: compression.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
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
        self._rotate_at = rotate_bytes
        self._ours = 0
        self._descriptor = self._open()

    def write(self, lines: bytes) -> None:
        """Write whole lines; after a write that failed half-way the next begins on a line of its own."""
        size = self._lock()
        try:
            while size and size + len(lines) > self._rotate_at and self._rotated(size):
                size = self._lock()  # another may have been first, and written already
            rest = memoryview(b"\n" + lines if size != self._ours and self._torn(size) else lines)
            self._ours = -1
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._ours = os.fstat(self._descriptor).st_size
        finally:
            _unlock(self._descriptor)

    def reopen(self) -> None:
        """Begin anew at the path, whatever became of the file that was there."""
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def _lock(self) -> int:
        """Lock the file that is at the path now, whoever put it there; returns its size."""
        while True:
            if self._descriptor < 0:
                self._descriptor = self._open()
            _lock(self._descriptor)
            opened = os.fstat(self._descriptor)
            try:
                found = self._path.stat()
            except FileNotFoundError:
                found = None
            if found is not None and (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino):
                return opened.st_size
            self.close()

    def _torn(self, size: int) -> bool:
        """Whether the last line lacks its end: a full disk or a killed process has cut it off."""
        if size == 0:
            return False
        try:
            reading = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return os.pread(reading, 1, size - 1) != b"\n"
        finally:
            os.close(reading)

    def _rotated(self, size: int) -> bool:
        """Move the files on and let go of the one that was written; False if they cannot be moved."""
        try:
            self._make_room()
        except OSError:
            # A file that cannot be moved grows on: better a long log than none. Try again a file's length
            # later.
            self._rotate_at = size + self._rotate_bytes
            return False
        self._rotate_at = self._rotate_bytes
        self.close()
        return True

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

    def __init__(self, descriptor: int, lock: Path | None = None) -> None:
        """Borrow the descriptor; it is never closed here.

        Args:
            descriptor: where to write.
            lock: a file to hold locked meanwhile, where several processes write to the descriptor: to a pipe
                the system writes 4 KiB in one piece, no more.

        Raises:
            OSError: the lock's file cannot be opened.
        """
        self._descriptor = descriptor
        self._lock = -1 if lock is None else os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, lines: bytes) -> None:
        """Write whole lines; waits for a pipe's reader."""
        rest = memoryview(lines)
        _lock(self._lock)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        finally:
            _unlock(self._lock)

    def reopen(self) -> None:
        """Nothing to reopen."""

    def close(self) -> None:
        """Nothing of ours to close but the lock."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lock(descriptor: int) -> None:
    """Wait for the lock; a file system that has none is written without."""
    if descriptor >= 0:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _unlock(descriptor: int) -> None:
    if descriptor >= 0:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def open_sink(path: str, rotate_bytes: int, keep: int, lock: Path | None = None) -> Sink:
    """The sink for a path; `-` is standard output, under a lock if one is given.

    Raises: OSError when the file cannot be opened.
    """
    if path == STANDARD_OUTPUT:
        return DescriptorSink(1, lock)
    return FileSink(Path(path).absolute(), rotate_bytes, keep)
