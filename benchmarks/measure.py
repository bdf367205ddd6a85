"""The rounds: every workload, every target, a short slice each, again and again.

Enters: running targets, workloads, how much time. Leaves: slices. What varies slowly (the machine's other
guests, heat) meets all targets of a round alike, and each cell is spread over the whole run. Deliberately
absent: statistics.
"""

import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks import machine
from benchmarks.client import Connection, Seat
from benchmarks.protocol import BenchmarkError
from benchmarks.results import Slice, clean_rounds
from benchmarks.targets import Target
from benchmarks.workloads import Workload

_MOST_ROUNDS: Final = 1.5
"""Stolen slices are made up for, up to so many times the rounds asked for."""
_WARM_UP: Final = 0.5
"""The unmeasured first slice, as a part of a measured one: plans, caches and branch predictors settle in
it."""


@dataclass(slots=True)
class _Lane:
    """A target with its open connections."""

    target: Target
    seat: Seat


def _median_and_tail(latencies_ns: list[int]) -> tuple[float, float]:
    latencies_ns.sort()
    last = len(latencies_ns) - 1
    return latencies_ns[last // 2] / 1000, latencies_ns[last * 99 // 100] / 1000


def _run_slice(lane: _Lane, workload: Workload, round_number: int, seconds: float) -> Slice:
    """Measure one slice. Raises BenchmarkError, with the target named, for anything but the right answers."""
    target = lane.target
    stolen_before = machine.stolen_ticks()
    cpu_before = _cpu_ns(target)
    try:
        burst = workload.run(lane.seat, seconds)
    except (BenchmarkError, OSError) as error:
        raise BenchmarkError(f"{target.name}, {workload.name}: {error}") from error
    cpu_us = (_cpu_ns(target) - cpu_before) / 1000 / burst.total if target.pids else None
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
        stolen_ticks=machine.stolen_ticks() - stolen_before,
    )


def _cpu_ns(target: Target) -> int:
    return sum(machine.cpu_ns(pid) for pid in target.pids)


@contextmanager
def _connected(targets: Sequence[Target], workloads: Sequence[Workload]) -> Iterator[list[_Lane]]:
    """Open every target's connections once: logging in is not what most workloads measure."""
    with ExitStack() as stack:
        every: list[_Lane] = []
        for target in targets:
            taken = [workload for workload in workloads if takes(workload, target)]
            setups = tuple(dict.fromkeys(workload.setup for workload in taken if workload.setup))
            most = max((workload.connections for workload in taken), default=0)
            connections = [stack.enter_context(Connection(target.address)) for _ in range(most)]
            for connection in connections:
                for setup in setups:
                    connection.exchange(setup)
            every.append(_Lane(target, Seat(target.address, connections)))
        yield every


def takes(workload: Workload, target: Target) -> bool:
    """Return whether a workload is measured of a target."""
    return workload.setting is target.setting and target.name in workload.targets


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the client's garbage collector out of the slices; nothing in the loop makes cycles."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _in_turn(lanes: Sequence[_Lane], round_number: int) -> list[_Lane]:
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
        lanes = {name: [lane for lane in every if takes(load, lane.target)] for name, load in wanted.items()}
        wanted = {name: load for name, load in wanted.items() if lanes[name]}
        for name, workload in wanted.items():
            for lane in lanes[name]:
                _run_slice(lane, workload, -1, seconds * _WARM_UP)
        for round_number in range(math.ceil(rounds * _MOST_ROUNDS)):
            wanted = {
                name: load
                for name, load in wanted.items()
                if clean_rounds(slices, name) < min(rounds, load.most_rounds)
                and round_number < math.ceil(load.most_rounds * _MOST_ROUNDS)
            }
            if not wanted:
                break
            again = "" if round_number < rounds else " (in place of slices with stolen time)"
            tell(f"round {round_number + 1} of {rounds}{again}: {len(wanted)} workloads")
            for name, workload in wanted.items():
                for lane in _in_turn(lanes[name], round_number):
                    slices.append(_run_slice(lane, workload, round_number, seconds))
    return slices
