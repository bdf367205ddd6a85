"""The shape of a policy file: which keys there are and what each may hold.

Enters: plain values of one document. Leaves: typed blocks, or pydantic's errors with the path of each.
Deliberately absent: names that refer to other parts, and meaning (compiling.py), positions
(complaints.py).
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from proxy.policy.words import (
    Cidr,
    ClassName,
    DateSpan,
    DaySpan,
    Duration,
    EffectName,
    ExceptedDay,
    Level,
    Name,
    Pattern,
    RiskBound,
    RuleId,
    SqlState,
    Text,
    TimeOfDay,
    TraitName,
    Zone,
    one_or_more,
)

Item = TypeVar("Item")
Some = Annotated[tuple[Item, ...], BeforeValidator(one_or_more), Field(min_length=1)]
ModeName = Literal["enforce", "shadow", "off"]
Reaction = Literal["deny", "shadow"]
Count = Annotated[int, Field(ge=1, le=100)]


class Block(BaseModel):
    """A mapping with fixed keys; nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WhoBlock(Block):
    """Who sends a statement."""

    roles: Some[Pattern] | None = None
    databases: Some[Pattern] | None = None
    cidrs: Some[Cidr] | None = None
    applications: Some[Pattern] | None = None


class WhoRef(WhoBlock):
    """Who, perhaps by the name of a set; `who: migrators` is short for `who: {set: migrators}`."""

    named: Name | None = Field(default=None, alias="set")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"set": value} if isinstance(value, str) else value


class MatchBlock(Block):
    """Keys that narrow, with entries that widen."""

    effects: Some[EffectName] | None = None
    classes: Some[ClassName] | None = None
    traits: Some[TraitName] | None = None
    risk: RiskBound | None = None
    targets: Some[Pattern] | None = None
    values: Some[Pattern] | None = None
    who: WhoRef | None = None


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _blocks(value: object) -> object:
    return (value,) if isinstance(value, dict) else tuple(value) if isinstance(value, list) else value


class Match(MatchBlock):
    """A rule's match; `not` is one block or several, of which none may fit."""

    excluded: Annotated[tuple[MatchBlock, ...], BeforeValidator(_blocks), Field(min_length=1)] | None = Field(
        default=None, alias="not"
    )


class WhenBlock(Block):
    """Circumstances of the moment; all keys must hold."""

    window: Some[Name] | None = None
    freeze: bool | None = None
    transaction: Literal["open", "none"] | None = None
    dates: Some[DateSpan] | None = None


class When(WhenBlock):
    """A rule's `when`; the block under `not` must not hold as a whole."""

    excluded: WhenBlock | None = Field(default=None, alias="not")


class BackupNeed(Block):
    """A backup that is good enough."""

    within: Duration
    verified: Level | None = None
    copies: Count = 1
    covers: Literal["whole", "targets", "schema"] = "targets"


class RanNeed(Block):
    """The same statement ran elsewhere without error."""

    environment: Name
    within: Duration | None = None


class RequireBlock(Block):
    """Evidence that must hold, all of it."""

    backup: BackupNeed | None = None
    ran: RanNeed | None = None
    migration: Literal["run", "registered", "resembles"] | None = None
    window: Some[Name] | None = None


class ApprovalNeed(Block):
    """So many people, perhaps within a time, and what must hold besides."""

    by: Count
    within: Duration | None = None
    besides: RequireBlock | None = Field(default=None, alias="with")


class Require(RequireBlock):
    """A rule's `require`."""

    approval: ApprovalNeed | None = None


class Unless(Block):
    """One exception; it lifts the rule only when all of it holds."""

    who: WhoRef | None = None
    when: When | None = None
    require: Require | None = None


class Otherwise(Block):
    """What to do instead of refusing, for at most so long."""

    backup: Duration | None = None
    hold: Duration | None = None


def _word_or_block(value: object) -> str:
    """Which of two forms was meant. The tags hold a blank, so that no key of a document equals them."""
    return "a word" if isinstance(value, str) else "a block"


class Rule(Block):
    """One rule."""

    id: RuleId
    match: Match
    when: When | None = None
    require: Require | None = None
    unless: Annotated[tuple[Unless, ...], BeforeValidator(_blocks), Field(min_length=1)] | None = None
    otherwise: Annotated[
        Annotated[Literal["deny", "backup", "hold"], Tag("a word")] | Annotated[Otherwise, Tag("a block")],
        Discriminator(_word_or_block),
    ] = Field(default="deny", alias="else")
    approval: (
        Annotated[
            Annotated[Literal["never"], Tag("a word")] | Annotated[ApprovalNeed, Tag("a block")],
            Discriminator(_word_or_block),
        ]
        | None
    ) = None
    deny: Text | None = None
    hint: Text | None = None
    sqlstate: SqlState = "42501"
    mode: ModeName | None = None


class Defaults(Block):
    """What holds where a rule says nothing, and for what no rule can speak of."""

    mode: ModeName = "enforce"
    unparsed: Reaction = "deny"
    unknown: Reaction = "deny"
    stale_facts: Reaction = "deny"


class Approvals(Block):
    """How many people approve, where a rule does not say."""

    by: Count
    within: Duration | None = None


class Holidays(Block):
    """Days off: a country's public holidays and own dates."""

    country: Name | None = None
    subdivision: Pattern | None = None
    dates: Some[DateSpan] | None = None


class Window(Block):
    """A span of wall-clock time on some days of the week."""

    days: Some[DaySpan] | None = None
    start: TimeOfDay = Field(default=0, alias="from")
    end: TimeOfDay = Field(default=24 * 3600, alias="to")
    excepted: Some[ExceptedDay] | None = Field(default=None, alias="except")


class Time(Block):
    """The zone that windows are in, and the days off. The windows are read one by one."""

    timezone: Zone | None = None
    holidays: Holidays | None = None
    windows: dict[Name, object] = {}


class PolicyFile(Block):
    """A whole file. Rules, sets and windows are read one by one, so that one mistake hides no other."""

    version: Literal[1]
    name: Name | None = None
    environment: Name | None = None
    include: Some[Pattern] | None = None
    defaults: Defaults | None = None
    approvals: Approvals | None = None
    break_glass: bool = False
    time: Time | None = None
    sets: dict[Name, object] = {}
    rules: Annotated[tuple[object, ...], BeforeValidator(_as_tuple)] = ()
