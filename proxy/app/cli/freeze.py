"""`pgwarden freeze`, `thaw` and `status`: writes rest, in all databases or in one, until they may again.

Enters: who runs the command, and why. Leaves: an entry of the ledger, which every gate on it knows within a
second. Deliberately absent: talking to a gate.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_error, print_json, print_line
from proxy.app.cli.values import LedgerFlag, ledger_at, read_time, shown_moment, using_ledger, who
from proxy.records import FreezeRecord, LedgerError
from proxy.records.kinds.freeze import Frozen

JsonFlag = Annotated[bool, typer.Option("--json", help="print JSON")]


def freeze(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="why; every refusal shows it")] = "",
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="when it ends by itself, with its time zone")
    ] = None,
    database: Annotated[str | None, typer.Option(metavar="NAME", help="this database alone")] = None,
    kill: Annotated[
        bool, typer.Option("--kill", help="end sessions that have writes under way, and cancel those")
    ] = False,
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Refuse every write, at every gate of the ledger, until it is thawed; reads go on."""
    end = None if until is None else read_time("--until", until)
    try:
        Frozen(reason=reason, until=end, database=database, kill=kill).check(datetime.now(UTC))
    except LedgerError as error:
        raise CommandError(ExitCode.USAGE, f"not frozen: {error}") from error
    with using_ledger(ledger_at(ledger), create=True) as book:
        record = book.freeze(who(), reason, until=end, database=database, kill=kill)
    if as_json:
        print_json(as_dict(record))
    else:
        print_line(told(record))


def thaw(
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help="only freezes declared for this database alone")
    ] = None,
    ledger: LedgerFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """End the freezes that stand."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        ended = book.thaw(who(), database=database)
        left = book.freezes()
    if as_json:
        print_json({"ended": [as_dict(record) for record in ended], "left": [as_dict(r) for r in left]})
        return
    for record in ended:
        print_line(f"ended: {told(record)}")
    if not ended:
        print_line(
            "nothing was frozen" if database is None else f"no freeze was declared for {database} alone"
        )
    print_error(f"pgwarden: still standing: {told(record)}" for record in left)


def status(ledger: LedgerFlag = None, as_json: JsonFlag = False) -> None:
    """Tell whether writes are frozen, by whom and why."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        standing = book.freezes()
    if as_json:
        print_json({"frozen": bool(standing), "freezes": [as_dict(record) for record in standing]})
        return
    for record in standing:
        print_line(told(record))
    if not standing:
        print_line("writes are not frozen")


def told(record: FreezeRecord) -> str:
    """`entry 7: writes to shop are frozen since … until … by ada@laptop: incident 12`."""
    where = "all databases" if record.database is None else record.database
    until = "" if record.until is None else f" until {shown_moment(record.until)}"
    reason = f": {record.reason}" if record.reason else ""
    kill = ", sessions with writes ended" if record.kill else ""
    frozen = f"writes to {where} are frozen since {shown_moment(record.recorded_at)}{until}{kill}"
    return f"entry {record.sequence}: {frozen} by {record.recorded_by}{reason}"


def as_dict(record: FreezeRecord) -> dict[str, object]:
    """A freeze as JSON has it."""
    return {
        "entry": record.sequence,
        "database": record.database,
        "reason": record.reason,
        "since": shown_moment(record.recorded_at),
        "until": None if record.until is None else shown_moment(record.until),
        "by": record.recorded_by,
        "kill": record.kill,
    }
