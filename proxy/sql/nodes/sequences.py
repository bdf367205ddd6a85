"""setval() that puts a sequence behind the greatest number of its column: what tools do after a load of rows.

In: the call, and the SELECT that it stands in. Out: whether it is of that shape. Deliberately absent: every
other way to the same number.

Numbers beyond the greatest are of no row, so none is lost; nor is any from the sequence's own next one on.
The sequence is the column's own by pg_get_serial_sequence(), or by the name that serial and identity columns
give it. All rows are looked at: no WHERE, no GROUP BY, no ONLY, and the name in FROM is a table's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.sql.effects import Target
from proxy.sql.parse import Json, SqlSyntaxError, parse
from proxy.sql.tree import only, qualified, range_target, scalar, strings

_PLAIN_SELECT = frozenset({"targetList", "fromClause", "limitOption", "op"})
_PLAIN_CALL = frozenset({"funcname", "args", "funcformat", "location"})


@dataclass(frozen=True, slots=True)
class Source:
    """The table whose every row a SELECT aggregates, by the names that its columns may have in front."""

    table: Target
    known_as: str


def source(select: Json | None, hidden: Mapping[str, Json]) -> Source | None:
    """The one table of a SELECT without conditions.

    Args:
        hidden: the names that WITH has given to other rows.
    """
    items = (select or {}).get("fromClause", ())
    if select is None or not select.keys() <= _PLAIN_SELECT or len(items) != 1:
        return None
    kind, relation = only(items[0])
    if kind != "RangeVar" or not relation.get("inh") or "colnames" in relation.get("alias", {}):
        return None
    table = range_target(relation)
    if table.schema is None and table.name in hidden:
        return None
    return Source(table, relation.get("alias", {}).get("aliasname") or str(table.name))


def catches_up(
    args: list[Json], select: Json | None, hidden: Mapping[str, Json], named: Target | None
) -> bool:
    """Whether setval(args) sets a sequence to the greatest number of its column, or beyond.

    Args:
        select: of which the call is a column.
        hidden: as ``source`` has it.
        named: the sequence, where the text names it.
    """
    if len(args) < 2 or select is None:
        return False
    if _is_ahead(args[1], args[0]):
        return True
    value, of = args[1], select
    query = _query(value)
    if query is not None and "fromClause" not in select:  # else its names may be those of the SELECT around
        items = query.get("targetList", [])
        value, of = only(items[0])[1].get("val", {}) if len(items) == 1 else {}, query
    found = source(of, hidden)
    if found is None:
        return False
    column, beyond = _greatest(value, found)
    counted = beyond or (column is not None and _counts(args[2:], column, found))
    return column is not None and counted and _is_own(args[0], named, found.table, column)


def _is_ahead(value: Json, sequence: Json) -> bool:
    """Whether a number is the sequence's own next one, or greater: EF Core takes the greatest of both."""
    kind, body = only(value)
    if kind == "MinMaxExpr" and body.get("op") == "IS_GREATEST":
        return any(_is_ahead(each, sequence) for each in body.get("args", []))
    args = body.get("args", [])
    if kind != "FuncCall" or not body.keys() <= _PLAIN_CALL or len(args) != 1:
        return False
    schema, name = qualified(body.get("funcname", []))
    is_next = name == "nextval" and schema in (None, "pg_catalog")
    return is_next and _without_places(args[0]) == _without_places(sequence) and _is_constant(sequence)


def _without_places(tree: object) -> object:
    """A tree but for where in the text it stands."""
    if isinstance(tree, dict):
        return {key: _without_places(each) for key, each in tree.items() if key != "location"}
    return [_without_places(each) for each in tree] if isinstance(tree, list) else tree


def _is_constant(sequence: Json) -> bool:
    """Whether it names the same sequence each time: a constant, or pg_get_serial_sequence() of constants."""
    kind, body = only(sequence)
    if kind == "TypeCast":
        return _is_constant(body.get("arg", {}))
    if kind == "FuncCall":
        schema, name = qualified(body.get("funcname", []))
        is_serial = name == "pg_get_serial_sequence" and schema in (None, "pg_catalog")
        return is_serial and all(only(each)[0] == "A_Const" for each in body.get("args", []))
    return kind == "A_Const"


def _query(value: Json) -> Json | None:
    """The sub-select that a value is, whatever number stands for none."""
    kind, body = only(value)
    while (kind == "TypeCast" and _to_a_number(body)) or kind == "CoalesceExpr":
        args = [body["arg"]] if kind == "TypeCast" else body.get("args", [])
        if not _is_number(args[1:]):
            return None
        kind, body = only(args[0])
    plain = kind == "SubLink" and body.get("subLinkType") == "EXPR_SUBLINK"
    return only(body.get("subselect"))[1] if plain else None


def _counts(flag: list[Json], column: str, of: Source) -> bool:
    """Whether the number counts as used: by default, by true, or where there are rows."""
    kind, body = only(flag[0]) if flag else ("", {})
    if kind == "NullTest" and body.get("nulltesttype") == "IS_NOT_NULL":
        return _greatest(body.get("arg"), of) == (column, False)
    return not flag or scalar(flag[0]) == "true"


def _greatest(value: Json | None, of: Source) -> tuple[str | None, bool]:
    """The column whose greatest number this is at least, and whether it is surely beyond."""
    kind, body = only(value)
    args = body.get("args", [])
    if kind == "FuncCall" and body.keys() <= _PLAIN_CALL and len(args) == 1:
        schema, name = qualified(body.get("funcname", []))
        is_max = name == "max" and schema in (None, "pg_catalog")
        return (_column(args[0], of) if is_max else None), False
    if kind == "TypeCast" and _to_a_number(body):
        return _greatest(body.get("arg"), of)
    if kind == "CoalesceExpr" and _is_number(args[1:]):
        return _greatest(args[0], of)
    if kind == "MinMaxExpr" and body.get("op") == "IS_GREATEST":
        found = [_greatest(each, of) for each in args if not _is_number([each])]
        return found[0] if len(found) == 1 else (None, False)
    if kind == "A_Expr" and strings(body.get("name", [])) == ["+"] and _is_number([body.get("rexpr", {})]):
        column, _ = _greatest(body.get("lexpr"), of)
        return column, scalar(body["rexpr"]) != "0"
    return None, False


def _to_a_number(cast: Json) -> bool:
    """Whether a cast leaves a number as it is, or fails."""
    schema, name = qualified(cast.get("typeName", {}).get("names", []))
    return name in {"int4", "int8"} and schema in (None, "pg_catalog")


def _is_number(items: list[Json]) -> bool:
    """Whether these are plain numbers; a minus in front makes an expression."""
    return all(str(scalar(item)).isdecimal() for item in items)


def _column(value: Json, of: Source) -> str | None:
    kind, body = only(value)
    names = strings(body.get("fields", [])) if kind == "ColumnRef" else []
    if len(names) != len(body.get("fields", ())) or not names or len(names) > 2:
        return None
    return names[-1] if len(names) == 1 or names[0] == of.known_as else None


def _is_own(sequence: Json, named: Target | None, table: Target, column: str) -> bool:
    """Whether a sequence is the one of a table's column."""
    kind, call = only(sequence)
    if kind == "TypeCast":
        kind, call = only(call.get("arg"))
    if kind != "FuncCall":
        return named is not None and named == Target("sequence", table.schema, f"{table.name}_{column}_seq")
    schema, name = qualified(call.get("funcname", []))
    args = call.get("args", [])
    if name != "pg_get_serial_sequence" or schema not in (None, "pg_catalog") or len(args) != 2:
        return False
    text = scalar(args[0])
    return text is not None and named_in_text("table", text) == table and scalar(args[1]) == column


def named_in_text(kind: str, text: str) -> Target:
    """The target of a name in a string (`'public."My Seq"'`): read as the server reads it."""
    try:
        tree = parse(f"TABLE {text}")
    except SqlSyntaxError:
        return Target(kind, None, None)
    if len(tree) != 1:
        return Target(kind, None, None)
    kind_of, select = only(tree[0].get("stmt"))
    items = select.get("fromClause", []) if kind_of == "SelectStmt" else []
    if len(items) != 1 or "RangeVar" not in items[0]:
        return Target(kind, None, None)
    table = items[0]["RangeVar"]
    return Target(kind, table.get("schemaname"), table.get("relname"))
