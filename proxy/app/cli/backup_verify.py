"""`pgwarden backup verify`: proves backups of our own again, wherever they lie.

Enters: locations, or a database, whose newest backup is meant. Leaves: an entry for each copy that is good,
and one for each that is gone or damaged, which counts no longer.
"""

from __future__ import annotations

from typing import Annotated

import typer

from proxy.app.backups.entries import SOURCE, recorded
from proxy.app.cli.backup_flags import (
    BinDirFlag,
    IdentityFlag,
    ScratchFlag,
    directory,
    identities_in,
    scratch_server,
)
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_line
from proxy.app.cli.progress import Bar
from proxy.app.cli.values import LedgerFlag, ledger_at, read_level, using_ledger, who, wrong
from proxy.backup.clients import BackupError, Damaged
from proxy.backup.make import Good
from proxy.backup.manifest import read_manifest
from proxy.backup.places import Place, place_of, trouble
from proxy.backup.proof import prove
from proxy.backup.restore import Stored
from proxy.policy.facts import WHOLE_DATABASE, Verification
from proxy.records import BackupGone, BackupRecord, Ledger


def verify(
    location: Annotated[
        list[str] | None, typer.Argument(metavar="[LOCATION]...", help="as `backup list` shows it")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help="all copies of its newest backup")
    ] = None,
    level: Annotated[
        str, typer.Option(metavar="LEVEL", help="exists, checksum, full_read or restored")
    ] = "full_read",
    identity: IdentityFlag = None,
    scratch: ScratchFlag = None,
    bin_dir: BinDirFlag = None,
    ledger: LedgerFlag = None,
) -> None:
    """Prove backups that pgwarden made, and record what was found; also such that no ledger knows."""
    asked = read_level("--level", level)
    if asked < Verification.EXISTS:
        raise wrong("--level", "there is nothing to do")
    if bool(location) == bool(database):
        raise CommandError(ExitCode.USAGE, "name locations, or a database with --database")
    identities, server = identities_in(identity), scratch_server(scratch)
    with using_ledger(ledger_at(ledger), create=True) as book:
        where = location or newest(book, database or "")
        troubles: list[str] = []
        for one in where:
            try:
                with Bar() as bar:
                    place, folder = at_location(one)
                    manifest = read_manifest(place, folder)
                    bar.step(f"verifying {one}", manifest.size_bytes)
                    stored = Stored(place, folder, manifest, identities, _recorded_sum(book, one), bar.at)
                    took_ms = prove(stored, asked, bin_dir=directory(bin_dir), server=server)
            except Damaged as error:
                _forget(book, one)
                troubles.append(f"{error}; it counts no longer")
            except BackupError as error:
                troubles.append(f"{one} could not be verified: {error}")
            except Exception as error:  # whatever a store raises: nothing is known of the copy
                troubles.append(f"{one} could not be verified: {trouble(error)}")
            else:
                copy = Good(place.location(folder), asked, took_ms)
                row = book.record_backup(recorded(manifest, copy, who()))
                print_line(f"entry {row.sequence}: {row.location} verified: {asked.name.lower()}")
    if troubles:
        raise CommandError(ExitCode.NO, *troubles)


def newest(book: Ledger, database: str) -> list[str]:
    """Where the copies of the newest backup of our own of a whole database lie, the best proved first."""
    known = [
        copy
        for copy in book.copies(database)
        if copy.making.source == SOURCE and copy.making.covers == WHOLE_DATABASE
    ]
    if not known:
        raise CommandError(
            ExitCode.FAILED, f"no backup of all of {database} by pgwarden is known in {book.place}"
        )
    last = max(copy.finished for copy in known)
    copies = [copy for copy in known if copy.finished == last]
    return [copy.location for copy in sorted(copies, key=lambda copy: -copy.verified)]


def at_location(location: str) -> tuple[Place, str]:
    """The place and folder that somebody names."""
    try:
        return place_of(location)
    except ValueError as error:
        raise BackupError(f"it {error}") from None


def _known(book: Ledger, location: str) -> list[BackupRecord]:
    return [copy for copy in book.backups() if copy.location == location]


def _recorded_sum(book: Ledger, location: str) -> str:
    """What the ledger says of the archive: the manifest beside it may be forged with it."""
    sums = [copy.making.sha256 for copy in _known(book, location) if copy.making.sha256]
    return sums[0] if sums else ""


def _forget(book: Ledger, location: str) -> None:
    for database in {copy.database for copy in _known(book, location)}:
        book.record(BackupGone(database=database, location=location, reason="damaged or missing"), who())
