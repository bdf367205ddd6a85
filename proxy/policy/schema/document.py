"""The shape of a policy file: which keys there are and what each may hold.

Enters: plain values of one document. Leaves: typed blocks, or pydantic's errors with the path of each.
Deliberately absent: rules (rule.py), names that refer to other parts, and meaning (loading/compiling.py),
positions (loading/complaints.py).
"""

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from proxy.policy.schema.block import Block, Count, as_tuple
from proxy.policy.schema.described import Described, Some, as_block
from proxy.policy.schema.rule import ModeName, Rule, Who, WhoBlock
from proxy.policy.schema.scalars import (
    DateSpan,
    DaySpan,
    Duration,
    ExceptedDay,
    FilePath,
    Name,
    Pattern,
    TimeOfDay,
    Zone,
)

Reaction = Literal["deny", "shadow"]


def _set(_: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """Targets, or who."""
    target = {"type": "string", "minLength": 1, "description": "schema.name, schema.* or kind:name."}
    targets = {"type": "array", "items": target, "minItems": 1}
    return {"anyOf": [target, targets, handler(WhoBlock.__pydantic_core_schema__)]}


class Defaults(Block):
    """What holds where a rule says nothing, and for what no rule can speak of."""

    mode: ModeName = Field(default="enforce", description="Caps the mode of every rule.")
    unparsed: Reaction = Field(default="deny", description="What happens to a text that cannot be read.")
    unknown: Reaction = Field(default="deny", description="What happens to what the gate does not know.")
    stale_facts: Reaction = Field(
        default="deny", description="What happens where evidence is asked for and cannot be read."
    )


class Approvals(Block):
    """Whose approval lifts a rule that does not say."""

    by: Count = Field(description="How many people.")
    within: Duration | None = Field(default=None, description="How long it counts.")


class Holidays(Block):
    """Days off: a country's public holidays and own dates."""

    country: Name | None = Field(default=None, description="The country's code, such as US.")
    subdivision: Pattern | None = Field(default=None, description="A state or province, such as NY.")
    dates: Some[DateSpan] | None = Field(default=None, description="Days of one's own.")


class Window(Block):
    """A span of wall-clock time on some days of the week; it may run past midnight."""

    days: Some[DaySpan] | None = Field(default=None, description="On which days it starts; all unless said.")
    start: TimeOfDay = Field(
        default=0, alias="from", description="When it opens.", json_schema_extra={"default": "00:00"}
    )
    end: TimeOfDay = Field(
        default=24 * 3600,
        alias="to",
        description="When it closes; the next day where that is not after its opening.",
        json_schema_extra={"default": "24:00"},
    )
    excepted: Some[ExceptedDay] | None = Field(
        default=None, alias="except", description="Days on which it does not start."
    )


class Time(Block):
    """The zone that windows are in, and the days off. The windows are read one by one."""

    timezone: Zone | None = None
    holidays: Holidays | None = None
    windows: dict[Name, Annotated[object, Described(as_block(Window))]] = Field(
        default={}, description="Windows of time by their names."
    )


class PolicyFile(Block):
    """A policy for one environment, or a pack of rules that policies include."""

    # Rules, sets and windows are objects here: they are read one by one, so that one mistake hides no other.

    version: Literal[1] = Field(description="The version of this language.")
    name: Name | None = Field(default=None, description="The policy's name in logs and metrics.")
    environment: Name | None = Field(default=None, description="What it guards, such as production.")
    include: Some[FilePath] | None = Field(default=None, description="Rule packs, relative to this file.")
    defaults: Defaults | None = None
    approvals: Approvals | None = None
    break_glass: bool = Field(
        default=False, description="Whether an approval may also lift what a rule requires."
    )
    replication: Who | None = Field(
        default=None, description="Who may open replication connections; nobody unless said."
    )
    time: Time | None = None
    sets: dict[Name, Annotated[object, Described(_set)]] = Field(
        default={}, description="Targets, or people, by a name that rules use."
    )
    rules: Annotated[tuple[Annotated[object, Described(as_block(Rule))], ...], BeforeValidator(as_tuple)] = (
        Field(default=(), description="The rules. Their order means nothing.")
    )
