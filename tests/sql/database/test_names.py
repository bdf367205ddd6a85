"""What passes the screen by a database's names causes no more there than that says, or is no SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.backup.cluster import Cluster
from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.sql.database import Database, Snapshot
from proxy.sql.database.names import MENTIONED
from proxy.sql.database.snapshot import Cast, Code, ForeignKey, Function, Operator, Relation, Type
from proxy.sql.effects import Mentions
from proxy.sql.screen import Screened
from tests.conftest import ServerAt
from tests.servers import database as servers
from tests.sql.database.golden import held_by
from tests.sql.database.test_everyday import PASSES, SETUP
from tests.sql.test_screen import at_most, done, texts_of_the_tests


def check(database: Database, text: str) -> Screened | None:
    """What the screen says of a text: true by the full analysis, closed over what the database holds."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return None
    screened = None if database.screen is None else database.screen.sort(raw)
    if screened is not None:
        try:
            analysis = analyse(text, database.server_major)
        except SqlSyntaxError:
            return screened
        found = database.expand(analysis.effects, analysis.mentions, None)
        assert done(found) <= at_most(screened), text
    return screened


# -- databases by chance -----------------------------------------------------------------------------------

_CALLED = ("a", "b", "lower", "now", "Mixed", "two words", "é", "nextval", "json_scalar", "timezone")
_TABLES = ("t", "u", "T", "log", "é")
_VIEWS = ("v", "a")
_BODIES = [
    *("SELECT 1", "SELECT 1", "SELECT 1", "SELECT * FROM t", "SELECT * FROM v", "SELECT a()", "SELECT b()"),
    *("DELETE FROM u", "INSERT INTO log VALUES (1)", "SELECT nextval('s')", "SELECT unknown()", "TRUNCATE t"),
]
_BODY = st.sampled_from(_BODIES)
_ROW_TYPE, _DOMAIN, _ENUM = 40_000, 40_001, 40_002


@st.composite
def databases(draw: st.DrawFn) -> Database:
    """Little databases in which now and then something has effects: under any name, or under none."""
    functions = []
    for oid, name in enumerate(_CALLED, 20_000):
        schema = "public" if draw(st.integers(0, 20)) else "pg_catalog"
        text = f"CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS $$ {draw(_BODY)} $$"
        arguments = draw(st.sampled_from([(), (_ROW_TYPE,)]))
        returns, volatility = draw(st.sampled_from([23, 23, _DOMAIN])), draw(st.sampled_from("vsi"))
        extension = draw(st.integers(0, 5)) == 0
        functions.append(
            Function(
                *(oid, schema, name, "f", "sql", text, arguments, len(arguments), returns, volatility),
                *(extension, ()),
            )
        )
    oids = st.sampled_from([function.oid for function in functions])
    columns = st.sampled_from([(23,), (23,), (_DOMAIN,), (_ENUM,)])
    tables = [Relation(30_000 + n, "public", name, "r", draw(columns)) for n, name in enumerate(_TABLES)]
    views = [Relation(31_000 + n, "public", name, "v", ()) for n, name in enumerate(_VIEWS)]
    code = [Code(view.oid, "view", "", ("read",), f"CREATE VIEW public.x AS {draw(_BODY)}") for view in views]
    for table in draw(st.lists(st.sampled_from(tables), max_size=2)):
        kind, event = draw(st.sampled_from([("policy", "read"), ("default", "insert"), ("check", "insert")]))
        code.append(
            Code(table.oid, kind, "c", (event,), f"SELECT {draw(st.sampled_from(['a()', 'b()', '1']))}")
        )
    for table in draw(st.lists(st.sampled_from(tables), max_size=1)):
        called = draw(st.sampled_from(["a", "b"]))
        text = f"CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW EXECUTE FUNCTION public.{called}()"
        code.append(Code(table.oid, "trigger", "t", ("insert",), text))
    if draw(st.booleans()):
        code.append(Code(_DOMAIN, "check", "c", ("coerce",), f"SELECT {draw(st.sampled_from(['a()', '1']))}"))
    signs = draw(st.lists(st.tuples(st.sampled_from(["=#", "=", "@@@"]), oids), max_size=2))
    casts = draw(st.lists(st.tuples(st.sampled_from([_ENUM, 23]), oids), max_size=1))
    return Database(
        "d",
        Snapshot(
            17,
            relations=(*tables, *views),
            functions=tuple(functions),
            code=tuple(code),
            operators=tuple(Operator("public", sign, oid) for sign, oid in signs),
            casts=tuple(Cast(source, 25, oid) for source, oid in casts),
            types=(
                Type(_ROW_TYPE, "public", "t", "c", tables[0].columns, tables[0].oid, ()),
                Type(_DOMAIN, "public", "dom", "d", (23,), 0, ()),
                Type(23, "pg_catalog", "int4", "b", (), 0, draw(st.just(()) | st.tuples(oids))),
                Type(_ENUM, "public", "mood", "e", (), 0, tuple(draw(st.lists(oids, max_size=1)))),
            ),
            foreign_keys=(ForeignKey("k", 30_000, 30_001, "c", "c", ("x",), ("y",)),),
            inherits=tuple(draw(st.sampled_from([(), ((30_001, 30_000),)]))),
        ),
    )


_EXPRESSIONS = """
1|$1|'x'|'é'|t.a|(t).b|v.lower|x."Mixed"|"two words"|a()|B ()|lower('x')|public.a()|pg_catalog.lower('x')|
now()|count(*)|"Mixed"()|mixed()|"two words"(1)|"a"(1)|é(1)|nextval('s')|f(1)|'x'::dom|CAST(1 AS dom)|dom '1'|
dom(1)|'ok'::mood|'ok'::public."mood"|mood 'ok'|1 =# 2|1 = 2|1 IN (1, 2)|1 OPERATOR(public.=#) 2|x @@@ 'y'|
CASE x WHEN 1 THEN 2 END|1::int|CAST(x AS integer)|int4 '1'|
x BETWEEN 1 AND 2|NULL::t|U&"\\0061"()|ROW(1)::t|(SELECT a FROM v)|ARRAY[a, b]|
json_scalar(1)|t|t.*|'; DROP TABLE t'|a /* ( */ (1)|coalesce(a, b)|x AT TIME ZONE 'UTC'|EXTRACT(day FROM x)
"""
_EXPRESSION = st.sampled_from([each.strip() for each in _EXPRESSIONS.split("|")])
_SOURCE = st.sampled_from(
    [
        "t",
        "u",
        'public."T"',
        '"T"',
        "LOG",
        "v",
        "A",
        "a()",
        "é",
        "t, v",
        "t NATURAL JOIN u",
        "ONLY t",
        "other",
    ]
)
_STATEMENT = (
    st.builds("SELECT {} FROM {} WHERE {}".format, _EXPRESSION, _SOURCE, _EXPRESSION)
    | st.builds("SELECT {}".format, _EXPRESSION)
    | st.builds("INSERT INTO {} VALUES ({}, {})".format, _SOURCE, _EXPRESSION, _EXPRESSION)
    | st.builds("INSERT INTO {} SELECT {} FROM {}".format, _SOURCE, _EXPRESSION, _SOURCE)
    | st.builds("INSERT INTO {} DEFAULT VALUES RETURNING {}".format, _SOURCE, _EXPRESSION)
    | st.builds("WITH x AS (SELECT {}) TABLE {}".format, _EXPRESSION, _SOURCE)
    | st.builds("VALUES ({}), ({})".format, _EXPRESSION, _EXPRESSION)
)
_BLANK = st.sampled_from(["\t", "\n", " /* é */ ", "/**/", " /* a() */ ", "  "])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Statements in which letters change their case and blanks are others, now and then."""
    statements = ";".join(draw(st.lists(_STATEMENT, min_size=1, max_size=2)))
    if draw(st.booleans()):
        return statements
    return "".join(
        draw(_BLANK)
        if character == " " and draw(st.integers(0, 3)) == 0
        else character.swapcase()
        if character.isascii() and draw(st.integers(0, 3)) == 0
        else character
        for character in statements
    )


@settings(deadline=None)
@given(databases(), st.lists(texts(), min_size=4, max_size=4))
def test_any_text_in_any_database(database: Database, several: list[str]) -> None:
    for text in several:
        check(database, text)


def test_each_way_of_mentioning_a_name_is_looked_at() -> None:
    assert {field.name for field in fields(Mentions)} == MENTIONED.keys() | {"sets", "fills", "later"}


# -- real databases ----------------------------------------------------------------------------------------


SCREENED = """
SELECT * FROM users WHERE email = 'a@b.c'
SELECT u.id, u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id ORDER BY o.total DESC LIMIT 10
SELECT * FROM paid_orders WHERE total > 5
SELECT * FROM totals
SELECT * FROM search_users('ann')
SELECT p.full_name FROM profiles p
INSERT INTO events VALUES (1, '2026-05-05', '{}')
INSERT INTO search_docs (id, title) VALUES (1, 'x')
SELECT name FROM users WHERE name % 'ann' ORDER BY similarity(name, 'ann') DESC
SELECT tags -> 'a', tags || 'b=>1'::hstore FROM users
SELECT count(*), max(created_at), lower(name) FROM users GROUP BY lower(name)
SELECT 1
""".strip().splitlines()


def test_every_text_of_the_tests_in_an_ordinary_database(
    server_at: ServerAt, new_database: Callable[[Cluster], servers.Database]
) -> None:
    database = new_database(server_at(17))
    database.execute(SETUP)
    held = held_by(database.dsn, database.name)
    for text in texts_of_the_tests():
        check(held, text)
    assert [sql for sql in PASSES if check(held, sql) is not None] == SCREENED
