"""Comparisons: what each operator leaves of a subject's values.

In: an operator and its two sides. Out: Limits. A subject stands on the left when this is done; rows are
compared element by element. A comparison with what no row is beyond (`id > 0`, `length(x) >= 0`) limits
nothing, by custom as good as by proof. Deliberately absent: AND, OR, NOT, and sub-selects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.sql.functions import is_built_in
from proxy.sql.nodes.clauses import Clause, Limits, either, every
from proxy.sql.nodes.columns import calls, nodes, plain
from proxy.sql.nodes.fold import UNKNOWN, fold, lone_value
from proxy.sql.nodes.operands import Kind, Operand, fixed
from proxy.sql.nodes.patterns import (
    below_all,
    beyond_all,
    date_of,
    like_filters,
    number,
    regex_filters,
    something_in,
)
from proxy.sql.nodes.regions import Bound, Region
from proxy.sql.nodes.relations import Relation, Scope, resolve, trusted
from proxy.sql.nodes.subjects import RANGES, Floor, Subject, Use, subject
from proxy.sql.nodes.walk import only, qualified, scalar, strings
from proxy.sql.parse import Json


@dataclass(frozen=True, slots=True)
class Links:
    """What sub-selects limit (links.py).

    Attributes:
        condition: of a SubLink that is a condition, perhaps negated.
        value: whether `subject operator (SELECT …)` limits.
        rows: whether the rows of a query are few, and which tests they stand for: `(a, b) IN (SELECT …)`.
    """

    condition: Callable[[Json, Scope, bool], Limits | None]
    value: Callable[[str, Subject, Json, Scope], bool]
    rows: Callable[[list[Json], Json, Scope], Limits]


_FLIPPED = {
    "=": "=",
    "<>": "<>",
    "<": ">",
    ">": "<",
    "<=": ">=",
    ">=": "<=",
    "@>": "<@",
    "<@": "@>",
    "&&": "&&",
    "<<=": ">>=",
    ">>=": "<<=",
    "<<": ">>",
    ">>": "<<",
    "@@": "@@",
    "%": "%",
    "%>": "<%",
    "<%": "%>",
}
# Operators without order, that limit where the right side has something inside.
SEARCHES = frozenset(
    {"@>", "<@", "&&", "?", "?|", "?&", "@?", "@@", "^@", "<<=", "<<", "%", "<%", "%>", "@@@"}
)
_PRESENT = frozenset({"now", "today", "tomorrow", "allballs"})


def compare(name: str, left: Json, right: Json, scope: Scope, links: Links | None) -> Limits | None:
    """What `left name right` limits."""
    scope.steps.add()
    left, right = _alone(left), _alone(right)
    one, two = only(left)[0], only(right)[0]
    if one == "RowExpr" and two == "RowExpr":
        return _rows(name, left["RowExpr"].get("args", []), right["RowExpr"].get("args", []), scope, links)
    for side, other, operator in ((left, right, name), (right, left, _FLIPPED.get(name, ""))):
        if only(side)[0] == "CoalesceExpr" and operator:
            found = _first_of(operator, side["CoalesceExpr"].get("args", []), other, scope, links)
            if found is not None:
                return found
    first, second = _told(left, scope), _told(right, scope)
    if first is not None and second is not None:
        return _tied(name, left, first, right, second, scope)
    if first is not None:
        return _against(name, left, first, right, scope, links)
    if second is not None and name in _FLIPPED:
        return _against(_FLIPPED[name], right, second, left, scope, links)
    return {}


def _told(expr: Json, scope: Scope) -> Subject | None:
    """The subject; without a look at each level of what has no column at all."""
    for kind, body in nodes(expr):
        if kind == "ColumnRef" or (kind == "FuncCall" and "agg_star" in body):
            return subject(expr, scope)
    return None


def _alone(expr: Json) -> Json:
    """`(SELECT x)` is x."""
    kind, body = only(expr)
    if kind == "SubLink" and body.get("subLinkType") == "EXPR_SUBLINK":
        return lone_value(body.get("subselect")) or expr
    return expr


def _rows(name: str, left: list[Json], right: list[Json], scope: Scope, links: Links | None) -> Limits | None:
    if len(left) != len(right) or not left:
        return {}
    if name in {"=", "<>"}:
        found = (compare(name, one, two, scope, links) for one, two in zip(left, right, strict=True))
        return every(found) if name == "=" else either(found)
    # (a, b) > (x, y): at least a >= x
    wide = {"<": "<=", ">": ">=", "<=": "<=", ">=": ">="}.get(name)
    return compare(wide, left[0], right[0], scope, links) if wide else {}


def _first_of(name: str, args: list[Json], other: Json, scope: Scope, links: Links | None) -> Limits | None:
    """`coalesce(a, b, 'x') = c`: one of the columns is, or all before it are NULL; None: not such."""
    found: list[Limits | None] = []
    for arg in args:
        what = subject(arg, scope)
        if what is not None:
            found.append(compare(name, arg, other, scope, links))
            last = what
        elif fixed(arg, scope) is not None and found:
            if name == "<>" and fold(arg) is not UNKNOWN and fold(arg) == fold(other):
                continue
            region = Region("column" if last.column else plain(arg), null=True)
            found.append({last.owner: Clause.of(last.names, region)} if last.use & Use.NULL else {})
        else:
            return None
    return either(found) if found else None


def text_of(expr: Json, what: Subject) -> str:
    """Equal for two expressions that are the same subject."""
    return "column" if what.column is not None else plain(expr)


def _region(expr: Json, what: Subject) -> Region:
    return Region(text_of(expr, what), choices=what.choices, keyed=what.floor is Floor.KEY)


def _made(what: Subject, region: Region) -> Limits:
    return {what.owner: Clause.of(what.names, region)}


def column_is(expr: Json, what: Subject | None, value: bool) -> Limits:
    """A boolean column by itself."""
    if what is None or not what.use & Use.EQUAL or (what.column is not None and what.column.row):
        return {}
    region = _region(expr, what)
    region.points[("bool", value)] = value
    return _made(what, region)


def _against(
    name: str, expr: Json, what: Subject, right: Json, scope: Scope, links: Links | None
) -> Limits | None:
    """A subject compared with anything else: a constant, a sub-select, columns of limited relations."""
    other = fixed(right, scope)
    if other is not None:
        return _filter(name, expr, what, other, right)
    kind, body = only(right)
    if kind == "SubLink" and links is not None and body.get("subLinkType") == "EXPR_SUBLINK":
        if not links.value(name, what, body, scope):
            return {}
        return _made(what, _one_value(name, _region(expr, what), plain(body)))
    if name == "=":
        return _tie(expr, what, right, scope)
    return {}


def _one_value(name: str, region: Region, key: str) -> Region:
    """Compared with the one value of a sub-select: as with a parameter."""
    match name:
        case "=":
            region.points[key] = None
            region.vague = True
        case "<>":
            region.excluded = {key: None}
        case "<" | "<=":
            region.highs.append(Bound(key, None, name == "<="))
        case _:
            region.lows.append(Bound(key, None, name == ">="))
    return region


def _filter(name: str, expr: Json, what: Subject, other: Operand, right: Json) -> Limits | None:
    """A subject compared with a constant."""
    if other.kind is Kind.LITERAL and other.value is None:
        return None
    region = _region(expr, what)
    if name == "=":
        emptied = other.value == "" or other.kind is Kind.OBSCURE
        if not what.use & Use.EQUAL or (what.use & Use.FILLED and emptied):
            return {}
        region.points[_key(other)] = other.value
        region.vague = other.value is None
        return _made(what, region)
    if name == "<>":
        if not _unequal(what, other):
            return {}
        region.excluded = {_key(other): other.value}
        return _made(what, region)
    if name in {"<", "<=", ">", ">="}:
        if name == ">" and what.mask and other.value == 0:
            return _made(what, _lower(region, other, inclusive=False))
        if not _bounds(name, what, other):
            return {}
        if name[0] == ">":
            return _made(what, _lower(region, other, inclusive=name == ">="))
        region.highs.append(Bound(_key(other), other.value, name == "<="))
        return _made(what, region)
    return _search(name, expr, what, other, right)


def _lower(region: Region, other: Operand, *, inclusive: bool) -> Region:
    region.lows.append(Bound(_key(other), other.value, inclusive))
    return region


def _key(other: Operand) -> object:
    """What tells two constants apart: 5, 5.0 and '5' are one."""
    if other.kind is not Kind.LITERAL:
        return other.text
    amount = number(other.value)
    return ("literal", amount if amount is not None else other.value)


def _unequal(what: Subject, other: Operand) -> bool:
    """Whether `<>` leaves rows out that a table may well have."""
    if not what.use & Use.UNEQUAL or what.floor is Floor.KEY:
        return False  # all rows but one
    if other.kind not in {Kind.LITERAL, Kind.PARAMETER, Kind.STABLE}:
        return False
    if other.value is None:
        return True
    amount = number(other.value)
    if amount is None:
        return other.value != "" and not _outermost(other.value)
    if what.choices:
        return 0 <= amount < what.choices
    return amount >= 0 and not beyond_all(other.value) and not (what.floor is Floor.COUNT and amount <= 0)


def _outermost(value: object) -> bool:
    return (beyond_all(value) or below_all(value)) and not isinstance(value, bool)


def _bounds(name: str, what: Subject, other: Operand) -> bool:
    """Whether there may well be rows on the other side of a bound."""
    if not what.use & Use.ORDER or isinstance(other.value, bool) or other.kind is Kind.OBSCURE:
        return False
    upper = name[0] == "<"
    if what.floor is Floor.DISTANCE:
        return upper and not beyond_all(other.value)
    if what.floor is Floor.YEAR:
        year = number(other.value)
        return other.value is None or (year is not None and 1970 < year < 2100)
    if upper:
        if what.floor is Floor.PAST and (
            other.kind is Kind.NOW or str(other.value).strip().lower() in _PRESENT
        ):
            return False
        return other.value is None or not beyond_all(other.value)
    if other.value is None:
        return True
    return _above(name, what, other.value)


def _above(name: str, what: Subject, value: object) -> bool:
    amount = number(value)
    if amount is not None:
        if what.floor in {Floor.KEY, Floor.COUNT}:
            return amount > 1 or (amount == 1 and name == ">") or (0 < amount < 1)
        return amount > 0 or (amount == 0 and name == ">")
    if what.floor is Floor.COUNT and isinstance(value, str):
        # '0 days', '-1 day', '00:00:00'
        return value.strip()[:1] not in {"-", ""} and any(letter in "123456789" for letter in value)
    if what.floor is Floor.PAST:
        when = date_of(value)
        if when is not None and when <= (1980, 1, 1):
            return False
    return value != "" and not below_all(value)


def _search(name: str, expr: Json, what: Subject, other: Operand, right: Json) -> Limits:
    """Operators without order: containment, keys, full text."""
    if name not in SEARCHES or not what.use & Use.NULL or (what.column is not None and what.column.row):
        return {}
    if name in {"<@", "&&"}:
        ranged = _range(right)
        if ranged is not None:
            low, high = ranged
            found = [_end(">=", expr, what, low), _end("<=", expr, what, high)]
            return every(found) or {}
    if other.kind is Kind.LITERAL:
        text = str(other.value)
        if not something_in(text) or (name in {"@@", "@?"} and not _searches(name, text)):
            return {}
        if name in {"<<", "<<="} and text.rstrip().endswith("/0"):
            return {}
    elif other.kind is Kind.OBSCURE and not _has_content(right):
        return {}
    region = _region(expr, what)
    region.others[f"{name} {other.text}"] = True
    return _made(what, region)


def _searches(name: str, text: str) -> bool:
    """A text search that asks for a word; a JSON path that goes anywhere."""
    if "$" in text:
        return "$." in text or "$[" in text
    return "!" not in text and name == "@@"


def _has_content(expr: Json) -> bool:
    """Whether an array or a query that is put together has something in it."""
    kinds = {kind for kind, _ in nodes(expr)}
    named = set(calls(expr))
    if named - {
        "to_tsquery",
        "plainto_tsquery",
        "websearch_to_tsquery",
        "phraseto_tsquery",
        "jsonb_build_object",
        "jsonb_build_array",
        "to_jsonb",
        "box",
        "point",
        "polygon",
        "circle",
    }:
        return False
    texts = [scalar({"A_Const": body}) or "" for kind, body in nodes(expr) if kind == "A_Const"]
    return "SetToDefault" not in kinds and any(something_in(text) and "!" not in text for text in texts)


def _range(expr: Json) -> tuple[Json | None, Json | None] | None:
    """The two ends of a range that is written out; None of anything else."""
    kind, body = only(expr)
    if kind == "FuncCall" and qualified(body.get("funcname", []))[1] in RANGES:
        args = body.get("args", [])
        return (args[0], args[1]) if len(args) in {2, 3} else (None, None)
    if kind == "TypeCast":
        name = strings(body.get("typeName", {}).get("names", []))[-1:]
        if name and name[0] in RANGES:
            return _range_of(scalar(expr) or "")
    text = scalar(expr) if kind == "A_Const" else None
    if text is not None and text[:1] in {"[", "("} and text[-1:] in {"]", ")"} and text.count(",") == 1:
        return _range_of(text)
    return None


def _range_of(text: str) -> tuple[Json | None, Json | None]:
    low, _, high = text.strip()[1:-1].partition(",")
    return _literal(low), _literal(high)


def _literal(text: str) -> Json | None:
    text = text.strip().strip('"')
    return {"A_Const": {"sval": {"sval": text}}} if text else None


def _end(name: str, expr: Json, what: Subject, end: Json | None) -> Limits | None:
    """One end of a range as a comparison; a range that is open there limits nothing."""
    if end is None:
        return {}
    value = fold(end)
    if value is None:
        return {}
    literal = value if value is not UNKNOWN else scalar(end)
    other = (
        Operand(Kind.LITERAL, literal, f"literal {literal!r}")
        if literal is not None
        else Operand(Kind.STABLE if any(True for _ in calls(end)) else Kind.PARAMETER, None, plain(end))
    )
    whole = Subject(what.owner, what.names, what.use | Use.ORDER, what.floor, what.column)
    return _filter(name, expr, whole, other, end)


def in_list(left: Json, items: list[Json], scope: Scope, *, negated: bool) -> Limits | None:
    """`left IN (…)`, of many."""
    what = subject(left, scope)
    region = _region(left, what) if what is not None else Region("")
    others: list[Operand] = []
    for item in items:
        other = fixed(item, scope)
        if other is None or what is None:
            found = (compare("<>" if negated else "=", left, each, scope, None) for each in items)
            return every(found) if negated else either(found)
        if not (other.kind is Kind.LITERAL and other.value is None):
            others.append(other)
    if what is None:
        return {}
    if not negated:
        if not what.use & Use.EQUAL or (what.use & Use.FILLED and any(item.value == "" for item in others)):
            return {}
        region.points = {_key(other): other.value for other in others}
        region.vague = any(other.value is None for other in others)
        return None if not others else {} if region.full() else _made(what, region)
    if not any(_unequal(what, other) for other in others):
        return {}
    region.excluded = {_key(other): other.value for other in others}
    return _made(what, region)


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
        if other is None or other.kind in {Kind.OBSCURE, Kind.NOW, Kind.STABLE}:
            return {}
        region = _region(left, what)
        region.points[_key(other)] = None
        region.vague = True
        return _made(what, region)
    if held is not None and what is None and held.use & Use.EQUAL and fixed(left, scope) is not None:
        # 'x' = ANY (tags)
        region = _region(right, held)
        region.others[f"holds {plain(left)}"] = True
        return _made(held, region)
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
    region = _region(left, what)
    region.spans.append((Bound(_key(one), one.value, True), Bound(_key(two), two.value, True)))
    return _made(what, region)


def has_pattern(name: str, left: Json, right: Json, scope: Scope, kind: str) -> Limits | None:
    """LIKE, SIMILAR TO and regular expressions."""
    what, other = subject(left, scope), fixed(_pattern(right), scope)
    if what is None or other is None or not what.use & Use.EQUAL or what.use & Use.FILLED or not name:
        return {}
    denied = name.startswith("!")
    if (what.column is not None and what.column.row) or (denied and not what.use & Use.UNEQUAL):
        return {}
    text = other.value if isinstance(other.value, str) else None
    if other.kind is not Kind.PARAMETER:
        if text is None:
            return {}
        like = "~~" in name
        if kind == "AEXPR_SIMILAR":
            filters = regex_filters(text, "%_")
        elif like:
            filters = like_filters(text) and not (name.startswith("!") and text == "")
        else:
            filters = regex_filters(text)
        if not filters:
            return {}
    region = _region(left, what)
    region.others[f"{name.removeprefix('!')} {other.text}"] = not denied
    region.denied = denied
    return _made(what, region)


def _pattern(right: Json) -> Json:
    """The pattern without its ESCAPE."""
    kind, body = only(right)
    if kind == "FuncCall" and strings(body.get("funcname", []))[-1] in {"like_escape", "similar_to_escape"}:
        first: Json = body["args"][0]
        return first
    return right


def _tied(name: str, left: Json, one: Subject, right: Json, two: Subject, scope: Scope) -> Limits | None:
    """Two subjects: of one relation a filter (`starts > ends`), of two a tie, if they are equal."""
    if one.owner == two.owner:
        if one.column is None or two.column is None or one.names == two.names:
            return {}
        return _pair(name, one, two)
    if name != "=":
        return {}
    return every([_tie(left, one, right, scope), _tie(right, two, left, scope)])


_SIGNS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _pair(name: str, one: Subject, two: Subject) -> Limits:
    """Two columns of a row: their difference compared with zero."""
    if name not in _SIGNS or not one.use & two.use & Use.UNEQUAL:
        return {}
    if name == "<>" and Floor.KEY in {one.floor, two.floor}:
        return {}
    swapped = min(one.names) > min(two.names)
    name = _FLIPPED[name] if swapped else name
    region = Region("pair")
    zero = ("literal", 0)
    if name == "=":
        region.points[zero] = 0
    elif name == "<>":
        region.excluded = {zero: 0}
    elif name[0] == "<":
        region.highs.append(Bound(zero, 0, name == "<="))
    else:
        region.lows.append(Bound(zero, 0, name == ">="))
    return {one.owner: Clause.of(one.names | two.names, region)}


def _tie(expr: Json, what: Subject, other: Json, scope: Scope) -> Limits:
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
    region = _region(expr, what)
    region.others[f"tied {plain(other)}"] = True
    return _made(what, region)


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
