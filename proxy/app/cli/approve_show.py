"""`pgwarden approve list` and `show`: what is asked, who has granted it, what is left of it.

Enters: the ledger. Leaves: a table, or one request whole: exactly what a grant signs. Deliberately absent:
changing anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line, print_table
from proxy.app.cli.values import LedgerFlag, ledger_at, shown_moment, using_ledger
from proxy.app.ledger.granting import asker, granters, stands
from proxy.policy.templates import printable
from proxy.records import Ledger
from proxy.records.kinds.approval import Approvals, Request, has_parameters

_SHOWN_CHARS = 60


def list_requests(
    everything: Annotated[bool, typer.Option("--all", help="those too that are over")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="the keys that count, instead")] = False,
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List what people ask to run, the newest first."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        approvals = book.approvals()
        if keys:
            _list_keys(approvals, as_json=as_json)
            return
        now = datetime.now(UTC)
        rows = [r for r in reversed(approvals.requests.values()) if everything or stands(r, now)]
    if as_json:
        print_json([as_dict(approvals, row) for row in rows])
        return
    print_table(
        ("request", "state", "granted by", "rules", "for", "until", "text"),
        [
            (
                row.asked.id,
                state_of(row, now),
                ", ".join(granters(approvals, row)),
                ", ".join(row.asked.rules),
                ", ".join(row.asked.roles),
                shown_moment(row.asked.until),
                _short(row.asked.statement),
            )
            for row in rows
        ],
    )


def show(
    name: Annotated[str, typer.Argument(metavar="REQUEST", help="the request's id, or its beginning")],
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show one request whole: what a grant would sign, and what became of it."""
    with using_ledger(ledger_at(ledger), create=False) as book:
        found, approvals = find(book, name), book.approvals()
    if as_json:
        print_json(as_dict(approvals, found))
    else:
        print_request(approvals, found)


def find(book: Ledger, name: str) -> Request:
    """The request with this id, or whose id alone begins so."""
    requests = book.approvals().requests
    found = [requests[name]] if name in requests else [r for i, r in requests.items() if i.startswith(name)]
    if not name or len(found) != 1:
        told = "several requests begin" if len(found) > 1 else "no request begins"
        raise CommandError(ExitCode.NO, f"{told} with {name[:40]!r}: see `approve list --all`")
    return found[0]


def print_request(approvals: Approvals, found: Request) -> None:
    """Print it for people."""
    for line in _lines(approvals, found):
        print_line(line)


def state_of(found: Request, now: datetime) -> str:
    """One word, or a few."""
    if found.ended is not None:
        return found.ended[0].how
    if not found.left:
        return "used up"
    if now >= found.asked.until:
        return "over"
    return f"{found.left} of {found.asked.uses} uses left"


def as_dict(approvals: Approvals, found: Request) -> dict[str, object]:
    """What `--json` prints."""
    asked = found.asked
    return {
        "id": asked.id,
        "state": state_of(found, datetime.now(UTC)),
        "subject": asked.subject,
        "file": asked.file or None,
        "statement": asked.statement,
        "masked": asked.masked,
        "digest": asked.digest,
        "digest_fits": _fits(found),
        "any_values": has_parameters(asked.statement),
        "environment": asked.environment,
        "rules": list(asked.rules),
        "roles": list(asked.roles),
        "database": asked.database,
        "networks": list(asked.networks),
        "since": shown_moment(asked.since),
        "until": shown_moment(asked.until),
        "uses": asked.uses,
        "left": found.left,
        "break_glass": asked.break_glass,
        "reason": asked.reason,
        "decision": asked.decision or None,
        "asked_at": shown_moment(found.entry.moment),
        "asked_by": asker(approvals, found),
        "signed": found.signed,
        "one_more_needed": approvals.nobody_asked(found),
        "granted_by": granters(approvals, found),
        "forged_grants": found.forged,
        "ended_by": None if found.ended is None else found.ended[1].recorded_by,
        "ended_because": None if found.ended is None else found.ended[0].reason,
        "used_at": [shown_moment(entry.moment) for entry in found.used],
    }


def _lines(approvals: Approvals, found: Request) -> Iterator[str]:
    asked = found.asked
    yield f"request {asked.id}: {state_of(found, datetime.now(UTC))}"
    yield f"  asked      {shown_moment(found.entry.moment)} by {asker(approvals, found)}"
    if asked.reason:
        yield f"  because    {asked.reason}"
    yield f"  lifts      {', '.join(asked.rules)} in {asked.environment}"
    if asked.break_glass:
        yield "  GLASS      broken: it lifts what these rules require, too, and who asked may grant it"
    place = f" in {asked.database}" if asked.database else " in any database"
    where = f" from {', '.join(asked.networks)}" if asked.networks else ""
    times = "once" if asked.uses == 1 else f"{asked.uses} times"
    yield f"  for        {', '.join(asked.roles)}{place}{where}, {times}"
    yield f"  from       {shown_moment(asked.since)} until {shown_moment(asked.until)}"
    names = granters(approvals, found)
    yield f"  granted    by {', '.join(names)}" if names else "  granted    by nobody yet"
    if approvals.nobody_asked(found):
        yield "             nobody knows who asked, so one more has to grant it than its rules say"
    if found.forged:
        yield f"  FORGED     {found.forged} grants that nobody enrolled has signed do not count"
    for entry in found.used:
        yield f"  used       {shown_moment(entry.moment)} by {entry.recorded_by}"
    if found.ended is not None:
        ended, entry = found.ended
        why = f": {ended.reason}" if ended.reason else ""
        yield f"  {ended.how:10} {shown_moment(entry.moment)} by {entry.recorded_by}{why}"
    if has_parameters(asked.statement):
        yield "  VALUES     of its parameters ($1 …) are not in the text: any are approved"
    if not _fits(found):
        told = (
            "has secrets masked: whoever grants it has to give the text itself with --sql"
            if asked.masked
            else "IS NOT the one that the digest stands for: deny this request"
        )
        yield f"  the text   {told}"
    if asked.subject == "migration":
        parts = found.parts
        one_by_one = (
            f", and in a run of pgwarden migrate for its {len(parts.statements)} statements one by one"
        )
        yield f"  counts     whole{f' alone: {parts.whole}' if parts.whole else one_by_one}"
    what = f"migration {asked.file}" if asked.subject == "migration" else "text"
    yield f"  {what}, sha256 {asked.digest}:"
    yield from (f"    {printable(line.expandtabs())}" for line in asked.statement.splitlines())


def _fits(found: Request) -> bool:
    return sha256(found.asked.statement.encode(errors="replace")).hexdigest() == found.asked.digest


def _short(statement: str) -> str:
    line = printable(" ".join(statement.split()))
    return line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…"


def _list_keys(approvals: Approvals, *, as_json: bool) -> None:
    standing = approvals.approvers.standing
    rows = [
        {
            "key": key,
            "name": approver.name,
            "grants": approver.grants,
            "roles": sorted(approver.roles),
            "vouched_by": [standing[v].name if v in standing else v for v in approver.vouched_by],
            "since": shown_moment(approver.since),
            "public_key": approver.key.text,
        }
        for key, approver in standing.items()
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("key", "name", "may", "is", "vouched for by", "since"),
        [
            (
                str(row["key"]),
                str(row["name"]),
                "grant" if row["grants"] else "ask",
                ", ".join(map(str, row["roles"] if isinstance(row["roles"], list) else ())),
                ", ".join(map(str, row["vouched_by"] if isinstance(row["vouched_by"], list) else ())),
                str(row["since"]),
            )
            for row in rows
        ],
    )
