"""Runs the migration's command, with the gate's URL in its environment.

Enters: a command, variables. Leaves: its exit code, once it has ended. Ctrl-C reaches it by the terminal;
SIGTERM is passed on, so that it can let go of its lock and what follows here is still done. Deliberately
absent: reading what it prints.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Final

VARIABLES: Final = ("DATABASE_URL", "DIRECT_URL")


def run_command(command: Sequence[str], url: str, variables: Sequence[str]) -> int:
    """Run it to its end.

    Args:
        url: goes into DATABASE_URL, DIRECT_URL and these variables.

    Returns: its exit code; 128 and the signal's number where a signal ended it.
    Raises: OSError where it cannot be started.
    """
    environment: Mapping[str, str] = {**os.environ, **dict.fromkeys((*VARIABLES, *variables), url)}
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    child = subprocess.Popen(list(command), env=environment)

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code
