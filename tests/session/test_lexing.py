"""A text that the server may read otherwise than the parser is refused or waits, never guessed at."""

from collections.abc import Callable

import pytest

from proxy.backup.cluster import Cluster
from proxy.session.lexing import Lexing
from tests.conftest import ServerAt
from tests.servers.database import Database
from tests.session.conftest import TABLE, Clients
from tests.session.messages import B, C, E, P, Q, S, X
from tests.session.wired import Wired, gate_of

LEXING = ("E", "42501", "The server may read this statement otherwise than pgwarden does. [rule lexing]")
BACKSLASH = r"SELECT '\', $x$ '; DELETE FROM t; -- $x$"
ALLOW = "{version: 1, name: open, rules: [{id: none, match: {effects: [table.drop]}, deny: 'No.'}]}"


def test_with_standard_conforming_strings_off_a_backslash_is_refused_and_nothing_else(
    table: Database, clients: Clients
) -> None:
    client = clients.wired(table, gate_of(ALLOW))
    client.exchange(Q("SET standard_conforming_strings = off"))
    assert client.exchange(Q(BACKSLASH)) == [LEXING, ("Z", "I")]
    assert client.exchange(P(BACKSLASH) + S) == [LEXING, ("Z", "I")]
    assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")
    client.exchange(Q("SET standard_conforming_strings = on"))
    assert client.exchange(Q(r"SELECT '\'"))[1] == ("D", b"\\")
    assert table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.parametrize(
    "change",
    [
        "SET standard_conforming_strings = off",
        "SELECT set_config('standard' || '_conforming_strings', 'off', false)",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
        "DO $$ BEGIN SET standard_conforming_strings = off; END $$",
    ],
)
def test_a_pipelined_text_waits_for_the_answer_that_tells_how_it_is_read(
    change: str, table: Database, clients: Clients
) -> None:
    client = clients.wired(table, gate_of(ALLOW))
    told = client.exchange(Q(change) + Q(BACKSLASH), ready=2)
    assert told[-2:] == [LEXING, ("Z", "I")]
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_a_text_that_waits_runs_when_nothing_has_changed(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(ALLOW))
    told = client.exchange(Q("DO $$ BEGIN END $$") + Q(r"SELECT '\'") + Q("SELECT 2"), ready=3)
    assert [answer for answer in told if answer[0] == "D"] == [("D", b"\\"), ("D", b"2")]


def test_inside_one_batch_a_text_that_reads_differently_is_refused(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(ALLOW))
    told = client.exchange(X("SET standard_conforming_strings = off") + P(BACKSLASH) + S)
    assert told[-2:] == [LEXING, ("Z", "I")]
    told = client.exchange(X("SET standard_conforming_strings = on") + X("SELECT 3") + S)
    assert ("D", b"3") in told


def test_rolling_back_may_bring_the_other_reading_back(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(ALLOW))
    client.exchange(Q("SET standard_conforming_strings = off"))
    client.exchange(Q("BEGIN"))
    client.exchange(Q("SET standard_conforming_strings = on"))
    told = client.exchange(Q("ROLLBACK") + Q(BACKSLASH), ready=2)
    assert told == [
        ("C", "ROLLBACK"),
        ("S", "standard_conforming_strings", "off"),
        ("Z", "I"),
        LEXING,
        ("Z", "I"),
    ]


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII"])
def test_in_a_single_byte_encoding_ascii_passes(encoding: str, table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(ALLOW), client_encoding=encoding)
    assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")
    told = client.exchange(Q("SELECT 'é'"))
    assert told == [LEXING, ("Z", "I")]


def test_in_an_encoding_that_hides_quotes_only_what_reads_the_same_passes(
    table: Database, clients: Clients
) -> None:
    client = clients.wired(table, gate_of(ALLOW), client_encoding="SJIS")
    assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")
    assert client.exchange(Q(r"SELECT '\'")) == [LEXING, ("Z", "I")]
    assert client.exchange(Q("SELECT 'é'")) == [LEXING, ("Z", "I")]


@pytest.mark.defect_30
def test_bytes_that_are_no_utf8_are_refused(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(ALLOW))
    raw = Q("SELECT 'xx'").replace(b"xx", b"\xff\xfe")
    assert client.exchange(raw) == [
        ("E", "22021", "Byte 9 of the statement is not UTF8, so it was not run. [rule undecodable]"),
        ("Z", "I"),
    ]
    assert client.exchange(Q("SELECT 1") + b"", ready=1)[1] == ("D", b"1")


@pytest.mark.defect_30
def test_a_shadow_policy_does_not_let_these_pass(table: Database, clients: Clients) -> None:
    shadow = ALLOW.replace("name: open,", "name: open, defaults: {mode: shadow},")
    client = clients.wired(table, gate_of(shadow), client_encoding="SJIS")
    assert client.exchange(P("SELECT 'é'") + B() + E() + S) == [LEXING, ("Z", "I")]


def test_plain_until_told_otherwise() -> None:
    lexing = Lexing()
    assert lexing.objection(b"SELECT '\\'") == "the server has not reported its client_encoding"
    lexing.report("client_encoding", "UTF8")
    lexing.report("standard_conforming_strings", "on")
    assert lexing.plain
    lexing.unsettle(3)
    assert (lexing.plain, lexing.awaits(b"\\", 3), lexing.awaits(b"plain", 3)) == (False, 3, 0)
    lexing.settle(2)
    assert lexing.awaits(b"\\", 3) == 3
    lexing.settle(3)
    assert lexing.awaits(b"\\", 3) == 0
    lexing.report("standard_conforming_strings", "off")
    lexing.report("standard_conforming_strings", "on")
    assert (lexing.plain, lexing.objection(b"\\"), lexing.awaits(b"\\", 4)) == (False, None, 4)


OFF = "{version: 1, name: open, rules: [{id: none, match: {effects: [database.drop]}, deny: 'No.'}]}"
LONG_NAME = "n" * 63


@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT", "ROLLBACK TO s"])
def test_what_ends_a_transaction_may_bring_the_other_reading_back_inside_a_batch(
    end: str, table: Database, clients: Clients
) -> None:
    table.execute(f"ALTER DATABASE {table.name} SET standard_conforming_strings = off")
    client = clients.wired(table, gate_of(OFF))
    client.exchange(Q("BEGIN"))
    client.exchange(Q("SAVEPOINT s"))
    client.exchange(Q("SET LOCAL standard_conforming_strings = on"))
    told = client.exchange(X(end) + X(r"DELETE FROM t WHERE id = 5 AND v = '\' -- ' OR true") + S)
    assert LEXING in told
    client.exchange(Q("ROLLBACK"))
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_names_are_what_the_server_makes_of_them(table: Database, clients: Clients) -> None:
    """It cuts them at 63 bytes: a name that differs only behind that is the same name."""
    client = clients.wired(table, gate_of(OFF))
    told = client.exchange(P("SELECT 1", LONG_NAME + "1") + C(LONG_NAME + "2") + P("SELECT 2", LONG_NAME) + S)
    assert told == [("1",), ("3",), ("1",), ("Z", "I")]
    assert client.exchange(B(LONG_NAME + "1") + E() + S)[1] == ("D", b"2")
    assert ("D", b"2") in client.exchange(Q(f"EXECUTE {LONG_NAME}x"))


def test_a_text_that_waits_for_what_an_error_skips_is_not_kept_waiting(
    table: Database, clients: Clients
) -> None:
    seen = []
    for client in (clients.bare(table), clients.wired(table, gate_of(OFF))):
        told = client.exchange(
            E("nosuch") + Q("DISCARD ALL") + Q(r"SELECT '\'") + S + Q("SELECT 'end'"), ready=2
        )
        seen.append(told)
    assert seen[1] == seen[0]


@pytest.mark.parametrize("skipped", [Q("SELECT 2"), Q("SELECT 2") + Q("SELECT 3")], ids=["one", "two"])
def test_a_query_that_the_server_skips_settles_nothing(
    skipped: bytes, table: Database, clients: Clients
) -> None:
    """It ends in no ReadyForQuery: how texts are read comes with the Sync behind it."""
    client = clients.wired(table, gate_of(ALLOW))
    batch = (
        X("BEGIN") + X("SET standard_conforming_strings = off") + X("COMMIT") + X("SELECT 1/0") + skipped + S
    )
    told = client.exchange(batch + Q(BACKSLASH), ready=2)
    assert told[-2:] == [LEXING, ("Z", "I")]
    assert table.execute("SELECT count(*) FROM t") == "3"


OFF_NOW = "SELECT set_config('standard_conforming_strings', 'off', false)"
_FUNCTION = (
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql {} AS"
    " $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); RETURN 1; END $$"
)
_DEFAULT = "ALTER DATABASE {database} SET standard_conforming_strings = off"
WAYS: dict[str, tuple[list[str], str]] = {
    "SET": ([], "SET standard_conforming_strings = off"),
    "SET SESSION, spelled otherwise": ([], "set SESSION \"standard_conforming_strings\" TO 'off'"),
    "SET LOCAL": (["BEGIN"], "SET LOCAL standard_conforming_strings TO 0"),
    "set_config": ([], OFF_NOW),
    "a built name": ([], "SELECT set_config('STANDARD_' || 'conforming_strings', 'off', false)"),
    "in a sub-select": ([], f"SELECT id FROM t WHERE v = ({OFF_NOW})"),
    "in a column's default": (
        ["CREATE TABLE d (v text DEFAULT set_config('standard_conforming_strings', 'off', false))"],
        "INSERT INTO d DEFAULT VALUES",
    ),
    "UPDATE pg_settings": (
        [],
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
    ),
    "DO": ([], "DO $$ BEGIN SET standard_conforming_strings = off; END $$"),
    "DO, dynamic": ([], "DO $$ BEGIN EXECUTE 'SET standard_con' || 'forming_strings = off'; END $$"),
    "a function": ([_FUNCTION.format("VOLATILE")], "SELECT f()"),
    "a function that the planner calls": (
        [_FUNCTION.format("IMMUTABLE")],
        "EXPLAIN SELECT f()",
    ),
    "a procedure": (
        ["CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN SET standard_conforming_strings = off; END $$"],
        "CALL p()",
    ),
    "a view": ([f"CREATE VIEW w AS {OFF_NOW}"], "TABLE w"),
    "a prepared statement": ([f"PREPARE q AS {OFF_NOW}"], "EXECUTE q"),
    "a cursor": (["BEGIN", f"DECLARE c CURSOR FOR {OFF_NOW}"], "FETCH 1 FROM c"),
    "a cursor held over COMMIT": (["BEGIN", f"DECLARE c CURSOR WITH HOLD FOR {OFF_NOW}"], "COMMIT"),
    "COPY": ([], f"COPY ({OFF_NOW}) TO STDOUT"),
    "EXPLAIN ANALYZE": ([], f"EXPLAIN ANALYZE {OFF_NOW}"),
    "CREATE TABLE AS": ([], f"CREATE TEMP TABLE made AS {OFF_NOW}"),
    "ROLLBACK": (
        ["SET standard_conforming_strings = off", "BEGIN", "SET standard_conforming_strings = on"],
        "ROLLBACK",
    ),
    "RELEASE and ROLLBACK TO": (
        [
            *("SET standard_conforming_strings = off", "BEGIN", "SAVEPOINT s"),
            "SET LOCAL standard_conforming_strings = on",
        ],
        "ROLLBACK TO s",
    ),
    "RESET to a database's default": (
        [_DEFAULT, "SET standard_conforming_strings = on"],
        "RESET standard_conforming_strings",
    ),
    "DISCARD ALL": ([_DEFAULT, "SET standard_conforming_strings = on"], "DISCARD ALL"),
    "a trigger": (
        [
            "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN SET standard_conforming_strings = off; RETURN NEW; END $$",
            "CREATE TABLE w (id int)",
            "CREATE TRIGGER x BEFORE INSERT ON w FOR EACH ROW EXECUTE FUNCTION g()",
        ],
        "INSERT INTO w VALUES (1)",
    ),
}
UNSEEN = {"a view", "a trigger", "in a column's default"}
"""What these call is not in the text: inside one batch of the extended protocol it stays unseen."""


@pytest.fixture(params=[15, 18], ids=lambda major: f"pg{major}")
def oldest_and_newest(
    request: pytest.FixtureRequest, server_at: ServerAt, new_database: Callable[[Cluster], Database]
) -> Database:
    """The table of three rows on the oldest and the newest server."""
    database = new_database(server_at(request.param))
    database.execute(TABLE)
    return database


@pytest.mark.parametrize("way", WAYS)
def test_however_the_reading_is_changed_no_text_is_read_otherwise(
    way: str, oldest_and_newest: Database, clients: Clients
) -> None:
    """The text is harmless as the parser reads it; as the server would read it now it empties the table."""
    before, change = WAYS[way]
    database = oldest_and_newest
    if _DEFAULT in before:
        database.execute(_DEFAULT.format(database=database.name))
    for pipelined in (Q(change) + Q(BACKSLASH), Q(change) + P(BACKSLASH) + S, X(change) + P(BACKSLASH) + S):
        if way in UNSEEN and pipelined.startswith(b"P"):
            continue
        client = clients.wired(database, gate_of(ALLOW))
        for text in before:
            client.exchange(Q(text))
        assert LEXING in client.exchange(pipelined, ready=1 if pipelined.startswith(b"P") else 2)
        client.exchange(Q("ROLLBACK"))
        client.close()
        assert database.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.parametrize(
    "startup",
    [
        ("standard_conforming_strings", "off"),
        ("options", "-c standard_conforming_strings=off"),
        ("options", "--standard-conforming-strings=off"),
        ("options", "-cStandard_Conforming_Strings=of"),
        ("options", r"-c stand\ard_conforming_strings=o\ff"),
    ],
    ids=str,
)
def test_a_session_that_begins_otherwise_is_known_to(
    startup: tuple[str, str], oldest_and_newest: Database
) -> None:
    database = oldest_and_newest
    client = Wired(database.port, database.name, parameters=[startup], gate=gate_of(ALLOW)).start()
    assert client.exchange(Q(BACKSLASH)) == [LEXING, ("Z", "I")]
    client.close()


@pytest.mark.parametrize(
    "of", ["DATABASE {database}", "ROLE lexer", "ROLE lexer IN DATABASE {database}", "ROLE ALL"]
)
def test_a_default_that_reads_otherwise_is_known_at_login(of: str, oldest_and_newest: Database) -> None:
    database = oldest_and_newest
    what = of.format(database=database.name)
    database.execute("DROP ROLE IF EXISTS lexer; CREATE ROLE lexer LOGIN; GRANT SELECT, DELETE ON t TO lexer")
    try:
        database.execute(f"ALTER {what} SET standard_conforming_strings = off")
        client = Wired(database.port, database.name, role="lexer", gate=gate_of(ALLOW)).start()
        assert client.exchange(Q(BACKSLASH)) == [LEXING, ("Z", "I")]
        client.close()
    finally:
        database.execute(f"ALTER {what} RESET standard_conforming_strings; REVOKE ALL ON t FROM lexer")
        database.execute("DROP ROLE lexer")
