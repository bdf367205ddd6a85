"""Compiled rules and the policy that holds them.

Enters: compiled conditions. Leaves: `Rule`, which judges one case; `Policy`, which finds the rules that
concern an effect. Both immutable: a reload swaps one reference. Deliberately absent: YAML (load.py) and the
whole decision (decide.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from proxy.policy.conditions.case import Case, Condition, Outcome, earliest
from proxy.policy.conditions.matching import Match
from proxy.policy.conditions.moments import TransactionCondition
from proxy.policy.texts import Template
from proxy.source import Document, Path, Position
from proxy.sql.effects import CATALOGUE

# Rules that exist without being written. The first three are judged here; the session raises the others.
RESERVED: Mapping[str, str] = MappingProxyType(
    {
        "unparsed": "a statement whose text cannot be read",
        "unknown": "a statement that holds what the analysis does not know",
        "stale-facts": "evidence asked for while the ledger cannot be read",
        "freeze": "a write while writes are frozen",
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
    """

    fires: bool
    until: datetime | None
    when: tuple[Outcome, ...]
    require: tuple[Outcome, ...] = ()
    unless: tuple[tuple[Outcome, ...], ...] = ()
    evidence: bool = False
    facts_used: bool = False

    @property
    def missing(self) -> tuple[Outcome, ...]:
        """The requirements that are not met."""
        return tuple(outcome for outcome in self.require if not outcome.holds)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule, compiled. Compared by identity: a policy holds each once.

    Attributes:
        position, place: where it is written, and the path there in its document; None for a reserved rule.
        mode: as written, capped by the policy's.
        deny, hint: None where the rule says nothing, so that the default text is used.
        otherwise: "deny", "backup" or "hold": what may be done instead of refusing.
        approval: for explain: "" where the rule says nothing.
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
    otherwise: str = "deny"
    approval: str = ""
    position: Position | None = None
    place: Path = ()

    @property
    def reserved(self) -> bool:
        """Whether it exists without being written."""
        return self.id in RESERVED

    def judge(self, case: Case) -> Judgement:
        """Whether the rule, whose match fits, fires."""
        when = tuple(condition.judge(case) for condition in self.when)
        until = earliest(outcome.until for outcome in when)
        if not all(outcome.holds for outcome in when):
            return Judgement(False, until, when)
        require = tuple(condition.judge(case) for condition in self.require)
        until = earliest((until, *(outcome.until for outcome in require)))
        evidence = any(outcome.evidence for outcome in require)
        if require and all(outcome.holds for outcome in require):
            return Judgement(False, until, when, require, evidence=evidence, facts_used=evidence)
        unless = tuple(tuple(condition.judge(case) for condition in entry) for entry in self.unless)
        asked = [outcome for entry in unless for outcome in entry]
        lifted = any(all(outcome.holds for outcome in entry) for entry in unless)
        return Judgement(
            fires=not lifted,
            until=earliest((until, *(outcome.until for outcome in asked))),
            when=when,
            require=require,
            unless=unless,
            evidence=evidence and not lifted,
            facts_used=evidence or any(outcome.evidence for outcome in asked),
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, loaded whole.

    Attributes:
        mode: "enforce", "shadow" or "off": caps every rule's, the reserved ones included.
        digest: SHA-256 over the text of all files, in hexadecimal.
        rules: as written, the policy's own first, then those of included packs; the reserved ones last.
        stale_facts: the reserved rule about evidence that cannot be read.
        zone: the policy's time zone, UTC where it names none.
        documents: what was read, by file, for those who look at a policy instead of judging by it.
        uses_transaction: True when some rule asks for the transaction's state.
    """

    name: str
    environment: str
    mode: str
    digest: str
    files: tuple[str, ...]
    rules: tuple[Rule, ...]
    stale_facts: Rule
    zone: ZoneInfo
    break_glass: bool = False
    uses_transaction: bool = False
    index: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict, repr=False)
    documents: Mapping[str, Document] = field(default_factory=dict, repr=False)

    def rules_for(self, effect_name: str) -> tuple[Rule, ...]:
        """The rules that can concern an effect; one without a name in the catalogue is statement.unknown."""
        found = self.index.get(effect_name)
        return self.index["statement.unknown"] if found is None else found


def build_index(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    """Lead every effect name of the catalogue to the rules that are on and can fit it."""
    lists: dict[str, list[Rule]] = {name: [] for name in CATALOGUE}
    for rule in rules:
        if rule.mode is not Mode.OFF:
            for name in rule.match.names:
                lists[name].append(rule)
    return MappingProxyType({name: tuple(found) for name, found in lists.items()})


def asks_for_transaction(rule: Rule) -> bool:
    """Whether the state of the transaction plays a part in a rule."""
    conditions = [*rule.when, *rule.require, *(condition for entry in rule.unless for condition in entry)]
    return rule.otherwise != "deny" or any(_is_transactional(condition) for condition in conditions)


def _is_transactional(condition: Condition) -> bool:
    inside: tuple[Condition, ...] = getattr(condition, "inside", ())
    return isinstance(condition, TransactionCondition) or any(_is_transactional(c) for c in inside)
