"""The command itself, on real servers, with slices too short to mean anything: no time is asserted."""

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.results import load
from benchmarks.rows import WORKLOADS
from tests.conftest import Programs


def test_a_run_measures_publishes_and_compares(
    programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.json"
    tiny = ["--slices", "1", "--slice-seconds", "0.1", "--output", str(file), "--postgres", str(programs())]
    assert command.main([*tiny, "--only", "select-*-c1,select-*-c8", "--targets", "direct,relay"]) == 0
    run = load(file)
    assert run.targets == ("direct", "relay")
    assert run.workloads == tuple(
        f"select-{mode}-c{n}" for mode in ("simple", "extended", "prepared") for n in (1, 8)
    )
    assert {(found.workload, found.target) for found in run.slices} == {
        (workload, target) for workload in run.workloads for target in run.targets
    }
    assert all(found.per_second > 0 for found in run.slices)
    assert [found.cpu_us is None for found in run.slices if found.round == 0] == [
        found.target == "direct" for found in run.slices if found.round == 0
    ]
    assert "relay / direct" in capsys.readouterr().out

    readme = tmp_path / "README.md"
    readme.write_text(command.README.read_text())
    monkeypatch.setattr(command, "README", readme)
    assert command.main(["publish", str(file)]) == 0
    published = readme.read_text()
    assert command.main(["publish", str(file)]) == 0
    assert readme.read_text() == published
    assert "relay / direct" in published

    assert command.main(["compare", str(file), str(file)]) == 0


ONE_OF_EACH = (
    "orm-simple-c8",
    "bulk-copy-in",
    "bulk-copy-out",
    "connect-c8",
    "tls-extended-c8",
    "two-prepared-c32",
    "unix-simple-c1",
)


def test_each_kind_of_row_is_measured(
    programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    tiny = ["--slices", "1", "--slice-seconds", "0.02", "--output", str(file), "--postgres", str(programs())]
    only = (*ONE_OF_EACH, "beside-nothing", "beside-1000", "new-10%")
    targets = ("direct", "pgbouncer", "pgbouncer-unix", "relay", "gate", "unjudged")
    assert command.main([*tiny, "--only", ",".join(only), "--targets", ",".join(targets)]) == 0
    run = load(file)
    assert (run.missing, run.targets) == ({}, targets)
    assert run.units == {"bulk-copy-out": "MB", "bulk-copy-in": "MB", "connect-c8": "logins"}
    measured = {(found.workload, found.target) for found in run.slices}
    assert measured == {
        (workload.name, target)
        for workload in WORKLOADS
        for target in workload.targets
        if workload.name in run.workloads and target in targets
    }
    assert [name for name in run.workloads if (name, "unjudged") in measured] == [
        "orm-simple-c8",
        "new-10%-c8",
    ]
    shown = capsys.readouterr().out
    assert "gate / unjudged" in shown
    assert "p99 / beside-nothing-prepared-c4" in shown


def test_what_cannot_be_measured_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "nonesuch"]) == 2
    assert capsys.readouterr().err == "nothing to measure: --only and --targets leave no cell\n"
    (tmp_path / "broken.json").write_text("{}")
    assert command.main(["publish", str(tmp_path / "broken.json")]) == 1
    assert "missing required field" in capsys.readouterr().err
