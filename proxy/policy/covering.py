"""Whether one rule refuses whatever another refuses.

Enters: two compiled rules. Leaves: yes, when that is certain by their keys alone; no does not mean that
there is a statement between them. Deliberately absent: effects, moments, evidence.
"""

from collections.abc import Iterable

from proxy.policy.conditions.case import Condition
from proxy.policy.conditions.evidence import BackupCondition
from proxy.policy.conditions.matching import Match, MatchShape, names_of, risks_of
from proxy.policy.rules import Rule


def covers(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` fires, at least as strictly, whenever `narrow` does."""
    return (
        wide.mode >= narrow.mode
        and (wide.approval, wide.otherwise) in ((narrow.approval, narrow.otherwise), ("never", "deny"))
        and _matches_all(wide.match, narrow.match)
        and _names(wide.when) <= _names(narrow.when)
        and _asks_for_more(wide.require, narrow.require)
        and {_names(entry) for entry in wide.unless} <= {_names(entry) for entry in narrow.unless}
    )


def _matches_all(wide: Match, narrow: Match) -> bool:
    inner = narrow.shape.excluded
    return (
        wide.names >= narrow.names
        and block_covers(wide.shape, narrow.shape)
        and all(
            not names_of(outer) & narrow.names or any(block_covers(each, outer) for each in inner)
            for outer in wide.shape.excluded
        )
    )


def block_covers(wide: MatchShape, narrow: MatchShape) -> bool:
    """Whether all that fits `narrow` fits `wide`, exclusions left aside."""
    return (
        names_of(wide) >= names_of(narrow)
        and _admits(wide.traits, narrow.traits)
        and risks_of(wide.risk) >= risks_of(narrow.risk)
        and _admits(wide.targets, narrow.targets)
        and _admits(wide.values, narrow.values)
        and (wide.who is None or (narrow.who is not None and set(wide.who.shapes) <= set(narrow.who.shapes)))
    )


def _admits(wide: Iterable[object] | None, narrow: Iterable[object] | None) -> bool:
    """Entries widen: more of them admit more, none at all admit everything."""
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def _names(conditions: Iterable[Condition]) -> frozenset[str]:
    """Conditions of equal names ask for the same: a name holds all that was written."""
    return frozenset(condition.name for condition in conditions)


def _asks_for_more(wide: tuple[Condition, ...], narrow: tuple[Condition, ...]) -> bool:
    """Whether meeting all of `wide` meets all of `narrow`; a rule that requires nothing cannot be met."""
    if not wide or not narrow:
        return not wide
    return all(any(_implies(met, asked) for met in wide) for asked in narrow)


def _implies(met: Condition, asked: Condition) -> bool:
    if isinstance(met, BackupCondition) and isinstance(asked, BackupCondition):
        return (
            met.within <= asked.within
            and met.verified >= asked.verified
            and met.copies >= asked.copies
            and met.covers in (asked.covers, "whole")
        )
    return met.name == asked.name
