"""The words and values a policy may hold, each checked where it stands.

Enters: scalars of the document. Leaves: typed values, or a `PydanticCustomError` with one sentence and,
where one is near, what was probably meant. Deliberately absent: the types made of these checks (scalars.py),
and names that other parts of the policy define (sets, windows): those are checked in compiling.py.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from difflib import get_close_matches
from ipaddress import ip_address
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from proxy.policy.conditions.matching import COMPARISONS
from proxy.policy.conditions.who import parse_cidr
from proxy.policy.facts import Verification
from proxy.policy.rules import RESERVED
from proxy.policy.templates import MAX_TEXT, PLACEHOLDERS, Template, parse_template
from proxy.sql.effects import CLASSES, EFFECT_KINDS, Risk

ERROR_TYPE = "policy"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAYS = "holidays"

RULE_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
SQLSTATE = re.compile(r"[0-9A-Z]{5}")
TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
DATES = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\s*\.\.\s*([0-9]{4}-[0-9]{2}-[0-9]{2}))?")
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


def word(check: Callable[[str], Result]) -> PlainValidator:
    """Read a scalar of text by a function that raises a complaint, or a ValueError with a sentence."""

    def read(value: object) -> Result:
        if value is None or isinstance(value, list | tuple | dict):
            raise complaint(f"expected text, found {found(value)}")
        try:
            result = check(value if isinstance(value, str) else str(value).lower())
            if not isinstance(value, str):
                raise complaint(f"expected text, found {found(value)}; put it in quotes")
            return result
        except PydanticCustomError:
            raise
        except ValueError as error:
            raise complaint(str(error)) from None

    return PlainValidator(read)


def one_of(what: str, words: Iterable[str], note: str = "") -> Callable[[str], str]:
    """A check that a word is one of these; the note goes with a word that is near none."""
    known = frozenset(words)

    def check(word: str) -> str:
        if word not in known:
            near = nearest(word, known)
            raise complaint(f'unknown {what} "{word}"{note if near is None else ""}', near)
        return word

    return check


def check_effect(word: str) -> str:
    """An effect's name."""
    if word in CLASSES:
        raise complaint(f'"{word}" is a class of effects; write it under classes')
    if "*" in word:
        raise complaint(f'effects are named one by one, "{word}" is a pattern; a class may say the same')
    if word not in EFFECT_KINDS and (meant := _command(word)) is not None:
        raise complaint(f'unknown effect "{word}"', meant)
    return one_of("effect", EFFECT_KINDS)(word)


def _command(word: str) -> str | None:
    """The effect that is named after an SQL command: DROP TABLE, drop_table, DELETE."""
    parts = re.split(r"[^a-z]+", word.lower())
    names = [".".join(reversed(parts)), *(f"{family}.{parts[0]}" for family in ("row", "table", "code"))]
    return next((name for name in names[: 4 if len(parts) == 1 else 1] if name in EFFECT_KINDS), None)


def check_rule_id(word: str) -> str:
    """A rule's id."""
    if word in RESERVED:
        raise complaint(f'the id "{word}" is reserved for {RESERVED[word]}')
    if not RULE_ID.fullmatch(word):
        raise complaint(
            f'"{word}" is no rule id; it begins with a letter and holds at most 63 of a-z, 0-9 and -',
            _as_id(word),
        )
    return word


def _as_id(word: str) -> str | None:
    tidy = re.sub(r"[^a-z0-9-]+", "-", word.lower()).strip("-")
    return tidy if RULE_ID.fullmatch(tidy) else None


def check_name(word: str) -> str:
    """A name that the policy gives."""
    if not NAME.fullmatch(word):
        raise complaint(f'"{word}" is no name; it begins with a letter and holds letters, digits, _ and -')
    return word


def check_sqlstate(word: str) -> str:
    """An error's code."""
    if not SQLSTATE.fullmatch(word) or word[:2] in {"00", "01", "02"}:
        raise complaint(f'"{word}" is no SQLSTATE of an error; it has five digits or capitals, such as 42501')
    return word


def number_as_text(value: object) -> object:
    """42501 without quotes is a number to YAML; what is meant is clear."""
    return str(value) if isinstance(value, int) and 10000 <= value <= 99999 else value


def read_risk(text: str) -> tuple[str, Risk]:
    """A comparison and a level; a level alone means equal."""
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


def read_level(word: str) -> Verification:
    """How far a backup has been proved."""
    names = [level.name.lower() for level in Verification]
    return Verification[
        one_of("level of verification", names, f"; it is one of {', '.join(names)}")(word).upper()
    ]


def read_template(text: str) -> Template:
    """A text for the client."""
    if len(text) > MAX_TEXT:
        raise complaint(f"the text is longer than {MAX_TEXT} characters")
    if not all(character.isprintable() or character == "\n" for character in text):
        raise complaint("the text holds characters that cannot be shown")
    if not text.strip():
        raise complaint("the text is empty")
    template = parse_template(text)
    unknown = [name for name in dict.fromkeys(template.pieces[1::2]) if name not in PLACEHOLDERS]
    if unknown:
        raise _unknown_placeholders(unknown)
    return template


def _unknown_placeholders(names: list[str]) -> PydanticCustomError:
    said = f"unknown placeholder{'s' if len(names) > 1 else ''} {_in_braces(names)}"
    near = [word for name in names if (word := nearest(name, PLACEHOLDERS)) is not None]
    if len(near) == len(names):
        return complaint(said, _in_braces(near))
    return complaint(f"{said}; there are {', '.join(sorted(PLACEHOLDERS))}")


def _in_braces(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def read_prose(text: str) -> str:
    """Text for people who read the policy: nothing is put in."""
    if len(text) > MAX_TEXT:
        raise complaint(f"the text is longer than {MAX_TEXT} characters")
    if not text.strip():
        raise complaint("the text is empty")
    return " ".join(text.split())


def read_sql(text: str) -> str:
    """SQL of an example or a case; whether it can be read is for the judgement to say."""
    if not text.strip():
        raise complaint("the SQL is empty")
    if "\0" in text:
        raise complaint("the SQL holds a NUL, which no statement can")
    return text


def read_moment(text: str) -> datetime:
    """A moment; without an offset it is meant in the policy's zone."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise complaint(f'"{text}" is no moment; write 2026-11-24T15:00, or 2026-11-24T15:00Z') from None


def read_address(text: str) -> str:
    """The address of a client."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise complaint(f'"{text}" is no IP address') from None


def read_time(text: str) -> int:
    """A time of day in seconds; 24:00 is the end of a day."""
    if text == "24:00":
        return 24 * 3600
    match = TIME.fullmatch(text)
    if match is None:
        raise complaint(f'"{text}" is no time of day; write it as "08:00"')
    return int(match[1]) * 3600 + int(match[2]) * 60


def read_days(text: str) -> frozenset[int]:
    """A day of the week (0 is Monday), or a span of them, which may run over the week's end."""
    if text != text.lower():
        raise complaint(f'"{text}" is no day; days are written in small letters', text.lower())
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
    match = DATES.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        start = date.fromisoformat(match[1])
        end = date.fromisoformat(match[2] or match[1])
    except ValueError:
        raise complaint(f'"{text}" is no date; write 2026-12-24, or 2026-12-24..2027-01-02') from None
    if end < start:
        raise complaint(f'"{text}" ends before it begins')
    return start, end


def read_exception(text: str) -> Dates | str:
    """The word for the holidays, or dates."""
    if text == HOLIDAYS:
        return text
    near = nearest(text, [HOLIDAYS])
    if near is not None:
        raise complaint(f'unknown exception "{text}"; it is holidays, or a date', near)
    return parse_dates(text)


def read_zone(name: str) -> ZoneInfo:
    """A time zone."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        near = nearest(name, available_timezones())
        raise complaint(f'unknown time zone "{name}"; write it as America/New_York', near) from None


def check_cidr(text: str) -> str:
    """An address or a network."""
    parse_cidr(text)
    return text


def check_pattern(text: str) -> str:
    """A name or a pattern over names."""
    if not text or len(text) > 200:
        raise complaint("a name or pattern has between 1 and 200 characters")
    return text
