"""The rounds: every workload, every target, a short slice each, again and again.

Enters: running targets, workloads, how much time. Leaves: slices. What varies slowly (the machine's other
guests, heat) meets all targets of a round alike, and each cell is spread over the whole run. Deliberately
absent: statistics.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks import machine
from benchmarks.client import Connection, run_burst
from benchmarks.protocol import BenchmarkError
from benchmarks.results import Slice, clean_rounds
from benchmarks.targets import Target
from benchmarks.workloads import Workload

_MOST_ROUNDS: Final = 2
"""Stolen slices are made up for, up to so many times the rounds asked for."""
_WARM_UP: Final = 0.5
"""The unmeasured first slice, as a part of a measured one: plans, caches and branch predictors settle in
it."""


@dataclass(slots=True)
class _Lanes:
    """A target with its open connections and the number of its next request."""

    target: Target
    connections: Sequence[Connection]
    next_number: int = 0


def _median_and_tail(latencies_ns: list[int]) -> tuple[float, float]:
    latencies_ns.sort()
    last = len(latencies_ns) - 1
    return latencies_ns[last // 2] / 1000, latencies_ns[last * 99 // 100] / 1000


def _run_slice(lanes: _Lanes, workload: Workload, round_number: int, seconds: float) -> Slice:
    """Measure one slice. Raises BenchmarkError, with the target named, for anything but the right answers."""
    target = lanes.target
    connections = lanes.connections[: workload.concurrency]
    rows_before = sum(connection.rows for connection in connections)
    stolen_before = machine.stolen_ticks()
    cpu_before = machine.cpu_ns(target.pid) if target.pid is not None else 0
    try:
        burst = run_burst(connections, workload.request, lanes.next_number, seconds)
    except (BenchmarkError, OSError) as error:
        raise BenchmarkError(f"{target.name}, {workload.name}: {error}") from error
    cpu_us = (
        (machine.cpu_ns(target.pid) - cpu_before) / 1000 / burst.total if target.pid is not None else None
    )
    stolen = machine.stolen_ticks() - stolen_before
    lanes.next_number += burst.total
    if sum(connection.rows for connection in connections) - rows_before != burst.total * workload.rows:
        raise BenchmarkError(
            f"{target.name}, {workload.name}: {burst.total} answers with the wrong number of rows"
        )
    median, tail = _median_and_tail(burst.latencies_ns)
    return Slice(
        workload=workload.name,
        target=target.name,
        round=round_number,
        per_second=round(burst.answered / burst.seconds, 1),
        p50_us=round(median, 2),
        p99_us=round(tail, 2),
        cpu_us=None if cpu_us is None else round(cpu_us, 3),
        client_cpu_us=round(burst.client_cpu_ns / 1000 / burst.total, 3),
        stolen_ticks=stolen,
    )


@contextmanager
def _connected(targets: Sequence[Target], workloads: Sequence[Workload]) -> Iterator[list[_Lanes]]:
    """Open every target's connections once: logging in is not what these workloads measure."""
    most = max(workload.concurrency for workload in workloads)
    setups = tuple(dict.fromkeys(workload.setup for workload in workloads if workload.setup))
    with ExitStack() as stack:
        every: list[_Lanes] = []
        for target in targets:
            connections = [stack.enter_context(Connection(target.address)) for _ in range(most)]
            for connection in connections:
                for setup in setups:
                    connection.exchange(setup)
            every.append(_Lanes(target, connections))
        yield every


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the client's garbage collector out of the slices; nothing in the loop makes cycles."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _in_turn(lanes: Sequence[_Lanes], round_number: int) -> list[_Lanes]:
    """Return the targets in this round's order, so that none keeps its place.

    Each round begins with another one, and every other time it goes backwards.
    """
    shift = round_number % len(lanes)
    turned = [*lanes[shift:], *lanes[:shift]]
    return turned[::-1] if round_number // len(lanes) % 2 else turned


def measure(
    targets: Sequence[Target],
    workloads: Sequence[Workload],
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Slice]:
    """Measure every workload on every target.

    Args:
        targets: all running.
        workloads: at least one.
        rounds: how many clean slices each cell shall have.
        seconds: a slice's length.
        tell: hears a line after each round.

    Returns: all slices, those with stolen time among them (they are marked, and tell how quiet the machine
    was).
    """
    slices: list[Slice] = []
    wanted: Mapping[str, Workload] = {workload.name: workload for workload in workloads}
    with _connected(targets, workloads) as every, _no_collection():
        for lanes in every:
            for workload in workloads:
                _run_slice(lanes, workload, -1, seconds * _WARM_UP)
        for round_number in range(rounds * _MOST_ROUNDS):
            wanted = {name: load for name, load in wanted.items() if clean_rounds(slices, name) < rounds}
            if not wanted:
                break
            again = "" if round_number < rounds else " (in place of slices with stolen time)"
            tell(f"round {round_number + 1} of {rounds}{again}: {', '.join(wanted)}")
            for workload in wanted.values():
                for lanes in _in_turn(every, round_number):
                    slices.append(_run_slice(lanes, workload, round_number, seconds))
    return slices
