"""Key words that a server does not know yet: where the parser reads a text otherwise, no effect is lost.

A word that a server does not have among its key words is a plain name there: the same text with the word in
quotes is what the server reads. Each word is tried wherever a name may stand, on real servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pglast import keywords, parser

from proxy.backup.cluster import Cluster
from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.sql.effects import Effect, Risk
from tests.conftest import ServerAt

MAJORS = (15, 16, 17, 18)
FORMS = """
SELECT * FROM {}
TABLE {}
DELETE FROM {} WHERE a = 1
DELETE FROM t AS {} WHERE true
DELETE FROM t WHERE {} = 'x'
DELETE FROM t WHERE a = {}
DELETE FROM t WHERE {}(a)
DELETE FROM t WHERE a = {}(1)
UPDATE {} SET a = 1
UPDATE t SET {} = 1
UPDATE t SET a = {}
TRUNCATE {}
DROP TABLE {}
DROP TABLE t, {}
DROP TABLE {}.t
DROP FUNCTION {}()
DROP FUNCTION {}
DROP TYPE {}
DROP SCHEMA {} CASCADE
ALTER TABLE t DROP COLUMN {}
ALTER TABLE t DROP {}
ALTER TABLE t ADD {} int
ALTER TABLE {} ADD a int
ALTER TABLE t RENAME {} TO b
ALTER TABLE t RENAME a TO {}
ALTER TABLE t ALTER {} TYPE text
ALTER TABLE t DISABLE TRIGGER {}
ALTER TABLE t DROP CONSTRAINT {}
CREATE TABLE {} (a int)
CREATE TABLE x ({} int)
CREATE TABLE x (a int, {} int)
CREATE TABLE x ({} json)
CREATE TABLE x (a {})
CREATE TABLE x (a int DEFAULT {}())
CREATE FUNCTION {}() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION f({} int) RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION f(int) RETURNS {} LANGUAGE sql AS 'SELECT 1'
CREATE INDEX {} ON t (a)
CREATE INDEX ON t ({})
CREATE INDEX ON t ({}(a))
CREATE TRIGGER x BEFORE INSERT ON t EXECUTE FUNCTION {}()
CREATE VIEW {} AS SELECT 1
INSERT INTO {} VALUES (1)
INSERT INTO t ({}) VALUES (1)
SELECT {}
SELECT {} FROM t
SELECT t.{} FROM t
SELECT {}.a FROM t
SELECT (t).{} FROM t
SELECT {}()
SELECT {}(1)
SELECT {}(1, 2)
SELECT {}('a', 'b')
SELECT {}(VARIADIC a) FROM t
SELECT {}(*) FROM t
SELECT {}(DISTINCT a) FROM t
SELECT {}(a ORDER BY a) FROM t
SELECT {}(a => 1)
SELECT f({} => 1)
SELECT {}(a) OVER () FROM t
SELECT {}(a) FILTER (WHERE true) FROM t
SELECT s.{}(1)
SELECT {}.f(1)
SELECT * FROM {}()
SELECT * FROM {}(1, 2)
SELECT * FROM {}(1) AS x
SELECT * FROM ROWS FROM ({}(1))
SELECT * FROM t {}
SELECT * FROM t AS {}
SELECT * FROM t AS x ({})
SELECT * FROM t ORDER BY {}
SELECT * FROM t WHERE {}
SELECT 1 {}
SELECT 1 AS {}
SELECT a {} FROM t
SELECT a::{} FROM t
SELECT CAST(a AS {}) FROM t
SELECT {} 'x'
WITH {} AS (DELETE FROM t) SELECT 1
CALL {}()
CALL {}(1)
EXECUTE {}
PREPARE {} AS DELETE FROM t
DECLARE {} CURSOR FOR SELECT 1
SET {} = 1
SET ROLE {}
RESET {}
LOCK TABLE {}
COPY {} FROM STDIN
COPY t ({}) FROM STDIN
VACUUM {}
GRANT SELECT ON {} TO r
GRANT {} TO r
COMMENT ON COLUMN t.{} IS 'x'
MERGE INTO {} USING u ON true WHEN MATCHED THEN DELETE
DELETE FROM t RETURNING {}
DELETE FROM t RETURNING {}()
REFRESH MATERIALIZED VIEW {}
DO LANGUAGE {} 'x'
""".strip().splitlines()
SYNTAX_ERROR = b"42601"


def listed() -> Iterator[tuple[str, int, set[str]]]:
    """(word, server's major version, what becomes of it) of versions.txt."""
    for line in (Path(__file__).parent / "versions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            word, majors, ways, _ = line.split(": ", 3)
            for major in majors.split():
                yield word, int(major), set(ways.split())


CATEGORIES = {
    **dict.fromkeys(keywords.RESERVED_KEYWORDS, "R"),
    **dict.fromkeys(keywords.COL_NAME_KEYWORDS, "C"),
    **dict.fromkeys(keywords.TYPE_FUNC_NAME_KEYWORDS, "T"),
    **dict.fromkeys(keywords.UNRESERVED_KEYWORDS, "U"),
}


def categories(server: Cluster) -> dict[str, str]:
    rows = server.execute("SELECT word, catcode FROM pg_get_keywords()").split()
    return {word: category for word, category in (row.split("|") for row in rows)}


def new_words(server: Cluster) -> set[str]:
    """The parser's key words that are plain names to the server, and what is one only with another behind."""
    theirs = categories(server)
    changed = {word for word, ours in CATEGORIES.items() if ours != "U" and theirs.get(word, "U") == "U"}
    return (
        changed | (CATEGORIES.keys() - theirs.keys()) | ({"format json"} if "format" not in theirs else set())
    )


def in_quotes(word: str) -> str:
    first, *rest = word.split(" ")
    return " ".join([f'"{first}"', *rest])


def tree(text: str) -> object:
    """The parser's reading without places in the text; None when it has none."""
    try:
        return _without_places(json.loads(parser.parse_sql_json(text)))
    except parser.ParseError:
        return None


def _without_places(node: object) -> object:
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if not key.endswith(("location", "_len"))}
        return {key: _without_places(value) for key, value in kept.items()}
    return [_without_places(item) for item in node] if isinstance(node, list) else node


def accepted(connection: psycopg.Connection, text: str) -> bool:
    """Whether the server's own grammar takes the text."""
    result = connection.pgconn.prepare(b"", text.encode())
    return result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) != SYNTAX_ERROR


def key(effect: Effect) -> tuple[object, ...]:
    """Effect and target; a type called json is pg_catalog's to the parser."""
    return effect.name, None if effect.name == "type.drop" else effect.target


@pytest.mark.parametrize("major", MAJORS)
def test_the_list_is_complete_and_no_effect_is_lost(server_at: ServerAt, major: int) -> None:
    found: dict[str, set[str]] = {}
    lost: list[str] = []
    with psycopg.connect(server_at(major).dsn, autocommit=True) as connection:
        for word in sorted(new_words(server_at(major))):
            for form in FORMS:
                text, plain = form.format(word), form.format(in_quotes(word))
                if not accepted(connection, text):
                    continue
                read = tree(text)
                if read is None:
                    found.setdefault(word, set()).add("refused")
                elif read != tree(plain):
                    found.setdefault(word, set()).add("handled")
                    if loses(text, plain, major):
                        lost.append(text)
    assert lost == []
    assert found == {word: ways for word, at, ways in listed() if at == major}


def loses(text: str, plain: str, major: int) -> bool:
    """Whether an effect of the plain text is missing, or less grave."""
    found = {key(effect): effect.risk for effect in analyse(text, major).effects}
    return any(
        effect.risk > found.get(key(effect), Risk.NONE - 1) for effect in analyse(plain, major).effects
    )


@pytest.mark.parametrize("major", MAJORS)
def test_no_key_word_of_both_changed_its_category(server_at: ServerAt, major: int) -> None:
    theirs = categories(server_at(major))
    changed = {word for word, category in theirs.items() if CATEGORIES.get(word, category) != category}
    # Tried like a new word.
    assert changed == ({"json"} if major == 16 else set())
    # RECHECK in an operator class went with 17: the parser refuses it.
    assert theirs.keys() - CATEGORIES.keys() == ({"recheck"} if major < 18 else set())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 0x10",
        "SELECT 0o17",
        "SELECT 0b1",
        "SELECT 1_000",
        "SELECT 1.5_0",
        "DELETE FROM t WHERE a = 0x1F",
    ],
)
def test_numbers_of_16_are_errors_before(server_at: ServerAt, text: str) -> None:
    with psycopg.connect(server_at(15).dsn, autocommit=True) as connection:
        assert not accepted(connection, text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM system_user",
        "SELECT merge_action()",
        "SELECT json(a) FROM t",
        "SELECT json_scalar(1)",
    ],
)
def test_a_version_that_is_not_known_counts_as_the_oldest(text: str) -> None:
    names = [effect.name for effect in analyse(text).effects]
    assert names == [effect.name for effect in analyse(text, 15).effects]
    assert {"code.call", "row.read"} & set(names)


def test_a_column_called_system_user_limits_nothing() -> None:
    (effect,) = analyse("DELETE FROM t WHERE a = system_user", 15).effects
    assert effect.traits == {"unscoped"}
    with pytest.raises(SqlSyntaxError):
        analyse("DROP TABLE system_user", 18)
