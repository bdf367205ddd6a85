"""Judging without a gate: what a session would say of a text, by a policy, in circumstances that are given.

Enters: SQL, a policy, who, when, the evidence. Leaves: the text's Meaning and the policy's Decision, and the
words that a client would read. For `explain`, `lint`, `policy test` and `policy diff`. Deliberately absent:
a server; names are taken as the text has them, as the gate does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from proxy.policy.context import Context, Migration
from proxy.policy.decide import decide
from proxy.policy.decision import ApprovalWanted, Decision, Firing
from proxy.policy.facts import WHOLE_DATABASE, Approved, Backup, Coverage, Facts, Freeze, Run
from proxy.policy.rules import Policy
from proxy.policy.schema.circumstances import Circumstances, GivenFacts
from proxy.session.meaning import Meaning, gravest, of_analysis, of_unread
from proxy.session.prepared import Names, resolve
from proxy.session.refusal import Denial, unreadable
from proxy.session.texts import limited
from proxy.sql.analyse import Analysis, SqlSyntaxError, UnreadableText, analyse
from proxy.sql.database import Database
from proxy.sql.effects import EFFECT_KINDS

MigrationWord = Literal["run", "registered", "resembles"]
# Stands for a run's token, and for a tool, where none is real.
IMAGINED = "imagined"
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
        inside: a transaction is open, in which nothing is held.
    """

    denial: Denial | None
    refusing: tuple[str, ...]
    shadowing: tuple[str, ...]
    decision: Decision | None
    inside: bool = False

    @property
    def allowed(self) -> bool:
        """Whether it passes."""
        return self.denial is None

    @property
    def held(self) -> Literal["", "backup", "hold"]:
        """What a gate that can would hold it for until it passes; an approval, if for that and a backup."""
        wanted = () if self.decision is None or self.inside else self.decision.wanted
        if not wanted:
            return ""
        return "hold" if any(isinstance(each, ApprovalWanted) for each in wanted) else "backup"


def read_sql(text: str, held: Database | None = None) -> Meaning:
    """What a text does; what it EXECUTEs and does not prepare itself is not known.

    Args:
        text: SQL.
        held: what the database holds, which may run because of it; None where that is not known.
    """
    try:
        outcome: Analysis | SqlSyntaxError = analyse(text, 0 if held is None else held.server_major)
    except SqlSyntaxError as error:
        outcome = error
    return meaning_of(text, outcome, held)


def meaning_of(text: str, outcome: Analysis | SqlSyntaxError, held: Database | None = None) -> Meaning:
    """What a text does that has been read elsewhere."""
    if isinstance(outcome, SqlSyntaxError):
        return of_unread(text, outcome)
    meaning = resolve(of_analysis(text, outcome), Names(), 0)
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
    decision = decide(meaning.effects, of(context, meaning), policy, facts)
    return Verdict(
        denial_of(decision, meaning),
        tuple(firing.rule for firing in decision.enforced),
        tuple(firing.rule for firing in decision.shadowed),
        decision,
        context.transaction == "open",
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


def facts_of(given: Circumstances, context: Context, environment: str) -> Facts:
    """The evidence of a trial in this environment: none, where it names none.

    Args:
        context: as `of` has it: what has run, is registered or approved, is the very text.
    """
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
    approvals = tuple(
        Approved(
            id=f"given-{number}",
            digest=context.digest,
            environment=environment,
            roles=frozenset((context.role,)),
            rules=frozenset(each.rules),
            since=context.now - (each.ago or timedelta()),
            until=datetime.max.replace(tzinfo=UTC),
            granted=(context.now - (each.ago or timedelta()),) * each.by,
            break_glass=each.break_glass,
        )
        for number, each in enumerate(facts.approvals or (), 1)
    )
    freezes = () if facts.freeze is None else (Freeze(facts.freeze, context.now),)
    ran = {
        (each.environment, checksum): context.now - each.ago
        for each in facts.ran or ()
        for checksum in (context.wording.checksum, *context.wording.statements)
        if checksum
    }
    return Facts(
        backups=backups,
        as_of=context.now,
        stale=facts.stale,
        freezes=freezes,
        approvals=approvals,
        runs=imagined_runs(context),
        ran=ran,
    )


def imagined_runs(context: Context) -> tuple[Run, ...]:
    """The run that an imagined session says it belongs to."""
    token = context.migration.run
    until = context.now + timedelta(days=1)
    return (Run(token, context.role, context.database, context.now, until),) if token else ()


def at(context: Context, moment: datetime) -> Context:
    """The same circumstances at another moment."""
    return replace(context, now=moment)


def of(context: Context, meaning: Meaning, migration: MigrationWord | None = None) -> Context:
    """The same circumstances, for this text, as if it belonged to a migration so surely; None: as it does."""
    match migration:
        case "run":
            shown = Migration(run=IMAGINED)
        case "registered":
            shown = Migration(registered=meaning.wording.checksum)
        case "resembles":
            shown = Migration(resembles=IMAGINED)
        case _:
            shown = context.migration
    return replace(context, wording=meaning.wording, migration=shown, digest=meaning.digest)


def lacking(firings: Iterable[Firing]) -> tuple[str, ...]:
    """What some rules ask for and did not find, each once."""
    return tuple(dict.fromkeys(phrase for firing in firings for phrase in firing.missing))
