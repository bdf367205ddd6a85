"""Rows that clean-up jobs look for: duplicates, and rows whose partner is gone.

In: ANDed terms and their scope. Out: the relations that such a pair of terms limits. `a.id < b.id AND
a.email = b.email` over two of one table spares one row of every group, so it never holds for all; `LEFT JOIN
u ON u.id = a.u_id WHERE u.id IS NULL` is NOT EXISTS. Deliberately absent: how many rows there are of either.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.sql.parse import Json
from proxy.sql.scope.amounts import conjuncts
from proxy.sql.scope.relations import Relation, Scope, resolve, trusted
from proxy.sql.scope.subjects import subject
from proxy.sql.scope.uses import Floor, Subject, Use
from proxy.sql.tree import only, strings

_EQUAL = frozenset({"AEXPR_OP", "AEXPR_NOT_DISTINCT"})
# No row passes these where the column is NULL.
_STRICT = frozenset({"AEXPR_OP", "AEXPR_IN", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_BETWEEN", "AEXPR_OP_ANY"})
_Pair = frozenset[Relation]


def duplicates(terms: list[Json], scope: Scope) -> Iterator[Relation]:
    """The relations of a self-join that leaves one row of every group of equals alone."""
    ordered = {pair for term in terms for pair in _strictly_ordered(term, scope)}
    if not ordered:
        return
    for term in terms:
        for pair in _grouped(term, scope):
            if pair in ordered:
                yield from pair


def _strictly_ordered(term: Json, scope: Scope) -> Iterator[_Pair]:
    """`a.id < b.id`: one column, of two that are one table."""
    body = term.get("A_Expr", {})
    if body.get("kind") != "AEXPR_OP" or strings(body.get("name", [])) not in (["<"], [">"]):
        return
    for one, two in _sides(body, scope):
        if one.column is not None and two.column is not None:
            yield from _of_one_table(one, two)


def _grouped(term: Json, scope: Scope) -> Iterator[_Pair]:
    """`a.email = b.email`, `lower(a.email) = lower(b.email)`: of no key, which would be no group."""
    body = term.get("A_Expr", {})
    if body.get("kind") not in _EQUAL or strings(body.get("name", [])) != ["="]:
        return
    for one, two in _sides(body, scope):
        ties = one.use & two.use & Use.TIE and not (one.use | two.use) & Use.FILLED
        if ties and one.floor is not Floor.KEY and one.names != {"ctid"}:
            yield from _of_one_table(one, two)


def _sides(body: Json, scope: Scope) -> Iterator[tuple[Subject, Subject]]:
    one, two = subject(body.get("lexpr", {}), scope), subject(body.get("rexpr", {}), scope)
    if one is not None and two is not None and one.names == two.names and one.sure and two.sure:
        yield one, two


def _of_one_table(one: Subject, two: Subject) -> Iterator[_Pair]:
    first, second = one.owner, two.owner
    if not isinstance(first, Relation) or not isinstance(second, Relation) or first is second:
        return
    if first.table == second.table is not None:
        yield frozenset({first, second})


def note_partner(quals: Json, left: list[Relation], right: list[Relation], scope: Scope) -> None:
    """Note of a LEFT JOIN what a row of its left side is that has no partner on the right.

    Only where the condition is nothing but equal columns: another term may let no row have a partner.
    """
    if len(right) != 1 or right[0].table is None or not quals:
        return
    owners: set[Relation] = set()
    for term in conjuncts(quals):
        body = term.get("A_Expr", {})
        if body.get("kind") != "AEXPR_OP" or strings(body.get("name", [])) != ["="]:
            return
        one, two = (subject(body.get(side, {}), scope) for side in ("lexpr", "rexpr"))
        if one is not None and one.owner is right[0]:
            one, two = two, one
        if one is None or two is None or one.column is None or two.column is None:
            return
        if (
            two.owner is not right[0]
            or one.owner not in left
            or not trusted(two.column, one.owner, one.names)
        ):
            return
        owners.add(one.owner)
    scope.partners[right[0]] = frozenset(owners)


def without_partner(terms: list[Json], scope: Scope) -> Iterator[Relation]:
    """The two sides of `LEFT JOIN u ON u.id = a.u_id WHERE u.id IS NULL`."""
    if not scope.partners:
        return
    for term in terms:
        body = term.get("NullTest", {})
        if body.get("nulltesttype") != "IS_NULL" or only(body.get("arg"))[0] != "ColumnRef":
            continue
        column = resolve(body["arg"]["ColumnRef"], scope)
        if column is not None and isinstance(column.owner, Relation) and column.owner in scope.partners:
            yield column.owner
            yield from scope.partners[column.owner]


def with_partner(terms: list[Json], scope: Scope) -> Iterator[tuple[frozenset[Relation], Relation]]:
    """Ties of a LEFT JOIN whose right side is filtered by what NULL does not pass: an inner join, then."""
    for term in terms if scope.partners else ():
        body = term.get("A_Expr", {})
        if body.get("kind") not in _STRICT:
            continue
        for side in (body.get("lexpr", {}), body.get("rexpr", {})):
            column = resolve(side["ColumnRef"], scope) if "ColumnRef" in side else None
            if column is not None and isinstance(column.owner, Relation):
                for left in scope.partners.get(column.owner, ()):
                    yield frozenset({column.owner}), left
