"""What always holds of expand(): only calls that were read are lost, and an empty database adds nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sql.analyse import analyse
from proxy.sql.database import Database, Snapshot
from proxy.sql.database.snapshot import Code, ForeignKey, Function, Relation
from proxy.sql.effects import NO_MENTIONS, Effect, Mentions, Target
from tests.sql.golden import FOLDER, cases

STATEMENTS = [sql for path in sorted(FOLDER.glob("*.txt")) for _, sql, _ in cases(path)]
EMPTY = Database("empty", Snapshot(server_major=17))
NAMES = ("a", "b", "c", "d")


def function(oid: int, name: str, body: str) -> Function:
    text = f"CREATE FUNCTION public.{name}() RETURNS int LANGUAGE sql AS $$ {body} $$"
    return Function(oid, "public", name, "f", "sql", text, (), 0, 23, "v", False, ())


def test_an_empty_database_adds_and_takes_nothing() -> None:
    for sql in STATEMENTS:
        analysis = analyse(sql, 17)
        found = EMPTY.expand(analysis.effects, analysis.mentions, None)
        assert sorted(map(repr, found)) == sorted(map(repr, analysis.effects)), sql


def test_equal_content_has_an_equal_digest() -> None:
    one, other = (Snapshot(17, functions=(function(20_000, "f", "SELECT 1"),)) for _ in range(2))
    third = Snapshot(17, functions=(function(20_000, "f", "SELECT 2"),))
    assert Database("d", one).digest == Database("d", other).digest != Database("d", third).digest


def test_a_function_is_found_by_its_number() -> None:
    database = Database("d", Snapshot(17, functions=(function(20_000, "f", "SELECT 1"),)))
    assert database.function(20_000) == Target("function", "public", "f")
    assert database.function(20_001) is None


@st.composite
def databases(draw: st.DrawFn) -> Database:
    """Functions that call each other in any way, triggers that call them, foreign keys in any circle."""
    bodies = st.sampled_from(
        [f"SELECT {name}()" for name in NAMES] + [f"DELETE FROM {name}" for name in NAMES] + ["SELECT 1"]
    )
    functions = tuple(
        function(20_000 + number, name, "; ".join(draw(st.lists(bodies, min_size=1, max_size=3))))
        for number, name in enumerate(NAMES)
    )
    relations = tuple(Relation(30_000 + n, "public", name, "r", ()) for n, name in enumerate(NAMES))
    oids = st.sampled_from([relation.oid for relation in relations])
    keys = draw(st.lists(st.tuples(oids, oids, st.sampled_from("acnd")), max_size=4))
    triggers = draw(st.lists(st.tuples(oids, st.sampled_from(NAMES)), max_size=4))
    return Database(
        "d",
        Snapshot(
            17,
            relations=relations,
            functions=functions,
            foreign_keys=tuple(ForeignKey("k", a, b, act, act, ("x",), ("y",)) for a, b, act in keys),
            code=tuple(
                Code(
                    oid,
                    "trigger",
                    "t",
                    ("delete", "update"),
                    f"CREATE TRIGGER t BEFORE DELETE ON x FOR EACH ROW EXECUTE FUNCTION public.{name}()",
                )
                for oid, name in triggers
            ),
        ),
    )


@given(
    databases(),
    st.sampled_from([f"SELECT {n}()" for n in NAMES] + [f"DELETE FROM {n}" for n in NAMES]),
    st.sampled_from([None, (), ("public",), ("other", "public")]),
)
def test_nothing_but_calls_that_were_read_is_lost_and_every_circle_ends(
    database: Database, sql: str, path: tuple[str, ...] | None
) -> None:
    analysis = analyse(sql, 17)
    found = database.expand(analysis.effects, analysis.mentions, path)
    assert {effect for effect in analysis.effects if effect.name != "code.call"} <= set(found)
    anywhere = database.expand(analysis.effects, analysis.mentions, None)
    kinds = {(effect.name, effect.target) for effect in anywhere}
    assert {(effect.name, effect.target) for effect in found if effect.name != "code.call"} <= kinds
    again = database.expand(found, NO_MENTIONS, path)
    assert {(e.name, e.target, e.traits) for e in again} >= {(e.name, e.target, e.traits) for e in found}


@pytest.mark.parametrize(
    ("path", "wiped"), [(None, True), (("public",), True), (("other",), False), ((), False)]
)
def test_a_bare_name_is_looked_for_where_search_path_leads(path: tuple[str, ...] | None, wiped: bool) -> None:
    wipes = function(20_000, "lower", "DELETE FROM a")
    database = Database("d", Snapshot(17, functions=(wipes,)))
    mentions = Mentions(functions=frozenset({(None, "lower")}))
    delete = Effect("row.delete", Target("table", None, "a"))
    found = {(effect.name, effect.target) for effect in database.expand((), mentions, path)}
    assert found == ({(delete.name, delete.target)} if wiped else set())
