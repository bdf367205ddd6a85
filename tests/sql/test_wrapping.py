"""Whatever it is wrapped in, a destructive statement keeps its effects."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.sql.analyse import analyse
from proxy.sql.effects import Effect

ROWS = st.sampled_from(
    [
        "DELETE FROM public.victim",
        "DELETE FROM victim WHERE true",
        "UPDATE victim SET a = DEFAULT",
        "DELETE FROM victim USING parent WHERE parent.id = 1",
        "INSERT INTO victim SELECT * FROM victim ON CONFLICT (id) DO UPDATE SET a = 1",
        "MERGE INTO victim USING parent ON true WHEN MATCHED THEN DELETE",
        "SELECT lo_unlink(1)",
        "SELECT purge()",
        "SELECT * FROM parent WHERE setval('s', 1) > 0",
    ]
)
UTILITIES = st.sampled_from(
    [
        "DROP TABLE victim",
        "TRUNCATE public.victim CASCADE",
        "ALTER TABLE victim DROP a",
        "DO 'x'",
        "CALL purge()",
    ]
)
# What may stand around SELECT and the changes of rows; those that change rows once more nest only so deep.
AROUND_ROWS = st.sampled_from(
    [
        "WITH x AS ({} RETURNING 1) SELECT 1",
        "WITH RECURSIVE a AS (SELECT 1), x AS MATERIALIZED ({} RETURNING *) TABLE a",
        "COPY ({} RETURNING 1) TO STDOUT",
    ]
)
AROUND = st.sampled_from(
    [
        "EXPLAIN ANALYZE {}",
        "EXPLAIN (ANALYZE) {}",
        "EXPLAIN (VERBOSE, ANALYZE false, \"analyze\" 'on') {}",
        "PREPARE p AS {}",
        "CREATE RULE r AS ON INSERT TO t DO ALSO {}",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql BEGIN ATOMIC SELECT 1; {}; END",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $wrap$ {} $wrap$",
        "SELECT query_to_xml($wrap$ {} $wrap$, true, false, '')",
        "DO $do$ BEGIN {}; END $do$",
        "DO $do$ BEGIN EXECUTE $exec$ {} $exec$; END $do$ LANGUAGE plpgsql",
        "DO $do$ DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP IF true THEN {}; END IF; END LOOP; END $do$",
        "DO $do$ BEGIN NULL; EXCEPTION WHEN OTHERS THEN DO $in$ BEGIN {}; END $in$; END $do$",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $do$ BEGIN {}; END $do$",
        "CREATE PROCEDURE p(victim s.t) LANGUAGE plpgsql AS $do$ <<a>> BEGIN LOOP {}; END LOOP; END $do$",
    ]
)
BESIDE = st.sampled_from(
    ["{}", "SELECT 1; {}", "{}; COMMIT", "/* x */ {} -- y", "BEGIN;;{};", "\n\t{}\n", "SELECT 'é', $$ $$; {}"]
)


def key(effect: Effect) -> tuple[object, ...]:
    return effect.name, effect.target, effect.traits - {"deferred"}, effect.risk, effect.detail


def effects(text: str) -> set[tuple[object, ...]]:
    return {key(effect) for effect in analyse(text).effects}


def lost(inner: str, wrapped: str) -> list[Effect]:
    """What is not among the effects any more; in a loop a call may be `repeated` besides."""
    kept = effects(wrapped)
    return [
        effect
        for effect in analyse(inner).effects
        if kept.isdisjoint({key(effect), key(replace(effect, traits=effect.traits | {"repeated"}))})
    ]


@given(ROWS, st.one_of(st.just("{}"), AROUND_ROWS), st.one_of(st.just("{}"), AROUND), BESIDE)
def test_rows(inner: str, around_rows: str, around: str, beside: str) -> None:
    if inner.startswith("SELECT"):
        around_rows = around_rows.replace(" RETURNING *", "").replace(" RETURNING 1", "")
    if around_rows.startswith("COPY") or ("MERGE" in inner and "RULE" in around):
        around = "{}"  # the grammar has no such statement
    wrapped = beside.format(around.format(around_rows.format(inner)))
    assert lost(inner, wrapped) == []


@given(UTILITIES, st.one_of(st.just("{}"), AROUND.filter(lambda around: "$do$" in around)), BESIDE, BESIDE)
def test_utilities(inner: str, around: str, first: str, second: str) -> None:
    if "plpgsql AS" in around:
        inner = inner.replace("DO 'x'", "DROP TABLE x")  # its opaque code would be the function's
    assert lost(inner, second.format(first.format(around.format(inner)))) == []


@given(
    ROWS,
    st.sampled_from([str.upper, str.lower, str.title]),
    st.sampled_from([" ", "\n", "/**/ ", "\r", "--\n"]),
)
def test_spelling(inner: str, spell: object, blank: str) -> None:
    assert callable(spell)
    words = [word if "'" in word else spell(word) for word in inner.split(" ")]
    assert effects(blank.join(words)) == effects(inner)
