"""What requests say and what answers look like, beside the console's own values.

Enters: nothing. Leaves: types from which requests are read, and from which the description is made: a
constraint is written once, in a type. What a request holds beyond its type is refused. All moments have their
offset from UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from proxy.console.operations import SessionNow
from proxy.console.questions import Rate
from proxy.console.values import BackupCopy, ChangeMade, FreezeNow, Refusal, RuleInForce, WindowNow
from proxy.policy.recording import Ending

MOST: Final = 200
Item = TypeVar("Item")

Limit = Annotated[int, Meta(ge=1, le=MOST, description="how many at most")]
Place = Annotated[str, Meta(pattern=r"^[0-9]{1,17}-[0-9a-f]{12}$", description="`next` of the page before")]
Number = Annotated[str, Meta(pattern=r"^[0-9]{1,17}$", description="`next` of the page before")]
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\u0000-\u001f\u007f]*$")]
Reason = Annotated[str, Meta(max_length=500, pattern=r"^[^\u0000-\u001f\u007f]*$", description="for people")]
Outcome = Annotated[
    str,
    Meta(pattern=f"^({'|'.join(map(str, Ending))})$", description="what became of it, as far as is known"),
]
Risk = Annotated[str, Meta(pattern="^(low|medium|high)$", description="at least this grave")]
# In a query a number would be read as a moment, too: seconds of POSIX.
MomentText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Moment = Annotated[datetime, Meta(tz=True)]


def said(value: Item | UnsetType) -> Item | None:
    """What a query says of a field; None where it says nothing."""
    return None if isinstance(value, UnsetType) else value


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, as RFC 9457 has it; `hint` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is asked further."""


# -- questions -------------------------------------------------------------------------------------------
#
# What a query leaves out is UNSET, not None: `?database=null` names a database.


class RefusalsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which refusals."""

    limit: Limit = 50
    cursor: Place | UnsetType = UNSET
    rule: Name | UnsetType = UNSET
    role: Name | UnsetType = UNSET
    database: Name | UnsetType = UNSET
    enforced: bool | UnsetType = UNSET


class PageAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list."""

    limit: Limit = 50
    cursor: Place | UnsetType = UNSET


class ChangesAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which changes; what is not said is any."""

    cursor: Number | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=200, description="in the statement, its effects or targets")] = ""
    database: Name | UnsetType = UNSET
    role: Name | UnsetType = UNSET
    risk: Risk | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    since: MomentText | UnsetType = UNSET
    until: MomentText | UnsetType = UNSET


class FreezeWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A freeze: of one database, or of all; until a moment, or until somebody thaws it.

    `kill` ends sessions that have writes under way.
    """

    reason: Reason = ""
    until: Moment | None = None
    database: Name | None = None
    kill: bool = False


class ThawWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which freezes to end: those of one database, or all."""

    database: Name | None = None


class ReasonGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason = ""


class GrantWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An approver's yes, as `pgwarden approve` signs it; the gate never has the private key.

    `key` is the id of an enrolled key, `at` when it signed, `signature` Ed25519's in base64.
    """

    key: Annotated[str, Meta(min_length=1, max_length=100)]
    at: Moment
    signature: Annotated[str, Meta(min_length=1, max_length=200)]


class ExplainWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement, and when it is asked about and by which policy: now and the first, unless it is said."""

    sql: Annotated[str, Meta(min_length=1, max_length=65536)]
    role: Name = "postgres"
    database: Name = "postgres"
    at: Moment | None = None
    policy: Annotated[str, Meta(max_length=1000)] = ""


# -- answers ---------------------------------------------------------------------------------------------


class Listed(msgspec.Struct, Generic[Item], frozen=True):
    """All there are."""

    items: tuple[Item, ...]


class BackupsPage(msgspec.Struct, frozen=True):
    """Copies of backups, the newest first.

    `next` is the `cursor` of those that follow, null where none do.
    """

    items: tuple[BackupCopy, ...]
    next: str | None


class SessionsPage(msgspec.Struct, frozen=True):
    """Sessions, the oldest first; `next` is the `cursor` of those that came later, null where none did.

    `silent` are workers that did not answer in time, whose sessions are missing.
    """

    items: tuple[SessionNow, ...]
    next: str | None
    silent: tuple[int, ...]


class RateOfSpan(msgspec.Struct, frozen=True):
    """A rate over "the last minute" and the like."""

    span: str
    rate: Rate


class RatesNow(msgspec.Struct, frozen=True):
    """What the charts are drawn from: samples of the last hour, and rates over spans of it."""

    samples: tuple[Rate, ...]
    spans: tuple[RateOfSpan, ...]


class ChangesPage(msgspec.Struct, frozen=True):
    """Changes, the newest first, at most fifty.

    `next` is the `cursor` of those that follow, null where none do; `in_time` is false where looking took too
    long, so that fewer are shown than there are before `next`.
    """

    items: tuple[ChangeMade, ...]
    next: str | None
    in_time: bool


class RefusalsPage(msgspec.Struct, frozen=True):
    """Refusals of the last hour, the newest first.

    None is missing since `since`, but for those `left_out`, which the log has.
    """

    items: tuple[Refusal, ...]
    next: str | None
    since: datetime
    left_out: int


class Fact(msgspec.Struct, frozen=True):
    """One thing that is known."""

    name: str
    value: str


class WholeChange(msgspec.Struct, frozen=True):
    """All that is known of a change; `plan` is how it could be undone, step by step."""

    number: int
    facts: tuple[Fact, ...]
    plan: tuple[str, ...]
    statement: str | None


class Status(msgspec.Struct, frozen=True):
    """How the gate is; `not_ready` says why it takes no clients, `ledger_trouble` why that cannot be read."""

    now: datetime
    version: str
    ready: bool
    not_ready: tuple[str, ...]
    frozen: bool
    ledger_trouble: str


class RuleOfPolicy(msgspec.Struct, frozen=True):
    """A rule in force, and of which policy."""

    policy: str
    rule: RuleInForce


class WindowOfPolicy(msgspec.Struct, frozen=True):
    """A window that rules ask about, and of which policy."""

    policy: str
    window: WindowNow


class Thawed(msgspec.Struct, frozen=True):
    """The freezes that ended."""

    ended: tuple[FreezeNow, ...]
