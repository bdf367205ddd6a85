"""What the console shows, as plain values.

Enters: nothing. Leaves: an `Overview`, which each way of showing the gate stands on. All moments are aware
and in UTC. Deliberately absent: HTML, HTTP, what is asked for (questions.py), and whatever changes the gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line of the refusal log, its secrets masked.

    Attributes:
        enforced: False where the rule only watches, so that the statement passed.
        rules: all that fired, the one that the client was told among them.
        message: what the client was told.
        missing: what the rules require and did not find.
        address: None for a Unix socket.
        sql: None where there was no text.
    """

    at: datetime
    decision_id: str
    enforced: bool
    rule: str
    rules: tuple[str, ...]
    message: str
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    missing: tuple[str, ...]
    role: str
    database: str
    address: str | None
    application: str
    listener: str
    sql: str | None


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals of the last hour.

    Attributes:
        shown: the newest first.
        since: none of the gate's is missing from this moment on, but for those `left_out`.
        left_out: how many were too many or too long to be kept, since the gate began; the log has them.
    """

    shown: tuple[Refusal, ...]
    since: datetime
    left_out: int


@dataclass(frozen=True, slots=True)
class RuleExample:
    """A statement that a rule's file gives.

    Attributes:
        refused: whether the rule is to fire on it, or is to let it be.
        circumstances: in which, as the file has them; empty where none matter.
        problem: why it comes out otherwise by the policy in force; empty where it does not, None where nobody
            has tried it.
    """

    refused: bool
    sql: str
    circumstances: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule, with how often it fired since the gate began, whatever listener it was at.

    Attributes:
        hits: statements that it refused.
        shadow_hits: statements that it would have refused, while it only watched.
        place: file and line; empty for a rule that exists without being written.
    """

    name: str
    mode: str
    why: str
    hits: int
    shadow_hits: int = 0
    place: str = ""
    examples: tuple[RuleExample, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowNow:
    """A window that a rule asks about.

    Attributes:
        changes: when it closes, if it is open; else when it opens. The last moment that is looked at, where
            that lies more than a year ahead.
        opens: when it opens the next time; None where it is open for as long as is looked at.
    """

    name: str
    text: str
    open: bool
    changes: datetime
    opens: datetime | None = None


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """One policy, as the gate enforces it."""

    path: str
    name: str
    environment: str
    mode: str
    digest: str
    rules: tuple[RuleInForce, ...]
    windows: tuple[WindowNow, ...]


@dataclass(frozen=True, slots=True)
class FreezeNow:
    """A freeze that stands; without a database it holds in all, without an end until somebody ends it.

    Attributes:
        number: its entry's in the ledger.
        kill: it ends sessions that have writes under way.
    """

    reason: str
    by: str
    since: datetime
    until: datetime | None
    database: str | None
    number: int = 0
    kill: bool = False


@dataclass(frozen=True, slots=True)
class BackupCopy:
    """A copy of a backup in one place, proved to a level."""

    database: str
    finished: datetime
    location: str
    level: str
    source: str


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """A change that went on to the server, and what became of it."""

    number: int
    at: datetime
    database: str
    role: str
    risk: str
    outcome: str
    statement: str


@dataclass(frozen=True, slots=True)
class LedgerNow:
    """What the ledger says.

    Attributes:
        trouble: why it cannot be read; then nothing else is known.
        backups, changes: the newest first, and no more than a page holds.
        waiting: how many requests for approval somebody could still grant.
    """

    trouble: str = ""
    freezes: tuple[FreezeNow, ...] = ()
    backups: tuple[BackupCopy, ...] = ()
    changes: tuple[ChangeMade, ...] = ()
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, as of one moment.

    Attributes:
        not_ready: why the gate cannot take clients; empty when it can.
    """

    now: datetime
    version: str
    not_ready: tuple[str, ...]
    refusals: Refusals
    policies: tuple[PolicyInForce, ...]
    ledger: LedgerNow
