"""What is known about the world beside the statement: the evidence that rules ask for.

Enters: nothing; whoever keeps the ledger builds a `Facts`. Leaves: immutable snapshots that a judgement
reads. Deliberately absent: where evidence comes from, and the clock: how old a backup is follows from
`Context.now`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


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
    """

    database: str
    finished: datetime
    location: str
    verified: Verification = Verification.RECORDED
    copies: int = 1
    covers: Coverage = WHOLE_DATABASE


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which writes rest, as someone has declared it.

    Attributes:
        since, until: aware; `until` is None where it lasts until someone ends it.
        database: None for all of them.
        by: who has declared it; "" where that is not known.
    """

    reason: str
    since: datetime
    until: datetime | None = None
    database: str | None = None
    by: str = ""

    def concerns(self, database: str) -> bool:
        """Whether it holds for a database."""
        return self.database in (None, database)


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
    """

    backups: tuple[Backup, ...]
    as_of: datetime
    stale: bool = False
    overdue: bool = False
    freezes: tuple[Freeze, ...] = ()

    def backups_of(self, database: str) -> Iterable[Backup]:
        """Backups of one database, in no particular order."""
        return (backup for backup in self.backups if backup.database == database)
