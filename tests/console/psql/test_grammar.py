"""Commands as people write them, and what is said of those that are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.console.psql.courtesies import SERVER_VERSION, Asked
from proxy.console.psql.grammar import read
from proxy.console.psql.statements import (
    USAGES,
    VIEWS,
    Control,
    Fact,
    Freeze,
    Kill,
    Nothing,
    Reload,
    Show,
    Statement,
    Thaw,
)
from proxy.console.psql.tokens import Refused, commands
from proxy.console.psql.views import COLUMNS

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
UNKNOWN = "this is pgwarden's console, which does not know"
ASKED = Asked("ada", "pgwarden", 7, "psql")


def understood(text: str) -> list[Statement]:
    return [read(command, ASKED, NOW) for command in commands(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SHOW CLIENTS", Show("CLIENTS")),
        (" show /* a /* b */ ; */ help -- ; \n ; ", Show("HELP")),
        ("FREEZE", Freeze("", None, None, False)),
        ("freeze 'it''s; late' until '2h' database Shop kill",
         Freeze("it's; late", NOW + timedelta(hours=2), "shop", True)),
        ("FREEZE DATABASE \"My Shop\" UNTIL '2026-11-27T08:00+02:00'",
         Freeze("", datetime(2026, 11, 27, 6, tzinfo=UTC), "My Shop", False)),
        ("FREEZE DATABASE 'shop'", Freeze("", None, "shop", False)),
        ("FREEZE KILL", Freeze("", None, None, True)),
        ("FREEZE DATABASE kill", Freeze("", None, "kill", False)),
        ("THAW", Thaw(None)),
        ("thaw database shop", Thaw("shop")),
        ("RELOAD", Reload()),
        ("KILL 0-4f1c2d", Kill("0-4f1c2d", "")),
        ("KILL 12-1e5 'why'", Kill("12-1e5", "why")),
        ("KILL '0-4f1c' 'why'", Kill("0-4f1c", "why")),
        ("BEGIN ISOLATION LEVEL READ COMMITTED", Control("BEGIN")),
        ("START TRANSACTION READ ONLY", Control("BEGIN")),
        ("end", Control("COMMIT")),
        ("abort", Control("ROLLBACK")),
        ("ROLLBACK TO SAVEPOINT a", Control("ROLLBACK", True)),
        ("SAVEPOINT a", Control("SAVEPOINT")),
        ("SET extra_float_digits = 3", Nothing("SET")),
        ("SET client_encoding TO 'UTF8'", Nothing("SET")),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", Nothing("SET")),
        ("DISCARD ALL", Nothing("DISCARD ALL")),
        ("DEALLOCATE ALL", Nothing("DEALLOCATE ALL")),
        ("DEALLOCATE a", Nothing("DEALLOCATE")),
        ("CLOSE ALL", Nothing("CLOSE CURSOR")),
    ],
)  # fmt: skip
def test_understood(text: str, wanted: Statement) -> None:
    assert understood(text) == [wanted]


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("SELECT version()", "version", f"PostgreSQL {SERVER_VERSION}, the console"),
        ("select pg_catalog.version()", "version", f"PostgreSQL {SERVER_VERSION}, the console"),
        ("SHOW server_version", "server_version", SERVER_VERSION),
        ("show TimeZone", "TimeZone", "UTC"),
        ("SHOW TIME ZONE", "TimeZone", "UTC"),
        ("SHOW transaction isolation level", "transaction_isolation", "read committed"),
        ("SHOW session_authorization", "session_authorization", "ada"),
        ("SELECT 1", "?column?", 1),
        ("SELECT current_database()", "current_database", "pgwarden"),
        ("SELECT pg_backend_pid()", "pg_backend_pid", 7),
    ],
)
def test_what_drivers_ask(text: str, column: str, value: object) -> None:
    (fact,) = understood(text)
    assert isinstance(fact, Fact)
    assert ([each.name for each in fact.columns], fact.row) == ([column], (value,))


@pytest.mark.parametrize(
    ("text", "sqlstate", "message", "position"),
    [
        ("SELECT * FROM pg_class", "0A000", f'{UNKNOWN} "SELECT" like this', 1),
        ("  frieze", "0A000", f'{UNKNOWN} "frieze" like this', 3),
        ('"freeze"', "0A000", f'{UNKNOWN} "freeze" like this', 1),
        ("SHOW TABLES", "42704", 'the console knows nothing by the name "TABLES" to show', 0),
        ("SHOW", "42704", 'the console knows nothing by the name "" to show', 0),
        ("SHOW CLIENTS please", "42704", 'the console knows nothing by the name "CLIENTS please" to show', 0),
        ("FREEZE shop", "42601", 'syntax error at or near "shop"', 8),
        ("FREEZE 'a' 'b'", "42601", 'syntax error at or near "b"', 12),
        ("FREEZE UNTIL", "42601", "syntax error at the end", 0),
        ("FREEZE UNTIL '2h' UNTIL '3h'", "42601", 'syntax error at or near "UNTIL"', 19),
        ("FREEZE UNTIL 'soon'", "42601",
         "'soon' is no moment with its time zone (2026-11-27T08:00Z), nor a time-span (2h)", 0),
        ("FREEZE UNTIL '2026-11-27 08:00'", "42601",
         "'2026-11-27 08:00' is no moment with its time zone (2026-11-27T08:00Z), nor a time-span (2h)", 0),
        ("FREEZE UNTIL '999999w'", "42601",
         "'999999w' is no moment with its time zone (2026-11-27T08:00Z), nor a time-span (2h)", 0),
        ("FREEZE UNTIL '0001-01-01T00:00+14:00'", "42601", "'0001-01-01T00:00+14:00' lies too far off", 0),
        ("THAW shop", "42601", 'syntax error at or near "shop"', 6),
        ("THAW DATABASE", "42601", "syntax error at the end", 0),
        ("RELOAD now", "42601", 'syntax error at or near "now"', 8),
        ("KILL", "42601", "syntax error at the end", 0),
        ("KILL 'a' 'b' 'c'", "42601", 'syntax error at or near "c"', 14),
        ("SET client_encoding TO LATIN1", "0A000", "pgwarden's console speaks UTF8 alone", 0),
        ("SET NAMES 'latin1'", "0A000", "pgwarden's console speaks UTF8 alone", 0),
        ("FREEZE 'a", "42601", 'unterminated quoted text at or near "\'a"', 8),
        ("RELOAD /* /* */", "42601", "unterminated /* comment", 8),
        (";" * 4001, "54001", "a text has at most 4000 words here", 0),
    ],
)  # fmt: skip
def test_refused(text: str, sqlstate: str, message: str, position: int) -> None:
    with pytest.raises(Refused) as refused:
        understood(text)
    denial = refused.value.denial
    assert (denial.sqlstate, denial.message, denial.position) == (sqlstate, message, position)


@pytest.mark.parametrize("text", ["SELECT 2", "SHOW TABLES", "FREEZE x", "\\d"])
def test_whoever_is_lost_is_told_of_help(text: str) -> None:
    with pytest.raises(Refused) as refused:
        understood(text)
    assert refused.value.denial.hint.endswith("SHOW HELP lists the commands.")


def test_every_command_of_the_table_is_understood_and_has_its_columns() -> None:
    assert set(VIEWS) == set(COLUMNS)
    for view in VIEWS:
        assert understood(f"SHOW {view}") == [Show(view)]
    examples = {"id": "0-1", "name": "shop", "'time'": "'2h'", "[": "", "]": ""}
    for usage in USAGES:
        written = usage.syntax
        for word, example in examples.items():
            written = written.replace(word, example)
        (statement,) = understood(written)
        assert type(statement).__name__.upper() == usage.words.split()[0]


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        understood(text)
    except Refused as refused:
        assert refused.denial.sqlstate in {"42601", "0A000", "42704", "54001"}


def test_time_spans_count_from_now_in_any_zone() -> None:
    here = NOW.astimezone(timezone(timedelta(hours=5)))
    (command,) = commands("FREEZE UNTIL '30m'")
    assert read(command, ASKED, here) == Freeze("", NOW + timedelta(minutes=30), None, False)
