"""From recorded rows to the facts that rules judge by.

Enters: the ledger's rows. Leaves: a `Facts` snapshot. Deliberately absent: judging whether a backup is recent
enough; that is the policy's, which has the clock of the statement.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from proxy.policy.facts import Backup, Facts
from proxy.records.ledger import BackupRecord, same_place


def facts_of(records: Iterable[BackupRecord], now: datetime) -> Facts:
    """Fold copies into backups.

    Rows with the same database and finishing time are copies of one backup. Two copies, of which one was
    restored and the other only written down, are not two restored copies: so a backup appears once for each
    level that one of its copies has, counting the places that reach at least that level.
    """
    copies: dict[tuple[str, datetime], dict[str, BackupRecord]] = {}
    for record in records:
        places = copies.setdefault((record.database, record.finished.astimezone(UTC)), {})
        place = same_place(record.location)
        known = places.get(place)
        if known is None or record.verified > known.verified:
            places[place] = record
    backups: list[Backup] = []
    for (database, finished), places in copies.items():
        for level in sorted({record.verified for record in places.values()}, reverse=True):
            reaching = [record for record in places.values() if record.verified >= level]
            shown = next(record for record in reaching if record.verified == level)
            backups.append(
                Backup(
                    database=database,
                    finished=finished,
                    location=shown.location,
                    verified=level,
                    copies=len(reaching),
                )
            )
    return Facts(backups=tuple(backups), as_of=now)
