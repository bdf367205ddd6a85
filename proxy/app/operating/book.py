"""The ledger, for the supervisor's event loop: each use of it in a thread, in bounded time.

Enters: what is to be done with the ledger. Leaves: its answer, or CannotBeDone. What was given up before it
began never begins; of what had begun nobody can say whether it happened, and that is what people are told.
Deliberately absent: who may do what.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Generic, TypeVar

from proxy.app.ledger.address import LedgerPlace
from proxy.console.operations import CannotBeDone, Unavailable
from proxy.records import Ledger, LedgerError, open_ledger

_MOST_WAITING: Final = 16
_LOOK: Final = "See to the ledger: pgwarden doctor says what is wrong."
_GRACE_S: Final = 1.0
"""A store gives up by itself after its own time; only a disk that hangs takes longer."""

T = TypeVar("T")


class _Job(Generic[T]):
    """One use: begun, or given up, whichever comes first."""

    def __init__(self, work: Callable[[Ledger], T]) -> None:
        self.work = work
        self._decided = threading.Lock()
        self.answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def begin(self) -> bool:
        """Whether it may begin; nobody gives it up from then on."""
        return self._decided.acquire(blocking=False)

    give_up = begin

    def succeed(self, answer: T) -> None:
        """Tell whoever still waits."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Tell whoever still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Book:
    """The ledger as the console uses it."""

    def __init__(self, place: LedgerPlace, timeout_s: float) -> None:
        """Open it at the first use, by a connection of its own."""
        self._place = place
        self._timeout_s = timeout_s
        self._ledger: Ledger | None = None
        self._using = threading.Lock()
        self._waiting = 0

    async def use(self, work: Callable[[Ledger], T]) -> T:
        """Do this with the ledger.

        Raises: CannotBeDone.
        """
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("the ledger is too busy: nothing was done.", "Try again in a moment.")
        loop, job = asyncio.get_running_loop(), _Job(work)
        self._waiting += 1
        threading.Thread(target=self._run, args=(loop, job), name="operating", daemon=True).start()
        try:
            async with asyncio.timeout(self._timeout_s + _GRACE_S):
                return await job.answer
        except TimeoutError:
            if job.give_up():
                raise Unavailable("the ledger does not answer: nothing was done.", _LOOK) from None
            raise Unavailable(
                "the ledger does not answer: it is not known whether this was recorded.",
                "See whether it was before you try again: pgwarden ledger show.",
            ) from None
        except LedgerError as error:
            raise CannotBeDone(f"the ledger refuses this, and nothing was done: {error}.", "") from error
        finally:
            self._waiting -= 1

    def _run(self, loop: asyncio.AbstractEventLoop, job: _Job[T]) -> None:
        with self._using:
            if not job.begin():
                return
            try:
                if self._ledger is None:
                    self._ledger = open_ledger(self._place, create=False, wait_s=self._timeout_s)
                tell = partial(job.succeed, job.work(self._ledger))
            except Exception as error:  # whoever asked is told, whatever it is
                tell = partial(job.fail, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell)
