"""`pgwarden recover`: data is lost, what now? Freezes, lists every way back, and prints the commands.

Enters: the ledger; Supabase's API where a project is named. Leaves: a freeze, if somebody says so; ways, the
best first, each with its commands; what could not be asked. It works with the gate and the server down.
Deliberately absent: restoring anything.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from proxy.app.cli.backup_flags import UrlFlag, connection_to
from proxy.app.cli.backup_import import API, TOKEN, ProjectFlag
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.freeze import as_dict as freeze_dict
from proxy.app.cli.freeze import told
from proxy.app.cli.output import print_error, print_json, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, read_time, shown_moment, using_ledger, who
from proxy.app.recovery.commands import SERVER, Reach, commands_for
from proxy.app.recovery.ways import Way, best_first, known_ways, listed_ways
from proxy.app.sizes import shown_size
from proxy.backup.clients import BackupError
from proxy.backup.providers import supabase
from proxy.records import BackupRecord, FreezeRecord, Ledger, LedgerError

_REASON: Final = "recovering"
_SUPABASES_DATABASE: Final = "postgres"


@dataclass(slots=True)
class _Found:
    """What there is.

    Attributes:
        unasked: what could not be found out, a sentence each without a full stop.
        freezes: those that stand.
        failed: it was to be frozen, and is not.
    """

    copies: Sequence[BackupRecord] = ()
    history: Sequence[BackupRecord] = ()
    freezes: Sequence[FreezeRecord] = ()
    unasked: list[str] = field(default_factory=list)
    failed: bool = False


def recover(
    database: Annotated[str | None, typer.Option(metavar="NAME", help="only this database")] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="when the data was still good: only ways back to before that"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="freeze without asking")] = False,
    no_freeze: Annotated[bool, typer.Option("--no-freeze", help="do not freeze, and do not ask")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="of the freeze; refusals show it")] = _REASON,
    url: UrlFlag = None,
    project: ProjectFlag = None,
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Data is lost? Freeze all writes, and list every way back with its commands, the best first.

    It asks before it freezes, and restores nothing. Without a terminal it freezes only with --yes.
    """
    if yes and no_freeze:
        raise CommandError(ExitCode.USAGE, "--yes freezes and --no-freeze does not: give one of them")
    moment = None if before is None else read_time("--before", before)
    found = _from_ledger(
        ledger, database, reason, freeze=_wanted(yes=yes, no_freeze=no_freeze, what=database)
    )
    listed = _from_supabase(found, project, database)
    known = known_ways(found.copies, found.history)
    ways = best_first(known, listed, before=moment)
    reach = Reach(_server(found, url), ledger or "", os.environ.get(API) or supabase.API)
    if as_json:
        print_json(_as_dict(found, ways, reach))
    else:
        for line in _report(found, ways, reach):
            print_line(line)
    if found.failed:
        raise CommandError(ExitCode.FAILED, "NOT frozen: writes go on; stop the gates if they must not")
    if not ways:
        raise CommandError(ExitCode.NO, "no way back is known; ask whoever runs the server, or its provider")


# -- asking ------------------------------------------------------------------------------------------------


def _wanted(*, yes: bool, no_freeze: bool, what: str | None) -> bool:
    """Whether to freeze: as a flag says, or whoever sits there."""
    if yes or no_freeze:
        return yes
    if not sys.stdin.isatty():
        print_error(["pgwarden: not frozen, since nobody is there to ask: --yes freezes"])
        return False
    where = "all databases" if what is None else what
    # On standard error, so that what is printed can go to a file or a program.
    sys.stderr.write(f"Freeze writes to {where} now? Reads go on. [Y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer.strip().lower() in ("y", "yes") or answer == "\n"


def _from_ledger(where: str | None, database: str | None, reason: str, *, freeze: bool) -> _Found:
    """Freeze first, then read: whatever fails, the rest is told."""
    found = _Found(failed=freeze)
    try:
        with using_ledger(ledger_at(where), create=False) as book:
            if freeze:
                _freeze(book, database, reason)
                found.failed = False
            found.freezes = book.freezes()
            found.copies = book.copies(database)
            found.history = book.backups(database)
    except CommandError as error:
        if error.code is ExitCode.USAGE:
            raise
        found.unasked.append(str(error))
    return found


def _freeze(book: Ledger, database: str | None, reason: str) -> None:
    """Declare one, unless one stands that says as much."""
    if any(standing.database in (None, database) for standing in book.freezes()):
        return
    try:
        book.freeze(who(), reason, database=database)
    except LedgerError as error:
        raise CommandError(ExitCode.FAILED, f"not frozen: {error}") from error


def _from_supabase(found: _Found, project: str | None, database: str | None) -> list[Way]:
    """What Supabase lists now, of the project that is named or that the ledger knows backups of."""
    theirs = [copy for copy in found.copies if copy.making.source == supabase.SOURCE]
    known = {copy.location.partition("://")[2].partition("/")[0] for copy in theirs}
    projects = [project] if project else sorted(known)
    token = os.environ.get(TOKEN)
    if projects and not token:
        found.unasked.append(f"Supabase was not asked, since {TOKEN} is not set")
        return []
    databases = (
        [database] if database else sorted({copy.database for copy in theirs}) or [_SUPABASES_DATABASE]
    )
    ways: list[Way] = []
    for reference in projects:
        try:
            asked = supabase.Project(reference, token or "", os.environ.get(API) or supabase.API)
            ways += listed_ways(asyncio.run(asked.listing()).backups, supabase.SOURCE, databases)
        except BackupError as error:
            found.unasked.append(f"Supabase, of the project {reference}: {error}")
    return ways


def _server(found: _Found, url: str | None) -> str:
    """How the commands name the server."""
    try:
        connection = connection_to(url)
    except CommandError:
        if url is not None:
            raise
        found.unasked.append("which server to restore into nobody has said: --url names it in the commands")
        return SERVER
    return connection.to("postgres").url


# -- telling -----------------------------------------------------------------------------------------------


def _report(found: _Found, ways: Sequence[Way], reach: Reach) -> Iterator[str]:
    yield from (told(record) for record in found.freezes)
    if not found.freezes:
        yield "writes are NOT frozen"
    for name in dict.fromkeys(way.database for way in ways):
        yield ""
        yield f"Ways back for {name}, the best first:"
        for number, way in enumerate((each for each in ways if each.database == name), 1):
            yield ""
            yield f"{number}. {_described(way)}"
            yield from (f"   {line}" for line in commands_for(way, reach))
    if ways:
        yield ""
        yield "Whether copies are still where they lie was not looked at: pgwarden backup verify LOCATION"
    if found.unasked:
        yield ""
        yield "Could not be asked:"
        yield from (f"- {line}" for line in found.unasked)
    if found.freezes:
        yield ""
        yield f"Once all is well: pgwarden thaw{f' --ledger {reach.ledger}' if reach.ledger else ''}"


def _described(way: Way) -> str:
    """`2026-11-26T09:30:14Z by pgwarden at …: whole, restored, 1.9 KiB, took 0.2 s to restore last time`."""
    said = [
        _held(way),
        f"verified: {way.verified.name.lower()}",
        *([shown_size(way.size_bytes)] if way.size_bytes is not None else []),
        *([f"in {len(way.locations)} places"] if len(way.locations) > 1 else []),
        _took(way),
        *([way.notes] if way.notes else []),
    ]
    until = "any moment up to " if way.window else ""
    by = f" by {way.source}" if way.source else ""
    return f"{until}{shown_moment(way.moment)}{by}, {way.locations[0]}: {', '.join(said)}"


def _held(way: Way) -> str:
    if way.whole:
        return "whole"
    if way.covers.tables is None:
        return "schema only, no data"
    return f"only {', '.join(sorted(way.covers.tables))}"


def _took(way: Way) -> str:
    if way.restore_ms is None:
        return "never restored as far as is known"
    other = "" if way.measured_here else ", of another backup"
    return f"took {way.restore_ms / 1000:.1f} s to restore last time{other}"


def _as_dict(found: _Found, ways: Iterable[Way], reach: Reach) -> dict[str, object]:
    return {
        "frozen": bool(found.freezes),
        "freezes": [freeze_dict(record) for record in found.freezes],
        "ways": [
            {
                "database": way.database,
                "moment": shown_moment(way.moment),
                "any_moment_before": way.window,
                "source": way.source,
                "locations": list(way.locations),
                "verified": way.verified.name.lower(),
                "whole": way.whole,
                "tables": None if way.covers.tables is None else sorted(way.covers.tables),
                "size_bytes": way.size_bytes,
                "encrypted": way.encrypted,
                "restore_ms": way.restore_ms,
                "restore_measured_on_this_backup": way.measured_here,
                "listed_now": way.fresh,
                "notes": way.notes,
                "commands": [line for line in commands_for(way, reach) if not line.startswith("#")],
                "explained": list(commands_for(way, reach)),
            }
            for way in ways
        ],
        "unasked": found.unasked,
        "asked_at": shown_moment(datetime.now(UTC)),
    }
