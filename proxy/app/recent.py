"""The newest refusals, on their way from the workers to the console.

Enters: lines of the refusal log as they are written down, secrets masked, from a log's thread. Leaves: an
`Outbox` in each worker, which its reports empty; in the supervisor `Recent`, which holds those of all
workers. Both hold so many lines and no more; what does not fit is counted. Deliberately absent: statements
as they were sent.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec

from proxy.app.audit import RefusalLine
from proxy.console import Refusal, Refusals

MOST_LINES: Final = 500
MAX_LINE_BYTES: Final = 16 * 1024
_SHOWN_FOR: Final = timedelta(hours=1)
_LINES: Final = msgspec.json.Decoder(RefusalLine)


class Outbox:
    """One worker's lines since its last report."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._lines: deque[bytes] = deque()
        self._left_out = 0

    def put(self, line: bytes) -> None:
        """Take a line; any thread may call."""
        with self._lock:
            if len(line) > MAX_LINE_BYTES:
                self._left_out += 1
                return
            self._lines.append(line)
            if len(self._lines) > MOST_LINES:
                self._lines.popleft()
                self._left_out += 1

    def take(self) -> tuple[tuple[bytes, ...], int]:
        """The lines, the oldest first, and how many were left out; both begin anew."""
        with self._lock:
            taken = tuple(self._lines), self._left_out
            self._lines.clear()
            self._left_out = 0
        return taken


class Recent:
    """The newest lines of all workers; used on the event loop alone."""

    def __init__(self, began: datetime) -> None:
        """Begin empty."""
        self._since = began
        self._refusals: deque[Refusal] = deque()
        self._left_out = 0
        self._waiting: set[asyncio.Event] = set()

    def add(self, lines: tuple[bytes, ...], left_out: int) -> None:
        """Take what a worker reports."""
        self._left_out += left_out
        self._refusals.extend(map(_refusal, lines))
        while len(self._refusals) > MOST_LINES:
            self._since = max(self._since, self._refusals.popleft().at)
        if lines or left_out:
            for event in self._waiting:
                event.set()

    def last_hour(self, now: datetime) -> Refusals:
        """Those of the hour before `now`, the newest first."""
        since = now - _SHOWN_FOR
        shown = sorted(
            (each for each in self._refusals if each.at >= since), key=lambda r: r.at, reverse=True
        )
        return Refusals(tuple(shown), max(since, self._since), self._left_out)

    @contextmanager
    def arrivals(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever some have come."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)


def _refusal(raw: bytes) -> Refusal:
    line = _LINES.decode(raw)
    return Refusal(
        at=datetime.fromisoformat(line.time),
        decision_id=line.decision_id,
        enforced=line.event == "refused",
        rule=line.rule,
        rules=tuple(line.rules),
        message=line.message,
        effects=tuple(line.effects),
        targets=tuple(line.targets),
        missing=tuple(line.missing),
        role=line.role,
        database=line.database,
        address=line.client_address,
        application=line.application,
        listener=line.listener,
        sql=line.sql,
    )
