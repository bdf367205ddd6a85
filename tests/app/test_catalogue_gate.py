"""A gate that knows what the database holds, and real clients at it; and explain with the same knowledge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.app.cli import main
from proxy.backup.cluster import Cluster
from tests.app.running import Gate, running
from tests.servers.database import Database

RULES = Path(__file__).parents[2] / "policies" / "rules"
POLICY = f"""
version: 1
name: known
include: [{RULES}/no-data-loss.yaml, {RULES}/unscoped-writes.yaml, {RULES}/guard-the-guards.yaml]
"""
HELD = """
CREATE TABLE victim (id int PRIMARY KEY, val text);
INSERT INTO victim SELECT g, 'x' FROM generate_series(1, 5) g;
CREATE TABLE log (id serial PRIMARY KEY, what text);
CREATE FUNCTION purge() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM victim; RETURN 1; END';
CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM victim';
CREATE FUNCTION empties() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN TRUNCATE victim; RETURN OLD; END';
CREATE TRIGGER empties BEFORE DELETE ON log FOR EACH ROW EXECUTE FUNCTION empties();
"""


@pytest.fixture
def gate(database: Database, tmp_path: Path) -> Iterator[Gate]:
    database.execute(HELD)
    (tmp_path / "policy.yaml").write_text(POLICY)
    with running(
        tmp_path,
        *("--listen", "127.0.0.1:0", "--upstream", f"postgresql://127.0.0.1:{database.port}"),
        *("--policy", str(tmp_path / "policy.yaml"), "--catalogue", "postgresql://postgres@"),
        *("--catalogue-interval-s", "0.1"),
    ) as started:
        yield started


def rule(client: psycopg.Connection[tuple[object, ...]], sql: str) -> str:
    """The rule that refuses it; "" when it runs."""
    try:
        client.execute(sql)
    except psycopg.errors.InsufficientPrivilege as error:
        return str(error).partition("[rule ")[2].partition("]")[0]
    return ""


def test_what_a_statement_sets_off_is_judged(gate: Gate, database: Database) -> None:
    with psycopg.connect(gate.url(database.name), autocommit=True) as client:
        assert {
            sql: rule(client, sql)
            for sql in (
                "SELECT counts()",
                "SELECT purge()",
                "INSERT INTO log (what) VALUES ('x')",
                "DELETE FROM log WHERE id = 1",
                "CREATE TABLE later (id int)",
                "INSERT INTO later VALUES (1)",
            )
        } == {
            "SELECT counts()": "",
            "SELECT purge()": "no-unscoped-delete",
            "INSERT INTO log (what) VALUES ('x')": "",
            "DELETE FROM log WHERE id = 1": "no-drop",
            "CREATE TABLE later (id int)": "",
            "INSERT INTO later VALUES (1)": "",
        }
    assert database.execute("SELECT count(*) FROM victim") == "5"
    assert gate.metric("pgwarden_catalogue_readable") == 1


def test_what_sets_nothing_off_is_screened_by_the_names_of_the_rest(gate: Gate, database: Database) -> None:
    with psycopg.connect(gate.url(database.name), autocommit=True) as client:
        assert rule(client, "SELECT * FROM victim WHERE id = 1") == ""
        before = gate.metric("pgwarden_screened_texts_total")
        passing = ("SELECT counts(), v.val FROM victim v", "INSERT INTO victim VALUES (6, 'x')")
        assert [rule(client, sql) for sql in passing] == ["", ""]
        assert gate.metric("pgwarden_screened_texts_total") == before + 2
        assert rule(client, 'SELECT 1, "purge"()') == "no-unscoped-delete"
        assert rule(client, "CREATE VIEW later AS SELECT 1") == ""
        assert gate.metric("pgwarden_screened_texts_total") == before + 2


def test_a_first_statement_inside_of_a_transaction_is_judged(gate: Gate, database: Database) -> None:
    with psycopg.connect(gate.url(database.name)) as client:
        assert rule(client, "SELECT * FROM victim WHERE id = 1") == ""
        assert rule(client, "SELECT purge()") == "no-unscoped-delete"


def test_the_database_can_be_dropped_and_made_again(gate: Gate, database: Database) -> None:
    for _ in range(3):
        with psycopg.connect(gate.url(database.name), autocommit=True) as client:
            assert rule(client, "SELECT purge()") == "no-unscoped-delete"
        database.cluster.execute(f"DROP DATABASE {database.name}")
        database.cluster.execute(f"CREATE DATABASE {database.name}")
        database.execute(HELD)


def test_a_role_that_cannot_read_is_told_in_one_line_and_code_is_refused(
    database: Database, tmp_path: Path
) -> None:
    database.execute(HELD)
    (tmp_path / "policy.yaml").write_text(POLICY)
    with (
        running(
            tmp_path,
            *("--listen", "127.0.0.1:0", "--upstream", f"postgresql://127.0.0.1:{database.port}"),
            *("--policy", str(tmp_path / "policy.yaml"), "--catalogue", "postgresql://nobody_of_that_name@"),
        ) as gate,
        psycopg.connect(gate.url(database.name), autocommit=True) as client,
    ):
        assert rule(client, "SELECT 1") == ""
        assert rule(client, "SELECT counts()") == "catalogue"
        gate.says(
            f'the catalogue of {database.name} cannot be read: role "nobody_of_that_name" does not exist'
        )
        assert gate.metric("pgwarden_catalogue_readable") == 0


def test_explain_shows_what_a_statement_sets_off_and_by_which_way(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute(HELD)
    url = f"postgresql://postgres@127.0.0.1:{database.port}"
    at = ("--catalogue", url, "--database", database.name)
    assert main(["explain", "SELECT purge()", *at]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "row.delete on table victim (risk high, unscoped), through public.purge()",
        "the screen does not pass it: it has the word purge",
    ]
    assert main(["explain", "DELETE FROM log WHERE id = 1", *at]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "row.delete on table log (risk low, by_key)",
        "  1:13: DELETE FROM log WHERE id = 1",
        "                    ^",
        "table.truncate on table victim (risk high, blocks_reads, blocks_writes), "
        "through public.log > trigger empties > public.empties()",
        "the screen does not pass it: it begins with the word delete",
    ]


@pytest.mark.parametrize(
    ("url", "database", "code", "line"),
    [
        (
            "postgresql://postgres@",
            "postgres",
            2,
            "pgwarden: --catalogue: must name the server behind the role",
        ),
        (
            "postgresql://postgres:hunter2@h",
            "postgres",
            2,
            "pgwarden: --catalogue: must not hold a password: put it into a file, and name that in"
            " catalogue_password_file",
        ),
        (
            "{server}",
            "nowhere",
            3,
            'pgwarden: the catalogue of nowhere cannot be read: database "nowhere" does not exist',
        ),
    ],
)
def test_explain_says_in_one_line_what_cannot_be_read(
    url: str, database: str, code: int, line: str, server: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    where = url.format(server=f"postgresql://postgres@127.0.0.1:{server.port}")
    assert main(["explain", "SELECT 1", "--catalogue", where, "--database", database]) == code
    assert capsys.readouterr().err.splitlines() == [line]
