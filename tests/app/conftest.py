"""Fixtures: `command` runs a command line in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.commands import Command


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """In a folder of its own, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGWARDEN_LEDGER", str(tmp_path / "ledger"))
    monkeypatch.delenv("PGWARDEN_ADMIN", raising=False)
    return Command(capsys, tmp_path)
