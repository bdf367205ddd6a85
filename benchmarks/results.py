"""What a run found: the slices as measured, and the figures made of them.

Enters: slices, or a file. Leaves: medians, quartiles, ratios; a file. Deliberately absent: layout
(report.py) and measuring. The files keep every slice, so that a later reader can compute what we did not.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.machine import Machine

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Slice:
    """One target under one workload for a part of a second."""

    workload: str
    target: str
    round: int
    """Slices of one round ran one right after another: their ratios are what counts."""
    per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float | None
    """CPU time of the target's processes per query; None for the server itself."""
    client_cpu_us: float
    stolen_ticks: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a row that is no rate, of a target."""

    row: str
    target: str
    value: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the whole command."""

    format: int
    date: str
    machine: Machine
    versions: dict[str, str]
    missing: dict[str, str]
    slices_wanted: int
    slice_seconds: float
    key_count: int
    targets: tuple[str, ...]
    workloads: tuple[str, ...]
    slices: tuple[Slice, ...]
    units: dict[str, str] = field(default_factory=dict)
    """What is counted, where that is not queries; of readings, what they are measured in."""
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its quartiles, of `count` values; `stolen` when no slice was free of stolen CPU time."""

    median: float
    low: float
    high: float
    count: int
    stolen: bool = False


def spread_of(values: Sequence[float], stolen: bool = False) -> Spread | None:
    """Return the median and quartiles, or None of nothing."""
    if not values:
        return None
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1, stolen)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values), stolen)


Measure = Callable[[Slice], float | None]


def rate(found: Slice) -> float | None:
    """Queries per second."""
    return found.per_second


def cpu(found: Slice) -> float | None:
    """CPU time per query."""
    return found.cpu_us


def p50(found: Slice) -> float | None:
    """The median latency."""
    return found.p50_us


def p99(found: Slice) -> float | None:
    """The 99th percentile of the latency."""
    return found.p99_us


def _by_round(run: Run, workload: str, target: str) -> dict[int, Slice]:
    return {
        found.round: found for found in run.slices if (found.workload, found.target) == (workload, target)
    }


def figure(run: Run, workload: str, target: str, measure: Measure) -> Spread | None:
    """Return the spread of one measure over the slices without stolen time.

    If there are no such slices it is taken over all, and marked.
    """
    slices = _by_round(run, workload, target).values()
    clean = [found for found in slices if not found.stolen_ticks]
    values = [value for found in clean or slices if (value := measure(found)) is not None]
    return spread_of(values, stolen=not clean)


def ratio(run: Run, workload: str, target: str, reference: str, measure: Measure = rate) -> Spread | None:
    """Return the spread of target by reference under one workload."""
    return quotient(run, (workload, target), (workload, reference), measure)


def quotient(run: Run, ours: tuple[str, str], theirs: tuple[str, str], measure: Measure) -> Spread | None:
    """Return the spread of one cell by another, round by round, so that what drifts slowly cancels out.

    A round counts when neither of the two slices lost time; if there is no such round, all count, marked.

    Args:
        run: what was measured.
        ours: a workload and a target.
        theirs: what it is divided by.
        measure: of the slices.
    """
    over, under = _by_round(run, *ours), _by_round(run, *theirs)
    both = sorted(over.keys() & under.keys())
    clean = [number for number in both if not over[number].stolen_ticks and not under[number].stolen_ticks]
    quotients: list[float] = []
    for number in clean or both:
        value, against = measure(over[number]), measure(under[number])
        if value is not None and against:
            quotients.append(value / against)
    return spread_of(quotients, stolen=not clean)


def reading(run: Run, row: str, target: str) -> Spread | None:
    """Return the spread of a row's readings."""
    return spread_of([found.value for found in run.readings if (found.row, found.target) == (row, target)])


def clean_rounds(slices: Sequence[Slice], workload: str) -> int:
    """Return how many rounds of a workload lost no time on any target."""
    rounds: dict[int, int] = {}
    for found in slices:
        if found.workload == workload:
            rounds[found.round] = rounds.get(found.round, 0) + found.stolen_ticks
    return sum(1 for stolen in rounds.values() if not stolen)


def save(run: Run, path: Path) -> None:
    """Write a run as JSON, one slice a line: small enough to be committed, and still to be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = msgspec.json.format(msgspec.json.encode(replace(run, slices=())), indent=1)
    if run.slices:
        slices = b",\n".join(b"  " + msgspec.json.encode(found) for found in run.slices)
        head = head.replace(b'"slices": []', b'"slices": [\n' + slices + b"\n ]")
    path.write_bytes(head + b"\n")


def load(path: Path) -> Run:
    """Read a run.

    Raises: ValueError for another format, msgspec.ValidationError for a file that is none of ours, OSError.
    """
    run = msgspec.json.decode(path.read_bytes(), type=Run)
    if run.format != FORMAT:
        raise ValueError(f"{path}: format {run.format}, this program reads {FORMAT}")
    return run
