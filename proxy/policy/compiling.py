"""Well-formed rules to compiled ones.

Enters: a rule's shape and what its names refer to. Leaves: a `Rule`; complaints about references that lead
nowhere and rules that nothing can reach. Deliberately absent: shapes (model.py) and the merging of files
(definitions.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from proxy.policy import model
from proxy.policy.calendar import Span
from proxy.policy.complaints import Complaints
from proxy.policy.conditions.case import Condition
from proxy.policy.conditions.evidence import AbsentEvidence, BackupCondition
from proxy.policy.conditions.matching import Match, MatchShape, compile_match, names_of, risks_of
from proxy.policy.conditions.moments import (
    DatesCondition,
    FreezeCondition,
    NotCondition,
    TransactionCondition,
    Window,
    WindowCondition,
    windows_in,
)
from proxy.policy.conditions.targets import TargetPattern
from proxy.policy.conditions.who import Who, WhoCondition, WhoShape, compile_who
from proxy.policy.daysoff import in_dates
from proxy.policy.durations import describe_last
from proxy.policy.facts import Verification
from proxy.policy.parsing import Set, parse_target
from proxy.policy.rules import Mode, Rule
from proxy.policy.words import nearest
from proxy.source import Path

_MIGRATIONS = {
    "run": "a migration run that the gate started",
    "registered": "a migration that its tool has registered",
    "resembles": "the session of a migration tool",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What names in rules refer to, ready for use.

    Attributes:
        window_names, set_names: all that some file tries to define: a reference to a broken one is no second
            mistake.
    """

    mode: Mode
    zone: ZoneInfo
    windows: Mapping[str, Window]
    sets: Mapping[str, Set]
    window_names: frozenset[str]
    set_names: frozenset[str]


class RuleCompiler:
    """Compiles one rule and notes every mistake in it."""

    def __init__(self, rule: model.Rule, place: Path, around: Surroundings, complaints: Complaints) -> None:
        """`place` is the rule's path in its document."""
        self._rule = rule
        self._place = place
        self._around = around
        self._complaints = complaints

    def compile(self) -> Rule:
        """The compiled rule; worthless when anything was complained of."""
        rule = self._rule
        match = self._match(rule.match)
        when = self._when(rule.when, ("when",))
        require = self._require(rule.require, ("require",))
        unless = tuple(self._exception(entry, index) for index, entry in enumerate(rule.unless or ()))
        otherwise = self._otherwise()
        self._check_texts(when, require)
        if isinstance(rule.approval, model.ApprovalNeed) and rule.approval.besides is not None:
            self._require(rule.approval.besides, ("approval", "with"))
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
            otherwise=otherwise,
            approval=_approval_text(rule.approval),
            position=self._complaints.position((*self._place, "id"), key=True),
            place=self._place,
        )

    def _complain(
        self, path: Path, message: str, suggestion: str | None = None, *, key: bool = False
    ) -> None:
        self._complaints.add((*self._place, *path), message, suggestion, key=key)

    def _match(self, block: model.Match) -> Match:
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
        elif not match.names:
            self._complain(
                ("match", "not"), "nothing can ever match: this excludes all that the rule names", key=True
            )
        return match

    def _shape(self, block: model.MatchBlock, path: Path) -> MatchShape:
        if not risks_of(block.risk):
            self._complain(
                (*path, "risk"), "no risk is beyond that: none, low, medium, high are all there are"
            )
        return MatchShape(
            effects=block.effects,
            classes=block.classes,
            traits=block.traits,
            risk=block.risk,
            targets=None if block.targets is None else self._targets(block.targets, (*path, "targets")),
            values=block.values,
            who=None if block.who is None else self._who(block.who, (*path, "who")),
        )

    def _targets(self, words: Iterable[str], path: Path) -> tuple[TargetPattern, ...]:
        """Patterns, and the patterns of the sets named among them."""
        patterns: list[TargetPattern] = []
        for index, word in enumerate(words):
            named = self._around.sets.get(word)
            if isinstance(named, tuple):
                patterns += named
            elif isinstance(named, model.WhoBlock):
                self._complain((*path, index), f'the set "{word}" says who, here one of targets is needed')
            elif word in self._around.set_names:
                continue
            elif "." not in word and ":" not in word and (near := nearest(word, self._around.set_names)):
                self._complain((*path, index), f'"{word}" is neither a set nor schema.name', near)
            else:
                patterns += parse_target(word, (*self._place, *path, index), self._complaints)
        return tuple(patterns)

    def _who(self, ref: model.WhoRef, path: Path) -> Who:
        shapes = [_who_shape(ref)]
        if ref.named is not None:
            named = self._around.sets.get(ref.named)
            if isinstance(named, model.WhoBlock):
                shapes.append(_who_shape(named))
            elif named is not None:
                self._complain(
                    (*path, "set"), f'the set "{ref.named}" holds targets, here one that says who is needed'
                )
            elif ref.named not in self._around.set_names:
                near = nearest(ref.named, self._around.set_names)
                self._complain((*path, "set"), f'no set is named "{ref.named}"', near)
        return compile_who(shapes)

    def _when(self, block: model.When | None, path: Path) -> tuple[Condition, ...]:
        if block is None:
            return ()
        conditions = self._moments(block, path)
        if block.excluded is not None:
            inside = self._moments(block.excluded, (*path, "not"))
            if {condition.name for condition in inside} <= {condition.name for condition in conditions}:
                self._complain(
                    (*path, "not"), "this can never hold: the same is asked for and excluded", key=True
                )
            conditions.append(NotCondition(tuple(inside)))
        return tuple(conditions)

    def _moments(self, block: model.WhenBlock, path: Path) -> list[Condition]:
        conditions: list[Condition] = []
        if block.window is not None:
            conditions += self._windows(block.window, (*path, "window"))
        if block.dates is not None:
            zone = self._around.zone
            text = ", ".join(
                str(first) if first == last else f"{first}..{last}" for first, last in block.dates
            )
            conditions.append(DatesCondition(text, Span(zone, in_dates(block.dates)), zone))
        if block.transaction is not None:
            conditions.append(TransactionCondition(block.transaction))
        if block.freeze is not None:
            conditions.append(FreezeCondition(block.freeze))
        return conditions

    def _windows(self, names: Iterable[str], path: Path) -> list[Condition]:
        windows: list[Window] = []
        for index, name in enumerate(names):
            if name in self._around.windows:
                windows.append(self._around.windows[name])
            elif name not in self._around.window_names:
                near = nearest(name, self._around.window_names)
                self._complain((*path, index), f'no window is named "{name}"', near)
        return [WindowCondition(tuple(windows))] if windows else []

    def _require(self, block: model.RequireBlock | None, path: Path) -> tuple[Condition, ...]:
        if block is None:
            return ()
        conditions: list[Condition] = []
        if block.window is not None:
            conditions += self._windows(block.window, (*path, "window"))
        if block.migration is not None:
            conditions.append(AbsentEvidence(f"migration: {block.migration}", _MIGRATIONS[block.migration]))
        if block.ran is not None:
            within = "" if block.ran.within is None else f" within the last {describe_last(block.ran.within)}"
            wanted = f"a run of the same statement on {block.ran.environment}{within}, without error"
            conditions.append(AbsentEvidence(f"ran: {block.ran.environment}{within}", wanted))
        if isinstance(block, model.Require) and block.approval is not None:
            people = _people(block.approval.by)
            conditions.append(AbsentEvidence(f"approval: by {people}", f"an approval by {people}"))
            if block.approval.besides is not None:
                conditions += self._require(block.approval.besides, (*path, "approval", "with"))
        if block.backup is not None:
            need = block.backup
            level = need.verified if need.verified is not None else Verification.RECORDED
            conditions.append(
                BackupCondition(need.within, level, need.copies, need.covers, self._around.zone)
            )
        return tuple(conditions)

    def _exception(self, entry: model.Unless, index: int) -> tuple[Condition, ...]:
        path: Path = ("unless", index)
        who: list[Condition] = (
            [] if entry.who is None else [WhoCondition(self._who(entry.who, (*path, "who")))]
        )
        return (
            *who,
            *self._when(entry.when, (*path, "when")),
            *self._require(entry.require, (*path, "require")),
        )

    def _otherwise(self) -> str:
        given = self._rule.otherwise
        if isinstance(given, model.Otherwise):
            if given.backup is not None and given.hold is not None:
                self._complain(("else",), "either a backup is taken or an approval waited for, not both")
            given = "hold" if given.hold is not None else "backup"
        require = self._rule.require
        if given == "backup" and (require is None or require.backup is None):
            self._complain(("else",), '"else: backup" belongs to a rule that requires a backup')
        if (
            given == "hold"
            and self._rule.approval in (None, "never")
            and (require is None or require.approval is None)
        ):
            self._complain(("else",), '"else: hold" belongs to a rule that an approval can lift')
        return given

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

    def _names_window(self) -> bool:
        """Whether a window is named that is broken: one mistake is enough."""
        when, require = self._rule.when, self._rule.require
        return (when is not None and when.window is not None) or (
            require is not None and require.window is not None
        )


def _who_shape(block: model.WhoBlock) -> WhoShape:
    return WhoShape(block.roles, block.databases, block.cidrs, block.applications)


def _people(number: int) -> str:
    return "one person" if number == 1 else f"{number} people"


def _approval_text(approval: str | model.ApprovalNeed | None) -> str:
    if approval is None or isinstance(approval, str):
        return approval or ""
    return f"by {_people(approval.by)}"
