"""`pgwarden lint`: would these migrations pass, when, and what do they need?

Enters: SQL files and folders of migrations. Leaves: for each script whether it passes, the next opening, the
evidence it lacks, and what refuses it. Deliberately absent: judging, and knowing folders
(proxy/app/offline/).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line, print_styled
from proxy.app.cli.values import LedgerFlag, evidence, load_or_fail, read_address, read_time, wrong
from proxy.app.offline.outlook import Objection, Outlook, outlook
from proxy.app.offline.scripts import Script, Scripts, find_scripts
from proxy.policy.calendar import moment_text
from proxy.policy.context import Context
from proxy.policy.rules import Policy

_Judged = list[tuple[Script, Outlook]]


def lint(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="SQL files, and folders of migrations")
    ],
    policy: Annotated[str, typer.Option(metavar="FILE", help="judge by this policy")],
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="judge at this moment instead of now")
    ] = None,
    role: Annotated[str, typer.Option("--as", metavar="ROLE", help="the role that migrates")] = "postgres",
    database: Annotated[str, typer.Option(metavar="NAME", help="the database")] = "postgres",
    client: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="the client's IP address")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="NAME", help="only the migrations that come after this one")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="exit with 1 unless every script passes at this very moment")
    ] = False,
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say of each migration whether it would pass, when the next opening is, and what evidence it needs.

    Knows the folders of Prisma, Drizzle, Supabase, Flyway, golang-migrate, dbmate, goose, sqlx and plain SQL;
    says what it passes over. Exits with 1 when a script would be refused at any hour and with any backup.
    """
    rules = load_or_fail(policy, "--policy")
    moment = datetime.now(UTC) if at is None else read_time("--at", at, rules.zone)
    address = None if client is None else read_address("--from", client)
    context = Context(role, database, address, None, moment.astimezone(UTC), "none")
    found = _find(paths, after)
    facts = evidence(ledger, datetime.now(UTC))
    judged = [(script, outlook(script.sql, context, rules, facts)) for script in found.scripts]
    if as_json:
        print_json(_as_dict(judged, found, rules))
    else:
        _print(judged, found, rules)
    if any(not each.passes if now else not each.can_pass for _, each in judged):
        raise typer.Exit(ExitCode.NO)


def _find(paths: list[str], after: str | None) -> Scripts:
    try:
        found = find_scripts(paths)
    except OSError as error:
        raise CommandError(ExitCode.FAILED, f"{error.filename} cannot be read: {error.strerror}") from error
    if not found.scripts:
        skipped = [f"skipped {each.path}: it {each.reason}" for each in found.skipped]
        raise CommandError(ExitCode.FAILED, f"no SQL to judge in {', '.join(paths)}", *skipped)
    if after is None:
        return found
    names = [script.name for script in found.scripts]
    if after not in names:
        raise wrong("--after", f"no migration is named {after}")
    return Scripts(found.scripts[names.index(after) + 1 :], found.skipped)


def _print(judged: _Judged, found: Scripts, policy: Policy) -> None:
    for script, each in judged:
        print_outlook(script, each, policy)
    for skipped in found.skipped:
        print_line(f"skipped {skipped.path}: it {skipped.reason}")
    passing = sum(each.passes for _, each in judged)
    refused = sum(not each.can_pass for _, each in judged)
    waiting = len(judged) - passing - sum(not each.can_pass and not each.passes for _, each in judged)
    print_line(
        f"{passing} pass now, {waiting} later or with evidence, {refused} refused; policy {policy.name}"
    )


def print_outlook(script: Script, each: Outlook, policy: Policy) -> None:
    """What becomes of one script, and what stands in its way."""
    text, style = _verdict(each, policy)
    print_styled(f"{script.path}: {text}", style)
    for objection in each.now:
        _print_objection(script, objection, "")
    for objection in each.never:
        if objection.rule not in {known.rule for known in each.now}:
            _print_objection(script, objection, "")
    for objection in each.watched:
        _print_objection(script, objection, "shadow: ")


def _print_objection(script: Script, objection: Objection, prefix: str) -> None:
    place = f"{script.path}:{objection.lines[0]}: " if objection.lines else ""
    print_line(f"    {place}{prefix}{objection.message}")
    if objection.hint:
        print_line(f"        {objection.hint}")


def _verdict(each: Outlook, policy: Policy) -> tuple[str, str]:
    """The answer in one line, and its colour."""
    if each.passes:
        return "passes", "green"
    if not each.can_pass:
        return "is refused at any time" if each.never else "is refused, and no opening is in sight", "red"
    parts = []
    if each.opening is not None and each.opening > each.asked:
        parts.append(f"passes from {moment_text(each.opening, policy.zone)}")
    if each.needs:
        parts.append(f"needs {' and '.join(each.needs)}")
    return ", ".join(parts), "yellow"


def _as_dict(judged: _Judged, found: Scripts, policy: Policy) -> dict[str, object]:
    return {
        "policy": {"name": policy.name, "digest": policy.digest},
        "scripts": [
            {
                "path": script.path,
                "name": script.name,
                "passes": each.passes,
                "can_pass": each.can_pass,
                "opening": None if each.opening is None else each.opening.isoformat(),
                "needs": list(each.needs),
                "now": [_objection_as_dict(objection) for objection in each.now],
                "never": [_objection_as_dict(objection) for objection in each.never],
                "shadow": [_objection_as_dict(objection) for objection in each.watched],
            }
            for script, each in judged
        ],
        "skipped": [{"path": each.path, "reason": each.reason} for each in found.skipped],
    }


def _objection_as_dict(objection: Objection) -> dict[str, object]:
    return {
        "rule": objection.rule,
        "message": objection.message,
        "hint": objection.hint,
        "missing": list(objection.missing),
        "lines": list(objection.lines),
    }
