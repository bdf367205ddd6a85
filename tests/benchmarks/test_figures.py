"""Slices to figures: stolen slices dropped, ratios within rounds, verdicts of a comparison."""

from pathlib import Path

import pytest

from benchmarks import workloads
from benchmarks.compare import Verdict, compare, judge
from benchmarks.machine import Machine, cpu_ns, stolen_ticks
from benchmarks.report import report, table, with_quartiles
from benchmarks.results import FORMAT, Run, Slice, Spread, clean_rounds, cpu, figure, load, rate, ratio, save

WORKLOAD = "select-simple-c1"
MACHINE = Machine("a processor", 2, 1024, "6.1", "3.11", 0.0)


def slices(target: str, rates: list[float], stolen: frozenset[int] = frozenset()) -> list[Slice]:
    cpu_us = None if target == "direct" else 30.0
    return [
        Slice(WORKLOAD, target, number, per_second, 50.0, 90.0, cpu_us, 10.0, int(number in stolen))
        for number, per_second in enumerate(rates)
    ]


def run_of(*found: list[Slice]) -> Run:
    every = tuple(one for part in found for one in part)
    targets = tuple(dict.fromkeys(one.target for one in every))
    return Run(
        format=FORMAT,
        date="2026-01-02T03:04:05+00:00",
        machine=MACHINE,
        versions={target: "1" for target in targets},
        missing={},
        slices_wanted=3,
        slice_seconds=0.5,
        key_count=10,
        targets=targets,
        workloads=(WORKLOAD,),
        slices=every,
    )


def test_a_ratio_is_taken_round_by_round() -> None:
    run = run_of(slices("pgbouncer", [100, 200, 400]), slices("gate", [75, 200, 200]))
    assert ratio(run, WORKLOAD, "gate", "pgbouncer") == Spread(0.75, 0.625, 0.875, 3)


def test_a_round_with_stolen_time_on_either_side_is_dropped() -> None:
    run = run_of(
        slices("pgbouncer", [100, 100, 100], frozenset({0})), slices("gate", [50, 80, 20], frozenset({2}))
    )
    assert ratio(run, WORKLOAD, "gate", "pgbouncer") == Spread(0.8, 0.8, 0.8, 1)
    assert figure(run, WORKLOAD, "gate", rate) == Spread(65.0, 57.5, 72.5, 2)
    assert clean_rounds(run.slices, WORKLOAD) == 1


def test_stolen_slices_are_marked_when_there_are_no_others() -> None:
    run = run_of(slices("pgbouncer", [100], frozenset({0})), slices("gate", [90]))
    assert ratio(run, WORKLOAD, "gate", "pgbouncer") == Spread(0.9, 0.9, 0.9, 1, stolen=True)
    assert with_quartiles(ratio(run, WORKLOAD, "gate", "pgbouncer")) == "0.90* (0.90..0.90)"


def test_the_server_has_no_cpu_figure() -> None:
    run = run_of(slices("direct", [100]), slices("pgbouncer", [100]))
    assert figure(run, WORKLOAD, "direct", cpu) is None
    assert ratio(run, WORKLOAD, "direct", "pgbouncer", cpu) is None


def test_a_table_lines_up() -> None:
    assert table(["a", "bcd"], [["xyz", "1"]]) == "| a   | bcd |\n| --- | --: |\n| xyz |   1 |"


def test_the_report_has_the_ratios() -> None:
    run = run_of(slices("pgbouncer", [100, 200, 400]), slices("gate", [75, 200, 200]))
    assert "| select-simple-c1   |       200 | 0.75 (0.62..0.88) |" in report(run).splitlines()


@pytest.mark.parametrize(
    ("before", "after", "more_is_better", "verdict"),
    [
        (Spread(0.90, 0.88, 0.92, 9), Spread(0.93, 0.91, 0.95, 9), True, Verdict.SAME),
        (Spread(0.90, 0.89, 0.91, 9), Spread(0.95, 0.94, 0.96, 9), True, Verdict.BETTER),
        (Spread(0.90, 0.89, 0.91, 9), Spread(0.95, 0.94, 0.96, 9), False, Verdict.WORSE),
        (Spread(0.95, 0.94, 0.96, 9), Spread(0.90, 0.89, 0.91, 9), True, Verdict.WORSE),
        (Spread(1.000, 0.999, 1.001, 9), Spread(0.990, 0.989, 0.991, 9), True, Verdict.SAME),
    ],
)
def test_verdicts(before: Spread, after: Spread, more_is_better: bool, verdict: Verdict) -> None:
    assert judge(before, after, more_is_better) is verdict


def test_a_run_survives_its_file_and_is_no_worse_than_itself(tmp_path: Path) -> None:
    run = run_of(slices("pgbouncer", [100, 200, 400]), slices("gate", [75, 200, 200]))
    save(run, tmp_path / "run.json")
    assert load(tmp_path / "run.json") == run
    text, worse = compare(run, load(tmp_path / "run.json"))
    assert not worse
    assert [line.split("|")[2].strip() for line in text.splitlines()[2:]] == ["gate speed", "gate CPU"]


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save(run_of(slices("pgbouncer", [100])), path)
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(ValueError, match="format 99"):
        load(path)


def test_requests_carry_new_keys_and_are_equally_long() -> None:
    for workload in workloads.WORKLOADS:
        requests = {workload.request(number) for number in range(1000)}
        assert len(requests) == 1000
        assert {len(request) for request in requests} == {len(workload.request(0))}
    simple = workloads.WORKLOADS[0].request(1)
    assert simple == b"Q\0\0\0\x3eSELECT abalance FROM pgbench_accounts WHERE aid = 1611953\0"


def test_the_kernel_is_read() -> None:
    assert stolen_ticks() >= 0
    assert cpu_ns(1) > 0
