"""Tells of statements elsewhere, as spans.

Enters: what happened to statements, on the event loop, which never waits. Leaves: batches of spans at an
exporter, by a thread; counts of them. What waits is bounded in number and in characters: more is dropped and
counted. The thread begins where this is made: behind the fork. Deliberately absent: OpenTelemetry (otlp.py).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Awaitable, Iterable
from typing import Final, Protocol

from structlog.stdlib import BoundLogger

from proxy.app.settings import Settings
from proxy.app.tracing.spans import Happening, Held, Told, told, weight
from proxy.session import Event, GivenUp, Hold, Judged, Lifted, Passed, Released

OUTCOMES: Final = ("sent", "failed", "dropped")
MOST_WAITING: Final = 2048
MAX_WAITING_CHARS: Final = 16 * 1024 * 1024
GATHER_S: Final = 1.0
_BATCH: Final = 512
_SAY_AGAIN_AFTER_S: Final = 60.0


class Exporter(Protocol):
    """Where spans go."""

    def send(self, spans: Iterable[Told]) -> tuple[int, int]:
        """Take them there, in bounded time; returns how many were taken, and how many were not."""
        ...

    def close(self) -> None:
        """Try nothing again; any thread may call."""
        ...


class Spans:
    """Tells of one process's statements.

    Attributes:
        counts: spans by what came of them: one of OUTCOMES.
    """

    def __init__(
        self,
        exporter: Exporter,
        log: BoundLogger,
        *,
        sql_chars: int,
        unreadable: bool,
        gather_s: float = GATHER_S,
    ) -> None:
        """Start the thread.

        Args:
            exporter: used by the thread alone, but for its end.
            log: told, now and then, of what could not be sent.
            sql_chars: longest SQL in a span; the rest is cut.
            unreadable: also show texts that cannot be read, which may hold secrets.
            gather_s: how long spans are gathered for one request.
        """
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self._exporter = exporter
        self._log = log
        self._sql_chars = sql_chars
        self._unreadable = unreadable
        self._gather_s = gather_s
        self._said_at = -_SAY_AGAIN_AFTER_S
        self._waiting: deque[tuple[Happening, int]] = deque()
        self._chars = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def observe(self, event: Event) -> None:
        """Take one event of a session; returns at once."""
        if isinstance(event, Judged | Lifted | Passed):
            self._put(event)

    async def holding(self, hold: Hold, work: Awaitable[Released | GivenUp]) -> Released | GivenUp:
        """Await what a statement is held for, and tell how long that was."""
        began, outcome = time.time(), "abandoned"
        try:
            come = await work
            outcome = "released" if isinstance(come, Released) else "given_up"
        finally:
            self._put(Held(hold, began, time.time(), outcome))
        return come

    def close(self, timeout_s: float) -> None:
        """Send what waits if that can be done in time, and stop; blocks for so long at most."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        self._exporter.close()

    def _put(self, what: Happening) -> None:
        size = weight(what)
        with self._changed:
            if len(self._waiting) >= MOST_WAITING or self._chars + size > MAX_WAITING_CHARS:
                self.counts["dropped"] += 1
                return
            self._waiting.append((what, size))
            self._chars += size
            if len(self._waiting) in (1, _BATCH):
                self._changed.notify_all()  # whoever gathers needs no call for each one more

    def _take(self) -> list[Happening]:
        """Wait for something, gather for a while, take a batch; empty only once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._waiting))
            self._changed.wait_for(lambda: self._closed or len(self._waiting) >= _BATCH, self._gather_s)
            taken = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._chars -= sum(size for _, size in taken)
        return [what for what, _ in taken]

    def _run(self) -> None:
        while batch := self._take():
            spans: list[Told] = []
            for what in batch:
                try:
                    spans.append(told(what, self._sql_chars, unreadable=self._unreadable))
                except Exception as error:  # an odd one must not hide the others, nor end the thread
                    self._lost(1, type(error).__name__)
            try:
                sent, lost = self._exporter.send(spans)
            except Exception as error:  # the thread has to live, whatever a collector is like
                self._lost(len(spans), type(error).__name__)
                continue
            self.counts["sent"] += sent
            if lost:
                self._lost(lost, "the collector has not taken them")

    def _lost(self, spans: int, reason: str) -> None:
        self.counts["failed"] += spans
        now = time.monotonic()
        if now - self._said_at >= _SAY_AGAIN_AFTER_S:
            self._said_at = now
            self._log.error("spans are lost", reason=reason)


def spans_of(settings: Settings, log: BoundLogger) -> Spans | None:
    """Begin to tell where the settings say where to; else None, and OpenTelemetry is not loaded."""
    if settings.otlp_endpoint is None:
        return None
    from proxy.app.tracing.otlp import Otlp

    return Spans(
        Otlp(settings.otlp_endpoint),
        log,
        sql_chars=settings.log_sql_chars,
        unreadable=settings.log_unreadable,
    )
