"""The shape of a trial: a statement, who sends it and when, and the evidence that there is.

Enters: plain values. Leaves: typed blocks, which the examples of a rule and the cases beside a policy are
made of. Deliberately absent: running them (trials.py).
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from proxy.policy.facts import Verification
from proxy.policy.schema.block import Block, Count, as_tuple, blocks
from proxy.policy.schema.described import Described, Some, one_or_list
from proxy.policy.schema.scalars import Address, Duration, Level, Moment, Name, Pattern, Prose, RuleId, Sql


class BackupFact(Block):
    """A backup that is there."""

    ago: Duration = Field(description="How long before the moment it finished.")
    verified: Level = Field(default=Verification.RECORDED, description="How far it has been proved.")
    copies: Count = Field(default=1, description="In how many places it lies.")
    tables: Some[Pattern] | None = Field(
        default=None, description="The tables in it, each as schema.name; the whole database unless said."
    )
    data: bool = Field(default=True, description="Whether it holds rows, not only definitions.")
    source: Name | None = Field(default=None, description="Who made it.")


class ApprovalFact(Block):
    """Somebody has approved the very statement of the case."""

    by: Count = Field(default=1, description="How many have granted it, who asked not among them.")
    rules: Some[RuleId] = Field(description="The rules that it is about.")
    ago: Duration | None = Field(
        default=None, description="How long before the moment; just then unless said."
    )
    break_glass: bool = Field(default=False, description="Whether it lifts what the rules require, too.")


class RanFact(Block):
    """A run of the same text elsewhere, committed."""

    environment: Name = Field(description="Where.")
    ago: Duration = Field(description="How long before the moment.")


class GivenFacts(Block):
    """The evidence that there is."""

    backups: Annotated[tuple[BackupFact, ...], BeforeValidator(blocks), Described(one_or_list)] | None = (
        Field(default=None, description="The backups of the database.")
    )
    approvals: Annotated[tuple[ApprovalFact, ...], BeforeValidator(blocks), Described(one_or_list)] | None = (
        Field(default=None, description="The approvals of the very statement.")
    )
    ran: Annotated[tuple[RanFact, ...], BeforeValidator(blocks), Described(one_or_list)] | None = Field(
        default=None, description="Where the same has run."
    )
    migration: Literal["run", "registered", "resembles"] | None = Field(
        default=None, description="How sure it is that the statement belongs to a migration."
    )
    freeze: Prose | None = Field(default=None, description="Why writes are frozen, where they are.")
    stale: bool = Field(default=False, description="Whether the evidence is too old to be believed.")


class Circumstances(Block):
    """Who sends a statement, when, and what is known."""

    at: Moment | None = None
    role: Pattern | None = Field(default=None, alias="as", description="The role that sends it.")
    database: Pattern | None = Field(default=None, description="The database that it is sent to.")
    client: Address | None = Field(default=None, description="The address that it comes from.")
    application: Pattern | None = Field(default=None, description="What the client calls itself.")
    transaction: Literal["open", "none"] = Field(
        default="none", description="Whether a transaction is open already."
    )
    facts: GivenFacts | None = None


class Example(Circumstances):
    """A statement, in circumstances that matter to the rule."""

    sql: Sql

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"sql": value} if isinstance(value, str) else value


def _sql_or(core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    return {"anyOf": [{"type": "string", "minLength": 1, "description": "SQL."}, handler(core)]}


SomeExamples = Annotated[
    tuple[Annotated[Example, Described(_sql_or)], ...], BeforeValidator(as_tuple), Field(min_length=1)
]


class Examples(Block):
    """Statements that show what the rule is about; `pgwarden policy test` runs them."""

    refuse: SomeExamples | None = Field(default=None, description="The rule fires on each of these.")
    allow: SomeExamples | None = Field(default=None, description="The rule fires on none of these.")
