"""Implements the console's port in the supervisor's process.

Enters: a person and what they want. Leaves: it done, or a refusal. `_taking` is the one place where an action
is authorised, logged and counted; what changes anything is in the ledger, with the person, before it happens:
where the ledger cannot take it, nothing happens. Deliberately absent: how people ask, and who they are.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.ledger.granting import asker, granters, objection, stands
from proxy.app.operating.book import Book
from proxy.app.operating.explaining import Explainer
from proxy.app.operating.roll import QUIET
from proxy.app.policies import Attempt
from proxy.app.workers.messages import SessionLine, SessionsListed
from proxy.console.operations import (
    ApprovalNow,
    ApproverNow,
    CannotBeDone,
    Explained,
    NotThere,
    PolicyLoaded,
    Question,
    SessionNow,
    SessionsNow,
    SignedGrant,
    TooOften,
)
from proxy.console.people import Action, NotAllowed, Person, authorise
from proxy.console.values import FreezeNow
from proxy.policy.rules import Policy
from proxy.records import FreezeRecord, Ledger
from proxy.records.kinds.approval import (
    ApprovalEnded,
    ApprovalGranted,
    Approvals,
    Request,
    grant_message,
    has_parameters,
)
from proxy.records.kinds.backup import CLOCK_SKEW
from proxy.records.kinds.kind import Payload
from proxy.records.kinds.operated import Operated
from proxy.session import Attempts

OUTCOMES: Final = ("done", "failed", "not_allowed")
MOST_A_MINUTE: Final = 120
"""So much may one person do in a minute: more than people do, less than a program could."""
_UNCOUNTED: Final = (Action.VIEW, Action.FREEZE)  # nothing stands in the way of an emergency


@dataclass(frozen=True, slots=True)
class GateHands:
    """What is done with the gate.

    Attributes:
        sessions: who is connected to each worker, to be asked with the id of one session, or "", and a moment
            in POSIX seconds since which; None for all.
        end_session: ends one, by its worker's number, its id, and what its client is told.
        reload: does what SIGHUP does; returns when the policies are loaded.
        attempts: what came of loading each policy the last time.
        policies: those in force, by path; the mapping changes as they do.
        changed: told after each action: what was read of the ledger before is old.
    """

    sessions: Callable[[str, float | None], Awaitable[Mapping[int, SessionsListed | None]]]
    end_session: Callable[[int, str, str], Awaitable[bool | None]]
    reload: Callable[[], Awaitable[None]]
    attempts: Callable[[], Mapping[str, Attempt]]
    policies: Mapping[str, Policy]
    changed: Callable[[], None]


class Operating:
    """The port.

    Attributes:
        counts: how often each action came to what, by (action, outcome).
    """

    def __init__(self, hands: GateHands, book: Book, explainer: Explainer, log: BoundLogger) -> None:
        """Operate this gate."""
        self._hands = hands
        self._book = book
        self._explainer = explainer
        self._log = log
        self._paces = Attempts(MOST_A_MINUTE)
        self.counts: Counter[tuple[str, ...]] = Counter(
            {(action.value, outcome): 0 for action in Action for outcome in OUTCOMES}
        )

    @contextmanager
    def _taking(self, action: Action, person: Person, **details: object) -> Iterator[None]:
        """Authorise what the block does, and tell what came of it.

        Raises: NotAllowed, TooOften.
        """
        looks = action in (Action.VIEW, Action.EXPLAIN)
        say = self._log.debug if looks else self._log.warning
        who = {"person": str(person), "role": person.role.word}
        try:
            authorise(person, action)
            self._pace(action, person)
            try:
                yield
            finally:
                if not looks:
                    self._hands.changed()  # even where it failed: a ledger that timed out may have it
        except NotAllowed as error:
            self.counts[action.value, "not_allowed"] += 1
            self._log.warning("the console refuses an action", action=action.value, **who, reason=str(error))
            raise
        except CannotBeDone as error:
            self.counts[action.value, "failed"] += 1
            self._log.warning(
                "an action at the console failed", action=action.value, **who, reason=str(error)
            )
            raise
        except Exception:
            self.counts[action.value, "failed"] += 1
            raise
        self.counts[action.value, "done"] += 1
        say("an action at the console", action=action.value, **who, **details)

    def _pace(self, action: Action, person: Person) -> None:
        """Count what somebody does.

        Raises: TooOften.
        """
        if action in _UNCOUNTED:
            return
        who, now = (person.way, person.name), time.monotonic()
        wait_s = self._paces.wait_s(who, now)
        if wait_s > 0:
            raise TooOften(MOST_A_MINUTE, wait_s)
        self._paces.failed(who, now)

    async def close(self) -> None:
        """Let go of what was started for explanations."""
        await self._explainer.close()

    # -- freezes -------------------------------------------------------------------------------------------

    async def freeze(
        self,
        person: Person,
        *,
        reason: str = "",
        until: datetime | None = None,
        database: str | None = None,
        kill: bool = False,
    ) -> FreezeNow:
        """Refuse writes from now on, at every gate of the ledger."""
        with self._taking(Action.FREEZE, person, database=database, reason=reason, kill=kill):
            return _freeze_now(
                await self._book.use(
                    lambda ledger: ledger.freeze(
                        str(person), reason, until=until, database=database, kill=kill
                    )
                )
            )

    async def thaw(self, person: Person, *, database: str | None = None) -> tuple[FreezeNow, ...]:
        """End the freezes that stand, or those of one database alone."""
        with self._taking(Action.THAW, person, database=database):
            ended = await self._book.use(lambda ledger: ledger.thaw(str(person), database=database))
            return tuple(map(_freeze_now, ended))

    # -- the gate ------------------------------------------------------------------------------------------

    async def reload(self, person: Person) -> tuple[PolicyLoaded, ...]:
        """Do what SIGHUP does."""
        with self._taking(Action.RELOAD, person):
            await self._write_down(Action.RELOAD, person)
            await self._hands.reload()
            return tuple(
                PolicyLoaded(path, policy.name, policy.digest, self._hands.attempts()[path].problem)
                for path, policy in self._hands.policies.items()
            )

    async def sessions(self, person: Person, *, after: datetime | None = None) -> SessionsNow:
        """Who is connected."""
        since = None if after is None else after.timestamp()
        with self._taking(Action.VIEW, person):
            answers = await self._hands.sessions("", since)
            listed = {number: answer for number, answer in answers.items() if answer is not None}
            lines = [(number, line) for number, answer in listed.items() for line in answer.sessions]
            lines.sort(key=lambda each: (after is None and each[1].state in QUIET, each[1].since))
            return SessionsNow(
                tuple(_session_now(number, line) for number, line in lines),
                sum(answer.left_out for answer in listed.values()),
                tuple(number for number in answers if number not in listed),
            )

    async def end_session(self, person: Person, session: str, *, reason: str = "") -> None:
        """End one session."""
        with self._taking(Action.END_SESSION, person, session=session[:40], reason=reason):
            number, line = await self._find(session)
            target = f"{line.role} on {line.database} from {line.address or 'a Unix socket'}"
            await self._write_down(Action.END_SESSION, person, target=target, reason=reason, about=session)
            because = f": {reason}" if reason else ""
            found = await self._hands.end_session(number, session, f"Ended by {person.name}{because}.")
            if not found:
                told = "it is over already" if found is False else "its worker does not answer"
                raise CannotBeDone(
                    f"the session {session} was not ended: {told}.", "List the sessions again."
                )

    async def _find(self, session: str) -> tuple[int, SessionLine]:
        answers = await self._hands.sessions(session, None) if session else {}
        for number, answer in answers.items():
            for line in () if answer is None else answer.sessions:
                return number, line
        raise NotThere(f"there is no session {session[:40]!r}.", "List the sessions again: it may be over.")

    async def _write_down(
        self, action: Action, person: Person, *, target: str = "", reason: str = "", about: str = ""
    ) -> None:
        done = Operated(
            action=action.value,
            role=person.role.word,
            gate=socket.gethostname(),
            target="".join(letter if letter.isprintable() else "?" for letter in target),
            reason=reason,
        )
        await self._book.use(lambda ledger: ledger.record(done, str(person), about=about))

    # -- approvals -----------------------------------------------------------------------------------------

    async def approvals(self, person: Person) -> tuple[ApprovalNow, ...]:
        """Requests that somebody could still grant, the newest first."""

        def read(ledger: Ledger) -> tuple[ApprovalNow, ...]:
            known, now = ledger.approvals(), datetime.now(UTC)
            return tuple(
                _approval_now(known, found)
                for found in reversed(known.requests.values())
                if stands(found, now)
            )

        with self._taking(Action.VIEW, person):
            return await self._book.use(read)

    async def approvers(self, person: Person) -> tuple[ApproverNow, ...]:
        """Whose signatures count."""

        def read(ledger: Ledger) -> tuple[ApproverNow, ...]:
            standing = ledger.approvals().approvers.standing
            return tuple(
                ApproverNow(key, each.name, each.grants, each.since) for key, each in standing.items()
            )

        with self._taking(Action.VIEW, person):
            return await self._book.use(read)

    async def grant(self, person: Person, request: str, signed: SignedGrant) -> ApprovalNow:
        """Let it run, by the signature of an enrolled key."""

        def write(ledger: Ledger) -> ApprovalNow:
            known = ledger.approvals()
            granted = _granted(known, _request(known, request), signed)
            ledger.record(granted, str(person), about=request)
            known = ledger.approvals()
            return _approval_now(known, _request(known, request))

        with self._taking(Action.GRANT, person, request=request[:40], key=signed.key[:40]):
            return await self._book.use(write)

    async def deny(self, person: Person, request: str, *, reason: str = "") -> None:
        """Say no: the request is over."""

        def write(ledger: Ledger) -> None:
            found = _request(ledger.approvals(), request)
            if found.ended is not None:
                raise CannotBeDone(f"the request {request} was {found.ended[0].how} already.")
            ended: Payload = ApprovalEnded(how="denied", reason=reason)
            ledger.record(ended, str(person), about=request)

        with self._taking(Action.DENY, person, request=request[:40], reason=reason):
            await self._book.use(write)

    async def explain(self, person: Person, question: Question) -> Explained:
        """What a policy in force says of a text."""
        with self._taking(Action.EXPLAIN, person):
            return await self._explainer.explain(question)


def _freeze_now(record: FreezeRecord) -> FreezeNow:
    return FreezeNow(
        record.reason,
        record.recorded_by,
        record.recorded_at,
        record.until,
        record.database,
        record.sequence,
        record.kill,
    )


def _session_now(worker: int, line: SessionLine) -> SessionNow:
    return SessionNow(
        line.id,
        worker,
        line.listener,
        line.address,
        line.role,
        line.database,
        line.application,
        line.state,
        datetime.fromtimestamp(line.since, UTC),
        line.transaction,
        line.statement,
    )


def _request(known: Approvals, name: str) -> Request:
    if name not in known.requests:
        raise NotThere(f"there is no request {name[:40]!r}.", "List the approvals again.")
    return known.requests[name]


def _granted(known: Approvals, found: Request, signed: SignedGrant) -> ApprovalGranted:
    """The entry of a grant that counts.

    Raises: CannotBeDone, where it would not.
    """
    now = datetime.now(UTC)
    problem = objection(known, found, signed.key, now)
    if problem:
        raise CannotBeDone(f"not granted: {problem}.")
    if signed.at.tzinfo is None or abs(signed.at - now) > CLOCK_SKEW:
        raise CannotBeDone("not granted: it was not signed just now.", "Set the clock, and sign it again.")
    if found.asked.masked:
        raise CannotBeDone(
            "not granted: the request shows its text with secrets masked: nobody signs what they cannot see.",
            f"Grant it where the text is: pgwarden approve grant {found.asked.id} --sql FILE.",
        )
    if sha256(found.asked.statement.encode(errors="replace")).hexdigest() != found.asked.digest:
        raise CannotBeDone(
            "not granted: the request shows another text than it asks for.",
            "Deny it, and find out who asked.",
        )
    message = grant_message(known.approvers.root, found.digest, signed.at)
    if not known.approvers.verifies(signed.key, signed.signature, message):
        raise CannotBeDone("not granted: the signature does not hold.", "Sign it again with your own key.")
    return ApprovalGranted(request=found.digest, at=signed.at, key=signed.key, signature=signed.signature)


def _approval_now(known: Approvals, found: Request) -> ApprovalNow:
    asked = found.asked
    return ApprovalNow(
        id=asked.id,
        statement=asked.statement,
        digest=asked.digest,
        masked=asked.masked,
        any_values=has_parameters(asked.statement),
        environment=asked.environment,
        rules=asked.rules,
        roles=asked.roles,
        database=asked.database,
        networks=asked.networks,
        since=asked.since,
        until=asked.until,
        left=found.left,
        break_glass=asked.break_glass,
        held=asked.held,
        reason=asked.reason,
        asked_at=found.entry.moment,
        asked_by=asker(known, found),
        granted_by=tuple(granters(known, found)),
        one_more_needed=known.nobody_asked(found),
        request=found.digest,
        ledger=known.approvers.root,
    )
