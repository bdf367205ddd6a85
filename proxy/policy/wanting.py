"""What would have to come about for a refused statement to pass, and what a gate can bring about.

Enters: the enforced rules that fired. Leaves: what is wanted, where every one of them has an `else` that
would help; and the refusal of a statement that is not held for it. Deliberately absent: bringing it about.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

from proxy.policy.conditions.approvals import ApprovalCondition
from proxy.policy.conditions.case import Case
from proxy.policy.conditions.evidence import SCHEMA, TARGETS, BackupCondition
from proxy.policy.decision import ApprovalWanted, BackupWanted, Decision, Wanted
from proxy.policy.durations import describe_duration
from proxy.policy.facts import Backup, Coverage, Verification
from proxy.policy.rules import Judgement, Rule

SOURCE: Final = "pgwarden"
"""Who makes the backups that a gate takes itself, as rules and the ledger name it."""

Fired: TypeAlias = tuple[Case, Rule, Judgement]


@dataclass(frozen=True, slots=True)
class BackupMeans:
    """What a backup of the gate's own can be at best.

    Attributes:
        copies: in how many places.
        verified: how far each can be proved.
    """

    copies: int
    verified: Verification


@dataclass(frozen=True, slots=True)
class Means:
    """What a gate can bring about.

    Attributes:
        backup: None where it takes none.
        approvals: it can ask for one, and hears of it.
    """

    backup: BackupMeans | None = None
    approvals: bool = False

    def lacking(self, wanted: Wanted) -> str:
        """Why it cannot bring this about, as a clause; "" where it can."""
        means = self.backup
        if isinstance(wanted, ApprovalWanted):
            return "" if self.approvals else "this gate cannot ask for approvals"
        if means is None:
            return "this gate is not set up to take backups"
        if means.copies < wanted.copies:
            return f"this gate has {means.copies} of the {wanted.copies} places that backups have to go to"
        if means.verified < wanted.verified:
            return f"this gate cannot prove its backups as far as {wanted.verified.name.lower()}"
        return ""


NO_MEANS: Final = Means()


def wanted_of(enforced: Iterable[Fired]) -> tuple[Wanted, ...]:
    """What would make these rules not fire, if it all came about; nothing where that does not suffice.

    An approval comes first: people take longer than a backup may be old.
    """
    rules = tuple(enforced)
    waiting = [each for each in rules if each[1].otherwise.action == "hold"]
    approval = _approval_wanted(waiting)
    others = [each for each in rules if each[1].otherwise.action != "hold"]
    backup = _backup_wanted(others)
    if (waiting and not approval) or (others and not backup):
        return ()
    return (*approval, *backup)


def _approval_wanted(waiting: Sequence[Fired]) -> tuple[Wanted, ...]:
    """The approval that would lift these rules, or be what they require."""
    asked = []
    for case, rule, judgement in waiting:
        if not case.trusted:
            return ()
        missing = [c for c, o in zip(rule.require, judgement.require, strict=True) if not o.holds]
        needs = [condition.by for condition in missing if isinstance(condition, ApprovalCondition)]
        if len(needs) < len(missing):
            return ()
        if not rule.require:
            terms = rule.approval
            if terms is None or not all(each.judge(case).holds for each in terms.besides):
                return ()
            needs = [terms.by]
        asked += needs
    if not asked:
        return ()
    at_most = min(rule.otherwise.at_most for _, rule, _ in waiting)
    return (ApprovalWanted(tuple(rule.id for _, rule, _ in waiting), at_most, max(asked)),)


def _backup_wanted(enforced: Sequence[Fired]) -> tuple[Wanted, ...]:
    """The backup that all of these rules would accept."""
    lacking: list[tuple[Case, BackupCondition]] = []
    rules: list[Rule] = []
    for case, rule, judgement in enforced:
        if rule.otherwise.action != "backup" or not case.trusted:
            return ()
        rules.append(rule)
        for condition, outcome in zip(rule.require, judgement.require, strict=True):
            if outcome.holds:
                continue
            if not isinstance(condition, BackupCondition):
                return ()
            lacking.append((case, condition))
    if not lacking:
        return ()
    wanted = BackupWanted(
        rules=tuple(rule.id for rule in rules),
        at_most=min(rule.otherwise.at_most for rule in rules),
        verified=max(condition.verified for _, condition in lacking),
        copies=max(condition.copies for _, condition in lacking),
        tables=_tables(lacking),
    )
    for candidate in (wanted, replace(wanted, tables=None)):
        if all(_would_do(candidate, case, condition) for case, condition in lacking):
            return (candidate,)
    return ()


def needed(rule: Rule) -> Wanted | None:
    """The least that a rule's `else` would have to bring about; None where there is nothing to."""
    asked = [condition for condition in rule.require if isinstance(condition, BackupCondition)]
    if rule.otherwise.action != "backup" or not asked:
        return None
    return BackupWanted(
        rules=(rule.id,),
        at_most=rule.otherwise.at_most,
        verified=max(condition.verified for condition in asked),
        copies=max(condition.copies for condition in asked),
    )


def _tables(lacking: Iterable[tuple[Case, BackupCondition]]) -> frozenset[str] | None:
    """The tables concerned, where no rule asks for more and nothing but tables is concerned."""
    named: set[str] = set()
    for case, condition in lacking:
        if condition.covers not in (TARGETS, SCHEMA):
            return None
        for effect in case.effects:
            if effect.target is None or effect.target.kind not in _HAVE_ROWS:
                return None
            named.add(str(effect.target))
    return frozenset(named)


_HAVE_ROWS: Final = frozenset(("table",))


def _would_do(wanted: BackupWanted, case: Case, condition: BackupCondition) -> bool:
    """Whether the rule's own condition would accept this backup, finished now."""
    now = case.context.now
    made = Backup(
        database=case.context.database,
        finished=now,
        location="",
        verified=wanted.verified,
        copies=wanted.copies,
        covers=Coverage(tables=wanted.tables),
        source=SOURCE,
    )
    return condition.judge(replace(case, facts=replace(case.facts, backups=(made,)))).holds


def not_held(decision: Decision, reason: str, hint: str = "") -> Decision:
    """The refusal of what could have been held; `reason` is a clause without a full stop."""
    first, *others = decision.enforced
    sentence = f"{reason[:1].upper()}{reason[1:]}."
    told = replace(first, detail=f"{first.detail} {sentence}".strip(), hint=hint or first.hint)
    return replace(decision, enforced=(told, *others))


def outside(wanted: Wanted) -> str:
    """What to do where a statement cannot be held because it may hold locks already."""
    return f"Run it outside of a transaction, on its own: there {wanted.deed}, {at_most(wanted.at_most)}."


def at_most(duration: timedelta) -> str:
    """For how long a statement is held."""
    return f"for at most {describe_duration(duration)}"
