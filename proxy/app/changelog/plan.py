"""The rollback plan of a change, suggested from its effects, and the backup that it falls back on.

Enters: a change, the copies of backups that the ledger knows. Leaves: sentences, the last effect first, as
undoing goes. Deliberately absent: how one effect is undone (sql/vocabulary/undoing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from proxy.policy.facts import WHOLE_DATABASE
from proxy.policy.recording import Ending
from proxy.records import BackupRecord
from proxy.records.changelog import ChangeRecord
from proxy.sql.vocabulary.undoing import undoing

_NOTHING_STAYS: Final = frozenset((Ending.ROLLED_BACK, Ending.FAILED, Ending.NOT_RUN))
_NONE: Final = "a backup from before this change"


def last_backup(change: ChangeRecord, copies: Iterable[BackupRecord]) -> BackupRecord | None:
    """The newest backup of the whole database that was finished when a change began, best proved."""
    before = [
        copy
        for copy in copies
        if copy.database == change.begun.database
        and copy.finished <= change.entry.moment
        and copy.making.covers == WHOLE_DATABASE
    ]
    return max(before, key=lambda copy: (copy.finished, copy.verified), default=None)


def backup_text(change: ChangeRecord, copies: Iterable[BackupRecord]) -> str:
    """The backup by which a change passed; where none was asked for, the newest then."""
    if change.begun.backup:
        return change.begun.backup
    newest = last_backup(change, copies)
    return "none known" if newest is None else f"{newest.location} (the newest then; none was asked for)"


def rollback_plan(change: ChangeRecord, copies: Sequence[BackupRecord]) -> tuple[str, ...]:
    """How a change would be undone, one sentence each; one that says so where nothing stays of it."""
    if change.ending in _NOTHING_STAYS:
        return ("Nothing to undo: nothing of it stays.",)
    begun = change.begun
    if begun.backup:
        there = any(copy.location in begun.backup for copy in copies)
        backup = f"the backup {begun.backup}" + ("" if there else " (which is pruned or lost since)")
    else:
        newest = last_backup(change, copies)
        backup = _NONE if newest is None else f"the backup {newest.location}"
    parts = [(part.effect, part.on, part.detail) for part in begun.parts]
    parts = parts or [(effect, _all(begun.targets), "") for effect in begun.effects]
    lines = dict.fromkeys(undoing(*part, backup) for part in reversed(parts))
    plan = tuple(line for line in lines if line)
    return plan or (f"Read the statement to see what it did; what was lost is in {backup}.",)


def _all(targets: Sequence[str]) -> str:
    """Of an old entry nobody knows which effect fell on which."""
    return " or ".join(targets[:3])
