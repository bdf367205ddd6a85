"""Slices to figures: stolen slices dropped, ratios within rounds, verdicts of a comparison."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.compare import Verdict, compare, judge
from benchmarks.machine import (
    Machine,
    cpu_ns,
    forget_peak,
    memory_bytes,
    peak_bytes,
    stolen_ticks,
)
from benchmarks.report import report, table, with_quartiles
from benchmarks.results import (
    FORMAT,
    Reading,
    Run,
    Slice,
    Spread,
    clean_rounds,
    cpu,
    figure,
    load,
    p99,
    quotient,
    rate,
    ratio,
    save,
)
from benchmarks.rows import WORKLOADS
from benchmarks.statements import BESIDE
from benchmarks.workloads import Mode, Queries, select

OF_THE_POOL = {
    "new-1%-c8": 10 + 99,
    "new-10%-c8": 100 + 90,
    "bound-10%-c8": 100 + 90,
    "unlike-10%-c8": 100 + 90,
}
"""Of a thousand texts so many are new, and the others come again."""
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
    assert "| select-simple-c1 |       200 | 0.75 (0.62..0.88) |" in report(run).splitlines()


def test_a_row_says_what_it_counts_and_stands_where_there_is_something_to_say() -> None:
    run = replace(
        run_of(slices("pgbouncer", [100]), slices("gate", [75])),
        workloads=("tls-simple-c1", WORKLOAD),
        units={WORKLOAD: "MB"},
    )
    assert [line for line in report(run).splitlines() if "simple" in line] == [
        "| select-simple-c1, MB |       100 | 0.75 (0.75..0.75) |",
        "| select-simple-c1, MB |      30.0 | 30.0 | 1.00 (1.00..1.00) |",
        "| select-simple-c1, MB |   50 / 90 | 50 / 90 |",
    ]


def test_what_others_notice_is_held_against_what_they_do_alone() -> None:
    quiet, rows, values = (workload.name for workload in BESIDE)
    tails = {quiet: 100.0, rows: 250.0, values: 90.0}
    every = [replace(slices("gate", [1])[0], workload=name, p99_us=tail) for name, tail in tails.items()]
    run = replace(run_of(every), workloads=tuple(tails))
    assert quotient(run, (rows, "gate"), (quiet, "gate"), p99) == Spread(2.5, 2.5, 2.5, 1)
    assert report(run).split("\n\n")[-1].splitlines()[2:] == [
        f"| {rows}     | 2.50 (2.50..2.50) |",
        f"| {values}  | 0.90 (0.90..0.90) |",
    ]


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


def test_readings_have_a_table_and_are_compared(tmp_path: Path) -> None:
    def with_idle(*values: float) -> Run:
        readings = tuple(Reading("memory-idle", "gate", value) for value in values)
        run = run_of(slices("pgbouncer", [100]), slices("gate", [75]))
        units = {"memory-idle": "kB a connection"}
        return replace(run, readings=(*readings, Reading("memory-idle", "pgbouncer", 2.0)), units=units)

    before, after = with_idle(4.0, 5.0, 6.0), with_idle(7.0, 8.0, 9.0)
    assert report(before).split("\n\n")[-1].splitlines()[2] == (
        "| memory-idle, kB a connection | 2.00 (2.00..2.00) | 5.00 (4.50..5.50) |"
    )
    text, worse = compare(before, after)
    assert worse
    last = [line for line in text.splitlines() if "memory" in line and "gate" in line]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in last] == [
        ["memory-idle", "gate kB a connection", "5.00 (4.50..5.50)", "8.00 (7.50..8.50)", "+60.0%", "WORSE"]
    ]
    save(after, tmp_path / "run.json")
    assert load(tmp_path / "run.json") == after


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save(run_of(slices("pgbouncer", [100])), path)
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(ValueError, match="format 99"):
        load(path)


def test_requests_carry_new_keys_and_are_equally_long() -> None:
    for workload in WORKLOADS:
        if not isinstance(workload, Queries):
            continue
        requests = {tuple(workload.request(number)) for number in range(1000)}
        assert len(requests) == (OF_THE_POOL.get(workload.name, 1000)), workload.name
        (lengths,) = {tuple(map(len, request)) for request in requests}
        assert max(lengths) < 4096, "each is sent by one call"
    (simple,) = select(Mode.SIMPLE, 1).request(1)
    assert simple == b"Q\0\0\0\x3eSELECT abalance FROM pgbench_accounts WHERE aid = 1611953\0"


def test_the_kernel_is_read() -> None:
    assert stolen_ticks() >= 0
    assert cpu_ns(1) > 0


def test_the_most_memory_is_told_since_it_was_forgotten() -> None:
    """In a process of its own, which takes 64 MiB and gives them back."""
    code = "import sys\nfor _ in sys.stdin: bytearray(1 << 26); print('taken', flush=True)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for since in range(2):
            print("take", file=process.stdin, flush=True)
            assert process.stdout.readline() == "taken\n"
            assert peak_bytes(process.pid) - memory_bytes(process.pid) > 1 << 25, since
            forget_peak(process.pid)
            assert peak_bytes(process.pid) - memory_bytes(process.pid) < 1 << 25
        process.stdin.close()
