"""What psql's console shows beside the page: settings, listeners, how many statements.

Enters: settings, the policies in force, what the workers report. Leaves: plain values of the console. No
setting holds a password; addresses of `notify` may, so only their number is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.app.overview.view import GateParts, GateView
from proxy.app.settings import ListenerSettings, Settings, table, written
from proxy.app.sources import Loaded
from proxy.app.workers.merging import merged
from proxy.console.psql import ConfigLine, ListenerNow, StatementCount

_STATEMENTS: Final = "pgwarden_statements"
_SECRET: Final = frozenset(("notify",))


class PsqlView(GateView):
    """Implements the port of psql's console."""

    def __init__(self, parts: GateParts, loaded: Loaded) -> None:
        """Show these settings besides."""
        super().__init__(parts)
        self._gate = parts
        self._loaded = loaded

    def config(self) -> tuple[ConfigLine, ...]:
        """Its settings; those of listeners once for each."""
        return tuple(_lines(self._loaded.settings))

    def listeners(self) -> tuple[ListenerNow, ...]:
        """Where clients connect."""
        doors = zip(self._loaded.settings.listeners, self._loaded.upstreams, strict=True)
        return tuple(
            ListenerNow(
                str(door.listen),
                upstream.host,
                upstream.port,
                door.policy,
                self._gate.policies[door.policy].mode,
                door.client_tls_mode,
                door.auth_type,
            )
            for door, upstream in doors
        )

    async def statements(self) -> tuple[StatementCount, ...]:
        """What was judged so far."""
        counts: dict[str, dict[str, int]] = {}
        for family in merged(await self._gate.reports()):
            for name, pairs, value in family.samples if family.name == _STATEMENTS else ():
                labels = dict(pairs)
                if name == f"{_STATEMENTS}_total":
                    counts.setdefault(labels["class"], {})[labels["decision"]] = int(value)
        return tuple(
            StatementCount(name, *(found.get(each, 0) for each in ("allowed", "shadowed", "refused")))
            for name, found in sorted(counts.items())
        )


def _lines(settings: Settings) -> Iterator[ConfigLine]:
    for setting in table():
        if not setting.of_listener:
            yield ConfigLine(setting.name, _value(setting.name, settings), setting.default)
            continue
        for number, door in enumerate(settings.listeners):
            name = setting.name if len(settings.listeners) == 1 else f"listeners.{number}.{setting.name}"
            yield ConfigLine(name, _value(setting.name, door), setting.default)


def _value(name: str, settings: Settings | ListenerSettings) -> str:
    value = getattr(settings, name)
    return str(len(value)) if name in _SECRET else written(name, value)
