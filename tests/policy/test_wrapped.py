"""Wrap what the shipped packs refuse in whatever SQL has, several deep: it is never allowed.

Hypothesis puts a refused statement together, and around it everything that runs it, or will: CTEs, EXPLAIN
ANALYZE with its options in any spelling, PREPARE, COPY, CREATE TABLE AS, cursors, rules, DO, functions and
procedures in both languages, EXECUTE, text that a built-in runs, further statements, comments.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.sql.analyse import SqlSyntaxError, UnreadableText, analyse
from tests.policy.build import judge, refusing

POLICIES = Path(__file__).parents[2] / "policies"
PACKS = """
version: 1
name: packs
include: [rules/no-data-loss.yaml, rules/unscoped-writes.yaml, rules/guard-the-guards.yaml]
"""


def _read(path: str) -> str:
    return PACKS if path.endswith("packs.yaml") else Path(path).read_text(encoding="utf-8")


POLICY: Policy = load_policy(str(POLICIES / "packs.yaml"), _read)

TABLES = st.sampled_from(
    ["victim", "public.victim", '"victim"', "ONLY victim", 'U&"\\0076ictim"', "victim AS v"]
)
# Conditions of every row, and none.
WHERES = st.sampled_from(
    [
        "",
        " WHERE true",
        " WHERE 1 = 1",
        " WHERE NOT false",
        " WHERE id = id",
        " WHERE id IS NOT NULL OR true",
        " WHERE 1 IN (1)",
        " WHERE 't'::bool",
        " WHERE coalesce(NULL, true)",
        " WHERE EXISTS (SELECT 1)",
        " WHERE val LIKE '%'",
        " WHERE id = 5 OR id <> 5",
        " WHERE id IN (SELECT id FROM victim)",
        " WHERE CASE WHEN true THEN true END",
    ]
)
ROWS = st.one_of(
    st.builds("DELETE FROM {}{}".format, TABLES, WHERES),
    st.builds("UPDATE {} SET val = 'x'{}".format, TABLES, WHERES),
    st.just("DELETE FROM victim USING parent WHERE parent.id = 1"),
    st.just("UPDATE victim SET val = p.val FROM parent p"),
    st.just("INSERT INTO victim SELECT * FROM victim ON CONFLICT (id) DO UPDATE SET val = 'x'"),
    st.just("MERGE INTO victim USING parent ON true WHEN MATCHED THEN DELETE"),
)
CALLS = st.sampled_from(
    [
        "SELECT lo_unlink(4242)",
        "SELECT purge()",
        "SELECT set_config('session_replication_role', 'replica', false)",
        "SELECT setval('s', 1)",
        "SELECT pg_read_file('x')",
        "SELECT * FROM parent WHERE purge() = 1",
        "VALUES (lo_unlink(1))",
    ]
)
UTILITIES = st.sampled_from(
    [
        "DROP TABLE victim",
        "TRUNCATE public.victim CASCADE",
        "ALTER TABLE victim DROP val",
        "ALTER TABLE victim RENAME TO gone",
        "DROP SCHEMA public CASCADE",
        "DROP FUNCTION f",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "GRANT ALL ON victim TO PUBLIC",
        "SET session_replication_role = replica",
        "ALTER TABLE victim DISABLE TRIGGER ALL",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "CALL purge()",
        "SET ROLE other",
    ]
)
# What may stand around a change of rows with RETURNING, a query, or either.
RETURNING = st.sampled_from(
    [
        "WITH x AS ({} RETURNING 1) SELECT 1",
        "WITH RECURSIVE a AS (SELECT 1), x AS MATERIALIZED ({} RETURNING *) TABLE a",
        "WITH x AS NOT MATERIALIZED ({} RETURNING 1) INSERT INTO notes (body) SELECT 'x' FROM x",
        "WITH x AS ({} RETURNING 1) UPDATE notes SET body = 'x' WHERE id = 1",
        "COPY ({} RETURNING 1) TO STDOUT",
    ]
)
QUERIES = st.sampled_from(
    [
        "COPY ({}) TO STDOUT",
        "CREATE TABLE made AS {}",
        "CREATE TABLE made AS {} WITH NO DATA; REFRESH MATERIALIZED VIEW m",
        "DECLARE c CURSOR WITH HOLD FOR {}",
        "BEGIN; DECLARE c CURSOR FOR {}; FETCH ALL FROM c; COMMIT",
        "SELECT * FROM ({}) AS q",
        "WITH q AS ({}) SELECT * FROM q",
        "INSERT INTO notes {}",
        "SELECT EXISTS ({})",
        "CREATE VIEW made AS {}",
        "CREATE MATERIALIZED VIEW made AS {}",
    ]
)
OPTIONS = st.sampled_from(
    [
        "ANALYZE",
        "ANALYZE VERBOSE",
        "ANALYSE",
        "(ANALYZE)",
        "(analyze on, costs off)",
        "(ANALYZE 1)",
        "(VERBOSE, \"analyze\" 'true')",
        "(ANALYZE false, ANALYZE true)",
        "(FORMAT json, ANALYZE TRUE, BUFFERS)",
    ]
)
PLANNED = st.one_of(
    st.builds("EXPLAIN {} {{}}".format, OPTIONS),
    st.sampled_from(
        [
            "PREPARE p AS {}",
            "PREPARE p (int) AS {}; EXECUTE p (1)",
            "CREATE RULE r AS ON INSERT TO notes DO ALSO {}",
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql BEGIN ATOMIC SELECT 1; {}; END",
        ]
    ),
)
# Bodies, of any statement; each has quotes of its own, so that they nest.
BODIES = [
    "DO {q} BEGIN {s}; END {q}",
    "DO {q} <<b>> DECLARE i int := 1; BEGIN WHILE i < 2 LOOP i := 2; {s}; END LOOP; END b {q}",
    "DO {q} BEGIN IF false THEN NULL; ELSIF true THEN {s}; END IF; END {q}",
    "DO {q} BEGIN CASE 1 WHEN 1 THEN {s}; ELSE NULL; END CASE; EXCEPTION WHEN OTHERS THEN RAISE; END {q}",
    "DO {q} BEGIN RAISE 'x'; EXCEPTION WHEN OTHERS THEN {s}; END {q}",
    "DO {q} BEGIN EXECUTE {e} {s} {e}; END {q}",
    "DO {q} DECLARE t text := {e}{s}{e}; BEGIN EXECUTE t; END {q}",
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS {q} BEGIN PERFORM 1; {s}; END {q}",
    "CREATE PROCEDURE p() LANGUAGE plpgsql AS {q} BEGIN {s}; COMMIT; END {q}; CALL p()",
    "CREATE FUNCTION f(a int) RETURNS void LANGUAGE sql AS {q} SELECT 1; {s} {q}",
    "CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE plpgsql AS {q} BEGIN {s}; END {q}; SELECT pg_temp.f()",
]
BESIDE = st.sampled_from(
    [
        "{}",
        "SELECT 1; {}",
        "{}; SELECT 1",
        "BEGIN;; {}; COMMIT;",
        "/* a /* b */ */ {} -- c",
        "-- a\n{}",
        "\n\t{}\n",
        "SELECT 'é', $$ ; $$; {}",
        "EXPLAIN SELECT 1; {}",
    ]
)


def refused(text: str) -> list[str]:
    """The rules that refuse a text; unreadable is refused, too, and no SQL is nothing at all."""
    try:
        effects = analyse(text, 17).effects
    except SqlSyntaxError:
        assume(False)
        raise
    except UnreadableText:
        return ["unreadable"]
    return refusing(judge(POLICY, *effects))


@st.composite
def wrapped(draw: st.DrawFn) -> tuple[str, str]:
    """A refused statement, and a text that runs it."""
    kind = draw(st.sampled_from(["rows", "calls", "utilities"]))
    inner = draw({"rows": ROWS, "calls": CALLS, "utilities": UTILITIES}[kind])
    text = inner
    if kind == "rows" and not inner.startswith("MERGE") and draw(st.booleans()):
        text = draw(RETURNING).format(text)
    elif kind == "calls" and draw(st.booleans()):
        text = draw(QUERIES).format(text)
    whole = text == inner or not text.startswith(("COPY", "CREATE", "BEGIN", "DECLARE"))
    if kind != "utilities" and whole and draw(st.booleans()):
        text = draw(PLANNED).format(text)
    for level in range(draw(st.integers(0, 3))):
        if "COPY (" in text or "COMMIT" in text:
            break  # PL/pgSQL has no such statement
        body = draw(st.sampled_from(BODIES))
        text = draw(BESIDE).format(text) if draw(st.booleans()) and "sql AS" not in body else text
        text = body.replace("{q}", f"$q{level}$").replace("{e}", f"$e{level}$").replace("{s}", text)
    return inner, draw(BESIDE).format(text)


@pytest.mark.defect_31
@given(wrapped())
def test_what_is_refused_is_refused_however_it_is_wrapped(case: tuple[str, str]) -> None:
    inner, text = case
    assert refused(inner)
    assert refused(text), text


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("inner", ["DELETE FROM victim", "DROP TABLE victim", "SELECT purge()"])
def test_every_body(body: str, inner: str) -> None:
    text = body.replace("{q}", "$q$").replace("{e}", "$e$").replace("{s}", inner)
    assert refused(text)
    harmless = (
        body.replace("{q}", "$q$").replace("{e}", "$e$").replace("{s}", "INSERT INTO notes DEFAULT VALUES")
    )
    # By themselves only a text in a variable, and a call of what has just been made, are refused.
    assert set(refused(harmless)) <= {"no-unreadable-code", "no-unknown-functions"}
