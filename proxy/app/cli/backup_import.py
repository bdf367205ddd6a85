"""`pgwarden backup import` and `restore-point`: backups that others make become facts.

Enters: who makes them, and which databases they hold. Leaves: an entry for each that is new, and one for each
that its maker lists no more.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.app import kinds
from proxy.app.cli.backup_flags import telling_trouble
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_line
from proxy.app.cli.progress import Bar
from proxy.app.cli.values import LedgerFlag, ledger_at, using_ledger, who, wrong
from proxy.backup.providers import barman, manifest, pgbackrest, supabase, walg
from proxy.backup.providers.known import Known, Listing
from proxy.records import BackupGone, BackupRecord, Draft, Ledger, Making, NewBackup
from proxy.records.kinds.backup import same_place

TOKEN: Final = "SUPABASE_ACCESS_TOKEN"  # noqa: S105 - a variable's name
API: Final = "SUPABASE_API_URL"
_READERS: Final[Mapping[str, tuple[Sequence[str], Callable[[bytes], Listing]]]] = {
    pgbackrest.SOURCE: (pgbackrest.COMMAND, pgbackrest.read),
    walg.SOURCE: (walg.COMMAND, walg.read),
    barman.SOURCE: (barman.COMMAND, barman.read),
    "manifest": ((), manifest.read),
}

ProjectFlag = Annotated[
    str | None, typer.Option(metavar="REF", envvar="SUPABASE_PROJECT_REF", help="Supabase's project")
]
DatabaseFlag = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="a database that these backups hold; once for each"),
]


def import_backups(
    source: Annotated[str, typer.Argument(help="supabase, pgbackrest, walg, barman or manifest")],
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="prints the list; else the source's own command"),
    ] = None,
    database: DatabaseFlag = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="read the list there; - is standard input")
    ] = None,
    project: ProjectFlag = None,
    ledger: LedgerFlag = None,
) -> None:
    """Record the backups that others make; run it again, and what is gone counts no longer.

    pgBackRest, WAL-G and Barman are asked by their own commands, Supabase by its Management API (the token
    is SUPABASE_ACCESS_TOKEN). `manifest` takes what a command of your own prints.
    """
    with telling_trouble():
        if source == supabase.SOURCE:
            listing = asyncio.run(_project(project).listing())
        elif source in _READERS:
            usual, read = _READERS[source]
            listing = read(_text(command or list(usual), from_))
        else:
            raise wrong("SOURCE", "must be supabase, pgbackrest, walg, barman or manifest")
    if not database and any(known.database is None for known in listing.backups):
        raise wrong("--database", "these backups hold whole servers: say which databases they count for")
    with using_ledger(ledger_at(ledger), create=True) as book:
        _record(book, listing, database or ())


def restore_point(
    name: Annotated[str | None, typer.Argument(help="the restore point's name; else one is made up")] = None,
    database: DatabaseFlag = None,
    project: ProjectFlag = None,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="give up after")] = "10min",
    ledger: LedgerFlag = None,
) -> None:
    """Have Supabase create a restore point, wait until it is there, and record it."""
    try:
        limit_s = kinds.some_seconds(timeout)
    except ValueError as error:
        raise wrong("--timeout", str(error)) from None
    chosen = name or f"pgw-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with telling_trouble(), Bar() as bar:
        bar.step(f"waiting for the restore point {chosen}")
        known = asyncio.run(_project(project).restore_point(chosen, limit_s, lambda seconds: None))
    with using_ledger(ledger_at(ledger), create=True) as book:
        _record(book, Listing(supabase.SOURCE, (), (known,)), database or ["postgres"])


def _project(reference: str | None) -> supabase.Project:
    if not reference:
        raise wrong("--project", "which one? Name it, or set SUPABASE_PROJECT_REF")
    token = os.environ.get(TOKEN)
    if not token:
        raise wrong(TOKEN, "is not set: make a token at https://supabase.com/dashboard/account/tokens")
    return supabase.Project(reference, token, os.environ.get(API) or supabase.API)


def _text(command: Sequence[str], file: str | None) -> bytes:
    """What a command prints, or a file holds."""
    if file == "-":
        return sys.stdin.buffer.read()
    if file is not None:
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise wrong("--from", f"{file} cannot be read: {error.strerror or error}") from None
    if not command:
        raise wrong("--from", "where is the manifest? Name a file, or a command after --")
    try:
        done = subprocess.run(list(command), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise CommandError(ExitCode.FAILED, f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        raise CommandError(ExitCode.FAILED, f"{command[0]} failed with code {done.returncode}")
    return done.stdout


def _record(book: Ledger, listing: Listing, databases: Sequence[str]) -> None:
    """Append what is new and what is gone, all at once."""
    there = {_key(copy): copy for copy in book.copies() if copy.making.source == listing.source}
    said = {
        (database, known.finished.astimezone(UTC), same_place(known.location)): known
        for known in listing.backups
        for database in ([known.database] if known.database is not None else databases)
    }
    news = [
        (key, known)
        for key, known in said.items()
        if key not in there or known.verified > there[key].verified
    ]
    lost = [
        copy
        for key, copy in there.items()
        if key not in said
        and copy.location.startswith(listing.scopes)
        and (not databases or copy.database in databases)
    ]
    drafts: list[Draft] = [
        book.draft(_new(database, known, listing.source).payload(), who()) for (database, _, _), known in news
    ]
    drafts += [
        book.draft(
            BackupGone(
                database=copy.database,
                location=copy.location,
                finished=copy.finished,
                reason="listed no more by its maker",
            ),
            who(),
        )
        for copy in lost
    ]
    if drafts:
        book.append(drafts)
    print_line(f"{listing.source}: {len(said)} known, {len(news)} new, {len(lost)} gone")


def _key(copy: BackupRecord) -> tuple[str, datetime, str]:
    return copy.database, copy.finished.astimezone(UTC), same_place(copy.location)


def _new(database: str, known: Known, source: str) -> NewBackup:
    making = Making(source=source, position=known.position, tool=known.tool)
    return NewBackup(
        database, known.finished, known.location, known.verified, who(), known.size_bytes, known.notes, making
    )
