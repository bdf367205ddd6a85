"""Readings: the hall lets real drivers in, and each row is taken once, with few where there are many."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from benchmarks import __main__ as command
from benchmarks import crowd, micro
from benchmarks.gauges import GAUGES
from benchmarks.results import load
from benchmarks.targets import certified
from tests.conftest import Programs


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_the_hall_lets_drivers_in(sslmode: str) -> None:
    with certified() as certificate, crowd.hall(certificate) as address:
        where = f"host=127.0.0.1 port={address.port} user=u dbname=d sslmode={sslmode}"
        with psycopg.connect(where, autocommit=True, cursor_factory=psycopg.ClientCursor) as client:
            assert client.execute("SELECT 1").fetchone() == (1,)
            assert client.pgconn.ssl_in_use == (sslmode == "require")


@pytest.mark.timeout(300)  # it starts a dozen programs one after the other
def test_each_row_is_read(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "CROWD", 100)
    monkeypatch.setattr(crowd, "GIGABYTE", 160_000_000)
    monkeypatch.setattr(crowd, "RELOADS", 1)
    monkeypatch.setattr(crowd, "REST_S", 0.1)
    monkeypatch.setattr(micro, "RULES", 20)
    file = tmp_path / "run.json"
    quick = ["--quick", "--output", str(file), "--postgres", str(programs())]
    assert command.main([*quick, "--only", ",".join(GAUGES)]) == 0
    run = load(file)
    assert (run.workloads, run.slices, run.units) == ((), (), dict(GAUGES))
    taken = {name: [found.target for found in run.readings if found.row == name] for name in GAUGES}
    both = ["pgbouncer", "gate"]
    five_of_each = [name for name in both for _ in range(5)]
    assert taken == {
        "memory-idle": five_of_each,
        "memory-idle-tls": five_of_each,
        "memory-out": both,
        "memory-in": both,
        "wait-quiet": ["gate"],
        "wait-reload": ["gate"],
        **dict.fromkeys(micro.READINGS, ["gate"] * 3),
    }
