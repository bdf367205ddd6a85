"""The measurement of stalls runs and tells what came of each text; no time is asserted."""

from __future__ import annotations

import pytest

from benchmarks import stall
from tests.conftest import Programs


def test_it_tells_the_answers(programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    stall.main(["--rounds", "1", "--only", "SELECT 1|parentheses|/**/", "--postgres", str(programs())])
    shown = capsys.readouterr().out.splitlines()
    assert [line[70:95] for line in shown[:-1]] == [
        "done",
        "42601: memory exhausted a",
        "54000: This statement tak",
    ]
    assert shown[-1].startswith("two killed readers are replaced in ")
