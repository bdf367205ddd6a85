"""Well-formed rules to compiled ones.

Enters: a rule's shape and what its names refer to. Leaves: a `Rule`; complaints about rules that nothing can
reach or that can never fire. Deliberately absent: shapes (schema/), the merging of files
(definitions.py), and finding what names refer to (references.py).
"""

from datetime import timedelta

from proxy.policy import schema
from proxy.policy.calendar import Span
from proxy.policy.conditions.approvals import ApprovalCondition
from proxy.policy.conditions.case import Condition
from proxy.policy.conditions.evidence import BackupCondition
from proxy.policy.conditions.matching import Match, MatchShape, compile_match, names_of, risks_of
from proxy.policy.conditions.migrations import MigrationCondition, Sureness
from proxy.policy.conditions.moments import (
    DatesCondition,
    FreezeCondition,
    NotCondition,
    TransactionCondition,
    windows_in,
)
from proxy.policy.conditions.ran import RanCondition
from proxy.policy.conditions.who import WhoCondition
from proxy.policy.covering import block_covers, implies
from proxy.policy.facts import Verification
from proxy.policy.loading.complaints import Complaints
from proxy.policy.loading.daysoff import in_dates
from proxy.policy.loading.references import Resolver, Surroundings
from proxy.policy.rules import DENY, Approval, Mode, Otherwise, Rule
from proxy.source import Path

# How long a backup or an approval is waited for where the rule does not say.
BACKUP_AT_MOST = timedelta(minutes=30)
HOLD_AT_MOST = timedelta(minutes=10)


class RuleCompiler:
    """Compiles one rule and notes every mistake in it."""

    def __init__(self, rule: schema.Rule, place: Path, around: Surroundings, complaints: Complaints) -> None:
        """`place` is the rule's path in its document."""
        self._rule = rule
        self._place = place
        self._around = around
        self._complaints = complaints
        self._names = Resolver(place, around, complaints)

    def compile(self) -> Rule:
        """The compiled rule; worthless when anything was complained of."""
        rule = self._rule
        match = self._match(rule.match)
        when = self._when(rule.when, ("when",))
        require = self._require(rule.require, ("require",))
        unless = tuple(self._exception(entry, index) for index, entry in enumerate(rule.unless or ()))
        approval = self._approval()
        otherwise = self._otherwise(approval, when)
        self._check_texts(when, require)
        self._check_that_it_can_fire(match, when, require, unless)
        return Rule(
            id=rule.id,
            mode=min(self._around.mode, Mode[(rule.mode or "enforce").upper()]),
            match=match,
            when=when,
            require=require,
            unless=unless,
            deny=rule.deny,
            hint=rule.hint,
            sqlstate=rule.sqlstate,
            why=rule.why or "",
            otherwise=otherwise,
            approval=approval,
            position=self._complaints.position((*self._place, "id"), key=True),
            place=self._place,
        )

    def _complain(
        self, path: Path, message: str, suggestion: str | None = None, *, key: bool = False
    ) -> None:
        self._complaints.add((*self._place, *path), message, suggestion, key=key)

    def _match(self, block: schema.Match) -> Match:
        shape = self._shape(block, ("match",))
        excluded = []
        for index, inner in enumerate(block.excluded or ()):
            excluded.append(self._shape(inner, ("match", "not", index)))
        whole = MatchShape(
            shape.effects,
            shape.classes,
            shape.traits,
            shape.risk,
            shape.targets,
            shape.values,
            shape.who,
            tuple(excluded),
        )
        match = compile_match(whole)
        if not names_of(shape):
            asked = " and ".join(
                key for key in ("effects", "classes", "values") if getattr(shape, key) is not None
            )
            self._complain(("match",), f"nothing can ever match: no effect fits {asked} at once", key=True)
        elif not match.names or any(_excludes_all(each, shape) for each in excluded):
            self._complain(
                ("match", "not"), "nothing can ever match: this excludes all that the rule names", key=True
            )
        return match

    def _shape(self, block: schema.MatchBlock, path: Path) -> MatchShape:
        if not risks_of(block.risk):
            self._complain(
                (*path, "risk"), "no risk is beyond that: none, low, medium, high are all there are"
            )
        return MatchShape(
            effects=block.effects,
            classes=block.classes,
            traits=block.traits,
            risk=block.risk,
            targets=None if block.targets is None else self._names.targets(block.targets, (*path, "targets")),
            values=block.values,
            who=None if block.who is None else self._names.who(block.who, (*path, "who")),
        )

    def _when(self, block: schema.When | None, path: Path) -> tuple[Condition, ...]:
        if block is None:
            return ()
        conditions = self._moments(block, path)
        if block.excluded is not None:
            inside = self._moments(block.excluded, (*path, "not"))
            if all(any(implies(outer, each) for outer in conditions) for each in inside):
                self._complain(
                    (*path, "not"), "this can never hold: the same is asked for and excluded", key=True
                )
            conditions.append(NotCondition(tuple(inside)))
        return tuple(conditions)

    def _moments(self, block: schema.WhenBlock, path: Path) -> list[Condition]:
        conditions: list[Condition] = []
        if block.window is not None:
            conditions += self._names.windows(block.window, (*path, "window"))
        if block.dates is not None:
            zone = self._around.zone
            text = ", ".join(
                str(first) if first == last else f"{first}..{last}" for first, last in block.dates
            )
            conditions.append(DatesCondition(text, Span(zone, in_dates(block.dates)), zone))
        if block.transaction is not None:
            conditions.append(TransactionCondition(block.transaction))
        if block.freeze is not None:
            conditions.append(FreezeCondition(block.freeze, self._around.zone))
        return conditions

    def _require(self, block: schema.RequireBlock | None, path: Path) -> tuple[Condition, ...]:
        if block is None:
            return ()
        conditions: list[Condition] = []
        if block.window is not None:
            conditions += self._names.windows(block.window, (*path, "window"))
        if block.migration is not None:
            conditions.append(MigrationCondition(Sureness[block.migration.upper()], self._around.zone))
        if block.ran is not None:
            conditions.append(RanCondition(block.ran.environment, block.ran.within, self._around.zone))
        if isinstance(block, schema.Require) and block.approval is not None:
            need = block.approval
            conditions.append(ApprovalCondition(self._rule.id, need.by, need.within))
            if block.approval.besides is not None:
                conditions += self._require(block.approval.besides, (*path, "approval", "with"))
        if block.backup is not None:
            backup = block.backup
            level = backup.verified if backup.verified is not None else Verification.RECORDED
            conditions.append(
                BackupCondition(
                    backup.within,
                    level,
                    backup.copies,
                    backup.covers,
                    self._around.zone,
                    frozenset(backup.source or ()),
                )
            )
        return tuple(conditions)

    def _exception(self, entry: schema.Unless, index: int) -> tuple[Condition, ...]:
        path: Path = ("unless", index)
        who: list[Condition] = (
            [] if entry.who is None else [WhoCondition(self._names.who(entry.who, (*path, "who")))]
        )
        return (
            *who,
            *self._when(entry.when, (*path, "when")),
            *self._require(entry.require, (*path, "require")),
        )

    def _approval(self) -> Approval | None:
        given = self._rule.approval
        if given is None:
            return self._around.approvals
        if isinstance(given, str):
            return None
        besides = self._require(given.besides, ("approval", "with"))
        usual = self._around.approvals
        within = given.within if given.within is not None or usual is None else usual.within
        return Approval(given.by, within, besides)

    def _otherwise(self, approval: Approval | None, when: tuple[Condition, ...]) -> Otherwise:
        given, require = self._rule.otherwise, self._rule.require
        if isinstance(given, schema.Otherwise):
            if given.backup is not None and given.hold is not None:
                self._complain(("else",), "either a backup is taken or an approval waited for, not both")
            made = Otherwise("backup", given.backup or BACKUP_AT_MOST)
            if given.hold is not None:
                made = Otherwise("hold", given.hold)
        elif given == "deny":
            return DENY
        else:
            made = Otherwise(given, BACKUP_AT_MOST if given == "backup" else HOLD_AT_MOST)
        if made.action == "backup" and (require is None or require.backup is None):
            self._complain(("else",), '"else: backup" belongs to a rule that requires a backup')
        if made.action == "hold" and approval is None and (require is None or require.approval is None):
            self._complain(("else",), '"else: hold" belongs to a rule that an approval can lift')
        if any(condition.name == TransactionCondition("open").name for condition in when):
            self._complain(
                ("else",),
                "this can never be done: the rule is about open transactions, whose statements hold locks",
            )
        return made

    def _check_texts(self, when: tuple[Condition, ...], require: tuple[Condition, ...]) -> None:
        """A placeholder whose value the rule does not have would leave a hole in the sentence."""
        has_window = bool(windows_in((*when, *require))) or self._names_window()
        has_backup = any(isinstance(condition, BackupCondition) for condition in require)
        for key, template in (("deny", self._rule.deny), ("hint", self._rule.hint)):
            for name in sorted(template.names) if template is not None else ():
                if name.startswith("window.") and not has_window:
                    self._complain((key,), f"{{{name}}} has no value: the rule names no window")
                elif name.startswith("backup.") and not has_backup:
                    self._complain((key,), f"{{{name}}} has no value: the rule requires no backup")
                elif name == "missing" and not require and self._rule.require is None:
                    self._complain((key,), "{missing} has no value: the rule requires nothing")

    def _check_that_it_can_fire(
        self,
        match: Match,
        when: tuple[Condition, ...],
        require: tuple[Condition, ...],
        unless: tuple[tuple[Condition, ...], ...],
    ) -> None:
        """A rule that looks like a guard and can never refuse is worse than none."""
        if require and all(any(implies(given, asked) for given in when) for asked in require):
            self._complain(
                ("require",), "the rule can never fire: this holds whenever the rule applies", key=True
            )
        known = when if match.shape.who is None else (*when, WhoCondition(match.shape.who))
        for index, entry in enumerate(unless):
            if entry and all(any(implies(given, asked) for given in known) for asked in entry):
                self._complain(
                    ("unless", index), "the rule can never fire: this lifts it whenever it applies"
                )

    def _names_window(self) -> bool:
        """Whether a window is named that is broken: one mistake is enough."""
        when, require = self._rule.when, self._rule.require
        return (when is not None and when.window is not None) or (
            require is not None and require.window is not None
        )


def _excludes_all(excluded: MatchShape, shape: MatchShape) -> bool:
    """Whether a `not` leaves nothing; what is in doubt (a target, a value, an address) it never excludes."""
    doubtful = excluded.targets is not None or excluded.values is not None
    certain = excluded.who is None or not any(each.cidrs for each in excluded.who.shapes)
    return not doubtful and certain and block_covers(excluded, shape)
