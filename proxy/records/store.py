"""What a keeper of entries can do: the narrow port under the ledger.

Enters: drafts. Leaves: entries, oldest first. Two stand behind it: `sqlite.py` and `postgres.py`.
Deliberately absent: what entries mean; any way to change or remove one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.records.entry import Draft, Entry


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the chain: the number and the hash of an entry; 0 and GENESIS before the first."""

    sequence: int
    hash: str


class Store(Protocol):
    """Keeps entries.

    Every method may raise LedgerError and may wait for a disk or a server: never call one on an event loop.
    Any thread may call; one call runs at a time, but `wait` lets others in.
    """

    @property
    def place(self) -> str:
        """Where it lies, for messages; never holds a secret."""
        ...

    def append(self, drafts: Sequence[Draft], clock: Callable[[], datetime]) -> list[Entry | None]:
        """Append in one transaction, behind whatever others have appended; durable when this returns.

        Returns: an entry for each draft, None where its limits stood in the way.
        """
        ...

    def last(self) -> Position:
        """The end of the chain."""
        ...

    def hash_at(self, sequence: int) -> str | None:
        """The hash of one entry, None where there is none."""
        ...

    def page(
        self, after: int, most: int, kinds: Collection[str] | None, but: Collection[str], about: str | None
    ) -> list[Entry]:
        """Some entries with larger numbers, in order.

        Args:
            most: how many to read at once.
            kinds: only these; None for all.
            but: not these.
            about: only what is about this; None for all.
        """
        ...

    def identity(self) -> Hashable:
        """A value that differs when another store lies at the same place now."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Return when something may have been appended by anyone, or after the time."""
        ...

    def wake(self) -> None:
        """Have `wait` return now."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[Callable[[], bool]]:
        """Something that one process at a time does, of all that share this store.

        Yields: what tries to get the turn, and says whether it is had. Leaving gives it back, and so does the
            end of the process, or of its connection.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; the store cannot be used afterwards."""
        ...
