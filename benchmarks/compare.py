"""Two runs side by side: did a target get better or worse against PgBouncer?

Enters: two runs, of one machine if the verdict shall mean anything. Leaves: a table with a verdict for each
cell. Deliberately absent: absolute rates; they differ from day to day by more than what changed. Readings
have nothing to be divided by, so they have to change more.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.report import table, with_quartiles
from benchmarks.results import Measure, Run, Spread, cpu, rate, ratio, reading
from benchmarks.targets import REFERENCE

_LEAST_CHANGE: Final = 0.02
"""A smaller change is called none, even where the quartiles lie apart: two runs of the same code differ by
as much."""

_LEAST_OF_READINGS: Final = 0.10


class Verdict(enum.Enum):
    """What became of a cell."""

    SAME = "same"
    BETTER = "better"
    WORSE = "WORSE"


@dataclass(frozen=True, slots=True)
class Change:
    """One cell in both runs, as ratios to the reference."""

    workload: str
    target: str
    measure: str
    before: Spread
    after: Spread
    verdict: Verdict


def judge(before: Spread, after: Spread, more_is_better: bool, least: float = _LEAST_CHANGE) -> Verdict:
    """Call a change one only where the quartiles do not overlap and the medians differ enough."""
    if after.low <= before.high and before.low <= after.high:
        return Verdict.SAME
    if not before.median or abs(after.median / before.median - 1) < least:
        return Verdict.SAME
    return Verdict.BETTER if (after.median > before.median) == more_is_better else Verdict.WORSE


def changes(before: Run, after: Run) -> Iterator[Change]:
    """Yield every cell that both runs have, for speed and for CPU, but for the reference's own."""
    measures: tuple[tuple[str, Measure, bool], ...] = (("speed", rate, True), ("CPU", cpu, False))
    for workload in (name for name in before.workloads if name in after.workloads):
        for target in (name for name in before.targets if name in after.targets and name != REFERENCE):
            for name, measure, more_is_better in measures:
                first = ratio(before, workload, target, REFERENCE, measure)
                second = ratio(after, workload, target, REFERENCE, measure)
                if first is not None and second is not None:
                    verdict = judge(first, second, more_is_better)
                    yield Change(workload, target, name, first, second, verdict)


def changed_readings(before: Run, after: Run) -> Iterator[Change]:
    """Yield every reading that both runs have; less is better."""
    for row, target in dict.fromkeys((found.row, found.target) for found in before.readings):
        first, second = reading(before, row, target), reading(after, row, target)
        if first is not None and second is not None:
            verdict = judge(first, second, False, _LEAST_OF_READINGS)
            yield Change(row, target, before.units.get(row, ""), first, second, verdict)


def _by(before: float, after: float) -> str:
    return f"{100 * (after / before - 1):+.1f}%" if before else ""


def compare(before: Run, after: Run) -> tuple[str, bool]:
    """Return the table, and whether anything got worse."""
    found = [*changes(before, after), *changed_readings(before, after)]
    rows = [
        [
            change.workload,
            f"{change.target} {change.measure}",
            with_quartiles(change.before),
            with_quartiles(change.after),
            _by(change.before.median, change.after.median),
            change.verdict.value,
        ]
        for change in found
    ]
    text = table([f"to {REFERENCE}", "what", before.date, after.date, "change", "verdict"], rows) + "\n"
    here, there = before.machine, after.machine
    if (here.cpu, here.cores) != (there.cpu, there.cores):
        text = (
            f"!!! Two different machines ({here.cpu} x {here.cores}, {there.cpu} x {there.cores})\n\n{text}"
        )
    return text, any(change.verdict is Verdict.WORSE for change in found)
