"""How many rows a query can give, by its form alone.

In: parts of queries. Out: whether a call gives rows, a LIMIT is small, a query speaks of the one around it.
Deliberately absent: conditions (terms.py).
"""

from __future__ import annotations

from decimal import Decimal

from proxy.sql.functions import is_built_in
from proxy.sql.parse import Json
from proxy.sql.scope.columns import columns, has_sublink, nodes
from proxy.sql.scope.fold import UNKNOWN, fold
from proxy.sql.tree import only, qualified, strings

# A LIMIT bounds the loss by itself; beyond this it may be all that a table has.
MAX_LIMIT = 50


# Functions that turn what the client sends into rows: as limited as a VALUES list.
ROWS_OF_ARGUMENT_NAMED = """
unnest json_array_elements json_array_elements_text json_each json_each_text json_populate_record
json_populate_recordset json_to_record json_to_recordset jsonb_array_elements jsonb_array_elements_text
jsonb_each jsonb_each_text jsonb_populate_record jsonb_populate_recordset jsonb_to_record jsonb_to_recordset
jsonb_object_keys json_object_keys regexp_split_to_table string_to_table
"""
ROWS_OF_ARGUMENT = frozenset(ROWS_OF_ARGUMENT_NAMED.split())


_MANY_ROWS_NAMED = """
aclexplode generate_series generate_subscripts regexp_matches jsonb_path_query jsonb_path_query_tz ts_debug
ts_parse ts_stat ts_token_type txid_snapshot_xip pg_snapshot_xip pg_ls_dir pg_listening_channels
pg_partition_tree pg_partition_ancestors pg_get_keywords pg_timezone_names pg_stat_get_backend_idset
pg_options_to_table pg_show_all_settings
"""
_MANY_ROWS = frozenset(_MANY_ROWS_NAMED.split())


def conjuncts(where: Json) -> list[Json]:
    """The terms that a condition ANDs together."""
    found: list[Json] = []
    waiting = [where]
    while waiting:
        item = waiting.pop()
        kind, body = only(item)
        if kind == "BoolExpr" and body.get("boolop") == "AND_EXPR":
            waiting += reversed(body.get("args", []))
        else:
            found.append(item)
    return found


def gives_rows(value: object, *, strict: bool = False) -> bool:
    """Whether a call here may give many rows, not only those of a given array. strict: users' too."""
    for kind, body in nodes(value):
        if kind != "FuncCall":
            continue
        schema, name = qualified(body.get("funcname", []))
        if name == "generate_series" and _short(body.get("args", [])):
            continue
        if name in _MANY_ROWS or (name in ROWS_OF_ARGUMENT and has_sublink(body)):
            return True
        if strict and not (schema in {None, "pg_catalog"} and (is_built_in(str(name), 0))):
            return True
    return False


def _short(args: list[Json]) -> bool:
    """A series of few numbers."""
    first, last = (fold(arg) for arg in args[:2]) if len(args) == 2 else (None, None)
    return type(first) is int and type(last) is int and last - first < MAX_LIMIT


def small_limit(body: Json) -> bool:
    """A LIMIT that is a small number or a parameter; LIMIT ALL and LIMIT NULL are none."""
    count = body.get("limitCount")
    if not count or body.get("limitOption") == "LIMIT_OPTION_WITH_TIES":
        return False
    value = fold(count)
    if value is UNKNOWN:
        kind, inner = only(count)
        return kind == "ParamRef" or (kind == "TypeCast" and only(inner.get("arg"))[0] == "ParamRef")
    return isinstance(value, int | Decimal) and value <= MAX_LIMIT


def correlated(body: Json) -> bool:
    """Whether a query speaks of the query around it: then its LIMIT is one for each row there."""
    names: set[str] = set()
    given: set[str] = set()
    tables = False
    for kind, node in nodes(body):
        if kind in {"RangeVar", "RangeSubselect", "RangeFunction", "RangeTableFunc", "JsonTable", "JoinExpr"}:
            alias = node.get("alias", {})
            tables |= kind == "RangeVar"
            names.add(alias.get("aliasname") or node.get("relname", ""))
            given.update(strings(alias.get("colnames", [])), [alias.get("aliasname", "")])
        elif kind == "ResTarget":
            given.add(node.get("name", ""))
        elif kind == "FuncCall":
            names.add(str(qualified(node.get("funcname", []))[1]))
    for ref in columns(body):
        parts = strings(ref.get("fields", []))
        if len(parts) > 1 or (parts and len(parts) < len(ref.get("fields", []))):
            if parts[-2 if len(parts) == len(ref["fields"]) else -1] not in names:
                return True
        elif parts and not tables and parts[0] not in given and parts[0] not in names:
            return True
    return False


def counts_up(body: Json) -> bool:
    """Whether a step computes which row is next (`v.id = r.id + 1`): that may walk them all."""
    parts = {key: value for key, value in body.items() if key != "targetList"}
    return any(
        strings(node.get("name", []))[-1:] in (["+"], ["-"], ["*"], ["/"])
        and any(True for _ in columns(node))
        for kind, node in nodes(parts)
        if kind == "A_Expr"
    )
