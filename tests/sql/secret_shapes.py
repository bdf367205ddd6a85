"""Statements that hold a secret, in every shape that is known: secrets.txt says how a log shows each."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from tests.sql import golden

SECRETS = Path(__file__).parent / "secrets.txt"
SECRET = "hunter2"
# What no statement holds by chance, in characters that stand for themselves in every kind of literal.
RANDOM = st.from_regex(r"Zq[A-Za-z0-9_.:#%+-]{10,24}", fullmatch=True)
# A statement with a secret inside of another, where the grammar lets it stand there.
WRAPS = (
    "SELECT 1; {}",
    "PREPARE p AS {}",
    "EXPLAIN ANALYZE {}",
    "WITH x AS ({} RETURNING 1) SELECT 1",
    "WITH x AS ({}) SELECT 1",
    "DO $w$ BEGIN {}; END $w$",
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $w$ BEGIN {}; END $w$",
    "CREATE PROCEDURE p() BEGIN ATOMIC {}; END",
    "DECLARE c CURSOR FOR {}",
    "CREATE TABLE n AS {}",
    "CREATE VIEW v AS {}",
    "CREATE RULE r AS ON INSERT TO t DO ALSO {}",
    "COPY ({}) TO STDOUT",
    "CREATE SCHEMA s {}",
    "{} UNION SELECT 'a'",
    "SELECT * FROM ({}) AS q",
    "SELECT 1 WHERE EXISTS ({})",
    "INSERT INTO t {}",
    "SELECT query_to_xml($w${}$w$, true, true, '')",
)


def shapes() -> list[str]:
    """The statements, with SECRET where the secret stands."""
    return [text for _, text, _ in golden.cases(SECRETS) if SECRET in text]
