"""Judging without a gate: what a session would say of a text, by a policy, in circumstances that are given.

Enters: SQL, a policy, who, when, the evidence. Leaves: the text's Meaning and the policy's Decision, and the
words that a client would read. For `explain`, `lint`, `policy test` and `policy diff`. Deliberately absent:
a server; names are taken as the text has them, as the gate does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.decision import Decision, Firing
from proxy.policy.facts import WHOLE_DATABASE, Backup, Coverage, Facts, Freeze
from proxy.policy.rules import Policy
from proxy.policy.schema.circumstances import Circumstances, GivenFacts
from proxy.session.meaning import Meaning, gravest, of_analysis, of_unread
from proxy.session.prepared import Names, resolve
from proxy.session.refusal import Denial, unreadable
from proxy.session.texts import limited
from proxy.sql.analyse import SqlSyntaxError, UnreadableText, analyse
from proxy.sql.database import Database
from proxy.sql.effects import EFFECT_KINDS

# Stands where a running gate would put a decision's number.
DECISION_ID = "DECISION-ID"
# Judged at this wall-clock time of the policy's zone where a trial names no moment, so that its outcome
# never depends on the day on which it runs: a Wednesday at noon.
TRIAL_MOMENT = datetime(2026, 3, 11, 12, 0)
TRIAL_ROLE, TRIAL_DATABASE = "app", "app"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a session would do with a text.

    Attributes:
        denial: what the client reads; None when the text passes.
        refusing, shadowing: ids of the rules that refuse it, and of those that would in shadow.
        decision: None where no policy is asked: a text over a limit.
    """

    denial: Denial | None
    refusing: tuple[str, ...]
    shadowing: tuple[str, ...]
    decision: Decision | None

    @property
    def allowed(self) -> bool:
        """Whether it passes."""
        return self.denial is None


def read_sql(text: str, held: Database | None = None) -> Meaning:
    """What a text does; what it EXECUTEs and does not prepare itself is not known.

    Args:
        text: SQL.
        held: what the database holds, which may run because of it; None where that is not known.
    """
    try:
        meaning = of_analysis(text, analyse(text, 0 if held is None else held.server_major))
    except SqlSyntaxError as error:
        return of_unread(text, error)
    meaning = resolve(meaning, Names(), 0)
    if held is not None:
        meaning.effects = held.expand(meaning.effects, meaning.mentions, None)
        meaning.statement_class = gravest(
            name for effect in meaning.effects for name in EFFECT_KINDS[effect.name].classes
        )
    return meaning


def judge(meaning: Meaning, context: Context, policy: Policy, facts: Facts) -> Verdict:
    """What a session would do with a text."""
    if isinstance(meaning.error, UnreadableText):
        denial = limited(meaning.error)
        return Verdict(denial, (denial.rule,), (), None)
    decision = decide(meaning.effects, context, policy, facts)
    return Verdict(
        denial_of(decision, meaning),
        tuple(firing.rule for firing in decision.enforced),
        tuple(firing.rule for firing in decision.shadowed),
        decision,
    )


def denial_of(decision: Decision, meaning: Meaning) -> Denial | None:
    """What the client would read."""
    if decision.allowed:
        return None
    refusal = decision.refusal(DECISION_ID)
    denial = Denial(refusal.rule, refusal.sqlstate, refusal.message, refusal.detail, refusal.hint)
    if meaning.error is not None and refusal.rule == "unparsed":
        return unreadable(meaning.error, denial)
    return denial


def moment_in(policy: Policy, moment: datetime | None) -> datetime:
    """A moment of a trial, aware: without an offset it is meant in the policy's zone."""
    wanted = TRIAL_MOMENT if moment is None else moment
    return wanted if wanted.tzinfo is not None else wanted.replace(tzinfo=policy.zone)


def context_of(given: Circumstances, policy: Policy) -> Context:
    """The circumstances of a trial; what it leaves out is a plain application at a quiet place."""
    return Context(
        role=given.role or TRIAL_ROLE,
        database=given.database or TRIAL_DATABASE,
        client_address=given.client,
        application=given.application,
        now=moment_in(policy, given.at),
        transaction=given.transaction,
    )


def facts_of(given: Circumstances, context: Context) -> Facts:
    """The evidence of a trial: none, where it names none."""
    facts = given.facts or GivenFacts()
    backups = tuple(
        Backup(
            database=context.database,
            finished=context.now - each.ago,
            location="",
            verified=each.verified,
            copies=each.copies,
            source=each.source or "",
            covers=WHOLE_DATABASE
            if each.tables is None and each.data
            else Coverage(each.data, None if each.tables is None else frozenset(each.tables)),
        )
        for each in facts.backups or ()
    )
    freezes = () if facts.freeze is None else (Freeze(facts.freeze, context.now),)
    return Facts(backups=backups, as_of=context.now, stale=facts.stale, freezes=freezes)


def at(context: Context, moment: datetime) -> Context:
    """The same circumstances at another moment."""
    return replace(context, now=moment)


def lacking(firings: Iterable[Firing]) -> tuple[str, ...]:
    """What some rules ask for and did not find, each once."""
    return tuple(dict.fromkeys(phrase for firing in firings for phrase in firing.missing))
