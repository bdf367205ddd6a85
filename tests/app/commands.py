"""The command line, run in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.app.cli import main


class Command:
    """Runs command lines in this process, in a folder and with a ledger of their own.

    Attributes:
        folder: where they run.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self.folder = folder

    def __call__(self, *arguments: str) -> tuple[int, list[str], list[str]]:
        """Run one: the exit code, the lines printed, the lines complained."""
        code = main(arguments)
        printed = self._capsys.readouterr()
        return code, printed.out.splitlines(), printed.err.splitlines()


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


def pgwarden(*arguments: str, script: str = "", **variables: str) -> Done:
    """Run a command line in a process of its own, with this on its standard input."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PGWARDEN_", "PG"))}
    done = subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        input=script,
        capture_output=True,
        text=True,
        env={**clean, **variables},
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
