"""What the gate's log says of connections that were turned away: each cause at most once a minute.

Enters: each such connection. Leaves: a line for the first of a cause, and later how many there were
meanwhile. Whoever floods the gate must not fill its log, too. Deliberately absent: counting for metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from structlog.stdlib import BoundLogger

_SAY_AGAIN_AFTER_S: Final = 60.0


class TurnedAway:
    """Says it to the log, but not each time."""

    def __init__(self, log: BoundLogger, clock: Callable[[], float]) -> None:
        """Begin with nothing said."""
        self._log = log
        self._clock = clock
        self._said_at: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def __call__(self, setting: str, address: str | None, why: str) -> None:
        """This setting had a connection turned away; ``why`` where that alone does not tell."""
        cause = f"{setting}: {why}" if why else setting
        now = self._clock()
        last = self._said_at.get(cause)
        if last is not None and now - last < _SAY_AGAIN_AFTER_S:
            self._unsaid[cause] = self._unsaid.get(cause, 0) + 1
            return
        self._said_at[cause] = now
        more = self._unsaid.pop(cause, 0)
        self._log.warning("connection refused", reason=cause, client=address or "unknown", more_before=more)
