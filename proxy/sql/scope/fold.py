"""Constants folded, by SQL's three-valued logic: what an expression is, whatever the rows.

In: expression nodes. Out: a Python value, None for NULL, or UNKNOWN. Deliberately absent: functions,
columns and parameters, which are never known here; a result is only given where the server would compute
the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from proxy.sql.parse import Json
from proxy.sql.tree import only, scalar, strings


class Unknown:
    """The type of UNKNOWN."""

    def __repr__(self) -> str:
        """Readable in a failing test."""
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Value = bool | int | Decimal | str | None | Unknown

_COMPARE: Mapping[str, Callable[[object, object], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]
    ">": operator.gt,  # type: ignore[dict-item]
    "<=": operator.le,  # type: ignore[dict-item]
    ">=": operator.ge,  # type: ignore[dict-item]
}
KEPT = "*fold"
_TRUE = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})
_FALSE = frozenset({"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"})


def fold(wrapped: Json | None) -> Value:
    """The value of an expression, or UNKNOWN."""
    kind, body = only(wrapped)
    fold_kind = _FOLDS.get(kind)
    if fold_kind is None:
        return UNKNOWN
    # Asked again at every level of a nested condition: kept in the node, which is ours alone.
    if KEPT not in body:
        body[KEPT] = fold_kind(body)
    value: Value = body[KEPT]
    return value


def boolean(text: str) -> Value:
    """A boolean as the server's boolin reads it."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else UNKNOWN


def _number(text: str) -> Value:
    """Exactly, as the server's numeric: two long numbers must not fold into one."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return UNKNOWN
    return value if value.is_finite() else UNKNOWN


def built_in_name(names: list[str]) -> str:
    """The last part of a name that pg_catalog owns, written with or without it; "" for another schema's."""
    return names[-1] if names and names[:-1] in ([], ["pg_catalog"]) else ""


def _const(body: Json) -> Value:
    if "ival" in body:
        return int(body["ival"].get("ival", 0))
    if "boolval" in body:
        return bool(body["boolval"].get("boolval", False))
    if "fval" in body:
        return _number(body["fval"]["fval"])
    if "sval" in body:
        return str(body["sval"].get("sval", ""))
    return None if body.get("isnull") else UNKNOWN


def _cast(body: Json) -> Value:
    value = fold(body.get("arg"))
    name = [built_in_name(strings(body.get("typeName", {}).get("names", [])))]
    if name == ["bool"]:
        if isinstance(value, str):
            return boolean(value)
        return value if value is None or isinstance(value, Unknown) else bool(value)
    if value is None:
        return None
    if name and name[0] in {"int2", "int4", "int8"} and isinstance(value, int | str):
        try:
            return int(value)
        except ValueError:
            return UNKNOWN
    if name == ["text"] and isinstance(value, str):
        return value
    return UNKNOWN


def negate(value: Value) -> Value:
    """NOT of a folded value."""
    return value if value is None or isinstance(value, Unknown) else not value


def _bool_expr(body: Json) -> Value:
    values = [fold(arg) for arg in body.get("args", [])]
    match body.get("boolop"):
        case "NOT_EXPR":
            return negate(values[0])
        case "AND_EXPR":
            decisive, otherwise = False, True
        case _:
            decisive, otherwise = True, False
    if any(value is decisive for value in values):
        return decisive
    if any(isinstance(value, Unknown) for value in values):
        return UNKNOWN
    return None if any(value is None for value in values) else otherwise


def compare(name: str, left: Value, right: Value) -> Value:
    """A comparison of two folded values of one kind."""
    if isinstance(left, Unknown) or isinstance(right, Unknown) or name not in _COMPARE:
        return UNKNOWN
    if left is None or right is None:
        return None
    texts = isinstance(left, str) + isinstance(right, str)
    if texts == 1:
        # 1 = '1': the text is read as the other's type.
        left, right = _number(str(left)), _number(str(right))
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
    elif texts == 2 and name not in {"=", "<>", "!="}:
        return UNKNOWN  # the order of texts is the collation's
    return _COMPARE[name](left, right)


def _a_expr(body: Json) -> Value:
    name = built_in_name(strings(body.get("name", [])))
    if not name:
        return UNKNOWN
    left = fold(body.get("lexpr"))
    match body.get("kind"):
        case "AEXPR_OP":
            return _operator(name, body, left)
        case "AEXPR_IN":
            return _in(name, left, body)
        case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT":
            right = fold(body.get("rexpr"))
            if isinstance(left, Unknown) or isinstance(right, Unknown):
                return UNKNOWN
            return (left == right) is (body["kind"] == "AEXPR_NOT_DISTINCT")
        case "AEXPR_BETWEEN":
            low, high = (fold(item) for item in body["rexpr"]["List"]["items"])
            first, second = compare(">=", left, low), compare("<=", left, high)
            return (
                True
                if first is True and second is True
                else False
                if first is False or second is False
                else UNKNOWN
            )
        case "AEXPR_LIKE" | "AEXPR_ILIKE":
            pattern = scalar(body.get("rexpr"))
            if isinstance(left, str) and pattern is not None and not pattern.strip("%"):
                return (
                    negate(bool(pattern) or not left) if name.startswith("!") else (bool(pattern) or not left)
                )
            return UNKNOWN
        case _:
            return UNKNOWN


def _operator(name: str, body: Json, left: Value) -> Value:
    right = fold(body.get("rexpr"))
    if "lexpr" not in body:
        if name in {"-", "+"} and isinstance(right, int | Decimal):
            return -right if name == "-" else right
        return UNKNOWN
    if name in {"+", "-", "*"} and type(left) is int and type(right) is int:
        return {"+": left + right, "-": left - right, "*": left * right}[name]
    if name == "||" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if name == "=" and (is_null(body.get("lexpr")) or is_null(body.get("rexpr"))):
        return UNKNOWN
    return compare(name, left, right)


def is_null(wrapped: Json | None) -> bool:
    """Whether it is NULL itself: where transform_null_equals is on, `x = NULL` is `x IS NULL`.

    A role or a database may have that on, and the server does not report it.
    """
    kind, body = only(wrapped)
    return kind == "A_Const" and "isnull" in body


def _in(name: str, left: Value, body: Json) -> Value:
    items = body.get("rexpr", {}).get("List", {}).get("items", [])
    found = [compare("=", left, fold(item)) for item in items]
    known: Value
    if any(value is True for value in found):
        known = True
    elif any(isinstance(value, Unknown) for value in found):
        known = UNKNOWN
    else:
        known = None if any(value is None for value in found) else False
    return negate(known) if name == "<>" else known


def _null_test(body: Json) -> Value:
    value = fold(body.get("arg"))
    if isinstance(value, Unknown):
        return UNKNOWN
    return (value is None) is (body.get("nulltesttype") == "IS_NULL")


def _boolean_test(body: Json) -> Value:
    value = fold(body.get("arg"))
    if isinstance(value, Unknown):
        return UNKNOWN
    test = str(body.get("booltesttype", ""))
    wanted = None if test.endswith("UNKNOWN") else test.endswith("TRUE")
    return (value is wanted) is not ("NOT" in test)


def _coalesce(body: Json) -> Value:
    for arg in body.get("args", []):
        value = fold(arg)
        if value is not None:
            return value
    return None


def _case(body: Json) -> Value:
    if "arg" in body:
        return UNKNOWN
    for arm in body.get("args", []):
        when = arm["CaseWhen"]
        value = fold(when.get("expr"))
        if value is True:
            return fold(when.get("result"))
        if isinstance(value, Unknown):
            return UNKNOWN
    return fold(body["defresult"]) if "defresult" in body else None


def lone_value(query: Json | None) -> Json | None:
    """The expression of a SELECT that is nothing but one expression."""
    kind, body = only(query)
    if kind != "SelectStmt" or len(body.get("targetList", ())) != 1 or body.get("op") != "SETOP_NONE":
        return None
    if body.keys() & {"fromClause", "whereClause", "havingClause", "limitCount", "limitOffset", "withClause"}:
        return None
    value: Json | None = body["targetList"][0].get("ResTarget", {}).get("val")
    return value


def _sub_link(body: Json) -> Value:
    query = body.get("subselect")
    if body.get("subLinkType") == "EXPR_SUBLINK":
        return fold(lone_value(query))
    if body.get("subLinkType") == "EXISTS_SUBLINK":
        if lone_value(query) is not None:
            return True
        where = only(query)[1].get("whereClause")
        if where and fold(where) in (False, None) and "groupClause" not in only(query)[1]:
            return UNKNOWN if _has_aggregate(query) else False
    return UNKNOWN


def _has_aggregate(query: Json | None) -> bool:
    """Whether the SELECT may give a row from no rows: any call in its list is taken for an aggregate."""
    return any(
        "FuncCall" in item.get("ResTarget", {}).get("val", {})
        for item in only(query)[1].get("targetList", ())
    )


_FOLDS: Mapping[str, Callable[[Json], Value]] = {
    "A_Const": _const,
    "TypeCast": _cast,
    "BoolExpr": _bool_expr,
    "A_Expr": _a_expr,
    "NullTest": _null_test,
    "BooleanTest": _boolean_test,
    "CoalesceExpr": _coalesce,
    "CaseExpr": _case,
    "SubLink": _sub_link,
}
