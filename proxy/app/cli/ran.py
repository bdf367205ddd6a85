"""`pgwarden ran list`, `export` and `import`: what ran where, carried to a gate with another ledger.

Enters: a ledger, or a file that another ledger's key has signed. Leaves: a signed file, or an entry of the
ledger. Deliberately absent: recording runs, which gates do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, public_keys, shown_moment, using_ledger, who, wrong
from proxy.app.ledger.use import signing_key
from proxy.records import PublicKey
from proxy.records.kinds.ran import RanElsewhere, RanImported
from proxy.records.signedruns import read_runs, sign_runs

KEYS: Final = "PGWARDEN_TRUSTED_KEYS"

commands = typer.Typer(no_args_is_help=True, help="See what ran on staging, and carry it to production.")

EnvironmentFlag = Annotated[
    str, typer.Option("--environment", metavar="NAME", help="as that gate's policy names it")
]


@commands.command("list", epilog=epilog())
def list_runs(
    environment: EnvironmentFlag = "staging",
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List the checksums of what ran there and was committed, and when each did so last."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        ran = book.facts(datetime.now(UTC)).ran
    rows = sorted((at, checksum) for (place, checksum), at in ran.items() if place == environment)
    if as_json:
        print_json([{"checksum": checksum, "at": shown_moment(at)} for at, checksum in rows])
        return
    for at, checksum in rows:
        print_line(f"{shown_moment(at)}  {checksum}")


@commands.command("export", epilog=epilog())
def export_runs(
    environment: EnvironmentFlag = "staging",
    ledger: LedgerFlag = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="the key that signs the ledger's heads; else PGWARDEN_LEDGER_KEY"),
    ] = None,
) -> None:
    """Print what ran there as one signed JSON document, for `pgwarden ran import` elsewhere."""
    place = ledger_at(ledger)
    now = datetime.now(UTC)
    with using_ledger(place, create=False) as book:
        ran = book.facts(now).ran
        own = signing_key(place, key or os.environ.get("PGWARDEN_LEDGER_KEY") or None)
    chosen = {checksum: at for (where, checksum), at in ran.items() if where == environment}
    if not chosen:
        raise CommandError(ExitCode.NO, f"the ledger knows of nothing that ran on {environment}")
    print_line(sign_runs(environment, chosen, own, now))


@commands.command("import", epilog=epilog())
def import_runs(
    file: Annotated[str, typer.Argument(metavar="FILE", help="what `pgwarden ran export` has printed")],
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help=f"a key that is trusted, as the other gate's `pgwarden ledger key` prints it; else {KEYS}",
        ),
    ] = None,
    ledger: LedgerFlag = None,
) -> None:
    """Take in what ran elsewhere, if a trusted key has signed it."""
    keys = _trusted(public_key or os.environ.get(KEYS, "").split())
    try:
        runs = read_runs(Path(file).read_text().strip(), keys)
    except OSError as error:
        raise wrong("FILE", f"{file} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise CommandError(ExitCode.NO, f"{file} {error}") from error
    said = RanImported(
        environment=runs.environment,
        key=runs.key,
        sha256=runs.sha256,
        ran=tuple(RanElsewhere(checksum=checksum, at=at) for checksum, at in runs.ran.items()),
    )
    with using_ledger(ledger_at(ledger), create=True) as book:
        entry = book.record(said, who(), about=runs.sha256)
    print_line(f"entry {entry.sequence}: {len(runs.ran)} runs on {runs.environment}, signed by {runs.key}")


def _trusted(files: Sequence[str]) -> dict[str, PublicKey]:
    if not files:
        raise wrong("--public-key", f"whose signature counts? Name a key, or set {KEYS}")
    return {key.id: key for key in public_keys(files)}
