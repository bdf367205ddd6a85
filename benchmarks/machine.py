"""What the kernel says: stolen time, the CPU time of a process tree, and which machine this is.

Enters: /proc. Leaves: counters and a description. Deliberately absent: anything that needs a privilege, and
any figure that a library would average or cache.
"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_STEAL_COLUMN: Final = 8


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine as far as it explains the figures."""

    cpu: str
    cores: int
    memory_mib: int
    kernel: str
    python: str
    load: float
    """The one-minute load before the run began: above a few tenths, somebody else was working here."""


def stolen_ticks() -> int:
    """Return the ticks that the hypervisor took from all CPUs together, since boot."""
    first_line = (_PROC / "stat").read_text().split("\n", 1)[0]
    return int(first_line.split()[_STEAL_COLUMN])


def _process_tree(pid: int) -> list[int]:
    tree = [pid]
    for member in tree:  # grows while it is walked
        for children in (_PROC / str(member) / "task").glob("*/children"):
            tree.extend(int(child) for child in children.read_text().split())
    return tree


def cpu_ns(pid: int) -> int:
    """Return the CPU time of a process, its threads and its descendants, in nanoseconds.

    /proc/PID/schedstat alone tells of the first thread only.
    """
    total = 0
    for member in _process_tree(pid):
        for schedstat in (_PROC / str(member) / "task").glob("*/schedstat"):
            total += int(schedstat.read_text().split()[0])
    return total


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants."""
    return sum(_status_bytes(member, "VmRSS") for member in _process_tree(pid))


def forget_peak(pid: int) -> None:
    """Let `peak_bytes` begin anew for a process and its descendants."""
    for member in _process_tree(pid):
        (_PROC / str(member) / "clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """Return the most resident memory of a process and its descendants since that was forgotten."""
    return sum(_status_bytes(member, "VmHWM") for member in _process_tree(pid))


def _status_bytes(pid: int, name: str) -> int:
    kibibytes = _value_of(f"{pid}/status", name).split()[0]
    return int(kibibytes) * 1024 if kibibytes.isdigit() else 0


def _value_of(file: str, name: str) -> str:
    for line in (_PROC / file).read_text().splitlines():
        found, _, value = line.partition(":")
        if found.strip() == name:
            return value.strip()
    return "unknown"


def describe() -> Machine:
    """Describe this machine."""
    memory_kib = _value_of("meminfo", "MemTotal").split()[0]
    return Machine(
        cpu=_value_of("cpuinfo", "model name"),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=int(memory_kib) // 1024 if memory_kib.isdigit() else 0,
        kernel=platform.release(),
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )
