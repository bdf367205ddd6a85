"""What the policies in force say of a text that somebody has pasted.

Enters: a question. Leaves: `Explained`. The text is read by a child process, as long statements are, for it
may be anything and the supervisor must outlive it. Deliberately absent: what databases hold; as in `pgwarden
explain` without --catalogue names are taken as the text has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.offline.explaining import Judged, effect_line, judged
from proxy.app.offline.judging import meaning_of
from proxy.app.operating.book import Book
from proxy.app.reading.form import Bounds
from proxy.app.reading.readers import Readers
from proxy.console.operations import CannotBeDone, Explained, ExplainedLine, Question, Told
from proxy.policy.context import Context
from proxy.policy.decision import ApprovalWanted
from proxy.policy.explain import Branch
from proxy.policy.rules import Policy
from proxy.session.meaning import Meaning
from proxy.sql.screen import Screened

MOST_SQL_BYTES: Final = 64 * 1024


class Explainer:
    """Answers questions."""

    def __init__(self, policies: Mapping[str, Policy], book: Book, bounds: Bounds, log: BoundLogger) -> None:
        """Nothing is started before the first question; reading a text keeps these bounds."""
        self._policies = policies
        self._book = book
        self._readers = Readers(bounds, 1, log)
        self._running: asyncio.Task[None] | None = None

    async def explain(self, question: Question) -> Explained:
        """Answer.

        Raises: CannotBeDone.
        """
        policy = self._policy(question.policy)
        meaning = await self._read(question.sql)
        now = datetime.now(UTC)
        moment = now if question.at is None else question.at
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=policy.zone)
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            raise CannotBeDone("the moment is none that a calendar has in UTC.") from None
        context = Context(
            role=question.role,
            database=question.database,
            client_address=None,
            application=None,
            now=moment,
            transaction="none",
        )
        facts = await self._book.use(lambda ledger: ledger.facts(now))
        return _shown(meaning, judged(meaning, policy, context, facts))

    async def close(self) -> None:
        """End the child that reads."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _policy(self, path: str) -> Policy:
        if not path:
            return next(iter(self._policies.values()))
        if path not in self._policies:
            known = ", ".join(self._policies)
            raise CannotBeDone(f"no policy {path[:100]!r} is in force.", f"There are: {known}.")
        return self._policies[path]

    async def _read(self, sql: str) -> Meaning:
        try:
            raw = sql.encode()
        except UnicodeEncodeError:
            raise CannotBeDone("the text is not UTF-8.") from None
        if len(raw) > MOST_SQL_BYTES:
            raise CannotBeDone(
                f"the text is longer than {MOST_SQL_BYTES // 1024} KiB.",
                "pgwarden explain and pgwarden lint read longer ones.",
            )
        if "\0" in sql:
            raise CannotBeDone("the text holds a NUL, which no statement can.")
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._readers.run())
        outcome = await self._readers.read(raw, 0)
        if isinstance(outcome, Screened | UnicodeDecodeError):
            raise CannotBeDone("the text cannot be read.")
        return meaning_of(sql, outcome)


def _shown(meaning: Meaning, found: Judged) -> Explained:
    decision = found.explanation.decision
    return Explained(
        policy=found.policy.name,
        mode=found.policy.mode,
        at=found.context.now,
        allowed=decision.allowed,
        unreadable="" if meaning.error is None else str(meaning.error),
        statement_class=meaning.statement_class,
        effects=tuple(map(effect_line, meaning.effects)),
        tree=tuple(line for branch in found.explanation.branches for line in _lines(branch, 0)),
        told=tuple(_told(found)),
        wanted=tuple(
            "approval" if isinstance(wanted, ApprovalWanted) else "backup" for wanted in decision.wanted
        ),
    )


def _told(found: Judged) -> Iterator[Told]:
    refusal = found.told
    if refusal is not None:
        yield Told(refusal.rule, "enforce", refusal.sqlstate, refusal.message, refusal.detail, refusal.hint)
    for firing in found.explanation.decision.shadowed:
        yield Told(firing.rule, "shadow", firing.sqlstate, firing.message, firing.detail, firing.hint)


def _lines(branch: Branch, depth: int) -> Iterator[ExplainedLine]:
    yield ExplainedLine(depth, branch.text, branch.holds)
    for below in branch.below:
        yield from _lines(below, depth + 1)
