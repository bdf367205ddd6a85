"""Backups for statements that are held: many wait for one, few are made at a time.

Enters: on the event loop, what a held statement wants. Leaves: that it is there and the gate's facts know it,
or why not, in the time that the statement may be held; meanwhile, how far it is. A backup for which nobody
waits any more is stopped. Deliberately absent: making one (making.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Final, TypeAlias

from structlog.stdlib import BoundLogger

from proxy.app.backups.child import Step
from proxy.app.backups.making import Keeping, Making, Outcome, Wish
from proxy.app.backups.setup import BackupSource
from proxy.app.faults import places
from proxy.app.sizes import shown_size
from proxy.backup.clients import BackupError
from proxy.policy.decision import BackupWanted
from proxy.policy.durations import describe_duration
from proxy.policy.wanting import at_most
from proxy.relay import Told
from proxy.session import Count, GivenUp, Hold, Released

PROGRESS_S: Final = 5.0
OUTCOMES: Final = ("released", "given_up", "abandoned")

Refresh: TypeAlias = Callable[[], Awaitable[bool]]
Failed: TypeAlias = Callable[[str, tuple[str, ...], str], None]


class _Run:
    """One backup, under way or waiting for its turn.

    Attributes:
        waiting: how many statements are held for it.
        step: how far it is.
        done: what has come of it, from the moment on from which the facts know it.
    """

    def __init__(self, wish: Wish, begun: float) -> None:
        self.wish = wish
        self.begun = begun
        self.waiting = 0
        self.step = Step("waiting for its turn", 0, None, 0)
        self.done: asyncio.Future[Outcome | str] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    def hears(self, step: Step) -> None:
        """It has come so far."""
        self.step = step

    def progress(self, now: float) -> str:
        """How far it is, for people: `dumping shop, 45 %, 12.0 MiB written, for 20 s`."""
        step = self.step
        parts = [step.text]
        if step.total:
            parts.append(f"{min(100, step.done * 100 // step.total)} %")
        if step.written_bytes:
            parts.append(f"{shown_size(step.written_bytes)} written")
        return ", ".join((*parts, f"for {now - self.begun:.0f} s"))


class BackupTaker:
    """Takes the backups that statements of one worker are held for.

    Attributes:
        counts: how many statements were held, by what has come of it: one of OUTCOMES.
    """

    def __init__(
        self,
        keeping: Keeping,
        refresh: Refresh,
        log: BoundLogger,
        *,
        progress_s: float = PROGRESS_S,
        failed: Failed = lambda database, rules, reason: None,
    ) -> None:
        """Begin with nothing to do.

        Args:
            keeping: where it is recorded.
            refresh: has the gate's facts read anew; says whether they could be.
            log: told of each backup.
            progress_s: how often a client hears how far it is.
            failed: told of each that could not be taken: its database, the rules that want it, and why.
        """
        self._keeping = keeping
        self._refresh = refresh
        self._log = log
        self._failed = failed
        self._progress_s = progress_s
        self._turns = asyncio.Semaphore(keeping.at_once)
        self._threads = ThreadPoolExecutor(keeping.at_once, "backups")
        self._runs: dict[_Run, BackupSource] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.counts = {outcome: Count() for outcome in OUTCOMES}

    @property
    def held(self) -> int:
        """How many statements are held now."""
        return sum(run.waiting for run in self._runs)

    async def take(self, source: BackupSource, hold: Hold, tell: Told) -> Released | GivenUp:
        """Have a statement wait for its backup, which begins unless one is under way that would do."""
        wanted = hold.wanted
        if not isinstance(wanted, BackupWanted):
            return GivenUp("no backup would help")
        database = hold.change.origin.database
        wish = Wish(database, wanted.tables, wanted.verified, wanted.copies)
        run = next((run for run, its in self._runs.items() if its == source and wish.met_by(run.wish)), None)
        if run is None:
            run = self._begin(source, wish, wanted.rules)
        outcome: Released | GivenUp | None = None
        run.waiting += 1
        rules = " and ".join(wanted.rules)
        try:
            message = f"{wanted.deed}, {at_most(wanted.at_most)} [rule {rules}]"
            outcome = await self._wait(run, wanted.at_most, lambda now: tell(message, run.progress(now)))
        finally:
            run.waiting -= 1
            self.counts[_called(outcome)].add(hold.decision_id, time.time())
            if not run.waiting and not run.done.done():
                self._stop(run)
        if isinstance(outcome, Released):
            tell("the backup is there", "")
        return outcome

    async def close(self) -> None:
        """Stop all of it, and wait until nothing is left."""
        for run in tuple(self._runs):
            self._stop(run)
        while self._ending:
            await asyncio.wait(tuple(self._ending))
        self._threads.shutdown(wait=False)

    async def _wait(self, run: _Run, limit: timedelta, tell: Callable[[float], None]) -> Released | GivenUp:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit.total_seconds()
        while not run.done.done():
            left_s = deadline - loop.time()
            if left_s <= 0:
                return GivenUp(
                    f"it was held for {describe_duration(limit)}, and the backup was not there yet "
                    f"({run.progress(loop.time())})"
                )
            tell(loop.time())
            await asyncio.wait((run.done,), timeout=min(left_s, self._progress_s))
        outcome = run.done.result()
        if isinstance(outcome, str):
            return GivenUp(f"no backup could be taken: {outcome}")
        return Released("; ".join(outcome.failures))

    # -- runs ----------------------------------------------------------------------------------------------

    def _begin(self, source: BackupSource, wish: Wish, rules: tuple[str, ...]) -> _Run:
        loop = asyncio.get_running_loop()
        run = _Run(wish, loop.time())
        self._runs[run] = source
        run.task = loop.create_task(self._run(source, run, rules))
        self._ending.add(run.task)
        run.task.add_done_callback(self._ending.discard)
        return run

    def _stop(self, run: _Run) -> None:
        """Nobody may join it any more."""
        self._runs.pop(run, None)
        if run.task is not None:
            run.task.cancel()

    async def _run(self, source: BackupSource, run: _Run, rules: tuple[str, ...]) -> None:
        log = self._log.bind(database=run.wish.database)
        outcome: Outcome | str = "it was stopped"
        try:
            async with self._turns:
                log.info("a backup is taken for held statements", rules=", ".join(rules))
                outcome = await self._make(source, run)
            if isinstance(outcome, Outcome) and not await self._refresh():
                outcome = "it is there and recorded, but the facts could not be read anew"
        except asyncio.CancelledError:
            log.info("the backup for held statements was stopped")
            raise
        except Exception as error:  # whoever waits must hear of it
            log.error("taking a backup failed", error=type(error).__name__, at=places(error))
            outcome = f"taking it failed ({type(error).__name__})"
        finally:
            self._runs.pop(run, None)
            if not run.done.done():
                run.done.set_result(outcome)
        if isinstance(outcome, str):
            log.error("no backup for held statements", reason=outcome)
            self._failed(run.wish.database, rules, outcome)
        else:
            log.info(
                "the backup for held statements is there",
                entries=", ".join(map(str, outcome.entries)) or "another worker's",
                failures="; ".join(outcome.failures) or "none",
            )

    async def _make(self, source: BackupSource, run: _Run) -> Outcome | str:
        """Make it in a thread; a turn lasts until nothing of it is left."""
        loop = asyncio.get_running_loop()

        def tell(step: Step) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(run.hears, step)

        making = Making(source, run.wish, self._keeping, tell)
        working = loop.run_in_executor(self._threads, making.run)
        try:
            await asyncio.wait((working,))
        except asyncio.CancelledError:
            making.stop()
            await asyncio.wait((working,))
            with suppress(BackupError):
                working.result()
            raise
        try:
            return working.result()
        except BackupError as error:
            return str(error)


def _called(outcome: Released | GivenUp | None) -> str:
    match outcome:
        case Released():
            return "released"
        case GivenUp():
            return "given_up"
        case None:
            return "abandoned"
