"""What conditions are asked about, and how they answer.

Enters: nothing. Leaves: `Case`, `Outcome`, and the `Condition` protocol. Deliberately absent: any condition.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.policy.context import Context
from proxy.policy.facts import Facts
from proxy.sql.effects import Effect


@dataclass(frozen=True, slots=True)
class Case:
    """One rule's look at one execution.

    Attributes:
        effects: the effects that the rule's match fits, at least one.
        trusted: False when the facts are stale and the policy says that stale facts prove nothing.
    """

    context: Context
    facts: Facts
    effects: tuple[Effect, ...]
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition says.

    Attributes:
        until: the answer is the same before this moment; None when time plays no part.
        found: what is the case, as a clause.
        missing: what is lacking when the condition is required and does not hold, as a noun phrase.
        cure: what would turn the answer, as a clause; "" when nothing within reach would.
        evidence: True when facts were looked at.
    """

    holds: bool
    until: datetime | None = None
    found: str = ""
    missing: str = ""
    cure: str = ""
    evidence: bool = False


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
