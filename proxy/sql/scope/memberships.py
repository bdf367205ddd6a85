"""Lists and arrays: IN, BETWEEN, ANY and ALL.

In: an expression and what it is to be among. Out: Limits. A list that is written out is its elements,
compared one by one. Deliberately absent: sub-selects (links.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.sql.parse import Json
from proxy.sql.scope.clauses import Clause, Limits, either, every
from proxy.sql.scope.columns import calls, plain
from proxy.sql.scope.comparisons import Links, against_each, compare
from proxy.sql.scope.filters import key_of, made, region_of, unequal
from proxy.sql.scope.fold import fold
from proxy.sql.scope.operands import Kind, Operand, fixed
from proxy.sql.scope.regions import Bound, Region
from proxy.sql.scope.relations import Scope
from proxy.sql.scope.searches import has_pattern
from proxy.sql.scope.subjects import subject
from proxy.sql.scope.uses import Use
from proxy.sql.tree import only, scalar


def among(left: Json, items: list[Json], scope: Scope, links: Links, *, negated: bool) -> Limits | None:
    """`left IN (items)`."""
    if items and all(isinstance(fold(item), bool) for item in items) and only(left)[0] != "ColumnRef":
        truths = _truths(left, items, scope, links, negated=negated)
        return every(truths) if negated else either(truths)
    if only(left)[0] == "RowExpr" or len(items) == 1:
        compared = against_each("<>" if negated else "=", left, items, scope, links)
        return every(compared) if negated else either(compared)
    return in_list(left, items, scope, negated=negated)


def _truths(
    left: Json, items: list[Json], scope: Scope, links: Links, *, negated: bool
) -> Iterator[Limits | None]:
    for item in items:
        yield links.truth(left, scope, bool(fold(item)) is negated)


def _patterns(name: str, left: Json, items: list[Json], scope: Scope) -> Iterator[Limits | None]:
    for item in items:
        yield has_pattern(name, left, item, scope, "")


def in_list(left: Json, items: list[Json], scope: Scope, *, negated: bool) -> Limits | None:
    """`left IN (…)`, of many."""
    what = subject(left, scope)
    scope.steps.add(len(items) // 3)
    region = region_of(left, what) if what is not None else Region("")
    others: list[Operand] = []
    for item in items:
        other = fixed(item, scope)
        if other is None or what is None:
            found = against_each("<>" if negated else "=", left, items, scope, None)
            return every(found) if negated else either(found)
        if not (other.kind is Kind.LITERAL and other.value is None):
            others.append(other)
    if what is None:
        return {}
    if not negated:
        if not what.use & Use.EQUAL or (what.use & Use.FILLED and any(item.value == "" for item in others)):
            return {}
        region.points = {key_of(other): other.value for other in others}
        region.vague = any(other.value is None for other in others)
        return None if not others else {} if region.full() else made(what, region)
    if not any(unequal(what, other) for other in others):
        return {}
    region.excluded = {key_of(other): other.value for other in others}
    return made(what, region)


def in_array(left: Json, right: Json, scope: Scope, links: Links) -> Limits | None:
    """`left = ANY (right)`, where the elements are not written out."""
    what, held = subject(left, scope), subject(right, scope)
    if what is not None and held is None and what.use & Use.EQUAL:
        kind, body = only(right)
        while kind == "TypeCast":
            kind, body = only(body.get("arg"))
        if kind == "SubLink" and body.get("subLinkType") in {"ARRAY_SUBLINK", "EXPR_SUBLINK"}:
            return links.rows([left], body.get("subselect", {}), scope)
        other = fixed(right, scope)
        if other is None or other.kind in {Kind.NOW, Kind.STABLE}:
            return {}
        if other.kind is Kind.OBSCURE and not set(calls(right)) <= {"string_to_array"}:
            return {}
        region = region_of(left, what)
        region.points[key_of(other)] = None
        region.vague = True
        return made(what, region)
    if held is not None and what is None and held.use & Use.EQUAL and fixed(left, scope) is not None:
        # 'x' = ANY (tags)
        region = region_of(right, held)
        region.others[f"holds {plain(left)}"] = True
        return made(held, region)
    if only(left)[0] == "RowExpr" and fixed(right, scope) is not None:
        return in_array(left["RowExpr"]["args"][0], right, scope, links)
    return {}


def between(left: Json, low: Json, high: Json, scope: Scope) -> Limits | None:
    """`left BETWEEN low AND high`: a span where both ends limit, else what one end does."""
    ends = [compare(">=", left, low, scope, None), compare("<=", left, high, scope, None)]
    what = subject(left, scope)
    if what is None or not all(ends):
        return every(ends)
    one, two = fixed(low, scope), fixed(high, scope)
    if one is None or two is None:
        return every(ends)
    region = region_of(left, what)
    region.spans.append((Bound(key_of(one), one.value, True), Bound(key_of(two), two.value, True)))
    return made(what, region)


_NEGATED = {
    "=": "<>",
    "<>": "=",
    "!=": "=",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "~~": "!~~",
    "!~~": "~~",
    "~~*": "!~~*",
    "!~~*": "~~*",
    "~": "!~",
    "!~": "~",
    "~*": "!~*",
    "!~*": "~*",
}


PATTERNS = frozenset(name for name in _NEGATED if "~" in name)


def between_of(body: Json, scope: Scope, links: Links, *, outside: bool) -> Limits | None:
    """BETWEEN, NOT BETWEEN (`outside`), SYMMETRIC or not."""
    left = body.get("lexpr", {})
    low, high = body["rexpr"]["List"]["items"]
    if body["kind"].endswith("SYM"):
        first, second = fold(low), fold(high)
        if not (isinstance(first, int) and isinstance(second, int)):
            if only(low)[0] != "ParamRef" or only(high)[0] != "ParamRef":
                return {}
        elif first > second:
            low, high = high, low
    if outside:
        return either([compare("<", left, low, scope, links), compare(">", left, high, scope, links)])
    return between(left, low, high, scope)


def _elements(right: Json) -> list[Json] | None:
    """The elements of an array that is written out: ARRAY[1, 2], '{a,b}'."""
    kind, body = only(right)
    if kind == "TypeCast":
        return _elements(body.get("arg", {}))
    if kind == "A_ArrayExpr":
        found: list[Json] = body.get("elements", [])
        return found
    text = scalar(right) if kind == "A_Const" else None
    if text is None or not (text.startswith("{") and text.endswith("}")):
        return None
    if not text.strip("{} "):
        return []
    parts = text[1:-1].split(",")
    return [{"A_Const": {"sval": {"sval": part.strip().strip('"')}}} for part in parts]


def any_of(name: str, left: Json, right: Json, scope: Scope, links: Links) -> Limits | None:
    """`left name ANY (right)`."""
    name = "<>" if name == "!=" else name
    elements = _elements(right)
    if elements is not None:
        if name in PATTERNS:
            return either(_patterns(name, left, elements, scope))
        if name == "=" and len(elements) > 1:
            return among(left, elements, scope, links, negated=False)
        return either(against_each(name, left, elements, scope, links)) if name else {}
    if name in {"~~", "~~*"}:
        return has_pattern(name, left, right, scope, "")
    if name != "=":
        return {}
    return in_array(left, right, scope, links)


def all_of(name: str, left: Json, right: Json, scope: Scope, links: Links) -> Limits | None:
    """`left name ALL (right)`: of an empty array it holds for every row."""
    name = "<>" if name == "!=" else name
    elements = _elements(right)
    if elements:
        if name in PATTERNS:
            return every(_patterns(name, left, elements, scope))
        if name == "<>":
            return among(left, elements, scope, links, negated=True)
        return every(against_each(name, left, elements, scope, links)) if name else {}
    if elements is None and name == "<>" and fixed(left, scope) is not None:
        what = subject(right, scope)
        if what is not None and what.use & Use.EQUAL:
            return {
                what.owner: Clause(what.names, Region(plain(right), others={plain(left): False}, denied=True))
            }
    return {}


def negate(name: str) -> str:
    """The operator that holds where this one does not; "" where there is none."""
    return _NEGATED.get(name, "")
