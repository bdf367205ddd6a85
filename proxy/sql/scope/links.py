"""Sub-selects in conditions: IN, EXISTS, NOT IN, NOT EXISTS, and `= (SELECT …)`.

In: a SubLink and the scope around it. Out: Limits. IN limits when the rows of the sub-select are few and its
column is its own, never the outer query's; EXISTS when a limited row is tied to the outer one. NOT IN and NOT
EXISTS find rows that nothing belongs to: they limit when they look a plain column up in a table. Deliberately
absent: the reading of queries (queries.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.sql.parse import Json
from proxy.sql.scope.amounts import conjuncts, correlated
from proxy.sql.scope.bounds import bounds, function_of, gives_aggregates, impossible
from proxy.sql.scope.clauses import Clause, Limits, every
from proxy.sql.scope.columns import columns
from proxy.sql.scope.comparisons import Links
from proxy.sql.scope.fold import fold
from proxy.sql.scope.operands import fixed
from proxy.sql.scope.outputs import Query
from proxy.sql.scope.queries import Reader
from proxy.sql.scope.regions import Region
from proxy.sql.scope.relations import Definition, Relation, Scope, Steps, resolve, trusted
from proxy.sql.scope.settling import COMPARED, settle
from proxy.sql.scope.sources import visible_to
from proxy.sql.scope.subjects import subject
from proxy.sql.scope.terms import limits
from proxy.sql.scope.ties import owners_of
from proxy.sql.scope.uses import Floor, Subject, Use
from proxy.sql.tree import only, qualified, strings

# What sub-selects say of a row is kept apart: IN (…) OR NOT EXISTS (…) may be everything.
_LINKED = frozenset({"*linked"})


def _condition(body: Json, scope: Scope, negated: bool) -> Limits | None:
    query = body.get("subselect", {})
    test = body.get("testexpr", {})
    tests: list[Json] = only(test)[1].get("args", []) if only(test)[0] == "RowExpr" else [test]
    operation = (strings(body.get("operName", [])) or ["="])[-1]
    match body.get("subLinkType"):
        case "EXISTS_SUBLINK":
            return _not_exists(query, scope) if negated else _exists(query, scope)
        case "ANY_SUBLINK" if operation == "=":
            if negated:
                return _not_in(tests, query, scope)
            return _except(tests, query, scope) or _rows(tests, query, scope)
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
    return {what.owner: Clause(_LINKED, Region("linked", others={f"in {id(query)}": True}))}


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
    if gives_aggregates(body) or body.keys() & {"havingClause"}:
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
    settle(terms, inner, _holds, outer)
    return {
        relation: Clause(_LINKED, Region("linked", others={f"exists {id(query)}": True}))
        for relation in outer
        if relation in inner.limited and relation not in scope.limited
    }


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
    if _is_lone(body, read.scope) and (not what.use & Use.UNEQUAL or what.floor is Floor.KEY):
        return {}  # as `<>` one value: all rows but one
    for whole, inside in read.outputs[0][1]:
        expr = whole
        call = only(expr)[1] if only(expr)[0] == "FuncCall" else {}
        if qualified(call.get("funcname", []))[1] in {"min", "max"} and len(call.get("args", [])) == 1:
            expr = call["args"][0]
        found = subject(expr, inside)
        if found is None or found.column is None or not found.use & Use.EQUAL:
            return {}
        if found.owner not in inside.relations:
            return {}
        itself = what.owner in scope.relations and only(tests[0])[0] == only(whole)[0] == "ColumnRef"
        if not itself and not trusted(found.column, what.owner, what.names):
            return {}  # `a NOT IN (SELECT a FROM u)` spares rows also where both are the outer one
    return _left_over(what, query) if read.outputs[0][1] else {}


def _is_lone(select: Json, inside: Scope) -> bool:
    """Whether a SELECT gives one value at most: an aggregate, LIMIT 1, or one for a group of all rows."""
    if "limitCount" in select and fold(select["limitCount"]) == 1:
        return True
    groups = select.get("groupClause", [])
    if not groups and function_of(select) not in {"min", "max"}:
        groups = [item for item in select.get("distinctClause", []) if item]
        if not groups:
            return False
    return not any(_tells_apart(item, inside) for item in groups)


def _tells_apart(group: Json, inside: Scope) -> bool:
    if "GroupingSet" in group:
        return any(_tells_apart(item, inside) for item in group["GroupingSet"].get("content", []))
    found = subject(group, inside)
    return found is not None and bool(found.use & Use.EQUAL)


def _except(tests: list[Json], query: Json, scope: Scope) -> Limits:
    """`id IN (SELECT id FROM t EXCEPT SELECT t_id FROM u)` is NOT IN the latter."""
    _, body = only(query)
    if body.get("op") != "SETOP_EXCEPT" or "withClause" in body:
        return {}
    return _not_in(tests, {"SelectStmt": body["rarg"]}, scope)


def _left_over(what: Subject, query: Json) -> Limits:
    region = Region("linked", excluded={f"anti {id(query)}": None})
    return {what.owner: Clause(_LINKED, region)}


def _not_exists(query: Json, scope: Scope) -> Limits:
    kind, body = only(query)
    if kind != "SelectStmt" or "fromClause" not in body or body.get("op") != "SETOP_NONE":
        return {}
    if gives_aggregates(body) or body.keys() & {"havingClause", "groupClause"} or _never(query, scope):
        return {}
    inner = Scope(visible_to(body, scope.sources, scope), scope.steps, scope)
    terms = READER.from_items(body["fromClause"], inner)
    terms += conjuncts(body.get("whereClause", {}))
    for term in terms:
        expr = term.get("A_Expr", {})
        if expr.get("kind") not in COMPARED or strings(expr.get("name", []))[-1:] != ["="]:
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
    if (
        what.floor is Floor.KEY
        and isinstance(found.owner, Relation)
        and found.owner.table == what.owner.table
    ):
        return None  # the very row: NOT EXISTS (… self.id = t.id AND self.id = 5) is id <> 5
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
    # An outer join whose condition holds for none gives rows, but none with a partner.
    terms += [term for item in items for quals in _outer_quals(item) for term in conjuncts(quals)]
    if any(_is_empty(term, inner) for term in conjuncts(body.get("havingClause", {}))):
        return True
    if any(impossible(term, inner) or not _possible(term, inner) for term in terms):
        return True
    return any(
        _never(item["RangeSubselect"].get("subquery", {}), scope)
        for item in items
        if "RangeSubselect" in item
    )


def _is_empty(having: Json, scope: Scope) -> bool:
    """Whether no group passes: a term of HAVING that others pass may well say nothing, as `count(*) > 0`."""
    return impossible(having, scope) or limits(having, scope, LINKS) is None


def _outer_quals(item: Json) -> Iterator[Json]:
    """The conditions of the outer joins in an item of FROM."""
    waiting = [item]
    while waiting:
        body = waiting.pop().get("JoinExpr", {})
        if body.get("jointype", "JOIN_INNER") != "JOIN_INNER" and "quals" in body:
            yield body["quals"]
        waiting += [body[side] for side in ("larg", "rarg") if side in body]


def _possible(term: Json, scope: Scope) -> bool:
    """A term that some rows pass, as far as can be told: it limits, it ties, or it is a check for NULL."""
    if fold(term) is True or "NullTest" in term:
        return True
    scope.ties.clear()
    return bool(limits(term, scope, LINKS)) or bool(scope.ties)


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
    lowest = what.floor is Floor.KEY and name[0] == ">" and function_of(select) != "avg"
    return bool(what.use & Use.ORDER) and not lowest and bounds(name, select)


def _own(expr: Json, inside: Scope, what: Subject) -> bool:
    """Whether the columns in it are the sub-select's own."""
    for ref in columns(expr):
        column = resolve(ref, inside)
        if column is None or not trusted(column, what.owner, what.names):
            return False
        if isinstance(column.owner, Relation) and column.owner not in inside.relations:
            return False
    return True


def _changes(body: Json, sources: Mapping[str, Json], steps: Steps) -> bool:
    """Whether a DELETE, UPDATE or MERGE gives back few rows."""
    where = body.get("whereClause")
    joined: list[Json] = body.get("fromClause") or body.get("usingClause") or []
    if not where:
        return False
    scope, _ = changed_scope(body.get("relation", {}), joined, where, sources, steps, frozenset())
    return scope.target in scope.limited


def target_scope(relation: Json, sources: Mapping[str, Json], steps: Steps, own: frozenset[str]) -> Scope:
    """The scope of a DELETE or UPDATE that joins nothing."""
    name = relation.get("alias", {}).get("aliasname") or relation.get("relname", "")
    table = f"{relation.get('schemaname', '')}.{relation.get('relname', '')}"
    scope = Scope(sources, steps, own=own)
    scope.target = Relation(name, table, open=True)
    scope.add(scope.target)
    return scope


def changed_scope(
    relation: Json,
    joined: list[Json],
    where: Json,
    sources: Mapping[str, Json],
    steps: Steps,
    own: frozenset[str],
) -> tuple[Scope, list[Json]]:
    """The scope of a DELETE or UPDATE, settled, and the terms of its condition."""
    scope = target_scope(relation, sources, steps, own)
    terms = conjuncts(where) + READER.from_items(joined, scope)
    settle(terms, scope, _holds)
    return scope, terms


def _holds(expr: Json, scope: Scope) -> Limits | None:
    return limits(expr, scope, LINKS)


def _truth(expr: Json, scope: Scope, negated: bool) -> Limits | None:
    return limits(expr, scope, LINKS, negated=negated)


LINKS = Links(_condition, _truth, _value, _rows)
READER = Reader(lambda terms, scope: settle(terms, scope, _holds), _holds, _changes)
