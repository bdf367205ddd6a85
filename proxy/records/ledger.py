"""What the ledger records and what every keeper of it can do.

Enters: what somebody says is so (a backup was made). Leaves: the rows, oldest first, and a snapshot of facts
for the policy. Deliberately absent: SQL, files, threads (see `sqlite.py`); any way to change or remove a row.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from proxy.policy.facts import Facts, Verification

Epoch = Hashable

# Clocks of two machines differ a little; a backup said to finish later than that is a mistake, and one dated
# next year would satisfy `within: 24h` for as long.
CLOCK_SKEW = timedelta(minutes=5)
MAX_TEXT_CHARS = 4096

_SECRET_PARAMETER = re.compile(
    r"password|passwd|secret|token|signature|credential|\bsig\b|api[-_]?key", re.IGNORECASE
)


class LedgerError(Exception):
    """The ledger cannot be used, or refuses what it was given; the text says which and what to do."""


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


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """One row: a copy of a backup in one place."""

    sequence: int
    database: str
    finished: datetime
    location: str
    verified: Verification
    size_bytes: int | None
    notes: str
    recorded_at: datetime
    recorded_by: str


class Ledger(Protocol):
    """The repository.

    Every method may raise LedgerError and may wait for the disk: never call one on an event loop.
    """

    @property
    def place(self) -> str:
        """Where the ledger lies, for messages; never holds a secret."""
        ...

    def record_backup(self, backup: NewBackup) -> BackupRecord:
        """Record a copy of a backup; durable when this returns."""
        ...

    def backups(self, database: str | None = None) -> tuple[BackupRecord, ...]:
        """Return the recorded copies, in the order they were recorded."""
        ...

    def facts(self, now: datetime) -> Facts:
        """Return what is known as of `now`."""
        ...

    def epoch(self) -> Epoch:
        """Return a value that differs from an earlier one when any process recorded anything since."""
        ...

    def close(self) -> None:
        """Let go of files; the ledger cannot be used afterwards."""
        ...


def check_backup(backup: NewBackup, now: datetime) -> None:
    """Refuse what could never be true, or would put a secret where everybody reads it.

    Raises: LedgerError with one sentence; it never repeats a location, which may hold the secret.
    """
    if not backup.database.strip():
        raise LedgerError("the database has no name")
    if backup.finished.tzinfo is None:
        raise LedgerError("the time a backup finished needs a time zone")
    if backup.finished.astimezone(UTC) > now + CLOCK_SKEW:
        raise LedgerError(
            f"a backup cannot have finished in the future ({backup.finished.isoformat()}); "
            f"it is {now.isoformat()}"
        )
    if backup.size_bytes is not None and backup.size_bytes <= 0:
        raise LedgerError("a backup of no bytes is no backup")
    if not backup.location.strip():
        raise LedgerError("the backup has no location")
    for name, text in (("database", backup.database), ("location", backup.location), ("notes", backup.notes)):
        if len(text) > MAX_TEXT_CHARS:
            raise LedgerError(f"the {name} is longer than {MAX_TEXT_CHARS} characters")
        if any(ord(character) < 32 or character == "\x7f" for character in text):
            raise LedgerError(f"the {name} holds a control character")
    if holds_secret(backup.location):
        raise LedgerError(
            "the location holds a password or a token; record where the backup lies, without it"
        )


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
