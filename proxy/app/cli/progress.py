"""How far long work is: a bar on a terminal, nothing in a pipe or a log.

Enters: what begins, how much of it is done. Leaves: marks on standard error. Deliberately absent: results.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from proxy.app.sizes import shown_size


class Bar:
    """One line that tells what is under way; a `proxy.backup.make.Watcher`."""

    def __init__(self) -> None:
        """Show it only where somebody sees it."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[size]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None

    def step(self, text: str, total: int | None = None) -> None:
        """Something new begins."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(Text(text).markup, total=total, size="")

    def at(self, done: int) -> None:
        """So much of it is done."""
        if self._task is not None:
            self._progress.update(self._task, completed=done)

    def written(self, size_bytes: int) -> None:
        """So many bytes are written."""
        if self._task is not None:
            self._progress.update(self._task, size=shown_size(size_bytes))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
