"""Which backups are kept: the newest of so many days, weeks and months, and whatever must never go.

Enters: backups. Leaves: those that may go. A pure function. Deliberately absent: removing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from proxy.policy.facts import Coverage, Verification

_PROVED: Final = tuple(level for level in Verification if level >= Verification.CHECKSUM)


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup in all its places.

    Attributes:
        verified: what its best copy is.
    """

    database: str
    finished: datetime
    verified: Verification
    covers: Coverage
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days, weeks (ISO) and months, all in UTC, keep their newest backup."""

    daily: int = 0
    weekly: int = 0
    monthly: int = 0


def removable(backups: Iterable[Kept], retention: Retention) -> list[Kept]:
    """Those that no day, week or month keeps, oldest first.

    Backups of different databases, and of different tables, do not stand for each other. The newest stays
    whatever is asked, and for each level from `checksum` on the newest that reaches it.
    """
    gone: list[Kept] = []
    ordered = sorted(backups, key=_subject)
    for _, group in groupby(ordered, key=_subject):
        newest_first = sorted(group, key=lambda backup: backup.finished, reverse=True)
        kept = _kept(newest_first, retention)
        gone += [backup for backup in newest_first if backup.finished not in kept]
    return sorted(gone, key=lambda backup: backup.finished)


def _kept(newest_first: Sequence[Kept], retention: Retention) -> set[datetime]:
    kept = {newest_first[0].finished}
    for level in _PROVED:
        proved = [backup.finished for backup in newest_first if backup.verified >= level]
        kept |= set(proved[:1])
    periods: tuple[tuple[int, Callable[[datetime], object]], ...] = (
        (retention.daily, lambda moment: moment.date()),
        (retention.weekly, lambda moment: moment.isocalendar()[:2]),
        (retention.monthly, lambda moment: (moment.year, moment.month)),
    )
    for number, period in periods:
        newest: dict[object, datetime] = {}
        for backup in newest_first:
            newest.setdefault(period(backup.finished.astimezone(UTC)), backup.finished)
        kept |= set(list(newest.values())[:number])
    return kept


def _subject(backup: Kept) -> tuple[str, bool, tuple[str, ...]]:
    tables = backup.covers.tables
    return backup.database, backup.covers.data, ("*",) if tables is None else tuple(sorted(tables))
