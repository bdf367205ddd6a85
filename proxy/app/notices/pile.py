"""Notices on their way to one target: piled up, and taken as one bundle.

Enters: notices, from any thread; adding one never waits for a target. Leaves: all since the last time: how
many of which event and rule, and the first few of each event. Memory is bounded by that, whatever a target
does and however many come, so nothing has to be dropped uncounted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Final

FIRST: Final = 5
MOST_COUNTED: Final = 200
OTHERS: Final = "(others)"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell.

    Attributes:
        event: one of EVENTS.
        rule: that it is counted by; "" for none.
        fields: makes what is told of it, secrets masked. Called in a target's thread, if at all.
    """

    event: str
    rule: str
    fields: Callable[[], Mapping[str, object]]


@dataclass(slots=True)
class Bundle:
    """What has piled up: counts by (event, rule), and the first few of each event."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    first: list[Notice] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many notices it stands for."""
        return sum(self.counts.values())

    def add(self, notice: Notice) -> None:
        """Take one in."""
        key = (notice.event, notice.rule)
        if key not in self.counts and len(self.counts) >= MOST_COUNTED:
            key = (notice.event, OTHERS)
        self.counts[key] = self.counts.get(key, 0) + 1
        if sum(each.event == notice.event for each in self.first) < FIRST:
            self.first.append(notice)


class Pile:
    """A bundle that grows until it is taken."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._bundle = Bundle()
        self._changed = Condition()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more is waited for."""
        return self._closed

    def add(self, notice: Notice) -> None:
        """Take one in; returns at once."""
        with self._changed:
            if not self._bundle.counts:
                self._changed.notify_all()  # whoever gathers needs no call for each one more
            self._bundle.add(notice)

    def close(self) -> None:
        """Let whoever waits go on at once, and for ever after."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def rest(self, time_s: float) -> None:
        """Wait that long, or until it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, time_s)

    def take(self, gather_s: float) -> Bundle:
        """Wait for a notice, gather for a while, take all; empty only once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._bundle.counts))
            self._changed.wait_for(lambda: self._closed, gather_s)
            taken, self._bundle = self._bundle, Bundle()
            return taken
