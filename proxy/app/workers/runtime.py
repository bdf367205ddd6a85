"""The gate's private folder: what its processes share while it runs, and nobody else.

Enters: the folder to make it in. Leaves: a folder of mode 0700, gone when the gate has ended. In it lie the
locks under which the processes write to the same standard output, and sockets by which they find each other.
Deliberately absent: anything that has to outlive the gate.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from proxy.app.starting import StartError

# A socket's path has at most 107 bytes (unix(7)); the longest name in the folder takes some.
_LONGEST_PATH: Final = 90

CONSOLE_NUMBER: Final = 0
"""Of the console's socket, which is named as PostgreSQL's are; those of workers are numbered from 1."""


class RuntimeFolder:
    """One gate's folder.

    Attributes:
        path: where it lies.
    """

    def __init__(self, parent: str | None) -> None:
        """Make it.

        Args:
            parent: the folder to make it in; None looks for one.

        Raises:
            StartError: it cannot be made, or its path is too long for a socket's.
        """
        try:
            parent = parent or os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
            self.path = Path(tempfile.mkdtemp(prefix="pgwarden-", dir=parent)).absolute()
        except OSError as error:
            where = parent or "any of the usual places (set runtime_dir)"
            raise StartError(f"the runtime folder cannot be made in {where}: {error.strerror}") from error
        if len(os.fsencode(self.path)) > _LONGEST_PATH:
            self.remove()
            raise StartError(
                f"runtime_dir: {self.path.parent} is too long for the sockets in it: "
                f"at most {_LONGEST_PATH - len(os.fsencode(self.path.name)) - 1} bytes",
                wrong_setting=True,
            )

    @property
    def output_lock(self) -> Path:
        """Held while a process writes to standard output."""
        return self.path / "standard-output.lock"

    @property
    def error_lock(self) -> Path:
        """Held while a process writes to standard error."""
        return self.path / "standard-error.lock"

    @property
    def console(self) -> Path:
        """The socket to which workers pass callers of the console on."""
        return self.path / f".s.PGSQL.{CONSOLE_NUMBER}"

    def remove(self) -> None:
        """Remove it and all that is in it; the gate has ended."""
        shutil.rmtree(self.path, ignore_errors=True)

    def leave(self) -> None:
        """Remove it if nobody else has anything in it: what workers do when nobody is left to do it."""
        with suppress(OSError):
            for file in (self.output_lock, self.error_lock, self.console):
                file.unlink(missing_ok=True)
            self.path.rmdir()
