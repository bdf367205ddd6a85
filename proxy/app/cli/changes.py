"""`pgwarden changes list` and `show`: what was changed, by whom, and what became of it.

Enters: the ledger, and which changes are asked for. Leaves: a table, or all of one. Deliberately absent:
talking to a gate or a server: it works with both down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from proxy.app.changelog.plan import rollback_plan
from proxy.app.changelog.shown import as_dict, facts_of, moment_text, outcome_word
from proxy.app.cli import changes_export
from proxy.app.cli.changes_flags import (
    DatabaseFlag,
    OutcomeFlag,
    RiskFlag,
    RoleFlag,
    SearchArgument,
    SinceFlag,
    UntilFlag,
    chosen,
)
from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_json, print_line, print_table
from proxy.app.cli.values import LedgerFlag, ledger_at, using_ledger
from proxy.records import BackupRecord
from proxy.records.changelog import ChangeRecord, change, changes

commands = typer.Typer(no_args_is_help=True, help="What was changed, by whom, and what became of it.")
commands.command("export", epilog=epilog())(changes_export.export)

JsonFlag = Annotated[bool, typer.Option("--json", help="print JSON")]


@commands.command("list", epilog=epilog())
def list_changes(
    search: SearchArgument = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    database: DatabaseFlag = None,
    role: RoleFlag = None,
    risk: RiskFlag = None,
    outcome: OutcomeFlag = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="at most so many")] = 50,
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List schema changes and high-risk writes that passed, the newest first."""
    choice = chosen(search, since, until, database, role, risk, outcome)
    with using_ledger(ledger_at(ledger), create=False) as book:
        found = list(choice.of(changes(book), limit))
        copies = book.copies() if as_json else ()
    if as_json:
        print_json([as_dict(each, copies) for each in found])
        return
    print_table(
        ("change", "time", "database", "role", "risk", "outcome", "rows", "statement"),
        [
            (
                str(each.number),
                moment_text(each.entry.moment),
                each.begun.database,
                each.begun.role,
                each.begun.risk,
                outcome_word(each),
                "" if each.ended is None or each.ended.rows is None else str(each.ended.rows),
                _short(each.begun.statement or ", ".join(each.begun.effects)),
            )
            for each in found
        ],
    )


@commands.command(epilog=epilog())
def show(
    number: Annotated[int, typer.Argument(min=1, metavar="N", help="the change's number, as `list` has it")],
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Show all that is known of a change, and how it could be undone."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        found = change(book, number)
        if found is None:
            raise CommandError(
                ExitCode.USAGE, f"entry {number} of {book.place} is no change: see `pgwarden changes list`"
            )
        copies = book.copies(found.begun.database)
    if as_json:
        print_json(as_dict(found, copies))
        return
    for line in _whole(found, copies):
        print_line(line)


def _whole(found: ChangeRecord, copies: Sequence[BackupRecord]) -> Iterator[str]:
    yield from (f"{name:<12} {' '.join(text.split())}" for name, text in facts_of(found, copies).items())
    yield "rollback plan"
    yield from (f"  {number}. {line}" for number, line in enumerate(rollback_plan(found, copies), 1))
    if found.begun.statement is not None:
        yield "statement"
        yield from (f"  {line}" for line in found.begun.statement.splitlines())


def _short(statement: str) -> str:
    line = " ".join(statement.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"


_WIDEST = 80
