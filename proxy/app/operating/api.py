"""Implements the API's port in the supervisor's process.

Enters: what the console shows, what people do, what the processes count. Leaves: the three together.
Deliberately absent: HTTP; who somebody is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from proxy.app.workers.merging import Family, merged
from proxy.console.api import Series, Stat
from proxy.console.operations import Operations
from proxy.console.source import ConsoleSource

_OURS: Final = "pgwarden_"


@dataclass(frozen=True, slots=True)
class GateApi:
    """The port.

    Attributes:
        reports: what each process counts.
    """

    console: ConsoleSource
    operations: Operations
    reports: Callable[[], Awaitable[Iterable[Iterable[Family]]]]

    async def stats(self) -> tuple[Stat, ...]:
        """What its processes count together."""
        return tuple(
            Stat(
                family.name,
                family.kind,
                family.help,
                tuple(Series(name, dict(labels), value) for name, labels, value in family.samples),
            )
            for family in merged(await self.reports())
            if family.name.startswith(_OURS)
        )
