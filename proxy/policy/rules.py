"""Compiled rules and the policy that holds them.

Enters: compiled conditions. Leaves: `Rule`, which judges one case; `Policy`, which finds the rules that
concern an effect. Both immutable: a reload swaps one reference. Deliberately absent: YAML (loading/) and the
whole decision (decide.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import chain
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from proxy.policy.conditions.approvals import APPROVAL, ApprovalCondition, people
from proxy.policy.conditions.case import Case, Condition, Outcome, Proof, earliest
from proxy.policy.conditions.matching import Match
from proxy.policy.conditions.moments import TransactionCondition
from proxy.policy.durations import describe_duration
from proxy.policy.templates import Template
from proxy.source import Document, Path, Position
from proxy.sql.effects import EFFECT_KINDS, Effect

# Rules that exist without being written. The first six are judged here; the session raises the others, and
# `ledger` too, where what has to be recorded cannot be.
RESERVED: Mapping[str, str] = MappingProxyType(
    {
        "unparsed": "a statement whose text cannot be read",
        "unknown": "a statement that holds what the analysis does not know",
        "catalogue": "a statement that may run code of the database while its catalogue cannot be read",
        "stale-facts": "evidence asked for while the ledger cannot be read",
        "freeze": "a write while writes are frozen",
        "replication": "a replication connection of somebody to whom the policy grants none",
        "ledger": "a write while the ledger is out of reach, or cannot record it",
        "undecodable": "a text that cannot be decoded as the server will",
        "lexing": "a text that reads differently under settings that are in doubt",
        "over-size": "a statement larger than the gate reads",
        "protocol": "a message that the protocol does not allow",
    }
)
DEFAULT_SQLSTATE = "42501"


class Mode(IntEnum):
    """What a firing rule does. A policy's own mode caps those of its rules."""

    OFF = 0
    SHADOW = 1
    ENFORCE = 2

    def __str__(self) -> str:
        """As written in a policy."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule says about one case.

    Attributes:
        when, require, unless: the outcomes of the conditions that were asked, in the rule's order; `require`
            and `unless` are empty where the answer was clear before.
        until: the judgement stays before this moment.
        evidence: True when the judgement rests on facts that a `require` looked at; not when an exception
            lifts the rule anyhow.
        facts_used: True when any condition looked at facts.
        approvals: those without which it would fire.
    """

    fires: bool
    until: datetime | None
    when: tuple[Outcome, ...]
    require: tuple[Outcome, ...] = ()
    unless: tuple[tuple[Outcome, ...], ...] = ()
    evidence: bool = False
    facts_used: bool = False
    approvals: tuple[str, ...] = ()

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The evidence that it rests on, where the rule does not fire."""
        if self.fires or not self.facts_used:
            return ()
        asked = (*self.when, *self.require, *chain.from_iterable(self.unless))
        return tuple(proof for outcome in asked if outcome.holds for proof in outcome.proofs)

    @property
    def missing(self) -> tuple[Outcome, ...]:
        """The requirements that are not met."""
        return tuple(outcome for outcome in self.require if not outcome.holds)


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approval takes that lifts a rule.

    Attributes:
        within: how long it counts; None for as long as it is asked for.
        besides: evidence that must hold besides.
    """

    by: int
    within: timedelta | None = None
    besides: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        """`by 2 people within 2 hours, with backup: …`."""
        within = "" if self.within is None else f" within {describe_duration(self.within)}"
        besides = "".join(f", with {condition.name}" for condition in self.besides)
        return f"by {people(self.by)}{within}{besides}"


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What may be done instead of refusing, outside of transactions.

    Attributes:
        at_most: how long it may take; no time where nothing is done.
    """

    action: Literal["deny", "backup", "hold"]
    at_most: timedelta = timedelta()


DENY = Otherwise("deny")


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule, compiled. Compared by identity: a policy holds each once.

    Attributes:
        position, place: where it is written, and the path there in its document; None for a reserved rule.
        mode: as written, capped by the policy's.
        deny, hint: None where the rule says nothing, so that the default text is used.
        otherwise: what may be done instead of refusing.
        approval: what lifts it, the policy's approvals where the rule says nothing; None: nothing does.
        why: for explain, as written.
    """

    id: str
    mode: Mode
    match: Match
    when: tuple[Condition, ...] = ()
    require: tuple[Condition, ...] = ()
    unless: tuple[tuple[Condition, ...], ...] = ()
    deny: Template | None = None
    hint: Template | None = None
    sqlstate: str = DEFAULT_SQLSTATE
    otherwise: Otherwise = DENY
    approval: Approval | None = None
    position: Position | None = None
    place: Path = ()
    why: str = ""

    @property
    def reserved(self) -> bool:
        """Whether it exists without being written."""
        return self.id in RESERVED

    def approvable(self, *, break_glass: bool) -> bool:
        """Whether an approval may help when it fires.

        Args:
            break_glass: whether the policy admits that what it requires is lifted, too.
        """
        asked = any(isinstance(condition, ApprovalCondition) for condition in self.require)
        return asked or (self.approval is not None and (break_glass or not self.require))

    def judge(self, case: Case) -> Judgement:
        """Whether the rule, whose match fits, fires."""
        when = tuple(condition.judge(case) for condition in self.when)
        until = earliest(outcome.until for outcome in when)
        looked = any(outcome.evidence for outcome in when)
        if not all(outcome.holds for outcome in when):
            return Judgement(False, until, when, facts_used=looked)
        require = tuple(condition.judge(case) for condition in self.require)
        until = earliest((until, *(outcome.until for outcome in require)))
        evidence = any(outcome.evidence for outcome in require)
        if require and all(outcome.holds for outcome in require):
            used = _approvals(require)
            return Judgement(
                False, until, when, require, evidence=evidence, facts_used=looked or evidence, approvals=used
            )
        unless = tuple(tuple(condition.judge(case) for condition in entry) for entry in self.unless)
        asked = [outcome for entry in unless for outcome in entry]
        lifting = [_approvals(entry) for entry in unless if all(outcome.holds for outcome in entry)]
        lifted = bool(lifting)
        return Judgement(
            fires=not lifted,
            until=earliest((until, *(outcome.until for outcome in asked))),
            when=when,
            require=require,
            unless=unless,
            evidence=evidence and not lifted,
            facts_used=looked or evidence or any(outcome.evidence for outcome in asked),
            approvals=min(lifting, key=len, default=()),
        )


@dataclass(frozen=True, slots=True)
class Resting:
    """The two sides of a reserved rule about writes that rest.

    Attributes:
        writes: about what writes.
        completes: about what would complete the writes of a transaction that is open: its end, above all.
    """

    writes: Rule
    completes: Rule


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, loaded whole.

    Attributes:
        mode: "enforce", "shadow" or "off": caps every rule's, the reserved ones included.
        digest: SHA-256 over the text of all files, in hexadecimal.
        rules: as written, the policy's own first, then those of included packs; the reserved ones last.
        stale_facts: the reserved rule about evidence that cannot be read.
        freeze: the reserved rules about writes while they are frozen; judged when facts know a freeze.
        ledger: the reserved rules about writes while facts are overdue; judged when they are.
        zone: the policy's time zone, UTC where it names none.
        documents: what was read, by file, for those who look at a policy instead of judging by it.
        transactional: the rules that ask for the transaction's state.
    """

    name: str
    environment: str
    mode: str
    digest: str
    files: tuple[str, ...]
    rules: tuple[Rule, ...]
    stale_facts: Rule
    freeze: Resting
    ledger: Resting
    zone: ZoneInfo
    break_glass: bool = False
    transactional: frozenset[Rule] = frozenset()
    index: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict, repr=False)
    documents: Mapping[str, Document] = field(default_factory=dict, repr=False)

    def rules_for(self, effect_name: str) -> tuple[Rule, ...]:
        """The rules that can concern an effect; one without a name in the catalogue is statement.unknown."""
        found = self.index.get(effect_name)
        return self.index["statement.unknown"] if found is None else found

    def may_concern(self, effect: Effect) -> bool:
        """Whether some rule speaks of effects of this name, these traits and this risk."""
        return any(rule.match.may_fit(effect) for rule in self.rules_for(effect.name))


def _approvals(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """The approvals by which conditions hold, each once."""
    proofs = (proof for outcome in outcomes for proof in outcome.proofs if proof.kind == APPROVAL)
    return tuple(dict.fromkeys(proof.reference for proof in proofs))


def build_index(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    """Lead every effect name of the catalogue to the rules that are on and can fit it."""
    lists: dict[str, list[Rule]] = {name: [] for name in EFFECT_KINDS}
    for rule in rules:
        if rule.mode is not Mode.OFF:
            for name in rule.match.names:
                lists[name].append(rule)
    return MappingProxyType({name: tuple(found) for name, found in lists.items()})


def asks_for_transaction(rule: Rule) -> bool:
    """Whether the state of the transaction plays a part in a rule."""
    conditions = [*rule.when, *rule.require, *(condition for entry in rule.unless for condition in entry)]
    return any(_is_transactional(condition) for condition in conditions)


def _is_transactional(condition: Condition) -> bool:
    inside: tuple[Condition, ...] = getattr(condition, "inside", ())
    return isinstance(condition, TransactionCondition) or any(_is_transactional(c) for c in inside)
