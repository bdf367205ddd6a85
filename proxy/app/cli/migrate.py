"""`pgwarden migrate -- COMMAND`: judges what is pending, backs up, opens the gate for this run, and runs it.

Enters: a migration tool's command. Leaves: the command's work, and what the ledger has of the run; before
anything is run, a refusal of what would not pass. Deliberately absent: the parts (proxy/app/migrating/),
which files are to run (migrate_files.py), and what is told of a run's end (migrate_end.py).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.app import kinds
from proxy.app.backups.entries import SOURCE
from proxy.app.cli.backup_create import take, usual_order
from proxy.app.cli.backup_flags import URL, connection_to, telling_trouble
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.lint import print_outlook
from proxy.app.cli.migrate_end import Ended, tell_end
from proxy.app.cli.migrate_files import scripts_of
from proxy.app.cli.output import print_error, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, load_or_fail, using_ledger, who, wrong
from proxy.app.migrating.address import FORM, GateAddress, parse_gate
from proxy.app.migrating.command import run_command
from proxy.app.migrating.heartbeat import LAPSE_S, beating
from proxy.app.migrating.history import Applied, GateTrouble, check_gate, prisma_history
from proxy.app.migrating.plan import (
    Judged,
    changed_since,
    judge_pending,
    pending,
    usual_folder,
)
from proxy.app.migrating.uses import UsedUp, take_uses
from proxy.app.offline.scripts import Script
from proxy.app.sources import SettingsError, load_settings
from proxy.backup.connection import Connection, parse_connection
from proxy.backup.make import Order
from proxy.policy.facts import Backup, Facts, Run
from proxy.policy.rules import Policy
from proxy.records import BackupRecord, Ledger, LedgerError
from proxy.records.kinds.run import LONGEST, RunBegun, RunEnded
from proxy.session.runtoken import digest_of

GATE: Final = "PGWARDEN_GATE_URL"
_TOKEN: Final = "pgwrun_"  # noqa: S105 - what every token begins with, for scanners of secrets
_SHOWN_CHARS: Final = 200


def migrate(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="the migration tool's command")],
    gate: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=f"the gate: {FORM}; else {GATE}, else DATABASE_URL, which may hold the password",
        ),
    ] = None,
    backup: Annotated[bool, typer.Option("--backup", help="make and prove a backup first")] = False,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE", envvar="PGWARDEN_BACKUP_TO", help="where a copy goes, once for each"),
    ] = None,
    migrations: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="SQL files and folders to judge first; else Prisma's, Supabase's or Drizzle's folder",
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="only the migrations that come after this one are pending"),
    ] = None,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="judge no files first: the gate still judges each statement")
    ] = False,
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="the gate's policy; else the one of its settings")
    ] = None,
    variable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="a variable that gets the gate's URL beside DATABASE_URL and DIRECT_URL"
        ),
    ] = None,
    time_limit: Annotated[
        str, typer.Option(metavar="TIME", help="the run is over after so long, ended or not")
    ] = "1h",
    lapse: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="the run is over when pgwarden migrate was not heard of for so long"
        ),
    ] = f"{LAPSE_S}s",
    ledger: LedgerFlag = None,
) -> None:
    """Run a migration as one: judged before its first statement, backed up, let through for this run alone.

    Options of pgwarden come first, then -- and the command. It gets the gate's URL with a one-time token in
    DATABASE_URL and DIRECT_URL. Exits with 1 when a pending migration would not pass; nothing was run then.
    """
    address = _address(gate)
    job = _Job(
        address=address,
        command=command,
        variables=tuple(variable or ()),
        policy=None if no_check and policy is None else _policy(policy),
        order=_order(address, to or []) if backup else None,
        limit=_limit(time_limit),
        lapse_s=_lapse(lapse),
    )
    folder = None if no_check or migrations else usual_folder(Path.cwd())
    if folder is None and not migrations and not no_check:
        raise wrong(
            "--migrations",
            "no folder of migrations lies here: name what is to be judged, or say --no-check",
        )
    paths = migrations or ([] if folder is None else [str(folder)])
    with using_ledger(ledger_at(ledger), create=True) as book, telling_trouble():
        book.last()  # a ledger that cannot be used is better known before all else
        _run(job, book, paths, after)


@dataclass(frozen=True, slots=True)
class _Job:
    """What is asked for."""

    address: GateAddress
    command: Sequence[str]
    variables: Sequence[str]
    policy: Policy | None
    order: Order | None
    limit: timedelta
    lapse_s: int


def _run(job: _Job, book: Ledger, paths: Sequence[str], after: str | None) -> None:
    _end_the_killed(book)
    scripts, prismas = scripts_of(paths, after)
    history = _history(job.address) if prismas else None
    left = pending(scripts, history) if prismas else scripts
    _warn(scripts, history)
    token = _TOKEN + secrets.token_urlsafe(32)
    run = _imagined(job, token)
    judged = _judge(job, left, run, _as_if_backed_up(book.facts(datetime.now(UTC)), job))
    backups: list[BackupRecord] = []
    if job.order is not None:
        result, backups = take(job.order, book)
        for record in backups:
            print_line(f"backup, entry {record.sequence}: {record.location}, {record.verified.name.lower()}")
        if result.failures:
            raise CommandError(ExitCode.FAILED, *result.failures, "nothing was run")
        judged = _judge(job, left, run, book.facts(datetime.now(UTC)))
    if not prismas:  # Prisma sends a file as one text
        _take_uses(book, run, judged)
    begun = book.record(
        RunBegun(
            token=run.token,
            role=run.role,
            database=run.database,
            until=datetime.now(UTC) + job.limit,
            environment="" if job.policy is None else job.policy.environment,
            command=_shown(job.command),
            migrations=tuple(script.name for script in left),
            backups=tuple(record.sequence for record in backups),
            lapse_s=job.lapse_s,
        ),
        who(),
    )
    print_line(
        f"run {begun.sequence}: {job.address}, until {begun.moment + job.limit:%H:%M:%S} UTC at the latest"
    )
    code: int | None = None
    rows: tuple[Applied, ...] | None = history
    try:
        with beating(book, who(), begun.sequence, job.lapse_s):
            check_gate(job.address, token)
            code = run_command(job.command, job.address.with_token(token), job.variables)
        rows = _history_after(job.address, token) if prismas else None
    except GateTrouble as error:
        raise CommandError(ExitCode.FAILED, str(error), "nothing was run") from error
    except OSError as error:
        raise CommandError(
            ExitCode.USAGE, f"{job.command[0]} cannot be started: {error.strerror or error}"
        ) from error
    finally:
        ended = Ended(begun, run.token, code, history, rows, tuple(backups))
        book.record(
            RunEnded(exit_code=code, passed=ended.passed, failed=ended.failed),
            who(),
            about=str(begun.sequence),
        )
    tell_end(book, ended)


def _end_the_killed(book: Ledger) -> None:
    """Write down that runs are over whose time is, and which nobody was left to end."""
    for left in book.open_runs():
        if left.is_over(datetime.now(UTC)):
            book.record(RunEnded(), who(), about=str(left.sequence))
            print_line(f"run {left.sequence} was never ended: nobody saw its command end")


# -- before --------------------------------------------------------------------------------------------------


def _history(address: GateAddress) -> tuple[Applied, ...] | None:
    try:
        return prisma_history(address)
    except GateTrouble as error:
        raise CommandError(ExitCode.FAILED, str(error), "nothing was run") from error


def _history_after(address: GateAddress, token: str) -> tuple[Applied, ...] | None:
    """What has run matters less than that the run ends: without an answer it is not told."""
    try:
        return prisma_history(address, token)
    except GateTrouble as error:
        print_error([f"pgwarden: what has been applied is not known: {error}"])
        return None


def _warn(scripts: Sequence[Script], history: tuple[Applied, ...] | None) -> None:
    for row in history or ():
        if row.failed:
            raise CommandError(
                ExitCode.NO,
                f"the migration {row.name} failed earlier, and Prisma runs no other until somebody has said "
                "what became of it",
                f"nothing of it stays: npx prisma migrate resolve --rolled-back {row.name}",
                f"all of it was done by hand: npx prisma migrate resolve --applied {row.name}",
            )
    for name in changed_since(scripts, history):
        print_error([f"pgwarden: {name} is not the script any more that was applied under this name"])


def _judge(job: _Job, scripts: Sequence[Script], run: Run, facts: Facts) -> tuple[Judged, ...]:
    """What was judged; stop before the first statement where one would not pass.

    Raises: CommandError.
    """
    if job.policy is None:
        return ()
    judged = judge_pending(scripts, job.address, run, job.policy, facts, datetime.now(UTC))
    if all(each.outlook.passes for each in judged):
        return judged
    for each in judged:
        print_outlook(each.script, each.outlook, job.policy)
    refused = sum(not each.outlook.passes for each in judged)
    raise CommandError(
        ExitCode.NO, f"{refused} of {len(judged)} pending migrations would not pass, so nothing was run"
    )


def _take_uses(book: Ledger, run: Run, judged: Sequence[Judged]) -> None:
    try:
        for told in take_uses(book, who(), run, judged):
            print_error([f"pgwarden: {told}"])
    except UsedUp as error:
        raise CommandError(ExitCode.NO, str(error), "nothing was run") from error


def _as_if_backed_up(facts: Facts, job: _Job) -> Facts:
    """The facts that a good backup will bring about."""
    if job.order is None:
        return facts
    made = Backup(
        database=job.order.connection.database,
        finished=facts.as_of,
        location="",
        verified=job.order.level,
        copies=len(job.order.places),
        source=SOURCE,
    )
    return replace(facts, backups=(*facts.backups, made))


def _imagined(job: _Job, token: str) -> Run:
    now = datetime.now(UTC)
    return Run(digest_of(token), job.address.role, job.address.database, now, now + LONGEST)


def _shown(command: Sequence[str]) -> str:
    """The command as the ledger shows it: words that may hold a secret are left out."""
    words = [word if "://" not in word and "=" not in word else "…" for word in command]
    text = "".join(c if c.isprintable() else "?" for c in " ".join(words))
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


# -- values --------------------------------------------------------------------------------------------------


def _address(flag: str | None) -> GateAddress:
    for origin, text in (
        ("--gate", flag),
        (GATE, os.environ.get(GATE)),
        ("DATABASE_URL", os.environ.get("DATABASE_URL")),
    ):
        if text:
            try:
                return parse_gate(text)
            except ValueError as error:
                raise wrong(origin, str(error)) from None
    raise wrong("--gate", f"where is the gate? Name it, or set {GATE} or DATABASE_URL")


def _policy(flag: str | None) -> Policy:
    if flag is not None:
        return load_or_fail(flag, "--policy")
    variable = os.environ.get("PGWARDEN_POLICY")
    if variable:
        return load_or_fail(variable, "PGWARDEN_POLICY")
    if not os.environ.get("PGWARDEN_CONFIG"):
        raise wrong(
            "--policy", "by which policy are the migrations judged? Name the gate's, or say --no-check"
        )
    try:
        listeners = load_settings({}, os.environ).settings.listeners
    except SettingsError as error:
        raise CommandError(ExitCode.USAGE, *error.problems) from error
    policies = {str(listener.policy) for listener in listeners}
    if len(policies) > 1:
        raise wrong("--policy", f"the gate's settings name {len(policies)} policies: say which")
    return load_or_fail(policies.pop(), "the gate's policy")


def _order(address: GateAddress, to: Sequence[str]) -> Order:
    if not to:
        raise wrong("--to", "where shall the copies go? Name a folder or a store, or set PGWARDEN_BACKUP_TO")
    return usual_order(_connection(address), to)


def _connection(address: GateAddress) -> Connection:
    """Past the gate where a way is known, else through it: a dump only reads."""
    if os.environ.get(URL) or os.environ.get("PGWARDEN_UPSTREAM") or os.environ.get("PGWARDEN_CONFIG"):
        return connection_to(None)
    tls = "&".join(f"{name}={value}" for name, value in address.tls)
    bare = (
        f"postgresql://{address.role}@{address.host or 'localhost'}:{address.port}/{address.database}?{tls}"
    )
    return parse_connection(bare, address.password)


def _limit(text: str) -> timedelta:
    try:
        limit = timedelta(seconds=kinds.some_seconds(text))
    except ValueError as error:
        raise wrong("--time-limit", str(error)) from None
    if limit > LONGEST:
        raise wrong("--time-limit", f"a run lasts {LONGEST // timedelta(hours=1)} hours at most")
    return limit


def _lapse(text: str) -> int:
    try:
        seconds = round(kinds.some_seconds(text))
    except ValueError as error:
        raise wrong("--lapse", str(error)) from None
    if not 1 <= seconds <= LONGEST.total_seconds():
        raise wrong("--lapse", "must be a second at least, and no longer than a run may last")
    return seconds


__all__ = ["LedgerError", "migrate"]
