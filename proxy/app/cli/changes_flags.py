"""Which changes a command means: the flags that `changes list` and `changes export` share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from proxy.app.changelog.choosing import Choice, read_ending, read_risk
from proxy.app.cli.values import wrong
from proxy.app.moments import read_moment_or_ago
from proxy.policy.recording import Ending

Value = TypeVar("Value")

SearchArgument = Annotated[
    str | None,
    typer.Argument(metavar="[TEXT]", help="only with this in the statement, what it touches or does"),
]
SinceFlag = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="not before: a time with its zone, or how long ago (24h, 30min, 7d)"),
]
UntilFlag = Annotated[str | None, typer.Option(metavar="TIME", help="before, in the same way")]
DatabaseFlag = Annotated[str | None, typer.Option(metavar="NAME", help="only of this database")]
RoleFlag = Annotated[str | None, typer.Option(metavar="NAME", help="only by this role")]
RiskFlag = Annotated[
    str | None, typer.Option(metavar="RISK", help="at least this grave: low, medium or high")
]
OutcomeFlag = Annotated[
    str | None,
    typer.Option(metavar="OUTCOME", help="only with this: " + ", ".join(Ending)),
]


def chosen(
    search: str | None,
    since: str | None,
    until: str | None,
    database: str | None,
    role: str | None,
    risk: str | None,
    outcome: str | None,
) -> Choice:
    """What these flags ask for."""
    now = datetime.now(UTC)
    return Choice(
        since=_read("--since", lambda text: read_moment_or_ago(text, now), since),
        until=_read("--until", lambda text: read_moment_or_ago(text, now), until),
        database=database,
        role=role,
        risk=_read("--risk", read_risk, risk),
        outcome=_read("--outcome", read_ending, outcome),
        text=search,
    )


def _read(flag: str, read: Callable[[str], Value], text: str | None) -> Value | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise wrong(flag, str(error)) from None
