"""Does a WHERE restrict the rows of the table that is changed?

In: the target, what it is joined to, and the conditions. Out: the traits `unscoped` or `by_key`, or none. A
condition restricts only where it is known to (terms.py, comparisons.py, links.py); a cap on the work makes
what is too much to be judged unscoped. Deliberately absent: how many rows are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.sql.parse import Json
from proxy.sql.scope.amounts import conjuncts
from proxy.sql.scope.links import LINKS, READER, changed_scope, target_scope
from proxy.sql.scope.operands import fixed
from proxy.sql.scope.relations import Relation, Scope, Steps, TooMuch
from proxy.sql.scope.subjects import subject
from proxy.sql.scope.terms import limits
from proxy.sql.tree import only, strings

UNSCOPED: frozenset[str] = frozenset({"unscoped"})
BY_KEY: frozenset[str] = frozenset({"by_key"})
SCOPED: frozenset[str] = frozenset()

_KEYED = frozenset({"AEXPR_OP", "AEXPR_IN", "AEXPR_OP_ANY"})
_GIVEN = frozenset({"A_Const", "ParamRef"})


def restriction(
    target: Json,
    joined: list[Json],
    where: Json | None,
    queries: Mapping[str, Json],
    own: Iterable[str] = (),
    steps: Steps | None = None,
) -> frozenset[str]:
    """UNSCOPED, BY_KEY or SCOPED for `UPDATE target … FROM joined WHERE where`.

    Args:
        target: the RangeVar's body.
        joined: nodes of FROM or USING.
        where: the condition, if any.
        queries: queries of the WITH lists in scope, as queries.add_source() has them.
        own: columns known to be the target's (those that an UPDATE sets).
        steps: shared by the branches of one statement.
    """
    if not where:
        return UNSCOPED
    if not joined and _is_keyed(target_scope(target, queries, Steps(), frozenset(own)), where):
        return BY_KEY
    try:
        scope, terms = changed_scope(target, joined, where, queries, steps or Steps(), frozenset(own))
    except TooMuch:
        return UNSCOPED
    if scope.target not in scope.limited:
        return UNSCOPED
    try:
        return BY_KEY if any(_is_key(term, scope) for term in terms) else SCOPED
    except TooMuch:
        return SCOPED


def _is_keyed(scope: Scope, where: Json) -> bool:
    """Whether an ANDed `column = constant` limits the only relation: whatever else is asked limits it more.

    Most updates are such, so nothing else of theirs is looked at.
    """
    for term in conjuncts(where):
        body = term.get("A_Expr", {})
        if "ColumnRef" not in body.get("lexpr", {}) or body.get("kind") != "AEXPR_OP":
            continue
        if body["rexpr"].keys() & _GIVEN and _limiting(term, scope) and _is_key(term, scope):
            return True
    return False


def limited(query: Json, queries: Mapping[str, Json]) -> bool:
    """Whether a query gives few rows; not when in doubt."""
    try:
        return READER.read(query, queries, Steps(), None).few
    except TooMuch:
        return False


def _is_key(term: Json, scope: Scope) -> bool:
    """`column = constant`, `column IN (constants)`, `column = ANY($1)`, WHERE CURRENT OF."""
    kind, body = only(term)
    if kind == "CurrentOfExpr":
        return True
    if kind != "A_Expr" or body.get("kind") not in _KEYED:
        return False
    if strings(body.get("name", [])) not in (["="], ["pg_catalog", "="]):
        return False
    sides = [body.get("lexpr", {}), body.get("rexpr", {})]
    for column, other in (sides, sides[::-1]):
        if only(column)[0] not in {"ColumnRef", "RowExpr"}:
            continue
        parts = only(column)[1].get("args", []) if "RowExpr" in column else [column]
        found = [subject(part, scope) for part in parts]
        if found and all(
            item is not None and item.column is not None and item.owner is scope.target for item in found
        ):
            constants = other["List"].get("items", []) if "List" in other else [other]
            same = all(fixed(item, scope) is not None for item in constants)
            return same and isinstance(scope.target, Relation) and _limiting(term, scope)
    return False


def _limiting(term: Json, scope: Scope) -> bool:
    known = scope.limiting.get(id(term))
    if known is None:
        known = scope.limiting[id(term)] = bool(limits(term, scope, LINKS))
    return known
