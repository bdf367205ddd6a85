"""Places in the text, acts on prepared statements, and what may change how the next text is read."""

from __future__ import annotations

import pytest

from proxy.sql.analyse import Analysis, analyse
from proxy.sql.effects import Act, Deallocates, DiscardsAll, Effect, Executes, Prepares, Risk, Target

BY_KEY = Effect("row.delete", Target("table", None, "t"), frozenset({"by_key"}), Risk.LOW, location=27)


def test_nothing() -> None:
    for text in ("", "  ", ";;;", "-- x", "/* x */"):
        assert analyse(text) == Analysis(())
        assert analyse(text).statement_class == "other"


def test_statements_and_their_places() -> None:
    text = "  SELECT 'é😀' FROM 表; /* x */ DELETE FROM t ;"
    found = [
        (s.kind, text[s.start : s.end], [text[e.location] for e in s.effects])
        for s in analyse(text).statements
    ]
    assert found == [
        ("SelectStmt", "SELECT 'é😀' FROM 表", ["表"]),
        ("DeleteStmt", "DELETE FROM t ", ["t"]),
    ]


def test_an_effect_without_a_place_is_where_its_statement_starts() -> None:
    assert [effect.location for effect in analyse("SELECT 'é'; DROP TABLE t, u; BEGIN").effects] == [
        12,
        12,
        29,
    ]


@pytest.mark.parametrize(
    ("text", "acts"),
    [
        ("SELECT 1", []),
        ("PREPARE p (int) AS DELETE FROM t WHERE id = $1", [Prepares("p", (BY_KEY,))]),
        ("EXECUTE p(1)", [Executes("p")]),
        ('EXECUTE "P é"', [Executes("P é")]),
        ("CREATE TABLE n AS EXECUTE p", [Executes("p")]),
        ("EXPLAIN ANALYZE EXECUTE p", [Executes("p")]),
        ("EXPLAIN EXECUTE p", []),
        ("DEALLOCATE p", [Deallocates("p")]),
        ("DEALLOCATE PREPARE ALL", [Deallocates(None)]),
        ("DISCARD ALL", [DiscardsAll()]),
        ("DISCARD PLANS", []),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'EXECUTE p'", []),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'EXECUTE p'; END $$", []),
        ("DO $$ BEGIN EXECUTE 'EXECUTE p'; END $$", [Executes("p")]),
        ("DO $$ BEGIN PREPARE p AS SELECT 1; EXECUTE 'EXECUTE q'; DEALLOCATE q; END $$", [Executes("q")]),
    ],
)
def test_acts(text: str, acts: list[Act]) -> None:
    found = [act for statement in analyse(text).statements for act in statement.acts]
    placed = [
        Prepares(
            act.name, tuple(Effect(e.name, e.target, e.traits, e.risk, 27, e.detail) for e in act.effects)
        )
        if isinstance(act, Prepares)
        else act
        for act in found
    ]
    assert placed == acts


def test_the_effects_of_a_prepared_statement_have_their_places() -> None:
    text = "PREPARE é AS DELETE FROM 表"
    (act,) = analyse(text).statements[0].acts
    assert isinstance(act, Prepares)
    assert [text[effect.location] for effect in act.effects] == ["表"]
    assert act.effects[0] in analyse(text).effects


@pytest.mark.parametrize(
    "text",
    [
        "SET standard_conforming_strings = off",
        "SET LOCAL standard_conforming_strings TO on",
        "SET NAMES 'UTF8'",
        "SET client_encoding TO DEFAULT",
        "RESET backslash_quote",
        "RESET ALL",
        "DISCARD ALL",
        "COMMIT",
        "END AND CHAIN",
        "ROLLBACK",
        "ROLLBACK TO s",
        "RELEASE s",
        "PREPARE TRANSACTION 'x'",
        "SELECT set_config('standard_conforming_strings', 'off', false)",
        "SELECT set_config('Client_Encoding', 'UTF8', false)",
        "SELECT set_config('standard_' || x, 'off', false) FROM t",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
        "DO $$ BEGIN SET LOCAL client_encoding = 'UTF8'; END $$",
        "DO $$ BEGIN PERFORM f(); END $$",
        "DO $$ BEGIN EXECUTE 'SET ' || x; END $$",
        "DO LANGUAGE plperl 'x'",
        "CALL p()",
        "EXECUTE p",
        "SELECT f()",
        "SELECT 1 ### 2",
        "SELECT query_to_xml($1, true, false, '')",
        "SELECT query_to_xml('SELECT set_config(''client_encoding'', ''x'', true)', true, false, '')",
        "LOAD 'x'",
        "BEGIN; SELECT 1; DO ''",
    ],
)
def test_may_change_lexing(text: str) -> None:
    assert analyse(text).may_change_lexing


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT lower('x'), count(*) FROM t",
        "SET application_name = 'x'",
        "SELECT set_config('search_path', '', false)",
        "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'work_mem'",
        "DISCARD PLANS",
        "BEGIN",
        "SAVEPOINT s",
        "COMMIT PREPARED 'x'",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT g(); SET client_encoding = x'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql SET client_encoding = x AS ''",
        "CREATE VIEW v AS SELECT f()",
        "ALTER ROLE r SET client_encoding = 'x'",
    ],
)
def test_may_not_change_lexing(text: str) -> None:
    assert not analyse(text).may_change_lexing


@pytest.mark.parametrize(
    ("text", "barrier"),
    [
        ("COPY t FROM STDIN", True),
        ("SELECT 1; COPY t FROM STDIN; SELECT 2", True),
        ("COPY t FROM '/x'", False),
        ("COPY t TO STDOUT", False),
        ("SELECT 1", False),
    ],
)
def test_barrier(text: str, barrier: bool) -> None:
    assert analyse(text).barrier is barrier


@pytest.mark.parametrize(
    ("text", "gravest"),
    [
        ("SELECT 1", "other"),
        ("SELECT * FROM t", "read"),
        ("BEGIN; SELECT * FROM t", "transaction"),
        ("SET work_mem = 1", "session"),
        ("INSERT INTO t SELECT * FROM u", "write"),
        ("CREATE TABLE t (a int)", "ddl"),
        ("GRANT SELECT ON t TO r", "privilege"),
        ("VACUUM t", "server"),
        ("SELECT f()", "opaque"),
        ("SELECT f(); DROP TABLE t", "destructive"),
    ],
)
def test_statement_class(text: str, gravest: str) -> None:
    assert analyse(text).statement_class == gravest


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("SELECT json_scalar('x')", 17),
        ("SELECT json('{}')", 17),
        ("SELECT json_serialize('{}')", 17),
        ("SELECT json_value('{}', '$')", 17),
        ("SELECT json_exists('{}', '$')", 17),
        ("SELECT json_query('{}', '$')", 17),
        (
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DO NOTHING RETURNING merge_action()",
            17,
        ),
        ("SELECT json_array(1)", 16),
        ("SELECT json_arrayagg(a) FROM t", 16),
        ("SELECT any_value(a) FROM t", 16),
        ("SELECT uuidv7()", 18),
    ],
)
def test_what_newer_servers_have_built_in(text: str, since: int) -> None:
    def calls(server_major: int) -> bool:
        return any(effect.name == "code.call" for effect in analyse(text, server_major).effects)

    assert {major: calls(major) for major in (0, 15, 16, 17, 18)} == {
        major: major < since for major in (0, 15, 16, 17, 18)
    }
