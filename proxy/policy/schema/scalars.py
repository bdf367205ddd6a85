"""The kinds of scalars in a policy: how each is read, and what an editor is told of it.

Enters: the checks of words.py. Leaves: annotated types for the blocks, whose JSON Schema accepts whatever the
check accepts. Deliberately absent: blocks, and names that other parts of the policy define.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema

from proxy.policy.durations import DURATION, parse_duration
from proxy.policy.facts import Verification
from proxy.policy.rules import RESERVED
from proxy.policy.schema.words import (
    DATES,
    HOLIDAYS,
    NAME,
    RULE_ID,
    SQLSTATE,
    TIME,
    WEEKDAYS,
    Dates,
    check_cidr,
    check_effect,
    check_name,
    check_pattern,
    check_rule_id,
    check_sqlstate,
    number_as_text,
    one_of,
    parse_dates,
    read_address,
    read_days,
    read_exception,
    read_level,
    read_moment,
    read_prose,
    read_risk,
    read_sql,
    read_template,
    read_time,
    read_zone,
    word,
)
from proxy.policy.templates import MAX_TEXT, PLACEHOLDERS, Template
from proxy.sql.effects import CLASSES, EFFECT_KINDS, TRAITS, Risk


def _schema(description: str, **keywords: object) -> WithJsonSchema:
    """What an editor is told of a word: JSON Schema, in the words of the policy's writer."""
    return WithJsonSchema({"type": "string", "description": description, **keywords})


def _choice(title: str, description: str, words: Mapping[str, str]) -> WithJsonSchema:
    """A word out of a list, with what each means (a keyword that editors know). The title names it once."""
    return _schema(description, title=title, enum=list(words), enumDescriptions=list(words.values()))


_LEVELS = {
    Verification.RECORDED: "somebody has written down that it was made",
    Verification.EXISTS: "its file was seen",
    Verification.CHECKSUM: "its bytes are those that were written",
    Verification.TOC: "its table of contents can be listed, which a dump cut short still passes",
    Verification.FULL_READ: "it was read to its end",
    Verification.RESTORED: "a server was made from it",
}
_CLASS_TEXTS = {
    name: f"{len(members)} effects, such as {', '.join(sorted(members)[:3])}"
    for name, members in CLASSES.items()
}
_DATES_SCHEMA = rf"^\s*{DATES.pattern}\s*$"
_A_DAY = f"({'|'.join(WEEKDAYS)})"

EffectName = Annotated[
    str,
    word(check_effect),
    _choice(
        "effect",
        "One thing that a statement does.",
        {
            name: f"{kind.summary} (risk {kind.risk.name.lower()})"
            for name, kind in sorted(EFFECT_KINDS.items())
        },
    ),
]
ClassName = Annotated[
    str,
    word(one_of("class", CLASSES, f"; classes are {', '.join(sorted(CLASSES))}")),
    _choice("class", "A named set of effects.", _CLASS_TEXTS),
]
TraitName = Annotated[
    str,
    word(one_of("trait", TRAITS, f"; traits are {', '.join(sorted(TRAITS))}")),
    _choice("trait", "How an effect happens.", dict(sorted(TRAITS.items()))),
]
RuleId = Annotated[
    str,
    word(check_rule_id),
    _schema(
        "The rule's name, once in all files. Clients, logs and metrics show it.",
        pattern=f"^{RULE_ID.pattern}$",
        **{"not": {"enum": sorted(RESERVED)}},
    ),
]
Name = Annotated[str, word(check_name), _schema("A name.", pattern=f"^{NAME.pattern}$")]
SqlState = Annotated[
    str,
    word(check_sqlstate),
    BeforeValidator(number_as_text),
    WithJsonSchema(
        {
            "description": "The error code that the client gets; 42501 (insufficient_privilege) unless said.",
            "anyOf": [
                {"type": "string", "pattern": f"^{SQLSTATE.pattern}$"},
                {"type": "integer", "minimum": 10000, "maximum": 99999},
            ],
        }
    ),
]
RiskBound = Annotated[
    tuple[str, Risk],
    word(read_risk),
    _schema(
        "none (reads), low (adds), medium (locks, rewrites, replaces), high (loses); or such as >= medium.",
        pattern=rf"^\s*(>=|<=|>|<|=)?\s*({'|'.join(level.name.lower() for level in Risk)})\s*$",
        examples=[">= low", ">= medium", "high"],
    ),
]
Level = Annotated[
    Verification,
    word(read_level),
    _choice(
        "verification",
        "How far a backup has been proved; each level includes those before it.",
        {level.name.lower(): text for level, text in _LEVELS.items()},
    ),
]
Text = Annotated[
    Template,
    word(read_template),
    _schema(
        f"Text for the client. It may name {', '.join(f'{{{name}}}' for name in sorted(PLACEHOLDERS))}.",
        minLength=1,
        maxLength=MAX_TEXT,
    ),
]
Prose = Annotated[
    str,
    word(read_prose),
    _schema("Text for those who read the policy.", minLength=1, maxLength=MAX_TEXT),
]
Sql = Annotated[str, word(read_sql), _schema("SQL, one statement or several.", minLength=1)]
Moment = Annotated[
    datetime,
    word(read_moment),
    _schema("A moment such as 2026-11-24T15:00, in the policy's zone unless it names an offset."),
]
Address = Annotated[str, word(read_address), _schema("An IP address.")]
TimeOfDay = Annotated[
    int, word(read_time), _schema('A time of day, such as "08:00".', pattern=rf"^({TIME.pattern}|24:00)$")
]
DaySpan = Annotated[
    frozenset[int],
    word(read_days),
    _schema(
        "A day of the week, or a span of days such as mon-fri.",
        pattern=f"^{_A_DAY}(-{_A_DAY})?$",
        examples=[*WEEKDAYS, "mon-fri"],
    ),
]
DateSpan = Annotated[
    Dates, word(parse_dates), _schema("A date, or two with .. between.", pattern=_DATES_SCHEMA)
]
ExceptedDay = Annotated[
    Dates | str,
    word(read_exception),
    WithJsonSchema(
        {
            "description": "holidays (those of time: holidays), a date, or two with .. between.",
            "anyOf": [{"const": HOLIDAYS}, {"type": "string", "pattern": _DATES_SCHEMA}],
        }
    ),
]
Zone = Annotated[
    ZoneInfo,
    word(read_zone),
    _schema("A time zone of the IANA database.", examples=["UTC", "America/New_York", "Europe/Berlin"]),
]
Duration = Annotated[
    timedelta,
    word(parse_duration),
    _schema(
        "A number and a unit: s, m, h, d or w.",
        pattern=f"^{DURATION.pattern}$",
        examples=["30m", "24h", "14d"],
    ),
]
Cidr = Annotated[
    str, word(check_cidr), _schema("An address or a network.", examples=["203.0.113.0/24", "2001:db8::/32"])
]
Pattern = Annotated[
    str, word(check_pattern), _schema("A name, or a pattern with * and ?.", minLength=1, maxLength=200)
]
FilePath = Annotated[
    str, word(check_pattern), _schema("A file, relative to this one.", minLength=1, maxLength=200)
]
