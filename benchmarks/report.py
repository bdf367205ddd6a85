"""The tables, as Markdown that reads well in a terminal, too.

Enters: a Run, or two. Leaves: text. Deliberately absent: any figure that is not in the run.
"""

from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.results import Run, Spread, cpu, figure, p50, p99, quotient, rate, ratio, reading
from benchmarks.statements import BESIDE
from benchmarks.targets import REFERENCE, STARTERS

_REFERENCES: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    (REFERENCE, frozenset(STARTERS) - {REFERENCE, "unjudged"}),
    ("direct", frozenset(STARTERS) - {"direct", "unjudged"}),
    ("relay", frozenset({"gate"})),
    ("unjudged", frozenset({"gate"})),
)
"""What is divided by what, in the order of the tables."""
_NOTHING: Final = "–"  # noqa: RUF001 - a dash in a table's cell


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table, first column left, the others right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def with_quartiles(found: Spread | None, digits: int = 2) -> str:
    """Write `median (low..high)`, an asterisk behind it when only slices with stolen time were to be had."""
    if found is None:
        return _NOTHING
    mark = "*" if found.stolen else ""
    return f"{found.median:.{digits}f}{mark} ({found.low:.{digits}f}..{found.high:.{digits}f})"


def plain(found: Spread | None, digits: int) -> str:
    """Write the median alone."""
    return _NOTHING if found is None else f"{found.median:,.{digits}f}{'*' if found.stolen else ''}"


def _label(run: Run, workload: str) -> str:
    unit = run.units.get(workload)
    return f"{workload}, {unit}" if unit else workload


def _rows(run: Run, cells: Callable[[str], Sequence[str]], first: int = 0) -> list[list[str]]:
    """Make the rows of those workloads of which there is something to be said, from cell `first` on."""
    every = ((workload, cells(workload)) for workload in run.workloads)
    return [
        [_label(run, workload), *found]
        for workload, found in every
        if any(cell != _NOTHING for cell in found[first:])
    ]


def _ratios(run: Run, reference: str, others: Sequence[str]) -> str:
    def cells(workload: str) -> list[str]:
        speed = plain(figure(run, workload, reference, rate), 0)
        return [speed, *(with_quartiles(ratio(run, workload, target, reference)) for target in others)]

    head = ["per second", reference, *(f"{target} / {reference}" for target in others)]
    return table(head, _rows(run, cells, 1))


def _cpu(run: Run) -> str:
    proxies = [target for target in run.targets if target != "direct"]
    rivals = [target for target in proxies if target != REFERENCE] if REFERENCE in proxies else []

    def cells(workload: str) -> list[str]:
        figures = [plain(figure(run, workload, target, cpu), 1) for target in proxies]
        return figures + [with_quartiles(ratio(run, workload, target, REFERENCE, cpu)) for target in rivals]

    head = ["CPU µs of each", *proxies, *(f"{target} / {REFERENCE}" for target in rivals)]
    return table(head, _rows(run, cells))


def _latency(run: Run) -> str:
    def cell(workload: str, target: str) -> str:
        middle, tail = figure(run, workload, target, p50), figure(run, workload, target, p99)
        return _NOTHING if middle is None else f"{plain(middle, 0)} / {plain(tail, 0)}"

    rows = _rows(run, lambda workload: [cell(workload, target) for target in run.targets])
    return table(["µs, p50 / p99", *run.targets], rows)


def _beside(run: Run) -> str | None:
    """The p99 of clients beside a load, by theirs beside nothing, round by round."""
    quiet, *loads = (workload.name for workload in BESIDE)
    loads = [workload for workload in loads if {quiet, workload} <= set(run.workloads)]
    targets = [target for target in run.targets if figure(run, quiet, target, p99) is not None]
    if not loads or not targets:
        return None
    rows = [
        [load, *(with_quartiles(quotient(run, (load, target), (quiet, target), p99)) for target in targets)]
        for load in loads
    ]
    return table([f"p99 / {quiet}", *targets], rows)


def _origin(run: Run) -> str:
    machine = run.machine
    lost = sum(1 for found in run.slices if found.stolen_ticks)
    lines = [
        f"{run.date}. {machine.cpu}, {machine.cores} cores, {machine.memory_mib} MiB, "
        f"Linux {machine.kernel}, Python {machine.python}; load before the run {machine.load}.",
        "; ".join(f"{name}: {version}" for name, version in run.versions.items()) + ".",
        f"{run.slices_wanted} slices of {run.slice_seconds:g} s a cell; "
        f"{lost} of {len(run.slices)} slices had stolen CPU.",
    ]
    lines += [f"**Not measured: {name}: {reason}**" for name, reason in run.missing.items()]
    return "  \n".join(lines)


def readings(run: Run) -> str:
    """Lay out the rows that are no rates."""
    rows = list(dict.fromkeys(found.row for found in run.readings))
    targets = [name for name in STARTERS if any(found.target == name for found in run.readings)]

    def cells(row: str) -> list[str]:
        return [with_quartiles(reading(run, row, target)) for target in targets]

    return table(["median of readings", *targets], [[_label(run, row), *cells(row)] for row in rows])


def report(run: Run) -> str:
    """Write a run's tables: ratios to the other targets, CPU, latency, and what is noticed beside a load."""
    parts = [_origin(run)]
    for reference, others in _REFERENCES if run.slices else ():
        present = others & set(run.targets)
        if reference in run.targets and present:
            parts.append(_ratios(run, reference, [target for target in run.targets if target in present]))
    if any(target != "direct" for target in run.targets):
        parts.append(_cpu(run))
    if run.slices:
        parts.append(_latency(run))
    beside = _beside(run)
    if beside is not None:
        parts.append(beside)
    if run.readings:
        parts.append(readings(run))
    return "\n\n".join(parts) + "\n"
