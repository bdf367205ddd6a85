"""`pgwarden policy diff`: the statements of a log, as the program writes it, judged by two policies."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from proxy.app.audit import render_judged, render_passed
from proxy.session.events import Judged, Origin, Passed
from proxy.sql.analyse import SqlSyntaxError, analyse
from tests.app.commands import Command

HEAD = "version: 1\nname: shop\n"
OLD = HEAD + "rules: [{id: no-drop, match: {effects: [table.drop]}}]\n"
NEW = f"""{HEAD}
time: {{timezone: UTC, windows: {{peak: {{days: mon-fri, from: "08:00", to: "20:00"}}}}}}
rules:
  - {{id: no-changes-in-peak, match: {{classes: [ddl]}}, when: {{window: peak}}}}
  - {{id: readers, match: {{classes: [write]}}, unless: {{who: {{roles: [app]}}}}}}
  - {{id: backup-first, match: {{effects: [column.add]}}, require: {{backup: {{within: 24h}}}}}}
"""
NOON, NIGHT = "2026-11-24T12:00", "2026-11-24T23:00"


def effects_of(sql: str) -> tuple[str, ...]:
    try:
        return tuple(effect.name for effect in analyse(sql).effects)
    except SqlSyntaxError:
        return ("statement.unparsed",)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def origin(role: str) -> Origin:
    return Origin(role, "shop", "10.0.0.1", "web", ":6432", "none", "0" * 64)


def passed(sql: str, at: str = NOON, role: str = "app", effects: tuple[str, ...] | None = None) -> bytes:
    """A line of the statement log."""
    event = Passed(moment(at), sql, effects_of(sql) if effects is None else effects, origin(role))
    return render_passed(unreadable=False)(event)


def refused(sql: str, at: str = NOON, chars: int = 4000) -> bytes:
    """A line of the refusal log."""
    event = Judged(
        at=moment(at),
        decision_id="d",
        rule="no-drop",
        mode="enforce",
        sqlstate="42501",
        message="m",
        rules=("no-drop",),
        effects=effects_of(sql),
        targets=(),
        origin=origin("app"),
        text=sql,
        unreadable="statement.unparsed" in effects_of(sql),
    )
    return render_judged(chars, unreadable=False)(event)


@pytest.fixture(autouse=True)
def _policies(command: Command) -> None:
    (command.folder / "old.yaml").write_text(OLD)
    (command.folder / "new.yaml").write_text(NEW)


def diff(command: Command, lines: list[bytes], *flags: str) -> tuple[int, list[str], list[str]]:
    (command.folder / "log").write_bytes(b"".join(lines))
    return command("policy", "diff", "old.yaml", "new.yaml", "--replay", "log", *flags)


def test_statements_that_turn_are_grouped(command: Command) -> None:
    lines = [
        passed("SELECT 1"),
        passed("CREATE INDEX i ON users (name)", NOON),
        passed("CREATE INDEX i ON users (name)", NIGHT),
        passed("INSERT INTO t VALUES (1)", role="analyst", at="2026-11-24T09:00"),
        passed("INSERT INTO t VALUES (2)", role="analyst", at="2026-11-24T10:00"),
        passed("INSERT INTO t VALUES (3)"),
        refused("DROP TABLE users", NIGHT),
        refused("DROP TABLE users", NOON),
    ]
    assert diff(command, lines) == (
        1,
        [
            "now refused, by readers: 2 times",
            "    INSERT INTO t VALUES (1)",
            "    INSERT on t is not allowed. [rule readers]",
            "    first 2026-11-24T09:00:00Z, last 2026-11-24T10:00:00Z",
            "now refused, by no-changes-in-peak: 1 time",
            "    CREATE INDEX i ON users (name)",
            "    CREATE INDEX on i is not allowed. [rule no-changes-in-peak]",
            "    first 2026-11-24T12:00:00Z, last 2026-11-24T12:00:00Z",
            "now allowed, was refused by no-drop: 1 time",
            "    DROP TABLE users",
            "    DROP TABLE on users is not allowed. [rule no-drop]",
            "    first 2026-11-24T23:00:00Z, last 2026-11-24T23:00:00Z",
            "8 judged again: 4 turn, 4 stay",
        ],
        [],
    )


def test_nothing_that_turns_is_a_yes(command: Command) -> None:
    assert diff(command, [passed("SELECT 1")]) == (0, ["1 judged again: 0 turn, 1 stay"], [])


def test_secrets_stay_masked_and_are_judged_masked(command: Command) -> None:
    code, lines, _ = diff(command, [passed("UPDATE t SET password = 'hunter2' WHERE id = 1", role="x")])
    assert (code, lines[1]) == (1, "    UPDATE t SET password = '***' WHERE id = 1")


def test_what_cannot_be_judged_again_is_counted_and_said(command: Command) -> None:
    changed = (
        "not judged: its text alone does not say what it did: masked, or EXECUTE of what was prepared before"
    )
    lines = [
        passed("SELECT 1"),
        passed("EXECUTE p", effects=("statement.execute", "row.delete")),
        passed("EXECUTE q", effects=("statement.execute",)),
        passed("DO $$ BEGIN DELETE FROM t WHERE password = 'x'; END $$"),
        passed("SELECT 'password " + "x" * 200_000 + "'"),
        passed("DORP ROLE PASSWORD 'x'"),
        refused("DROP TABLE a_table_of_a_long_name", chars=20),
        b"not json\n",
        b'{"event": "started"}\n',
        b"\n",
    ]
    code, printed, errors = diff(command, lines)
    assert (code, errors) == (0, [])
    assert printed == [
        "2 judged again: 0 turn, 2 stay",
        f"3 {changed}",
        "2 not judged: no line of a statement log",
        "1 not judged: the text was cut",
        "1 not judged: the text was too long, or could not be read, and was not logged",
    ]


def test_what_could_not_be_read_is_judged_as_such_without_its_text(command: Command) -> None:
    (command.folder / "old.yaml").write_text(f"{HEAD}defaults: {{unparsed: shadow}}\nrules: []\n")
    lines = [passed("DORP ROLE PASSWORD 'x'", NOON), passed("SELEC 1", NIGHT)]
    code, printed, errors = diff(command, lines)
    assert (code, errors) == (1, [])
    assert printed == [
        "now refused, by unparsed: 2 times",
        "    <unreadable statement, 22 characters>",
        "    the text could not be read",
        "    first 2026-11-24T12:00:00Z, last 2026-11-24T23:00:00Z",
        "2 judged again: 2 turn, 0 stay",
    ]


def test_a_log_without_a_statement_is_a_failure(command: Command) -> None:
    code, _, errors = diff(command, [b"x\n"])
    assert (code, errors) == (3, ["pgwarden: no statement of the log could be judged"])
    code, _, errors = command("policy", "diff", "old.yaml", "new.yaml", "--replay", "absent")
    assert (code, errors) == (3, ["pgwarden: --replay: absent cannot be read: No such file or directory"])


def test_a_backup_of_then_counts_as_evidence_then(command: Command) -> None:
    sql = "ALTER TABLE t ADD a int"
    command(
        "backup", "record", "--database", "shop", "--finished", "2026-11-24T21:00Z", "--location", "s3://x"
    )
    assert diff(command, [passed(sql, "2026-11-24T22:00")])[0] == 0
    assert diff(command, [passed(sql, "2026-11-24T20:30")])[0] == 1


def test_json(command: Command) -> None:
    code, lines, _ = diff(command, [passed("CREATE INDEX i ON t (a)"), b"x\n"], "--json")
    assert (code, json.loads("\n".join(lines))) == (
        1,
        {
            "judged": 1,
            "same": 0,
            "flips": [
                {
                    "becomes": "refused",
                    "rules": ["no-changes-in-peak"],
                    "count": 1,
                    "message": "CREATE INDEX on i is not allowed. [rule no-changes-in-peak]",
                    "sql": "CREATE INDEX i ON t (a)",
                    "first": "2026-11-24T12:00:00Z",
                    "last": "2026-11-24T12:00:00Z",
                }
            ],
            "unjudged": {"no line of a statement log": 1},
        },
    )
