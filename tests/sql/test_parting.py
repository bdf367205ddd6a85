"""A script's statements one by one: as they are known elsewhere, and only where each stands by itself."""

import pytest

from proxy.sql.parting import MOST_STATEMENTS, parts_of
from proxy.sql.spelling import digest


def test_its_statements_are_known_by_their_tokens() -> None:
    script = (
        "-- first\nBEGIN;\nSET lock_timeout = '2s';\n"
        "ALTER TABLE a\n  ADD b int; /* c */ DROP TABLE d;\nCOMMIT"
    )
    wanted = ("BEGIN", "SET lock_timeout='2s'", "ALTER TABLE a ADD b int", "DROP  TABLE d", "COMMIT")
    assert parts_of(script).statements == frozenset(map(digest, wanted))
    assert digest("drop table d") not in parts_of(script).statements


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("DROP TABLE a; ROLLBACK", "ROLLBACK"),
        ("SAVEPOINT a; DROP TABLE a; ROLLBACK TO a", "SAVEPOINT"),
        ("SET search_path = staging; DROP TABLE a", "SET"),
        ("SELECT pg_catalog.set_config('search_path', '', false); DROP TABLE a", "SELECT"),
        ("SET ROLE x; DROP TABLE a", "SET"),
        ("RESET search_path; DROP TABLE a", "RESET"),
        ("PREPARE p AS SELECT 1; DROP TABLE a", "PREPARE"),
        ("SELECT f(); DROP TABLE a", "SELECT"),
        ("DO $$ BEGIN PERFORM f(); END $$; DROP TABLE a", "DO"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = a AS 'select 1'", "CREATE"),
        ("COPY a FROM STDIN", "COPY"),
    ],
)
def test_what_reaches_beyond_itself_keeps_a_script_whole(script: str, word: str) -> None:
    found = parts_of(script)
    assert (found.statements, found.whole) == (
        frozenset(),
        f"its {word} changes what other statements of it come to",
    )


def test_what_is_no_sql_alone_or_too_much_is_whole() -> None:
    assert parts_of("\\set x 1\nDROP TABLE a").whole == "it cannot be read as SQL alone"
    assert parts_of("-- nothing").whole == "it has no statements"
    assert parts_of("SELECT 1;" * (MOST_STATEMENTS + 1)).whole == "it has more than 5000 statements"
