"""The gate as the console shows it: the console's port, over what the supervisor has.

Enters: the policies in force, what the workers report, the ledger. Leaves: the answers that pages show.
Deliberately absent: whatever workers do not report anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from proxy import __version__
from proxy.app.operating.book import Book
from proxy.app.overview.changes import find_changes, whole_change
from proxy.app.overview.ledger import LedgerFacts, copies_of, trouble_of
from proxy.app.overview.policies import PolicyShelf, hits_of
from proxy.app.overview.rates import RateRing
from proxy.app.recent import Recent
from proxy.app.workers.merging import Family, merged
from proxy.console import BackupsKnown, ChangeSearch, ChangesFound, ChangeWhole, Overview, Rates, Refusals
from proxy.console.operations import CannotBeDone
from proxy.policy.rules import Policy


@dataclass(frozen=True, slots=True)
class GateParts:
    """What the overview is gathered from.

    Attributes:
        policies: those in force, by path; the mapping changes as they do.
        reports: what each process counts.
        not_ready: why the gate cannot take clients.
        book: the ledger, by a connection of its own.
    """

    policies: Mapping[str, Policy]
    reports: Callable[[], Awaitable[Iterable[Iterable[Family]]]]
    not_ready: Callable[[], Awaitable[tuple[str, ...]]]
    book: Book
    recent: Recent


class GateView:
    """Implements the console's port."""

    def __init__(self, parts: GateParts) -> None:
        """Gather from these."""
        self._parts = parts
        self._ledger = LedgerFacts(parts.book)
        self._shelf = PolicyShelf()
        self._ring = RateRing()

    async def watch(self) -> None:
        """Take samples of what the workers count, until cancelled."""
        await self._ring.watch(self._parts.reports)

    async def overview(self) -> Overview:
        """All that is shown of the gate and of what it goes by."""
        hits = hits_of(merged(await self._parts.reports()))
        not_ready = await self._parts.not_ready()
        ledger = await self._ledger.now()
        now = datetime.now(UTC)
        for path, policy in tuple(self._parts.policies.items()):
            await self._shelf.try_examples(path, policy)
        policies = tuple(self._shelf.in_force(path, p, hits, now) for path, p in self._parts.policies.items())
        return Overview(now, __version__, not_ready, self.refusals(), policies, ledger)

    def changed(self) -> None:
        """Something was changed: what was read of the ledger before is old."""
        self._ledger.forget()

    def refusals(self) -> Refusals:
        """Those of the last hour."""
        return self._parts.recent.last_hour(datetime.now(UTC))

    def arrivals(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever refusals have come."""
        return self._parts.recent.arrivals()

    def rates(self) -> Rates:
        """How much is judged, and how fast."""
        return self._ring.rates()

    async def backups(self) -> BackupsKnown:
        """All of them."""
        try:
            return BackupsKnown(await self._parts.book.use(copies_of))
        except CannotBeDone as error:
            return BackupsKnown(problem=f"The backups cannot be read: {trouble_of(error)}.")

    async def changes(self, search: ChangeSearch) -> ChangesFound:
        """The changes that fit."""
        try:
            return await self._parts.book.use(lambda ledger: find_changes(ledger, search))
        except CannotBeDone as error:
            return ChangesFound(problem=f"The change log cannot be read: {trouble_of(error)}.")

    async def change(self, number: int) -> ChangeWhole | None:
        """One of them whole."""
        try:
            return await self._parts.book.use(lambda ledger: whole_change(ledger, number))
        except CannotBeDone:
            return None
