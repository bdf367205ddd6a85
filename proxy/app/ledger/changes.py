"""Changes written down before they run: many sessions, one commit.

Enters: changes that sessions hold, on the event loop. Leaves: whether each is durable, in bounded time. A
thread takes all that wait, has the ledger append them in one transaction, and tells each session.
Deliberately absent: which statements have to be recorded (policy/recording.py), and how they ended.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.audit import shown_sql
from proxy.records import ChangeBegun, Draft, Entry, Ledger, LedgerError
from proxy.session import Change, Recorded, Unrecorded

MOST_AT_ONCE: Final = 100
MOST_WAITING: Final = 1000
_STOP_S: Final = 5.0


@dataclass(slots=True)
class _Job:
    """One change, and who waits for it; the session gives up once its time is over."""

    change: Change
    waits: asyncio.Future[Recorded | Unrecorded]
    loop: asyncio.AbstractEventLoop
    given_up: bool = False

    def answer(self, outcome: Recorded | Unrecorded) -> None:
        """Tell the session, from the thread."""
        try:
            self.loop.call_soon_threadsafe(self._tell, outcome)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _tell(self, outcome: Recorded | Unrecorded) -> None:
        if not self.waits.done():
            self.waits.set_result(outcome)


class ChangeKeeper:
    """Records the changes of all sessions."""

    def __init__(self, ledger: Ledger, by: str, timeout_s: float, log: BoundLogger) -> None:
        """Start the thread.

        Args:
            ledger: used by the thread alone from here on.
            by: who records.
            timeout_s: how long a session may be held up.
            log: told when the ledger cannot be written and can again.
        """
        self._ledger = ledger
        self._by = by
        self._timeout_s = timeout_s
        self._log = log
        self._trouble = ""
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write_on, name="changes", daemon=True)
        self._thread.start()

    async def record(self, change: Change) -> Recorded | Unrecorded:
        """Return once the change is durable, or why it is not."""
        loop = asyncio.get_running_loop()
        job = _Job(change, loop.create_future(), loop)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return Unrecorded(f"{MOST_WAITING} other changes wait for the ledger")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await job.waits
        except TimeoutError:
            return Unrecorded(f"the ledger did not take it within {self._timeout_s:g} s")
        finally:
            job.given_up = True

    def close(self) -> None:
        """Write what waits, then stop; whoever waits longer is told nothing."""
        try:
            self._jobs.put(None, timeout=_STOP_S)
        except queue.Full:
            return
        self._thread.join(_STOP_S)

    # -- the thread ----------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            while len(jobs) < MOST_AT_ONCE and not self._jobs.empty():
                another = self._jobs.get()
                if another is None:
                    self._write(jobs)
                    return
                jobs.append(another)
            self._write(jobs)

    def _write(self, jobs: list[_Job]) -> None:
        drafts: list[tuple[_Job, Draft]] = []
        for job in jobs:
            if job.given_up:
                continue  # its statement is refused already
            try:
                drafts.append((job, self._draft(job.change)))
            except Exception as error:  # one text that cannot be written down must not cost the others theirs
                job.answer(Unrecorded(f"it cannot be written down ({type(error).__name__})"))
        if not drafts:
            return
        try:
            entries = self._ledger.append([draft for _, draft in drafts])
        except LedgerError as error:
            self._failed(str(error))
            entries = []
        except Exception as error:  # whatever it is: nothing is durable, so nothing goes on
            self._failed(f"the ledger cannot be written ({type(error).__name__})")
            entries = []
        else:
            self._worked()
        for number, (job, _) in enumerate(drafts):
            job.answer(self._outcome(entries[number] if entries else None))

    def _outcome(self, entry: Entry | None) -> Recorded | Unrecorded:
        if entry is not None:
            return Recorded(entry.sequence)
        return Unrecorded(self._trouble or "the ledger did not take it")

    def _draft(self, change: Change) -> Draft:
        statement = (
            None if change.text is None else shown_sql(change.text, change.unreadable, unreadable=False)
        )
        origin = change.origin
        begun = ChangeBegun(
            statement=None if statement is None else _sound(statement),
            effects=change.effects,
            targets=tuple(map(_sound, change.targets)),
            risk=change.risk,
            role=_sound(origin.role),
            database=_sound(origin.database),
            client_address=origin.client_address,
            application=_sound(origin.application),
            listener=origin.listener,
            transaction=origin.transaction,
            policy=origin.policy_digest,
        )
        # Not of the text as it was sent: from that a masked password could be guessed.
        about = "" if begun.statement is None else sha256(begun.statement.encode()).hexdigest()
        return self._ledger.draft(begun, self._by, about=about)

    def _failed(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._log.error("changes cannot be recorded, so they are refused", reason=trouble)
        self._trouble = trouble

    def _worked(self) -> None:
        if self._trouble:
            self._log.info("changes are recorded again", ledger=self._ledger.place)
        self._trouble = ""


def _sound(text: str) -> str:
    """A text without lone surrogates, which JSON cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode()
