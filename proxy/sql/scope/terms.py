"""Conditions: what each limits, NOT pushed down to the terms on the way.

In: a condition and its scope. Out: Limits; None where no row passes. A term limits only where it has a shape
that is named here: a subject compared with what is the same for every row, or equal to a column of a limited
relation. Deliberately absent: sub-selects (links.py), and what a term compares (comparisons.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.sql.parse import Json
from proxy.sql.scope.clauses import Clause, Limits, either, every
from proxy.sql.scope.columns import plain
from proxy.sql.scope.comparisons import Links, compare
from proxy.sql.scope.defaults import defaulted, is_plain
from proxy.sql.scope.filters import column_is
from proxy.sql.scope.fold import UNKNOWN, boolean, built_in_name, fold, is_null, lone_value
from proxy.sql.scope.memberships import PATTERNS, all_of, among, any_of, between_of, negate
from proxy.sql.scope.patterns import something_in
from proxy.sql.scope.regions import Region
from proxy.sql.scope.relations import Scope
from proxy.sql.scope.searches import SEARCHES, has_pattern
from proxy.sql.scope.subjects import is_mark, never_null, subject
from proxy.sql.scope.uses import Use
from proxy.sql.tree import only, scalar, strings

_CONDITIONS = frozenset(
    {"BoolExpr", "A_Expr", "NullTest", "BooleanTest", "SubLink", "CaseExpr", "CoalesceExpr"}
)


# Calls that are conditions: of a column first and a constant then.
_TESTS = {
    "starts_with": "^@",
    "jsonb_path_exists": "@?",
    "jsonb_path_match": "@@",
    "jsonb_exists": "?",
    "jsonb_exists_any": "?|",
    "jsonb_contains": "@>",
    "arraycontains": "@>",
    "arrayoverlap": "&&",
    "like": "~~",
    "ilike": "~~*",
}


def limits(expr: Json, scope: Scope, links: Links, *, negated: bool = False) -> Limits | None:
    """What a condition limits; `negated` asks the same of NOT of it."""
    scope.steps.add()
    known = fold(expr)
    if known is not UNKNOWN:
        # Nothing at all passes a condition that is false or NULL.
        passes = (boolean(known) if isinstance(known, str) else known) is not None and (
            bool(boolean(known) if isinstance(known, str) else known) is not negated
        )
        return {} if passes else None
    kind, body = only(expr)
    match kind:
        case "BoolExpr":
            return _bool(body, scope, links, negated=negated)
        case "A_Expr" if body.get("kind") != "AEXPR_IN":
            return _with_defaults(expr, scope, links, negated=negated)
        case "A_Expr":
            return _expression(expr, scope, links, negated=negated)
        case "NullTest":
            is_null = (body.get("nulltesttype") == "IS_NULL") is not negated
            return _null_test(body.get("arg", {}), scope, links, is_null=is_null)
        case "BooleanTest":
            return _boolean_test(body, scope, links, negated=negated)
        case "CaseExpr":
            return _case(body, scope, links, negated=negated)
        case "CoalesceExpr":
            return _coalesce(body, scope, links, negated=negated)
        case "SubLink":
            inner = lone_value(body.get("subselect")) if body.get("subLinkType") == "EXPR_SUBLINK" else None
            if inner is not None:
                return limits(inner, scope, links, negated=negated)
            return links.condition(body, scope, negated)
        case "TypeCast" if _is_condition(body.get("arg", {})) and _to_bool(body):
            return limits(body["arg"], scope, links, negated=negated)
        case "ColumnRef" | "TypeCast" | "A_Indirection":
            return _truth(expr, scope, negated=negated)
        case "CurrentOfExpr":
            return {scope.target: Clause(frozenset(), Region("current"))} if scope.target else {}
        case "FuncCall":
            return _with_defaults(expr, scope, links, negated=negated)
        case _:
            return {}


def _is_condition(expr: Json) -> bool:
    kind, body = only(expr)
    if kind == "FuncCall":
        return strings(body.get("funcname", []))[-1] in {*_TESTS, "overlaps"}
    return kind in _CONDITIONS and not (
        kind == "A_Expr" and strings(body.get("name", []))[-1:] in (["->>"], ["#>>"], ["->"])
    )


def _to_bool(body: Json) -> bool:
    return strings(body.get("typeName", {}).get("names", []))[-1:] == ["bool"]


def _bool(body: Json, scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    operation = body.get("boolop")
    args: list[Json] = body.get("args", [])
    if operation == "NOT_EXPR":
        return limits(args[0], scope, links, negated=not negated)
    found = _of_each(args, scope, links, negated=negated)
    return either(found) if (operation == "OR_EXPR") is not negated else every(found)


def _of_each(args: list[Json], scope: Scope, links: Links, *, negated: bool) -> Iterator[Limits | None]:
    """What each limits, as far as it is asked for: compiled, a generator expression would be a list."""
    for arg in args:
        yield limits(arg, scope, links, negated=negated)


def _truth(expr: Json, scope: Scope, *, negated: bool) -> Limits:
    """A column that is a condition by itself."""
    return column_is(expr, subject(expr, scope), not negated)


def _boolean_test(body: Json, scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    test = str(body.get("booltesttype", ""))
    arg = body.get("arg", {})
    opposite = ("NOT" in test) is not negated
    if test.endswith("UNKNOWN"):
        return _null(arg, scope, is_null=not opposite) if only(arg)[0] == "ColumnRef" else {}
    wanted = test.endswith("TRUE")
    if not opposite:
        return limits(arg, scope, links, negated=not wanted)
    # a IS NOT TRUE: false, or unknown.
    return either([limits(arg, scope, links, negated=wanted), unknown(arg, scope)])


def unknown(expr: Json, scope: Scope) -> Limits | None:
    """Where a condition is NULL: where its one column is. Of any other it is not known: {}."""
    kind, body = only(expr)
    if kind == "ColumnRef":
        return _null(expr, scope, is_null=True)
    if kind == "A_Expr" and body.get("kind") in {"AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_IN"}:
        left, right = body.get("lexpr", {}), body.get("rexpr", {})
        items = right["List"].get("items", []) if "List" in right else [right]
        if only(left)[0] == "ColumnRef" and all(fold(item) not in (UNKNOWN, None) for item in items):
            return _null(left, scope, is_null=True)
    if kind in {"NullTest", "BooleanTest"}:
        return None
    return {}


def _null_test(arg: Json, scope: Scope, links: Links, *, is_null: bool) -> Limits | None:
    body = arg.get("FuncCall", {})
    if built_in_name(strings(body.get("funcname", []))) != "array_position" or len(body.get("args", [])) != 2:
        return _null(arg, scope, is_null=is_null)
    # array_position(tags, 'x') IS NOT NULL is 'x' = ANY (tags).
    array, element = body["args"]
    return (all_of if is_null else any_of)("<>" if is_null else "=", element, array, scope, links)


def _null(arg: Json, scope: Scope, *, is_null: bool) -> Limits | None:
    kind, body = only(arg)
    if kind == "CoalesceExpr" and is_null:
        return every(_null_each(body.get("args", []), scope))
    if kind == "A_Expr" and body.get("kind") == "AEXPR_NULLIF" and is_null:
        equal = compare("=", body.get("lexpr", {}), body.get("rexpr", {}), scope, None)
        return either([_null(body.get("lexpr", {}), scope, is_null=True), equal])
    if kind == "CoalesceExpr" and fold(body["args"][-1]) not in (UNKNOWN, None):
        return {} if not is_null else None
    what = subject(arg, scope)
    if what is None or not what.use & Use.NULL:
        return {}
    if not is_null and what.column is None and only(arg)[0] in {"FuncCall", "CollateClause"}:
        return {}
    if is_null:
        return {what.owner: Clause(what.names, Region(_null_text(arg, what.column is not None), null=True))}
    if never_null(what) or not is_mark(what) or (what.column is None and kind == "TypeCast"):
        return {}
    return {what.owner: Clause(what.names, Region(_null_text(arg, what.column is not None), anything=True))}


def _null_each(args: list[Json], scope: Scope) -> Iterator[Limits | None]:
    for arg in args:
        yield _null(arg, scope, is_null=True)


def _null_text(arg: Json, is_column: bool) -> str:
    return plain(arg) if not is_column else "column"


def _case(body: Json, scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    """An arm is chosen by its condition and must then hold itself; the ELSE is chosen by anything."""
    arms: list[Limits | None] = []
    for item in body.get("args", []):
        arm = item["CaseWhen"]
        result = limits(arm["result"], scope, links, negated=negated)
        if result is None:
            continue
        if "arg" in body:
            chosen = compare("=", body["arg"], arm["expr"], scope, links)
        else:
            chosen = limits(arm["expr"], scope, links)
        arms.append(every([chosen, result]))
    if "defresult" in body:
        arms.append(limits(body["defresult"], scope, links, negated=negated))
    return either(arms)


def _coalesce(body: Json, scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    """The first that is not NULL; a later one counts only where those before are NULL."""
    found: list[Limits | None] = []
    before: Limits | None = {}
    for arg in body.get("args", []):
        found.append(every([before, limits(arg, scope, links, negated=negated)]))
        before = every([before, unknown(arg, scope)])
    return either(found)


def _with_defaults(expr: Json, scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    """What a comparison limits whether its parameters are given or not."""
    judge = _expression if "A_Expr" in expr else _test
    found = judge(expr, scope, links, negated=negated)
    if is_plain(expr):
        return found
    others = defaulted(expr, scope.steps)
    if not others:
        return found
    return either([found, *_of_each(others, scope, links, negated=negated)])


def _expression(expr: Json, scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    body = expr["A_Expr"]
    names = strings(body.get("name", []))
    if not names or names[:-1] not in ([], ["pg_catalog"]):
        return {}
    name = names[-1]
    left, right = body.get("lexpr", {}), body.get("rexpr", {})
    match body.get("kind"):
        case "AEXPR_OP":
            return _operator(name, left, right, scope, links, negated=negated)
        case "AEXPR_IN":
            items = right.get("List", {}).get("items", [])
            return among(left, items, scope, links, negated=(name == "<>") is not negated)
        case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT":
            equal = (body["kind"] == "AEXPR_NOT_DISTINCT") is not negated
            return _distinct(left, right, scope, links, equal=equal)
        case "AEXPR_BETWEEN" | "AEXPR_NOT_BETWEEN" | "AEXPR_BETWEEN_SYM" | "AEXPR_NOT_BETWEEN_SYM":
            outside = ("NOT" in body["kind"]) is not negated
            return between_of(body, scope, links, outside=outside)
        case "AEXPR_LIKE" | "AEXPR_ILIKE" | "AEXPR_SIMILAR":
            return has_pattern(negate(name) if negated else name, left, right, scope, body["kind"])
        case "AEXPR_OP_ANY":
            if negated:
                return all_of(negate(name), left, right, scope, links)
            return any_of(name, left, right, scope, links)
        case "AEXPR_OP_ALL":
            if negated:
                return any_of(negate(name), left, right, scope, links)
            return all_of(name, left, right, scope, links)
        case _:
            return {}


def _operator(
    name: str, left: Json, right: Json, scope: Scope, links: Links, *, negated: bool
) -> Limits | None:
    if name == "!=":
        name = "<>"
    if name in {"=", "<>"}:
        for side, other in ((left, right), (right, left)):
            if name == "=" and is_null(side):
                return _equals_null(other, scope, negated=negated)
            value = fold(side)
            if isinstance(value, bool) and only(other)[0] in _CONDITIONS | {"FuncCall", "ColumnRef"}:
                return limits(other, scope, links, negated=(value is (name == "<>")) is not negated)
    if negated and name in SEARCHES:
        return _without(compare(name, left, right, scope, links))
    if negated:
        name = negate(name)
    if name in PATTERNS:
        return has_pattern(name, left, right, scope, "")
    return compare(name, left, right, scope, links) if name else {}


def _equals_null(other: Json, scope: Scope, *, negated: bool) -> Limits | None:
    """`x = NULL` is true nowhere, or where x is NULL (transform_null_equals): the second limits less."""
    value = fold(other)
    if value is UNKNOWN:
        return _null(other, scope, is_null=not negated)
    return {} if (value is None) is not negated else None


def _without(found: Limits | None) -> Limits | None:
    """NOT of a search: weak, as `<>` is; of a range it may be everything."""
    for clause in (found or {}).values():
        for region in clause.regions.values():
            if not region.others or region.lows or region.highs or region.spans:
                return {}
            region.others = dict.fromkeys(region.others, False)
            region.denied = True
    return {} if found is None else found


def _distinct(left: Json, right: Json, scope: Scope, links: Links, *, equal: bool) -> Limits | None:
    for side, other in ((left, right), (right, left)):
        value = fold(side)
        if value is None:
            return _null(other, scope, is_null=equal)
        if isinstance(value, bool) and only(other)[0] in _CONDITIONS | {"ColumnRef"}:
            if equal:
                return limits(other, scope, links, negated=not value)
            return either([limits(other, scope, links, negated=value), unknown(other, scope)])
    return compare("=" if equal else "<>", left, right, scope, links)


def _test(expr: Json, scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    body = expr["FuncCall"]
    name = strings(body.get("funcname", []))
    args = body.get("args", [])
    if name[:-1] not in ([], ["pg_catalog"]) or negated:
        return {}
    if name[-1:] == ["overlaps"] and len(args) == 4:
        # (starts, ends) OVERLAPS (a, b)
        return every(
            [compare("<", args[0], args[3], scope, links), compare(">", args[1], args[2], scope, links)]
        )
    if name[-1] not in _TESTS or len(args) < 2 or not something_in(scalar(args[1]) or "a"):
        return {}
    operation = _TESTS[name[-1]]
    if operation in PATTERNS:
        return has_pattern(operation, args[0], args[1], scope, "")
    return compare(operation, args[0], args[1], scope, links)
