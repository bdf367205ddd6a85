"""`pgwarden backup record` and `pgwarden backup list`: evidence of backups, by hand.

Deliberately absent: making and verifying a backup; what is recorded here is what somebody says.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from proxy.app import kinds
from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_json, print_line, print_table
from proxy.app.cli.values import (
    LedgerFlag,
    ledger_at,
    read_level,
    read_time,
    shown_moment,
    using_ledger,
    who,
    wrong,
)
from proxy.records import BackupRecord, LedgerError, NewBackup
from proxy.records.kinds.backup import check_backup

commands = typer.Typer(no_args_is_help=True, help="Record backups, and list them.")


@commands.command(epilog=epilog())
def record(
    database: Annotated[str, typer.Option(metavar="NAME", help="the database that was backed up")],
    finished: Annotated[str, typer.Option(metavar="TIME", help="when it was complete, with its time zone")],
    location: Annotated[
        list[str], typer.Option(metavar="WHERE", help="where a copy lies; once for each copy")
    ],
    verified: Annotated[
        str,
        typer.Option(metavar="LEVEL", help="recorded, exists, checksum, toc, full_read or restored"),
    ] = "recorded",
    size: Annotated[
        str | None, typer.Option(metavar="BYTES", help="how large it is: 1048576 or 1MiB")
    ] = None,
    notes: Annotated[str, typer.Option(metavar="TEXT", help="anything worth knowing")] = "",
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the entries as JSON")] = False,
) -> None:
    """Record a backup that was made, so that rules which ask for one find it."""
    try:
        size_bytes = None if size is None else kinds.size(size)
    except ValueError as error:
        raise wrong("--size", str(error)) from None
    moment = read_time("--finished", finished)
    level = read_level("--verified", verified)
    copies = [NewBackup(database, moment, where, level, who(), size_bytes, notes) for where in location]
    try:
        for copy in copies:  # all of them first: half a record would be a wrong one
            check_backup(copy, datetime.now(UTC))
    except LedgerError as error:
        raise CommandError(ExitCode.USAGE, f"not recorded: {error}") from error
    with using_ledger(ledger_at(ledger), create=True) as book:
        records = [book.record_backup(copy) for copy in copies]
    if as_json:
        print_json([_as_dict(row) for row in records])
        return
    for row in records:
        print_line(f"recorded as entry {row.sequence} of {book.place}")


@commands.command("list", epilog=epilog())
def list_backups(
    database: Annotated[str | None, typer.Option(metavar="NAME", help="only this database")] = None,
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List the recorded backups, the newest first."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        rows = sorted(book.backups(database), key=lambda row: (row.finished, row.sequence), reverse=True)
    if as_json:
        print_json([_as_dict(row) for row in rows])
        return
    print_table(
        ("entry", "database", "finished", "verified", "size", "location", "recorded by", "notes"),
        [
            (
                str(row.sequence),
                row.database,
                shown_moment(row.finished),
                row.verified.name.lower(),
                "" if row.size_bytes is None else str(row.size_bytes),
                row.location,
                row.recorded_by,
                row.notes,
            )
            for row in rows
        ],
    )


def _as_dict(row: BackupRecord) -> dict[str, object]:
    return {
        "entry": row.sequence,
        "database": row.database,
        "finished": shown_moment(row.finished),
        "location": row.location,
        "verified": row.verified.name.lower(),
        "size_bytes": row.size_bytes,
        "notes": row.notes,
        "recorded_at": shown_moment(row.recorded_at),
        "recorded_by": row.recorded_by,
    }
