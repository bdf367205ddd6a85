"""The compose file and the systemd unit: what they mount, name and promise is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.app.operating.tokens import read_tokens
from proxy.app.settings import table
from proxy.app.sources import load_settings, read_text

_ROOT = Path(__file__).resolve().parents[2]
_COMPOSE = _ROOT / "deploy" / "compose"
_UNIT = _ROOT / "deploy" / "systemd" / "pgwarden.service"
_DOCKERFILE = (_ROOT / "Dockerfile").read_text()


SETTINGS = {setting.name: setting for setting in table()}


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_COMPOSE / "compose.yaml").read_text())["services"]
    return found


def directives(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", _UNIT.read_text(), re.MULTILINE)


def test_what_is_mounted_exists() -> None:
    document = yaml.safe_load((_COMPOSE / "compose.yaml").read_text())
    mounted = [mount.split(":")[0] for service in services().values() for mount in service["volumes"]]
    bound = [source for source in mounted if source.startswith(".")]
    assert len(bound) == 6
    assert [source for source in bound if not (_COMPOSE / source).exists()] == []
    assert {source for source in mounted if not source.startswith(".")} == set(document["volumes"])
    assert {network for service in services().values() for network in service.get("networks", ())} == set(
        document["networks"]
    )
    assert (_COMPOSE / services()["gate"]["build"]["context"] / "Dockerfile").is_file()


def test_only_the_gate_reaches_the_database() -> None:
    behind = [name for name, service in services().items() if "behind" in service.get("networks", ())]
    assert behind == ["database", "gate"]
    alone = [name for name, service in services().items() if "networks" not in service]
    assert [(name, services()[name]["network_mode"]) for name in alone] == [("console", "none")]
    assert "ports" not in services()["database"]
    published = [port for service in services().values() for port in service.get("ports", ())]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_gate_runs_as_its_image_wants() -> None:
    gate = services()["gate"]
    settings = [name.removeprefix("PGWARDEN_").lower() for name in gate["environment"]]
    assert [name for name in settings if name not in SETTINGS] == []
    (volume,) = re.findall(r"^VOLUME (\S+)$", _DOCKERFILE, re.MULTILINE)
    assert f"ledger:{volume}" in gate["volumes"]
    (admin,) = re.findall(r"PGWARDEN_ADMIN=\S+:(\d+)", _DOCKERFILE)
    (job,) = yaml.safe_load((_COMPOSE / "prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"gate:{admin}"]}]
    assert float(gate["stop_grace_period"].rstrip("s")) > float(SETTINGS["drain_timeout_s"].default)


def test_what_is_made_for_the_console_opens_it(tmp_path: Path) -> None:
    """The command runs here; the settings are then read as the gate would read them."""
    making, gate = services()["console"], services()["gate"]
    shell, (script,) = making["entrypoint"], making["command"]
    for _ in range(2):
        subprocess.run([*shell, script], cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["console.crt", "console.key", "tokens"]
    volume, _, mounted = next(each for each in gate["volumes"] if each.startswith("console:")).partition(":")
    assert f"{volume}:/var/lib/pgwarden" in making["volumes"]
    here = f"{tmp_path}/"
    given = {name: value.replace(f"{mounted}/", here) for name, value in gate["environment"].items()}
    policy = _ROOT / "policies" / "production.yaml"
    loaded = load_settings({"listen": "127.0.0.1:0", "policy": str(policy)}, given, read_text)
    port = loaded.settings.console.port if loaded.settings.console else 0
    assert f"127.0.0.1:{port}:{port}" in gate["ports"]
    assert loaded.settings.psql_console == "pgwarden"
    (command,) = re.findall(
        r"exec gate (pgwarden .*)$", (_COMPOSE / "compose.yaml").read_text(), re.MULTILINE
    )
    done = subprocess.run(
        [sys.executable, "-m", "proxy", *command.split()[1:]],
        cwd=_ROOT,
        env={**os.environ, "PGWARDEN_CONSOLE_AUTH_FILE": str(tmp_path / "tokens")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("ada~")
    assert sorted(read_tokens(str(tmp_path / "tokens"))) == ["ada"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_accepts_the_unit_and_finds_it_confined(tmp_path: Path) -> None:
    program = tmp_path / "pgwarden"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "pgwarden.service"
    unit.write_text(_UNIT.read_text().replace("/opt/pgwarden/bin/pgwarden", str(program)))
    for command in (["verify", "--man=no"], ["security", "--offline=yes", "--threshold=15"]):
        done = subprocess.run(
            ["systemd-analyze", *command, unit], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_unit_waits_as_long_as_a_gate_drains() -> None:
    (stop,) = directives("TimeoutStopSec")
    assert float(stop) > float(SETTINGS["drain_timeout_s"].default)
    assert directives("Type") == ["notify"]
    names = re.findall(r"PGWARDEN_([A-Z_]+)=", " ".join(directives("Environment")))
    assert [name for name in names if name.lower() not in SETTINGS] == []
