"""A directory that goes when its owner does, however that ends, and the programs at work in it.

Enters: nothing. Leaves: a directory. As with the cluster's watcher, a shell waits on a pipe whose other end
only this process holds.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from proxy.backup.clients import stop
from proxy.backup.watcher import watcher

# Each file `PID` in $1/pids names a program with a process group of its own.
_WATCHER: Final = """
read -r _ || :
for file in "$1"/pids/*; do [ -e "$file" ] && kill -TERM -- "-${file##*/}" 2>/dev/null; done
rm -rf -- "$1"
"""


class Scratch:
    """A directory for a while.

    Attributes:
        path: empty; what it holds is removed with it.
    """

    def __init__(self, root: Path) -> None:
        """Take an empty directory."""
        self.path = root / "work"
        self._pids = root / "pids"
        for directory in (self.path, self._pids):
            directory.mkdir(mode=0o700)

    @contextmanager
    def ending(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """While this runs, the program ends when we end; it must lead a process group."""
        mark = self._pids / str(process.pid)
        mark.touch()
        try:
            yield
        finally:
            stop(process)
            mark.unlink(missing_ok=True)


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Scratch]:
    """Have a directory, in TMPDIR unless said otherwise."""
    root = Path(tempfile.mkdtemp(prefix="pgwarden-backup-", dir=parent))
    cleaner = watcher(_WATCHER, root)
    try:
        yield Scratch(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
        cleaner.communicate()
