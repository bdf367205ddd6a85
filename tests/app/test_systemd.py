"""What systemd hears of a gate, on a real notification socket."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.app.systemd import READY, Systemd
from tests.app.running import running
from tests.servers.database import Database

POLICY = "version: 1\nname: production\nenvironment: production\nrules: []\n"


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(30)
        yield ear


def test_a_gate_says_when_it_serves_and_when_it_drains(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    upstream = f"postgresql://127.0.0.1:{database.port}"
    with listening(str(tmp_path / "notify")) as ear:
        arguments = ("--listen", "127.0.0.1:0", "--upstream", upstream, "--policy", str(policy))
        with running(tmp_path, *arguments) as gate:
            assert ear.recv(1000).decode() == f"READY=1\nSTATUS=serving 127.0.0.1:{gate.ports[0]}"
            gate.signal(signal.SIGTERM)
            assert ear.recv(1000).decode() == "STOPPING=1\nSTATUS=draining: no new connections"
            assert gate.ended() == 0


def test_an_abstract_socket() -> None:
    name = f"pgwarden-test-{id(object())}"
    with listening(f"\0{name}") as ear:
        Systemd({"NOTIFY_SOCKET": f"@{name}"}).tell(READY)
        assert ear.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@pgwarden-nobody-listens"])
def test_nobody_listens(address: str) -> None:
    gc.collect()  # what earlier tests left may be closed at any time
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would hold a descriptor itself
    Systemd({"NOTIFY_SOCKET": address}).tell(READY)
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
