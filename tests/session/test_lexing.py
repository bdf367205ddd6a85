"""A text that the server may read otherwise than the parser is refused or waits, never guessed at."""

import pytest

from proxy.session.lexing import Lexing
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, C, E, P, Q, S, X
from tests.session.wired import gate_of

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


def test_bytes_that_are_no_utf8_are_refused(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(ALLOW))
    raw = Q("SELECT 'xx'").replace(b"xx", b"\xff\xfe")
    assert client.exchange(raw) == [
        ("E", "22021", "Byte 9 of the statement is not UTF8, so it was not run. [rule undecodable]"),
        ("Z", "I"),
    ]
    assert client.exchange(Q("SELECT 1") + b"", ready=1)[1] == ("D", b"1")


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
