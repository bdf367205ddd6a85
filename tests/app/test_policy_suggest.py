"""`pgwarden policy suggest`: a fortnight of traffic, and what of it the policy should know."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from proxy.app.offline.suggesting import LEAST_OF_A_DAY, LEAST_READS, LEAST_TIMES
from tests.app.commands import Command
from tests.app.test_policy_diff import NIGHT, passed, refused

_PACKS = Path(__file__).resolve().parents[2] / "policies" / "rules"
_POLICY = f"""\
# Ours.
version: 1
name: shop
include:
  - {_PACKS}/no-data-loss.yaml
  - {_PACKS}/read-only-roles.yaml
  - {_PACKS}/peak-hours.yaml
  - {_PACKS}/unscoped-writes.yaml

time:
  timezone: UTC
  windows:
    peak: {{days: mon-fri, from: "08:00", to: "20:00"}}  # as we once thought

sets:
  # Who deploys.
  deployers: {{roles: [release]}}

rules:
  - id: no-changes-by-hand
    match: {{classes: [ddl], not: {{traits: [temporary]}}}}
    unless: {{who: deployers}}
"""
_MONDAY = date(2026, 11, 9)
_UPDATE = "UPDATE users SET name = 'Ada' WHERE id = 1"


@pytest.fixture(autouse=True)
def _policy(command: Command) -> None:
    (command.folder / "shop.yaml").write_text(_POLICY)


def suggest(command: Command, lines: list[bytes], *flags: str) -> tuple[int, list[str], list[str]]:
    (command.folder / "log").write_bytes(b"".join(lines))
    return command("policy", "suggest", "--from", "log", "--policy", "shop.yaml", *flags)


def as_json(command: Command, lines: list[bytes]) -> dict[str, dict[str, object]]:
    code, out, _ = suggest(command, lines, "--json")
    assert code == 0
    return {".".join(each["path"]): each for each in json.loads("\n".join(out))["suggestions"]}


def fortnight(start_h: int, end_h: int, days: int = 5) -> Iterator[bytes]:
    """An application at work: on so many days of two weeks, between these hours."""
    for week in (0, 7):
        for day in range(days):
            for minute in range((end_h - start_h) * 60 // 2):
                at = _MONDAY + timedelta(days=week + day)
                yield passed(_UPDATE, f"{at}T{start_h + minute * 2 // 60:02}:{minute * 2 % 60:02}")


def test_a_window_for_the_hours_that_are_busy(command: Command) -> None:
    found = as_json(command, list(fortnight(9, 17)))
    assert found["time.windows.peak"]["value"] == {"days": "mon-fri", "from": "09:00", "to": "17:00"}
    assert found["time.windows.peak"]["evidence"] == ["100% of 2400 statements on 10 days, in UTC"]


def test_no_window_where_it_is_always_busy_or_too_little_is_known(command: Command) -> None:
    assert "time.windows.peak" not in as_json(command, list(fortnight(0, 24)))
    assert "time.windows.peak" not in as_json(command, list(fortnight(9, 17, days=2)))
    few = [passed(_UPDATE, f"{_MONDAY + timedelta(days=n)}T10:00") for n in range(10)]
    assert len(few) < LEAST_OF_A_DAY
    assert "time.windows.peak" not in as_json(command, few)


def test_the_window_that_there_is_is_not_proposed_again(command: Command) -> None:
    (command.folder / "shop.yaml").write_text(_POLICY.replace("08:00", "09:00").replace("20:00", "17:00"))
    assert "time.windows.peak" not in as_json(command, list(fortnight(9, 17)))


def test_roles_that_a_rule_excepts(command: Command) -> None:
    change = "ALTER TABLE users ADD COLUMN email text"
    often = [passed(change, NIGHT, role="deploy")] * LEAST_TIMES
    seldom = [passed(change, NIGHT, role="ada")] * (LEAST_TIMES - 1)
    temporary = [passed("CREATE TEMP TABLE scratch (id int)", NIGHT, role="worker")] * 10
    found = as_json(command, often + seldom + temporary)
    (value,) = (each["value"] for path, each in found.items() if path == "sets.deployers")
    assert value == {"roles": ["release", "deploy"]}
    assert found["sets.deployers"]["evidence"] == [
        f"deploy: {LEAST_TIMES} times, 2026-11-24, by deploy: {change}"
    ]


def test_roles_that_only_read(command: Command) -> None:
    reads = [passed("SELECT * FROM users", role=role) for role in ("grafana", "app")] * LEAST_READS
    few = [passed("SELECT * FROM users", role="ada")] * (LEAST_READS - 1)
    known = [passed("SELECT * FROM users", role="analyst")] * LEAST_READS
    found = as_json(command, [*reads, *few, *known, passed(_UPDATE)])
    assert found["sets.readers"]["value"] == {
        "roles": ["readonly", "read_only", "reporting", "analyst", "*_ro", "*_readonly", "grafana"]
    }


def test_functions_and_tables_that_rules_except(command: Command) -> None:
    lines = [refused("SELECT app.touch_user(1)"), refused("UPDATE ticks.clock SET n = n + 1")] * LEAST_TIMES
    found = as_json(command, lines)
    functions, tables = found["sets.known-functions"]["value"], found["sets.one-row-tables"]["value"]
    assert isinstance(functions, list)
    assert functions[-1] == "function:app.touch_user"
    assert "function:gen_random_uuid" in functions
    assert isinstance(tables, list)
    assert tables[-1] == "ticks.clock"


def test_what_no_set_excuses_is_told_and_not_proposed(command: Command) -> None:
    code, out, errors = suggest(command, [refused("DROP TABLE users")] * LEAST_TIMES)
    assert code == 0
    assert out == []
    assert errors[0] == "Nothing to propose."
    assert errors[1] == (
        "not proposed: no-drop would refuse what was seen 3 times, 2026-11-24, by app: DROP TABLE users"
    )


def test_the_patch_applies_and_the_policy_then_lets_pass_what_was_usual(command: Command) -> None:
    change = "ALTER TABLE users ADD COLUMN email text"
    lines = [
        *fortnight(9, 17),
        *[passed(change, f"2026-11-{n}T22:00", role="deploy") for n in (10, 11, 12)],
        *[refused("SELECT app.touch_user(1)")] * 3,
    ]
    code, patch, _ = suggest(command, lines)
    assert code == 0
    before = (command.folder / "shop.yaml").read_text()
    (command.folder / "old.yaml").write_text(before)
    done = subprocess.run(
        ["patch", "--strip=0"],
        cwd=command.folder,
        input="\n".join(patch) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    after = (command.folder / "shop.yaml").read_text()
    assert "# Ours." in after
    assert "# Seen: function:app.touch_user: 3 times, 2026-11-24, by app: SELECT app.touch_user(1)" in after
    code, _, _ = command("policy", "check", "shop.yaml")
    assert code == 0
    code, out, _ = command("policy", "diff", "old.yaml", "shop.yaml", "--replay", "log", "--json")
    turned = [(flip["becomes"] == "allowed", flip["sql"]) for flip in json.loads("\n".join(out))["flips"]]
    assert (True, "SELECT app.touch_user(1)") in turned
    assert (True, change) in turned
    assert [sql for allowed, sql in turned if not allowed] == []


def test_what_cannot_be_used(command: Command) -> None:
    assert suggest(command, [b"not json\n"])[0] == 3
    assert command("policy", "suggest", "--from", "nowhere", "--policy", "shop.yaml")[0] == 3
    assert command("policy", "suggest", "--from", "log", "--policy", "nowhere.yaml")[0] == 2
