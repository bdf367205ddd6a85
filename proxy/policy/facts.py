"""What is known about the world beside the statement: the evidence that rules ask for.

Enters: nothing; whoever keeps the ledger builds a `Facts`. Leaves: immutable snapshots that a judgement
reads. Deliberately absent: where evidence comes from, and the clock: how old a backup is follows from
`Context.now`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType


class Verification(IntEnum):
    """How far a backup has been proved, weakest first. A level includes those before it.

    `pg_restore --list` (TOC) still succeeds on a dump that was cut short; only FULL_READ reads it to the
    end, and only RESTORED proves that a server can be made from it.
    """

    RECORDED = 0
    EXISTS = 1
    CHECKSUM = 2
    TOC = 3
    FULL_READ = 4
    RESTORED = 5


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a backup holds.

    Attributes:
        data: False for a schema-only dump.
        tables: None for the whole database, else the tables, each as "schema.name".
    """

    data: bool = True
    tables: frozenset[str] | None = None


WHOLE_DATABASE = Coverage()


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as the ledger knows it.

    Attributes:
        finished: when the dump was complete, aware. What was written later is not in it.
        copies: in how many places it lies, all of them verified to at least `verified`.
        source: who made it, "" where nobody said.
    """

    database: str
    finished: datetime
    location: str
    verified: Verification = Verification.RECORDED
    copies: int = 1
    covers: Coverage = WHOLE_DATABASE
    source: str = ""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which writes rest, as someone has declared it.

    Attributes:
        since, until: aware; `until` is None where it lasts until someone ends it.
        database: None for all of them.
        by: who has declared it; "" where that is not known.
        kill: sessions that have writes under way end.
    """

    reason: str
    since: datetime
    until: datetime | None = None
    database: str | None = None
    by: str = ""
    kill: bool = False

    def concerns(self, database: str) -> bool:
        """Whether it holds for a database."""
        return self.database in (None, database)

    def stands(self, now: datetime) -> bool:
        """Whether it has begun and not ended."""
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Approved:
    """What people have granted: that one text may run although it breaks some rules.

    Attributes:
        id: its request's.
        digest: SHA-256 of the text's bytes, in hexadecimal.
        roles: who may use it; a role that logged in.
        rules: those that it may lift, and no other.
        since, until: aware.
        granted: when each of those who count has granted it, the newest first; who asked is not among them.
        uses, left: how often it may be used, and may still.
        database: the only one; None for any.
        networks: where it may be used from; none for anywhere.
        nobody_asked: nobody knows who asked, so whoever did may be among those who granted.
        break_glass: it lifts what the rules require, too, where the policy admits that.
        own: when who asked has granted it himself, which counts where the glass is broken; None: not.
        statements: SHA-256, in hexadecimal, of each statement of a migration file, as `Context.statement` has
            it, where they may come one by one.
        runs: the tokens of the migration runs that each have taken one use, for all that the file does.
        taken: it is the use of its run that counts here, so no other has to be taken.
    """

    id: str
    digest: str
    environment: str
    roles: frozenset[str]
    rules: frozenset[str]
    since: datetime
    until: datetime
    granted: tuple[datetime, ...] = ()
    uses: int = 1
    left: int = 1
    database: str | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    nobody_asked: bool = False
    break_glass: bool = False
    own: datetime | None = None
    statements: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """A request for a statement that may still be held for it was denied; no rule judges by that."""

    id: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """A migration run under way: what `pgwarden migrate` has begun and not ended.

    Attributes:
        token: SHA-256, in hexadecimal, of what its sessions log in with.
        role, database: whose sessions, and where: those of no other belong to it.
        since, until: aware.
        number: of its entry.
    """

    token: str
    role: str
    database: str
    since: datetime
    until: datetime
    number: int = 0

    def admits(self, role: str, database: str, now: datetime) -> bool:
        """Whether a session may be one of its, by what it has not shown."""
        return self.role == role and self.database == database and self.since <= now < self.until


NOTHING_RAN: Mapping[tuple[str, str], datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Facts:
    """One snapshot of the evidence.

    Attributes:
        as_of: when the snapshot was read, aware.
        stale: True when the snapshot is too old to be believed: then it proves nothing. A freeze that it
            knows still counts.
        overdue: True when it is so old that a freeze may have been missed for too long: then nothing is
            written.
        freezes: past, present and coming.
        approvals: those that are granted by somebody, and neither over nor, but for a run, used up.
        denied: requests that statements may still be held for.
        runs: the migration runs under way.
        ran: when what ran last and was committed, by its environment and its checksum (of a text, or of one
            statement, as `Wording` has them).
    """

    backups: tuple[Backup, ...]
    as_of: datetime
    stale: bool = False
    overdue: bool = False
    freezes: tuple[Freeze, ...] = ()
    approvals: tuple[Approved, ...] = ()
    denied: tuple[Denied, ...] = ()
    runs: tuple[Run, ...] = ()
    ran: Mapping[tuple[str, str], datetime] = field(default_factory=lambda: NOTHING_RAN)

    def backups_of(self, database: str) -> Iterable[Backup]:
        """Backups of one database, in no particular order."""
        return (backup for backup in self.backups if backup.database == database)
