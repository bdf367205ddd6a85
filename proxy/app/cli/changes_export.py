"""`pgwarden changes export`: the change log as Markdown, as JSON, or in a table.

Enters: the ledger, and which changes are asked for. Leaves: a document on standard output, the oldest change
first as a log is read; or rows in a database.
"""

from __future__ import annotations

import os
from typing import Annotated, Final

import typer

from proxy.app.changelog.markdown import section
from proxy.app.changelog.shown import as_dict
from proxy.app.changelog.table import put
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
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, using_ledger, wrong
from proxy.app.ledger.address import FORM, is_url, ledger_place
from proxy.app.users.private import PrivateFileError, read_password
from proxy.records import LedgerError, PostgresAddress
from proxy.records.changelog import changes

_TABLE: Final = "public.pgwarden_changes"


def export(
    search: SearchArgument = None,
    change: Annotated[
        list[int] | None, typer.Option(metavar="N", help="only the change of this number; once for each")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="markdown or json")] = "markdown",
    table: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"into a table of this database instead: {FORM}"),
    ] = None,
    table_name: Annotated[str, typer.Option(metavar="SCHEMA.TABLE", help="which table")] = _TABLE,
    password_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="the password for --table, in one line")
    ] = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    database: DatabaseFlag = None,
    role: RoleFlag = None,
    risk: RiskFlag = None,
    outcome: OutcomeFlag = None,
    ledger: LedgerFlag = None,
) -> None:
    """Write the change log, the oldest change first: Markdown for people, JSON, or a table.

    A table is made where there is none; run it again, and changes that are there are brought up to date.
    Its password comes from --password-file, PGPASSWORD or ~/.pgpass.
    """
    if format_ not in ("markdown", "json"):
        raise wrong("--format", "must be markdown or json")
    address = None if table is None else _address(table, password_file)
    name = _name(table_name)
    choice = chosen(search, since, until, database, role, risk, outcome)
    with using_ledger(ledger_at(ledger), create=False) as book:
        found = [each for each in choice.of(changes(book)) if not change or each.number in change]
        copies = book.copies()
        place = book.place
    missing = set(change or ()) - {each.number for each in found}
    if missing:
        raise wrong("--change", f"{place} has no such change: {', '.join(map(str, sorted(missing)))}")
    found.reverse()
    if address is not None:
        rows = [as_dict(each, copies) for each in found]
        try:
            put(address, name, rows)
        except LedgerError as error:
            raise CommandError(ExitCode.FAILED, str(error)) from error
        print_line(
            f"{len(rows)} {'change' if len(rows) == 1 else 'changes'} in {'.'.join(name)} of {address}"
        )
    elif format_ == "json":
        print_json([as_dict(each, copies) for each in found])
    else:
        for each in found:
            print_line(section(each, copies))


def _address(url: str, password_file: str | None) -> PostgresAddress:
    if not is_url(url):
        raise wrong("--table", f"must be {FORM}")
    try:
        password = None if password_file is None else read_password(password_file).decode()
    except PrivateFileError as error:
        raise wrong("--password-file", str(error)) from None
    try:
        place = ledger_place(url, password, ca_file=os.environ.get("PGWARDEN_SSLROOTCERT") or None)
    except ValueError as error:
        text = str(error).replace("ledger_password_file", "--password-file")
        raise wrong("--table", text) from None
    if not isinstance(place, PostgresAddress):
        raise wrong("--table", f"must be {FORM}")
    return place


def _name(text: str) -> tuple[str, str]:
    schema, _, table = text.partition(".")
    if not schema or not table or "." in table:
        raise wrong("--table-name", "must be SCHEMA.TABLE")
    return schema, table
