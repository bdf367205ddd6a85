"""Which relations a set of conditions limits, ties followed to the end.

In: ANDed terms and their scope. Out: scope.limited. What a term says is asked once; only those that tie
relations inside an OR are asked again. Deliberately absent: the terms' meaning.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.sql.parse import Json
from proxy.sql.scope.clauses import Limits
from proxy.sql.scope.leftovers import duplicates, with_partner, without_partner
from proxy.sql.scope.relations import Relation, Scope
from proxy.sql.tree import only, strings

Condition = Callable[[Json, Scope], Limits | None]
# Terms whose ties hold by themselves: what they are made of is no condition.
_OPERANDS = frozenset(
    {"ColumnRef", "TypeCast", "FuncCall", "RowExpr", "A_Const", "ParamRef", "A_Indirection", "CollateClause"}
)


COMPARED = frozenset({"AEXPR_OP", "AEXPR_NOT_DISTINCT"})


def settle(
    terms: list[Json], scope: Scope, condition: Condition, outer: list[Relation] | None = None
) -> None:
    """Mark as limited every relation that the terms limit, ties followed to the end.

    Args:
        terms: ANDed.
        condition: what one of them limits.
        outer: relations of the levels around that the terms may limit as well.
    """
    members = [*scope.relations, *(outer or [])]
    complex_terms: list[Json] = []
    edges: list[tuple[frozenset[Relation], Relation]] = list(scope.ties)
    doubtful = False
    for term in terms:
        scope.ties.clear()
        found = condition(term, scope)
        scope.limiting[id(term)] = bool(found)
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
    scope.limited.update(duplicates(terms, scope))
    scope.limited.update(without_partner(terms, scope))
    edges += with_partner(terms, scope)
    _follow(edges, scope)
    changed = True
    while changed and complex_terms:
        changed = False
        for term in complex_terms:
            found = condition(term, scope) or {}
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
    if body.get("kind") not in COMPARED:
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
