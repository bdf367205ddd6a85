"""How many CPUs this process may use: `workers: auto`.

Enters: the scheduler's mask and the control groups of Linux. Leaves: a number from 1. Deliberately absent:
weights (cpu.shares), which only matter when others want the CPU too.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_PROC = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def usable_cpus(proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """The CPUs of the mask, or fewer where a control group has a quota; 1.5 CPUs are two workers' work.

    Args:
        proc: the file that names the process's groups, cgroups(7).
        groups: where the control groups are mounted.
    """
    masked = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min((_quota(folder) for folder in _folders(proc, groups)), default=math.inf)
    return max(1, min(masked, math.ceil(quota) if math.isfinite(quota) else masked))


def _folders(proc: Path, groups: Path) -> set[Path]:
    """Every folder whose limit holds for this process: its group's and all above it, of both versions."""
    found = {groups, groups / "cpu"}
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / "cpu" if controllers else groups
        folder = root / path.lstrip("/")
        found.update(above for above in (folder, *folder.parents) if above.is_relative_to(root))
    return found


def _quota(folder: Path) -> float:
    """How many CPUs' time a group may take."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return math.inf
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return math.inf  # "max", or -1
    return int(quota) / int(period)
