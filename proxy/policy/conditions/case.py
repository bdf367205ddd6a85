"""What conditions are asked about, and how they answer.

Enters: nothing. Leaves: `Case`, `Outcome`, and the `Condition` protocol. Deliberately absent: any condition.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.policy.context import Context
from proxy.policy.facts import Approved, Facts
from proxy.sql.effects import Effect


@dataclass(frozen=True, slots=True)
class Case:
    """One rule's look at one execution.

    Attributes:
        effects: the effects that the rule's match fits, at least one.
        trusted: False when the facts are stale and the policy says that stale facts prove nothing.
        approvals: those of this very text, here, for who sends it, whenever they hold; none where the facts
            are not trusted.
    """

    context: Context
    facts: Facts
    effects: tuple[Effect, ...]
    trusted: bool = True
    approvals: tuple[Approved, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """A piece of evidence by which a condition holds.

    Attributes:
        kind: "backup", "migration", "approval" or "staging".
        reference: names the piece: where a backup lies, a run's or an approval's number.
    """

    kind: str
    reference: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition says.

    Attributes:
        until: the answer is the same before this moment; None when time plays no part.
        found: what is the case, as a clause.
        missing: what is lacking when the condition is required and does not hold, as a noun phrase.
        cure: what would turn the answer, as a clause; "" when nothing within reach would.
        evidence: True when facts were looked at.
        proofs: the evidence by which it holds.
    """

    holds: bool
    until: datetime | None = None
    found: str = ""
    missing: str = ""
    cure: str = ""
    evidence: bool = False
    proofs: tuple[Proof, ...] = ()


class Condition(Protocol):
    """A compiled key of `when`, `require` or `unless`."""

    @property
    def name(self) -> str:
        """The key and what it asks for, as `explain` prints it."""
        ...

    def judge(self, case: Case) -> Outcome:
        """Whether it holds in this case."""
        ...


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of some moments, None being never."""
    return min((moment for moment in moments if moment is not None), default=None)
