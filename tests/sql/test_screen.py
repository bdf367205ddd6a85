"""What the screen passes does no more than it says, by the full analysis; or the parser rejects it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.backup.cluster import Cluster
from proxy.sql.analyse import Analysis, SqlSyntaxError, analyse
from proxy.sql.effects import EFFECT_KINDS, Effect
from proxy.sql.encoding import PIECE, check_utf8
from proxy.sql.functions import classified, effective, harmless
from proxy.sql.parse import KEY_WORDS
from proxy.sql.screen import (
    CHANGING,
    MAJORS,
    NO_NAMES,
    QUERIES,
    Names,
    Screen,
    Screened,
    beginnings,
)

CALLED = frozenset({"f", "purge"})
TESTS = Path(__file__).parents[1]

READS, ADDS = Screened.READS, Screened.ADDS


@cache
def screen(server_major: int, names: Names = NO_NAMES) -> Screen:
    return Screen(server_major, names)


def sort(text: str, names: Names = NO_NAMES) -> Screened | None:
    return screen(17, names).sort(text.encode())


def at_most(screened: Screened) -> frozenset[tuple[object, ...]]:
    return frozenset((effect.name, effect.traits, effect.risk) for effect in screened.effects)


def check(text: str) -> None:
    """Whatever the screen says of a text is true of its analysis."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    # At once or piece by piece, it is the same.
    for names in (NO_NAMES, WITH_TRIGGERS):
        assert screen(17, names).sort(raw) is screen(17, names).sort(memoryview(raw)), text
    assert (screen(17).objection(raw) is None) is (screen(17).sort(raw) is not None), text
    for server_major in MAJORS:
        screened = screen(server_major).sort(raw)
        if screened is not None and (analysis := read(text, server_major)) is not None:
            assert done(analysis.effects) <= at_most(screened), text
            assert not any(statement.acts for statement in analysis.statements), text
            assert not (analysis.barrier or analysis.may_change_lexing), text
            assert screened is ADDS or analysis.statement_class in {"read", "other"}, text
        # A catalogue in which these were found harmless.
        screened = screen(server_major, Names(calls=CALLED)).sort(raw)
        if screened is not None and (analysis := read(text, server_major)) is not None:
            effects = [effect for effect in analysis.effects if not is_harmless_call(effect)]
            assert done(effects) <= at_most(screened), text
            assert not any(statement.acts for statement in analysis.statements), text
            assert not analysis.barrier, text


def is_harmless_call(effect: Effect) -> bool:
    return effect.name == "code.call" and effect.target is not None and effect.target.name in CALLED


def done(effects: tuple[Effect, ...] | list[Effect]) -> frozenset[tuple[object, ...]]:
    return frozenset((effect.name, effect.traits, effect.risk) for effect in effects)


def read(text: str, server_major: int) -> Analysis | None:
    try:
        return analyse(text, server_major)
    except SqlSyntaxError:
        return None


# -- every text there is -----------------------------------------------------------------------------------


def texts_of_the_tests() -> set[str]:
    """Each string of each test, each line of it, each statement of the golden files."""
    found = {kind.example for kind in EFFECT_KINDS.values()}
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 5_000:
                found |= {node.value, *node.value.splitlines()}
    for path in TESTS.rglob("*.txt"):
        text = path.read_text(encoding="utf-8")
        found |= {*text.splitlines(), *text.split("\n\n")}
    return found


@pytest.mark.defect_32
def test_every_text_of_the_tests() -> None:
    texts = texts_of_the_tests()
    passed = {text for text in texts if is_utf8(text) and sort(text) is not None and read(text, 17)}
    assert {"SELECT 1", "INSERT INTO t VALUES (1)", "SELECT * FROM t"} <= passed
    for text in texts:
        check(text)


def is_utf8(text: str) -> bool:
    return text.encode(errors="replace") == text.encode(errors="ignore")


# -- generated texts ---------------------------------------------------------------------------------------

_EFFECTS = sorted(kind.example for kind in EFFECT_KINDS.values())
_CALLS = sorted(
    set(classified()) | {"f", "purge", "lower", "count", "coalesce", "json_scalar", "merge_action"}
)
_NAMES = """
a t id "T" "a""b" é "é(" "f" pg_class public.t type value key do end comment set share x1update update_at
U&"\\0061" U&"d!0072op" UESCAPE
"""
_NAME = st.sampled_from([*_NAMES.split(), '"drop table"'])
_LITERAL = st.sampled_from(
    [
        *(
            "1",
            "$1",
            "'x'",
            "'it''s'",
            "E'\\''",
            "E'\\\\'",
            "U&'\\0061'",
            "$$;$$",
            "$a$ ' $a$",
            "B'1'",
            "NULL",
        ),
        *(
            "'; DROP TABLE t; --'",
            "'f(1)'",
            "E'\\\\'; DROP TABLE t; --'",
            "E'\\''; DROP TABLE t; --'",
            '"it\'s"',
            "$$'$$",
            "/* ' */ 1",
            "1 -- '\n",
            "e'\\''",
            "1.5e3",
            "'a' 'b'",
            "N'x'",
            "x'1f'",
            "'é'",
            "true",
            "1update",
        ),
    ]
)
_BLANK = st.sampled_from(
    [
        " ",
        "\t",
        "\n",
        " /* x */ ",
        "/**/",
        " -- lower\n",
        "/* /* n */ */",
        " /* ( */",
        "\f",
        "\v",
        "\u00a0",
        "",
    ]
)


_OPERATORS = "+ - = <> != || && @@ @@@ |- +- */ ==> ! OPERATOR(s.+) AND OR IN LIKE ::"


def _call(name: str, quoted: bool, schema: str, blank: str, argument: str) -> str:
    spelled = f'"{name}"' if quoted else name
    return f"{schema}{spelled}{blank}({argument})"


_EXPRESSION = st.recursive(
    _NAME | _LITERAL | st.just("t.*"),
    lambda inner: (
        st.builds(
            _call,
            st.sampled_from(_CALLS),
            st.booleans(),
            st.sampled_from(["", "", "", "pg_catalog.", "s.", "pg_catalog /*x*/ . ", "s . "]),
            _BLANK,
            inner,
        )
        | st.builds(
            "{0} {1} {2}".format,
            inner,
            st.sampled_from(_OPERATORS.split()),
            inner,
        )
        | st.builds("({})".format, inner)
        | st.builds("CASE WHEN {} THEN {} END".format, inner, inner)
        | st.builds("(SELECT {} FROM t)".format, inner)
        | st.builds("ARRAY[{}, {}]".format, inner, inner)
    ),
    max_leaves=4,
)
_QUERY = st.builds(
    "{}".format,
    st.builds("SELECT {} FROM {} WHERE {}".format, _EXPRESSION, _NAME, _EXPRESSION)
    | st.builds("SELECT {} INTO {} FROM t".format, _EXPRESSION, _NAME)
    | st.builds("SELECT {} insert INTO {} FROM t".format, _EXPRESSION, _NAME)
    | st.builds("SELECT * FROM {} FOR {}".format, _NAME, st.sampled_from(["UPDATE", "KEY SHARE"]))
    | st.builds("VALUES ({}), ({})".format, _EXPRESSION, _EXPRESSION)
    | st.builds("TABLE {}".format, _NAME)
    | st.builds("INSERT INTO {} VALUES ({}, {})".format, _NAME, _EXPRESSION, _EXPRESSION)
    | st.builds("INSERT INTO {} (a, {}) SELECT {}".format, _NAME, _NAME, _EXPRESSION)
    | st.builds(
        "INSERT INTO {} VALUES (1) ON CONFLICT {} RETURNING {}".format,
        _NAME,
        st.sampled_from(["DO NOTHING", "(id) DO UPDATE SET a = 1"]),
        _EXPRESSION,
    )
    | st.builds("INSERT INTO {} DEFAULT VALUES".format, _NAME)
    | st.builds("SELECT * FROM {} , LATERAL {}".format, _NAME, _EXPRESSION)
    | st.builds("SELECT {} TABLESAMPLE s({})".format, _EXPRESSION, _EXPRESSION),
)
_STATEMENT = (
    _QUERY
    | st.sampled_from(_EFFECTS)
    | st.builds(
        "WITH a AS ({}) {}".format,
        _QUERY | st.sampled_from(["DELETE FROM t", "UPDATE t SET a = 1", "MERGE INTO t USING u ON true"]),
        _QUERY,
    )
    | st.builds("{} UNION {}".format, _QUERY, _QUERY)
    | st.builds("({})".format, _QUERY)
)
_TEXT = st.builds(
    lambda first, statements, last: first + ";".join(statements) + last,
    _BLANK,
    st.lists(_STATEMENT, min_size=1, max_size=2),
    st.sampled_from(["", ";", ";;\n", " /* traceparent='00-1' */", " -- end"]),
)


@st.composite
def disguised(draw: st.DrawFn) -> str:
    """A text whose letters change their case and whose blanks are others, now and then inside of tokens."""
    pieces = []
    for character in draw(_TEXT):
        if character == " " and draw(st.integers(0, 3)) == 0:
            pieces.append(draw(_BLANK))
        elif character.isascii() and character.isalpha() and draw(st.integers(0, 3)) == 0:
            pieces.append(character.swapcase())
        else:
            pieces.append(character)
    return "".join(pieces)


@settings(deadline=None)
@given(_TEXT | disguised())
@example("SELECT insert INTO t FROM x")
@example("WITH a AS (SELECT 1) INSERT INTO pg_class SELECT 1")
@example("INSERT INTO a.pg_catalog.pg_class VALUES (1)")
@example("SELECT 1;/* ; */DROP TABLE t")
@example("SELECT lower --x\n(1), f --lower\n(1)")
@example("SELECT s./**/lower(1)")
@example("SELECT f/* lower */(1)")
@example("SELECT 1 AS a, system_user(1)")
def test_any_text(text: str) -> None:
    check(text)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*sorted(KEY_WORDS), "a", "(", ")", ",", ";", "1", "'x'", "=", "*"]), max_size=8)
)
def test_any_words(words: list[str]) -> None:
    check(" ".join(words))


# -- what is looked for ------------------------------------------------------------------------------------


def test_beginnings_are_the_parser_s() -> None:
    """A key word that begins a statement is a query's, or looked for; each effect's example shows it."""
    assert beginnings() >= QUERIES
    for kind in EFFECT_KINDS.values():
        check(kind.example)
    for word in beginnings() - QUERIES:
        assert sort(word) is None
        assert sort(f"SELECT 1; {word}") is None


def test_what_has_effects_is_no_harmless_built_in() -> None:
    for server_major in MAJORS:
        assert not effective() & harmless(server_major)


@pytest.mark.parametrize("name", sorted(effective()))
def test_a_function_with_effects_is_found(name: str) -> None:
    for text in (
        f"SELECT {name}(1)",
        f'SELECT "{name}" (1)',
        f"SELECT {name.upper()}\n(1)",
        f"SELECT a.{name}",
    ):
        assert sort(text) is None or text == f"SELECT a.{name}"
    assert sort(f"SELECT {name}(1)") is None


def test_no_server_has_a_key_word_that_is_not_known(every_server: Cluster) -> None:
    """And those that may stand before a parenthesis name no function on any of them."""
    with psycopg.connect(every_server.dsn) as connection:
        words: dict[str, str] = dict(
            connection.execute("SELECT word, catcode FROM pg_get_keywords()").fetchall()
        )
    assert words.keys() - KEY_WORDS <= {"recheck"}  # of CREATE OPERATOR CLASS, until 17
    assert words.keys() >= CHANGING
    for word in KEY_WORDS:
        if sort(f"SELECT {word} (1)") is not None and word not in harmless(17):
            assert words[word] in {"R", "C"}, word


# -- what passes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "screened"),
    [
        ("SELECT 1", READS),
        ("  select a.id from a where a.id = 'x' limit 10 offset 2;\n", READS),
        ("/* app */ (SELECT 1) UNION (SELECT 2)", READS),
        ("SELECT CASE WHEN a THEN 1 END, type, comment FROM t", READS),
        ("SELECT count(*), Lower ( name ), x::numeric(10, 2) FROM t /*traceparent='00-1'*/", READS),
        ("WITH a AS (SELECT 1) SELECT * FROM a JOIN b ON b.updated_at > a.created_at", READS),
        ("INSERT INTO t VALUES (1, 'x'), (2, 'a;b')", ADDS),
        ('insert into "S"."T" (a, b) values (1, now()) on conflict do nothing returning id', ADDS),
        ("INSERT INTO t SELECT 'pg_class'", ADDS),
        ("INSERT INTO pg_class VALUES (1)", None),
        ("SELECT 1; SELECT 2", READS),
        ("SELECT 'do', f; SELECT 'drop'", READS),
        ("SELECT 'a', do; SELECT 2", None),
        ("SELECT 'please update; f(1) -- ', $1, 'it''s U&\"'", READS),
        ("SELECT update", None),
        ("SELECT e'', 'update'", None),
        ("SELECT /* ' */ update /* ' */", None),
        ('SELECT "\'", update, "\'"', None),
        ("SELECT $$'$$, update, $$'$$", None),
        ("SELECT $a$'$a$, update, $a$'$a$", None),
        ("SELECT E'\\', update, '\\'", None),
        ("SELECT 'not closed", None),
        ("INSERT INTO t VALUES ('" + "update " * 100_000 + "')", ADDS),
        ("INSERT INTO t SELECT '" + "update " * 100_000 + "'", None),
        ("SELECT '" + "x" * 200_000 + "'", None),
        ("SELECT nextval('s')", None),
        ("SELECT f(1)", None),
        ("SELECT s.lower(1)", None),
        ("SELECT s . lower (1)", None),
        ("SELECT s. /* x */ lower(1)", None),
        ("SELECT f /* lower */ (1)", None),
        ("SELECT s.\n lower (1)", None),
        ("SELECT 1, f\n(1)", None),
        ("SELECT 1 ,f(1)", None),
        ("SELECT 1/f(1)", None),
        ("SELECT 1 || lower( 'x' ) + (2) / 3, ( (4))", READS),
        ('SELECT "f, "(1)', None),
        ('SELECT "f in"(1)', None),
        ("SELECT 'a''b' 'c(', lower('x')", READS),
        ("SELECT f\x1c(1)", None),
        ("SELECT a +++ b", None),
        ('SELECT U&"f"(1)', None),
        ("", None),
        ("SELECT 1, " + "+" * 64 + " 1", None),
        ("SELECT 1 -- comment", None),
        ("SELECT 1 */ 2", None),
        ("SELECT /* x */ 1 */ 2", None),
        ("SELECT /* /* x */ */ 1", None),
        ("SELECT '/*' */ 1", None),
        ("SELECT '/* a', 'b' */ 1", None),
        ("SELECT E'/*\\'' */ 1, ''", None),
        ('SELECT "/*" */ 1', None),
        ("SELECT \"'/*'\" */ 1", None),
        ("SELECT $$/*$$ */ 1", None),
        ("SELECT 1 /* / x * y - */ + 2", READS),
        ("SELECT 1 " + "/**/" * 2, None),  # the server's lexer reads such runs again and again
        ("SELECT 1 /* x *//* y */", None),
        ("SELECT 1 /*line:/app/a-b.rb:12 */, 2 /*action='x%2Fy',traceparent='00-1-2-01'*/", READS),
        ("SELECT 'é' /*db='a'*/ */ 1", None),
        ("SELECT 'é' /*db='a'*/ + 1 /* b */", READS),
        ("SELECT '" + "x" * 200_000 + "' /* a */ + 1 /* b */", None),
        ("INSERT INTO t VALUES ('" + "x" * 200_000 + "' /* a */ /* b */)", ADDS),
        ("INSERT INTO t VALUES ('" + "x" * 200_000 + "' /* a */ */ 1)", None),
        ("SELECT (" + "1," * 1_000_000 + "1)", None),
    ],
)
def test_passes(text: str, screened: Screened | None) -> None:
    assert sort(text) is screened


NAMES = Names(
    effective=frozenset({"purge", "Über", 'a"b', "T" * 63, "my func"}),
    on_insert=frozenset({"log"}),
    calls=frozenset({"f", "g", "Mixed"}),
    operators=frozenset({"@@@"}),
)


WITH_TRIGGERS = Names(on_insert=frozenset({"log"}))


@pytest.mark.parametrize(
    ("text", "screened"),
    [
        ("INSERT INTO t VALUES (1)", ADDS),
        ("INSERT INTO log VALUES (1)", None),
        ("INSERT INTO t WITH x AS (DELETE FROM victim RETURNING *) SELECT * FROM x", None),
        ("INSERT INTO t WITH x AS (UPDATE victim SET a = 1 RETURNING *) SELECT * FROM x", None),
        ("INSERT INTO t WITH x AS (MERGE INTO v USING u ON true WHEN MATCHED THEN DELETE) SELECT 1", None),
        ("INSERT INTO t WITH x AS (INSERT INTO log VALUES (1) RETURNING *) SELECT * FROM x", None),
        ("INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT c DO UPDATE SET a = 1", None),
        ("INSERT INTO t SELECT * FROM u FOR SHARE", None),
        ("WITH x AS (DELETE FROM victim RETURNING *) SELECT * FROM x", None),
    ],
)
def test_where_inserts_have_effects_of_their_own(text: str, screened: Screened | None) -> None:
    """Names outside ASCII would keep the glance from it."""
    assert sort(text, WITH_TRIGGERS) is screened


@pytest.mark.parametrize(
    ("text", "screened"),
    [
        ("SELECT f(1), G (2)", READS),
        ("SELECT h(1)", None),
        ("SELECT s.g(2)", None),  # of another schema, perhaps
        ("SELECT mixed(1)", None),
        ("SELECT f(1) -- comment", None),  # `--` may be the end of an operator's name to this screen
        ("INSERT INTO log VALUES (1)", None),
        ('INSERT INTO public."log" VALUES (1)', None),
        ("INSERT INTO t SELECT * FROM log", ADDS),
        ("SELECT * FROM log", READS),
        ("SELECT purge()", None),
        ("SELECT v.PURGE FROM victim v", None),
        ('SELECT v."purge" FROM victim v', None),
        ("INSERT INTO purge VALUES (1)", None),
        ("INSERT INTO p.purge (a) VALUES (1)", None),
        ("SELECT purged FROM t", READS),
        ("SELECT ä, 1", None),  # any name outside ASCII might be Über
        ("SELECT 'ä'", READS),
        ('SELECT "a""b"', None),
        ('SELECT "my func"()', None),
        ("SELECT " + "t" * 63, None),
        ("SELECT " + "t" * 70, None),  # the server cuts it
        ("SELECT " + "t" * 59, READS),
        ("SELECT 1 @@@@ 2", None),
        ("SELECT 1 @@@@- 2", None),
        ("SELECT 1 @@@ 2", READS),
        ("SELECT nextval('s')", None),
    ],
)
def test_passes_where_the_names_with_effects_are_known(text: str, screened: Screened | None) -> None:
    assert sort(text, NAMES) is screened


@pytest.mark.parametrize(
    "hidden",
    [";DROP TABLE t", ",f(1)", ",s.lower(1)", ",a +++ b", ',U&"f"', " FOR UPDATE", ",f" + " " * 300 + "(1)"],
)
@pytest.mark.parametrize("offset", [*range(-16, 16), -300, -280, 280, 300])
@pytest.mark.parametrize("quote", ["'", '"', " "])
def test_nothing_hides_between_two_pieces(hidden: str, offset: int, quote: str) -> None:
    text = "SELECT " + quote + "x" * (PIECE + offset) + quote
    assert sort(text) is READS
    assert sort(text + hidden) is None


def test_the_place_of_what_is_not_utf8() -> None:
    for size in (0, 5, PIECE - 1, PIECE, 3 * PIECE + 7):
        raw = b"INSERT INTO t VALUES ('" + "é".encode() * size + b"x\xff"
        for look in (screen(17).sort, check_utf8):
            with pytest.raises(UnicodeDecodeError) as caught:
                look(raw)
            assert caught.value.start == len(raw) - 1
    with pytest.raises(UnicodeDecodeError) as caught:
        check_utf8("é".encode() * PIECE + b"\xc3")
    assert caught.value.start == 2 * PIECE


def test_what_is_kept_of_texts_is_bounded() -> None:
    keeping = Screen(17)
    keeping.keep(b"x" * 2_049, READS)
    assert keeping.passed == {}
    for number in range(2_000):
        keeping.keep(b"%d" % number, READS)
    assert len(keeping.passed) == 2_000
    keeping.keep(b"one more", ADDS)
    assert keeping.passed == {b"one more": ADDS}
