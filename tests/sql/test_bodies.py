"""PL/pgSQL bodies: every place of an expression is walked, nothing unnamed is nothing, and limits hold."""

from __future__ import annotations

import re

import pytest

from proxy.sql.analyse import analyse
from proxy.sql.effects import Effect
from proxy.sql.nodes.kinds import HANDLERS, HARMLESS
from proxy.sql.nodes.plpgsql import walk_plpgsql
from proxy.sql.nodes.variables import NO_NAMES
from proxy.sql.nodes.walk import MAX_NESTING, Walk
from tests.sql.golden import shown

# Each place where an expression or a query may stand calls a function of its own.
EVERY_PLACE = """
<<outermost>>
DECLARE
  v int := f1();  r record := f2();  k CONSTANT text NOT NULL DEFAULT f3();  s s.t = f4();
  c CURSOR (n int) FOR SELECT f5(n);  d NO SCROLL CURSOR IS SELECT f6();  u refcursor;  a int[];
BEGIN
  v := f7();  a[f8()] = f9();  r.x := f10();
  IF f11() THEN v := f12(); ELSIF f13() THEN v := f14(); ELSE v := f15(); END IF;
  CASE f16() WHEN f17(), f18() THEN v := f19(); ELSE v := f20(); END CASE;
  CASE WHEN f21() THEN v := f22(); END CASE;
  LOOP EXIT WHEN f23(); CONTINUE WHEN f24(); v := f25(); END LOOP;
  WHILE f26() LOOP v := f27(); END LOOP;
  FOR i IN REVERSE f28() .. f29() BY f30() LOOP v := f31(); END LOOP;
  FOR r IN SELECT f32() LOOP v := f33(); END LOOP;
  FOR r IN c(f34()) LOOP v := f35(); END LOOP;
  FOR r IN EXECUTE f36() USING f37(), f38() LOOP v := f39(); END LOOP;
  FOR r IN EXECUTE 'SELECT f40()' LOOP NULL; END LOOP;
  FOREACH v SLICE 1 IN ARRAY f41() LOOP v := f42(); END LOOP;
  SELECT f43() INTO STRICT v;  INSERT INTO t VALUES (f44()) RETURNING f45() INTO v;
  PERFORM f46();  EXECUTE f47() INTO v USING f48();  EXECUTE 'SELECT ' || 'f49()';
  RAISE NOTICE '%', f50() USING DETAIL = f51();  ASSERT f52(), f53();
  OPEN u FOR SELECT f54();  OPEN u FOR EXECUTE f55() USING f56();  OPEN c(f57());
  FETCH ABSOLUTE f58() FROM u INTO v;  MOVE FORWARD f59() FROM u;  CLOSE u;
  CALL p(f60());  DO 'BEGIN PERFORM f61(); END';
  GET DIAGNOSTICS v = ROW_COUNT;
  BEGIN v := f62(); EXCEPTION WHEN division_by_zero OR SQLSTATE '22012' THEN v := f63(); END;
  DECLARE r2 record := f64(); BEGIN v := f65(); END;
END
"""
RETURNS = """
DECLARE t t%ROWTYPE := f1();
BEGIN RETURN NEXT f2(); RETURN QUERY SELECT f3(); RETURN QUERY EXECUTE f4() USING f5(); RETURN;
EXCEPTION WHEN OTHERS THEN RETURN QUERY EXECUTE format('SELECT %I()', 'f6'); END
"""


def called(text: str) -> list[str]:
    names = {
        str(effect.target)
        for effect in analyse(text).effects
        if effect.name == "code.call" and effect.target and effect.target.kind == "function"
    }
    return sorted(names, key=lambda name: int(name[1:]))


def test_every_place_is_walked() -> None:
    wanted = [f"f{number}" for number in range(1, EVERY_PLACE.count("f") + 1) if f"f{number}(" in EVERY_PLACE]
    assert len(wanted) == 65
    assert called(f"DO $body${EVERY_PLACE}$body$") == wanted
    assert [e for e in analyse(f"DO $body${EVERY_PLACE}$body$").effects if e.name == "code.opaque"] == []


def test_every_place_of_a_function_is_walked() -> None:
    returning = f"CREATE FUNCTION f() RETURNS SETOF s.t LANGUAGE plpgsql AS $body${RETURNS}$body$"
    assert called(returning) == [f"f{number}" for number in range(1, 7)]
    one = "CREATE FUNCTION f(a int DEFAULT f1()) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN f2(); END'"
    assert called(one) == ["f1", "f2"]


def walked(body: str) -> tuple[Effect, ...]:
    walk = Walk(HANDLERS, HARMLESS, 0)
    walk_plpgsql(walk, lambda _: "DO", body, NO_NAMES, None)
    return walk.effects


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("PLpgSQL_stmt_if", "PLpgSQL_stmt_if"),
        ("PLpgSQL_stmt_perform", "PLpgSQL_stmt_perform"),
        ("PLpgSQL_type", "PLpgSQL_type"),
    ],
)
def test_a_node_that_nobody_named_is_opaque(monkeypatch: pytest.MonkeyPatch, kind: str, wanted: str) -> None:
    from proxy.sql.nodes import plpgsql

    monkeypatch.setattr(plpgsql, "_FIELDS", {k: v for k, v in plpgsql._FIELDS.items() if k != kind})
    body = "DECLARE v int; BEGIN IF true THEN PERFORM 1; END IF; PERFORM 2; END"
    assert [shown(effect) for effect in walked(body)] == [f"code.opaque HIGH ({wanted})"]


def test_a_field_that_nobody_named_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.sql.nodes import plpgsql

    fields = {**plpgsql._FIELDS, "PLpgSQL_stmt_if": (frozenset({"cond", "then_body"}), frozenset({"lineno"}))}
    monkeypatch.setattr(plpgsql, "_FIELDS", fields)
    body = "BEGIN IF true THEN PERFORM 1; ELSE PERFORM 2; END IF; END"
    assert [shown(effect) for effect in walked(body)] == ["code.opaque HIGH (PLpgSQL_stmt_if.else_body)"]


def test_an_effect_of_a_body_is_where_the_body_stands() -> None:
    text = "SELECT 'é'; DO LANGUAGE plpgsql $$ BEGIN DROP TABLE t; EXECUTE 'TRUNCATE u'; END $$"
    (_, block) = analyse(text).statements
    assert [text[effect.location :][:8] for effect in block.effects] == ["DO LANGU", "$$ BEGIN", "$$ BEGIN"]
    text = "CREATE FUNCTION é() RETURNS void LANGUAGE sql AS 'DELETE FROM t WHERE id = 1'"
    assert [text[effect.location :][:7] for effect in analyse(text).effects] == ["CREATE ", "AS 'DEL"]


def test_the_effects_of_what_a_block_prepares_have_places_too() -> None:
    text = "SELECT 1; SELECT query_to_xml('PREPARE é AS SELECT * FROM 表', true, false, '')"
    assert {effect.location for effect in analyse(text).statements[1].effects} == {10}


def nested(depth: int) -> str:
    text = "PERFORM 1"
    for level in range(depth):
        text = f"DO $a{level}$ BEGIN {text}; END $a{level}$"
    return text


def reasons(text: str) -> list[str]:
    return [effect.detail for effect in analyse(text).effects if effect.name == "code.opaque"]


def test_text_in_text_has_its_limit() -> None:
    assert reasons(nested(MAX_NESTING // 2)) == []
    assert reasons(nested(MAX_NESTING)) == ["too much text inside of text"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("BEGIN " * 20_000 + "END; " * 20_000, "memory exhausted", id="blocks"),
        pytest.param("BEGIN " + "IF a THEN " * 10_000 + "END IF; " * 10_000 + "END", "memory", id="ifs"),
        pytest.param("BEGIN PERFORM 1" + "+1" * 20_000 + "; END", "stack depth limit", id="additions"),
        pytest.param("BEGIN PERFORM 1 " + "\\x2b" * 9_000 + " 1; END", "limit on lexing", id="plus signs"),
        pytest.param(
            "DECLARE " + "".join(f"v{n} int; " for n in range(3_000)) + "BEGIN END",
            "more than 2000 variables",
            id="variables",
        ),
    ],
)
def test_limits_are_said(body: str, reason: str) -> None:
    (found,) = reasons(f"DO E'{body}'")
    assert reason in found


def test_folding_does_not_grow_without_end() -> None:
    text = "'x'"
    for _ in range(30):
        text = f"format('%1$s%1$s', {text})"
    assert [e.name for e in analyse(f"DO $$ BEGIN EXECUTE {text}; END $$").effects] == [
        "code.run",
        "code.dynamic",
    ]
    many = f"EXECUTE format('%1$s%1$s%1$s%1$s', '{'/*x*/ ' * 9_000}'); " * 50
    assert reasons(f"DO $$ BEGIN {many} END $$") == ["too much text inside of text"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'TABLE ' || 't'", "t"),
        ("'TABLE ' || 1 || 'x'", None),
        ("'TABLE t' || 1", "t1"),
        ("'TABLE t'::text || '2'::varchar", "t2"),
        ("format('TABLE %I', 'T t')", "T t"),
        ("format('TABLE %I', 'select')", "select"),
        ("format('TABLE %I', 'drop')", "drop"),
        ("format('TABLE %I', 'q\"q')", 'q"q'),
        ("format('TABLE %2$I%%s', 'a', 'b')", None),
        ("format('%2$s %1$s', 't', 'TABLE')", "t"),
        ("format('%2$s %s', 'a', 'TABLE', 't')", "t"),
        ("format('%s', 'TABLE t')", "t"),
        ("pg_catalog.format('TABLE t')", "t"),
    ],
)
def test_constants_are_folded(expression: str, text: str | None) -> None:
    effects = analyse(f"DO $body$ BEGIN EXECUTE {expression}; END $body$").effects[1:]
    found = [str(effect.target) for effect in effects if effect.name == "row.read"]
    assert found == ([] if text is None else [text])
    if text is None:
        assert {effect.name for effect in effects} <= {"code.opaque", "code.dynamic"}
        assert effects


@pytest.mark.parametrize(
    "expression",
    [
        "q",
        "'DROP TABLE ' || q",
        "'x'::varchar(1)",
        "'x'::name",
        "'x'::char(1)",
        "('x'::text)::other",
        "format(VARIADIC ARRAY['x'])",
        "format('%-5s', 'x')",
        "format('%5s', 'x')",
        "format('%s %s', 'x')",
        "format('%3$s', 'x')",
        "format('%0$s', 'x')",
        "format('%x', 'x')",
        "format('%', 'x')",
        "format('%1$%', 'x')",
        "format('%s', NULL)",
        "mine.format('x')",
        "'a' OPERATOR(mine.||) 'b'",
        "concat('SELECT ', '1')",
        "upper('select 1')",
        "CASE WHEN true THEN 'SELECT 1' END",
        "'SELECT 1', 'x'",
        "$1",
        "(SELECT 'SELECT 1')",
    ],
)
def test_what_is_no_constant_is_dynamic(expression: str) -> None:
    names = [effect.name for effect in analyse(f"DO $$ BEGIN EXECUTE {expression}; END $$").effects]
    assert "code.dynamic" in names


def test_names_are_never_cut_from_the_ones_that_are_read() -> None:
    long = "v" * 70
    text = f"DO $$ DECLARE x int; {long} ALIAS FOR x; BEGIN DELETE FROM t WHERE {long[:63]} = 1; END $$"
    assert [shown(effect) for effect in analyse(text).effects][1:] == ["row.delete table t {unscoped} HIGH"]


def test_a_word_that_only_looks_like_declare_hides_nothing() -> None:
    text = "DO $$ BEGIN PERFORM declare FROM t; DECLARE r record := f(); BEGIN NULL; END; END $$"
    assert re.findall(r"code\.\w+", " ".join(shown(e) for e in analyse(text).effects)) == [
        "code.run",
        "code.call",
    ]
