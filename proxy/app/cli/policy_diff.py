"""`pgwarden policy diff`: which statements of a log would another policy decide otherwise?

Enters: two policies, logs. Leaves: the statements that turn, grouped, and what could not be judged again.
Deliberately absent: judging (proxy/app/offline/replay.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line, print_styled
from proxy.app.cli.values import LedgerFlag, evidence, lines_of, load_or_fail
from proxy.app.offline.replay import Flip, Replay, replay

_SHOWN_SQL = 200


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="the policy as it is")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="the policy as it would be")],
    logs: Annotated[
        list[str],
        typer.Option("--replay", metavar="LOG", help="a statement log or refusal log; once for each file"),
    ],
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Judge the statements of a log by two policies, and show those whose decision turns.

    Exits with 1 when any turns, with 3 when no statement could be judged.
    """
    before, after = load_or_fail(old, "OLD"), load_or_fail(new, "NEW")
    facts = evidence(ledger, datetime.now(UTC))
    found = replay(lines_of("--replay", logs), before, after, facts)
    if as_json:
        print_json(_as_dict(found))
    else:
        _print(found)
    if not found.judged:
        raise CommandError(ExitCode.FAILED, "no statement of the log could be judged")
    if found.flips:
        raise typer.Exit(ExitCode.NO)


def _print(found: Replay) -> None:
    for flip in _sorted(found):
        verb, style = ("now allowed", "yellow") if flip.allowed else ("now refused", "red")
        rules = f"{'by' if not flip.allowed else 'was refused by'} {', '.join(flip.rules)}"
        print_styled(f"{verb}, {rules}: {flip.count} time{'' if flip.count == 1 else 's'}", style)
        print_line(f"    {_shown(flip.sql)}")
        print_line(f"    {flip.message}")
        print_line(f"    first {_moment(flip.first)}, last {_moment(flip.last)}")
    print_line(f"{found.judged} judged again: {found.flipped} turn, {found.same} stay")
    for reason, count in sorted(found.unjudged.items()):
        print_styled(f"{count} not judged: {reason}", "yellow")


def _sorted(found: Replay) -> list[Flip]:
    """New refusals first, the most frequent first."""
    return sorted(found.flips.values(), key=lambda flip: (flip.allowed, -flip.count, flip.rules, flip.sql))


def _shown(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= _SHOWN_SQL else line[: _SHOWN_SQL - 1] + "…"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _as_dict(found: Replay) -> dict[str, object]:
    return {
        "judged": found.judged,
        "same": found.same,
        "flips": [
            {
                "becomes": "allowed" if flip.allowed else "refused",
                "rules": list(flip.rules),
                "count": flip.count,
                "message": flip.message,
                "sql": flip.sql,
                "first": _moment(flip.first),
                "last": _moment(flip.last),
            }
            for flip in _sorted(found)
        ],
        "unjudged": dict(sorted(found.unjudged.items())),
    }
