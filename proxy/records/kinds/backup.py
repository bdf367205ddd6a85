"""Backups: one entry for each copy in one place.

Enters: what somebody says of a backup. Leaves: records, and the backups that rules judge by. Deliberately
absent: judging whether one is recent enough; that is the policy's, which has the clock of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from proxy.policy.facts import Backup, Facts, Verification
from proxy.records.entry import Entry, LedgerError, check_text
from proxy.records.kinds.kind import Payload, read, unreadable

# Clocks of two machines differ a little; a backup said to finish later than that is a mistake, and one dated
# next year would satisfy `within: 24h` for as long.
CLOCK_SKEW = timedelta(minutes=5)

_SECRET_PARAMETER = re.compile(
    r"password|passwd|secret|token|signature|credential|\bsig\b|api[-_]?key", re.IGNORECASE
)


class BackupMade(Payload, frozen=True, kw_only=True):
    """A copy of a backup lies in some place."""

    kind = "backup"

    database: str
    finished: datetime
    location: str
    verified: str
    size_bytes: int | None = None
    notes: str = ""

    @property
    def level(self) -> Verification:
        """How far it was proved."""
        return Verification[self.verified.upper()]

    def check(self, now: datetime) -> None:
        """Refuse what could never be true; no error repeats a location, which may hold a secret."""
        if not self.database.strip():
            raise LedgerError("the database has no name")
        if self.finished.tzinfo is None:
            raise LedgerError("the time a backup finished needs a time zone")
        if self.finished.astimezone(UTC) > now + CLOCK_SKEW:
            raise LedgerError(
                f"a backup cannot have finished in the future ({self.finished.isoformat()}); "
                f"it is {now.isoformat()}"
            )
        if self.size_bytes is not None and self.size_bytes <= 0:
            raise LedgerError("a backup of no bytes is no backup")
        if not self.location.strip():
            raise LedgerError("the backup has no location")
        for name, text in (("database", self.database), ("location", self.location), ("notes", self.notes)):
            check_text(name, text)
        if holds_secret(self.location):
            raise LedgerError(
                "the location holds a password or a token; record where the backup lies, without it"
            )


@dataclass(frozen=True, slots=True)
class NewBackup:
    """A backup as somebody reports it; `check_backup` says whether it may be recorded."""

    database: str
    finished: datetime
    location: str
    verified: Verification
    recorded_by: str
    size_bytes: int | None = None
    notes: str = ""

    def payload(self) -> BackupMade:
        """As it is recorded."""
        return BackupMade(
            database=self.database,
            finished=self.finished,
            location=self.location.strip(),
            verified=self.verified.name.lower(),
            size_bytes=self.size_bytes,
            notes=self.notes,
        )


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """One entry: a copy of a backup in one place."""

    sequence: int
    database: str
    finished: datetime
    location: str
    verified: Verification
    size_bytes: int | None
    notes: str
    recorded_at: datetime
    recorded_by: str


def check_backup(backup: NewBackup, now: datetime) -> None:
    """Refuse what could never be true, or would put a secret where everybody reads it.

    Raises:
        LedgerError: with one sentence.
    """
    backup.payload().check(now)


def backup_record(entry: Entry) -> BackupRecord:
    """What an entry records.

    Raises:
        LedgerError: the entry is damaged.
    """
    said = read(entry, BackupMade)
    try:
        level = said.level
    except KeyError as error:
        raise unreadable(entry) from error
    return BackupRecord(
        sequence=entry.sequence,
        database=said.database,
        finished=said.finished,
        location=said.location,
        verified=level,
        size_bytes=said.size_bytes,
        notes=said.notes,
        recorded_at=entry.moment,
        recorded_by=entry.recorded_by,
    )


class Backups:
    """Copies, folded into backups.

    Entries with the same database and finishing time are copies of one backup. Two copies, of which one was
    restored and the other only written down, are not two restored copies: so a backup appears once for each
    level that one of its copies has, counting the places that reach at least that level.
    """

    shapes: ClassVar[Mapping[str, type[Payload]]] = {BackupMade.kind: BackupMade}

    def __init__(self) -> None:
        """Begin with none."""
        self._copies: dict[tuple[str, datetime], dict[str, BackupRecord]] = {}

    def add(self, entry: Entry) -> None:
        """Take a copy; of two entries about one place the one that proves more counts."""
        record = backup_record(entry)
        places = self._copies.setdefault((record.database, record.finished.astimezone(UTC)), {})
        place = same_place(record.location)
        known = places.get(place)
        if known is None or record.verified > known.verified:
            places[place] = record

    def into(self, facts: Facts, now: datetime) -> Facts:
        """The backups that are known, whatever the time."""
        backups: list[Backup] = []
        for (database, finished), places in self._copies.items():
            for level in sorted({record.verified for record in places.values()}, reverse=True):
                reaching = [record for record in places.values() if record.verified >= level]
                shown = next(record for record in reaching if record.verified == level)
                backups.append(Backup(database, finished, shown.location, level, copies=len(reaching)))
        return replace(facts, backups=tuple(backups))


def holds_secret(location: str) -> bool:
    """Tell whether a location carries credentials: user:password@, or a signed URL's parameters."""
    if "://" not in location:
        return False
    try:
        parts = urlsplit(location)
        password = parts.password
    except ValueError:
        return True  # a URL nobody can read: it may hide anything
    return password is not None or any(_SECRET_PARAMETER.search(name) for name, _ in parse_qsl(parts.query))


def same_place(location: str) -> str:
    """Spell a location so that two spellings of one place are equal: two copies in one place are one copy."""
    spelled = location.strip().removeprefix("file://")
    scheme, separator, rest = spelled.partition("://")
    path = rest if separator else spelled
    tidy = re.sub(r"(/\.)+(?=/|$)", "", path)
    return (scheme.lower() + separator if separator else "") + re.sub(r"/{2,}", "/", tidy).rstrip("/")
