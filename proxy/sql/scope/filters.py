"""A subject compared with a constant: what is left, unless no row is beyond the constant.

In: `=`, `<>` and the orders, with a subject on the left. Out: Limits. A comparison with what every row is
beyond (`id > 0`, `length(x) >= 0`, `ts < 'infinity'`) limits nothing, by custom as good as by proof.
Deliberately absent: operators without order (searches.py).
"""

from __future__ import annotations

from proxy.sql.parse import Json
from proxy.sql.scope.amounts import MAX_LIMIT
from proxy.sql.scope.clauses import Clause, Limits
from proxy.sql.scope.columns import plain
from proxy.sql.scope.operands import Kind, Operand
from proxy.sql.scope.patterns import below_all, beyond_all, date_of, ends_keys, number
from proxy.sql.scope.regions import Bound, Region
from proxy.sql.scope.uses import Floor, Subject, Use

_FROM_ONE = frozenset({Floor.KEY, Floor.COUNT, Floor.PLACE})


def text_of(expr: Json, what: Subject) -> str:
    """Equal for two expressions that are the same subject."""
    return "column" if what.column is not None else plain(expr)


def region_of(expr: Json, what: Subject) -> Region:
    """An empty region of a subject's values."""
    least = 1 if what.floor in _FROM_ONE else 0
    return Region(text_of(expr, what), choices=what.choices, keyed=what.floor is Floor.KEY, least=least)


def made(what: Subject, region: Region) -> Limits:
    """The limits that a region of a subject is."""
    return {what.owner: Clause(what.names, region)}


def column_is(expr: Json, what: Subject | None, value: bool) -> Limits:
    """A boolean column by itself."""
    if what is None or not what.use & Use.EQUAL or (what.column is not None and what.column.row):
        return {}
    region = region_of(expr, what)
    region.points[("bool", value)] = value
    return made(what, region)


def filtered(name: str, expr: Json, what: Subject, other: Operand) -> Limits | None:
    """A subject compared with a constant."""
    if other.kind is Kind.LITERAL and other.value is None:
        return None
    region = region_of(expr, what)
    if name == "=":
        emptied = other.value == "" or other.kind is Kind.OBSCURE
        if not what.use & Use.EQUAL or (what.use & Use.FILLED and emptied):
            return {}
        region.points[key_of(other)] = other.value
        region.vague = other.value is None
        return made(what, region)
    if name == "<>":
        if not unequal(what, other):
            return {}
        region.excluded = {key_of(other): other.value}
        return made(what, region)
    if name in {"<", "<=", ">", ">="}:
        if name == ">" and what.mask and other.value == 0:
            return made(what, _lower(region, other, inclusive=False))
        if not _bounds(name, what, other):
            return {}
        if name[0] == ">":
            return made(what, _lower(region, other, inclusive=name == ">="))
        region.highs.append(Bound(key_of(other), other.value, name == "<="))
        return made(what, region)
    return {}


def _lower(region: Region, other: Operand, *, inclusive: bool) -> Region:
    region.lows.append(Bound(key_of(other), other.value, inclusive))
    return region


def key_of(other: Operand) -> object:
    """What tells two constants apart: 5, 5.0 and '5' are one."""
    if other.kind is not Kind.LITERAL:
        return other.text
    if isinstance(other.value, bool):
        return ("bool", other.value)
    amount = number(other.value)
    return ("literal", amount if amount is not None else other.value)


def unequal(what: Subject, other: Operand) -> bool:
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
    if what.mask:
        return amount == 0 or (what.mask > 0 and amount == int(amount) & what.mask)
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
        if what.floor is Floor.KEY and ends_keys(other.value):
            return False
        if what.floor is Floor.PLACE and (number(other.value) or 0) > MAX_LIMIT:
            return False
        return other.value is None or not beyond_all(other.value)
    if other.value is None:
        return True
    return _above(name, what, other.value)


def _above(name: str, what: Subject, value: object) -> bool:
    amount = number(value)
    if amount is not None:
        if what.floor in _FROM_ONE:
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


def one_value(name: str, region: Region, key: str) -> Region:
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


_PRESENT = frozenset({"now", "today", "tomorrow", "allballs"})
