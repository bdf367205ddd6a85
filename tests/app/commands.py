"""The command line, run in this process."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
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


def pgwarden(*arguments: str, script: str = "") -> Done:
    """Run a command line in this process, with this on its standard input."""
    out, err = io.StringIO(), io.StringIO()
    stdin, sys.stdin = sys.stdin, io.StringIO(script)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
    finally:
        sys.stdin = stdin
    return Done(code, out.getvalue(), err.getvalue())
