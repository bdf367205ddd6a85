"""Approvals: whether people have granted the very text, and which rules that lifts.

Enters: the approvals among the facts, what a rule asks for. Leaves: those that are about a statement; the
condition `require: approval`; whether a rule that fires is lifted, by which approval, and until when that
stays. Deliberately absent: whose signature counts (the ledger's), and using an approval up (the session's).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from proxy.policy.conditions.case import Case, Condition, Outcome, Proof, earliest
from proxy.policy.conditions.migrations import run_of
from proxy.policy.conditions.who import address_of
from proxy.policy.context import Context
from proxy.policy.durations import describe_duration
from proxy.policy.facts import Approved, Facts, Run

APPROVAL: Final = "approval"


def approvals_of(context: Context, facts: Facts, environment: str) -> tuple[Approved, ...]:
    """The approvals of this text, here, for who sends it, whenever they hold; the widest first.

    One of a migration file is also of that file's statements one by one, in a run that has taken a use of it,
    for as long as the run lasts.
    """
    if not facts.approvals or not context.digest:
        return ()
    run = run_of(context, facts)
    here = (each for each in facts.approvals if _is_for(each, context, environment))
    found = [own for each in here if (own := _about(each, context, run)) is not None]
    return tuple(sorted(found, key=lambda each: (-len(each.rules), each.until, each.id)))


def _about(approved: Approved, context: Context, run: Run | None) -> Approved | None:
    """The approval as it counts for this text; None where it is about another."""
    if run is not None and run.token in approved.runs:
        whole = approved.digest == context.digest
        if whole or (context.statement and context.statement in approved.statements):
            return replace(approved, until=min(approved.until, run.until), taken=True)
    return approved if approved.digest == context.digest and approved.left > 0 else None


def _is_for(approved: Approved, context: Context, environment: str) -> bool:
    return (
        approved.environment == environment
        and context.role in approved.roles
        and approved.database in (None, context.database)
        and _comes_from(approved, context.client_address)
    )


def _comes_from(approved: Approved, address: str | None) -> bool:
    """An address that is not known lies in no network."""
    if not approved.networks:
        return True
    own = address_of(address)
    return own is not None and any(own in net for net in approved.networks if net.version == own.version)


def people(number: int) -> str:
    """`one person`, `2 people`."""
    return "one person" if number == 1 else f"{number} people"


def ends(approved: Approved, by: int, within: timedelta | None) -> datetime | None:
    """When it ceases to count for what so many people have to grant; None: too few have.

    Where nobody knows who asked, one more has to: at least so many of them are others. A grant that is read
    has been given, whatever the clock says of it.
    """
    needed = by + approved.nobody_asked
    if len(approved.granted) < needed:
        return None
    return _ends(approved, approved.granted[needed - 1], within)


def _ends_by_oneself(approved: Approved, within: timedelta | None) -> datetime | None:
    """The same where the glass is broken: one is enough, and may be who asked."""
    granted = [*approved.granted[:1], *([] if approved.own is None else [approved.own])]
    return _ends(approved, max(granted), within) if granted else None


def _ends(approved: Approved, granted: datetime, within: timedelta | None) -> datetime:
    return approved.until if within is None else min(approved.until, granted + within)


@dataclass(frozen=True, slots=True)
class ApprovalCondition:
    """Holds when so many people have approved the very text, for this rule.

    Attributes:
        rule: the rule that asks.
        within: how long a grant counts; None for as long as it was asked for.
    """

    rule: str
    by: int
    within: timedelta | None = None

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        within = "" if self.within is None else f" within {describe_duration(self.within)}"
        return f"approval: by {people(self.by)}{within}"

    def judge(self, case: Case) -> Outcome:
        """Look for an approval that counts now, and until when the answer stays."""
        now = case.context.now
        edges: list[datetime] = []
        for approved in case.approvals:
            end = ends(approved, self.by, self.within) if self.rule in approved.rules else None
            if end is None or end <= now:
                continue
            if approved.since <= now:
                until = earliest((end, *edges))
                proofs = (Proof(APPROVAL, approved.id),)
                return Outcome(True, until, _granted(approved), evidence=True, proofs=proofs)
            edges.append(approved.since)
        wanted = f"an approval by {people(self.by)}"
        found = (
            told_of(case.approvals, self.rule, now) or "nobody has approved this text"
            if case.trusted
            else "the facts are stale, so no approval counts"
        )
        return Outcome(False, earliest(edges), found, wanted, f"would hold after {wanted}", evidence=True)


@dataclass(frozen=True, slots=True)
class Lifting:
    """Whether a rule that fires is lifted.

    Attributes:
        approved: by this; None: by none.
        break_glass: only since the glass is broken.
        until: the answer is the same before this moment.
        besides: what had to hold besides, as it was judged.
    """

    approved: Approved | None
    break_glass: bool = False
    until: datetime | None = None
    besides: tuple[Outcome, ...] = ()

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The evidence by which it is lifted."""
        if self.approved is None:
            return ()
        besides = (proof for outcome in self.besides for proof in outcome.proofs)
        return (Proof(APPROVAL, self.approved.id), *besides)


def lift(
    case: Case,
    rule: str,
    by: int,
    within: timedelta | None,
    besides: Iterable[Condition],
    *,
    requires: bool,
    break_glass: bool,
) -> Lifting:
    """Whether an approval lifts a rule that fires in this case.

    Args:
        case: the rule's look at the execution.
        rule: its id.
        by, within, besides: what it asks of approvals.
        requires: it requires something, which does not hold: then the glass has to be broken.
        break_glass: whether the policy admits that.
    """
    candidates = [each for each in case.approvals if rule in each.rules]
    if not candidates:
        return Lifting(None)
    now = case.context.now
    outcomes = tuple(condition.judge(case) for condition in besides)
    edges: list[datetime | None] = [outcome.until for outcome in outcomes]
    hold = all(outcome.holds for outcome in outcomes)
    for approved in candidates:
        broken = break_glass and approved.break_glass
        spans = [(ends(approved, by, within), False)] if not requires else []
        spans += [(_ends_by_oneself(approved, within), True)] if broken else []
        for end, glass in spans:
            if end is None or end <= now:
                continue
            if approved.since > now:
                edges.append(approved.since)
            elif hold:
                return Lifting(approved, glass, earliest((end, *edges)), outcomes)
    return Lifting(None, until=earliest(edges), besides=outcomes)


def told_of(approvals: Iterable[Approved], rule: str, now: datetime) -> str:
    """What there is of approvals that may lift a rule, for people, as a clause; "" for nothing."""
    return "; ".join(_granted(each) for each in approvals if rule in each.rules and each.until > now)


def _granted(approved: Approved) -> str:
    number = len(approved.granted)
    asked = " (nobody knows who asked, so one more is needed)" if approved.nobody_asked else ""
    by = f"is granted by {people(number)}{asked}" if number else "is granted by who asked"
    return f"approval {approved.id} {by}"
