"""Ties: a column of one relation that equals a column of another.

In: the two sides of `=`. Out: Limits where the other relation is limited, and else a tie noted in the scope.
Only `=` ties: `<>` and the orders hold for nearly every pair of rows. Deliberately absent: following ties
(settling.py).
"""

from __future__ import annotations

from proxy.sql.functions import is_built_in
from proxy.sql.parse import Json
from proxy.sql.scope.clauses import Limits
from proxy.sql.scope.columns import nodes, plain
from proxy.sql.scope.filters import made, region_of
from proxy.sql.scope.operands import fixed
from proxy.sql.scope.relations import Relation, Scope, resolve, trusted
from proxy.sql.scope.uses import Subject, Use
from proxy.sql.tree import qualified, strings


def referring(what: Subject, other: Subject, scope: Scope) -> Subject:
    """`p.id = parent_id`: of two tables, not the one named parent has the column, by custom."""
    if not isinstance(what.owner, str) or other.column is None or other.column.name.lower() != "id":
        return what
    rest = [relation for relation in scope.relations if relation is not other.owner]
    if not isinstance(other.owner, Relation) or len(rest) != 1 or len(scope.relations) != 2:
        return what
    table = str(other.owner.table).rpartition(".")[2].lower()
    stems = {table, table.removesuffix("s"), table.removesuffix("es"), f"{table.removesuffix('ies')}y"}
    return what.of(rest[0]) if what.owner.lower() in {f"{stem}_id" for stem in stems} else what


def tie(expr: Json, what: Subject, other: Json, scope: Scope) -> Limits:
    """`subject = expression of other relations`: it limits where those are limited."""
    if not what.use & Use.TIE or not isinstance(what.owner, Relation):
        return {}
    owners = owners_of(other, scope, what)
    if not owners or what.owner in owners:
        return {}
    if what.column is not None and not all(
        trusted(what.column, owner, names) for owner, names in _named(other, owners)
    ):
        return {}
    if not owners <= scope.limited:
        scope.ties.append((owners, what.owner))
        return {}
    region = region_of(expr, what)
    region.others[f"tied {plain(other)}"] = True
    return made(what, region)


def _named(expr: Json, owners: frozenset[Relation]) -> list[tuple[Relation, frozenset[str]]]:
    """The relations of an expression with the last names of the columns in it."""
    found = (strings(body.get("fields", []))[-1:] for kind, body in nodes(expr) if kind == "ColumnRef")
    names = frozenset(name for names in found for name in names)
    return [(owner, names) for owner in owners]


def owners_of(expr: Json, scope: Scope, what: Subject) -> frozenset[Relation]:
    """The relations whose rows decide an expression's value; none where that is not sure.

    Args:
        expr: what a subject is compared with.
        scope: of the expression.
        what: the subject.
    """
    found: set[Relation] = set()
    count = 0
    collects = False
    for kind, body in nodes(expr):
        count += 1
        if kind == "SubLink" or (kind == "FuncCall" and _many(body)):
            return frozenset()
        collects |= kind == "FuncCall" and _collects(body)
        if kind != "ColumnRef":
            continue
        column = resolve(body, scope)
        if (
            column is None
            or not isinstance(column.owner, Relation)
            or not trusted(column, what.owner, what.names)
        ):
            return frozenset()
        found.add(column.owner)
        for definition, inside in column.owner.columns.get(column.name, ()):
            behind = owners_of(definition, inside, what)
            constant = fixed(definition, inside) is not None
            if not constant and not (behind and all(owner in inside.relations for owner in behind)):
                return frozenset()
    scope.steps.add(count)
    return frozenset() if collects and not found <= scope.limited else frozenset(found)


def _collects(call: Json) -> bool:
    """A call that may put many rows into one value: a LIMIT does not limit what is in it."""
    schema, name = qualified(call.get("funcname", []))
    return "agg" in str(name) or schema not in {None, "pg_catalog"} or not is_built_in(str(name), 0)


def _many(call: Json) -> bool:
    """A call that may give rows, of few arguments or of none."""
    return qualified(call.get("funcname", []))[1] in {"generate_series", "generate_subscripts"}
