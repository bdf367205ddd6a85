"""Patterns and literals that let everything through.

In: the constant text of LIKE, of a regular expression, of an array, a range, a JSON path, a bound. Out:
whether it must leave rows out. Deliberately absent: proof of what is left; the languages are read only as far
as to find one thing that must be there.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

_REPEATS_NONE = frozenset("*?{")
_ANY = frozenset(".%_")
# \w and \S are in nearly every text, \D and \W beside them.
_WIDE_CLASSES = frozenset("wWSDs")
_ANCHORS = frozenset("AmMyYZ")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:$|[ T])")
LONG_AGO: Final = "1900-01-01"
"""A date that what people date is younger than."""
_SPAN: Final = re.compile(r"(\d{1,9})\s*([a-z]+)")
_DAYS: Final = {"d": 1, "w": 7, "mon": 30, "y": 365, "dec": 3_650, "c": 36_500, "mille": 365_000}
"""By what a unit's name begins with: https://www.postgresql.org/docs/current/datatype-datetime.html"""
# Where the numbers of a type end.
_LAST = Decimal(2147483647)
_LAST_LONG = Decimal(9223372036854775807)
# Of ranges and of arrays.
_LEAST = frozenset({"empty", "{}"})
_ENDLESS = frozenset({"infinity", "-infinity", "+infinity", "inf", "-inf", "nan", "epoch"})


def like_filters(pattern: str) -> bool:
    """Whether LIKE with this pattern asks for any one character in particular, or for a length."""
    return pattern.strip("%_") != "" or "%" not in pattern


def regex_filters(pattern: str, any_of: str = ".") -> bool:
    """Whether a regular expression asks for something that must be there; not when in doubt.

    Args:
        any_of: the characters that match anything: `.`, and of SIMILAR TO `%_`.
    """
    if pattern.startswith("***") or len(pattern) > 10_000:
        return False
    if pattern.startswith("(?i)"):
        pattern = pattern[4:]
    found, end = _alternatives(pattern, 0, frozenset(any_of))
    return found and end == len(pattern)


def _alternatives(pattern: str, start: int, any_of: frozenset[str]) -> tuple[bool, int]:
    """Whether each alternative needs something, and where the group ends. In a loop: groups nest."""
    done: list[tuple[bool, bool]] = []
    every, this = True, False
    at = start
    while at < len(pattern):
        letter = pattern[at]
        if letter == "(":
            if pattern[at + 1 : at + 2] == "?" and pattern[at + 1 : at + 3] != "?:":
                return False, at
            done.append((every, this))
            every, this = True, False
            at += 3 if pattern[at + 1 : at + 2] == "?" else 1
            continue
        if letter == "|":
            every, this = every and this, False
            at += 1
            continue
        if letter == ")":
            if not done:
                return False, at
            needed = every and this
            every, this = done.pop()
            at += 1
        else:
            needed, at = _unit(pattern, at, any_of)
        if not (at < len(pattern) and pattern[at] in _REPEATS_NONE):
            this = this or needed
        while at < len(pattern) and pattern[at] in "*?+{":
            at = pattern.find("}", at) + 1 if pattern[at] == "{" else at + 1
            if at == 0:
                return False, len(pattern)
    return not done and every and this, at


def _unit(pattern: str, at: int, any_of: frozenset[str]) -> tuple[bool, int]:
    """Whether one element asks for something in particular, and where it ends."""
    letter = pattern[at]
    if letter == "\\":
        following = pattern[at + 1 : at + 2]
        return following not in _WIDE_CLASSES | _ANCHORS and following != "", at + 2
    if letter == "[":
        end = pattern.find("]", at + (3 if pattern[at + 1 : at + 2] == "^" else 2))
        while end > 0 and pattern[end - 1] in ":." and pattern[end + 1 : end + 2] not in ("", "]"):
            end = pattern.find("]", end + 1)
        if end < 0:
            return False, len(pattern)
        inside = pattern[at + 1 : end]
        return not inside.startswith("^") and "\\" not in inside and "[:" not in inside, end + 1
    return letter not in any_of and letter not in "^$.", at + 1


def something_in(text: str) -> bool:
    """Whether an array, a JSON value or a search has anything inside: `{}`, `[]` and `` have not."""
    return any(letter.isalnum() for letter in text)


def number(value: object) -> Decimal | None:
    """A literal as a number; a text too: `id > '0'`."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and len(value) < 100:
        try:
            found = Decimal(value.strip())
        except InvalidOperation:
            return None
        return found if found.is_finite() else None
    return None


def date_of(value: object) -> tuple[int, int, int] | None:
    """Year, month and day of a literal that is a date."""
    found = _DATE.match(value.strip()) if isinstance(value, str) else None
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def beyond_all(value: object) -> bool:
    """Whether every value is sure to be below this one."""
    amount = number(value)
    if amount is not None:
        # 999999999 and 1000000000 are no bounds that a person would draw.
        digits = str(abs(amount).quantize(Decimal(1))) if abs(amount) < _LAST_LONG else "9"
        round_one = len(digits) > 9 and not digits[1:].strip("0") and digits[0] == "1"
        return amount > 0 and (
            amount >= _LAST_LONG
            or amount in (_LAST, _LAST + 1)
            or (len(digits) >= 9 and not digits.strip("9"))
            or round_one
        )
    when = date_of(value)
    if when is not None:
        return when[0] >= 2100 or when[0] == 2099
    if not isinstance(value, str):
        return False
    text = value.strip().lower()
    return text in _ENDLESS or text.strip("z~{}|\x7f\uffff\U0010ffff") == "" or _all_of(text, "f")


def ends_keys(value: object) -> bool:
    """Whether a bound of a key stands for all of them: a million and its like, 1000000 or 9999999."""
    amount = number(value)
    if amount is None or amount < 999_999:
        return False
    digits = str(int(amount)) if amount < _LAST_LONG else "9"
    return not digits.strip("9") or (digits[0] == "1" and not digits[1:].strip("0"))


def below_all(value: object) -> bool:
    """Whether every value is sure to be above this one, or at it: numbers are not negative, by custom."""
    amount = number(value)
    if amount is not None:
        return amount < 0
    when = date_of(value)
    if when is not None:
        return when[0] <= 1900 or when == (1970, 1, 1)
    if not isinstance(value, str):
        return False
    text = value.strip().lower()
    return text in _ENDLESS or text in _LEAST or text.strip("!\x01") == "" or _all_of(text, "0")


def swallows(text: str | None) -> bool:
    """Whether a constant stays what it is whatever is added to it: 'infinity', 'NaN', the range of all."""
    lowered = (text or "").strip().lower()
    return lowered in _ENDLESS or lowered == "empty" or (lowered[:1] in "[(" and lowered[1:-1].strip() == ",")


def spans_all(value: object) -> bool:
    """Whether an interval is a century or more: nothing is so old, by custom."""
    if not isinstance(value, str) or "-" in value:
        return False
    days = 0
    for amount, unit in _SPAN.findall(value.lower()):
        days += int(amount) * max((_DAYS[key] for key in _DAYS if unit.startswith(key)), default=0)
    return days >= 100 * 365


def _all_of(text: str, digit: str) -> bool:
    """A uuid of nothing but zeros, or of nothing but f."""
    return len(text) >= 32 and text.strip("{}").replace("-", "").strip(digit) == ""
