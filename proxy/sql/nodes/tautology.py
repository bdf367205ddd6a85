"""Conditions on a row's own columns that hold for every row.

In: a term without AND, OR and NOT. Out: whether it says nothing. Deliberately absent: constants (fold.py),
and proof: what custom makes as good as certain (keys are positive and never NULL) counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from proxy.sql.nodes.columns import columns
from proxy.sql.nodes.fold import KEPT, fold
from proxy.sql.nodes.walk import only, qualified, scalar, strings
from proxy.sql.parse import Json

# Columns that no row has NULL in, by what they are or by overwhelming custom.
_NEVER_NULL = frozenset({"id", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
_LENGTHS = frozenset(
    {"length", "char_length", "character_length", "octet_length", "cardinality", "abs", "bit_length"}
)


def tautology(kind: str, body: Json, *, negated: bool) -> bool:
    """A term about a row's own columns that holds for every row (where they are not NULL)."""
    if kind == "NullTest":
        is_null = (body.get("nulltesttype") == "IS_NULL") is not negated
        arg = body.get("arg", {})
        # Of a column it is a filter; an expression is NULL for hardly any row.
        return not is_null and (only(arg)[0] != "ColumnRef" or _never_null(arg))
    if kind != "A_Expr":
        return False
    left, right = body.get("lexpr", {}), body.get("rexpr", {})
    name = (strings(body.get("name", [])) or [""])[-1]
    match body.get("kind"):
        case "AEXPR_OP":
            holds = {"=", "<=", ">="} if not negated else {"<>", "!=", "<", ">"}
            if name in holds and _same(left, right):
                return True
            if (
                not negated
                and name in {"~", "~*", "~~", "~~*"}
                and (scalar(right) or "x").strip("%.*^") == ""
            ):
                return True
            return not negated and (_beyond(name, left, right) or _extreme(name, left, right))
        case "AEXPR_IN":
            items = right.get("List", {}).get("items", [])
            return (name == "=") is not negated and any(_same(left, item) for item in items)
        case "AEXPR_OP_ANY":
            return (
                not negated and name in {"=", "<=", ">="} and bool(set(columns(left)) & set(columns(right)))
            )
        case "AEXPR_OP_ALL":
            return not negated and scalar(right) == "{}"
        case "AEXPR_LIKE" | "AEXPR_ILIKE":
            pattern = scalar(right)
            matches = name in {"~~", "~~*"}
            return matches is not negated and pattern is not None and pattern != "" and not pattern.strip("%")
        case "AEXPR_NOT_DISTINCT" | "AEXPR_DISTINCT":
            equal = (body["kind"] == "AEXPR_NOT_DISTINCT") is not negated
            if equal:
                return _same(left, right)
            return fold(right) is None and _never_null(left)
        case "AEXPR_BETWEEN":
            bounds = right.get("List", {}).get("items", [])
            return not negated and len(bounds) == 2 and all(_same(left, bound) for bound in bounds)
        case "AEXPR_SIMILAR":
            pattern = next((scalar(arg) for arg in only(right)[1].get("args", [])), None)
            return not negated and pattern is not None and pattern != "" and not pattern.strip("%")
        case _:
            return False


def _same(left: Json, right: Json) -> bool:
    """Both sides speak of one and the same column: `id = id`, `id = id + 0`, `id = coalesce($1, id)`."""
    of_left, of_right = set(columns(left)), set(columns(right))
    return len({column for _, column in of_left}) == 1 and of_left == of_right


def _beyond(name: str, left: Json, right: Json) -> bool:
    """Bounds no row is beyond: `length(x) >= 0`; by custom `id > 0` and `id <> -1`, keys being positive."""
    value = fold(right)
    kind, body = only(left)
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        return False
    if kind == "FuncCall" and qualified(body.get("funcname", []))[1] in _LENGTHS:
        return (name == ">=" and value <= 0) or (name in {">", "<>", "!="} and value < 0)
    is_key = kind == "ColumnRef" and strings(body.get("fields", []))[-1:] == ["id"]
    return is_key and name in {">", ">=", "<>", "!="} and value <= 0


def _never_null(expr: Json) -> bool:
    kind, body = only(expr)
    if kind == "ColumnRef":
        fields = body.get("fields", [])
        names = strings(fields)
        return len(names) < len(fields) or names[-1] in _NEVER_NULL
    if kind == "CoalesceExpr":
        return any(_never_null(arg) for arg in body.get("args", []))
    if kind in {"RowExpr", "A_ArrayExpr"}:
        return True
    return kind == "A_Const" and not body.get("isnull")


def _extreme(name: str, left: Json, right: Json) -> bool:
    """`id >= (SELECT min(id) …)` and `id <= (SELECT max(id) …)`."""
    _, link = only(right)
    items = only(link.get("subselect"))[1].get("targetList", [])
    call = items[0].get("ResTarget", {}).get("val", {}).get("FuncCall", {}) if len(items) == 1 else {}
    function = qualified(call.get("funcname", []))[1]
    return only(left)[0] == "ColumnRef" and (name, function) in {(">=", "min"), ("<=", "max")}


_NEGATORS: Mapping[str, tuple[str, bool]] = {
    "=": ("=", True),
    "<>": ("=", False),
    "<": ("<", True),
    ">=": ("<", False),
    ">": (">", True),
    "<=": (">", False),
}


def exhaustive(terms: Iterable[Json]) -> bool:
    """Whether a term and its opposite are both there: `a IS NULL OR a IS NOT NULL`, `done OR NOT done`."""
    seen: dict[str, bool] = {}
    for term in terms:
        text, polarity = _signed(term)
        if seen.setdefault(text, polarity) is not polarity:
            return True
    return False


def _signed(term: Json) -> tuple[str, bool]:
    """A term without its place and its negation, and whether it is affirmed."""
    kind, body = only(term)
    if kind == "BoolExpr" and body.get("boolop") == "NOT_EXPR":
        text, polarity = _signed(body["args"][0])
        return text, not polarity
    if kind == "NullTest":
        return f"null {_plain(body.get('arg'))}", body.get("nulltesttype") == "IS_NULL"
    if kind == "A_Expr" and body.get("kind") == "AEXPR_OP":
        value = fold(body.get("rexpr"))
        name = (strings(body.get("name", [])) or [""])[-1]
        base, polarity = _NEGATORS.get(name, (name, True))
        if isinstance(value, bool) and base == "=":
            # done = true, done <> false and done are one.
            return _plain(body.get("lexpr")), polarity is value
        return f"{base} {_plain(body.get('lexpr'))} {_plain(body.get('rexpr'))}", polarity
    return _plain(term), True


def _plain(value: object) -> str:
    """A tree as text, places left out."""
    if type(value) is dict:
        inner = (f"{key}:{_plain(item)}" for key, item in value.items() if key not in {"location", KEPT})
        return "{" + ",".join(inner) + "}"
    if type(value) is list:
        return "[" + ",".join(_plain(item) for item in value) + "]"
    return repr(value)
