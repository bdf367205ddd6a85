"""Which changes somebody asks for.

Enters: what each must be like. Leaves: those that are, newest first. Every condition that is given must hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from proxy.app.kinds import shown
from proxy.policy.recording import Ending
from proxy.records.changelog import ChangeRecord
from proxy.sql.effects import Risk


@dataclass(frozen=True, slots=True)
class Choice:
    """What changes must be like; None for any.

    Attributes:
        since, until: when it was recorded: not before the one, before the other.
        risk: at least this grave.
        outcome: how it ended; UNKNOWN also where nothing is known yet.
        text: stands in its statement, its targets or its effects, whatever the case of letters.
    """

    since: datetime | None = None
    until: datetime | None = None
    database: str | None = None
    role: str | None = None
    risk: Risk | None = None
    outcome: Ending | None = None
    text: str | None = None

    def of(self, changes: Iterable[ChangeRecord], most: int | None = None) -> Iterator[ChangeRecord]:
        """The first of those that fit."""
        return islice((change for change in changes if self.fits(change)), most)

    def fits(self, change: ChangeRecord) -> bool:
        """Whether this one does."""
        begun, moment = change.begun, change.entry.moment
        return (
            (self.since is None or moment >= self.since)
            and (self.until is None or moment < self.until)
            and self.database in (None, begun.database)
            and self.role in (None, begun.role)
            and (self.risk is None or _risk(begun.risk) >= self.risk)
            and self.outcome in (None, change.ending or Ending.UNKNOWN)
            and (self.text is None or self._mentioned(change, self.text.casefold()))
        )

    @staticmethod
    def _mentioned(change: ChangeRecord, text: str) -> bool:
        begun = change.begun
        said = (begun.statement or "", *begun.targets, *begun.effects, begun.migration)
        return any(text in each.casefold() for each in said)


def read_risk(text: str) -> Risk:
    """A risk as people write it.

    Raises:
        ValueError: it is none.
    """
    try:
        return Risk[text.strip().upper()]
    except KeyError:
        raise ValueError(f"{shown(text)} is none of low, medium, high") from None


def read_ending(text: str) -> Ending:
    """An outcome as people write it.

    Raises:
        ValueError: it is none.
    """
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    try:
        return Ending(word)
    except ValueError:
        raise ValueError(f"{shown(text)} is none of {', '.join(Ending)}") from None


def _risk(name: str) -> Risk:
    """A risk that is not known here, of a newer version, is the gravest."""
    try:
        return Risk[name.upper()]
    except KeyError:
        return max(Risk)
