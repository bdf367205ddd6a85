"""Sub-selects in conditions: IN, EXISTS, NOT IN, NOT EXISTS, and `= (SELECT …)`.

In: a SubLink and the scope around it. Out: Limits. IN limits when the rows of the sub-select are few and its
column is its own, never the outer query's; EXISTS when a limited row is tied to the outer one. NOT IN and NOT
EXISTS find rows that nothing belongs to: they limit when they look a plain column up in a table. Deliberately
absent: the reading of queries (queries.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.sql.nodes.clauses import Clause, Limits, every
from proxy.sql.nodes.columns import columns
from proxy.sql.nodes.comparisons import Links, owners_of
from proxy.sql.nodes.fold import UNKNOWN, fold
from proxy.sql.nodes.operands import fixed
from proxy.sql.nodes.patterns import beyond_all, number
from proxy.sql.nodes.queries import Query, Reader, conjuncts, correlated, visible_to
from proxy.sql.nodes.regions import Region
from proxy.sql.nodes.relations import Definition, Relation, Scope, Steps, resolve, trusted
from proxy.sql.nodes.subjects import Floor, Subject, Use, subject
from proxy.sql.nodes.terms import limits
from proxy.sql.nodes.walk import only, qualified, strings
from proxy.sql.parse import Json

# Terms whose ties hold by themselves: what they are made of is no condition.
_OPERANDS = frozenset(
    {"ColumnRef", "TypeCast", "FuncCall", "RowExpr", "A_Const", "ParamRef", "A_Indirection", "CollateClause"}
)
# What sub-selects say of a row is kept apart: IN (…) OR NOT EXISTS (…) may be everything.
_LINKED = frozenset({"*linked"})
_COMPARED = frozenset({"AEXPR_OP", "AEXPR_NOT_DISTINCT"})


def _condition(body: Json, scope: Scope, negated: bool) -> Limits | None:
    query = body.get("subselect", {})
    test = body.get("testexpr", {})
    tests: list[Json] = only(test)[1].get("args", []) if only(test)[0] == "RowExpr" else [test]
    operation = (strings(body.get("operName", [])) or ["="])[-1]
    match body.get("subLinkType"):
        case "EXISTS_SUBLINK":
            return _not_exists(query, scope) if negated else _exists(query, scope)
        case "ANY_SUBLINK" if operation == "=":
            return _not_in(tests, query, scope) if negated else _rows(tests, query, scope)
        case "ALL_SUBLINK" if operation in {"<>", "!="}:
            return _rows(tests, query, scope) if negated else _not_in(tests, query, scope)
        case _:
            return {}


def _read(query: Json, scope: Scope) -> Query:
    return READER.read(query, scope.sources, scope.steps, scope)


def _rows(tests: list[Json], query: Json, scope: Scope) -> Limits:
    """`(a, b) IN (SELECT …)`."""
    read = _read(query, scope)
    width = len(read.outputs)
    if read.stars and not (read.few and not width):
        return {}
    found: list[Limits | None] = []
    for index, test in enumerate(tests):
        what = subject(test, scope)
        if what is None or not what.use & Use.TIE:
            continue
        if not read.stars and (
            index >= width
            or not read.outputs[index][1]
            or not all(_given(behind, read, what) for behind in read.outputs[index][1])
        ):
            if read.few and index < width and not read.outputs[index][1]:
                found.append(_looked_up(what, query))
            continue
        found.append(_looked_up(what, query))
    return every(found) or {}


def _looked_up(what: Subject, query: Json) -> Limits:
    return {what.owner: Clause.of(_LINKED, Region("linked", others={f"in {id(query)}": True}))}


def _given(behind: Definition, read: Query, what: Subject) -> bool:
    """Whether what is behind a sub-select's column is its own, and of few rows."""
    expr, scope = behind
    if read.few and fixed(expr, scope) is not None:
        return True
    owners = owners_of(expr, scope, what)
    return (
        bool(owners)
        and all(owner in scope.relations for owner in owners)
        and (read.few or owners <= scope.limited)
        and not (scope is not read.scope and not read.few)
    )


def _exists(query: Json, scope: Scope) -> Limits | None:
    """EXISTS is a join: the row is kept when a limited row of the sub-select is tied to it."""
    kind, body = only(query)
    if kind != "SelectStmt" or body.get("op") != "SETOP_NONE" or "valuesLists" in body:
        return {}
    if _aggregates(body) or body.keys() & {"havingClause"}:
        return {}  # a row of aggregates is there even of nothing
    inner = Scope(visible_to(body, scope.sources, scope), scope.steps, scope)
    inner.limited |= scope.limited
    scope.steps.add(len(scope.limited))
    terms = READER.from_items(body.get("fromClause", []), inner)
    if "whereClause" in body:
        if fold(body["whereClause"]) in (False, None):
            return None
        terms += conjuncts(body["whereClause"])
    outer = [relation for level in scope.levels() for relation in level.relations]
    settle(terms, inner, outer)
    return {
        relation: Clause.of(_LINKED, Region("linked", others={f"exists {id(query)}": True}))
        for relation in outer
        if relation in inner.limited and relation not in scope.limited
    }


def _aggregates(body: Json) -> bool:
    grouped = body.get("groupClause")
    if grouped:
        return any("GroupingSet" in item for item in grouped)
    return any("FuncCall" in item.get("ResTarget", {}).get("val", {}) for item in body.get("targetList", []))


def _not_in(tests: list[Json], query: Json, scope: Scope) -> Limits:
    """`id NOT IN (SELECT parent_id FROM child)`: rows that nothing refers to."""
    what = subject(tests[0], scope) if len(tests) == 1 else None
    kind, body = only(query)
    if what is None or not what.use & Use.TIE or kind != "SelectStmt" or _never(query, scope):
        return {}
    while body.get("op", "SETOP_NONE") != "SETOP_NONE":
        body = body["larg"]
    read = _read({"SelectStmt": body}, scope)
    if read.scope is None or len(read.outputs) != 1:
        return {}
    for expr, inside in read.outputs[0][1]:
        call = only(expr)[1] if only(expr)[0] == "FuncCall" else {}
        if qualified(call.get("funcname", []))[1] in {"min", "max"} and len(call.get("args", [])) == 1:
            expr = call["args"][0]
        found = subject(expr, inside)
        if found is None or found.column is None or not found.use & Use.EQUAL:
            return {}
        if found.owner not in inside.relations or not trusted(found.column, what.owner, what.names):
            return {}
    return _left_over(what, query) if read.outputs[0][1] else {}


def _left_over(what: Subject, query: Json) -> Limits:
    region = Region("linked", excluded={f"anti {id(query)}": None})
    return {what.owner: Clause.of(_LINKED, region)}


def _not_exists(query: Json, scope: Scope) -> Limits:
    kind, body = only(query)
    if kind != "SelectStmt" or "fromClause" not in body or body.get("op") != "SETOP_NONE":
        return {}
    if _aggregates(body) or body.keys() & {"havingClause", "groupClause"} or _never(query, scope):
        return {}
    inner = Scope(visible_to(body, scope.sources, scope), scope.steps, scope)
    terms = READER.from_items(body["fromClause"], inner)
    terms += conjuncts(body.get("whereClause", {}))
    for term in terms:
        expr = term.get("A_Expr", {})
        if expr.get("kind") not in _COMPARED or strings(expr.get("name", []))[-1:] != ["="]:
            continue
        sides = [expr.get("lexpr", {}), expr.get("rexpr", {})]
        for mine, other in (sides, sides[::-1]):
            what = _outer_column(mine, other, inner)
            if what is not None:
                return _left_over(what, query)
    return {}


def _outer_column(mine: Json, other: Json, inner: Scope) -> Subject | None:
    """The outer side of `inner.column = outer.column`."""
    what, found = subject(mine, inner), subject(other, inner)
    if what is None or found is None or what.column is None or found.column is None:
        return None
    if found.owner not in inner.relations or what.owner in inner.relations or not what.column.sure:
        return None
    if not isinstance(what.owner, Relation) or not found.use & Use.EQUAL or inner.parent is None:
        return None
    return what if trusted(found.column, what.owner, what.names) else None


def _never(query: Json, scope: Scope) -> bool:
    """Whether a sub-select may give no row at all: then NOT IN holds for every row."""
    scope.steps.add()
    _, body = only(query)
    if "limitOffset" in body or ("limitCount" in body and fold(body["limitCount"]) == 0):
        return True
    inner = Scope(visible_to(body, scope.sources, scope), scope.steps, scope)
    items = body.get("fromClause", [])
    terms = READER.from_items(items, inner)
    terms += conjuncts(body["whereClause"]) if "whereClause" in body else []
    if any(_impossible(term, inner) or not _possible(term, inner) for term in terms):
        return True
    return any(
        _never(item["RangeSubselect"].get("subquery", {}), scope)
        for item in items
        if "RangeSubselect" in item
    )


def _possible(term: Json, scope: Scope) -> bool:
    """A term that some rows pass, as far as can be told: it limits, it ties, or it is a check for NULL."""
    if fold(term) is True or "NullTest" in term:
        return True
    scope.ties.clear()
    return bool(limits(term, scope, LINKS)) or bool(scope.ties)


def _impossible(term: Json, scope: Scope) -> bool:
    """`id < 0`, `id <> id`: no row is so, by custom or by proof."""
    body = term.get("A_Expr", {})
    name = (strings(body.get("name", [])) or [""])[-1]
    if body.get("kind") != "AEXPR_OP":
        return False
    one, two = subject(body.get("lexpr", {}), scope), subject(body.get("rexpr", {}), scope)
    if one is not None and two is not None:
        return one.owner == two.owner and one.names == two.names and name in {"<>", "!=", "<", ">"}
    if one is None and two is not None:
        one, name = two, {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(name, name)
        body = {"rexpr": body.get("lexpr")}
    value = fold(body.get("rexpr"))
    amount = number(value)
    if one is None or amount is None:
        return False
    if name in {">", ">="}:
        return beyond_all(value)
    if name in {"=", "<="}:
        return amount < 0 or (amount == 0 and one.floor in {Floor.KEY, Floor.COUNT})
    return name == "<" and (amount <= 0 or (amount == 1 and one.floor is Floor.KEY))


def _value(name: str, what: Subject, body: Json, scope: Scope) -> bool:
    """Whether `subject name (SELECT …)` limits: the one value that the sub-select gives for all rows."""
    query = body.get("subselect", {})
    read = _read(query, scope)
    if len(read.outputs) != 1 or read.stars or read.scope is None:
        return False
    _, select = only(query)
    if correlated(select):
        behind = read.outputs[0][1]
        few = bool(behind) and all(_given(item, read, what) for item in behind)
        # LIMIT 1 of what belongs to the row is one for each row.
        return name == "=" and few and read.scope.limited.issuperset(read.scope.relations)
    if not all(_own(expr, inside, what) for expr, inside in read.outputs[0][1]):
        return False
    if name == "=":
        return bool(what.use & Use.EQUAL)
    if name == "<>":
        return bool(what.use & Use.UNEQUAL) and what.floor is not Floor.KEY
    if what.floor is Floor.KEY and name[0] == ">":
        return False
    return bool(what.use & Use.ORDER) and _bound(name, select)


def _own(expr: Json, inside: Scope, what: Subject) -> bool:
    """Whether the columns in it are the sub-select's own."""
    for ref in columns(expr):
        column = resolve(ref, inside)
        if column is None or not trusted(column, what.owner, what.names):
            return False
        if isinstance(column.owner, Relation) and column.owner not in inside.relations:
            return False
    return True


def _bound(name: str, select: Json) -> bool:
    """`< (SELECT max(x))` is a bound, `>= (SELECT min(x))` is none; any other value may be either end."""
    targets = select.get("targetList", [])
    value: Json = targets[0].get("ResTarget", {}).get("val", {}) if len(targets) == 1 else {}
    kind, body = only(value)
    strict = name in {"<", ">"}
    if kind == "A_Expr" and strings(body.get("name", [])) == ["-"] and name[0] == "<":
        # max(id) - 1000
        amount = number(fold(body.get("rexpr")))
        positive = fold(body.get("rexpr")) is UNKNOWN or (amount is not None and amount > 0)
        return positive and _aggregate(body.get("lexpr", {})) == "max"
    if kind == "FuncCall":
        function = _aggregate(value)
        return (
            function == "avg"
            or (strict and (name, function) in {("<", "max"), (">", "min")})
            or (function in {"max", "min"} and "whereClause" in select and strict)
        )
    if kind != "ColumnRef":
        return False
    return strict or "limitOffset" in select or "whereClause" in select


def _aggregate(value: Json) -> str:
    call = value.get("FuncCall", {})
    return str(qualified(call.get("funcname", []))[1]) if not call.keys() & {"over"} else ""


def settle(terms: list[Json], scope: Scope, outer: list[Relation] | None = None) -> None:
    """Mark as limited every relation that the terms limit, ties followed to the end.

    Args:
        terms: ANDed.
        outer: relations of the levels around that the terms may limit as well.
    """
    members = [*scope.relations, *(outer or [])]
    complex_terms: list[Json] = []
    edges: list[tuple[frozenset[Relation], Relation]] = list(scope.ties)
    doubtful = False
    for term in terms:
        scope.ties.clear()
        found = limits(term, scope, LINKS)
        if found is None:
            scope.limited.update(members)
            return
        if scope.ties:
            if _simple(term):
                edges += scope.ties
            else:
                complex_terms.append(term)
        doubtful |= any(isinstance(owner, str) for owner in found)
        scope.limited.update(owner for owner in found if isinstance(owner, Relation))
    scope.ties.clear()
    _follow(edges, scope)
    changed = True
    while changed and complex_terms:
        changed = False
        for term in complex_terms:
            found = limits(term, scope, LINKS) or {}
            fresh = {owner for owner in found if isinstance(owner, Relation)} - scope.limited
            if fresh:
                changed = True
                scope.limited |= fresh
        _follow(edges, scope)
    scope.ties.clear()
    around = [] if outer is not None or scope.parent is None else list(scope.parent.levels())
    alone = all(len(level.relations) <= 1 for level in around)
    if doubtful and alone and _all_tied(edges, members):
        scope.limited.update(members)


def _simple(term: Json) -> bool:
    body = term.get("A_Expr", {})
    if body.get("kind") not in _COMPARED:
        return False
    return all(_operand(body.get(side, {})) for side in ("lexpr", "rexpr"))


def _operand(expr: Json) -> bool:
    kind, body = only(expr)
    if kind == "A_Expr":
        return strings(body.get("name", []))[-1:] in (["+"], ["-"], ["||"], ["->"], ["->>"], ["#>"], ["#>>"])
    return kind in _OPERANDS


def _follow(edges: list[tuple[frozenset[Relation], Relation]], scope: Scope) -> None:
    """What equals a column of limited relations is limited."""
    waiting: dict[Relation, list[int]] = {}
    missing: list[int] = []
    ready: list[Relation] = []
    for index, (owners, relation) in enumerate(edges):
        open_ones = [owner for owner in owners if owner not in scope.limited]
        missing.append(len(open_ones))
        for owner in open_ones:
            waiting.setdefault(owner, []).append(index)
        if not open_ones:
            ready.append(relation)
    scope.steps.add(len(edges) // 10)
    while ready:
        relation = ready.pop()
        if relation in scope.limited:
            continue
        scope.limited.add(relation)
        for index in waiting.get(relation, ()):
            missing[index] -= 1
            if missing[index] == 0:
                ready.append(edges[index][1])


def _all_tied(edges: list[tuple[frozenset[Relation], Relation]], members: list[Relation]) -> bool:
    """Whether all relations equal each other, by twos: then a filter of any is one of all."""
    beside: dict[Relation, set[Relation]] = {}
    for owners, relation in edges:
        if len(owners) == 1:
            beside.setdefault(next(iter(owners)), set()).add(relation)
    reached = set(members[:1])
    waiting = list(members[:1])
    while waiting:
        for relation in beside.get(waiting.pop(), ()):
            if relation not in reached:
                reached.add(relation)
                waiting.append(relation)
    return reached >= set(members)


def _changes(body: Json, sources: Mapping[str, Json], steps: Steps) -> bool:
    """Whether a DELETE, UPDATE or MERGE gives back few rows."""
    where = body.get("whereClause")
    joined: list[Json] = body.get("fromClause") or body.get("usingClause") or []
    if not where:
        return False
    scope, _ = changed_scope(body.get("relation", {}), joined, where, sources, steps, frozenset())
    return scope.target in scope.limited


def changed_scope(
    relation: Json,
    joined: list[Json],
    where: Json,
    sources: Mapping[str, Json],
    steps: Steps,
    own: frozenset[str],
) -> tuple[Scope, list[Json]]:
    """The scope of a DELETE or UPDATE, settled, and the terms of its condition."""
    name = relation.get("alias", {}).get("aliasname") or relation.get("relname", "")
    table = f"{relation.get('schemaname', '')}.{relation.get('relname', '')}"
    scope = Scope(sources, steps, own=own)
    scope.target = Relation(name, table, open=True)
    scope.add(scope.target)
    terms = conjuncts(where) + READER.from_items(joined, scope)
    settle(terms, scope)
    return scope, terms


LINKS = Links(_condition, _value, _rows)
READER = Reader(settle, lambda expr, scope: limits(expr, scope, LINKS), _changes)
