"""What has to be recorded before it goes on, and the refusal where it cannot be.

Enters: what a decision let pass. Leaves: whether the ledger has to have it first, and the words for how it
may end. Deliberately absent: writing it down, and following what comes of it (session/outcomes.py).
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Final

from proxy.policy.decision import Decision, Firing
from proxy.policy.firing import effect_names, target_names
from proxy.policy.rules import DEFAULT_SQLSTATE, Mode, Policy
from proxy.sql.effects import Effect, is_change

_RULE: Final = "ledger"


class Ending(StrEnum):
    """What became of a change, as far as the server has said."""

    COMMITTED = "committed"
    """It completed, and its transaction was committed."""
    ROLLED_BACK = "rolled_back"
    """It completed, and was undone with its transaction, or back to a savepoint."""
    FAILED = "failed"
    """The server answered with an error; nothing of it stays."""
    PARTLY = "partly"
    """Of several statements some were committed, and others not."""
    PREPARED = "prepared"
    """Its transaction waits for COMMIT PREPARED or ROLLBACK PREPARED."""
    NOT_RUN = "not_run"
    """It was recorded and then kept back after all."""
    UNKNOWN = "unknown"
    """The connection ended before the server said, or what it said could mean either."""


def to_be_recorded(effects: Iterable[Effect], policy: Policy) -> bool:
    """Whether a statement that passes is a change: of the schema, or one that may lose data or protection.

    A policy that only watches never holds a statement up.
    """
    if policy.mode != str(Mode.ENFORCE):
        return False
    return any(map(is_change, effects))


def unrecorded(decision: Decision, reason: str) -> Decision:
    """The refusal of what was allowed and could not be recorded; reason is one clause without a full stop."""
    firing = Firing(
        rule=_RULE,
        mode=str(Mode.ENFORCE),
        sqlstate=DEFAULT_SQLSTATE,
        message=f"This change was not run, since the ledger could not record it first. [rule {_RULE}]",
        detail=f"{reason[:1].upper()}{reason[1:]}.",
        hint="Run it again in a moment; if that does not help, tell those who run pgwarden.",
        targets=target_names(decision.effects),
        effects=effect_names(decision.effects),
        missing=(),
    )
    return replace(decision, allowed=False, enforced=(firing,))


def spent(decision: Decision, approval: str) -> Decision:
    """The refusal of what this approval had allowed, which was over when it was to be used."""
    rule = next(lift.rule for lift in decision.lifted if lift.approval == approval)
    firing = Firing(
        rule=rule,
        mode=str(Mode.ENFORCE),
        sqlstate=DEFAULT_SQLSTATE,
        message=f"The approval {approval} was used up, or had ended, before this could use it. [rule {rule}]",
        detail="",
        hint="Ask for another one: pgwarden approve request {decision_id}",
        targets=target_names(decision.effects),
        effects=effect_names(decision.effects),
        missing=(),
        approvable=True,
    )
    return replace(decision, allowed=False, enforced=(firing,))
