"""`pgwarden ledger verify`, `export` and `key`: whether the ledger is whole, and all of it for elsewhere.

Enters: a ledger, or an export of one; heads, and the public keys of those who signed them. Leaves: what is
wrong, each with its entry, and an exit code. Deliberately absent: publishing heads, which a running gate
does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, public_keys, using_ledger, wrong
from proxy.app.ledger.address import default_key
from proxy.app.ledger.outlets import stored_heads
from proxy.app.ledger.use import signing_key
from proxy.app.settings import default_ledger
from proxy.records import Head, LedgerError, PublicKey
from proxy.records.chain import MOST_FINDINGS, Chain, Finding
from proxy.records.entry import read_line
from proxy.records.heads import heads_in, read_key, trusted

commands = typer.Typer(no_args_is_help=True, help="Check the ledger, and copy it out.")

KeyFlag = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="FILE", help="the file of the key that signs heads; else PGWARDEN_LEDGER_KEY"
    ),
]


@commands.command(epilog=epilog())
def verify(
    ledger: LedgerFlag = None,
    export: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="check this export instead; - is standard input"),
    ] = None,
    heads: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            help="published heads: ledger_heads' file, ledger_heads_store's URL, or a gate's log in JSON",
        ),
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="the key that signed them, as `ledger key` prints it; else the own key"
        ),
    ] = None,
    key: KeyFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Find any entry that was changed, moved, removed or cut off."""
    known, doubtful = _heads(heads or [], public_key or [], ledger, key)
    if export is None:
        with using_ledger(ledger_at(ledger), create=False) as book:
            chain = book.verify(known)
    else:
        chain = _verify_export(export, known)
    findings = [*(Finding(head.sequence, text) for head, text in doubtful), *chain.findings]
    newest = max((head.sequence for head in known), default=0)
    if as_json:
        print_json(_as_dict(chain, findings, len(known), newest))
    else:
        for line in _report(chain, findings, len(known), newest):
            print_line(line)
    if findings:
        raise typer.Exit(ExitCode.NO)


@commands.command("export", epilog=epilog())
def export_entries(ledger: LedgerFlag = None) -> None:
    """Print every entry as a line of JSON, in order; `verify --from` checks it without the ledger."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        for line in book.export():
            print_line(line)


@commands.command("key", epilog=epilog())
def show_key(ledger: LedgerFlag = None, key: KeyFlag = None) -> None:
    """Print the public key that heads are checked with; the key is made if there is none yet."""
    try:
        own = signing_key(ledger_at(ledger), key or os.environ.get("PGWARDEN_LEDGER_KEY") or None)
    except LedgerError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from error
    sys.stdout.write(own.public.pem())


# -- heads -------------------------------------------------------------------------------------------------


def _heads(
    files: list[str], keys: list[str], ledger: str | None, key: str | None
) -> tuple[list[Head], list[tuple[Head, str]]]:
    """The heads in these files: those signed as they should be, and the others with what is wrong."""
    if not files:
        return [], []
    found: list[Head] = []
    for file in files:
        before = len(found)
        found.extend(_read_heads(file))
        if len(found) == before:
            raise wrong("--heads", f"{file} holds no head of a ledger")
    known = public_keys(keys) if keys else [_own_key(ledger, key)]
    judged = list(trusted(found, {each.id: each for each in known}))
    return [head for head, text in judged if not text], [(head, text) for head, text in judged if text]


def _read_heads(place: str) -> list[Head]:
    """The heads in a file, or in a folder of some store."""
    if "://" not in place and not Path(place).is_dir():
        with _opened("--heads", place) as lines:
            return list(heads_in(lines))
    try:
        return list(heads_in(stored_heads(place)))
    except LedgerError as error:
        raise wrong("--heads", str(error)) from None


def _own_key(ledger: str | None, key: str | None) -> PublicKey:
    given = key or os.environ.get("PGWARDEN_LEDGER_KEY")
    path = Path(given) if given else default_key(ledger_at(ledger), default_ledger())
    try:
        return read_key(path).public
    except OSError:
        raise wrong("--heads", f"say whose they are with --public-key: there is no key at {path}") from None
    except LedgerError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from error


# -- an export ---------------------------------------------------------------------------------------------


def _verify_export(file: str, heads: list[Head]) -> Chain:
    chain = Chain(heads=heads)
    with _opened("--from", file) as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry, previous = read_line(line)
            except ValueError:
                chain.doubt(f"line {number} holds no entry of a ledger")
                continue
            chain.take(entry, previous)
    chain.end()
    return chain


@contextmanager
def _opened(flag: str, file: str) -> Iterator[TextIO]:
    if file == "-":
        yield sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as lines:
            yield lines
    except OSError as error:
        raise wrong(flag, f"{file} cannot be read: {error.strerror or error}") from None


# -- telling -----------------------------------------------------------------------------------------------


def _report(chain: Chain, findings: list[Finding], heads: int, newest: int) -> Iterator[str]:
    if findings:
        yield f"NOT whole: {chain.sequence} entries"
        yield from (f"  {finding.text}" for finding in findings)
        if len(chain.findings) == MOST_FINDINGS:
            yield "  and perhaps more"
        return
    yield f"whole: {_count(chain.sequence, 'entry', 'entries')}"
    if heads == 0:
        yield "no head to compare with: what was cut off at the end, or rewritten whole, would not show"
    elif newest < chain.sequence:
        yield (f"{_count(heads, 'head fits', 'heads fit')}; what follows entry {newest} has no head yet")
    else:
        yield f"{_count(heads, 'head fits', 'heads fit')}, up to the last entry"


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _as_dict(chain: Chain, findings: list[Finding], heads: int, newest: int) -> dict[str, object]:
    return {
        "whole": not findings,
        "entries": chain.sequence,
        "heads": heads,
        "vouched_up_to": newest,
        "findings": [{"entry": finding.sequence, "text": finding.text} for finding in findings],
    }
