"""Whether one rule refuses whatever another refuses.

Enters: two compiled rules. Leaves: yes, when that is certain by their keys alone; no does not mean that
there is a statement between them. Deliberately absent: effects, moments, evidence.
"""

from collections.abc import Iterable

from proxy.policy.conditions.approvals import ApprovalCondition
from proxy.policy.conditions.case import Condition
from proxy.policy.conditions.evidence import BackupCondition
from proxy.policy.conditions.matching import Match, MatchShape, names_of, risks_of
from proxy.policy.conditions.migrations import MigrationCondition
from proxy.policy.conditions.moments import WindowCondition
from proxy.policy.conditions.ran import RanCondition
from proxy.policy.conditions.who import WhoCondition
from proxy.policy.rules import DENY, Rule


def covers(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` fires, at least as strictly, whenever `narrow` does."""
    return (
        wide.mode >= narrow.mode
        and (wide.approval is None or wide.approval == narrow.approval)
        and wide.otherwise in (DENY, narrow.otherwise)
        and _matches_all(wide.match, narrow.match)
        and all(any(implies(given, asked) for given in narrow.when) for asked in wide.when)
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
    return all(any(implies(met, asked) for met in wide) for asked in narrow)


def implies(met: Condition, asked: Condition) -> bool:
    """Whether `asked` holds whenever `met` does; conditions of equal names ask for the same."""
    match met, asked:
        case BackupCondition(), BackupCondition():
            return (
                met.within <= asked.within
                and met.verified >= asked.verified
                and met.copies >= asked.copies
                and met.covers in (asked.covers, "whole")
                and (not asked.sources or (bool(met.sources) and met.sources <= asked.sources))
            )
        case ApprovalCondition(), ApprovalCondition():
            soon = asked.within is None or (met.within is not None and met.within <= asked.within)
            return met.by >= asked.by and soon
        case MigrationCondition(), MigrationCondition():
            return met.asked >= asked.asked
        case RanCondition(), RanCondition():
            lately = asked.within is None or (met.within is not None and met.within <= asked.within)
            return met.environment == asked.environment and lately
        case WindowCondition(), WindowCondition():
            return set(met.windows) <= set(asked.windows)
        case WhoCondition(), WhoCondition():
            # A match admits an address that is not known, an exception does not.
            shapes = asked.who.shapes
            return set(shapes) <= set(met.who.shapes) and not any(each.cidrs for each in shapes)
        case _:
            return met.name == asked.name
