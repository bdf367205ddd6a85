"""What becomes of a script: does it pass now, when would it, and what does it need?

Enters: a script, a policy, circumstances, evidence. Leaves: an `Outlook`: the rules that refuse it now and
where, the first moment at which no window of time stands in its way, and what it lacks even then.
Deliberately absent: files, and printing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from proxy.app.offline.judging import at, judge, lacking, of, read_sql
from proxy.policy.conditions.case import Case
from proxy.policy.context import Context
from proxy.policy.decide import fitting_rules, is_trusted
from proxy.policy.decision import Firing, Lift
from proxy.policy.facts import Facts
from proxy.policy.firing import next_opening
from proxy.policy.rules import Mode, Policy, Rule
from proxy.session.meaning import Meaning
from proxy.session.refusal import Denial
from proxy.sql.effects import Effect

# Windows of several rules are brought together by going from one's opening to the next one's.
_MAX_STEPS = 50


@dataclass(frozen=True, slots=True)
class Objection:
    """A rule that refuses a script, or would in shadow.

    Attributes:
        lines: where in the script, counted from 1.
    """

    rule: str
    message: str
    hint: str
    missing: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of a script.

    Attributes:
        asked: the moment asked about.
        now: what refuses it at that moment; empty when it passes.
        opening: the first moment from then on at which no window stands in its way; None when there is none
            in sight.
        needs: evidence that it lacks even then.
        never: what refuses it then whatever the evidence: the script itself has to change.
        watched: what would refuse it now, were it not in shadow.
        lifted: what would, were it not approved.
    """

    asked: datetime
    now: tuple[Objection, ...]
    opening: datetime | None
    needs: tuple[str, ...]
    never: tuple[Objection, ...]
    watched: tuple[Objection, ...]
    lifted: tuple[Lift, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether it passes now."""
        return not self.now

    @property
    def can_pass(self) -> bool:
        """Whether it would pass at some time, given the evidence."""
        return self.opening is not None and not self.never


def outlook(sql: str, context: Context, policy: Policy, facts: Facts) -> Outlook:
    """Judge a script now, and at the next opening."""
    meaning = read_sql(sql)
    context = of(context, meaning)
    verdict = judge(meaning, context, policy, facts)
    if verdict.decision is None:
        refused = _limit(verdict.denial)
        return Outlook(context.now, refused, context.now, (), refused, ())
    places = _Places(sql)
    concerned = fitting_rules(meaning.effects, context, policy, facts)

    def objections(firings: Iterable[Firing]) -> tuple[Objection, ...]:
        return tuple(_objection(each, meaning, concerned, places) for each in firings)

    now = objections(verdict.decision.enforced)
    watched = objections(verdict.decision.shadowed)
    lifted = verdict.decision.lifted
    opening = _opening(concerned, context, policy, facts)
    if opening is None:
        return Outlook(context.now, now, None, lacking(verdict.decision.enforced), (), watched, lifted)
    later = judge(meaning, at(context, opening), policy, facts).decision
    firings = () if later is None else later.enforced
    never = objections(firing for firing in firings if not firing.missing)
    return Outlook(context.now, now, opening, lacking(firings), never, watched, lifted)


def _opening(
    concerned: dict[Rule, list[Effect]], context: Context, policy: Policy, facts: Facts
) -> datetime | None:
    """The first moment, from now on, at which no rule's windows or dates stand in the way."""
    timed = [rule for rule in concerned if rule.mode is Mode.ENFORCE and _is_timed(rule)]
    trusted = is_trusted(policy, facts)
    moment = context.now
    for _ in range(_MAX_STEPS):
        openings = [
            _rule_opening(rule, concerned[rule], at(context, moment), facts, trusted) for rule in timed
        ]
        if any(opening is None for opening in openings):
            return None
        latest = max([moment, *(opening for opening in openings if opening is not None)])
        if latest == moment:
            return moment
        moment = latest
    return None


def _rule_opening(
    rule: Rule, effects: list[Effect], context: Context, facts: Facts, trusted: bool
) -> datetime | None:
    case = Case(context, facts, tuple(effects), trusted)
    return next_opening(case, rule) if rule.judge(case).fires else context.now


def _is_timed(rule: Rule) -> bool:
    """Whether the clock can lift the rule."""
    return any(
        condition.name.startswith(("window:", "dates:", "freeze:", "not ")) for condition in rule.when
    ) or any(condition.name.startswith("window:") for condition in rule.require)


def _objection(
    firing: Firing, meaning: Meaning, concerned: dict[Rule, list[Effect]], places: _Places
) -> Objection:
    effects = next((each for rule, each in concerned.items() if rule.id == firing.rule), [])
    lines = sorted({places.line(effect.location) for effect in effects if effect.location >= 0})
    message = firing.message
    if meaning.error is not None and firing.rule == "unparsed":
        message = f"{meaning.error.message} [rule unparsed]"
        lines = [places.line(max(meaning.error.position - 1, 0))]
    return Objection(firing.rule, message, firing.hint, firing.missing, tuple(lines))


def _limit(denial: Denial | None) -> tuple[Objection, ...]:
    return () if denial is None else (Objection(denial.rule, denial.message, denial.hint, (), ()),)


class _Places:
    """Lines of a text by character offset."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(index + 1 for index, character in enumerate(text) if character == "\n")]

    def line(self, offset: int) -> int:
        return bisect_right(self._starts, offset)
