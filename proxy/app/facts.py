"""Keeps the gates' facts fresh.

Enters: the ledger. Leaves: snapshots for the gates, at once when something was recorded and otherwise only
their time; when the ledger cannot be read for too long, the last snapshot marked stale, so that what needs
evidence is refused, and after that overdue, so that every write is. A thread of its own reads, since a disk
may hang; the event loop alone notices that it does. Deliberately absent: judging evidence.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol

from structlog.stdlib import BoundLogger

from proxy.policy.facts import Facts
from proxy.records import Epoch, LedgerError

REFRESH_S = 1.0
_REST_S = 0.02  # between two readings, however often the ledger grows


class FactsSource(Protocol):
    """What is needed of the ledger."""

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        ...

    def facts(self, now: datetime) -> Facts:
        """What is known as of `now`; may raise LedgerError."""
        ...

    def epoch(self) -> Epoch:
        """Differs when something was recorded; may raise LedgerError."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Return when something may have been recorded, or after the time."""
        ...

    def wake(self) -> None:
        """Have `wait` return now."""
        ...


class FactsKeeper:
    """Reads the ledger when it has grown, and every second, and hands the facts on."""

    def __init__(
        self,
        ledger: FactsSource,
        swap: Callable[[Facts], None],
        stale_after_s: float,
        log: BoundLogger,
        *,
        overdue_after_s: float = float("inf"),
    ) -> None:
        """Read the first facts at once.

        Args:
            ledger: used by the keeper's thread alone from here on.
            swap: gives facts to the gates; called on the event loop.
            stale_after_s: how old facts may be.
            log: told when the ledger is lost and found, and of freezes.
            overdue_after_s: how old they may be before nothing is written; not before they are stale.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        self._ledger = ledger
        self._swap = swap
        self._stale_after_s = stale_after_s
        self._overdue_after_s = max(stale_after_s, overdue_after_s)
        self._every_s = min(REFRESH_S, stale_after_s / 4)
        self._log = log
        self._stopping = threading.Event()
        self._epoch: Epoch = ledger.epoch()
        self._read_at = monotonic()
        self._trouble = ""
        self._asking: list[tuple[float, asyncio.Future[None]]] = []
        self._read_on_wall = datetime.now(UTC)
        self.facts = ledger.facts(self._read_on_wall)

    @property
    def age_s(self) -> float:
        """How old the facts are."""
        return monotonic() - self._read_at

    @property
    def stale(self) -> bool:
        """Whether the facts are too old to be believed."""
        return self.facts.stale

    @property
    def frozen(self) -> bool:
        """Whether a freeze stands in any database."""
        now = datetime.now(UTC)
        return any(freeze.until is None or now < freeze.until for freeze in self.facts.freezes)

    async def refresh(self) -> bool:
        """Have the gates judge by what is in the ledger now.

        Returns: whether that could be had before facts count as stale.
        """
        read: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asking = (monotonic(), read)
        self._asking.append(asking)
        self._ledger.wake()
        try:
            await asyncio.wait_for(read, self._stale_after_s)
        except TimeoutError:
            return False
        finally:
            self._asking.remove(asking)
        return True

    async def run(self) -> None:
        """Refresh until cancelled."""
        loop = asyncio.get_running_loop()
        if self.facts.freezes:
            self._tell_of_freezes(self.facts)
        threading.Thread(target=self._read_on, args=(loop,), name="facts", daemon=True).start()
        try:
            while True:
                await asyncio.sleep(self._fresh_s())
                self._notice_age()
        finally:
            self._stopping.set()
            self._ledger.wake()

    def _read_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread: wait, read, tell the event loop."""
        rest_s = _REST_S
        while not self._stopping.wait(rest_s):
            facts: Facts | None = None
            trouble = ""
            started = monotonic()
            try:
                begun = monotonic()
                self._ledger.wait(self._every_s)
                started = monotonic()
                rest_s = _REST_S if started - begun < self._every_s / 2 else 0.0
                epoch = self._ledger.epoch()
                now = datetime.now(UTC)
                if epoch != self._epoch or now < self._read_on_wall:  # a clock set back: nothing is over
                    facts = self._ledger.facts(now)
                    self._epoch = epoch
                self._read_on_wall = now
            except LedgerError as error:
                trouble = str(error)
            except Exception as error:  # whatever it is: facts that cannot be read grow stale
                trouble = f"the ledger cannot be read: {type(error).__name__}"
                self._stopping.wait(self._every_s)  # waiting itself may be what fails
            if self._is_as_before(facts, trouble):
                self._read_at = started
                continue
            try:
                loop.call_soon_threadsafe(self._take, facts, started, trouble)
            except RuntimeError:
                return  # the loop is closed

    def _is_as_before(self, facts: Facts | None, trouble: str) -> bool:
        """Whether a reading tells nothing new: waking the event loop for it would cost more than the look."""
        quiet = facts is None and not trouble and not self._asking
        return quiet and not self._trouble and not self.facts.stale

    def _take(self, facts: Facts | None, read_at: float, trouble: str) -> None:
        if trouble:
            if trouble != self._trouble:
                self._log.error("facts cannot be refreshed", reason=trouble)
        else:
            if self._trouble:
                self._log.info("facts are fresh again", ledger=self._ledger.place)
            if facts is not None and facts.backups != self.facts.backups:
                self._log.info("facts have changed", backups=len(facts.backups))
            if facts is not None and facts.freezes != self.facts.freezes:
                self._tell_of_freezes(facts)
            self._read_at = read_at
            self.facts = replace(facts or self.facts, as_of=datetime.now(UTC), stale=False, overdue=False)
            self._swap(self.facts)
            for asked_at, read in self._asking:
                if asked_at <= read_at and not read.done():
                    read.set_result(None)
        self._trouble = trouble
        self._notice_age()

    def _tell_of_freezes(self, facts: Facts) -> None:
        for freeze in facts.freezes:
            self._log.warning(
                "writes are frozen",
                by=freeze.by,
                reason=freeze.reason,
                database=freeze.database or "all",
                kill=freeze.kill,
                until="ended by hand" if freeze.until is None else freeze.until.isoformat(),
            )
        if not facts.freezes:
            self._log.warning("writes are not frozen any more")

    def _fresh_s(self) -> float:
        """How long at least the facts cannot grow too old; they are looked at now and then all the same."""
        facts, left_s = self.facts, self._stale_after_s
        for limit_s, passed in ((self._stale_after_s, facts.stale), (self._overdue_after_s, facts.overdue)):
            if not passed:
                left_s = min(left_s, limit_s - self.age_s)
        return max(left_s, _REST_S)

    def _notice_age(self) -> None:
        age_s = self.age_s
        if not self.facts.stale and age_s > self._stale_after_s:
            read_at = datetime.now(UTC) - timedelta(seconds=age_s)
            self.facts = replace(self.facts, as_of=read_at, stale=True)
            self._log.error("facts are stale: what needs evidence is refused", age_s=round(age_s, 1))
            self._swap(self.facts)
        if not self.facts.overdue and age_s > self._overdue_after_s:
            self.facts = replace(self.facts, overdue=True)
            self._log.error("facts are overdue: writes are refused", age_s=round(age_s, 1))
            self._swap(self.facts)
