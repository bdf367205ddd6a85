"""The two logs of statements, and the observer that fills them.

Enters: the sessions' events, on the event loop. Leaves: lines in the refusal log and, where it is on, the
statement log. Nothing here can end a session: an observer that raised would. Deliberately absent: the fields
(audit.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from proxy.app.audit import render_judged, render_passed, weigh_judged, weigh_passed
from proxy.app.filelog import Sink, open_sink
from proxy.app.linewriter import LineWriter
from proxy.app.settings import Settings
from proxy.session import Event, Judged, Passed


class StatementLogs:
    """Writes what sessions report."""

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], None],
        lock: Path | None = None,
        shown: Callable[[bytes], None] | None = None,
    ) -> None:
        """Open the files and start their threads.

        Args:
            settings: which files.
            say: told, now and then, that lines are being lost.
            lock: held while writing to standard output, where others write to it too.
            shown: given each line of the refusal log, in the log's thread.

        Raises:
            OSError: a file cannot be opened; its `filename` says which.
        """
        refusals = _open(settings.refusal_log, settings, lock)
        passed = None if settings.statement_log is None else _open(settings.statement_log, settings, lock)
        self._refusals: LineWriter[Judged] = LineWriter(
            name="refusal log",
            sink=refusals,
            render=_told(render_judged(settings.log_sql_chars, unreadable=settings.log_unreadable), shown),
            weigh=weigh_judged,
            say=say,
            max_waiting=settings.log_queue,
        )
        self._passed: LineWriter[Passed] | None = None
        if passed is not None:
            self._passed = LineWriter(
                name="statement log",
                sink=passed,
                render=render_passed(unreadable=settings.log_unreadable),
                weigh=weigh_passed,
                say=say,
                max_waiting=settings.log_queue,
            )
            self._passed.start()
        self._refusals.start()

    def observe(self, event: Event) -> None:
        """Take one event; returns at once."""
        match event:
            case Judged():
                self._refusals.put(event)
            case Passed() if self._passed is not None:
                self._passed.put(event)
            case _:
                pass

    def failures(self) -> dict[tuple[str, ...], int]:
        """Lines lost, by log and reason."""
        counted: dict[tuple[str, ...], int] = {}
        for name, log in (("refusals", self._refusals), ("statements", self._passed)):
            if log is not None:
                counted[name, "dropped"] = log.failures.dropped
                counted[name, "unwritten"] = log.failures.unwritten
                counted[name, "unrendered"] = log.failures.unrendered
        return counted

    def reopen(self) -> None:
        """Begin new files, for files that somebody else has moved away."""
        self._refusals.reopen()
        if self._passed is not None:
            self._passed.reopen()

    def close(self, timeout_s: float) -> None:
        """Write what waits, then stop."""
        self._refusals.close(timeout_s)
        if self._passed is not None:
            self._passed.close(timeout_s)


def _told(
    render: Callable[[Judged], bytes], shown: Callable[[bytes], None] | None
) -> Callable[[Judged], bytes]:
    if shown is None:
        return render

    def told(event: Judged) -> bytes:
        line = render(event)
        shown(line)
        return line

    return told


def _open(path: str, settings: Settings, lock: Path | None) -> Sink:
    return open_sink(path, settings.log_rotate_bytes, settings.log_keep, lock)
