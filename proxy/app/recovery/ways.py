"""Every way back that is known: copies of backups, gathered into backups, the best first.

Enters: what the ledger has of backups, and what a provider lists now. Leaves: `Way`s, those of the whole
database first, of them the newest, of those the best proved. Deliberately absent: asking anybody, and the
commands (commands.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from proxy.backup.providers import supabase
from proxy.backup.providers.known import Known
from proxy.policy.facts import WHOLE_DATABASE, Coverage, Verification
from proxy.records import BackupRecord
from proxy.records.kinds.backup import same_place

_WINDOW: Final = "/point-in-time"


@dataclass(frozen=True, slots=True)
class Way:
    """One backup, in all the places where it lies.

    Attributes:
        moment: as of when the data would be; of a window, the last moment that can be had.
        source: who made it; "" where nobody said.
        verified: the best level of any copy, whose place stands first.
        window: any moment before `moment`, too.
        restore_ms: how long a restore took last time; None where none is known.
        measured_here: that was this very backup, and not another of the same database.
        fresh: its maker has listed it just now.
    """

    database: str
    moment: datetime
    source: str
    verified: Verification
    locations: tuple[str, ...]
    covers: Coverage = WHOLE_DATABASE
    size_bytes: int | None = None
    encrypted: bool = False
    notes: str = ""
    window: bool = False
    restore_ms: int | None = None
    measured_here: bool = False
    fresh: bool = False

    @property
    def whole(self) -> bool:
        """It holds the whole database, with its data."""
        return self.covers == WHOLE_DATABASE


def known_ways(copies: Iterable[BackupRecord], history: Sequence[BackupRecord]) -> list[Way]:
    """The ways back that the ledger knows.

    Args:
        copies: those that are there.
        history: all that was ever recorded of backups, oldest first, for how long restores took.
    """
    together: dict[tuple[str, datetime, Coverage, str], list[BackupRecord]] = {}
    for copy in copies:
        key = (copy.database, copy.finished.astimezone(UTC), copy.making.covers, copy.making.source)
        together.setdefault(key, []).append(copy)
    return [_way(sorted(each, key=lambda copy: -copy.verified), history) for each in together.values()]


def listed_ways(listed: Iterable[Known], source: str, databases: Iterable[str]) -> list[Way]:
    """The ways back that a provider lists now, for each database that its backups hold."""
    return [
        Way(
            database=name,
            moment=known.finished,
            source=source,
            verified=known.verified,
            locations=(known.location,),
            size_bytes=known.size_bytes,
            notes=known.notes,
            window=known.location.endswith(_WINDOW),
            fresh=True,
        )
        for known in listed
        for name in ([known.database] if known.database is not None else databases)
    ]


def best_first(known: Iterable[Way], listed: Iterable[Way], *, before: datetime | None = None) -> list[Way]:
    """All ways, each once: what was listed just now counts, and not what was recorded of it earlier.

    Args:
        before: when the data was still good: what is later is left out, and of a window it is the end.
    """
    ways = {(way.database, same_place(way.locations[0])): way for way in (*known, *listed)}
    found = [_until(way, before) for way in ways.values()]
    good = [way for way in found if before is None or way.moment <= before]
    return sorted(good, key=lambda way: (way.whole, way.moment, way.verified), reverse=True)


def _until(way: Way, before: datetime | None) -> Way:
    if way.window and before is not None and before < way.moment:
        return replace(way, moment=before)
    return way


def _way(copies: list[BackupRecord], history: Sequence[BackupRecord]) -> Way:
    best = copies[0]
    timed = [
        each for each in history if each.database == best.database and each.making.restore_ms is not None
    ]
    own = [
        each for each in timed if each.finished == best.finished and each.making.covers == best.making.covers
    ]
    similar = [each for each in timed if each.making.source == best.making.source]
    last = next(iter((own or similar)[-1:]), None)
    return Way(
        database=best.database,
        moment=best.making.snapshot_at or best.finished,
        source=best.making.source,
        verified=best.verified,
        locations=tuple(copy.location for copy in copies),
        covers=best.making.covers,
        size_bytes=best.size_bytes,
        encrypted=any(copy.making.encrypted for copy in copies),
        notes=best.notes,
        window=best.making.source == supabase.SOURCE and best.location.endswith(_WINDOW),
        restore_ms=None if last is None else last.making.restore_ms,
        measured_here=bool(own),
    )
