"""Statements on rows: SELECT, INSERT, UPDATE, DELETE, MERGE, COPY, and what their FROM and WITH hold.

In: their nodes. Out: row.*, statement.copy and the server's files and programs that COPY reaches.
Deliberately absent: expressions, which the walk descends into by itself (calls.py has the calls).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from proxy.sql import scope
from proxy.sql.effects import Risk, Target
from proxy.sql.nodes.levels import Beside, Level
from proxy.sql.nodes.variables import of_many
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.scope.columns import nodes
from proxy.sql.secrets import speaks
from proxy.sql.tree import copied, only, range_target, scalar, strings

_CHANGE_RISK = ((scope.UNSCOPED, Risk.HIGH), (scope.BY_KEY, Risk.LOW))
_STRENGTHS: Mapping[str, str] = {
    "LCS_FORKEYSHARE": "key share",
    "LCS_FORSHARE": "share",
    "LCS_FORNOKEYUPDATE": "no key update",
    "LCS_FORUPDATE": "update",
}
_PROGRAM = re.compile(r"\s*([\w./-]+)(?=\s|$)")
_WALKED = ("targetList", "fromClause", "larg", "rarg", "withClause", "intoClause", "lockingClause")
_ONE_ROW, _EACH_TURN = Level(many=False), Level(many=True)
_LARGE_OBJECTS = frozenset({"pg_largeobject", "pg_largeobject_metadata"})


def _range_var(walk: Walk, body: Json) -> None:
    if "schemaname" not in body and body.get("relname") in walk.sources:
        return
    walk.emit("row.read", range_target(body), location=body.get("location", -1))


def _with(walk: Walk, clause: Json) -> None:
    ctes = [item["CommonTableExpr"] for item in clause.get("ctes", [])]
    recursive = bool(clause.get("recursive"))
    if recursive:
        walk.sources = scope.with_sources(clause, walk.sources)
    for cte in ctes:
        with walk.at(_EACH_TURN if recursive and _is_recursive(cte) else None):
            walk.children("CommonTableExpr", cte)
        if not recursive:
            walk.sources = scope.add_source(cte, walk.sources)


def _is_recursive(cte: Json) -> bool:
    """Whether a query of a WITH list reads itself."""
    name = cte.get("ctename")
    return any(kind == "RangeVar" and body.get("relname") == name for kind, body in nodes(cte))


def _select(walk: Walk, body: Json) -> None:
    before = walk.sources
    if "larg" not in body and "withClause" not in body:
        _select_level(walk, body)
        return
    # A chain of UNIONs leans to the left: go down it in a loop, thousands are ordinary to the server.
    levels: list[tuple[Json, Mapping[str, Json]]] = []
    level: Json | None = body
    while level is not None:
        if "withClause" in level:
            _with(walk, level["withClause"])
        levels.append((level, walk.sources))
        level = level.get("larg")
    for level, sources in reversed(levels):
        walk.sources = sources
        _select_level(walk, level)
        if "rarg" in level:
            _select(walk, level["rarg"])
    walk.sources = before


def _select_level(walk: Walk, body: Json) -> None:
    if "intoClause" in body:
        walk.typed("IntoClause", body["intoClause"])
    level = Level(body, walk.sources) if "fromClause" in body else _ONE_ROW
    walk.levels.append(level)
    outer, walk.select = walk.select, body
    walk.setting = _one_setting(body)
    walk.field(body, "targetList")
    walk.setting, walk.select = None, None
    if level is not _ONE_ROW:
        walk.levels.pop()
        around, walk.beside = walk.beside, Beside(body, walk.sources)
        walk.field(body, "fromClause")
        walk.beside = around
        walk.levels.append(level)
    walk.children("SelectStmt", body, _WALKED)
    walk.select = outer
    walk.levels.pop()
    for item in body.get("lockingClause", ()):
        _lock_rows(walk, item["LockingClause"], body.get("fromClause", []))


def _range_subselect(walk: Walk, body: Json) -> None:
    level, walk.beside = walk.beside, None
    with walk.at(level if body.get("lateral") else None):
        walk.children("RangeSubselect", body)
    walk.beside = level


def _one_setting(body: Json) -> str | None:
    """The setting of `SELECT … FROM pg_settings WHERE name = 'x'`: pg_dump's way to set_config(name, …)."""
    items = body.get("fromClause", ())
    if (
        len(items) != 1
        or items[0].get("RangeVar", {}).get("relname") != "pg_settings"
        or "whereClause" not in body
    ):
        return None
    for term in scope.conjuncts(body["whereClause"]):
        kind, expr = only(term)
        equals = (
            kind == "A_Expr" and expr.get("kind") == "AEXPR_OP" and strings(expr.get("name", [])) == ["="]
        )
        if equals and strings(only(expr.get("lexpr"))[1].get("fields", []))[-1:] == ["name"]:
            return scalar(expr.get("rexpr"))
    return None


def _lock_rows(walk: Walk, clause: Json, from_clause: list[Json]) -> None:
    strength = _STRENGTHS.get(clause.get("strength", ""), "")
    names = {item["RangeVar"].get("relname") for item in clause.get("lockedRels", [])}
    found = list(_tables(from_clause))
    for table in found:
        known = table.get("alias", {}).get("aliasname") or table.get("relname")
        hidden = "schemaname" not in table and table.get("relname") in walk.sources
        if not hidden and (not names or known in names):
            walk.emit("row.lock", range_target(table), location=table.get("location", -1), detail=strength)
    if not found:
        walk.emit("row.lock", Target("table", None, None), detail=strength)


def _tables(items: list[Json]) -> Iterator[Json]:
    for item in items:
        kind, body = only(item)
        if kind == "RangeVar":
            yield body
        elif kind == "JoinExpr":
            yield from _tables([body.get("larg", {}), body.get("rarg", {})])
        elif kind == "RangeTableSample":
            yield from _tables([body.get("relation", {})])


def _change(walk: Walk, name: str, relation: Json, traits: frozenset[str] = scope.SCOPED) -> None:
    """Note a change of rows, and what a change of the system's own tables amounts to."""
    target = range_target(relation)
    location = relation.get("location", -1)
    risk = next((risk for mark, risk in _CHANGE_RISK if traits == mark), None)
    system = target.schema == "pg_catalog" or (target.schema is None and str(target.name).startswith("pg_"))
    if system:
        risk = Risk.HIGH
        if target.name in _LARGE_OBJECTS:
            walk.emit("server.large_object", target, location=location)
        elif target.name == "pg_settings":
            walk.lexing = walk.relexed = True
            walk.emit("session.set", Target("setting", None, None), location=location, risk=Risk.HIGH)
        else:
            walk.emit("code.opaque", target, location=location, detail="system catalogue")
    walk.emit(name, target, traits=traits, risk=risk, location=location)


def _returning(walk: Walk, body: Json, *, reads: bool) -> None:
    clause = body.get("returningClause")
    if clause:
        if reads:
            walk.emit(
                "row.read", range_target(body["relation"]), location=body["relation"].get("location", -1)
            )
        walk.children("ReturningClause", clause)


def _insert(walk: Walk, body: Json) -> None:
    before = walk.sources
    if "withClause" in body:
        _with(walk, body["withClause"])
    _change(walk, "row.insert", body["relation"])
    if _adds_many(walk, body.get("selectStmt", {})):
        walk.mentioned.fills.add(body["relation"].get("relname", ""))
    conflict = body.get("onConflictClause", {})
    if conflict.get("action") == "ONCONFLICT_UPDATE":
        walk.mentioned.sets.update(_set_columns(conflict))
        _change(walk, "row.update", body["relation"], _conflict_traits(walk, body, conflict))
    walk.children("InsertStmt", body, ("relation", "withClause", "returningClause"))
    with walk.at(Level(only(body.get("selectStmt"))[1], walk.sources)):
        _returning(walk, body, reads=False)
    walk.sources = before


def _conflict_traits(walk: Walk, body: Json, conflict: Json) -> frozenset[str]:
    """ON CONFLICT DO UPDATE reaches as many rows as are inserted, unless its WHERE narrows them."""
    query = body.get("selectStmt", {})
    if not query or ("valuesLists" in only(query)[1] and not scope.gives_rows(query)):
        return scope.BY_KEY
    if scope.limited(query, walk.sources):
        return scope.SCOPED
    excluded = {"RangeVar": {"relname": "excluded"}}
    found = scope.restriction(body["relation"], [excluded], conflict.get("whereClause"), walk.sources)
    return scope.UNSCOPED if found == scope.UNSCOPED else scope.SCOPED


def _adds_many(walk: Walk, query: Json) -> bool:
    """Whether an INSERT of what a query gives may add many rows; of rows that are written down, few."""
    if "valuesLists" in only(query)[1]:
        return scope.gives_rows(query) or of_many(query)
    return bool(query) and not scope.limited(copied(query), walk.sources)


def _set_columns(body: Json) -> Iterator[str]:
    for item in body.get("targetList", ()):
        name = item.get("ResTarget", {}).get("name")
        if name:
            yield name


def _changed_rows(
    body: Json, traits: frozenset[str], joined: list[Json] | None, sources: Mapping[str, Json]
) -> Level:
    """The rows that an UPDATE or DELETE looks at: of all that it joins."""
    if not joined or traits == scope.UNSCOPED:
        return Level(many=traits == scope.UNSCOPED)
    items = [{"RangeVar": body["relation"]}, *joined]
    return Level({"fromClause": items, "whereClause": body.get("whereClause", {})}, sources)


def _update(walk: Walk, body: Json) -> None:
    before = walk.sources
    if "withClause" in body:
        _with(walk, body["withClause"])
    walk.mentioned.sets.update(_set_columns(body))
    traits = scope.restriction(
        body["relation"],
        body.get("fromClause", []),
        body.get("whereClause"),
        walk.sources,
        _set_columns(body),
    )
    _change(walk, "row.update", body["relation"], traits)
    with walk.at(_changed_rows(body, traits, body.get("fromClause"), walk.sources)):
        walk.children("UpdateStmt", body, ("relation", "withClause", "returningClause"))
        _returning(walk, body, reads=True)
    walk.sources = before


def _delete(walk: Walk, body: Json) -> None:
    before = walk.sources
    if "withClause" in body:
        _with(walk, body["withClause"])
    traits = scope.restriction(
        body["relation"], body.get("usingClause", []), body.get("whereClause"), walk.sources
    )
    _change(walk, "row.delete", body["relation"], traits)
    with walk.at(_changed_rows(body, traits, body.get("usingClause"), walk.sources)):
        walk.children("DeleteStmt", body, ("relation", "withClause", "returningClause"))
        _returning(walk, body, reads=True)
    walk.sources = before


def _merge(walk: Walk, body: Json) -> None:
    before = walk.sources
    if "withClause" in body:
        _with(walk, body["withClause"])
    steps = scope.Steps()
    branches = [
        _merge_branch(walk, body, item["MergeWhenClause"], steps) for item in body.get("mergeWhenClauses", [])
    ]
    with walk.at(Level(many=scope.UNSCOPED in branches)):
        walk.children("MergeStmt", body, ("relation", "withClause", "returningClause"))
        _returning(walk, body, reads=True)
    walk.sources = before


def _merge_branch(walk: Walk, body: Json, branch: Json, steps: scope.Steps) -> frozenset[str]:
    name = {"CMD_INSERT": "row.insert", "CMD_UPDATE": "row.update", "CMD_DELETE": "row.delete"}.get(
        branch.get("commandType", "")
    )
    if name is None:
        if branch.get("commandType") != "CMD_NOTHING":
            walk.unknown(f"MergeWhenClause.{branch.get('commandType')}")
        return scope.SCOPED
    if name == "row.insert":
        _change(walk, name, body["relation"])
        if _adds_many(walk, {"SelectStmt": {"fromClause": [body["sourceRelation"]]}}):
            walk.mentioned.fills.add(body["relation"].get("relname", ""))
        return scope.SCOPED
    walk.mentioned.sets.update(_set_columns(branch))
    terms = [branch["condition"]] if "condition" in branch else []
    if branch.get("matchKind") == "MERGE_WHEN_MATCHED" and "joinCondition" in body:
        terms.append(body["joinCondition"])
    where = {"BoolExpr": {"boolop": "AND_EXPR", "args": terms}} if terms else None
    traits = scope.restriction(body["relation"], [body["sourceRelation"]], where, walk.sources, (), steps)
    _change(walk, name, body["relation"], traits)
    return traits


def _program(command: str) -> str:
    """The program of a command line: what follows may be a password."""
    match = _PROGRAM.match(command)
    return match[1] if match and not speaks(match[1]) else ""


def _copy(walk: Walk, body: Json) -> None:
    relation = body.get("relation")
    coming = bool(body.get("is_from"))
    filename = body.get("filename")
    target = range_target(relation) if relation else None
    walk.emit("statement.copy", target, detail="from" if coming else "to")
    if relation:
        if coming:
            _change(walk, "row.insert", relation)
            walk.mentioned.fills.add(relation.get("relname", ""))
        else:
            walk.emit("row.read", target, location=relation.get("location", -1))
    if body.get("is_program"):
        walk.emit("server.program", detail=_program(str(filename)))
    elif filename is not None:
        walk.emit("server.file_read" if coming else "server.file_write", Target("file", None, filename))
    elif coming:
        walk.copies_in = True
    walk.children("CopyStmt", body, ("relation",))


HANDLERS: Mapping[str, Handler] = {
    "RangeVar": _range_var,
    "RangeSubselect": _range_subselect,
    "SelectStmt": _select,
    "WithClause": _with,
    "InsertStmt": _insert,
    "UpdateStmt": _update,
    "DeleteStmt": _delete,
    "MergeStmt": _merge,
    "CopyStmt": _copy,
}

HARMLESS = frozenset(
    {
        "Alias",
        "CTECycleClause",
        "CTESearchClause",
        "CommonTableExpr",
        "GroupingSet",
        "InferClause",
        "LockingClause",
        "MergeWhenClause",
        "MultiAssignRef",
        "OnConflictClause",
        "RangeTableFunc",
        "RangeTableFuncCol",
        "RangeTableSample",
        "ResTarget",
        "ReturningClause",
        "ReturningOption",
        "WindowDef",
    }
)
