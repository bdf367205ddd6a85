"""A queue and a thread between the event loop and a log file.

Enters: records, from the event loop, which never waits: `put` only hands over a reference. Leaves: lines in a
sink. When the disk is slower than the gate, the queue fills and further records are dropped; when a write
fails (a full disk), those lines are dropped. Both are counted and said on standard error; no session notices.
Deliberately absent: holding a statement until its record is durable, which is the ledger's business.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from proxy.app.filelog import Sink

Record = TypeVar("Record")

MAX_QUEUED_CHARS = 64 * 1024 * 1024
_BATCH_LINES = 256
_BATCH_BYTES = 1024 * 1024
_SAY_AGAIN_AFTER_S = 60.0


class _Signal:
    """What goes through the queue beside records."""


_CLOSE = _Signal()
_REOPEN = _Signal()


@dataclass(slots=True)
class LogFailures:
    """Lines lost, by reason.

    Attributes:
        dropped: the queue was full. Written by the event loop's thread alone.
        unwritten: the write failed. Written by the log's own thread alone, like the next.
        unrendered: a record could not be made into a line.
    """

    dropped: int = 0
    unwritten: int = 0
    unrendered: int = 0


@dataclass(slots=True)
class LineWriter(Generic[Record]):
    """Writes records to a sink from a thread of its own.

    Attributes:
        name: of the log, for messages and the metric.
        render: a record's line, with its newline. Runs in the thread.
        weigh: how many characters a record keeps alive while it waits.
        say: told, now and then, that lines are being lost. Called from either thread.
        max_waiting: how many records may wait.
    """

    name: str
    sink: Sink
    render: Callable[[Record], bytes]
    weigh: Callable[[Record], int]
    say: Callable[[str], None]
    max_waiting: int
    failures: LogFailures = field(default_factory=LogFailures)
    _queue: SimpleQueue[Record | _Signal] = field(default_factory=SimpleQueue)
    _put_chars: int = 0
    _taken_chars: int = 0
    _said_at: dict[str, float] = field(default_factory=dict)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=f"log-{self.name}", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Hand over a record; returns at once, whatever the disk does."""
        weight = self.weigh(record)
        waiting = self._put_chars - self._taken_chars
        if self._queue.qsize() >= self.max_waiting or (waiting and waiting + weight > MAX_QUEUED_CHARS):
            self.failures.dropped += 1
            self._complain("dropped", f"the {self.name} cannot keep up: lines are dropped")
            return
        self._put_chars += weight
        self._queue.put(record)

    def reopen(self) -> None:
        """Begin a new file after what waits now; for a log that somebody else rotates."""
        self._queue.put(_REOPEN)

    def close(self, timeout_s: float) -> None:
        """Write what waits, then stop; gives up after a while, for a disk that hangs."""
        if self._thread is not None:
            self._queue.put(_CLOSE)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            lines: list[bytes] = []
            size = 0
            while not isinstance(item, _Signal):
                line = self._line(item)
                self._taken_chars += self.weigh(item)
                lines.append(line)
                size += len(line)
                if len(lines) >= _BATCH_LINES or size >= _BATCH_BYTES:
                    break
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
            self._write([line for line in lines if line])
            if item is _REOPEN:
                self.sink.reopen()
            elif item is _CLOSE:
                self.sink.close()
                return

    def _line(self, record: Record) -> bytes:
        try:
            return self.render(record)
        except Exception as error:  # the thread has to live, and one odd record must not hide those after it
            self.failures.unrendered += 1
            self._complain("unrendered", f"a line of the {self.name} cannot be made: {type(error).__name__}")
            return b""

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            self.sink.write(b"".join(lines))
        except OSError as error:
            self.failures.unwritten += len(lines)
            self._complain(
                "unwritten", f"the {self.name} cannot be written, lines are lost: {error.strerror or error}"
            )

    def _complain(self, reason: str, sentence: str) -> None:
        now = time.monotonic()
        if now - self._said_at.get(reason, -_SAY_AGAIN_AFTER_S) >= _SAY_AGAIN_AFTER_S:
            self._said_at[reason] = now
            self.say(sentence)
