"""A call inside of every construct: where the server runs it, the analysis says so.

nested.txt has the constructs. The function counts its calls in a sequence, which no rollback takes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.sql.analyse import analyse
from tests.conftest import ServerAt
from tests.servers.database import Database
from tests.servers.postgres import DEFAULT_MAJOR

SETUP = """
CREATE SEQUENCE spied;
CREATE FUNCTION spy() RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN PERFORM nextval('public.spied'); RETURN 1; END $$;
CREATE FUNCTION fixed(int DEFAULT 1) RETURNS int LANGUAGE plpgsql IMMUTABLE
    AS $$ BEGIN PERFORM nextval('public.spied'); RETURN coalesce($1, 1); END $$;
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE PROCEDURE proc(int) LANGUAGE plpgsql AS 'BEGIN END';
CREATE TABLE one (a int);
CREATE POLICY po ON one;
CREATE TABLE two (a int);
CREATE TABLE keyed (id int PRIMARY KEY, a int);
CREATE DOMAIN dom AS int;
CREATE TABLE typed (a dom);
CREATE TABLE parted (a int) PARTITION BY RANGE (a);
CREATE TABLE parted_default PARTITION OF parted DEFAULT;
INSERT INTO one VALUES (1), (2);
INSERT INTO two VALUES (1);
INSERT INTO keyed VALUES (1, 1);
INSERT INTO typed VALUES (1);
"""
_CALLS = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM spied"


def cases() -> Iterator[tuple[str, str]]:
    for line in (Path(__file__).parent / "nested.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            when, _, sql = line.partition(": ")
            yield when, sql


CASES = [pytest.param(when, sql, id=sql) for when, sql in cases()]


@pytest.fixture(scope="module")
def prepared(server_at: ServerAt) -> Iterator[Database]:
    cluster = server_at(DEFAULT_MAJOR)
    cluster.execute("CREATE DATABASE nested")
    database = Database(cluster, "nested")
    database.execute(SETUP)
    yield database
    cluster.execute("DROP DATABASE nested WITH (FORCE)")


@pytest.mark.parametrize(("when", "sql"), CASES)
def test_the_analysis_says_when(when: str, sql: str) -> None:
    effects = analyse(sql.split(" ;; ")[-1], DEFAULT_MAJOR).effects
    calls = [e for e in effects if e.name == "code.call" and str(e.target) in {"spy", "fixed"}]
    assert {"deferred" in call.traits for call in calls} == ({True} if when == "later" else {False})


@pytest.mark.defect_31
@pytest.mark.parametrize(("when", "sql"), CASES)
def test_the_server_calls_then(prepared: Database, when: str, sql: str) -> None:
    with psycopg.connect(prepared.dsn) as connection:
        *before, statement = sql.split(" ;; ")
        for text in before:
            connection.execute(text.encode())
        earlier = called(connection)
        if statement.startswith("COPY"):
            with connection.cursor().copy(statement.encode()) as copy:
                list(copy)
        else:
            connection.execute(statement.encode())
        later = called(connection)
        connection.rollback()
    assert (later > earlier) == (when == "now")


def called(connection: psycopg.Connection) -> int:
    row = connection.execute(_CALLS.encode()).fetchone()
    assert row is not None
    return int(row[0])
