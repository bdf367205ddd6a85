"""The words and values a policy may hold, each checked where it stands.

Enters: scalars of the document. Leaves: typed values, or a `PydanticCustomError` with one sentence and,
where one is near, what was probably meant. Deliberately absent: names that other parts of the policy define
(sets, windows): those are checked in compiling.py.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, PlainValidator
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
Result = TypeVar("Result")


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


def found(value: object) -> str:
    """What a value is, in the words of a reader of YAML."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the truth value {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'"{value}"' if len(value) <= 40 and value.isprintable() else "text"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def _word(check: Callable[[str], Result]) -> PlainValidator:
    """Read a scalar of text by a function that raises a complaint, or a ValueError with a sentence."""

    def read(value: object) -> Result:
        if not isinstance(value, str):
            quotes = "" if value is None or isinstance(value, (list, tuple, dict)) else "; put it in quotes"
            raise complaint(f"expected text, found {found(value)}{quotes}")
        try:
            return check(value)
        except PydanticCustomError:
            raise
        except ValueError as error:
            raise complaint(str(error)) from None

    return PlainValidator(read, json_schema_input_type=str)


def _one_of(what: str, words: Iterable[str], note: str = "") -> Callable[[str], str]:
    known = frozenset(words)

    def check(word: str) -> str:
        if word not in known:
            near = nearest(word, known)
            raise complaint(f'unknown {what} "{word}"{note if near is None else ""}', near)
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
            f'"{word}" is no rule id; it begins with a letter and holds at most 63 of a-z, 0-9 and -',
            _as_id(word),
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
    return str(value) if isinstance(value, int) and 10000 <= value <= 99999 else value


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
    return Verification[
        _one_of("level of verification", names, f"; it is one of {', '.join(names)}")(word).upper()
    ]


def _text(text: str) -> Template:
    if len(text) > MAX_TEXT:
        raise complaint(f"the text is longer than {MAX_TEXT} characters")
    if not all(character.isprintable() or character == "\n" for character in text):
        raise complaint("the text holds characters that cannot be shown")
    if not text.strip():
        raise complaint("the text is empty")
    template = parse_template(text)
    for name in sorted(template.names - PLACEHOLDERS):
        near = nearest(name, PLACEHOLDERS)
        if near is not None:
            raise complaint(f"unknown placeholder {{{name}}}", f"{{{near}}}")
        raise complaint(f"unknown placeholder {{{name}}}; there are {', '.join(sorted(PLACEHOLDERS))}")
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
            raise complaint(
                f'unknown day "{word}"; days are {", ".join(WEEKDAYS)}, or mon-fri', nearest(word, WEEKDAYS)
            )
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
        near = nearest(name, available_timezones())
        raise complaint(f'unknown time zone "{name}"; write it as America/New_York', near) from None


def _cidr(text: str) -> str:
    parse_cidr(text)
    return text


def _pattern(text: str) -> str:
    if not text or len(text) > 200:
        raise complaint("a name or pattern has between 1 and 200 characters")
    return text


EffectName = Annotated[str, _word(_effect)]
ClassName = Annotated[str, _word(_one_of("class", CLASSES, f"; classes are {', '.join(sorted(CLASSES))}"))]
TraitName = Annotated[str, _word(_one_of("trait", TRAITS, f"; traits are {', '.join(sorted(TRAITS))}"))]
RuleId = Annotated[str, _word(_rule_id)]
Name = Annotated[str, _word(_name)]
SqlState = Annotated[str, _word(_sqlstate), BeforeValidator(_number_as_text)]
RiskBound = Annotated[tuple[str, Risk], _word(_risk)]
Level = Annotated[Verification, _word(_verification)]
Text = Annotated[Template, _word(_text)]
TimeOfDay = Annotated[int, _word(_time)]
DaySpan = Annotated[frozenset[int], _word(_days)]
DateSpan = Annotated[Dates, _word(parse_dates)]
ExceptedDay = Annotated[Dates | str, _word(_exception)]
Zone = Annotated[ZoneInfo, _word(_zone)]
Duration = Annotated[timedelta, _word(parse_duration)]
Cidr = Annotated[str, _word(_cidr)]
Pattern = Annotated[str, _word(_pattern)]
