"""`pgwarden backup create`, and `pgwarden backup` alone: makes a backup, proves it, records it.

Enters: a database, places, a level. Leaves: copies, and an entry of the ledger for each that is good.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, NoReturn

import typer

from proxy.app import kinds
from proxy.app.backups.entries import recorded
from proxy.app.cli.backup_flags import (
    BinDirFlag,
    IdentityFlag,
    JsonFlag,
    PasswordFileFlag,
    ScratchFlag,
    UrlFlag,
    connection_to,
    directory,
    identities_in,
    places_at,
    recipients_of,
    scratch_server,
    telling_trouble,
)
from proxy.app.cli.backup_telling import telling_others
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_error, print_json, print_line
from proxy.app.cli.progress import Bar
from proxy.app.cli.values import LedgerFlag, ledger_at, read_level, shown_moment, using_ledger, who, wrong
from proxy.app.sizes import shown_size
from proxy.backup.connection import Connection
from proxy.backup.make import Order, Result, make_backup
from proxy.policy.facts import Verification
from proxy.records import BackupRecord, Ledger, LedgerError


def create(
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            envvar="PGWARDEN_BACKUP_TO",
            help="where a copy goes, once for each: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, "
            "az://CONTAINER/PREFIX",
        ),
    ] = None,
    url: UrlFlag = None,
    password_file: PasswordFileFlag = None,
    table: Annotated[
        list[str] | None, typer.Option(metavar="SCHEMA.TABLE", help="only this table; once for each")
    ] = None,
    verify: Annotated[
        str, typer.Option(metavar="LEVEL", help="how far to prove it: checksum, full_read or restored")
    ] = "full_read",
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="custom, or directory, which several jobs need")
    ] = "custom",
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="tables dumped at once")] = 1,
    compress: Annotated[str, typer.Option(metavar="METHOD", help="as pg_dump's --compress")] = "",
    recipient: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            envvar="PGWARDEN_BACKUP_RECIPIENTS",
            help="age's public key to encrypt to: age1… or ssh-ed25519 …; once for each",
        ),
    ] = None,
    identity: IdentityFlag = None,
    schema_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="also write the schema as SQL there, for version control"),
    ] = None,
    lock_wait_timeout: Annotated[
        str, typer.Option(metavar="TIME", help="give up when a lock is not had within")
    ] = "60s",
    scratch: ScratchFlag = None,
    bin_dir: BinDirFlag = None,
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Back up a database with pg_dump into one place or several, prove each copy, and record it.

    Nothing is recorded that was not proved. Passwords come from PGPASSWORD, ~/.pgpass or --password-file.
    """
    level = read_level("--verify", verify)
    if level < Verification.CHECKSUM:
        raise wrong("--verify", "what is made here is proved at least by its checksum")
    if not to:
        raise wrong("--to", "where shall the copies go? Name a folder or a store, or set PGWARDEN_BACKUP_TO")
    identities = identities_in(identity)
    if recipient and not identities and level > Verification.CHECKSUM:
        raise wrong(
            "--verify",
            f"{level.name.lower()} has to read the backup, which is encrypted: give --identity, or "
            "--verify checksum",
        )
    connection = connection_to(url, password_file)
    with telling_others(connection.database):
        order = Order(
            connection=connection,
            places=places_at(to),
            tables=table or (),
            format=_format(format_, jobs),
            jobs=jobs,
            compress=compress,
            lock_wait_timeout_s=_seconds(lock_wait_timeout),
            recipients=recipients_of(recipient or ()),
            identities=identities,
            level=level,
            bin_dir=directory(bin_dir),
            scratch=scratch_server(scratch),
        )
        with using_ledger(ledger_at(ledger), create=True) as book, telling_trouble():
            book.last()  # a ledger that cannot be used is better known before the dump
            result, records = take(order, book)
        if schema_file is not None:
            _write_schema(schema_file, result.schema)
        _tell(result, records, as_json)
        if result.failures:
            raise CommandError(ExitCode.FAILED, *result.failures)


def usual_order(connection: Connection, to: Sequence[str]) -> Order:
    """The whole database, into these places, as the variables of backups have the rest."""
    recipients = recipients_of(os.environ.get("PGWARDEN_BACKUP_RECIPIENTS", "").split())
    identities = identities_in(os.environ.get("PGWARDEN_BACKUP_IDENTITY"))
    return Order(
        connection=connection,
        places=places_at(to),
        recipients=recipients,
        identities=identities,
        bin_dir=directory(os.environ.get("PGWARDEN_BACKUP_BIN_DIR")),
        scratch=scratch_server(os.environ.get("PGWARDEN_BACKUP_SCRATCH")),
        # What is encrypted to others cannot be read back here.
        level=Verification.CHECKSUM if recipients and not identities else Verification.FULL_READ,
    )


def take(order: Order, book: Ledger) -> tuple[Result, list[BackupRecord]]:
    """Make a backup and record its copies; raises BackupError."""
    with _terminating(), Bar() as bar:
        result = make_backup(order, bar)
    return result, _record(book, result)


def _record(book: Ledger, result: Result) -> list[BackupRecord]:
    try:
        return [book.record_backup(recorded(result.manifest, copy, who())) for copy in result.copies]
    except LedgerError as error:
        raise CommandError(
            ExitCode.FAILED,
            f"made, but not recorded: {error}",
            *(f"to record it: pgwarden backup verify {copy.location}" for copy in result.copies),
        ) from error


def _format(text: str, jobs: int) -> Literal["custom", "directory"]:
    match text:
        case "custom" if jobs > 1:
            raise wrong("--jobs", "several tables at once need --format directory")
        case "custom":
            return "custom"
        case "directory":
            return "directory"
        case _:
            raise wrong("--format", "must be custom or directory")


def _seconds(text: str) -> float:
    try:
        return kinds.some_seconds(text)
    except ValueError as error:
        raise wrong("--lock-wait-timeout", str(error)) from None


def _write_schema(path: str, schema: bytes) -> None:
    file = Path(path)
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        unfinished.write_bytes(schema)
        unfinished.replace(file)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise CommandError(
            ExitCode.FAILED,
            f"--schema-file: {path} cannot be written: {error.strerror or error}; the backup is recorded",
        ) from error


def _tell(result: Result, records: Sequence[BackupRecord], as_json: bool) -> None:
    manifest = result.manifest
    print_error(f"pgwarden: {note}" for note in result.notes)
    if as_json:
        print_json(
            {
                "database": manifest.database,
                "finished": shown_moment(manifest.finished),
                "size_bytes": manifest.size_bytes,
                "sha256": manifest.sha256,
                "position": manifest.position,
                "duration_ms": manifest.duration_ms,
                "server": manifest.server_version,
                "pg_dump": manifest.tool_version,
                "copies": [
                    {
                        "entry": row.sequence,
                        "location": row.location,
                        "verified": row.verified.name.lower(),
                    }
                    for row in records
                ],
                "failures": list(result.failures),
            }
        )
        return
    level = min(row.verified for row in records).name.lower()
    print_line(
        f"{manifest.database}: {shown_size(manifest.size_bytes)} in {manifest.duration_ms / 1000:.1f} s, "
        f"at {manifest.position} of PostgreSQL {manifest.server_version}, verified: {level}"
    )
    for row in records:
        print_line(f"entry {row.sequence}: {row.location}")


@contextmanager
def _terminating() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does: with everything cleaned up."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def bare(context: typer.Context) -> None:
    """`pgwarden backup` without a verb: what the variables say, backed up."""
    if context.invoked_subcommand is None:
        places = os.environ.get("PGWARDEN_BACKUP_TO", "").split()
        recipients = os.environ.get("PGWARDEN_BACKUP_RECIPIENTS", "").split()
        create(
            to=places,
            recipient=recipients,
            identity=os.environ.get("PGWARDEN_BACKUP_IDENTITY"),
            scratch=os.environ.get("PGWARDEN_BACKUP_SCRATCH"),
            bin_dir=os.environ.get("PGWARDEN_BACKUP_BIN_DIR"),
        )
