"""What of a text falls on nothing: DROP … IF EXISTS of what is not there, CREATE OR REPLACE of a new name.

Enters: a text's effects, and the names that nothing in the database has. Leaves: effects without those on
nothing, and what is created where it was said to be replaced. Absent: how the server is asked (``inquiry``).

A name counts as free only where nothing of its family has it in any schema that it may mean, whatever its
arguments; what is on a table, where it is on none of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace as changed

from proxy.sql.analyse import Statement
from proxy.sql.effects import CLASSES, EFFECT_KINDS, Effect, Target

RELATION: Final = "relation"
SAME: Final = "same"
"""Of a function that is replaced: the only one of its name is the same already, so nothing else has it."""

_FAMILIES: Final[Mapping[str, str]] = {
    "table": RELATION,
    "view": RELATION,
    "matview": RELATION,
    "foreign_table": RELATION,
    "sequence": RELATION,
    "index": RELATION,
    "type": "type",
    "domain": "type",
    "function": "routine",
    "procedure": "routine",
    "aggregate": "routine",
    "schema": "schema",
    "extension": "extension",
    "publication": "publication",
    "database": "database",
    "trigger": "trigger",
    "policy": "policy",
    "rule": "rule",
    "event_trigger": "event_trigger",
    "statistics": "statistics",
    "collation": "collation",
    "foreign_server": "foreign_server",
}
"""What shares its names with what, by the kind of a target."""

_PARTS: Final = {"constraint.drop": "constraint", "column.drop": "column"}
"""Effects on a part of their target, which their detail names."""

FAMILIES: Final = frozenset({*_FAMILIES.values(), *_PARTS.values(), SAME})

_ON_A_TABLE: Final = frozenset({"trigger", "policy", "rule"})

_STATEMENTS: Final = frozenset(
    {
        "AlterObjectSchemaStmt",
        "AlterTableStmt",
        "CreateFunctionStmt",
        "CreateTrigStmt",
        "DefineStmt",
        "DropStmt",
        "DropdbStmt",
        "RenameStmt",
        "ViewStmt",
    }
)
"""Whose effects fall on what they name, and on nothing else."""

_REPLACES: Final = {
    name: name.removesuffix("replace") + "create"
    for name in (f"{kind}.replace" for kind in ("view", "function", "procedure", "aggregate", "trigger"))
}
_GOING: Final = frozenset({"drop", "rename", "move", "retype", "default"})

_UNSURE: Final = (
    CLASSES["opaque"]
    | CLASSES["server"]
    | CLASSES["write"]
    | {"extension.create", "row.read", "statement.execute", "table.truncate"}
)
"""Behind these a name that was free may be another's: they run code, or may take long."""

_FILLING: Final = frozenset({"rename", "move"})


@dataclass(frozen=True, slots=True)
class Place:
    """A name that something may have.

    Attributes:
        family: what shares names with it, one of FAMILIES.
        schema: None for any; of what is on a table, the table's name; of a function that may be the same
            already, its body.
    """

    family: str
    schema: str | None
    name: str

    @property
    def key(self) -> str:
        """What stands for it in a question; no spelled name begins with a letter."""
        return ".".join(
            (self.family, *(f'"{part}"' for part in (self.schema, self.name) if part is not None))
        )


def places(statement: Statement) -> Iterator[Place]:
    """All names that, were they free, would take something from what a statement does."""
    if statement.kind in _STATEMENTS:
        for effect in statement.effects:
            yield from _places(effect, statement)


def _places(effect: Effect, statement: Statement) -> Iterator[Place]:
    """The names of which one free is enough."""
    target, traits = effect.target, effect.traits
    if target is None or target.name is None or "deferred" in traits or "temporary" in traits:
        return
    family = _FAMILIES.get(target.kind)
    schema = _table(effect, target) if family in _ON_A_TABLE else target.schema
    if family is None or (target.schema or "").startswith("pg_temp"):
        return
    goes = "if_exists" in traits and effect.name.rpartition(".")[2] in _GOING
    if (goes or effect.name in _REPLACES) and _is_plain(target.name, schema or ""):
        yield Place(family, schema, target.name)
    if effect.name == "function.replace" and statement.body and target.name.isascii():
        yield Place(SAME, statement.body, target.name)
    part = _PARTS.get(effect.name)
    if goes and part is not None and effect.detail and _is_plain(target.name, effect.detail):
        yield Place(part, target.name if part == "column" or target.kind == "table" else None, effect.detail)


def _table(effect: Effect, target: Target) -> str | None:
    """The name of the table that a trigger, policy or rule is on; None where the effect does not say."""
    schema = "" if target.schema is None else f"{target.schema}."
    table = effect.detail.removeprefix(f"on {schema}")
    return table if effect.detail.startswith(f"on {schema}") and table else None


def _is_plain(*names: str) -> bool:
    """Whether the server has these names as the parser does.

    Where its encoding has one byte a character it folds letters outside ASCII, too: `DROP TABLE IF EXISTS Ä`.
    """
    return all(name.isascii() for name in names)


def without(effect: Effect, statement: Statement, free: frozenset[str] | None) -> Effect | None:
    """What is left of an effect: all of it, a creation, or nothing.

    Args:
        free: the keys of names that nothing has; None: every name is free.
    """
    if not any(free is None or place.key in free for place in _places(effect, statement)):
        return effect
    created = _REPLACES.get(effect.name)
    if created is None:
        return None
    risk = effect.risk if "shadows" in effect.traits else EFFECT_KINDS[created].risk
    return changed(effect, name=created, traits=effect.traits - {"replaces"}, risk=risk)


def believes(statement: Statement) -> bool:
    """Whether names that were free before a statement hold nothing of before after it.

    What the text itself creates is nothing of before; what it renames, moves, or has code do, may be.
    """
    return not any(
        (effect.name in _UNSURE or effect.name.rpartition(".")[2] in _FILLING)
        and "deferred" not in effect.traits
        for effect in statement.effects
    )


def left(statement: Statement, free: frozenset[str] | None) -> Iterator[Effect]:
    """What a statement does where these names are free; None: every name is."""
    if statement.kind not in _STATEMENTS:
        yield from statement.effects
        return
    for effect in statement.effects:
        rest = without(effect, statement, free)
        if rest is not None:
            yield rest
