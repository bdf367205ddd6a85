"""`pgwarden backup prune`: removes old backups of our own from all their places.

Enters: how many days, weeks and months keep one. Leaves: fewer backups, and an entry for each copy that went.
Deliberately absent: anything that pgwarden did not make.
"""

from __future__ import annotations

from typing import Annotated

import typer

from proxy.app.backups.entries import SOURCE
from proxy.app.cli.backup_flags import JsonFlag
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, shown_moment, using_ledger, who
from proxy.backup.clients import BackupError
from proxy.backup.places import place_of, trouble
from proxy.backup.retention import Kept, Retention, removable
from proxy.records import BackupGone, BackupRecord, Ledger


def prune(
    keep_daily: Annotated[int, typer.Option(min=0, metavar="N", help="days whose newest stays")] = 0,
    keep_weekly: Annotated[int, typer.Option(min=0, metavar="N", help="weeks whose newest stays")] = 0,
    keep_monthly: Annotated[int, typer.Option(min=0, metavar="N", help="months whose newest stays")] = 0,
    database: Annotated[str | None, typer.Option(metavar="NAME", help="only this database's")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would go, and leave it")] = False,
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove backups that pgwarden made and that no day, week or month keeps.

    The newest always stays, and the newest that is proved, for each level of proof.
    """
    if not (keep_daily or keep_weekly or keep_monthly):
        raise CommandError(ExitCode.USAGE, "say what to keep: --keep-daily, --keep-weekly, --keep-monthly")
    retention = Retention(keep_daily, keep_weekly, keep_monthly)
    troubles: list[str] = []
    with using_ledger(ledger_at(ledger), create=False) as book:
        going = removable(_ours(book, database), retention)
        if not dry_run:
            for backup in going:
                for location in backup.locations:
                    troubles += _remove(book, backup, location)
    if as_json:
        print_json([{"finished": shown_moment(b.finished), "locations": list(b.locations)} for b in going])
    else:
        word = "would be removed" if dry_run else "removed"
        for backup in going:
            for location in backup.locations:
                print_line(f"{word}: {location} of {shown_moment(backup.finished)}")
        if not going:
            print_line("nothing to remove")
    if troubles:
        raise CommandError(ExitCode.FAILED, *troubles)


def _ours(book: Ledger, database: str | None) -> list[Kept]:
    together: dict[tuple[object, ...], list[BackupRecord]] = {}
    for copy in book.copies(database):
        if copy.making.source == SOURCE:
            key = (copy.database, copy.finished, copy.making.covers)
            together.setdefault(key, []).append(copy)
    return [
        Kept(
            copies[0].database,
            copies[0].finished,
            max(copy.verified for copy in copies),
            copies[0].making.covers,
            tuple(copy.location for copy in copies),
        )
        for copies in together.values()
    ]


def _remove(book: Ledger, backup: Kept, location: str) -> list[str]:
    """Remove a copy; it counts no longer before the first of its objects goes."""
    try:
        place, folder = place_of(location)
    except (ValueError, BackupError) as error:
        return [f"{location}: {error}; it is left, and counts"]
    gone = BackupGone(database=backup.database, location=location, reason="pruned", finished=backup.finished)
    book.record(gone, who())
    try:
        place.discard(folder)
    except Exception as error:  # whatever a store raises: what is left there is to be told
        return [f"{location} counts no longer, but could not be removed: {trouble(error)}"]
    return []
