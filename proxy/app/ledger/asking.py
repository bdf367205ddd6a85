"""What the gate tells people of texts that they may approve, and how it hears what they say.

Enters: refused texts; statements that are held for an approval. Leaves: entries of the ledger, written by a
thread; for a held statement whether it was granted, in bounded time. Deliberately absent: whose grant counts
(records), and using an approval up (changes.py).
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.audit import shown_sql
from proxy.app.ledger.changes import sound
from proxy.policy.conditions.approvals import ends, people
from proxy.policy.decision import ApprovalWanted
from proxy.policy.durations import describe_duration
from proxy.policy.facts import Facts
from proxy.records import Draft, Entry, Ledger, LedgerError
from proxy.records.kinds.approval import (
    ApprovalAsked,
    ApprovalEnded,
    TextRefused,
)
from proxy.relay import Told
from proxy.session import GivenUp, Hold, Lifted, RefusedText, Released

MOST_WAITING: Final = 1000
ID_BYTES: Final = 6
_TOLD_CHARS: Final = 1000
_STOP_S: Final = 5.0
# What a person granted is found within a second; then the statement needs a moment to go on.
_GRACE: Final = timedelta(seconds=30)


def request_id() -> str:
    """The id of a request: 48 random bits."""
    return secrets.token_hex(ID_BYTES)


class Writer:
    """Appends to the ledger, by a thread; whoever waits for that gives up after a time."""

    def __init__(self, ledger: Ledger, by: str, timeout_s: float, log: BoundLogger) -> None:
        """Start the thread.

        Args:
            ledger: where to.
            by: who records.
            timeout_s: how long anybody waits.
            log: told of what could not be written.
        """
        self._ledger = ledger
        self._by = by
        self._timeout_s = timeout_s
        self._log = log
        self._jobs: queue.Queue[Callable[[], object] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write_on, name="approvals", daemon=True)
        self._thread.start()

    def soon(self, make: Callable[[Ledger, str], Draft]) -> None:
        """Append this behind; dropped where too much waits already."""
        with suppress(queue.Full):
            self._jobs.put_nowait(lambda: self._append(make))

    async def now(self, make: Callable[[Ledger, str], Draft]) -> Entry | None:
        """Append this; None where it is not durable in time."""
        loop = asyncio.get_running_loop()
        waits: asyncio.Future[Entry | None] = loop.create_future()

        def tell(entry: Entry | None) -> None:
            if not waits.done():
                waits.set_result(entry)

        def work() -> None:
            entry = self._append(make)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, entry)

        try:
            self._jobs.put_nowait(work)
            async with asyncio.timeout(self._timeout_s):
                return await waits
        except (queue.Full, TimeoutError):
            return None

    def close(self) -> None:
        """Write what waits, then stop."""
        with suppress(queue.Full):
            self._jobs.put(None, timeout=_STOP_S)
            self._thread.join(_STOP_S)

    def _write_on(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _append(self, make: Callable[[Ledger, str], Draft]) -> Entry | None:
        try:
            (entry,) = self._ledger.append([make(self._ledger, self._by)])
        except LedgerError as error:
            self._log.error("what people may approve cannot be written down", reason=str(error))
        except Exception as error:  # one text that cannot be written must not end the thread
            self._log.error("what people may approve cannot be written down", reason=type(error).__name__)
        else:
            return entry
        return None


def keep(writer: Writer, refused: RefusedText) -> None:
    """Keep a refused text, so that people can ask for it by its decision's id."""

    def draft(ledger: Ledger, by: str) -> Draft:
        shown = shown_sql(refused.text, False, unreadable=False)
        origin = refused.origin
        kept = TextRefused(
            statement=shown,
            digest=refused.digest if shown == refused.text else "",
            environment=refused.environment,
            rules=refused.rules,
            effects=refused.effects,
            targets=tuple(map(sound, refused.targets)),
            role=sound(origin.role),
            database=sound(origin.database),
            client_address=origin.client_address,
            application=sound(origin.application),
            policy=origin.policy_digest,
        )
        return ledger.draft(kept, by, about=refused.decision_id)

    writer.soon(draft)


def tell_lifted(log: BoundLogger, event: Lifted) -> None:
    """Tell the gate's log that a statement passes because it was approved; loudly where the glass broke."""
    broken = any(lift.break_glass for lift in event.lifts)
    say = log.critical if broken else log.warning
    say(
        "the glass was broken: a statement passes" if broken else "an approved statement passes",
        approvals=", ".join(dict.fromkeys(lift.approval for lift in event.lifts)),
        rules=", ".join(dict.fromkeys(lift.rule for lift in event.lifts)),
        role=event.origin.role,
        database=event.origin.database,
        client_address=event.origin.client_address,
        effects=", ".join(event.effects),
        targets=", ".join(event.targets),
        sql=None if event.text is None else shown_sql(event.text, False, unreadable=False, limit=_TOLD_CHARS),
    )


class Asker:
    """Asks for approvals of statements that are held."""

    def __init__(self, writer: Writer, facts: Callable[[], Facts]) -> None:
        """Ask by this writer, and hear by the facts in force."""
        self._writer = writer
        self._facts = facts
        self._changed = asyncio.Event()

    def facts_changed(self) -> None:
        """Other facts are in force."""
        self._changed.set()

    async def __call__(self, hold: Hold, tell: Told) -> Released | GivenUp:
        """Ask for a held statement; return when it is granted, or will not be."""
        wanted, refused = hold.wanted, hold.text
        if not isinstance(wanted, ApprovalWanted) or refused is None:
            return GivenUp("nobody can be asked for it")
        asked = _request(refused, wanted, datetime.now(UTC))
        if asked is None:
            return GivenUp("it holds a secret, and nobody can approve what they cannot read")
        entry = await self._writer.now(lambda ledger, by: ledger.draft(asked, by, about=asked.id))
        if entry is None:
            return GivenUp("the ledger could not take the request")
        how = "withdrawn"
        try:
            tell(
                f"this waits for an approval by {people(wanted.by)}, "
                f"for at most {describe_duration(wanted.at_most)}",
                f"Whoever may grant it: pgwarden approve grant {asked.id}",
            )
            async with asyncio.timeout(wanted.at_most.total_seconds()):
                outcome = await self._said(asked.id, wanted)
            how = "" if isinstance(outcome, Released) else "denied"
        except TimeoutError:
            waited = describe_duration(wanted.at_most)
            return GivenUp(f"nobody has granted the request {asked.id} within {waited}")
        else:
            return outcome
        finally:
            if how == "withdrawn":
                ended = ApprovalEnded(how=how, reason="the statement waits no more")
                self._writer.soon(lambda ledger, by: ledger.draft(ended, by, about=asked.id))

    async def _said(self, request: str, wanted: ApprovalWanted) -> Released | GivenUp:
        while True:
            self._changed.clear()
            facts = self._facts()
            denied = next((each for each in facts.denied if each.id == request), None)
            if denied is not None:
                why = f": {denied.reason}" if denied.reason else ""
                return GivenUp(f"{denied.by} has denied the request {request}{why}")
            if any(a.id == request and ends(a, wanted.by, None) for a in facts.approvals):
                return Released(f"the approval {request} does not suffice")
            await self._changed.wait()


def _request(refused: RefusedText, wanted: ApprovalWanted, now: datetime) -> ApprovalAsked | None:
    shown = shown_sql(refused.text, False, unreadable=False)
    if shown != refused.text or sha256(shown.encode()).hexdigest() != refused.digest:
        return None
    origin = refused.origin
    return ApprovalAsked(
        id=request_id(),
        digest=refused.digest,
        environment=refused.environment,
        roles=(sound(origin.role),),
        rules=refused.rules,
        since=now,
        until=now + wanted.at_most + _GRACE,
        statement=shown,
        database=sound(origin.database),
        held=True,
    )
