"""What the gate says of itself, on standard error, as text or as JSON lines.

Enters: calls on loggers of the standard library and of structlog. Leaves: one line each, written by a thread,
so that a reader who stops reading cannot stop the gate. Deliberately absent: statements and their values (see
audit.py).
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path

import structlog
from structlog.stdlib import BoundLogger
from structlog.typing import EventDict, Processor

from proxy.app.filelog import DescriptorSink
from proxy.app.linewriter import LineWriter

_PLAIN_VALUE = re.compile(r"[\w.,:/@+\-\[\]*%~()]+")


class QueuedHandler(logging.Handler):
    """Hands formatted lines to a `LineWriter`."""

    def __init__(self, writer: LineWriter[bytes]) -> None:
        """Write through `writer`, which has been started."""
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over one line."""
        self._writer.put(self.format(record).encode("utf-8", "backslashreplace") + b"\n")


def start_log(level: str, style: str, lock: Path | None = None) -> LineWriter[bytes]:
    """Send everything that is logged from here on to standard error.

    Args:
        level: debug, info, warning or error.
        style: text or json.
        lock: held while writing, where other processes write to standard error too.

    Returns: the writer, to be closed at the very end.
    """
    writer: LineWriter[bytes] = LineWriter(
        name="log",
        sink=DescriptorSink(2, lock),
        render=bytes,
        weigh=len,
        say=lambda sentence: None,
        max_waiting=10_000,
    )
    writer.start()
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _add_time,
    ]
    handler = QueuedHandler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _as_json if style == "json" else _as_text,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of every change in the folder
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,
    )
    return writer


def logger() -> BoundLogger:
    """The program's logger."""
    found: BoundLogger = structlog.stdlib.get_logger("pgwarden")
    return found


def _add_time(log: object, method: str, event: EventDict) -> EventDict:
    event["time"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _as_json(log: object, method: str, event: EventDict) -> str:
    first = {name: event.pop(name) for name in ("time", "level", "event") if name in event}
    return json.dumps({**first, **event}, ensure_ascii=False, default=str)


def _as_text(log: object, method: str, event: EventDict) -> str:
    head = f"{event.pop('time', '')} {event.pop('level', ''):<7} {_one_line(str(event.pop('event', '')))}"
    traceback = event.pop("exception", None)
    line = " ".join([head, *(f"{name}={_quoted(value)}" for name, value in event.items())])
    return line if traceback is None else f"{line}\n{traceback}"


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)[1:-1]


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN_VALUE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
