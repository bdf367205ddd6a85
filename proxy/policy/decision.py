"""What a judgement says: the decision, the rules that fired, and the refusal a client reads.

Enters: nothing. Leaves: immutable values. Deliberately absent: how a decision is reached (decide.py), and
how a refusal travels to the client (the session's work).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from proxy.policy.conditions.case import Proof
from proxy.policy.facts import Verification
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
        approvable: an approval may help: it lifts the rule, or what that requires can still come about.
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
    approvable: bool = False


@dataclass(frozen=True, slots=True)
class Lift:
    """A rule that does not refuse because people have approved the text.

    Attributes:
        approval: its id.
        break_glass: who asked has granted it, or what the rule requires does not hold.
    """

    rule: str
    approval: str
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class BackupWanted:
    """A backup, taken now, that would meet all that the rules miss.

    Attributes:
        rules: those that say so.
        at_most: how long the statement may be held for it.
        verified, copies: how far it has to be proved, in how many places.
        tables: those that suffice, each as "schema.name"; None for the whole database.
    """

    rules: tuple[str, ...]
    at_most: timedelta
    verified: Verification
    copies: int
    tables: frozenset[str] | None = None

    @property
    def deed(self) -> str:
        """What is done meanwhile, as a clause."""
        return "a backup is taken first"

    def __str__(self) -> str:
        """`the whole database, in 2 places, verified: full_read`."""
        what = "the whole database" if self.tables is None else ", ".join(sorted(self.tables))
        places = f", in {self.copies} places" if self.copies > 1 else ""
        proof = f", verified: {self.verified.name.lower()}" if self.verified else ""
        return f"{what}{places}{proof}"


@dataclass(frozen=True, slots=True)
class ApprovalWanted:
    """An approval of the text, as the rules ask for it.

    Attributes:
        rules: those that would wait for it.
        at_most: how long the statement may be held for it.
        by: how many have to grant it, where it is known who asked.
    """

    rules: tuple[str, ...]
    at_most: timedelta
    by: int

    @property
    def deed(self) -> str:
        """What is done meanwhile, as a clause."""
        return "an approval is waited for"

    def __str__(self) -> str:
        """`by one person`, for what it takes."""
        return "by one person" if self.by == 1 else f"by {self.by} people"


Wanted: TypeAlias = BackupWanted | ApprovalWanted


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
        proofs: the evidence by which rules that fit do not fire, without repeats.
        lifted: the enforced rules that approvals have kept from refusing. Where the statement is allowed,
            each of these approvals has to be used before it goes on.
        taken: the approvals of which the statement's migration run has taken a use.
        timeless: no rule's match fits, so it is the same at any moment.
        wanted: it would be allowed if all of this came about, which takes a statement outside of a
            transaction; empty: nothing would help.
    """

    allowed: bool
    enforced: tuple[Firing, ...]
    shadowed: tuple[Firing, ...]
    holds_until: datetime | None
    effects: tuple[Effect, ...]
    facts_used: bool
    transaction_used: bool
    proofs: tuple[Proof, ...] = ()
    lifted: tuple[Lift, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    taken: frozenset[str] = frozenset()
    timeless: bool = False

    @property
    def approvals(self) -> tuple[str, ...]:
        """The approvals that it rests on, each once."""
        return tuple(dict.fromkeys(lift.approval for lift in self.lifted))

    @property
    def uses(self) -> tuple[str, ...]:
        """Those of which a use has to be taken: the migration run has taken none of them."""
        return tuple(approval for approval in self.approvals if approval not in self.taken)

    @property
    def approvable(self) -> bool:
        """Whether people could approve what is refused: no rule stands in the way that nothing lifts."""
        return not self.allowed and all(firing.approvable for firing in self.enforced)

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
