"""The shape of one rule: which keys it has and what each may hold.

Enters: plain values of one rule. Leaves: typed blocks, or pydantic's errors with the path of each. Every
key's description is what editors show. Deliberately absent: the file around it (document.py), and meaning
(loading/compiling.py).
"""

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from proxy.policy.schema.block import Block, Count, blocks
from proxy.policy.schema.circumstances import Examples
from proxy.policy.schema.described import Described, Some, one_or_list
from proxy.policy.schema.scalars import (
    Cidr,
    ClassName,
    DateSpan,
    Duration,
    EffectName,
    Level,
    Name,
    Pattern,
    Prose,
    RiskBound,
    RuleId,
    SqlState,
    Text,
    TraitName,
)

ModeName = Literal["enforce", "shadow", "off"]


class WhoBlock(Block):
    """Who sends a statement: all keys must fit, within a key one entry is enough."""

    roles: Some[Pattern] | None = Field(default=None, description="Roles that logged in.")
    databases: Some[Pattern] | None = Field(default=None, description="Databases they are connected to.")
    cidrs: Some[Cidr] | None = Field(default=None, description="Addresses they come from.")
    applications: Some[Pattern] | None = Field(
        default=None, description="What clients call themselves. Anyone can call himself anything."
    )


class WhoRef(WhoBlock):
    """Who, perhaps by the name of a set; `who: migrators` is short for `who: {set: migrators}`."""

    named: Name | None = Field(default=None, alias="set", description="A set of sets: that says who.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"set": value} if isinstance(value, str) else value


def _word_or(core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    return {"anyOf": [{"type": "string", "description": "The name of a set."}, handler(core)]}


Who = Annotated[WhoRef, Described(_word_or)]


class MatchBlock(Block):
    """Which effects of which clients: keys narrow, entries of a key widen."""

    effects: Some[EffectName] | None = Field(default=None, description="Effects by their names.")
    classes: Some[ClassName] | None = Field(default=None, description="Effects by their classes.")
    traits: Some[TraitName] | None = Field(default=None, description="How it happens: any of these.")
    risk: RiskBound | None = Field(default=None, description="How much the effect may cost.")
    targets: Some[Pattern] | None = Field(
        default=None,
        description="What it falls on: schema.name, schema.*, kind:name, or the name of a set of targets.",
    )
    values: Some[Pattern] | None = Field(
        default=None, description="New values of settings (session.set), with * and ?."
    )
    who: Who | None = Field(default=None, description="Who sends the statement.")


class Match(MatchBlock):
    """What a rule speaks of; an effect that fits all keys is matched."""

    excluded: (
        Annotated[
            tuple[MatchBlock, ...],
            BeforeValidator(blocks),
            Field(min_length=1),
            Described(one_or_list),
        ]
        | None
    ) = Field(default=None, alias="not", description="What is left out: one block or several.")


class WhenBlock(Block):
    """Circumstances of the moment; all keys must hold."""

    window: Some[Name] | None = Field(default=None, description="One of these windows of time is open.")
    freeze: bool | None = Field(default=None, description="Writes are frozen (true) or not (false).")
    transaction: Literal["open", "none"] | None = Field(
        default=None, description="The statement runs inside a transaction begun before it, or not."
    )
    dates: Some[DateSpan] | None = Field(default=None, description="It is one of these dates.")


class When(WhenBlock):
    """When a rule applies; always, where it says nothing."""

    excluded: WhenBlock | None = Field(
        default=None, alias="not", description="Circumstances that must not all hold."
    )


class BackupNeed(Block):
    """A backup of the client's database that is good enough, all of it at once."""

    within: Duration = Field(description="How old it may be.")
    verified: Level | None = Field(default=None, description="How far it must have been proved.")
    copies: Count = Field(default=1, description="In how many places it must lie.")
    covers: Literal["whole", "targets", "schema"] = Field(
        default="targets",
        description="What must be in it: all, the data of what the statement touches, or the definitions.",
    )
    source: Some[Name] | None = Field(
        default=None, description="Who must have made it: pgwarden, supabase, pgbackrest, walg, barman …"
    )


class RanNeed(Block):
    """The same statement ran elsewhere without error."""

    environment: Name = Field(description="Where, such as staging.")
    within: Duration | None = Field(default=None, description="How long ago at most.")


class RequireBlock(Block):
    """Evidence that must hold, all of it."""

    backup: BackupNeed | None = None
    ran: RanNeed | None = None
    migration: Literal["run", "registered", "resembles"] | None = Field(
        default=None,
        description="It belongs to a migration: one that the gate runs, one that its tool has registered, "
        "or what looks like one.",
    )
    window: Some[Name] | None = Field(default=None, description="One of these windows of time is open.")


class ApprovalNeed(Block):
    """So many people, perhaps within a time, and what must hold besides."""

    by: Count = Field(description="How many people.")
    within: Duration | None = Field(default=None, description="How long it counts.")
    besides: RequireBlock | None = Field(
        default=None, alias="with", description="Evidence that must hold besides."
    )


class Require(RequireBlock):
    """What lets the statement pass; all of it must hold."""

    approval: ApprovalNeed | None = None


class Unless(Block):
    """One exception; it lifts the rule only when all of it holds."""

    who: Who | None = Field(default=None, description="Who sends the statement.")
    when: When | None = None
    require: Require | None = None


class Otherwise(Block):
    """What to do instead of refusing, for at most so long."""

    backup: Duration | None = Field(default=None, description="Take a backup, for at most so long.")
    hold: Duration | None = Field(default=None, description="Wait for an approval, for at most so long.")


def _word_or_block(value: object) -> str:
    """Which of two forms was meant. The tags hold a blank, so that no key of a document equals them."""
    return "a word" if isinstance(value, str) else "a block"


class Rule(Block):
    """One rule: it refuses what it matches, when it applies and what it requires is not met."""

    id: RuleId
    why: Prose | None = Field(default=None, description="Why there is this rule. Judgement ignores it.")
    match: Match
    when: When | None = None
    require: Require | None = None
    unless: (
        Annotated[tuple[Unless, ...], BeforeValidator(blocks), Field(min_length=1), Described(one_or_list)]
        | None
    ) = Field(default=None, description="Exceptions; any one that holds as a whole lifts this rule alone.")
    otherwise: Annotated[
        Annotated[Literal["deny", "backup", "hold"], Tag("a word")] | Annotated[Otherwise, Tag("a block")],
        Discriminator(_word_or_block),
    ] = Field(
        default="deny",
        alias="else",
        description="What to do instead of refusing: take a backup, or hold the statement for an approval.",
    )
    approval: (
        Annotated[
            Annotated[Literal["never"], Tag("a word")] | Annotated[ApprovalNeed, Tag("a block")],
            Discriminator(_word_or_block),
        ]
        | None
    ) = Field(default=None, description="Whose approval lifts the rule; the policy's approvals unless said.")
    deny: Text | None = Field(default=None, description="One sentence for the client: what and why.")
    hint: Text | None = Field(default=None, description="One sentence for the client: what to do next.")
    sqlstate: SqlState = "42501"
    mode: ModeName | None = Field(
        default=None, description="enforce refuses, shadow counts and logs, off does nothing."
    )
    examples: Examples | None = None
