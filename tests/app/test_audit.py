"""The JSON lines about statements: their fields, what is masked, what is left out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from proxy.app.audit import (
    MAX_PARSED_CHARS,
    PASSED_FIELDS,
    REFUSAL_FIELDS,
    render_judged,
    render_passed,
    weigh_judged,
    weigh_passed,
)
from proxy.session import Judged, LongText, Origin, Passed
from proxy.session.events import told

ORIGIN = Origin(
    role="app",
    database="shop",
    client_address="203.0.113.9",
    application="psql",
    listener="127.0.0.1:6432",
    transaction="open",
    policy_digest="d" * 64,
)
REFUSED = Judged(
    at=1_795_000_000.25,
    decision_id="4f1c00aa11bb",
    rule="no-drop",
    mode="enforce",
    sqlstate="42501",
    message="DROP TABLE on users would lose data. [rule no-drop]",
    rules=("no-drop", "peak"),
    effects=("table.drop",),
    targets=("users",),
    missing=("a backup",),
    origin=ORIGIN,
    text="DROP TABLE users",
    unreadable=False,
)
PASSED = Passed(at=1_795_000_000.25, text="SELECT 1", effects=(), origin=ORIGIN)


def line(event: Judged, sql_chars: int = 4000, *, unreadable: bool = False) -> dict[str, object]:
    rendered = render_judged(sql_chars, unreadable=unreadable)(event)
    assert rendered.endswith(b"\n")
    assert rendered.count(b"\n") == 1
    fields: dict[str, object] = json.loads(rendered)
    return fields


def passed(event: Passed, *, unreadable: bool = False) -> dict[str, object]:
    fields: dict[str, object] = json.loads(render_passed(unreadable=unreadable)(event))
    return fields


def test_a_refusal() -> None:
    assert line(REFUSED) == {
        "time": "2026-11-18T11:06:40.250000Z",
        "event": "refused",
        "decision_id": "4f1c00aa11bb",
        "rule": "no-drop",
        "rules": ["no-drop", "peak"],
        "mode": "enforce",
        "sqlstate": "42501",
        "message": "DROP TABLE on users would lose data. [rule no-drop]",
        "effects": ["table.drop"],
        "targets": ["users"],
        "missing": ["a backup"],
        "role": "app",
        "database": "shop",
        "client_address": "203.0.113.9",
        "application": "psql",
        "listener": "127.0.0.1:6432",
        "transaction": "open",
        "policy": "d" * 64,
        "sql": "DROP TABLE users",
    }
    assert tuple(line(REFUSED)) == REFUSAL_FIELDS


def test_a_rule_that_only_watches() -> None:
    assert line(replace(REFUSED, mode="shadow"))["event"] == "shadowed"


def test_a_message_without_text() -> None:
    assert line(replace(REFUSED, text=None))["sql"] is None


def test_sql_is_cut() -> None:
    assert line(replace(REFUSED, text="DROP TABLE " + "x" * 60), 20)["sql"] == "DROP TABLE xxxxxxxx…"


@pytest.mark.parametrize(
    "text",
    [
        "ALTER ROLE app PASSWORD 'hunter2'",
        "CREATE ROLE x LOGIN ENCRYPTED PASSWORD 'hunter2'; DROP TABLE users",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    sql = line(replace(REFUSED, text=text))["sql"]
    assert sql == text.replace("'hunter2'", "'***'")
    assert passed(replace(PASSED, text=text))["sql"] == text.replace("'hunter2'", "'***'")


def test_what_cannot_be_read_is_left_out_unless_asked_for() -> None:
    text = "ALTR ROLE app PASSWORD 'hunter2'"
    unread = replace(
        REFUSED, text=text, unreadable=True, rule="unparsed", message='syntax error at or near "hunter2"'
    )
    assert (line(unread)["sql"], line(unread)["message"]) == (
        "<unreadable statement, 32 characters>",
        "the statement cannot be read",
    )
    asked = line(unread, unreadable=True)
    assert (asked["sql"], asked["message"]) == (text, 'syntax error at or near "hunter2"')
    assert line(unread, 10, unreadable=True)["sql"] == "ALTR ROLE…"
    shadowed = replace(PASSED, text=text, effects=("statement.unparsed",))
    assert (passed(shadowed)["sql"], passed(shadowed)["whole"]) == (
        "<unreadable statement, 32 characters>",
        False,
    )
    assert (passed(shadowed, unreadable=True)["sql"], passed(shadowed, unreadable=True)["whole"]) == (
        text,
        True,
    )


def test_a_long_text_is_not_parsed_again() -> None:
    """It is shown when it holds no word that a secret needs, and withheld when it does."""
    text = "SELECT '" + "x" * MAX_PARSED_CHARS + "'"
    assert (passed(replace(PASSED, text=text))["sql"], passed(replace(PASSED, text=text))["whole"]) == (
        text,
        True,
    )
    text += " AS token"
    assert line(replace(REFUSED, text=text))["sql"] == f"<long statement, {len(text)} characters>"
    assert passed(replace(PASSED, text=text))["whole"] is False


def test_of_a_text_that_was_not_kept_the_size_is_told() -> None:
    assert line(replace(REFUSED, text=LongText(200_000)))["sql"] == "<long statement, 200000 bytes>"
    assert line(replace(REFUSED, text=told(b"x" * 131_073)))["sql"] == "<long statement, 131073 bytes>"
    assert passed(replace(PASSED, text=LongText(200_000)))["whole"] is False


def test_a_statement_that_passed() -> None:
    assert passed(PASSED) == {
        "time": "2026-11-18T11:06:40.250000Z",
        "event": "passed",
        "effects": [],
        "role": "app",
        "database": "shop",
        "client_address": "203.0.113.9",
        "application": "psql",
        "listener": "127.0.0.1:6432",
        "transaction": "open",
        "policy": "d" * 64,
        "whole": True,
        "sql": "SELECT 1",
    }
    assert tuple(passed(PASSED)) == PASSED_FIELDS


def test_names_cannot_break_the_line() -> None:
    nasty = replace(ORIGIN, application='x"\n{"event":"refused"}', role="caf\udce9")
    fields = line(replace(REFUSED, origin=nasty))
    assert fields["application"] == 'x"\n{"event":"refused"}'
    assert fields["role"] == "caf\\udce9"


def test_weights() -> None:
    assert (weigh_judged(REFUSED), weigh_judged(replace(REFUSED, text=None)), weigh_passed(PASSED)) == (
        516,
        500,
        508,
    )
