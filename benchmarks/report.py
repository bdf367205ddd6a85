"""The tables, as Markdown that reads well in a terminal, too.

Enters: a Run, or two. Leaves: text. Deliberately absent: any figure that is not in the run.
"""

from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.results import Run, Spread, cpu, figure, p50, p99, rate, ratio
from benchmarks.targets import REFERENCE, STARTERS

_REFERENCES: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    (REFERENCE, frozenset(STARTERS) - {REFERENCE}),
    ("direct", frozenset(STARTERS) - {"direct"}),
    ("relay", frozenset({"gate"})),
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


def _cells(run: Run, targets: Sequence[str], cell: Callable[[str, str], str]) -> list[list[str]]:
    return [[workload, *(cell(workload, target) for target in targets)] for workload in run.workloads]


def _ratios(run: Run, reference: str, others: Sequence[str]) -> str:
    rows = _cells(
        run, others, lambda workload, target: with_quartiles(ratio(run, workload, target, reference))
    )
    speeds = [plain(figure(run, workload, reference, rate), 0) for workload in run.workloads]
    head = ["queries per second", reference, *(f"{target} / {reference}" for target in others)]
    return table(head, [[row[0], speed, *row[1:]] for row, speed in zip(rows, speeds, strict=True)])


def _cpu(run: Run) -> str:
    proxies = [target for target in run.targets if target != "direct"]
    rows = _cells(run, proxies, lambda workload, target: plain(figure(run, workload, target, cpu), 1))
    head = ["CPU µs a query", *proxies]
    if REFERENCE in proxies:
        rivals = [target for target in proxies if target != REFERENCE]
        head += [f"{target} / {REFERENCE}" for target in rivals]
        for row in rows:
            row += [with_quartiles(ratio(run, row[0], target, REFERENCE, cpu)) for target in rivals]
    return table(head, rows)


def _latency(run: Run) -> str:
    def cell(workload: str, target: str) -> str:
        middle, tail = figure(run, workload, target, p50), figure(run, workload, target, p99)
        return f"{plain(middle, 0)} / {plain(tail, 0)}"

    return table(["µs, p50 / p99", *run.targets], _cells(run, run.targets, cell))


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


def report(run: Run) -> str:
    """Write a run's tables: ratios to PgBouncer, to direct and to the relay, CPU, latency."""
    parts = [_origin(run)]
    for reference, others in _REFERENCES:
        present = others & set(run.targets)
        if reference in run.targets and present:
            parts.append(_ratios(run, reference, [target for target in run.targets if target in present]))
    if any(target != "direct" for target in run.targets):
        parts.append(_cpu(run))
    parts.append(_latency(run))
    return "\n\n".join(parts) + "\n"
