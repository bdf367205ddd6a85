"""The benchmark of the hot path: each kind of request goes through a link, and is answered."""

import pytest

from benchmarks import hotpath


def test_each_kind_of_request_is_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hotpath, "_REQUESTS", 3)
    hotpath.main(["--rounds", "1"])
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[2:]] == [
        "select-simple-c1",
        "select-extended-c1",
        "select-prepared-c1",
        "update-simple-c1",
        "update-extended-c1",
        "unlike-simple-c1",
    ]
