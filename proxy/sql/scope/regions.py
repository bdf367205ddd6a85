"""What a condition leaves of the values of a column, and when several together leave everything.

In: regions, each what one term says of one column: some values, a range, all but some. Out: their union, or
that it is everything. A union that cannot be told from everything counts as everything. Deliberately absent:
the terms themselves (terms.py), and NULL: most terms leave out rows with a NULL, and that limits nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date

from proxy.sql.scope.fold import boolean
from proxy.sql.scope.patterns import date_of, number

# Bounds that cannot be compared (parameters) are kept apart, up to so many.
_MAX_BOUNDS = 6
# What takes more comparisons than this counts as everything.
_MAX_COMPARED = 500


class Bound:
    """One end of a range. value is the literal or None; key tells two expressions apart."""

    __slots__ = ("inclusive", "key", "value")

    def __init__(self, key: Hashable, value: object, inclusive: bool) -> None:
        """Hold it; nobody changes it."""
        self.key = key
        self.value = value
        self.inclusive = inclusive


class Region:
    """Some of a column's values.

    Attributes:
        text: the expression whose values these are; the same column may be spoken of in several ways.
        points: values that are in it; the keys of Bound.
        lows: the region holds what is above any of these.
        highs: and what is below any of these.
        spans: and what is between two.
        excluded: and all but these, where it is not None.
        others: conditions that have no order (LIKE, @>), and whether they are affirmed.
        denied: whether one of them is not.
        vague: whether one of the points is no literal, so that it may be any value.
        null: NULL.
        anything: everything but NULL.
        keyed: each value is one row's: all but one of them is as good as all.
        choices: how many values there are at all (`id % 3`), 0 where there is no saying.
        least: the smallest whole number that a row has, by custom.
    """

    __slots__ = (
        "anything",
        "choices",
        "denied",
        "excluded",
        "highs",
        "keyed",
        "least",
        "lows",
        "null",
        "others",
        "points",
        "spans",
        "text",
        "vague",
    )

    def __init__(
        self,
        text: str,
        *,
        others: dict[str, bool] | None = None,
        excluded: dict[Hashable, object] | None = None,
        denied: bool = False,
        null: bool = False,
        anything: bool = False,
        keyed: bool = False,
        choices: int = 0,
        least: int = 0,
    ) -> None:
        """Begin with no points and no ranges."""
        self.text = text
        self.points: dict[Hashable, object] = {}
        self.lows: list[Bound] = []
        self.highs: list[Bound] = []
        self.spans: list[tuple[Bound, Bound]] = []
        self.excluded = excluded
        self.others = {} if others is None else others
        self.denied = denied
        self.vague = False
        self.null = null
        self.anything = anything
        self.keyed = keyed
        self.choices = choices
        self.least = least

    @property
    def rank(self) -> int:
        """How well this tells rows apart: the less the better. highs before lows: like then joins like."""
        if self.anything:
            return 6
        if self.excluded is not None or self.denied:
            return 5
        if self.lows:
            return 4
        if self.highs:
            return 3
        return 2 if self.others or self.spans else 1 if self.null else 0

    @property
    def _open(self) -> bool:
        return bool(self.lows or self.highs) or self.excluded is not None or self.denied

    @property
    def _only_null(self) -> bool:
        return not (self.points or self._open or self.spans or self.others or self.anything)

    def add(self, other: Region) -> bool:
        """Take another region in; False when the two together may be everything."""
        if self.text != other.text and not (self._only_null or other._only_null):
            if self._open or other._open:
                return False
            self.choices = 0
        if self._only_null:
            self.text = other.text
        if not self._add_excluded(other):
            return False
        self.points.update(other.points)
        self.spans += other.spans
        self.null |= other.null
        self.anything |= other.anything
        self.denied |= other.denied
        self.vague |= other.vague
        self.choices = self.choices or other.choices
        for text, affirmed in other.others.items():
            if self.others.setdefault(text, affirmed) is not affirmed:
                return False
        for bound in other.lows:
            _widen(self.lows, bound, lower=True)
        for bound in other.highs:
            _widen(self.highs, bound, lower=False)
        return not self.full()

    def full(self) -> bool:
        """Whether this may be everything."""
        if self.anything:
            return self.null
        if self.choices and len(self.points) >= self.choices:
            return True
        if len(self.points) < 100 and _both_booleans(self.points.values()):
            return True
        if self.denied and (len(self.others) > 1 or self.points or self.lows or self.highs):
            return True
        if self.excluded is not None:
            return self._covers_excluded()
        if len(self.lows) > _MAX_BOUNDS or len(self.highs) > _MAX_BOUNDS:
            return True
        return self._meets() or self._reaches_down()

    def _add_excluded(self, other: Region) -> bool:
        if other.excluded is None:
            return True
        if self.excluded is None:
            self.excluded = dict(other.excluded)
        else:
            self.excluded = {key: value for key, value in self.excluded.items() if key in other.excluded}
        return bool(self.excluded)

    def _covers_excluded(self) -> bool:
        """Whether what is left out is taken in again."""
        excluded = self.excluded or {}
        if not (self.points or self.lows or self.highs or self.others or self.spans):
            return not excluded
        if self.others or self.spans or self.vague or len(excluded) > _MAX_COMPARED:
            return True
        return all(
            _covered(key, value, self.points, self.lows, self.highs) for key, value in excluded.items()
        )

    def _meets(self) -> bool:
        """Whether a range from below and one from above leave nothing between them."""
        lows = self.lows + ([low for low, _ in self.spans] if self.highs else [])
        highs = self.highs + ([high for _, high in self.spans] if self.lows else [])
        if lows and highs and self.text not in {"column", "pair"}:
            return True  # id * 2 <= 4 OR id * 2 >= 6
        if lows and highs and len(lows) + len(highs) + len(self.points) > _MAX_COMPARED:
            return True
        slack = 1 if self.keyed else 0
        return any(_touch(low, high, self.points, slack) for low in lows for high in highs)

    def _reaches_down(self) -> bool:
        """Whether points take in all that there is below a bound: `id = 1 OR id > 1`."""
        inside = {number(value) for value in self.points.values()} if self.lows else set()
        for low in self.lows:
            first = number(low.value) if inside else None
            if first is None or first != first.to_integral_value():
                continue
            left_out = range(self.least, int(first) + (0 if low.inclusive else 1))
            if len(left_out) <= len(inside) and inside.issuperset(left_out):
                return True
        return False


def _both_booleans(values: Iterable[object]) -> bool:
    found = {boolean(value) if isinstance(value, str) else value for value in values}
    return any(value is True for value in found) and any(value is False for value in found)


def _covered(
    key: Hashable, value: object, points: dict[Hashable, object], lows: list[Bound], highs: list[Bound]
) -> bool:
    if key in points:
        return True
    if value is None and points:
        return True  # a parameter may be the very value
    for bound, lower in [*((low, True) for low in lows), *((high, False) for high in highs)]:
        order = _order(value, bound.value)
        if order is None or (order == 0 and bound.inclusive) or (order > 0 if lower else order < 0):
            return True
    return False


def _order(left: object, right: object) -> int | None:
    """-1, 0 or 1 where two literals can be compared."""
    if left is None or right is None:
        return None
    one, two = number(left), number(right)
    if one is not None and two is not None:
        return (one > two) - (one < two)
    if date_of(left) is not None and date_of(right) is not None:
        first, second = str(left).replace("T", " "), str(right).replace("T", " ")
        return (first > second) - (first < second)
    return None


def _widen(bounds: list[Bound], new: Bound, *, lower: bool) -> None:
    """Keep the bound that lets more through, where that can be told."""
    for index, old in enumerate(bounds):
        order = 0 if old.key == new.key else _order(new.value, old.value)
        if order is None:
            continue
        if (order < 0 if lower else order > 0) or (order == 0 and new.inclusive):
            bounds[index] = new
        return
    if len(bounds) <= _MAX_BOUNDS:
        bounds.append(new)


def _touch(low: Bound, high: Bound, points: dict[Hashable, object], slack: int) -> bool:
    """Whether x > low or x < high or one of the points is everything, or but for `slack` values."""
    if low.key == high.key:
        return low.inclusive or high.inclusive or low.key in points or slack > 0
    if low.value is None or high.value is None:
        return False  # parameters: as far from everything as any one of them
    order = _order(high.value, low.value)
    if order is None or order > 0:
        return True
    first, last = number(high.value), number(low.value)
    if first is None or last is None:
        return _next_days(high.value, low.value)
    if first != first.to_integral_value() or last != last.to_integral_value():
        return False
    start = int(first) + (1 if high.inclusive else 0)
    end = int(last) - (1 if low.inclusive else 0)
    if end - start + 1 > len(points) + slack:
        return False
    inside = {number(value) for value in points.values()}
    return sum(value not in inside for value in range(start, end + 1)) <= slack


def _next_days(one: object, other: object) -> bool:
    first, second = date_of(one), date_of(other)
    if first is None or second is None:
        return True
    try:
        return abs((date(*first) - date(*second)).days) <= 1
    except ValueError:
        return True
