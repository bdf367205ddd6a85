"""What has to be recorded before it goes on, and the refusal where it cannot be.

Enters: what a decision let pass. Leaves: whether the ledger has to have it first. Deliberately absent:
writing it down.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from proxy.policy.decision import Decision, Firing
from proxy.policy.firing import effect_names, target_names
from proxy.policy.rules import DEFAULT_SQLSTATE, Mode, Policy
from proxy.sql.effects import CLASSES, Effect, Risk

_RULE: Final = "ledger"
_CHANGES: Final = (CLASSES["ddl"] | CLASSES["privilege"]) - {"role.set"}  # that one changes its session alone


def to_be_recorded(effects: Iterable[Effect], policy: Policy) -> bool:
    """Whether a statement that passes is a change: of the schema, or one that may lose data or protection.

    A policy that only watches never holds a statement up.
    """
    if policy.mode != str(Mode.ENFORCE):
        return False
    return any(_is_change(effect) for effect in effects)


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


def _is_change(effect: Effect) -> bool:
    if "temporary" in effect.traits:
        return False
    return effect.risk >= Risk.HIGH or effect.name in _CHANGES
