"""What a judgement says: the decision, the rules that fired, and the refusal a client reads.

Enters: nothing. Leaves: immutable values. Deliberately absent: how a decision is reached (decide.py), and
how a refusal travels to the client (the session's work).
"""

from dataclasses import dataclass
from datetime import datetime

from proxy.sql.effects import Effect


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the client is told."""

    rule: str
    sqlstate: str
    message: str
    detail: str
    hint: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class Firing:
    """One rule that fired on one statement.

    Attributes:
        mode: "enforce" or "shadow".
        message, detail, hint: texts for the client; each may still hold the placeholder `{decision_id}`.
        targets: what the matching effects touch, as text, without repeats; of endless ones the first.
        effects: the names of the matching effects, without repeats.
        missing: what the rule requires and did not find, one phrase each.
    """

    rule: str
    mode: str
    sqlstate: str
    message: str
    detail: str
    hint: str
    targets: tuple[str, ...]
    effects: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says about one execution.

    Attributes:
        enforced: the rules that refuse it, the one to tell the client first.
        shadowed: the rules that would have, were they enforced.
        holds_until: the decision is the same for every moment before this one, as long as policy, facts and
            context otherwise stay; None when time plays no part.
        effects: what was judged.
        facts_used: True when evidence was looked at.
        transaction_used: True when a rule whose match fits asks for the transaction's state.
    """

    allowed: bool
    enforced: tuple[Firing, ...]
    shadowed: tuple[Firing, ...]
    holds_until: datetime | None
    effects: tuple[Effect, ...]
    facts_used: bool
    transaction_used: bool

    def refusal(self, decision_id: str) -> Refusal:
        """The refusal for the client.

        Raises:
            ValueError: the decision allows the statement.
        """
        if not self.enforced:
            raise ValueError("an allowed statement has no refusal")
        first, *others = self.enforced
        detail = first.detail
        if others:
            also = "Also refused by: " + ", ".join(firing.rule for firing in others) + "."
            detail = f"{detail} {also}" if detail else also
        return Refusal(
            rule=first.rule,
            sqlstate=first.sqlstate,
            message=first.message.replace("{decision_id}", decision_id),
            detail=detail.replace("{decision_id}", decision_id),
            hint=first.hint.replace("{decision_id}", decision_id),
            decision_id=decision_id,
        )
