"""What a comparison is where a parameter is NULL: `LIKE coalesce($1, '%')` is then `LIKE '%'`.

In: a comparison. Out: the same with the defaults in the place of the parameters. Deliberately absent:
parameters of which one is given and another is not; sub-selects, whose conditions are asked themselves.
"""

from __future__ import annotations

from typing import Any

from proxy.sql.parse import Json
from proxy.sql.scope.fold import KEPT
from proxy.sql.scope.relations import Steps

_CHOOSING = frozenset({"CoalesceExpr", "MinMaxExpr", "CaseExpr"})
_ROWS = frozenset({"ColumnRef", "SubLink", "CurrentOfExpr"})


def is_plain(expr: Json) -> bool:
    """Whether it is a comparison of a column, a constant or a parameter with another: nothing is chosen."""
    body = expr.get("A_Expr")
    if body is None:
        return False
    left, right = body.get("lexpr"), body.get("rexpr")
    return left is not None and right is not None and _is_leaf(left) and _is_leaf(right)


def _is_leaf(expr: Json) -> bool:
    return "ColumnRef" in expr or "A_Const" in expr or "ParamRef" in expr


def defaulted(expr: Json, steps: Steps) -> list[Json]:
    """The expression as it is by default, in each way that it may be; empty where no default is in it."""
    ways = [len(_ways(node)) for node in _choosing(expr, steps)]
    return [_by_default(expr, way) for way in range(max(ways, default=0))]


def _choosing(expr: Json, steps: Steps) -> list[Json]:
    """The nodes that choose between values; in a loop, for trees are deep."""
    found: list[Json] = []
    waiting: list[object] = [expr]
    seen = 0
    while waiting:
        item = waiting.pop()
        seen += 1
        if type(item) is list:
            waiting += item
        elif type(item) is dict and "SubLink" not in item:
            if not _CHOOSING.isdisjoint(item):
                found.append(item)
            waiting += item.values()
    # Most of it is dicts around one value.
    steps.add(seen // 8)
    return found


def _ways(node: Json) -> list[Json]:
    """What a node is where its parameters are NULL; of a CASE that asks for parameters, each arm."""
    kind = next((key for key in node if key in _CHOOSING), "")
    if not kind:
        return []
    body: Json = node[kind]
    args: list[Json] = body.get("args", [])
    match kind:
        case "CoalesceExpr":
            first = next((place for place, arg in enumerate(args) if not _is_given(arg)), len(args))
            rest = args[first:] if first else []
        case "MinMaxExpr":
            rest = [arg for arg in args if not _is_given(arg)]
            rest = rest if len(rest) < len(args) else []
        case _:
            arms: list[Json] = [arg["CaseWhen"] for arg in args]
            asked = [body["arg"]] if "arg" in body else []
            if not all(_is_given([*asked, arm["expr"]]) for arm in arms):
                return []
            return [arm["result"] for arm in arms] + ([body["defresult"]] if "defresult" in body else [])
    return rest if len(rest) < 2 else [{kind: {**body, "args": rest}}]


def _is_given(expr: object) -> bool:
    """Whether a parameter is in it, and no row's value."""
    given = False
    waiting = [expr]
    while waiting:
        item = waiting.pop()
        if type(item) is list:
            waiting += item
        elif type(item) is dict:
            if not _ROWS.isdisjoint(item):
                return False
            given |= "ParamRef" in item
            waiting += item.values()
    return given


def _by_default(expr: Json, way: int) -> Json:
    """A copy of the expression, chosen anew all through it."""
    copied: dict[str, Any] = {}
    waiting: list[tuple[Any, Any, Any]] = [(copied, "", expr)]
    while waiting:
        holder, key, value = waiting.pop()
        if type(value) is dict:
            found = _ways(value)
            if found:
                waiting.append((holder, key, found[min(way, len(found) - 1)]))
                continue
            made = holder[key] = dict.fromkeys(name for name in value if name != KEPT)
            waiting += [(made, name, value[name]) for name in made]
        elif type(value) is list:
            items = holder[key] = [None] * len(value)
            waiting += [(items, place, item) for place, item in enumerate(value)]
        else:
            holder[key] = value
    result: Json = copied[""]
    return result
