"""The gate, as the console sees it: the port that app implements.

Enters: nothing. Leaves: `ConsoleSource`. None of its methods raises for what a person has asked, or for a
ledger that cannot be read: the answers say so. Deliberately absent: whatever changes the gate.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Protocol

from proxy.console.questions import BackupsKnown, ChangeSearch, ChangesFound, ChangeWhole, Rates
from proxy.console.values import Overview, Refusals


class ConsoleSource(Protocol):
    """What can be asked of it; every answer is as of now."""

    async def overview(self) -> Overview:
        """All that is shown of the gate and of what it goes by."""
        ...

    def refusals(self) -> Refusals:
        """Those of the last hour."""
        ...

    def arrivals(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever refusals have come, inside of the block."""
        ...

    def rates(self) -> Rates:
        """How much is judged, and how fast."""
        ...

    async def backups(self) -> BackupsKnown:
        """All of them; an overview has the newest."""
        ...

    async def changes(self, search: ChangeSearch) -> ChangesFound:
        """The changes that fit."""
        ...

    async def change(self, number: int) -> ChangeWhole | None:
        """One of them whole; None where there is none, or the ledger cannot be read."""
        ...
