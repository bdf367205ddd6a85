"""`pgwarden policy test`: cases and examples, what it says of them, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.app.commands import Command

POLICY = """\
version: 1
name: shop
time: {timezone: America/New_York, windows: {peak: {days: mon-fri, from: "08:00", to: "20:00"}}}
rules:
  - id: no-drop
    match: {effects: [table.drop]}
  - id: no-changes-in-peak
    match: {classes: [ddl]}
    when: {window: peak}
  - id: backup-first
    match: {effects: [column.add]}
    require: {backup: {within: 24h, copies: 2}}
  - id: taken-first
    match: {effects: [table.truncate]}
    require: {backup: {within: 1h}}
    else: backup
  - id: watched
    match: {effects: [row.delete], who: {roles: [analyst]}}
    mode: shadow
"""
HEAD = "version: 1\npolicy: policy.yaml\n"
CASES = f"""{HEAD}
given: {{as: app, database: shop}}
cases:
  - name: a drop at noon, which is where a case without a moment stands
    sql: DROP TABLE users
    expect: {{decision: refuse, rules: [no-drop, no-changes-in-peak]}}
  - name: a moment without an offset is in the policy's zone
    sql: CREATE TABLE t (a int)
    at: 2026-11-24T20:00
    expect: allow
  - name: a backup in two places
    sql: ALTER TABLE users ADD COLUMN a int
    at: 2026-11-25T03:00Z
    facts: {{backups: {{ago: 23h, copies: 2}}}}
    expect: allow
  - name: a backup in one place
    sql: ALTER TABLE users ADD COLUMN a int
    at: 2026-11-25T03:00Z
    facts: {{backups: [{{ago: 23h}}]}}
    expect: {{decision: refuse, rules: [backup-first]}}
  - name: a rule in shadow
    sql: DELETE FROM users
    as: analyst
    expect: {{decision: allow, shadow: [watched]}}
  - name: what cannot be read
    sql: DORP TABLE users
    expect: {{decision: refuse, rules: [unparsed]}}
  - name: a freeze
    sql: INSERT INTO t VALUES (1)
    facts: {{freeze: month end}}
    expect: {{decision: refuse, rules: [freeze]}}
  - name: what waits for a backup
    sql: TRUNCATE public.t
    expect: backup
  - name: what waits for one is refused where there is none
    sql: TRUNCATE public.t
    expect: {{decision: refuse, rules: [taken-first]}}
  - name: migrations
    migrations: migrations
    at: 2026-11-24T21:00
    expect: {{decision: refuse, rules: [no-drop]}}
"""


@pytest.fixture
def folder(command: Command) -> Path:
    folder = command.folder
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "migrations" / "1_a").mkdir(parents=True)
    (folder / "migrations" / "1_a" / "migration.sql").write_text("CREATE TABLE t (a int);\nDROP TABLE t;\n")
    return folder


def test_cases_that_pass(command: Command, folder: Path) -> None:
    (folder / "policy.test.yaml").write_text(CASES)
    assert command("policy", "test", "policy.test.yaml") == (0, ["10 passed, 0 failed, in 1 file"], [])
    assert command("policy", "test", ".") == (0, ["10 passed, 0 failed, in 1 file"], [])


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        (
            "sql: SELECT 1\n    expect: refuse",
            "expected refuse, and it is allowed",
        ),
        (
            "sql: DROP TABLE users\n    at: 2026-11-28T12:00\n    expect: allow",
            "expected allow, and it is refused by no-drop: DROP TABLE on users is not allowed. "
            "[rule no-drop]",
        ),
        (
            "sql: DROP TABLE users\n    at: 2026-11-28T12:00\n"
            "    expect: {decision: refuse, rules: backup-first}",
            "expected backup-first to refuse it, and it is refused by no-drop",
        ),
        (
            "sql: SELECT 1\n    expect: {decision: allow, shadow: watched}",
            "expected watched to watch it, and it is watched by no rule",
        ),
        (
            "sql: TRUNCATE public.t\n    transaction: open\n    expect: backup",
            "expected a backup to be taken first, and it is refused by taken-first: TRUNCATE on public.t "
            "needs a backup of app from the last hour, of the tables concerned. [rule taken-first]",
        ),
        ("sql: SELECT 1\n    expect: backup", "expected a backup to be taken first, and it is allowed"),
        ("migrations: absent\n    expect: allow", "absent cannot be read: No such file or directory"),
        ("migrations: empty\n    expect: allow", "empty holds no SQL"),
    ],
)
def test_a_case_that_fails_is_told_with_its_place(
    command: Command, folder: Path, case: str, problem: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "c.yaml").write_text(f"{HEAD}cases:\n  - name: one\n    {case}\n")
    code, lines, errors = command("policy", "test", "c.yaml")
    assert (code, errors) == (1, [])
    assert lines[:2] == ["FAILED c.yaml:4:5: one", f"    {problem}"]
    assert lines[-1] == "0 passed, 1 failed, in 1 file"


def test_rules_that_no_case_fires_are_shown(command: Command, folder: Path) -> None:
    (folder / "c.yaml").write_text(f"{HEAD}cases:\n  - {{name: one, sql: DROP TABLE t, expect: refuse}}\n")
    code, lines, _ = command("policy", "test", "c.yaml")
    assert (code, lines) == (
        0,
        [
            "no case fires backup-first [policy.yaml:10:5]",
            "no case fires taken-first [policy.yaml:13:5]",
            "no case fires watched [policy.yaml:17:5]",
            "1 passed, 0 failed, in 1 file",
        ],
    )


MISTAKES = f"""{HEAD}
cases:
  - name: one
    sql: DROP TABLE users
    expect: {{decision: refuse, rules: [no-dorp]}}
  - name: one
    sql: SELECT 1
    expect: alow
  - {{sql: SELECT 1, expect: allow}}
  - {{name: two, expect: allow}}
  - {{name: three, sql: SELECT 1, migrations: m, expect: allow}}
  - {{name: four, sql: SELECT 1, expect: {{decision: allow, rules: no-drop}}}}
  - {{name: five, sql: SELECT 1, at: noon, as: app, frm: x, expect: allow}}
  - {{name: six, sql: " ", facts: {{backups: {{ago: 2 hours}}}}, expect: allow}}
  - SELECT 1
"""
TWICE = f"{HEAD}cases:\n" + "  - {name: one, sql: SELECT 1, expect: allow}\n" * 2


def test_two_cases_of_one_name_are_a_mistake(command: Command, folder: Path) -> None:
    (folder / "c.yaml").write_text(TWICE)
    code, _, errors = command("policy", "test", "c.yaml")
    assert (code, errors[0]) == (1, 'c.yaml:5:12: another case is named "one"')


def test_mistakes_in_cases_are_all_told_at_once_with_their_places(command: Command, folder: Path) -> None:
    (folder / "c.yaml").write_text(MISTAKES)
    code, lines, errors = command("policy", "test", "c.yaml")
    assert (code, lines) == (1, ["0 passed, 0 failed, in 0 files"])
    told = [line for line in "\n".join(errors).splitlines() if "c.yaml:" in line]
    assert told == [
        'c.yaml:10:13: decision is allow, refuse, backup or hold, not "alow"',
        'c.yaml:11:5: "name" is missing',
        "c.yaml:12:5: the case has neither sql nor migrations; it needs one of them",
        "c.yaml:13:5: the case has both sql and migrations; it needs one of them",
        "c.yaml:14:59: what is allowed is refused by no rule",
        'c.yaml:15:37: "noon" is no moment; write 2026-11-24T15:00, or 2026-11-24T15:00Z',
        'c.yaml:15:52: unknown key "frm"; here may stand application, as, at, client, database, expect, '
        "facts, migrations, name, sql, transaction",
        "c.yaml:16:22: the SQL is empty",
        'c.yaml:16:50: "2 hours" is no duration; write a number and a unit, such as 30m, 24h, 14d or 2w',
        'c.yaml:17:5: expected a mapping, found "SELECT 1"',
    ]
    assert errors[1:3] == ["        expect: alow", "                ^^^^"]


def test_a_rule_that_there_is_not_is_a_mistake(command: Command, folder: Path) -> None:
    (folder / "c.yaml").write_text(MISTAKES.partition("  - name: one\n    sql: SELECT")[0])
    code, _, errors = command("policy", "test", "c.yaml")
    assert (code, "\n".join(errors).splitlines()) == (
        1,
        [
            'c.yaml:7:40: the policy has no rule "no-dorp"',
            "        expect: {decision: refuse, rules: [no-dorp]}",
            "                                           ^^^^^^^",
            '    did you mean "no-drop"?',
        ],
    )


def test_nothing_that_ran_is_a_failure(command: Command, folder: Path) -> None:
    code, _, errors = command("policy", "test", ".")
    assert (code, errors) == (1, ["pgwarden: no case ran: nothing there holds cases or examples"])
    code, _, errors = command("policy", "test", "absent.yaml")
    assert (code, errors) == (1, ["absent.yaml: cannot be read: No such file or directory"])


def test_a_policy_that_does_not_load_is_told(command: Command, folder: Path) -> None:
    (folder / "policy.yaml").write_text("version: 1\nrulez: []\n")
    (folder / "c.yaml").write_text(CASES)
    code, _, errors = command("policy", "test", "c.yaml")
    assert code == 1
    assert errors[0].startswith('policy.yaml:2:1: unknown key "rulez"')


EXAMPLES = """\
version: 1
rules:
  - id: no-drop
    why: What is dropped is gone.
    match: {effects: [table.drop]}
    examples:
      refuse: [DROP TABLE a, SELECT 1, DORP]
      allow:
        - DROP TABLE a
        - {sql: CREATE TABLE a (b int), as: app}
"""


def test_examples_of_rules_are_cases(command: Command) -> None:
    (command.folder / "p.yaml").write_text(EXAMPLES)
    code, lines, errors = command("policy", "test", "p.yaml")
    assert (code, errors) == (1, [])
    assert lines == [
        "FAILED p.yaml:7:30: no-drop: refuse SELECT 1",
        "    the rule no-drop does not fire",
        "FAILED p.yaml:7:40: no-drop: refuse DORP",
        '    the SQL cannot be read: syntax error at or near "DORP"',
        "FAILED p.yaml:9:11: no-drop: allow DROP TABLE a",
        "    the rule no-drop fires on what it should allow",
        "2 passed, 3 failed, in 1 file",
    ]


def test_a_policy_runs_the_examples_of_its_packs(command: Command) -> None:
    (command.folder / "rules").mkdir()
    (command.folder / "rules" / "pack.yaml").write_text(EXAMPLES)
    (command.folder / "p.yaml").write_text("version: 1\ninclude: rules/pack.yaml\n")
    for path in ("p.yaml", "."):
        code, lines, _ = command("policy", "test", path)
        assert (code, lines[-1]) == (1, "2 passed, 3 failed, in 1 file")


def test_files_of_others_in_a_folder_are_passed_over(command: Command, folder: Path) -> None:
    (folder / "policy.test.yaml").write_text(CASES)
    (folder / "compose.yaml").write_text("version: 3\nx: &x {a: 1}\nservices: {web: {<<: *x}}\n")
    (folder / "chart.yml").write_text("{{ template }}\n")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "bad.yaml").write_text("cases: [\n")
    assert command("policy", "test", ".") == (0, ["10 passed, 0 failed, in 1 file"], [])
    (folder / "bad.yaml").write_text("cases: [\n")
    code, _, errors = command("policy", "test", ".")
    assert code == 1
    assert errors[0].startswith("bad.yaml:1:9: not valid YAML: ")


def test_junit(command: Command, folder: Path) -> None:
    (folder / "c.yaml").write_text(
        f"{HEAD}cases:\n"
        "  - {name: good, sql: DROP TABLE t, expect: refuse}\n"
        '  - {name: "bad <&\\e", sql: SELECT 1, expect: refuse}\n'
    )
    assert command("policy", "test", "c.yaml", "--junit", "j.xml")[0] == 1
    root = ElementTree.parse(folder / "j.xml").getroot()  # noqa: S314 - our own
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "2", "1")
    cases = root.findall("testsuite/testcase")
    assert [(case.get("name"), case.get("file"), case.get("line")) for case in cases] == [
        ("good", "c.yaml", "4"),
        ("bad <&\N{REPLACEMENT CHARACTER}", "c.yaml", "5"),
    ]
    (failure,) = root.findall("testsuite/testcase/failure")
    assert failure.get("message") == "expected refuse, and it is allowed"
    assert root.findall("testsuite/testcase/error") == []
    code, _, errors = command("policy", "test", "c.yaml", "--junit", "absent/j.xml")
    assert (code, errors) == (
        3,
        ["pgwarden: --junit: absent/j.xml cannot be written: No such file or directory"],
    )


def test_junit_shows_what_could_not_run(command: Command, folder: Path) -> None:
    """A CI that looks at the report alone must not take a file that is wrong for one that passed."""
    (folder / "c.yaml").write_text(f"{HEAD}cases:\n  - {{name: one, sql: DROP TABLE t, expect: refused}}\n")
    message = 'c.yaml:4:44: decision is allow, refuse, backup or hold, not "refused"'
    for path, told in (
        ("c.yaml", message),
        ("migrations", "no case ran: nothing there holds cases or examples"),
    ):
        assert command("policy", "test", path, "--junit", "j.xml")[0] == 1
        root = ElementTree.parse(folder / "j.xml").getroot()  # noqa: S314 - our own
        assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("1", "0", "1")
        (error,) = root.findall("testsuite/testcase/error")
        assert error.get("message") == told


def test_a_refusal_that_only_a_shadow_rule_would_give_is_named(command: Command, folder: Path) -> None:
    (folder / "c.yaml").write_text(
        f"{HEAD}cases:\n  - {{name: one, sql: DELETE FROM t, as: analyst, expect: refuse}}\n"
    )
    _, lines, _ = command("policy", "test", "c.yaml")
    assert lines[1] == "    expected refuse, and it is allowed; in shadow, watched would refuse it"


def test_json(command: Command, folder: Path) -> None:
    (folder / "c.yaml").write_text(f"{HEAD}cases:\n  - {{name: one, sql: DROP TABLE t, expect: refuse}}\n")
    code, lines, _ = command("policy", "test", "c.yaml", "--json")
    found = json.loads("\n".join(lines))
    assert (code, found["passed"], found["failed"], found["problems"]) == (0, 1, 0, [])
    assert found["results"] == [
        {
            "file": "c.yaml",
            "name": "one",
            "position": "c.yaml:4:5",
            "passed": True,
            "problem": "",
            "fired": ["no-changes-in-peak", "no-drop"],
        }
    ]
    assert [each["rule"] for each in found["unfired"]] == ["backup-first", "taken-first", "watched"]


def test_cases_about_approvals(command: Command) -> None:
    rule = "{id: no-drop, match: {effects: [view.drop]}, approval: {by: 2, within: 1h}, else: hold}"
    (command.folder / "policy.yaml").write_text(f"version: 1\nname: shop\nrules: [{rule}]\n")
    cases = [
        ("by two", "{by: 2, rules: no-drop}", "allow"),
        ("by too few: it would be waited for", "{by: 1, rules: no-drop}", "hold"),
        ("too long ago", "{by: 2, rules: no-drop, ago: 2h}", "{decision: refuse, rules: [no-drop]}"),
        ("of another rule", "{by: 2, rules: other}", "refuse"),
    ]
    told = "".join(
        f"  - {{name: '{name}', sql: DROP VIEW v, facts: {{approvals: {given}}}, expect: {expected}}}\n"
        for name, given, expected in cases
    )
    (command.folder / "c.yaml").write_text(f"{HEAD}cases:\n{told}")
    assert command("policy", "test", "c.yaml") == (0, ["4 passed, 0 failed, in 1 file"], [])
