"""Comparisons: what each operator leaves of a subject's values.

In: an operator and its two sides. Out: Limits. A subject stands on the left when this is done; rows are
compared element by element. A comparison with what no row is beyond (`id > 0`, `length(x) >= 0`) limits
nothing, by custom as good as by proof. Deliberately absent: AND, OR, NOT, and sub-selects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from proxy.sql.parse import Json
from proxy.sql.scope.bounds import moment, past
from proxy.sql.scope.clauses import Clause, Limits, either, every
from proxy.sql.scope.columns import nodes, plain
from proxy.sql.scope.filters import filtered, made, one_value, region_of
from proxy.sql.scope.fold import UNKNOWN, built_in_name, fold, lone_value
from proxy.sql.scope.operands import fixed
from proxy.sql.scope.regions import Bound, Region
from proxy.sql.scope.relations import Scope
from proxy.sql.scope.searches import SEARCHES, search, within
from proxy.sql.scope.subjects import subject
from proxy.sql.scope.ties import referring, tie
from proxy.sql.scope.uses import Floor, Subject, Use
from proxy.sql.tree import only, strings


class Links:
    """What sub-selects limit (links.py).

    Attributes:
        condition: of a SubLink that is a condition, perhaps negated.
        truth: of any condition, perhaps negated.
        value: whether `subject operator (SELECT …)` limits.
        rows: whether the rows of a query are few, and which tests they stand for: `(a, b) IN (SELECT …)`.
    """

    __slots__ = ("condition", "rows", "truth", "value")

    def __init__(
        self,
        condition: Callable[[Json, Scope, bool], Limits | None],
        truth: Callable[[Json, Scope, bool], Limits | None],
        value: Callable[[str, Subject, Json, Scope], bool],
        rows: Callable[[list[Json], Json, Scope], Limits],
    ) -> None:
        """Hold them."""
        self.condition = condition
        self.truth = truth
        self.value = value
        self.rows = rows


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
        if only(side)[0] == "SubLink" and links is not None and fold(other) == 0:
            counted = _counted(side["SubLink"])
            if counted is not None and operator == "=":
                return links.condition(counted, scope, True)
        if only(side)[0] == "FuncCall" and operator:
            found = within(operator, side, other, scope)
            if found is not None:
                return found
    first, second = _told(left, scope), _told(right, scope)
    if first is not None and second is not None and name == "=":
        first, second = referring(first, second, scope), referring(second, first, scope)
    if first is not None and second is not None:
        return _tied(name, left, first, right, second, scope)
    if first is not None:
        return _against(name, left, first, right, scope, links)
    if second is not None and name in _FLIPPED:
        return _against(_FLIPPED[name], right, second, left, scope, links)
    return {}


def _counted(link: Json) -> Json | None:
    """`(SELECT count(*) FROM …)` as EXISTS: to have none of them is to have no row there."""
    select = only(link.get("subselect"))[1]
    targets = select.get("targetList", [])
    if link.get("subLinkType") != "EXPR_SUBLINK" or len(targets) != 1 or not select.get("fromClause"):
        return None
    if "agg_star" not in targets[0].get("ResTarget", {}).get("val", {}).get("FuncCall", {}):
        return None
    if select.keys() & {"groupClause", "havingClause", "limitCount", "limitOffset", "withClause"}:
        return None
    inner = {**select, "targetList": []}
    return {"subLinkType": "EXISTS_SUBLINK", "subselect": {"SelectStmt": inner}}


def _told(expr: Json, scope: Scope) -> Subject | None:
    """The subject; without a look at each level of what has no column at all."""
    if "ColumnRef" in expr:
        return subject(expr, scope)
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
        found = _pairs(name, left, right, scope, links)
        return every(found) if name == "=" else either(found)
    # (a, b) > (x, y): at least a >= x
    wide = {"<": "<=", ">": ">=", "<=": "<=", ">=": ">="}.get(name)
    return compare(wide, left[0], right[0], scope, links) if wide else {}


def _pairs(
    name: str, left: list[Json], right: list[Json], scope: Scope, links: Links | None
) -> Iterator[Limits | None]:
    for one, two in zip(left, right, strict=True):
        yield compare(name, one, two, scope, links)


def against_each(
    name: str, left: Json, items: list[Json], scope: Scope, links: Links | None
) -> Iterator[Limits | None]:
    """What `left name item` limits of each, as far as it is asked for."""
    for item in items:
        yield compare(name, left, item, scope, links)


def _first_of(name: str, args: list[Json], other: Json, scope: Scope, links: Links | None) -> Limits | None:
    """`coalesce(a, b, 'x') = c`: one of the columns is, or those before 'x' are NULL. None: no such form."""
    found: list[Limits | None] = []
    for arg in _flat(args):
        what = subject(arg, scope)
        if what is not None:
            found.append(compare(name, arg, other, scope, links))
            last = what
        elif fixed(arg, scope) is not None and found:
            if name == "<>" and fold(arg) is not UNKNOWN and fold(arg) == fold(other):
                continue
            region = Region("column" if last.column else plain(arg), null=True)
            found.append({last.owner: Clause(last.names, region)} if last.use & Use.NULL else {})
        else:
            return None
    return either(found) if found else None


def _flat(args: list[Json]) -> Iterator[Json]:
    """`coalesce(coalesce(a, b), c)` is coalesce(a, b, c); level by level it would take the square of them."""
    waiting = list(reversed(args))
    while waiting:
        arg = waiting.pop()
        if "CoalesceExpr" in arg:
            waiting += reversed(arg["CoalesceExpr"].get("args", []))
        else:
            yield arg


def _against(
    name: str, expr: Json, what: Subject, right: Json, scope: Scope, links: Links | None
) -> Limits | None:
    """A subject compared with anything else: a constant, a sub-select, columns of limited relations."""
    other = fixed(right, scope)
    if other is not None:
        if name in SEARCHES:
            return search(name, expr, what, other, right)
        if "FuncCall" in expr and _end_of_range(expr["FuncCall"]) and moment(right):
            what = what.but(use=what.use | Use.ORDER)
        return filtered(name, expr, what, other)
    kind, body = only(right)
    if kind == "SubLink" and links is not None and body.get("subLinkType") == "EXPR_SUBLINK":
        if not links.value(name, what, body, scope):
            return {}
        return made(what, one_value(name, region_of(expr, what), plain(body)))
    if name == "=":
        return tie(expr, what, right, scope)
    if past(name, right) and what.use & Use.ORDER:
        return made(what, one_value(name, region_of(expr, what), plain(right)))
    return {}


def _end_of_range(call: Json) -> bool:
    """`upper(during) < now()`: a text would not be compared with a moment, so `during` is a range."""
    return built_in_name(strings(call.get("funcname", []))) in {"lower", "upper"}


def _tied(name: str, left: Json, one: Subject, right: Json, two: Subject, scope: Scope) -> Limits | None:
    """Two subjects: of one relation a filter (`starts > ends`), of two a tie, if they are equal."""
    if one.owner == two.owner:
        if name == "<>" and one.names == two.names and None in {one.column, two.column}:
            return _put_right(left, right, one)
        if one.column is None or two.column is None or one.names == two.names:
            return _measured(name, left, one, right, two)
        return _pair(name, one, two)
    if name != "=":
        return {}
    return every([tie(left, one, right, scope), tie(right, two, left, scope)])


# What is put right once stays so: `x <> trim(x)` leaves the rows alone that are right already. Not upper():
# of a column that is kept in small letters it leaves none.
_PUTS_RIGHT = frozenset({"btrim", "ltrim", "rtrim", "round", "trunc", "lower", "normalize"})


def _put_right(left: Json, right: Json, what: Subject) -> Limits:
    """`name <> trim(name)`: a column that differs from what it is to be."""
    for column, call in ((left, right), (right, left)):
        body = call.get("FuncCall", {})
        args: list[Json] = body.get("args", [])
        if built_in_name(strings(body.get("funcname", []))) in _PUTS_RIGHT and plain(args[:1]) == plain(
            [column]
        ):
            region = Region(plain(call), excluded={plain(call): None})
            return {what.owner: Clause(what.names, region)}
    return {}


_SIGNS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _measured(name: str, left: Json, one: Subject, right: Json, two: Subject) -> Limits:
    """`sent + failed >= total`, `created_at < now() - ttl * interval '1 s'`: of different columns only."""
    if name not in {"<", "<=", ">", ">="} or one.names & two.names or not one.use & two.use & Use.ORDER:
        return {}
    if Floor.KEY in {one.floor, two.floor} or Floor.DISTANCE in {one.floor, two.floor}:
        return {}
    region = Region(f"{plain(left)} {plain(right)}")
    bounds = region.lows if name[0] == ">" else region.highs
    bounds.append(Bound(("literal", 0), 0, name in {"<=", ">="}))
    return {one.owner: Clause(one.names | two.names, region)}


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
    return {one.owner: Clause(one.names | two.names, region)}
