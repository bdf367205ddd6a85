"""Variables in the SQL of a body: what a name means that PL/pgSQL, or a function's parameter, has taken.

In: a statement's tree and the names in scope. Out: the same tree, in which such a name is a parameter; or,
where the variable takes many values while the body runs once, a column of a relation that nothing limits.
In a loop, what limits one turn (LIMIT, a sub-select's one value, CURRENT OF) limits nothing. A name that
might be a column as well is a variable: that never makes a statement look scoped that is not. Deliberately
absent: which variables take many values (flow.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from proxy.sql import scope
from proxy.sql.parse import Json
from proxy.sql.tree import strings

NO_VALUES: Mapping[str, Json] = {}

# A qualifier that no relation has: a name with a blank in front.
_UNLIMITED = " loop"
_FIRST_NUMBER = 100_000


@dataclass(frozen=True, slots=True)
class Names:
    """The names in scope.

    Attributes:
        variables: of variables and parameters.
        labels: of blocks, loops and the function itself, which may stand before a variable's name.
        many: the variables that take many values while the body runs once.
        bounds: those that hold the least or the greatest of many values: equal to one is few rows, beyond or
            below it may be all.
        positional: the parameters' names in their order, for $1.
        cursors: those whose query gives few rows.
        constants: variables that seem to have no other values than from this to that, constants' trees.
    """

    variables: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    many: frozenset[str] = frozenset()
    bounds: frozenset[str] = frozenset()
    positional: tuple[str, ...] = ()
    cursors: frozenset[str] = frozenset()
    constants: Mapping[str, tuple[Json, Json]] = field(default_factory=dict)


NO_NAMES = Names()


def bind(tree: Json, names: Names, *, loop: bool = False, values: Mapping[str, Json] = NO_VALUES) -> None:
    """Put variables in the place of their names, in the tree itself.

    Args:
        loop: the statement runs once for each turn of a loop.
        values: what to put in the place of some variables instead.
    """
    if not (loop or names.variables or names.positional):
        return
    numbers: dict[str, int] = {}
    links: list[Json] = []
    equal: list[Json] = []
    for node in _nodes(tree):
        if "ColumnRef" in node:
            _column(node, names, numbers, values, equal=any(node is side for side in equal))
        elif "A_Expr" in node:
            equal = _equal_sides(node["A_Expr"]) if names.bounds else equal
        elif "ParamRef" in node:
            number = node["ParamRef"].get("number", 0)
            name = names.positional[number - 1] if 0 < number <= len(names.positional) else ""
            if name in names.many:
                _replace(node, _unlimited(f"${number}"))
            elif name in values:
                _replace(node, deepcopy(values[name]))
        elif loop:
            if "CurrentOfExpr" in node and node["CurrentOfExpr"].get("cursor_name") not in names.cursors:
                _replace(node, _unlimited("current"))
            elif "SubLink" in node:
                links.append(node)
            elif "limitCount" in node:
                _unlimit(node)
    for node in links:
        _one_value(node)


def mentions(tree: Json, names: frozenset[str]) -> frozenset[str]:
    """Which of the names an expression speaks of."""
    found = {
        part for node in _nodes(tree) if "ColumnRef" in node for part in strings(node["ColumnRef"]["fields"])
    }
    return names & found


def of_many(tree: Json) -> bool:
    """Whether an expression, bound, speaks of a variable that takes many values."""
    return any(
        strings(node["ColumnRef"]["fields"])[:1] == [_UNLIMITED]
        for node in _nodes(tree)
        if "ColumnRef" in node
    )


def _nodes(tree: Json) -> Iterator[Json]:
    """Every dict of a tree; what is put in its place meanwhile is not looked at again."""
    waiting: list[object] = [tree]
    while waiting:
        value = waiting.pop()
        if type(value) is list:
            waiting += value
        elif type(value) is dict:
            below = list(value.values())
            yield value
            waiting += below


def _equal_sides(body: Json) -> list[Json]:
    if body.get("kind") == "AEXPR_OP" and strings(body.get("name", [])) == ["="]:
        return [body.get("lexpr", {}), body.get("rexpr", {})]
    return []


def _column(
    node: Json, names: Names, numbers: dict[str, int], values: Mapping[str, Json], *, equal: bool
) -> None:
    parts = strings(node["ColumnRef"].get("fields", []))
    if not parts:
        return
    if parts[0] in names.variables:
        name = parts[0]
    elif parts[0] in names.labels and len(parts) > 1:
        name = parts[1]
    else:
        return
    if name in names.many or (name in names.bounds and not equal):
        _replace(node, _unlimited(name))
    elif name in values:
        _replace(node, deepcopy(values[name]))
    else:
        number = numbers.setdefault(".".join(parts), _FIRST_NUMBER + len(numbers))
        part = {"field": parts[-1]} if len(parts) > 1 else {}
        _replace(node, {"ParamRef": {"number": number, **part}})


def _replace(node: Json, other: Json) -> None:
    node.clear()
    node.update(other)


def _unlimited(name: str) -> Json:
    return {"ColumnRef": {"fields": [{"String": {"sval": _UNLIMITED}}, {"String": {"sval": name}}]}}


def _unlimit(select: Json) -> None:
    """LIMIT gives few rows each turn, and all of them in the end."""
    parts = [select.pop("limitCount"), *([select["limitOffset"]] if "limitOffset" in select else [])]
    select["limitOffset"] = {"List": {"items": parts}}


def _one_value(node: Json) -> None:
    """`id = (SELECT min(id) FROM t)` is one row each turn, and all of them in the end."""
    link = node["SubLink"]
    if link.get("subLinkType") in {"EXPR_SUBLINK", "ARRAY_SUBLINK"} and not scope.limited(
        link.get("subselect", {}), {}
    ):
        _replace(node, {"CoalesceExpr": {"args": [{"SubLink": link}, _unlimited("value")]}})
