"""The command line, run in this process."""

from __future__ import annotations

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
