"""`pgwarden policy new`: what it writes loads, passes its own cases, and replaces nothing."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.app.cli.policy_new import DEFAULT_PACKS
from proxy.app.policies import try_to_load
from proxy.app.shipped import shipped_policies
from proxy.policy import lint
from tests.app.commands import Command
from tests.clients.gate import environment

_ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml"))


def test_flags_alone(command: Command) -> None:
    code, lines, errors = command(
        "policy", "new", "policies/production.yaml", "--zone", "Asia/Tokyo",
        "--peak", "mon,wed-fri 09:30-18:00",
    )  # fmt: skip
    assert (code, errors) == (0, [])
    packs = [f"policies/rules/{pack}.yaml" for pack in DEFAULT_PACKS]
    files = ["policies/production.yaml", "policies/production.test.yaml", *packs]
    assert lines == [
        *(f"{file}: written" for file in files),
        "next: pgwarden policy check policies/production.yaml",
    ]
    assert written(command.folder) == sorted(files)
    text = (command.folder / "policies" / "production.yaml").read_text()
    assert "timezone: Asia/Tokyo" in text
    assert 'peak: {days: [mon, wed-fri], from: "09:30", to: "18:00"}' in text
    for pack in DEFAULT_PACKS:
        copy = command.folder / "policies" / "rules" / f"{pack}.yaml"
        assert copy.read_bytes() == (shipped_policies() / "rules" / f"{pack}.yaml").read_bytes()
    assert command("policy", "test", "policies")[0] == 0


@pytest.mark.parametrize(
    "packs",
    [
        ",".join(DEFAULT_PACKS),
        "locks-in-peak,big-writes",
        *sorted(path.stem for path in (shipped_policies() / "rules").glob("*.yaml")),
    ],
)
def test_what_it_writes_loads_and_holds_no_more_than_it_needs(command: Command, packs: str) -> None:
    assert command("policy", "new", "p.yaml", "--zone", "UTC", "--packs", packs)[0] == 0
    policy = try_to_load("p.yaml").policy
    assert policy is not None
    own = [warning.message for warning in lint(policy) if warning.position.file == "p.yaml"]
    assert own == []
    assert command("policy", "test", ".")[0] == 0


def test_nothing_is_overwritten(command: Command) -> None:
    (command.folder / "p.yaml").write_text("mine")
    assert command("policy", "new", "p.yaml", "--zone", "UTC") == (
        3,
        [],
        ["pgwarden: p.yaml is there already; it was left as it is"],
    )
    (command.folder / "rules").mkdir()
    own = "version: 1\nrules: [{id: own, match: {classes: [ddl]}, when: {window: peak}}]\n"
    (command.folder / "rules" / "peak-hours.yaml").write_text(own)
    code, lines, _ = command("policy", "new", "q.yaml", "--zone", "UTC", "--packs", "peak-hours")
    assert (code, lines[2]) == (
        0,
        "rules/peak-hours.yaml: is there already; it was left as it is, which is another one",
    )
    assert (command.folder / "p.yaml").read_text() == "mine"
    assert (command.folder / "rules" / "peak-hours.yaml").read_text() == own


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["p.yaml"], "--zone: is needed where nobody can be asked"),
        (
            ["p.yaml", "--zone", "Europe/Berln"],
            '--zone: unknown time zone "Europe/Berln"; write it as America/New_York; '
            'did you mean "Europe/Berlin"?',
        ),
        (
            ["p.yaml", "--zone", "UTC", "--peak", "9 to 5"],
            '--peak: "9 to 5" says no hours; write mon-fri 08:00-20:00',
        ),
        (
            ["p.yaml", "--zone", "UTC", "--peak", "mon-fry 08:00-20:00"],
            '--peak: unknown day "fry"; days are mon, tue, wed, thu, fri, sat, sun, or mon-fri; '
            'did you mean "fri"?',
        ),
        (["p.txt", "--zone", "UTC"], "FILE: p.txt should end in .yaml"),
        (
            ["p.yaml", "--zone", "UTC", "--packs", "backups", "--peak", "mon 08:00-09:00"],
            "--peak: none of the packs speaks of peak hours",
        ),
    ],
)
def test_wrong_answers(
    command: Command, arguments: list[str], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("policy", "new", *arguments) == (2, [], [f"pgwarden: {error}"])
    assert written(command.folder) == []


def test_a_pack_that_there_is_not(command: Command) -> None:
    code, _, (error,) = command("policy", "new", "p.yaml", "--zone", "UTC", "--packs", "no-loss")
    assert code == 2
    assert error.startswith('pgwarden: --packs: no pack is named "no-loss"; there are backups, big-writes, ')


def test_a_person_at_a_terminal_is_asked(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    os.write(leader, b"no-data-loss,peak-hours\nEurope/Berln\nEurope/Berlin\n\n")
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "policy", "new", "p.yaml"],
        cwd=tmp_path,
        stdin=follower,
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path) | {"PYTHONPATH": str(_ROOT)},
    )
    os.close(leader)
    os.close(follower)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Peak hours [mon-fri 08:00-20:00]: " in done.stdout
    assert 'did you mean "Europe/Berlin"?' in done.stdout
    assert written(tmp_path) == [
        "p.test.yaml",
        "p.yaml",
        "rules/no-data-loss.yaml",
        "rules/peak-hours.yaml",
    ]
    assert "timezone: Europe/Berlin" in (tmp_path / "p.yaml").read_text()
