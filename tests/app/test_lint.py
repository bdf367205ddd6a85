"""`pgwarden lint`: would migrations pass, when, and what do they need?"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.commands import Command
from tests.clients.gate import environment

_ROOT = Path(__file__).resolve().parents[2]

POLICY = """\
version: 1
name: shop
time:
  timezone: America/New_York
  windows:
    peak: {days: mon-fri, from: "08:00", to: "20:00"}
    change: {days: [tue, thu], from: "22:00", to: "23:00"}
rules:
  - id: no-drop
    match: {effects: [table.drop, column.drop]}
    deny: "{effect} on {targets} would lose data."
    hint: "Keep it."
  - id: no-changes-in-peak
    match: {classes: [ddl]}
    when: {window: peak}
    deny: "Not now."
    hint: "Later."
  - id: backup-first
    match: {effects: [column.add]}
    require: {backup: {within: 24h}}
    deny: "Needs {missing}."
    hint: "Take one."
  - id: in-a-change-window
    match: {effects: [index.create]}
    require: {window: change}
    deny: "Only {window.text}."
    hint: "Later."
  - id: watched
    match: {effects: [column.not_null]}
    mode: shadow
    deny: "Watched."
    hint: "Look."
"""
NOON = "2026-11-23T12:00"  # a Monday
NIGHT = "2026-11-23T21:00"
BACKUP = "a backup of shop from the last 24 hours, of the tables concerned"


@pytest.fixture(autouse=True)
def _policy(command: Command) -> None:
    (command.folder / "policy.yaml").write_text(POLICY)


def lint(command: Command, sql: str, at: str, *flags: str) -> tuple[int, list[str]]:
    (command.folder / "m.sql").write_text(sql)
    code, lines, errors = command(
        "lint", "m.sql", "--policy", "policy.yaml", "--database", "shop", "--at", at, *flags
    )
    assert errors == []
    return code, lines


@pytest.mark.parametrize(
    ("sql", "at", "code", "lines"),
    [
        ("INSERT INTO t VALUES (1)", NOON, 0, ["m.sql: passes"]),
        ("CREATE TABLE t (a int)", NIGHT, 0, ["m.sql: passes"]),
        (
            "-- a table\nCREATE TABLE t (a int)",
            NOON,
            0,
            [
                "m.sql: passes from Mon 23 Nov 2026 20:00 EST",
                "    m.sql:2: Not now. [rule no-changes-in-peak]",
                "        Later.",
            ],
        ),
        (
            "ALTER TABLE t ADD a int",
            NIGHT,
            0,
            [
                f"m.sql: needs {BACKUP}",
                f"    m.sql:1: Needs {BACKUP}. [rule backup-first]",
                "        Take one.",
            ],
        ),
        (
            "SELECT 1;\n\nALTER TABLE t ADD a int",
            NOON,
            0,
            [
                f"m.sql: passes from Mon 23 Nov 2026 20:00 EST, needs {BACKUP}",
                "    m.sql:3: Not now. [rule no-changes-in-peak]",
                "        Later.",
                f"    m.sql:3: Needs {BACKUP}. [rule backup-first]",
                "        Take one.",
            ],
        ),
        # Two windows: out of peak, and the change window.
        (
            "CREATE INDEX ON t (a)",
            NOON,
            0,
            [
                "m.sql: passes from Tue 24 Nov 2026 22:00 EST",
                "    m.sql:1: Not now. [rule no-changes-in-peak]",
                "        Later.",
                "    m.sql:1: Only during change (Tue, Thu 22:00-23:00 America/New_York). "
                "[rule in-a-change-window]",
                "        Later.",
            ],
        ),
        (
            "CREATE TABLE a (b int);\nALTER TABLE a\n  DROP COLUMN c",
            NIGHT,
            1,
            [
                "m.sql: is refused at any time",
                "    m.sql:2: DROP COLUMN c on a would lose data. [rule no-drop]",
                "        Keep it.",
            ],
        ),
        (
            "SELECT 1;\nSELEC 2",
            NIGHT,
            1,
            [
                "m.sql: is refused at any time",
                '    m.sql:2: syntax error at or near "SELEC" [rule unparsed]',
                "        Check its syntax, or write it in a plainer way.",
            ],
        ),
        (
            "ALTER TABLE t ALTER a SET NOT NULL",
            NIGHT,
            0,
            ["m.sql: passes", "    m.sql:1: shadow: Watched. [rule watched]", "        Look."],
        ),
    ],
)
def test_a_script(command: Command, sql: str, at: str, code: int, lines: list[str]) -> None:
    found, printed = lint(command, sql, at)
    assert (found, printed[:-1]) == (code, lines)


def test_now_asks_about_this_moment(command: Command) -> None:
    assert lint(command, "CREATE TABLE t (a int)", NOON, "--now")[0] == 1
    assert lint(command, "CREATE TABLE t (a int)", NIGHT, "--now")[0] == 0


def test_the_ledger_is_asked(command: Command) -> None:
    command(
        "backup", "record", "--database", "shop", "--finished", "2026-11-20T10:00Z", "--location", "s3://x"
    )
    assert lint(command, "ALTER TABLE t ADD a int", "2026-11-21T09:00Z", "--now")[0] == 0
    assert lint(command, "ALTER TABLE t ADD a int", "2026-11-21T11:00Z", "--now")[0] == 1


def test_only_the_migrations_after_one(command: Command) -> None:
    for name in ("1_a", "2_b", "10_c"):
        (command.folder / "m" / name).mkdir(parents=True)
        (command.folder / "m" / name / "migration.sql").write_text("DROP TABLE t")
    base = ("lint", "m", "--policy", "policy.yaml", "--at", NIGHT)
    code, lines, _ = command(*base, "--after", "2_b")
    assert (code, lines[0]) == (1, "m/10_c/migration.sql: is refused at any time")
    assert lines[-1] == "0 pass now, 0 later or with evidence, 1 refused; policy shop"
    assert command(*base, "--after", "10_c")[:2] == (
        0,
        ["0 pass now, 0 later or with evidence, 0 refused; policy shop"],
    )
    assert command(*base, "--after", "3_x") == (2, [], ["pgwarden: --after: no migration is named 3_x"])


def test_nothing_to_judge_is_a_failure(command: Command) -> None:
    (command.folder / "m").mkdir()
    (command.folder / "m" / "0001_initial.py").touch()
    code, lines, errors = command("lint", "m", "--policy", "policy.yaml")
    assert (code, lines, errors[0]) == (3, [], "pgwarden: no SQL to judge in m")
    assert errors[1].startswith("pgwarden: skipped m/0001_initial.py: it is Python")
    code, _, errors = command("lint", "absent", "--policy", "policy.yaml")
    assert (code, errors) == (3, ["pgwarden: absent cannot be read: No such file or directory"])


def test_a_terminal_gets_colours_and_a_pipe_none(command: Command) -> None:
    (command.folder / "m.sql").write_text("DROP TABLE t")
    arguments = [sys.executable, "-m", "proxy", "lint", "m.sql", "--policy", "policy.yaml", "--at", NIGHT]
    own = environment(command.folder) | {"PYTHONPATH": str(_ROOT), "TERM": "xterm-256color"}
    own.pop("NO_COLOR", None)
    leader, follower = pty.openpty()
    done = subprocess.run(arguments, cwd=command.folder, stdout=follower, check=False, env=own)
    shown = os.read(leader, 65536).decode()
    os.close(leader)
    os.close(follower)
    assert (done.returncode, shown.splitlines()[0]) == (1, "\x1b[31mm.sql: is refused at any time\x1b[0m")
    piped = subprocess.run(
        arguments, cwd=command.folder, capture_output=True, text=True, check=False, env=own
    ).stdout
    assert piped.splitlines()[0] == "m.sql: is refused at any time"


def test_json(command: Command) -> None:
    code, lines = lint(command, "CREATE TABLE t (a int)", NOON, "--json")
    found = json.loads("\n".join(lines))
    assert code == 0
    assert found["policy"]["name"] == "shop"
    assert found["skipped"] == []
    assert found["scripts"] == [
        {
            "path": "m.sql",
            "name": "m",
            "passes": False,
            "can_pass": True,
            "opening": "2026-11-24T01:00:00+00:00",
            "needs": [],
            "now": [
                {
                    "rule": "no-changes-in-peak",
                    "message": "Not now. [rule no-changes-in-peak]",
                    "hint": "Later.",
                    "missing": [],
                    "lines": [1],
                }
            ],
            "never": [],
            "shadow": [],
        }
    ]
