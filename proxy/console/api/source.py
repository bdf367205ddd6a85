"""What the API asks of the gate: the port that app implements.

Enters: nothing. Leaves: `ApiSource`. Deliberately absent: HTTP; who somebody is (logins.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from proxy.console.operations import Operations
from proxy.console.source import ConsoleSource


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a metric; `name` is the metric's, or has an ending as histograms have it."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Stat:
    """One metric of the whole gate, as /metrics has it."""

    name: str
    kind: str
    help: str
    series: tuple[Series, ...]


class ApiSource(Protocol):
    """The gate; no answer is kept for longer than the moment."""

    @property
    def console(self) -> ConsoleSource:
        """What is shown of it."""
        ...

    @property
    def operations(self) -> Operations:
        """What people do at it."""
        ...

    async def stats(self) -> tuple[Stat, ...]:
        """What its processes count together."""
        ...
