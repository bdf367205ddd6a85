"""Sub-selects: whether their rows are few, and what is behind their columns.

In: a query and what is visible to it. Out: Query. Few are VALUES, a SELECT of constants, a small LIMIT, and
what a WHERE limits in every relation that it reads. A query of a WITH list is read once, however often it is
named. Deliberately absent: what a sub-select means to the query around it (links.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from proxy.sql.functions import is_built_in
from proxy.sql.nodes.clauses import Limits
from proxy.sql.nodes.columns import columns, has_sublink, nodes
from proxy.sql.nodes.fold import UNKNOWN, fold
from proxy.sql.nodes.relations import Definition, Relation, Scope, Steps
from proxy.sql.nodes.walk import only, qualified, strings
from proxy.sql.parse import Json

# A LIMIT bounds the loss by itself; beyond this it may be all that a table has.
MAX_LIMIT = 50
# Functions that turn what the client sends into rows: as limited as a VALUES list.
_ROWS_OF_ARGUMENT = frozenset(
    [
        "unnest",
        "json_array_elements",
        "json_array_elements_text",
        "json_each",
        "json_each_text",
        "json_populate_record",
        "json_populate_recordset",
        "json_to_record",
        "json_to_recordset",
        "jsonb_array_elements",
        "jsonb_array_elements_text",
        "jsonb_each",
        "jsonb_each_text",
        "jsonb_populate_record",
        "jsonb_populate_recordset",
        "jsonb_to_record",
        "jsonb_to_recordset",
        "jsonb_object_keys",
        "json_object_keys",
        "regexp_split_to_table",
        "string_to_table",
    ]
)
_MANY_ROWS = frozenset(
    [
        "aclexplode",
        "generate_series",
        "generate_subscripts",
        "regexp_matches",
        "jsonb_path_query",
        "jsonb_path_query_tz",
        "ts_debug",
        "ts_parse",
        "ts_stat",
        "ts_token_type",
        "txid_snapshot_xip",
        "pg_snapshot_xip",
        "pg_ls_dir",
        "pg_listening_channels",
        "pg_partition_tree",
        "pg_partition_ancestors",
        "pg_get_keywords",
        "pg_timezone_names",
        "pg_stat_get_backend_idset",
        "pg_options_to_table",
        "pg_show_all_settings",
    ]
)
# What nothing can be said of: a column that no relation has.
_OBSCURE: Json = {"ColumnRef": {"fields": []}}
# What is kept in the entry of a WITH list's query: the answer, what is visible to it, where it is written.
_READ, _SOURCES, _PARENT = "*read", "*sources", "*parent"

Condition = Callable[[Json, Scope], Limits | None]
Settle = Callable[[list[Json], Scope], None]
Change = Callable[[Json, Mapping[str, Json], Steps], bool]


@dataclass(slots=True)
class Query:
    """What a query gives.

    Attributes:
        few: its rows are few.
        outputs: its columns: the name, and what is behind it.
        stars: the relations that `*` takes columns from that are not known.
        scope: of its FROM.
    """

    few: bool = False
    outputs: list[tuple[str, list[Definition]]] = field(default_factory=list)
    stars: list[Relation] = field(default_factory=list)
    scope: Scope | None = None


def with_sources(clause: Json, sources: Mapping[str, Json], parent: Scope | None = None) -> dict[str, Json]:
    """What is visible behind a WITH list: each query sees those before it, all of them if RECURSIVE."""
    visible = dict(sources)
    for item in clause.get("ctes", []):
        visible = add_source(item.get("CommonTableExpr", {}), visible, parent)
    if clause.get("recursive"):
        for item in clause.get("ctes", []):
            visible[item.get("CommonTableExpr", {}).get("ctename", "")][_SOURCES] = visible
    return visible


def add_source(cte: Json, sources: Mapping[str, Json], parent: Scope | None = None) -> dict[str, Json]:
    """What is visible once a query of a WITH list is named. parent: the scope that it is written in."""
    return {**sources, cte.get("ctename", ""): {**cte, _SOURCES: sources, _PARENT: parent}}


def visible_to(body: Json, sources: Mapping[str, Json], parent: Scope | None) -> Mapping[str, Json]:
    """The sources of a statement with the WITH list that it may have."""
    return with_sources(body["withClause"], sources, parent) if "withClause" in body else sources


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads queries, by means of what judges conditions.

    Attributes:
        settle: marks as limited what conditions limit in a scope.
        condition: what one condition limits.
        change: whether a DELETE, UPDATE or MERGE with RETURNING is itself limited.
    """

    settle: Settle
    condition: Condition
    change: Change

    def read(self, query: Json, sources: Mapping[str, Json], steps: Steps, parent: Scope | None) -> Query:
        """What a query gives."""
        steps.add()
        kind, body = only(query)
        if kind in {"UpdateStmt", "DeleteStmt", "MergeStmt"}:
            return _returned(body, sources, steps, few=self.change(body, sources, steps))
        if kind == "InsertStmt":
            return _returned(body, sources, steps, few=False)
        if kind != "SelectStmt":
            return Query()
        if body.get("op", "SETOP_NONE") != "SETOP_NONE":
            return self._combined(body, sources, steps, parent)
        return self._select(body, visible_to(body, sources, parent), steps, parent)

    def from_items(self, items: list[Json], scope: Scope) -> list[Json]:
        """Add the relations of a FROM list to a scope; the conditions of its inner joins."""
        found: list[Json] = []
        for item in items:
            found += self._item(item, scope)
        return found

    def _combined(self, body: Json, sources: Mapping[str, Json], steps: Steps, parent: Scope | None) -> Query:
        # A chain of UNIONs leans to the left: down it in a loop.
        levels: list[tuple[Json, Mapping[str, Json]]] = []
        while body.get("op", "SETOP_NONE") != "SETOP_NONE":
            sources = visible_to(body, sources, parent)
            levels.append((body, sources))
            body = body["larg"]
        result = self.read({"SelectStmt": body}, sources, steps, parent)
        for level, visible in reversed(levels):
            right = self.read({"SelectStmt": level["rarg"]}, visible, steps, parent)
            operation = level["op"]
            if operation == "SETOP_UNION":
                result.few = result.few and right.few
                result.stars += right.stars
                for mine, other in zip(result.outputs, right.outputs, strict=False):
                    mine[1].extend(other[1])
            elif operation == "SETOP_INTERSECT":
                result.few = result.few or right.few
            if _small_limit(level) and not correlated(level):
                result.few = True
        return result

    def _select(self, body: Json, sources: Mapping[str, Json], steps: Steps, parent: Scope | None) -> Query:
        scope = Scope(sources, steps, parent)
        if "valuesLists" in body:
            width = len(body["valuesLists"][0].get("List", {}).get("items", []))
            few = not gives_rows(body["valuesLists"]) and not any(True for _ in columns(body["valuesLists"]))
            behind: list[Definition] = [] if few else [(_OBSCURE, scope)]
            return Query(
                few, [(f"column{number}", list(behind)) for number in range(1, width + 1)], [], scope
            )
        items = body.get("fromClause", [])
        if parent is not None:
            scope.limited |= parent.limited
        terms = self.from_items(items, scope)
        result = Query(scope=scope)
        _outputs(body.get("targetList", []), scope, result)
        steps.add(len(result.outputs))
        where = body.get("whereClause")
        if not items:
            bare = not any(True for _ in columns(body.get("targetList", [])))
            result.few = bare and not gives_rows(body.get("targetList", []), strict=True)
            return result
        if where:
            terms += conjuncts(where)
        self.settle(terms, scope)
        few = scope.limited.issuperset(scope.relations) or (
            where is not None and fold(where) in (False, None)
        )
        having = body.get("havingClause")
        if not few and having and body.get("groupClause"):
            few = bool(self.condition(having, scope))
        if not few and _small_limit(body):
            few = not correlated(body)
        result.few = few and not gives_rows(body.get("targetList", []))
        return result

    def _item(self, item: Json, scope: Scope) -> list[Json]:
        scope.steps.add()
        kind, body = only(item)
        alias = body.get("alias", {})
        if kind == "JoinExpr":
            return self._join(body, scope)
        if kind == "RangeTableSample":
            return self._item(body.get("relation", {}), scope)
        if kind == "RangeVar":
            entry = scope.sources.get(body.get("relname", "")) if "schemaname" not in body else None
            name = alias.get("aliasname") or body.get("relname", "")
            if entry is None:
                table = f"{body.get('schemaname', '')}.{body.get('relname', '')}"
                scope.add(Relation(name, table, open=True))
            else:
                read = self._source(entry, scope)
                scope.add(_relation(name, read, alias, entry.get("aliascolnames", [])))
        elif kind == "RangeSubselect":
            around = scope if body.get("lateral") else scope.parent
            read = self.read(body.get("subquery", {}), scope.sources, scope.steps, around)
            name = alias.get("aliasname") or f"*{len(scope.relations)}"
            scope.add(_relation(name, read, alias, []))
        else:
            _function(kind, body, alias, scope)
        return []

    def _source(self, entry: Json, scope: Scope) -> Query:
        """A query of a WITH list. Named within itself it gives few rows only once its first part does."""
        found = entry.get(_READ)
        if isinstance(found, Query):
            return found
        entry[_READ] = Query()
        query, sources = entry.get("ctequery", {}), entry.get(_SOURCES, {})
        select = only(query)[1]
        recursive = select.get("op") == "SETOP_UNION" and sources.get(entry.get("ctename", "")) is entry
        if recursive:
            result = self._recursive(entry, select, visible_to(select, sources, None), scope.steps)
        else:
            result = self.read(query, sources, scope.steps, entry.get(_PARENT))
        entry[_READ] = result
        return result

    def _recursive(self, entry: Json, select: Json, sources: Mapping[str, Json], steps: Steps) -> Query:
        """Few are found from few where each step is tied to the one before: a tree's branch.

        A column that is computed (`depth + 1`) may count to any number, so that nothing can be tied to it.
        """
        parent = entry.get(_PARENT)
        first = self.read({"SelectStmt": select["larg"]}, sources, steps, parent)
        targets = select["rarg"].get("targetList", [])
        computed = [only(item.get("ResTarget", {}).get("val"))[0] != "ColumnRef" for item in targets]
        plain = not any(computed)
        result = Query(first.few and (plain or not first.stars), [], first.stars)
        for index, (name, behind) in enumerate(first.outputs):
            counts = not plain and (len(computed) != len(first.outputs) or computed[index])
            hidden = [(_OBSCURE, found[1]) for found in behind] if counts else list(behind)
            result.outputs.append((name, hidden))
        entry[_READ] = result
        rest = self.read({"SelectStmt": select["rarg"]}, sources, steps, parent)
        table = rest.scope is not None and bool(rest.scope.tables)
        few = result.few and rest.few and table and not _counts(select["rarg"])
        return Query(few, result.outputs, [*first.stars, *rest.stars], first.scope)

    def _join(self, body: Json, scope: Scope) -> list[Json]:
        if "alias" in body:
            # The alias hides what is joined.
            scope.add(Relation(body["alias"].get("aliasname", ""), columns={}, open=True))
            return []
        start = len(scope.relations)
        found = self._item(body.get("larg", {}), scope)
        middle = len(scope.relations)
        right = self._item(body.get("rarg", {}), scope)
        if body.get("jointype", "JOIN_INNER") != "JOIN_INNER":
            # An outer join's condition drops no row of its outer side; its inner side may be all NULL.
            return found if body.get("jointype") == "JOIN_LEFT" else []
        found += right
        if "quals" in body:
            found += conjuncts(body["quals"])
        joined = strings(body.get("usingClause", []))
        same = start + 1 == middle or only(body.get("larg"))[1].get("usingClause") == body.get("usingClause")
        if joined and same and middle + 1 == len(scope.relations):
            sides = [_column(scope.relations[index].name, joined[0]) for index in (middle - 1, middle)]
            equals = [{"String": {"sval": "="}}]
            found.append(
                {"A_Expr": {"kind": "AEXPR_OP", "name": equals, "lexpr": sides[0], "rexpr": sides[1]}}
            )
        return found


def _counts(body: Json) -> bool:
    """Whether a step computes with columns to find the next row (`v.id = r.id + 1`): it may walk all."""
    parts = {key: value for key, value in body.items() if key != "targetList"}
    return any(
        strings(node.get("name", []))[-1:] in (["+"], ["-"], ["*"], ["/"])
        and any(True for _ in columns(node))
        for kind, node in nodes(parts)
        if kind == "A_Expr"
    )


def _column(relation: str, name: str) -> Json:
    return {"ColumnRef": {"fields": [{"String": {"sval": relation}}, {"String": {"sval": name}}]}}


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
    """Whether a call here may give many rows: any but a given array's. strict: users' functions too."""
    for kind, body in nodes(value):
        if kind != "FuncCall":
            continue
        schema, name = qualified(body.get("funcname", []))
        if name in _MANY_ROWS or (name in _ROWS_OF_ARGUMENT and has_sublink(body)):
            return True
        if strict and not (schema in {None, "pg_catalog"} and (is_built_in(str(name), 0))):
            return True
    return False


def _small_limit(body: Json) -> bool:
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


def _outputs(targets: list[Json], scope: Scope, result: Query) -> None:
    for item in targets:
        target = item.get("ResTarget", {})
        value = target.get("val", {})
        fields = value.get("ColumnRef", {}).get("fields", [])
        names = strings(fields)
        if fields and len(names) < len(fields):
            of = [scope.named[names[-1]]] if names and names[-1] in scope.named else []
            for relation in of if names else scope.relations:
                if relation is None or relation.open:
                    result.stars += [] if relation is None else [relation]
                if relation is not None:
                    for name in relation.columns:
                        result.outputs.append((name, [(_column(relation.name, name), scope)]))
            if names and not of:
                result.outputs.append(("*", [(_OBSCURE, scope)]))
        else:
            result.outputs.append((target.get("name") or _name(value), [(value, scope)]))


def _name(value: Json) -> str:
    """The name that the server gives to a column that has none."""
    kind, body = only(value)
    match kind:
        case "ColumnRef":
            return (strings(body.get("fields", [])) or [""])[-1]
        case "FuncCall":
            return str(qualified(body.get("funcname", []))[1])
        case "TypeCast":
            return (
                _name(body.get("arg", {})) or (strings(body.get("typeName", {}).get("names", [])) or [""])[-1]
            )
        case "CoalesceExpr":
            return "coalesce"
        case "CaseExpr":
            return "case"
        case "SubLink":
            targets = only(body.get("subselect"))[1].get("targetList", [])
            inner = targets[0].get("ResTarget", {}) if targets else {}
            return str(inner.get("name") or _name(inner.get("val", {})))
        case _:
            return ""


def _relation(name: str, read: Query, alias: Json, renamed: list[Json]) -> Relation:
    """A sub-select as a relation, its columns under the names that the query around gives them."""
    given = strings(alias.get("colnames", [])) or strings(renamed)
    outputs = read.outputs
    if given and read.stars:
        return Relation(name, columns=dict.fromkeys(given, ((_OBSCURE, read.scope),)) if read.scope else {})
    names = [given[index] if index < len(given) else output[0] for index, output in enumerate(outputs)]
    found: dict[str, tuple[Definition, ...]] = {}
    for column, (_, behind) in zip(names, outputs, strict=True):
        found[column] = found.get(column, ()) + tuple(behind)
    return Relation(name, columns=found, open=bool(read.stars), few=read.few)


def _function(kind: str, body: Json, alias: Json, scope: Scope) -> None:
    """A function in FROM: few rows where it gives those of an argument, or of a column of few rows."""
    called = [
        part["FuncCall"]
        for item in body.get("functions", [])
        for part in item.get("List", {}).get("items", [])
        if "FuncCall" in part
    ]
    own = qualified(called[0].get("funcname", []))[1] if called else None
    name = alias.get("aliasname") or own or f"*{len(scope.relations)}"
    defined = [item.get("ColumnDef", {}).get("colname", "") for item in body.get("coldeflist", [])]
    defined += [
        str(item.get(inner, {}).get("colname") or item.get(inner, {}).get("name", ""))
        for item in body.get("columns", [])
        for inner in ("RangeTableFuncCol", "JsonTableColumn")
        if inner in item
    ]
    names = strings(alias.get("colnames", [])) or defined or [name, "value", "key", "ordinality"]
    simple = all(qualified(call.get("funcname", []))[1] in _ROWS_OF_ARGUMENT for call in called)
    if kind == "RangeFunction" and (not called or not simple):
        simple = False
    args = [call.get("args", []) for call in called] if kind == "RangeFunction" else [body]
    speaks = any(True for _ in columns(args)) or has_sublink(args)
    relation = Relation(name, columns=dict.fromkeys(names, ()), few=simple and not speaks, function=True)
    scope.add(relation)


def _returned(body: Json, sources: Mapping[str, Json], steps: Steps, *, few: bool) -> Query:
    """What RETURNING gives: of a table, and of nothing else."""
    relation = body.get("relation", {})
    scope = Scope(sources, steps)
    table = f"{relation.get('schemaname', '')}.{relation.get('relname', '')}"
    name = relation.get("alias", {}).get("aliasname") or relation.get("relname", "")
    scope.add(Relation(name, table, open=True, few=few))
    result = Query(few, scope=scope)
    clause = body.get("returningClause", {})
    _outputs(clause.get("exprs", []) if isinstance(clause, dict) else [], scope, result)
    if gives_rows(clause):
        result.few = False
    return result
