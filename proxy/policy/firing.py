"""What a firing rule tells: the texts, with their placeholders filled.

Enters: a rule, its case, its judgement. Leaves: a `Firing`. One sentence of what and why, one of what to do
next, and nothing of the policy but the rule's id. Deliberately absent: whether the rule fires.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter

from proxy.policy.calendar import moment_text
from proxy.policy.conditions.approvals import ApprovalCondition, told_of
from proxy.policy.conditions.case import Case, Condition, earliest
from proxy.policy.conditions.evidence import BackupCondition
from proxy.policy.conditions.moments import WindowCondition, windows_in
from proxy.policy.decision import Firing
from proxy.policy.durations import describe_duration
from proxy.policy.rules import Judgement, Mode, Rule
from proxy.policy.templates import Template, clean, enumerate_names, parse_template, printable
from proxy.sql.effects import EFFECT_KINDS, Effect, Risk
from proxy.sql.vocabulary.wording import words_of

DENY = parse_template("{effect} on {targets} is not allowed.")
DENY_MISSING = parse_template("{effect} on {targets} needs {missing}.")
HINT_BACKUP = parse_template("Take a backup, record it, and run the statement again.")
HINT_AND = parse_template("And ask for it: pgwarden approve request {decision_id}")
HINT_OR = parse_template("Or ask for it: pgwarden approve request {decision_id}")
HINT_GLASS = parse_template("In an emergency: pgwarden approve request {decision_id} --break-glass")
HINT_WINDOW = parse_template("Run it again after {window.next}.")
HINT_APPROVAL = parse_template("Ask for it: pgwarden approve request {decision_id}")
HINT = parse_template("Ask the owners of this database's policy, and name the rule {rule}.")

STALE_MESSAGE = "{effect} on {targets} needs evidence, and the record of it cannot be read at the moment."
STALE_HINT = "Run it again in a minute; if it is refused again, tell those who run pgwarden."
SHOWN_REASONS = 3
# Of a text that does more than this, as many of its gravest effects are looked at for what is told.
MOST_TOLD = 100
# Told after what no evidence can help, and before the single requirements.
STALE_URGENCY = (True, 1, 1, "stale-facts")
_NAME, _RISK = attrgetter("name"), attrgetter("risk")
# How far an opening is looked for, in edges of windows and in time: a refusal must cost no more than a
# glance.
MAX_EDGES = 200
FARTHEST_OPENING = timedelta(days=366)


def fired(case: Case, rule: Rule, judgement: Judgement, *, break_glass: bool) -> Firing:
    """The firing of one rule.

    Args:
        case, rule, judgement: what has fired.
        break_glass: whether the policy admits that approvals lift what rules require.
    """
    approvable = rule.approvable(break_glass=break_glass)
    missing = tuple(outcome.missing for outcome in judgement.missing)
    told = _Told(case.effects)
    values = _Values(case, told, rule, missing)
    deny = rule.deny or (DENY_MISSING if rule.require else DENY)
    message = f"{deny.fill(values.of).rstrip()} [rule {rule.id}]"
    return Firing(
        rule=rule.id,
        mode=str(rule.mode),
        sqlstate=rule.sqlstate,
        message=message,
        detail=_detail(case, told, rule, judgement),
        hint=_hint(rule, judgement, values, approvable=approvable),
        targets=target_names(told.effects),
        effects=effect_names(case.effects),
        missing=missing,
        # What it requires may have come about by the time at which the approval is used.
        approvable=approvable or bool(rule.require),
    )


def stale_firing(rule: Rule, mode: Mode, asking: Sequence[tuple[Case, Rule, Judgement]]) -> Firing:
    """The firing of the reserved rule about evidence that cannot be read."""
    asking = sorted(asking, key=lambda each: each[1].id)
    each_told = [_Told(case.effects) for case, _, _ in asking]
    told = _Told(tuple(dict.fromkeys(effect for each in each_told for effect in each.effects)))
    told.endless = told.endless or any(each.endless for each in each_told)
    missing = tuple(
        dict.fromkeys(o.missing for _, _, judgement in asking for o in judgement.missing if o.evidence)
    )
    values = {"effect": told.effects_text(), "targets": told.targets_text()}
    return Firing(
        rule=rule.id,
        mode=str(mode),
        sqlstate=rule.sqlstate,
        message=f"{parse_template(STALE_MESSAGE).fill(lambda name: values[name])} [rule {rule.id}]",
        detail=f"Asked for by: {', '.join(each.id for _, each, _ in asking)}.",
        hint=STALE_HINT,
        targets=target_names(told.effects),
        effects=effect_names(told.effects),
        missing=missing,
    )


def urgency(case: Case, rule: Rule, judgement: Judgement) -> tuple[bool, int, int, str]:
    """Which of several firings to tell first: what no evidence can help, then the gravest.

    The order of rules plays no part.
    """
    kind = 2 if rule.require else 1 if rule.when else 0
    gravest = max(map(_RISK, case.effects))
    return (not rule.reserved, kind, -gravest, rule.id)


class _Told:
    """The effects that a text names: all, or the first of the gravest where they are too many.

    Attributes:
        endless: there are more.
    """

    def __init__(self, effects: Sequence[Effect]) -> None:
        self.endless = len(effects) > MOST_TOLD
        if self.endless:
            gravest = max(map(_RISK, effects))
            effects = tuple(islice((each for each in effects if each.risk is gravest), MOST_TOLD))
        self.effects = effects

    def effects_text(self) -> str:
        """What people call the effects: `DROP TABLE, TRUNCATE`."""
        return enumerate_names(
            dict.fromkeys(words_of(effect.name, effect.detail) for effect in self.effects),
            endless=self.endless,
        )

    def targets_text(self) -> str:
        """What people call the targets."""
        names = dict.fromkeys(_called(effect) for effect in self.effects if effect.target is not None)
        return enumerate_names(names, endless=self.endless) if names else "this database"


def effect_names(effects: Iterable[Effect]) -> tuple[str, ...]:
    """Names without repeats."""
    return tuple(dict.fromkeys(map(_NAME, effects)))


def target_names(effects: Iterable[Effect]) -> tuple[str, ...]:
    """Targets without repeats, as text."""
    return tuple(dict.fromkeys(str(effect.target) for effect in effects if effect.target is not None))


def _called(effect: Effect) -> str:
    """What people call the target; an index without a name is known by its table."""
    target = effect.target
    if target is None or target.name is not None:
        return str(target)
    if effect.name == "index.create" and effect.detail.startswith("on "):
        return effect.detail.removeprefix("on ")
    return f"an unknown {target.kind.replace('_', ' ')}"


class _Values:
    """The placeholders' values, worked out only when a text names them."""

    def __init__(self, case: Case, told: _Told, rule: Rule, missing: tuple[str, ...]) -> None:
        self._case = case
        self._told = told
        self._rule = rule
        self._missing = missing
        self._windows = (*windows_in(rule.require), *windows_in(rule.when))
        self._backup = next((c for c in rule.require if isinstance(c, BackupCondition)), None)

    def of(self, name: str) -> str:
        """The value of one placeholder."""
        context = self._case.context
        match name:
            case "effect":
                return self._told.effects_text()
            case "targets":
                return self._told.targets_text()
            case "role":
                return clean(context.role)
            case "database":
                return clean(context.database)
            case "rule":
                return self._rule.id
            case "missing":
                return " and ".join(self._missing)
            case "window.text":
                return " and ".join(dict.fromkeys(window.text for window in self._windows))
            case "window.next":
                return self._opening()
            case _:
                return self._backup_value(name)

    def _opening(self) -> str:
        opening = next_opening(self._case, self._rule)
        return (
            "no moment in sight"
            if opening is None
            else moment_text(opening, self._windows[0].windows[0].zone)
        )

    def _backup_value(self, name: str) -> str:
        backup = self._backup
        if backup is None:
            return ""
        values = {
            "backup.within": describe_duration(backup.within),
            "backup.verified": backup.verified.name.lower(),
            "backup.copies": str(backup.copies),
            "backup.covers": backup.covers,
        }
        return values[name] if name in values else backup.last(self._case)


def next_opening(case: Case, rule: Rule) -> datetime | None:
    """When the rule's windows and dates next stop standing in the way, whatever else is missing."""
    when = rule.when
    require = windows_in(rule.require)
    moment = case.context.now
    for _ in range(MAX_EDGES):
        later = replace(case, context=replace(case.context, now=moment))
        forbidding = [condition.judge(later) for condition in when]
        asking = [condition.judge(later) for condition in require]
        free = bool(when) and not all(outcome.holds for outcome in forbidding)
        if free or (asking and all(outcome.holds for outcome in asking)):
            return moment
        edge = earliest(outcome.until for outcome in (*forbidding, *asking))
        if edge is None or edge > case.context.now + FARTHEST_OPENING:
            return None
        moment = edge
    return None


def _detail(case: Case, few: _Told, rule: Rule, judgement: Judgement) -> str:
    """Why: what is missing and what is known instead, or which window is open."""
    told = "missing" in (rule.deny or DENY_MISSING).names
    sentences = [
        f"{_capital(outcome.found)}." if told else f"Missing: {outcome.missing} ({outcome.found})."
        for outcome in judgement.missing
    ]
    if not sentences:
        sentences = [f"{_capital(o.found)}." for o in judgement.when if o.until is not None or o.evidence]
    if rule.approval is not None and (granted := told_of(case.approvals, rule.id, case.context.now)):
        sentences.append(f"{_capital(granted)}.")
    if not sentences:
        reasons = list(dict.fromkeys(_reason(effect) for effect in _gravest_first(few.effects)))
        sentences = reasons[:SHOWN_REASONS]
        if len(reasons) > SHOWN_REASONS:
            others = "many" if few.endless else len(reasons) - SHOWN_REASONS
            sentences.append(f"And {others} more.")
    return printable(" ".join(sentences))


def _gravest_first(effects: Iterable[Effect]) -> list[Effect]:
    """One effect for each name and target, the gravest first."""
    unique = {(effect.name, effect.target): effect for effect in effects}
    return sorted(unique.values(), key=lambda effect: -effect.risk)


def _reason(effect: Effect) -> str:
    """What the catalogue says of an effect, such as `A table is dropped: public.users (high risk)`."""
    kind = EFFECT_KINDS.get(effect.name)
    summary = kind.summary.partition(";")[0] if kind is not None else "what happens is not known"
    target = "" if effect.target is None else f": {clean(str(effect.target))}"
    risk = f" ({effect.risk.name.lower()} risk)" if effect.risk > Risk.NONE else ""
    return f"{_capital(summary)}{target}{risk}."


def _hint(rule: Rule, judgement: Judgement, values: _Values, *, approvable: bool) -> str:
    """What to do: as the rule says, else by what is missing; and how people may let it pass."""
    if rule.hint is not None:
        return rule.hint.fill(values.of)
    template = _default_hint(rule, judgement, approvable=approvable)
    if not approvable or template is HINT_APPROVAL:
        return template.fill(values.of)
    asked = any(isinstance(condition, ApprovalCondition) for condition in rule.require)
    way = HINT_AND if asked else HINT_GLASS if rule.require else HINT_OR
    return f"{template.fill(values.of)} {way.fill(values.of)}"


def _default_hint(rule: Rule, judgement: Judgement, *, approvable: bool) -> Template:
    lacking: list[Condition] = [
        condition
        for condition, outcome in zip(rule.require, judgement.require, strict=True)
        if not outcome.holds
    ]
    if any(isinstance(condition, BackupCondition) for condition in lacking):
        return HINT_BACKUP
    if any(isinstance(condition, WindowCondition) for condition in lacking) or windows_in(rule.when):
        return HINT_WINDOW
    return HINT_APPROVAL if approvable else HINT


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
