"""The judgement: effects + context + policy + facts -> decision. A pure function.

Enters: what a statement does, the circumstances, the compiled policy, the evidence. Leaves: a `Decision`.
Any firing enforced rule refuses; the order of rules means nothing. Deliberately absent: SQL text, the clock,
and everything that could make the same arguments give another answer.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from proxy.policy.conditions.approvals import Lifting, approvals_of, lift
from proxy.policy.conditions.case import Case, Proof, earliest
from proxy.policy.context import Context
from proxy.policy.decision import Decision, Firing, Lift, Refusal
from proxy.policy.facts import Approved, Facts
from proxy.policy.firing import STALE_URGENCY, fired, stale_firing, urgency
from proxy.policy.rules import Judgement, Mode, Policy, Resting, Rule
from proxy.policy.wanting import wanted_of
from proxy.sql.effects import Effect

__all__ = ["Decision", "Firing", "Refusal", "case_of", "decide", "fitting_rules", "is_trusted", "lifting"]


def decide(effects: Sequence[Effect], context: Context, policy: Policy, facts: Facts) -> Decision:
    """Judge one execution of one statement (or of several that run as one)."""
    fitting = fitting_rules(effects, context, policy, facts)
    completing = _may_complete(effects, policy, facts)
    if not fitting:
        return Decision(True, (), (), None, tuple(effects), False, completing, timeless=True)
    approvals = approvals_of(context, facts, policy.environment) if is_trusted(policy, facts) else ()
    until: datetime | None = None
    facts_used = False
    lifted: list[Lift] = []
    fired_rules: list[tuple[Case, Rule, Judgement]] = []
    doubtful: list[tuple[Case, Rule, Judgement]] = []
    proofs: dict[Proof, None] = {}
    for rule, concerned in fitting.items():
        case = case_of(context, facts, concerned, policy, approvals)
        judgement = rule.judge(case)
        until = earliest((until, judgement.until))
        facts_used = facts_used or judgement.facts_used
        proofs.update(dict.fromkeys(judgement.proofs))
        if judgement.fires and rule.mode is Mode.ENFORCE:
            found = lifting(rule, case, policy)
            until = earliest((until, found.until))
            facts_used = facts_used or bool(approvals)
            if found.approved is not None:
                lifted.append(Lift(rule.id, found.approved.id, found.break_glass))
                proofs.update(dict.fromkeys(found.proofs))
            else:
                fired_rules.append((case, rule, judgement))
        elif judgement.fires:
            fired_rules.append((case, rule, judgement))
        elif rule.mode is Mode.ENFORCE:
            lifted += (Lift(rule.id, approval) for approval in judgement.approvals)
        if judgement.evidence and facts.stale and policy.stale_facts.mode is not Mode.OFF:
            doubtful.append((case, rule, judgement))
    enforced, shadowed = _firings(policy, fired_rules, doubtful)
    transactional = completing or not policy.transactional.isdisjoint(fitting)
    wanted = wanted_of(each for each in fired_rules if each[1].mode is Mode.ENFORCE) if enforced else ()
    return Decision(
        allowed=not enforced,
        enforced=enforced,
        shadowed=shadowed,
        holds_until=until,
        effects=tuple(effects),
        facts_used=facts_used,
        transaction_used=transactional,
        proofs=tuple(proofs),
        lifted=tuple(lifted),
        taken=frozenset(each.id for each in approvals if each.taken),
        wanted=wanted,
    )


def case_of(
    context: Context,
    facts: Facts,
    concerned: Sequence[Effect],
    policy: Policy,
    approvals: tuple[Approved, ...] | None = None,
) -> Case:
    """A rule's look at an execution.

    Args:
        context, facts, policy: those of the judgement.
        concerned: the effects that the rule's match fits.
        approvals: those of the text, if they have been looked for.
    """
    trusted = is_trusted(policy, facts)
    if approvals is None:
        approvals = approvals_of(context, facts, policy.environment) if trusted else ()
    return Case(context, facts, tuple(concerned), trusted, approvals)


def lifting(rule: Rule, case: Case, policy: Policy) -> Lifting:
    """Whether an approval lifts a rule that fires in this case."""
    terms = rule.approval
    if terms is None or not case.approvals:
        return Lifting(None)
    return lift(
        case,
        rule.id,
        terms.by,
        terms.within,
        terms.besides,
        requires=bool(rule.require),
        break_glass=policy.break_glass,
    )


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
    for resting in _resting(policy, facts):
        _fit_writes(resting, effects, context, fitting)
    return fitting


def _resting(policy: Policy, facts: Facts) -> Iterable[Resting]:
    """The reserved rules about writes: they stand in no index, since quiet times pay nothing for them."""
    if facts.freezes:
        yield policy.freeze
    if facts.overdue:
        yield policy.ledger


def _fit_writes(
    resting: Resting, effects: Iterable[Effect], context: Context, fitting: dict[Rule, list[Effect]]
) -> None:
    rule = resting.writes
    if rule.mode is Mode.OFF:
        return
    concerned = [effect for effect in effects if effect.name in rule.match.names]
    if not concerned:
        rule = resting.completes
        names, fits = rule.match.names, rule.match.fits
        concerned = [effect for effect in effects if effect.name in names and fits(effect, context)]
    if concerned:
        fitting[rule] = concerned


def _may_complete(effects: Iterable[Effect], policy: Policy, facts: Facts) -> bool:
    """Whether it matters that the transaction has written."""
    resting = tuple(_resting(policy, facts))
    return any(effect.name in each.completes.match.names for each in resting for effect in effects)


def is_trusted(policy: Policy, facts: Facts) -> bool:
    """Whether the facts may prove anything."""
    return not facts.stale or policy.stale_facts.mode is not Mode.ENFORCE


def _firings(
    policy: Policy,
    fired_rules: list[tuple[Case, Rule, Judgement]],
    doubtful: list[tuple[Case, Rule, Judgement]],
) -> tuple[tuple[Firing, ...], tuple[Firing, ...]]:
    """Enforced and shadowed firings, each with the one to tell first in front."""
    told = [
        (urgency(*each), each[1].mode, fired(*each, break_glass=policy.break_glass)) for each in fired_rules
    ]
    # A rule that only watches must not refuse by way of the evidence that it asks for.
    for mode in (Mode.ENFORCE, Mode.SHADOW):
        asking = [each for each in doubtful if min(each[1].mode, policy.stale_facts.mode) is mode]
        if asking:
            told.append((STALE_URGENCY, mode, stale_firing(policy.stale_facts, mode, asking)))
    told.sort(key=lambda each: each[0])
    enforced = tuple(firing for _, mode, firing in told if mode is Mode.ENFORCE)
    shadowed = tuple(firing for _, mode, firing in told if mode is not Mode.ENFORCE)
    return enforced, shadowed
