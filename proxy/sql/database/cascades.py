"""What goes along: rows by foreign keys, objects by dependency.

In: an effect on a relation, or a DROP. Out: the effects on what is tied to it, with the trait cascade.
Deliberately absent: triggers that fire on the way (causes.py looks at each of these effects again).

Sources: ri_triggers.c; the manual's chapter on dependency tracking; findDependentObjects() in dependency.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from proxy.sql.database.index import Index, SearchPath
from proxy.sql.database.snapshot import Dependant, ForeignKey, Relation
from proxy.sql.effects import EFFECT_KINDS, NO_TRAITS, Effect, Risk, Target

_CASCADE: Final = frozenset({"cascade"})
_RELATIONS: Final = frozenset(["table", "view", "matview", "foreign_table", "sequence", "index", "type"])

# What pg_identify_object() calls it -> the effect that its going is.
_LOST: Final[Mapping[str, str]] = {
    "table": "table.drop",
    "view": "view.drop",
    "materialized view": "matview.drop",
    "foreign table": "foreign_table.drop",
    "sequence": "sequence.drop",
    "table column": "column.drop",
    "foreign table column": "column.drop",
    "view column": "view.drop",
    "table constraint": "constraint.drop",
    "domain constraint": "constraint.drop",
    "default value": "column.default",
    "function": "function.drop",
    "procedure": "procedure.drop",
    "aggregate": "aggregate.drop",
    "trigger": "trigger.drop",
    "rule": "rule.drop",
    "policy": "policy.drop",
    "type": "type.drop",
    "composite type": "type.drop",
    "domain": "domain.drop",
    "schema": "schema.drop",
    "extension": "extension.drop",
    "operator": "operator.drop",
    "cast": "cast.drop",
    "statistics object": "statistics.drop",
    "event trigger": "event_trigger.drop",
}
# Of what goes with its owner, only this is more than a part of it.
_MORE_THAN_PARTS: Final = frozenset(
    {"table", "materialized view", "foreign table", "table column", "view", "function", "procedure"}
)
# The rule that a view is.
_OF_VIEW: Final = '"_RETURN"'
# An extension takes its own functions along without a word; its tables have rows.
_TABLES: Final = frozenset({"table", "materialized view"})


@dataclass(frozen=True, slots=True)
class Tied:
    """An effect on what is tied; sets are the columns that it changes, and by names the tie."""

    effect: Effect
    by: str
    sets: frozenset[str] = NO_TRAITS


class Cascades:
    """Follows foreign keys and dependencies, one step of keys at a time."""

    def __init__(self, index: Index) -> None:
        """Follow what this holds."""
        self._index = index

    def of_rows(self, effect: Effect, relation: Relation, sets: frozenset[str] | None) -> Iterator[Tied]:
        """What foreign keys, partitions and heirs pass on of a change of rows.

        Args:
            effect: on the relation.
            relation: whose rows change.
            sets: the columns that an UPDATE changes, None where any may.
        """
        family, referrers = self._index.family, self._index.referrers
        if effect.name == "table.truncate":
            for member in islice(family(relation), 1, None):
                yield _tied(effect, "table.truncate", member, f"{relation}")
        parents = chain((member.oid for member in family(relation)), self._index.ancestors(relation.oid))
        for key in (key for oid in parents for key in referrers.get(oid, ())):
            child = self._index.relations.get(key.child)
            if child is not None:
                yield from self._by_key(effect, key, child, sets)

    def _by_key(
        self, effect: Effect, key: ForeignKey, child: Relation, sets: frozenset[str] | None
    ) -> Iterator[Tied]:
        by = f"foreign key {key.name}"
        if effect.name == "table.truncate":
            if "cascade" in effect.traits:
                yield _tied(effect, "table.truncate", child, by)
            return
        if effect.name == "row.delete":
            action = key.on_delete
        elif effect.name == "row.update" and (sets is None or not sets.isdisjoint(key.parent_columns)):
            action = key.on_update
        else:
            return
        if action == "c" and effect.name == "row.delete":
            yield _tied(effect, "row.delete", child, by)
        elif action in {"c", "n", "d"}:
            yield _tied(effect, "row.update", child, by, frozenset(key.child_columns))

    def of_drop(self, effect: Effect, target: Target, path: SearchPath) -> Iterator[Tied]:
        """Everything that goes with what is dropped: parts and partitions, with CASCADE all dependants."""
        cascade = "cascade" in effect.traits
        seen = set(self._objects(effect, target, path))
        waiting = list(seen)
        by = f"what {target} takes along"
        while waiting:
            for found in self._index.dependants.get(waiting.pop(), ()):
                normal = found.dependency == "n"
                if found.itself[:2] in seen or (normal and not cascade):
                    continue
                if normal or found.what in (_TABLES if found.dependency == "e" else _MORE_THAN_PARTS):
                    lost = None if found.name.startswith(_OF_VIEW) else _LOST.get(found.what)
                    if lost is not None:
                        yield Tied(_lost(lost, found), by)
                if not found.itself[2]:
                    seen.add(found.itself[:2])
                    waiting.append(found.itself[:2])

    def _objects(self, effect: Effect, target: Target, path: SearchPath) -> Iterable[tuple[str, int]]:
        index, name = self._index, target.name
        if name is None:
            return []
        kind = effect.name.removesuffix(".drop")
        if kind == "column":
            kind = "table"
        if kind == "schema":
            return [("pg_namespace", oid) for oid, schema in index.snapshot.schemas if schema == name]
        if kind == "extension":
            return [
                ("pg_extension", oid) for oid, extension in index.snapshot.extensions if extension == name
            ]
        if kind in {"function", "procedure", "aggregate"}:
            return [("pg_proc", item.oid) for item in index.functions_named(target.schema, name, path)]
        if kind in {"type", "domain"}:
            return [("pg_type", item.oid) for item in index.types_named(target.schema, name, path)]
        if kind in _RELATIONS:
            return [("pg_class", item.oid) for item in index.relations_named(target.schema, name, path)]
        return []


def _tied(cause: Effect, name: str, relation: Relation, by: str, sets: frozenset[str] = NO_TRAITS) -> Tied:
    traits = _CASCADE | (cause.traits & {"unscoped"} if name.startswith("row.") else NO_TRAITS)
    risk = Risk.HIGH if "unscoped" in traits else EFFECT_KINDS[name].risk
    return Tied(Effect(name, Target("table", relation.schema, relation.name), traits, risk), by, sets)


def _lost(name: str, found: Dependant) -> Effect:
    kind = "table" if name.startswith("column.") else name.partition(".")[0]
    detail = "drop" if name == "column.default" else ""
    risk = Risk.MEDIUM if name == "column.default" else EFFECT_KINDS[name].risk
    return Effect(name, Target(kind, found.schema, found.name), _CASCADE, risk, detail=detail)
