"""The judgement as a tree: effects, rules, what held, what was missing, what would change it.

Enters: the arguments of `decide`. Leaves: an `Explanation` that prints as lines, made from the very objects
that decide: matching rules are found by the same search and judged by the same conditions.
Deliberately absent: colours, terminals, JSON (the command line does those).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from proxy.policy.calendar import moment_text
from proxy.policy.conditions.approvals import told_of
from proxy.policy.conditions.case import Case, Condition, Outcome
from proxy.policy.context import Context
from proxy.policy.decide import case_of, decide, fitting_rules, lifting
from proxy.policy.decision import Decision, Firing, Wanted
from proxy.policy.facts import Facts
from proxy.policy.rules import Judgement, Mode, Policy, Rule
from proxy.policy.templates import clean, printable
from proxy.policy.wanting import at_most
from proxy.sql.effects import Effect


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of the tree and what hangs below it.

    Attributes:
        holds: whether what the line says is so: True, False, or None for a heading.
    """

    text: str
    holds: bool | None = None
    below: tuple["Branch", ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The branch as indented text: `+` for what holds, `-` for what does not."""
        mark = "" if self.holds is None else "+ " if self.holds else "- "
        yield f"{'  ' * depth}{mark}{self.text}"
        for branch in self.below:
            yield from branch.lines(depth + 1)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a decision is what it is."""

    decision: Decision
    branches: tuple[Branch, ...]

    def lines(self) -> tuple[str, ...]:
        """The whole tree as text."""
        return tuple(line for branch in self.branches for line in branch.lines())


def explain(
    effects: Sequence[Effect],
    context: Context,
    policy: Policy,
    facts: Facts,
    places: Sequence[Sequence[str]] = (),
) -> Explanation:
    """Judge as `decide` does, and say why.

    Args:
        effects: what the statement does.
        context: who does it, and when.
        policy: the rules.
        facts: the evidence.
        places: for each effect the lines that show where in the text it stands, if known.
    """
    decision = decide(effects, context, policy, facts)
    fitting = fitting_rules(effects, context, policy, facts)
    branches = [
        Branch(_verdict(decision, policy)),
        *(Branch(_held(wanted, context)) for wanted in decision.wanted),
        Branch("effects", below=tuple(_effects(effects, places)) or (Branch("none"),)),
    ]
    judged = [
        _rule(rule, case_of(context, facts, concerned, policy), policy) for rule, concerned in fitting.items()
    ]
    judged += (_stale(firing) for firing in _stale_firings(decision, policy))
    if judged:
        branches.append(Branch("rules that match", below=tuple(judged)))
    near = tuple(_near(effects, context, policy, fitting))
    if near:
        branches.append(Branch("rules about such effects that do not match", below=near))
    if decision.holds_until is not None:
        branches.append(Branch(f"this holds until {_moment(decision, policy)}"))
    return Explanation(decision, tuple(branches))


def _verdict(decision: Decision, policy: Policy) -> str:
    told = ", ".join(firing.rule for firing in decision.enforced)
    verdict = "allowed" if decision.allowed else f"refused by {told}"
    if decision.shadowed:
        verdict += (
            f"; shadow rules that would refuse: {', '.join(firing.rule for firing in decision.shadowed)}"
        )
    if policy.mode != "enforce":
        verdict += f" (the policy's mode is {policy.mode}: it refuses nothing)"
    return f"{verdict} [policy {policy.name}]"


def _held(wanted: Wanted, context: Context) -> str:
    """What a gate does about it that can."""
    where = "where the gate can" if context.transaction == "none" else "outside of a transaction"
    return f"{where}, {wanted.deed}, {at_most(wanted.at_most)}: {wanted}"


def _effects(effects: Sequence[Effect], places: Sequence[Sequence[str]]) -> Iterator[Branch]:
    for number, effect in enumerate(effects):
        lines = places[number] if number < len(places) else ()
        yield Branch(_effect(effect), below=tuple(Branch(line) for line in lines))


def _effect(effect: Effect) -> str:
    target = "" if effect.target is None else f" on {effect.target.kind} {clean(str(effect.target))}"
    traits = f", {', '.join(sorted(effect.traits))}" if effect.traits else ""
    return f"{effect.name}{target} (risk {effect.risk.name.lower()}{traits})"


def _rule(rule: Rule, case: Case, policy: Policy) -> Branch:
    judgement = rule.judge(case)
    below = [Branch(f"matches {_effect(effect)}", True) for effect in case.effects]
    below += _conditions("when", rule.when, judgement.when)
    below += _conditions("requires", rule.require, judgement.require)
    for number, entry in enumerate(rule.unless):
        if judgement.unless:
            holds = all(outcome.holds for outcome in judgement.unless[number])
            lifted = "lifted" if holds else "not lifted"
            below.append(
                Branch(
                    f"{lifted} by unless {number + 1}",
                    holds,
                    _conditions("if", entry, judgement.unless[number]),
                )
            )
    if judgement.fires and rule.why:
        below.append(Branch(f"why: {printable(rule.why)}"))
    passes = False
    if judgement.fires and rule.mode is Mode.ENFORCE:
        approval = _approval(rule, case, policy)
        passes = any(branch.holds for branch in approval)
        below += approval
        below += [] if passes else [Branch(text) for text in _ways_past(rule, policy)]
    return Branch(_heading(rule, judgement, lifted=passes), below=tuple(below))


def _approval(rule: Rule, case: Case, policy: Policy) -> list[Branch]:
    """What approvals of this text there are for a rule that fires."""
    found = lifting(rule, case, policy)
    besides = () if rule.approval is None else _conditions("with", rule.approval.besides, found.besides)
    if found.approved is not None:
        glass = ", breaking the glass" if found.break_glass else ""
        return [Branch(f"lifted by approval {found.approved.id}{glass}", True, besides)]
    known = "" if rule.approval is None else told_of(case.approvals, rule.id, case.context.now)
    return [Branch(known, False, besides)] if known else []


def _ways_past(rule: Rule, policy: Policy) -> Iterator[str]:
    """What people could do about a rule that fires."""
    if rule.approval is None:
        yield "no approval lifts this rule"
    else:
        yield f"an approval {rule.approval} lifts this"
        if rule.require and policy.break_glass:
            yield "what it requires must still hold, unless the approval breaks the glass"
        elif rule.require:
            yield "what it requires must still hold"
    match rule.otherwise.action:
        case "backup":
            yield f"outside a transaction a backup may be taken first, {at_most(rule.otherwise.at_most)}"
        case "hold":
            yield f"outside a transaction an approval may be waited for, {_at_most(rule)}"
        case "deny":
            return


def _at_most(rule: Rule) -> str:
    return at_most(rule.otherwise.at_most)


def _stale_firings(decision: Decision, policy: Policy) -> Iterator[Firing]:
    """What the reserved rule about stale facts says: it has no match of its own."""
    return (f for f in (*decision.enforced, *decision.shadowed) if f.rule == policy.stale_facts.id)


def _stale(firing: Firing) -> Branch:
    acts = "refuses" if firing.mode == str(Mode.ENFORCE) else "would refuse (shadow)"
    return Branch(f"{firing.rule}: {acts} [reserved]", below=(Branch(firing.detail),))


def _heading(rule: Rule, judgement: Judgement, *, lifted: bool) -> str:
    acts = "refuses" if rule.mode is Mode.ENFORCE else "would refuse (shadow)"
    if lifted:
        acts = "is lifted by an approval"
    place = "reserved" if rule.position is None else f"{rule.position.file}:{rule.position.line}"
    return f"{rule.id}: {acts if judgement.fires else 'does not fire'} [{place}]"


def _conditions(word: str, asked: Sequence[Condition], outcomes: Sequence[Outcome]) -> tuple[Branch, ...]:
    """The conditions that were judged; those not asked any more are left out."""
    return tuple(
        Branch(f"{word} {condition.name}", outcome.holds, _why(outcome))
        for condition, outcome in zip(asked, outcomes, strict=False)
    )


def _why(outcome: Outcome) -> tuple[Branch, ...]:
    return tuple(Branch(text) for text in (printable(outcome.found), printable(outcome.cure)) if text)


def _near(
    effects: Sequence[Effect], context: Context, policy: Policy, fitting: dict[Rule, list[Effect]]
) -> Iterator[Branch]:
    """Rules that name an effect of the statement but do not fit it, with the part that does not."""
    seen: set[Rule] = set(fitting)
    for effect in effects:
        for rule in policy.rules_for(effect.name):
            if rule in seen:
                continue
            seen.add(rule)
            part = rule.match.misfit(effect, context)
            if part is not None:
                yield Branch(f"{rule.id}: {effect.name} does not fit {part.text}")


def _moment(decision: Decision, policy: Policy) -> str:
    return moment_text(decision.holds_until, policy.zone) if decision.holds_until is not None else ""
