"""What the ledger says, for whoever looks at the console.

Enters: a connection of its own, so that nobody who looks holds up who acts. Leaves: `LedgerNow`, in bounded
time; what it said counts for two seconds. Deliberately absent: whatever changes the ledger.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from proxy.app.ledger.granting import stands
from proxy.app.operating.book import Book
from proxy.app.overview.changes import newest_changes
from proxy.console import BackupCopy, FreezeNow, LedgerNow
from proxy.console.operations import CannotBeDone
from proxy.records import Ledger, LedgerError

_KEEP_S: Final = 2.0
_MOST_ROWS: Final = 50


class LedgerFacts:
    """Freezes, backups and newest changes."""

    def __init__(self, book: Book) -> None:
        """Nothing is read before somebody looks."""
        self._book = book
        self._reading: asyncio.Task[LedgerNow] | None = None
        self._old_after = 0.0

    async def now(self) -> LedgerNow:
        """As of now; never raises."""
        loop = asyncio.get_running_loop()
        if self._reading is None or (self._reading.done() and loop.time() > self._old_after):
            self._reading = loop.create_task(self._read())
            self._old_after = loop.time() + _KEEP_S
        return await asyncio.shield(self._reading)

    def forget(self) -> None:
        """Whoever looks next has it read anew, whatever is being read."""
        self._reading = None

    async def _read(self) -> LedgerNow:
        try:
            return await self._book.use(_facts)
        except CannotBeDone as error:
            return LedgerNow(trouble_of(error))
        except Exception as error:  # the page shows what it can
            return LedgerNow(f"the ledger cannot be read: {type(error).__name__}")


def trouble_of(error: CannotBeDone) -> str:
    """Why the ledger cannot be read, without a full stop."""
    told = str(error.__cause__) if isinstance(error.__cause__, LedgerError) else error.why
    return told.rstrip(".")


def _facts(ledger: Ledger) -> LedgerNow:
    """Read it.

    Raises:
        LedgerError: it cannot be read.
    """
    now = datetime.now(UTC)
    return LedgerNow(
        freezes=tuple(
            FreezeNow(each.reason, each.recorded_by, each.recorded_at, each.until, each.database)
            for each in ledger.freezes()
        ),
        backups=copies_of(ledger, _MOST_ROWS),
        changes=newest_changes(ledger, _MOST_ROWS),
        waiting=sum(stands(found, now) for found in ledger.approvals().requests.values()),
    )


def copies_of(ledger: Ledger, most: int | None = None) -> tuple[BackupCopy, ...]:
    """The copies of backups, the newest first, no more than `most`.

    Raises:
        LedgerError: it cannot be read.
    """
    newest = sorted(ledger.copies(), key=lambda copy: copy.finished, reverse=True)
    return tuple(
        BackupCopy(
            copy.database,
            copy.finished,
            copy.location,
            copy.verified.name.lower().replace("_", " "),
            copy.making.source,
        )
        for copy in newest[:most]
    )
