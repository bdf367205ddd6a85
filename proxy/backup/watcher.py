"""What cleans up when this process is gone, however it went."""

from __future__ import annotations

import subprocess
from pathlib import Path


def watcher(script: str, directory: Path) -> subprocess.Popen[bytes]:
    """Start a shell that waits for the end of its standard input, and so of this process, then cleans up.

    It has a session of its own: neither Ctrl-C nor a signal to our process group reaches it.

    Args:
        script: reads until that end; `$1` is the directory.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "pgwarden-watcher", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
