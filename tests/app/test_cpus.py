"""How many workers `auto` is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.app.workers.cpus import usable_cpus

MASKED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "groups", "expected"),
    [
        ({}, "0::/\n", MASKED),
        ({"cpu.max": "max 100000\n"}, "0::/\n", MASKED),
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 1),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", min(2, MASKED)),
        ({"cpu.max": "99900000 100000\n"}, "0::/\n", MASKED),
        ({"a.slice/cpu.max": "100000 100000\n", "a.slice/b/cpu.max": "max 100000\n"}, "0::/a.slice/b\n", 1),
        ({"a.slice/cpu.max": "100000 100000\n"}, "0::/other\n", MASKED),
        (
            {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            "4:cpu,cpuacct:/\n",
            1,
        ),
        (
            {"cpu/x/cpu.cfs_quota_us": "-1\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            "4:cpu,cpuacct:/x\n2:memory:/y\n",
            MASKED,
        ),
        ({"cpu.max": "nonsense\n"}, "0::/\n", MASKED),
    ],
)
def test_usable_cpus(tmp_path: Path, files: dict[str, str], groups: str, expected: int) -> None:
    for name, content in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(content)
    (tmp_path / "cgroup").write_text(groups)
    assert usable_cpus(tmp_path / "cgroup", tmp_path / "groups") == expected


def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path / "absent", tmp_path / "absent") == MASKED
