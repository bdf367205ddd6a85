"""Where signed heads go besides the gate's log: a file, an object store.

Enters: heads. Leaves: a line each in the file, an object each in the store; and the heads that lie there, for
those who check. Deliberately absent: when heads are published (heads.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from proxy.backup.clients import BackupError
from proxy.backup.places import Place, trouble
from proxy.records import Head, LedgerError

NEWEST: Final = 1000
"""So many of a store's heads are read: a head vouches for all that is before it."""

_END: Final = ".head.json"


class Outlet(Protocol):
    """Takes heads."""

    def put(self, head: Head) -> None:
        """Return once it is there to stay.

        Raises:
            LedgerError: it is not.
        """
        ...


class FileOutlet:
    """A file that grows."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened before the first head."""
        self._path = path

    def put(self, head: Head) -> None:
        """See `Outlet`."""
        try:
            with suppress(FileExistsError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(descriptor, f"{head.line()}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise LedgerError(str(error)) from error


class StoreOutlet:
    """A folder of some store."""

    def __init__(self, text: str) -> None:
        """Open it.

        Args:
            text: as `Place` takes it.

        Raises:
            LedgerError: it is no place, or cannot be used.
        """
        try:
            self._place = Place(text)
        except (ValueError, BackupError) as error:
            raise LedgerError(f"heads cannot go to {text}: {error}") from error

    def put(self, head: Head) -> None:
        """See `Outlet`. Nothing is overwritten but the same head, signed again."""
        name = f"{head.sequence:012}-{head.key}{_END}"
        try:
            self._place.put(name, head.line().encode())
            self._place.settle(name)
        except Exception as error:  # obstore's own errors have no common base but this
            raise LedgerError(f"{self._place.url} takes no head: {trouble(error)}") from error


def stored_heads(text: str) -> Iterator[str]:
    """The newest heads of a store, a line each, oldest first.

    Raises:
        LedgerError: they cannot be read.
    """
    try:
        place = Place(text, create=False)
        names = sorted(name for name in place.names(None) if name.endswith(_END))
        for name in names[-NEWEST:]:
            yield b"".join(place.read(name)).decode(errors="replace")
    except (ValueError, BackupError) as error:
        raise LedgerError(str(error)) from error
    except Exception as error:  # obstore's own errors have no common base but this
        raise LedgerError(f"{text} cannot be read: {trouble(error)}") from error
