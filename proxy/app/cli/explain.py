"""`pgwarden explain`: what a statement does, and what a policy would say of it, when, to whom.

Enters: SQL, the circumstances. Leaves: the effects, each with its place in the text; with a policy, the rule
    tree and the words a client would read.
Deliberately absent: a server, unless --catalogue names one; names are taken as the text has them, as the gate
does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.values import LedgerFlag, evidence, load_or_fail, read_address, read_time, wrong
from proxy.app.offline.explaining import (
    Explained,
    Place,
    as_dict,
    effect_line,
    explained,
    judged,
    screen_line,
)
from proxy.app.offline.judging import DECISION_ID, MigrationWord, read_sql
from proxy.policy.context import Context
from proxy.policy.explain import Branch
from proxy.session.meaning import Meaning
from proxy.sql.database import Database

# Role and database where no flag says another.
_USUAL = "postgres"


def explain(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="the statement; - reads it from standard input")],
    policy: Annotated[str | None, typer.Option(metavar="FILE", help="judge by this policy")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="judge at this moment instead of now")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--as", metavar="ROLE", help=f"judge as this role [{_USUAL}]")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"judge in this database [{_USUAL}]")
    ] = None,
    client: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="the client's IP address")
    ] = None,
    in_transaction: Annotated[
        bool, typer.Option("--in-transaction", help="judge inside a transaction that is open")
    ] = False,
    migration: Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help="judge as part of a migration: run, registered or resembles, see the README"
        ),
    ] = None,
    catalogue: Annotated[
        str | None,
        typer.Option(metavar="URL", help="postgresql://ROLE@HOST:PORT: what the database holds counts, too"),
    ] = None,
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say what a statement does; with --policy, also which rules refuse it and what would change that.

    Exits with 1 when the policy refuses the statement. A TIME without a zone is in the policy's own.
    """
    if policy is None:
        _refuse_circumstances(
            {
                "--at": at,
                "--as": role,
                "--database": None if catalogue is not None else database,
                "--from": client,
                "--in-transaction": in_transaction or None,
                "--migration": migration,
                "--ledger": ledger,
            }
        )
    database = database or _USUAL
    text = sys.stdin.read() if sql == "-" else sql
    held = _held(catalogue, database)
    found = explained(text, _read(text, held), held)
    if policy is not None:
        rules = load_or_fail(policy, "--policy")
        moment = datetime.now(UTC) if at is None else read_time("--at", at, rules.zone)
        context = Context(
            role=role or _USUAL,
            database=database,
            client_address=None if client is None else read_address("--from", client),
            application=None,
            now=moment.astimezone(UTC),
            transaction="open" if in_transaction else "none",
        )
        facts = evidence(ledger, datetime.now(UTC))
        found = replace(found, judged=judged(found.meaning, rules, context, facts, _migration(migration)))
    if as_json:
        print_json(as_dict(found))
    else:
        _print(found)
    if found.judged is not None and not found.judged.explanation.decision.allowed:
        raise typer.Exit(ExitCode.NO)


def _migration(flag: str | None) -> MigrationWord | None:
    match flag:
        case None | "run" | "registered" | "resembles":
            return flag
        case _:
            raise wrong("--migration", "must be run, registered or resembles")


def _refuse_circumstances(given: Mapping[str, object]) -> None:
    """Without a policy, who asks and when changes nothing: better said than passed over."""
    for flag, value in given.items():
        if value is not None:
            raise wrong(flag, "means something to a policy alone; give --policy too")


def _held(catalogue: str | None, database: str) -> Database | None:
    """What the database holds, read once."""
    if catalogue is None:
        return None
    # The driver takes a while to load, and is needed here only.
    from proxy.app.catalogue.once import read_once
    from proxy.app.catalogue.source import CatalogueUnreadable

    try:
        return asyncio.run(read_once(catalogue, database, os.environ))
    except ValueError as error:
        raise wrong("--catalogue", str(error)) from error
    except CatalogueUnreadable as error:
        raise CommandError(ExitCode.FAILED, str(error)) from error


def _read(sql: str, held: Database | None) -> Meaning:
    if "\0" in sql:
        raise CommandError(ExitCode.USAGE, "SQL: holds a NUL, which no statement can")
    return read_sql(sql, held)


def _print(found: Explained) -> None:
    meaning = found.meaning
    if meaning.error is not None:
        print_line(f"This text cannot be read: {meaning.error}")
        _print_place(found.error_place)
    if found.judged is None:
        for effect, place in zip(meaning.effects, found.places, strict=True):
            print_line(effect_line(effect))
            _print_place(place)
        if not meaning.effects:
            print_line("no effects")
        print_line(screen_line(found.screened))
        return
    _print_tree(found.judged.explanation.branches)
    print_line(screen_line(found.screened))
    told = found.judged.told
    if told is not None:
        _print_words("the client reads:", told.sqlstate, told.message, told.detail, told.hint)
    for firing in found.judged.explanation.decision.shadowed:
        title = f"the shadow rule {firing.rule} would say:"
        _print_words(title, firing.sqlstate, firing.message, firing.detail, firing.hint)


def _print_place(place: Place | None) -> None:
    for line in () if place is None else place.lines():
        print_line(f"  {line}")


def _print_tree(branches: tuple[Branch, ...]) -> None:
    if not sys.stdout.isatty():
        for branch in branches:
            for line in branch.lines():
                print_line(line)
        return
    console = Console()
    for branch in branches:
        console.print(_tree(branch))


def _tree(branch: Branch) -> Tree:
    style = {True: "green", False: "red", None: ""}[branch.holds]
    tree = Tree(Text(branch.text, style=style))
    for below in branch.below:
        tree.children.append(_tree(below))
    return tree


def _print_words(title: str, sqlstate: str, message: str, detail: str, hint: str) -> None:
    """What a client is told, as psql shows it."""
    print_line()
    print_line(title)
    for label, text in ((f"ERROR {sqlstate}", message), ("DETAIL", detail), ("HINT", hint)):
        if text:
            print_line(f"  {label}: {text.replace('{decision_id}', DECISION_ID)}")
