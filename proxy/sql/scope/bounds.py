"""What the one value of a sub-select bounds, and conditions that no row passes.

In: a SELECT's body, a term. Out: whether `x < (SELECT …)` leaves rows out; whether a term holds for none.
Deliberately absent: whether the sub-select speaks of the query around it (links.py).
"""

from __future__ import annotations

from proxy.sql.parse import Json
from proxy.sql.scope.amounts import correlated
from proxy.sql.scope.columns import columns
from proxy.sql.scope.fold import UNKNOWN, fold
from proxy.sql.scope.operands import NOW
from proxy.sql.scope.patterns import beyond_all, number
from proxy.sql.scope.relations import Scope
from proxy.sql.scope.subjects import subject
from proxy.sql.scope.uses import Floor
from proxy.sql.tree import only, qualified, strings


def gives_aggregates(body: Json) -> bool:
    """Whether a SELECT gives a row of aggregates, even of no rows."""
    grouped = body.get("groupClause")
    if grouped:
        return any("GroupingSet" in item for item in grouped)
    return any("FuncCall" in item.get("ResTarget", {}).get("val", {}) for item in body.get("targetList", []))


def impossible(term: Json, scope: Scope) -> bool:
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
        return amount < 0 or (amount == 0 and one.floor in {Floor.KEY, Floor.COUNT, Floor.PLACE})
    return name == "<" and (amount <= 0 or (amount == 1 and one.floor is Floor.KEY))


def bounds(name: str, select: Json) -> bool:
    """`< (SELECT max(x))` is a bound, `>= (SELECT min(x))` is none; any other value may be either end."""
    value = _only_value(select)
    kind, body = only(value)
    strict = name in {"<", ">"}
    if kind == "A_Expr" and strings(body.get("name", [])) == ["-"] and name[0] == "<":
        if _is_now(body.get("lexpr", {})) and any(True for _ in columns(body.get("rexpr"))):
            return True  # now() - a retention that a table holds
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


def past(name: str, right: Json) -> bool:
    """`< now() - (SELECT retention FROM …)`, of a sub-select that is the same for every row."""
    body = right.get("A_Expr", {})
    if (
        name not in {"<", "<="}
        or strings(body.get("name", [])) != ["-"]
        or not _is_now(body.get("lexpr", {}))
    ):
        return False
    link = body.get("rexpr", {}).get("SubLink", {})
    select = only(link.get("subselect"))[1]
    return link.get("subLinkType") == "EXPR_SUBLINK" and "fromClause" in select and not correlated(select)


def moment(expr: Json) -> bool:
    """`now()`, `current_timestamp`, and these with something added or taken away: of no other type."""
    kind, body = only(expr)
    while kind == "A_Expr" and strings(body.get("name", [])) in (["+"], ["-"]):
        kind, body = only(body.get("lexpr"))
    if kind == "FuncCall" and qualified(body.get("funcname", []))[1] == "timeofday":
        return False  # a text
    return _is_now({kind: body})


def _is_now(expr: Json) -> bool:
    kind, body = only(expr)
    if kind == "FuncCall":
        return not body.get("args") and qualified(body.get("funcname", []))[1] in NOW
    return kind == "SQLValueFunction" and str(body.get("op")).startswith("SVFOP_CURRENT_TIMESTAMP")


def _only_value(select: Json) -> Json:
    targets = select.get("targetList", [])
    value: Json = targets[0].get("ResTarget", {}).get("val", {}) if len(targets) == 1 else {}
    return value


def function_of(select: Json) -> str:
    """The function that a SELECT's one value is a call of."""
    return _aggregate(_only_value(select))


def _aggregate(value: Json) -> str:
    call = value.get("FuncCall", {})
    return str(qualified(call.get("funcname", []))[1]) if not call.keys() & {"over"} else ""
