"""Changes written down before they run, and what became of them behind: many sessions, one commit.

Enters: changes that sessions hold, and how they ended, on the event loop. Leaves: whether each change is
durable, in bounded time. A thread takes all that wait, in order, has the ledger append them in one
transaction, and tells each session. How a change ended is kept until the ledger has it.
Deliberately absent: which statements have to be recorded (policy/recording.py), and following them
(session/outcomes.py).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.audit import shown_sql
from proxy.policy.recording import Ending
from proxy.records import ChangeBegun, ChangeEnded, Draft, Entry, Ledger, LedgerError
from proxy.records.kinds.approval import ApprovalUsed, use_limits
from proxy.records.kinds.change import Part
from proxy.session import Change, Concluded, LongText, Recorded, Unrecorded, Use

MOST_AT_ONCE: Final = 100
MOST_WAITING: Final = 1000
AGAIN_S: Final = 1.0
"""After so long what could not be written is tried again, when nothing else has come."""

_STOP_S: Final = 5.0


@dataclass(slots=True)
class _Job:
    """One change, and who waits for it; the session gives up once its time is over.

    Attributes:
        unheard: is told of a change that was recorded too late: it does not run.
    """

    change: Change
    waits: asyncio.Future[Recorded | Unrecorded]
    loop: asyncio.AbstractEventLoop
    unheard: Callable[[Concluded], None]
    given_up: bool = False

    def answer(self, outcome: Recorded | Unrecorded) -> None:
        """Tell the session, from the thread."""
        try:
            self.loop.call_soon_threadsafe(self.tell, outcome)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def tell(self, outcome: Recorded | Unrecorded) -> None:
        """Tell the session, if it still waits."""
        if not self.waits.done():
            self.waits.set_result(outcome)
        elif isinstance(outcome, Recorded):
            self.unheard(Concluded(outcome.number, Ending.NOT_RUN))


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
        self._jobs: queue.SimpleQueue[_Job | Concluded | None] = queue.SimpleQueue()
        self._late: list[Concluded] = []  # what the ledger has not taken yet
        self._thread = threading.Thread(target=self._write_on, name="changes", daemon=True)
        self._thread.start()

    async def record(self, change: Change) -> Recorded | Unrecorded:
        """Return once the change is durable, or why it is not."""
        loop = asyncio.get_running_loop()
        job = _Job(change, loop.create_future(), loop, self.conclude)
        if self._jobs.qsize() >= MOST_WAITING:
            return Unrecorded(f"{MOST_WAITING} other changes wait for the ledger")
        self._jobs.put(job)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await job.waits
        except TimeoutError:
            return Unrecorded(f"the ledger did not take it within {self._timeout_s:g} s")
        except asyncio.CancelledError:
            if job.waits.done() and not job.waits.cancelled():
                job.tell(job.waits.result())
            raise
        finally:
            job.given_up = True

    def conclude(self, event: Concluded) -> None:
        """Write down what became of a change, behind; returns at once.

        There are no more of these than changes that the ledger has taken, so they need no bound.
        """
        self._jobs.put(event)

    def close(self) -> None:
        """Write what waits, then stop; whoever waits longer is told nothing."""
        self._jobs.put(None)
        self._thread.join(_STOP_S)

    # -- the thread ----------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        stopping = False
        while not stopping:
            jobs, stopping = self._waiting()
            self._write(jobs)
        self._write([])  # what was found out meanwhile
        if self._late:
            self._log.error(
                "the ledger was not told how changes ended",
                changes=[event.number for event in self._late],
                reason=self._trouble,
            )

    def _waiting(self) -> tuple[list[_Job], bool]:
        """The changes that wait, once there is anything to do, and whether to stop behind them."""
        jobs: list[_Job] = []
        taken = 0
        timeout_s = AGAIN_S if self._late else None
        while taken < MOST_AT_ONCE:
            try:
                job = self._jobs.get(timeout=timeout_s) if taken == 0 else self._jobs.get_nowait()
            except queue.Empty:
                break
            match job:
                case None:
                    return jobs, True
                case Concluded():
                    self._late.append(job)
                case _:
                    jobs.append(job)
            taken += 1
        return jobs, False

    def _write(self, jobs: list[_Job]) -> None:
        drafts: list[tuple[_Job, Draft]] = []
        for job in jobs:
            if job.given_up:
                continue  # its statement is refused already
            try:
                drafts.append((job, self._draft(job.change)))
            except Exception as error:  # one text that cannot be written down must not cost the others theirs
                job.answer(Unrecorded(f"it cannot be written down ({type(error).__name__})"))
        drafts = self._take_uses(drafts)
        endings = self._endings()
        if not (drafts or endings):
            return
        try:
            entries = self._ledger.append([*endings, *(draft for _, draft in drafts)])[len(endings) :]
        except LedgerError as error:
            self._failed(str(error))
            entries = []
        except Exception as error:  # whatever it is: nothing is durable, so nothing goes on
            self._failed(f"the ledger cannot be written ({type(error).__name__})")
            entries = []
        else:
            self._worked()
            self._late = []
        for number, (job, _) in enumerate(drafts):
            entry = entries[number] if entries else None
            if entry is not None and job.given_up:
                self._late.append(Concluded(entry.sequence, Ending.NOT_RUN))
            else:
                job.answer(self._outcome(entry))

    def _endings(self) -> list[Draft]:
        """What the ledger has not been told of how changes ended."""
        drafts, known = [], []
        for event in self._late:
            try:
                drafts.append(self._ending(event))
            except Exception as error:
                self._log.error(
                    "how a change ended cannot be written down",
                    change=event.number,
                    error=type(error).__name__,
                )
            else:
                known.append(event)
        self._late = known
        return drafts

    def _ending(self, event: Concluded) -> Draft:
        ended = ChangeEnded(
            ending=str(event.ending),
            tags=tuple(map(sound, event.tags)),
            rows=event.rows,
            sqlstate=sound(event.sqlstate),
            duration_ms=None if event.duration_s is None else round(event.duration_s * 1000),
            kept_as=sound(event.kept_as),
            kept_with=event.kept_with,
        )
        return self._ledger.draft(ended, self._by, about=str(event.number))

    def _take_uses(self, drafts: list[tuple[_Job, Draft]]) -> list[tuple[_Job, Draft]]:
        """Take a use of every approval that a change rests on; the changes that go on.

        A use is durable before anything else is written, and stays taken whatever comes of the statement.
        """
        uses = [(job, use, self._use(use, job.change)) for job, _ in drafts for use in job.change.uses]
        if not uses:
            return drafts
        try:
            entries: list[Entry | None] = self._ledger.append([draft for _, _, draft in uses])
        except Exception as error:  # whatever it is: nothing is durable, so nothing goes on
            known = isinstance(error, LedgerError)
            self._failed(str(error) if known else f"the ledger cannot be written ({type(error).__name__})")
            for job in {id(job): job for job, _, _ in uses}.values():
                job.answer(Unrecorded(self._trouble))
            return [(job, draft) for job, draft in drafts if not job.change.uses]
        refused = {}
        for (job, use, _), entry in zip(uses, entries, strict=True):
            if entry is None:
                refused[id(job)] = use.approval
                job.answer(Unrecorded("its approval was used up", spent=use.approval))
        return [(job, draft) for job, draft in drafts if id(job) not in refused]

    def _use(self, use: Use, change: Change) -> Draft:
        origin = change.origin
        used = ApprovalUsed(
            rules=use.rules,
            break_glass=use.break_glass,
            role=sound(origin.role),
            database=sound(origin.database),
            client_address=origin.client_address,
            application=sound(origin.application),
            listener=origin.listener,
        )
        return self._ledger.draft(used, self._by, about=use.approval, limits=use_limits(use.most))

    def _outcome(self, entry: Entry | None) -> Recorded | Unrecorded:
        if entry is not None:
            return Recorded(entry.sequence)
        return Unrecorded(self._trouble or "the ledger did not take it")

    def _draft(self, change: Change) -> Draft:
        statement = (
            None if change.text is None else shown_sql(change.text, change.unreadable, unreadable=False)
        )
        # Not of a text in which something is masked: from its checksum that could be guessed.
        plain = statement is not None and (isinstance(change.text, LongText) or statement == change.text)
        origin = change.origin
        begun = ChangeBegun(
            statement=None if statement is None else sound(statement),
            effects=change.effects,
            targets=tuple(map(sound, change.targets)),
            risk=change.risk,
            role=sound(origin.role),
            database=sound(origin.database),
            client_address=origin.client_address,
            application=sound(origin.application),
            listener=origin.listener,
            transaction=origin.transaction,
            policy=origin.policy_digest,
            environment=origin.environment,
            checksum=change.wording.checksum if plain else "",
            statements=change.wording.statements if plain else (),
            run=origin.run,
            parts=tuple(
                Part(effect=effect, on=sound(on), detail=sound(detail)) for effect, on, detail in change.parts
            ),
            migration=_proof(change, "migration"),
            backup=_proof(change, "backup"),
            approval=_proof(change, "approval"),
            staging=_proof(change, "staging"),
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


def _proof(change: Change, kind: str) -> str:
    """The evidence of one kind by which a change passed."""
    return sound(", ".join(proof.reference for proof in change.proofs if proof.kind == kind))


def sound(text: str) -> str:
    """A text without lone surrogates, which JSON cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode()
