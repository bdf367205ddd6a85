"""The judgement: effects + context + policy + facts -> decision. A pure function.

Enters: what a statement does, the circumstances, the compiled policy, the evidence. Leaves: a `Decision`.
Any firing enforced rule refuses; the order of rules means nothing. Deliberately absent: SQL text, the clock,
and everything that could make the same arguments give another answer.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from proxy.policy.conditions.case import Case, earliest
from proxy.policy.context import Context
from proxy.policy.decision import Decision, Firing, Refusal
from proxy.policy.facts import Facts
from proxy.policy.firing import STALE_URGENCY, fired, stale_firing, urgency
from proxy.policy.rules import Judgement, Mode, Policy, Rule
from proxy.sql.effects import Effect

__all__ = ["Decision", "Firing", "Refusal", "decide", "fitting_rules", "is_trusted"]


def decide(effects: Sequence[Effect], context: Context, policy: Policy, facts: Facts) -> Decision:
    """Judge one execution of one statement (or of several that run as one)."""
    fitting = fitting_rules(effects, context, policy, facts)
    if not fitting:
        return Decision(True, (), (), None, tuple(effects), False, False)
    trusted = is_trusted(policy, facts)
    until: datetime | None = None
    facts_used = False
    fired_rules: list[tuple[Case, Rule, Judgement]] = []
    doubtful: list[tuple[Case, Rule, Judgement]] = []
    for rule, concerned in fitting.items():
        case = Case(context, facts, tuple(concerned), trusted)
        judgement = rule.judge(case)
        until = earliest((until, judgement.until))
        facts_used = facts_used or judgement.facts_used
        if judgement.fires:
            fired_rules.append((case, rule, judgement))
        if judgement.evidence and facts.stale and policy.stale_facts.mode is not Mode.OFF:
            doubtful.append((case, rule, judgement))
    enforced, shadowed = _firings(policy, fired_rules, doubtful)
    transactional = not policy.transactional.isdisjoint(fitting)
    return Decision(not enforced, enforced, shadowed, until, tuple(effects), facts_used, transactional)


def fitting_rules(
    effects: Iterable[Effect], context: Context, policy: Policy, facts: Facts
) -> dict[Rule, list[Effect]]:
    """The rules whose match fits, each with those effects: the only part that every statement pays.

    Of a kind of effect each rule is asked once, unless it speaks of targets: thousands of DROPs cost little
    more than one.
    """
    fitting: dict[Rule, list[Effect]] = {}
    kinds: dict[tuple[str, frozenset[str], int], tuple[list[list[Effect]], list[Rule]]] = {}
    for effect in effects:
        kind = (effect.name, effect.traits, int(effect.risk))
        known = kinds.get(kind)
        if known is None:
            rules = policy.rules_for(effect.name)
            fit = [rule for rule in rules if rule.match.by_kind and rule.match.fits(effect, context)]
            known = (
                [fitting.setdefault(rule, []) for rule in fit],
                [rule for rule in rules if not rule.match.by_kind],
            )
            kinds[kind] = known
        for concerned in known[0]:
            concerned.append(effect)
        for rule in known[1]:
            if rule.match.fits(effect, context):
                fitting.setdefault(rule, []).append(effect)
    if facts.freezes:
        _fit_writes(policy.freeze, effects, fitting)
    if facts.overdue:
        _fit_writes(policy.ledger, effects, fitting)
    return fitting


def _fit_writes(rule: Rule, effects: Iterable[Effect], fitting: dict[Rule, list[Effect]]) -> None:
    """A reserved rule about writes: it stands in no index, since quiet times pay nothing for it."""
    writes = [effect for effect in effects if effect.name in rule.match.names]
    if writes and rule.mode is not Mode.OFF:
        fitting[rule] = writes


def is_trusted(policy: Policy, facts: Facts) -> bool:
    """Whether the facts may prove anything."""
    return not facts.stale or policy.stale_facts.mode is not Mode.ENFORCE


def _firings(
    policy: Policy,
    fired_rules: list[tuple[Case, Rule, Judgement]],
    doubtful: list[tuple[Case, Rule, Judgement]],
) -> tuple[tuple[Firing, ...], tuple[Firing, ...]]:
    """Enforced and shadowed firings, each with the one to tell first in front."""
    told = [(urgency(*each), each[1].mode, fired(*each)) for each in fired_rules]
    # A rule that only watches must not refuse by way of the evidence that it asks for.
    for mode in (Mode.ENFORCE, Mode.SHADOW):
        asking = [each for each in doubtful if min(each[1].mode, policy.stale_facts.mode) is mode]
        if asking:
            told.append((STALE_URGENCY, mode, stale_firing(policy.stale_facts, mode, asking)))
    told.sort(key=lambda each: each[0])
    enforced = tuple(firing for _, mode, firing in told if mode is Mode.ENFORCE)
    shadowed = tuple(firing for _, mode, firing in told if mode is not Mode.ENFORCE)
    return enforced, shadowed
