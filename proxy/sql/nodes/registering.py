"""The bookkeeping of migration tools, as a statement at the top of a text does it.

In: a statement's tree, and its effects. Out: acts: whose history it touches, and what it registers there.
Deliberately absent: which tools there are (bookkeeping.py), and what becomes of it (the session knows).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy.sql.bookkeeping import SHARED, asker, keeper
from proxy.sql.effects import Act, Effect, Keeps, Registers
from proxy.sql.parse import Json
from proxy.sql.tree import only

_HISTORY = "_prisma_migrations"
_COLUMNS = frozenset({"id", "checksum", "started_at", "migration_name"})
_PLAIN = frozenset({"relation", "cols", "selectStmt", "override"})
_ROWS = frozenset({"valuesLists", "limitOption", "op"})


def bookkeeping(wrapped: Json, effects: Iterable[Effect]) -> Iterator[Act]:
    """The acts of one statement."""
    targets = {effect.target for effect in effects if effect.target is not None}
    tools = {keeper(target.schema, target.name) for target in targets} - {""}
    if any(target.name in SHARED for target in targets):
        tools |= {asker(wrapped)} - {""}
    for tool in sorted(tools):
        yield Keeps(tool)
    kind, body = only(wrapped)
    if tools and kind == "InsertStmt":
        registers = _registration(body)
        if registers is not None:
            yield registers


def _registration(body: Json) -> Registers | None:
    """INSERT INTO _prisma_migrations (id, checksum, started_at, migration_name) VALUES (…), and no more."""
    relation = body.get("relation", {})
    kind, query = only(body.get("selectStmt"))
    if relation.get("relname") != _HISTORY or kind != "SelectStmt":
        return None
    rows = query.get("valuesLists", ())
    if not body.keys() <= _PLAIN or not query.keys() <= _ROWS or len(rows) != 1:
        return None
    columns = [item.get("ResTarget", {}) for item in body.get("cols", ())]
    names = [column.get("name", "") for column in columns]
    values = rows[0].get("List", {}).get("items", ())
    if set(names) != _COLUMNS or len(names) != len(values) or any("indirection" in each for each in columns):
        return None
    given = dict(zip(names, values, strict=True))
    checksum, name = _value(given["checksum"]), _value(given["migration_name"])
    return None if checksum is None or name is None else Registers(checksum, name)


def _value(wrapped: Json) -> str | int | None:
    """A text, or the number of the parameter that gives it; None for anything that is worked out."""
    kind, body = only(wrapped)
    if kind == "ParamRef":
        return int(body.get("number", 0))
    if kind == "A_Const" and "sval" in body:
        return str(body["sval"].get("sval", ""))
    return None
