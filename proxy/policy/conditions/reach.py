"""What effects can have: the traits and the kinds of targets that each may come with.

Enters: names of effects. Leaves: whether a trait or a target can ever meet one of them; a guess that errs
towards yes. Deliberately absent: any use in judgement; this is for warnings.
"""

from collections.abc import Mapping
from types import MappingProxyType

from proxy.policy.conditions.targets import FAR_REACHING, OUTSIDE_SCHEMAS, TargetPattern
from proxy.sql.effects import CLASSES, EFFECT_KINDS
from proxy.sql.vocabulary.objects import OBJECTS

_BY_ROW = frozenset({"row.delete", "row.update"})
# Traits that only some effects have; the others may come with many.
_TRAITS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "unscoped": _BY_ROW,
        "by_key": _BY_ROW,
        "concurrently": frozenset(
            {"index.create", "index.drop", "index.reindex", "matview.refresh", "table.detach"}
        ),
        "not_valid": frozenset({"constraint.add"}),
        "replaces": frozenset(name for name in EFFECT_KINDS if name.endswith((".replace", ".create"))),
    }
)
_KINDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "row": frozenset({"table"}),
        "session.set": frozenset({"setting"}),
        "session.reset": frozenset({"setting"}),
        "session.listen": frozenset({"channel"}),
        "session.notify": frozenset({"channel"}),
        **{kind.name: frozenset({kind.name}) for kind in OBJECTS},
    }
)
# Effects named after one kind of object that fall on several.
_SEVERAL = frozenset({"index.reindex", "table.unlog", "function.definer", "function.leakproof"})
_CASCADING = (".drop", ".rename", ".revoke", ".truncate")


def may_have(trait: str, name: str) -> bool:
    """Whether an effect of this name can ever come with the trait."""
    return trait not in _TRAITS or name in _TRAITS[trait]


def kinds_of(name: str) -> frozenset[str] | None:
    """The kinds of targets that an effect falls on; None where they are many or not known."""
    if name in _SEVERAL or name.startswith("trigger."):
        return None
    return _KINDS.get(name) or _KINDS.get(name.partition(".")[0])


def may_fall_on(target: TargetPattern, name: str) -> bool:
    """Whether an effect of this name can ever fall on the target."""
    kinds = kinds_of(name)
    if kinds is None or name in FAR_REACHING or name in CLASSES["opaque"] or name.endswith(_CASCADING):
        return True
    if target.kind:
        return target.kind in kinds
    return any(kind == "schema" or kind not in OUTSIDE_SCHEMAS for kind in kinds)
