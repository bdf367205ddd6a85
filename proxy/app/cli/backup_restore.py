"""`pgwarden backup restore`: a backup back into a server.

Enters: a location, a server. Leaves: a new database; or, when told twice, one in the place of another, which
is kept under another name. Deliberately absent: dropping anything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Annotated

import typer

from proxy.app.backups.entries import recorded
from proxy.app.cli.backup_flags import (
    BinDirFlag,
    IdentityFlag,
    PasswordFileFlag,
    UrlFlag,
    connection_to,
    directory,
    identities_in,
    telling_trouble,
)
from proxy.app.cli.backup_verify import at_location, newest
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_line
from proxy.app.cli.progress import Bar
from proxy.app.cli.values import LedgerFlag, ledger_at, shown_moment, using_ledger, who, wrong
from proxy.backup.clients import find_clients
from proxy.backup.make import Good
from proxy.backup.manifest import Manifest, read_manifest
from proxy.backup.proof import compare, new_database
from proxy.backup.replace import LONGEST_NAME, beside, put_in_place
from proxy.backup.restore import Stored, restore_into
from proxy.policy.facts import Verification


def restore(
    location: Annotated[
        str | None, typer.Argument(metavar="[LOCATION]", help="as `backup list` shows it; else the newest")
    ] = None,
    url: UrlFlag = None,
    password_file: PasswordFileFlag = None,
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help="restore the newest backup of this database")
    ] = None,
    into: Annotated[str | None, typer.Option(metavar="NAME", help="the new database's name")] = None,
    over: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="take this database's place; it is renamed, not dropped"),
    ] = None,
    yes_over: Annotated[
        str | None, typer.Option(metavar="NAME", help="the same name once more: only then --over is done")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="tables restored at once")] = 1,
    no_owner: Annotated[
        bool, typer.Option("--no-owner", help="leave out owners and privileges, whose roles are not there")
    ] = False,
    identity: IdentityFlag = None,
    bin_dir: BinDirFlag = None,
    ledger: LedgerFlag = None,
) -> None:
    """Restore a backup that pgwarden made: into a new database, and compare its rows.

    --url names the server, and a database of it to connect to meanwhile. Over an existing database it goes
    only when told twice, by --over NAME --yes-over NAME.
    """
    if over != yes_over:
        raise wrong("--over", "to replace a database, name it twice: --over NAME --yes-over NAME")
    if over is not None and into is not None:
        raise wrong("--over", "not together with --into")
    if location is None and database is None:
        raise CommandError(ExitCode.USAGE, "name a location, or a database with --database")
    if len((into or "").encode()) > LONGEST_NAME:
        raise wrong("--into", f"the name of a database has {LONGEST_NAME} bytes at most")
    server = connection_to(url, password_file)
    if over is not None and server.database == over:
        raise wrong("--url", f"must lead to another database of the server than {over}, which is replaced")
    identities = identities_in(identity)
    with using_ledger(ledger_at(ledger), create=True) as book, telling_trouble():
        where = location or newest(book, database or "")[0]
        place, folder = at_location(where)
        manifest = read_manifest(place, folder)
        moment = datetime.now(UTC)
        name = into or beside(over or manifest.database, f"_restored_{moment:%Y%m%d_%H%M%S}")
        clients = find_clients(directory(bin_dir), manifest.tool_major)
        begun = monotonic()
        with Bar() as bar:
            bar.step(f"restoring into {name}", manifest.size_bytes)
            stored = Stored(place, folder, manifest, identities, on_bytes=bar.at)
            with new_database(clients, server, name) as target:
                restore_into(clients, stored, target, jobs=jobs, owners=not no_owner)
                bar.step("comparing rows")
                compare(clients, target, manifest)
        took_ms = round((monotonic() - begun) * 1000)
        copy = Good(place.location(folder), _proved(manifest), took_ms)
        book.record_backup(recorded(manifest, copy, who()))
        moment_of = shown_moment(manifest.snapshot_at)
        print_line(f"restored into {name} in {took_ms / 1000:.1f} s, as it was at {moment_of}")
        if over is not None:
            kept = put_in_place(clients, server, name, over, moment)
            print_line(f"{over} is the restored one now; what it was is {kept}")


def _proved(manifest: Manifest) -> Verification:
    return Verification.FULL_READ if manifest.counts is None else Verification.RESTORED
