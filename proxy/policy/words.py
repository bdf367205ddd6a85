"""The words and values a policy may hold, each checked where it stands.

Enters: scalars of the document. Leaves: typed values, or a `PydanticCustomError` with one sentence and, where one is
near, what was probably meant. Deliberately absent: names that other parts of the policy define (sets, windows): those
are checked in checks.py.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from proxy.policy.conditions.matching import COMPARISONS
from proxy.policy.conditions.who import parse_cidr
from proxy.policy.durations import parse_duration
from proxy.policy.facts import Verification
from proxy.policy.rules import RESERVED
from proxy.policy.texts import MAX_TEXT, PLACEHOLDERS, Template, parse_template
from proxy.sql.effects import CATALOGUE, CLASSES, TRAITS, Risk

ERROR_TYPE = "policy"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAYS = "holidays"

_RULE_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_RISK = re.compile(r"(>=|<=|>|<|=)?\s*([a-z]+)")

Dates = tuple[date, date]


def complaint(message: str, suggestion: str | None = None) -> PydanticCustomError:
    """An error for the document's reader. The sentence is a value, not a template: it may hold braces."""
    return PydanticCustomError(ERROR_TYPE, "{message}", {"message": message, "suggestion": suggestion})


def nearest(word: str, words: Iterable[str]) -> str | None:
    """What was probably meant."""
    return next(iter(get_close_matches(word, sorted(words), n=1, cutoff=0.6)), None)


def one_or_more(value: object) -> object:
    """A single word stands for a list of it."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _checked[T, R](check: Callable[[T], R]) -> Callable[[T], R]:
    """Turn a ValueError's sentence into a complaint."""

    def checked(value: T) -> R:
        try:
            return check(value)
        except ValueError as error:
            raise complaint(str(error)) from None

    return checked


def _one_of(what: str, words: Iterable[str], note: str = "") -> Callable[[str], str]:
    known = frozenset(words)

    def check(word: str) -> str:
        if word not in known:
            raise complaint(f'unknown {what} "{word}"{note}', nearest(word, known))
        return word

    return check


def _effect(word: str) -> str:
    if word in CLASSES:
        raise complaint(f'"{word}" is a class of effects; write it under classes')
    if "*" in word:
        raise complaint(f'effects are named one by one, "{word}" is a pattern; a class may say the same')
    return _one_of("effect", CATALOGUE)(word)


def _rule_id(word: str) -> str:
    if word in RESERVED:
        raise complaint(f'the id "{word}" is reserved for {RESERVED[word]}')
    if not _RULE_ID.fullmatch(word):
        raise complaint(
            f'"{word}" is no rule id; it begins with a letter and holds at most 63 of a-z, 0-9 and -', _as_id(word)
        )
    return word


def _as_id(word: str) -> str | None:
    tidy = re.sub(r"[^a-z0-9-]+", "-", word.lower()).strip("-")
    return tidy if _RULE_ID.fullmatch(tidy) else None


def _name(word: str) -> str:
    if not _NAME.fullmatch(word):
        raise complaint(f'"{word}" is no name; it begins with a letter and holds letters, digits, _ and -')
    return word


def _sqlstate(word: str) -> str:
    if not _SQLSTATE.fullmatch(word) or word[:2] in {"00", "01", "02"}:
        raise complaint(f'"{word}" is no SQLSTATE of an error; it has five digits or capitals, such as 42501')
    return word


def _number_as_text(value: object) -> object:
    """42501 without quotes is a number to YAML; what is meant is clear."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 10000 <= value <= 99999 else value


def _risk(text: str) -> tuple[str, Risk]:
    match = _RISK.fullmatch(text.strip())
    comparison, word = (match[1] or "=", match[2]) if match else ("", text)
    if comparison not in COMPARISONS or word.upper() not in Risk.__members__:
        levels = [level.name.lower() for level in Risk]
        near = nearest(word, levels)
        raise complaint(
            f'"{text}" is no risk; write one of {", ".join(levels)}, or such as ">= low"',
            None if near is None or not match else f"{match[1] or ''} {near}".strip(),
        )
    return comparison, Risk[word.upper()]


def _verification(word: str) -> Verification:
    names = [level.name.lower() for level in Verification]
    return Verification[_one_of("level of verification", names, f"; it is one of {', '.join(names)}")(word).upper()]


def _text(text: str) -> Template:
    if len(text) > MAX_TEXT:
        raise complaint(f"the text is longer than {MAX_TEXT} characters")
    if not all(character.isprintable() or character == "\n" for character in text):
        raise complaint("the text holds characters that cannot be shown")
    if not text.strip():
        raise complaint("the text is empty")
    template = _checked(parse_template)(text)
    for name in sorted(template.names - PLACEHOLDERS):
        raise complaint(
            f"unknown placeholder {{{name}}}; a text may name {', '.join(sorted(PLACEHOLDERS))}",
            near if (near := nearest(name, PLACEHOLDERS)) is None else f"{{{near}}}",
        )
    return template


def _time(text: str) -> int:
    if text == "24:00":
        return 24 * 3600
    match = _TIME.fullmatch(text)
    if match is None:
        raise complaint(f'"{text}" is no time of day; write it as "08:00"')
    return int(match[1]) * 3600 + int(match[2]) * 60


def _days(text: str) -> frozenset[int]:
    first, dash, last = text.partition("-")
    for word in (first, last) if dash else (first,):
        if word not in WEEKDAYS:
            raise complaint(f'unknown day "{word}"; days are {", ".join(WEEKDAYS)}, or mon-fri', nearest(word, WEEKDAYS))
    start = WEEKDAYS.index(first)
    length = (WEEKDAYS.index(last) - start) % 7 if dash else 0
    return frozenset((start + offset) % 7 for offset in range(length + 1))


def parse_dates(text: str) -> Dates:
    """A date, or two with `..` between.

    Raises:
        PydanticCustomError: anything else.
    """
    first, dots, last = text.partition("..")
    try:
        start = date.fromisoformat(first.strip())
        end = date.fromisoformat(last.strip()) if dots else start
    except ValueError:
        raise complaint(f'"{text}" is no date; write 2026-12-24, or 2026-12-24..2027-01-02') from None
    if end < start:
        raise complaint(f'"{text}" ends before it begins')
    return start, end


def _exception(text: str) -> Dates | str:
    if text == HOLIDAYS:
        return text
    near = nearest(text, [HOLIDAYS])
    if near is not None:
        raise complaint(f'unknown exception "{text}"; it is holidays, or a date', near)
    return parse_dates(text)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        from zoneinfo import available_timezones

        raise complaint(f'unknown time zone "{name}"; write it as America/New_York', nearest(name, available_timezones())) from None


EffectName = Annotated[str, AfterValidator(_effect)]
ClassName = Annotated[str, AfterValidator(_one_of("class", CLASSES, f"; classes are {', '.join(sorted(CLASSES))}"))]
TraitName = Annotated[str, AfterValidator(_one_of("trait", TRAITS))]
RuleId = Annotated[str, AfterValidator(_rule_id)]
Name = Annotated[str, AfterValidator(_name)]
SqlState = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_sqlstate)]
RiskBound = Annotated[str, AfterValidator(_risk)]
Level = Annotated[str, AfterValidator(_verification)]
Text = Annotated[str, AfterValidator(_text)]
TimeOfDay = Annotated[str, AfterValidator(_time)]
DaySpan = Annotated[str, AfterValidator(_days)]
DateSpan = Annotated[str, AfterValidator(parse_dates)]
Exception_ = Annotated[str, AfterValidator(_exception)]
Zone = Annotated[str, AfterValidator(_zone)]
Duration = Annotated[str, AfterValidator(_checked(parse_duration))]
Cidr = Annotated[str, AfterValidator(_checked(lambda text: (parse_cidr(text), text)[1]))]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
ModeName = Literal["enforce", "shadow", "off"]
Deny = Literal["deny", "shadow"]
Migration = Literal["run", "registered", "resembles"]
Duration_ = timedelta
