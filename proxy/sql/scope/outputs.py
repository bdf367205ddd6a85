"""The columns that queries and functions give, under the names that the query around knows.

In: target lists, aliases, functions of FROM. Out: outputs of a Query, Relations. Deliberately absent: whether
the rows are few, but for functions: those that give the rows of an argument.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.sql.parse import Json
from proxy.sql.scope.amounts import ROWS_OF_ARGUMENT, gives_rows
from proxy.sql.scope.columns import columns, has_sublink
from proxy.sql.scope.relations import Definition, Relation, Scope, Steps, resolve
from proxy.sql.tree import only, qualified, strings

# What nothing can be said of: a column that no relation has.
OBSCURE: Json = {"ColumnRef": {"fields": []}}


class Query:
    """What a query gives.

    Attributes:
        few: its rows are few.
        outputs: its columns: the name, and what is behind it.
        stars: the relations that `*` takes columns from that are not known.
        scope: of its FROM.
    """

    __slots__ = ("few", "outputs", "scope", "stars")

    def __init__(
        self,
        few: bool = False,
        outputs: list[tuple[str, list[Definition]]] | None = None,
        stars: list[Relation] | None = None,
        scope: Scope | None = None,
    ) -> None:
        """Hold what is known so far."""
        self.few = few
        self.outputs = [] if outputs is None else outputs
        self.stars = [] if stars is None else stars
        self.scope = scope


def column_ref(relation: str, name: str) -> Json:
    """A column as the parser has it."""
    return {"ColumnRef": {"fields": [{"String": {"sval": relation}}, {"String": {"sval": name}}]}}


def add_outputs(targets: list[Json], scope: Scope, result: Query) -> None:
    """Add the columns of a target list; `*` is those of the relations, as far as they are known."""
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
                        result.outputs.append((name, [(column_ref(relation.name, name), scope)]))
            if names and not of:
                result.outputs.append(("*", [(OBSCURE, scope)]))
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


def relation_of(name: str, read: Query, alias: Json, renamed: list[Json]) -> Relation:
    """A sub-select as a relation, its columns under the names that the query around gives them."""
    given = strings(alias.get("colnames", [])) or strings(renamed)
    outputs = read.outputs
    if given and read.stars:
        return Relation(name, columns=dict.fromkeys(given, ((OBSCURE, read.scope),)) if read.scope else {})
    names = [given[index] if index < len(given) else output[0] for index, output in enumerate(outputs)]
    found: dict[str, tuple[Definition, ...]] = {}
    for column, (_, behind) in zip(names, outputs, strict=True):
        found[column] = found.get(column, ()) + tuple(behind)
    return Relation(name, columns=found, open=bool(read.stars), few=read.few)


def handed(expr: object, scope: Scope, depth: int = 8) -> bool:
    """Whether it is made of what the client sends alone: constants, parameters, and few rows of these."""
    scope.steps.add()
    if has_sublink(expr):
        return False
    for ref in columns(expr):
        column = resolve(ref, scope)
        owner = column.owner if column is not None and column.sure else None
        if not isinstance(owner, Relation) or column is None or owner.open or not owner.few or not depth:
            return False
        # Behind a column of VALUES, or of a function, there is nothing that could be asked.
        behind = owner.columns.get(column.name)
        if behind is None or not all(handed(*found, depth - 1) for found in behind):
            return False
    return True


def add_function(kind: str, body: Json, alias: Json, scope: Scope) -> None:
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
    simple = all(qualified(call.get("funcname", []))[1] in ROWS_OF_ARGUMENT for call in called)
    if kind == "RangeFunction" and (not called or not simple):
        simple = False
    args = [call.get("args", []) for call in called] if kind == "RangeFunction" else [body]
    few = simple and handed(args, scope)
    relation = Relation(name, columns=dict.fromkeys(names, ()), few=few, function=True)
    scope.add(relation)


def returned(body: Json, sources: Mapping[str, Json], steps: Steps, *, few: bool) -> Query:
    """What RETURNING gives: of a table, and of nothing else."""
    relation = body.get("relation", {})
    scope = Scope(sources, steps)
    table = f"{relation.get('schemaname', '')}.{relation.get('relname', '')}"
    name = relation.get("alias", {}).get("aliasname") or relation.get("relname", "")
    scope.add(Relation(name, table, open=True, few=few))
    result = Query(few, scope=scope)
    clause = body.get("returningClause", {})
    add_outputs(clause.get("exprs", []) if isinstance(clause, dict) else [], scope, result)
    if gives_rows(clause):
        result.few = False
    return result
