"""The benchmark of judgements: it measures what it says, and tells it in a table and a file."""

from pathlib import Path

import msgspec
import pytest

from benchmarks import micro


def test_each_way_is_gone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro, "SESSIONS", 5)
    monkeypatch.setattr(micro, "RULES", 3)
    out = tmp_path / "micro.json"
    micro.main(["--rounds", "1", "--out", str(out)])
    figures = msgspec.json.decode(out.read_bytes(), type=micro.Figures)
    assert [cost.name for cost in figures.costs] == list(micro.STATEMENTS)
    assert [change.name for change in figures.changes] == list(micro.CHANGES)
    assert (figures.reload.rules, figures.reload.sessions) == (3, 5)
    shown = capsys.readouterr().out.splitlines()
    assert [line[:18].strip() for line in shown[1:4]] == list(micro.STATEMENTS)
