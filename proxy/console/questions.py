"""What the console is asked beyond an overview, and the answers, as plain values.

Enters: nothing. Leaves: questions as people write them into forms, whose mistakes their answers tell; rates.
All moments are aware and in UTC. Deliberately absent: HTML, HTTP, and whatever changes the gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from proxy.console.values import BackupCopy, ChangeMade


@dataclass(frozen=True, slots=True)
class Rate:
    """What happened in a span of time, and how things stood at its end.

    Attributes:
        passed, refused: statements a second; those that passed though a rule in shadow would have refused
            them are among the first.
        watched: these alone.
        judged: texts that were read and judged, since nothing was kept of them.
        half_ms, most_ms: the time within which half of those were, and 99 of 100; None where there were none.
        clients: connected.
    """

    at: datetime
    passed: float
    refused: float
    watched: float
    judged: int
    half_ms: float | None
    most_ms: float | None
    clients: int


@dataclass(frozen=True, slots=True)
class Rates:
    """The last hour, as far as the gate has run.

    Attributes:
        samples: one after the other.
        spans: "the last minute" and the like.
    """

    samples: tuple[Rate, ...]
    spans: tuple[tuple[str, Rate], ...]


@dataclass(frozen=True, slots=True)
class BackupsKnown:
    """All copies of backups that the ledger knows, the newest first.

    Attributes:
        problem: why it cannot be read; then none are known.
    """

    copies: tuple[BackupCopy, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSearch:
    """Which changes somebody looks for, as written into the form; an empty word is for any.

    Attributes:
        before: only changes with smaller numbers.
    """

    text: str = ""
    database: str = ""
    role: str = ""
    risk: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class ChangesFound:
    """The newest changes that fit.

    Attributes:
        problem: what is wrong with the question, or why it cannot be answered; then nothing is found.
        older: where to look on, as ChangeSearch.before; empty where all has been looked at.
        in_time: whether the search ended since the page is full, or all is seen; else since it took too long.
    """

    shown: tuple[ChangeMade, ...] = ()
    problem: str = ""
    older: str = ""
    in_time: bool = True


@dataclass(frozen=True, slots=True)
class ChangeWhole:
    """All that is known of a change.

    Attributes:
        facts: in words, each with what it is.
        plan: how it could be undone, step by step.
    """

    number: int
    facts: tuple[tuple[str, str], ...]
    plan: tuple[str, ...]
    statement: str | None
