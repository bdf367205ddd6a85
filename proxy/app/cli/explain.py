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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.values import LedgerFlag, evidence, load_or_fail, read_address, read_time, wrong
from proxy.app.offline.judging import DECISION_ID, denial_of, read_sql
from proxy.policy.context import Context
from proxy.policy.decision import Firing
from proxy.policy.explain import Branch, Explanation
from proxy.policy.explain import explain as explain_decision
from proxy.policy.rules import Policy
from proxy.session.meaning import Meaning
from proxy.source import Diagnostic, Position
from proxy.sql.database import Database
from proxy.sql.effects import Effect

# Role and database where no flag says another.
_USUAL = "postgres"


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement with what a policy says of it."""

    policy: Policy
    explanation: Explanation
    context: Context


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text an effect stands: line and column count from 1, in characters."""

    line: int
    column: int
    source_line: str

    def lines(self) -> tuple[str, ...]:
        """The place, the line and a caret below it."""
        head = f"{self.line}:{self.column}: "
        position = Position("SQL", self.line, self.column)
        shown = Diagnostic(position, "", self.source_line).excerpt() or ("", "^")
        return head + shown[0], " " * len(head) + shown[1]


def _place(text: str, offset: int) -> Place | None:
    """The place of a character; None for what stands nowhere in the text."""
    if not 0 <= offset <= len(text):
        return None
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:].partition("\n")[0].rstrip("\r")
    return Place(text.count("\n", 0, offset) + 1, offset - start + 1, line)


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
                "--ledger": ledger,
            }
        )
    database = database or _USUAL
    text = sys.stdin.read() if sql == "-" else sql
    meaning = _read(text, _held(catalogue, database))
    places = [_place(text, effect.location) for effect in meaning.effects]
    judged: Judged | None = None
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
        lines = [() if place is None else place.lines() for place in places]
        judged = Judged(rules, explain_decision(meaning.effects, context, rules, facts, lines), context)
    if as_json:
        print_json(as_dict(meaning, places, judged))
    else:
        _print(text, meaning, places, judged)
    if judged is not None and not judged.explanation.decision.allowed:
        raise typer.Exit(ExitCode.NO)


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


def _print(text: str, meaning: Meaning, places: Sequence[Place | None], judged: Judged | None) -> None:
    if meaning.error is not None:
        print_line(f"This text cannot be read: {meaning.error}")
        if meaning.error.position:
            _print_place(_place(text, meaning.error.position - 1))
    if judged is None:
        for effect, place in zip(meaning.effects, places, strict=True):
            print_line(_line(effect))
            _print_place(place)
        if not meaning.effects:
            print_line("no effects")
        return
    _print_tree(judged.explanation.branches)
    decision = judged.explanation.decision
    told = denial_of(decision, meaning)
    if told is not None:
        _print_words("the client reads:", told.sqlstate, told.message, told.detail, told.hint)
    for firing in decision.shadowed:
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


def _line(effect: Effect) -> str:
    target = "" if effect.target is None else f" on {effect.target.kind} {effect.target}"
    traits = f", {', '.join(sorted(effect.traits))}" if effect.traits else ""
    through = f", through {effect.through}" if effect.through else ""
    return f"{effect.name}{target} (risk {effect.risk.name.lower()}{traits}){through}"


def as_dict(meaning: Meaning, places: Sequence[Place | None], judged: Judged | None) -> dict[str, object]:
    """What `explain --json` prints."""
    found: dict[str, object] = {
        "class": meaning.statement_class,
        "unreadable": None if meaning.error is None else str(meaning.error),
        "effects": [
            _effect_as_dict(effect, place) for effect, place in zip(meaning.effects, places, strict=True)
        ],
    }
    if judged is not None:
        decision = judged.explanation.decision
        policy = judged.policy
        found["policy"] = {"name": policy.name, "mode": policy.mode, "digest": policy.digest}
        found["allowed"] = decision.allowed
        found["at"] = judged.context.now.isoformat()
        found["enforced"] = [_firing_as_dict(firing) for firing in decision.enforced]
        found["shadowed"] = [_firing_as_dict(firing) for firing in decision.shadowed]
        found["holds_until"] = None if decision.holds_until is None else decision.holds_until.isoformat()
        found["tree"] = [_branch_as_dict(branch) for branch in judged.explanation.branches]
    return found


def _effect_as_dict(effect: Effect, place: Place | None) -> dict[str, object]:
    target = effect.target
    return {
        "name": effect.name,
        "target": None
        if target is None
        else {"kind": target.kind, "schema": target.schema, "name": target.name},
        "traits": sorted(effect.traits),
        "risk": effect.risk.name.lower(),
        "detail": effect.detail,
        "through": effect.through,
        "line": None if place is None else place.line,
        "column": None if place is None else place.column,
    }


def _firing_as_dict(firing: Firing) -> dict[str, object]:
    return {
        "rule": firing.rule,
        "mode": firing.mode,
        "sqlstate": firing.sqlstate,
        "message": firing.message,
        "detail": firing.detail,
        "hint": firing.hint,
        "targets": list(firing.targets),
        "effects": list(firing.effects),
        "missing": list(firing.missing),
    }


def _branch_as_dict(branch: Branch) -> dict[str, object]:
    return {
        "text": branch.text,
        "holds": branch.holds,
        "below": [_branch_as_dict(below) for below in branch.below],
    }
