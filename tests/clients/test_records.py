"""What is left of a statement: exact counts, a line for each refusal, a log of what passed, and no secret."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import Gate, Line, moved, serving, until, upstream_of
from tests.clients.programs import Program
from tests.servers.database import Database

POLICY = """\
version: 1
name: records
environment: test
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    deny: "{effect} on {targets} would lose data."
    hint: "Ask first."
  - id: no-destruction
    match: {classes: [destructive]}
    deny: "{effect} on {targets} destroys."
  - id: watched
    match: {effects: [row.delete]}
    mode: shadow
  - id: no-roles
    match: {effects: [role.alter], targets: ["role:nobody"]}
  - id: no-encoding
    match: {effects: [session.set], targets: ["setting:client_encoding"]}
  - id: no-code
    match: {effects: [code.opaque, code.dynamic]}
"""

STATEMENTS = "pgwarden_statements_total"
BLOCKED = "pgwarden_blocked_statements_total"
JUDGED = "pgwarden_judgement_seconds_count"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def gate(server: Cluster, folder: Path) -> Iterator[Gate]:
    (folder / "policy.yaml").write_text(POLICY)
    with serving(
        folder,
        folder / "policy.yaml",
        upstream_of(server),
        statement_log=str(folder / "statements.jsonl"),
        log_sql_chars="200",
        log_level="debug",
    ) as gate:
        yield gate


@pytest.fixture
def connection(gate: Gate, users: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(gate.url(users.name, application_name="me"), autocommit=True) as connection:
        yield connection


def counted(decision: str, statement_class: str) -> str:
    return f'{STATEMENTS}{{class="{statement_class}",decision="{decision}"}}'


def blocked(rule: str, mode: str = "enforce") -> str:
    return f'{BLOCKED}{{mode="{mode}",rule="{rule}"}}'


def say(connection: psycopg.Connection, text: str, *, prepare: bool | None = None, times: int = 1) -> None:
    for _ in range(times):
        with suppress(psycopg.Error):
            connection.execute(text.encode(), prepare=prepare)


# -- counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prepare", "times", "expected"),
    [
        ("SELECT name FROM users", None, 1, {counted("allowed", "read"): 1}),
        ("SELECT name FROM users", None, 5, {counted("allowed", "read"): 5}),
        ("SELECT id FROM users", True, 5, {counted("allowed", "read"): 5}),
        ("SELECT 1", True, 2, {counted("allowed", "other"): 2}),
        ("SELECT 1; UPDATE users SET id = 1; SELECT 3", None, 1, {counted("allowed", "write"): 1}),
        ("INSERT INTO users VALUES (1, 'duplicate')", None, 2, {counted("allowed", "write"): 2}),
        ("CREATE TABLE IF NOT EXISTS made (id int)", None, 1, {counted("allowed", "ddl"): 1}),
        ("BEGIN; COMMIT", None, 1, {counted("allowed", "transaction"): 1}),
        ("SET work_mem = '5MB'", True, 2, {counted("allowed", "session"): 2}),
        ("VACUUM users", None, 1, {counted("allowed", "server"): 1}),
        ("-- nothing", None, 1, {counted("allowed", "other"): 1}),
        (
            "DROP TABLE users", None, 2,
            {counted("refused", "destructive"): 2, blocked("no-drop"): 2, blocked("no-destruction"): 2},
        ),
        (
            "DROP TABLE users", True, 2,
            {counted("refused", "destructive"): 2, blocked("no-drop"): 2, blocked("no-destruction"): 2},
        ),
        (
            "SELECT 1; TRUNCATE users", None, 1,
            {counted("refused", "destructive"): 1, blocked("no-destruction"): 1},
        ),
        (
            "DELETE FROM users WHERE id = 7", None, 3,
            {counted("shadowed", "write"): 3, blocked("watched", "shadow"): 3},
        ),
        (
            "DELETE FROM users WHERE id = 7", True, 3,
            {counted("shadowed", "write"): 3, blocked("watched", "shadow"): 3},
        ),
        (
            "DELETE FROM users WHERE id = 7; TRUNCATE users", None, 1,
            {
                counted("refused", "destructive"): 1,
                blocked("no-destruction"): 1,
                blocked("watched", "shadow"): 1,
            },
        ),
        ("SELEC 1", None, 2, {counted("refused", "opaque"): 2, blocked("unparsed"): 2}),
        ("SELEC 1", True, 2, {counted("refused", "opaque"): 2, blocked("unparsed"): 2}),
        ("EXECUTE absent", None, 1, {counted("refused", "opaque"): 1, blocked("unknown"): 1}),
    ],
)  # fmt: skip
def test_counts(
    gate: Gate,
    connection: psycopg.Connection,
    text: str,
    prepare: bool | None,
    times: int,
    expected: dict[str, float],
) -> None:
    before = gate.metrics(STATEMENTS, BLOCKED)
    say(connection, text, prepare=prepare, times=times)
    assert moved(before, gate.metrics(STATEMENTS, BLOCKED)) == expected


def test_what_is_copied_is_one_statement(gate: Gate, connection: psycopg.Connection) -> None:
    before = gate.metrics(STATEMENTS, BLOCKED)
    with connection.cursor().copy("COPY users FROM STDIN") as copy:
        for number in range(2, 100):
            copy.write_row((number, "DROP TABLE users"))
    with connection.cursor().copy("COPY users TO STDOUT") as out:
        assert len(list(out.rows())) == 99
    assert moved(before, gate.metrics(STATEMENTS, BLOCKED)) == {
        counted("allowed", "write"): 1,
        counted("allowed", "read"): 1,
    }


def test_connections_are_counted(gate: Gate, users: Database) -> None:
    until(lambda: gate.connections == 0, "that nobody is connected")
    before = gate.metrics()
    with psycopg.connect(gate.url(users.name)) as one, psycopg.connect(gate.url(users.name)) as two:
        assert gate.connections == 2
        one.cancel()
        assert two.execute("SELECT 1").fetchone() == (1,)
    until(lambda: gate.connections == 0, "that nobody is connected")
    after = gate.metrics()
    accepted = "pgwarden_connections_accepted_total"
    assert after[accepted] - before[accepted] == 3  # a cancel comes on a connection of its own
    assert after["pgwarden_sessions_crashed_total"] == 0


def test_every_decision_is_timed(gate: Gate, connection: psycopg.Connection) -> None:
    before = gate.metrics()
    for number in range(20):
        say(connection, f"SELECT {number} AS fresh")
    say(connection, "DROP TABLE users", times=3)
    after = gate.metrics()
    assert after[JUDGED] - before[JUDGED] == 23
    last = 'pgwarden_judgement_seconds_bucket{le="+Inf"}'
    assert after[last] == after[JUDGED]


def test_reading_a_long_text_is_part_of_judging_it(gate: Gate, connection: psycopg.Connection) -> None:
    values = ", ".join(f"({number}, 'row {number}')" for number in range(1000, 6000))
    total = "pgwarden_judgement_seconds_sum"
    before = gate.metrics()[total]
    say(connection, f"INSERT INTO users VALUES {values}")
    assert gate.metrics()[total] - before > 0.005


# -- a line for each refusal -------------------------------------------------------------------------------


def lines_of(gate: Gate, act: Callable[[], None], count: int) -> list[Line]:
    """The refusal log's lines about what `act` does."""
    begin = len(gate.refusals.so_far)
    act()
    until(lambda: len(gate.refusals.so_far) >= begin + count, f"{count} lines of the refusal log")
    return gate.refusals.so_far[begin:]


def fresh(line: Line) -> bool:
    told = datetime.fromisoformat(str(line["time"]))
    return timedelta() <= datetime.now(UTC) - told < timedelta(seconds=30)


def digest_of(gate: Gate) -> str:
    return str(gate.says("policy in force")["digest"])


def test_a_refusal_line_has_everything(gate: Gate, connection: psycopg.Connection, users: Database) -> None:
    def act() -> None:
        say(connection, "BEGIN")
        say(connection, "SELECT 1; DROP TABLE public.users -- " + "x" * 300)
        say(connection, "ROLLBACK")

    (line,) = lines_of(gate, act, 1)
    assert fresh(line)
    assert len(str(line["decision_id"])) == 12
    assert {**line, "time": "", "decision_id": ""} == {
        "time": "",
        "event": "refused",
        "decision_id": "",
        "rule": "no-destruction",
        "rules": ["no-destruction", "no-drop"],
        "mode": "enforce",
        "sqlstate": "42501",
        "message": "DROP TABLE on public.users destroys. [rule no-destruction]",
        "effects": ["table.drop"],
        "targets": ["public.users"],
        "role": "postgres",
        "database": users.name,
        "client_address": "127.0.0.1",
        "application": "me",
        "listener": "127.0.0.1:0",
        "transaction": "open",
        "policy": digest_of(gate),
        "missing": [],
        "sql": f"SELECT 1; DROP TABLE public.users -- {'x' * 162}…",
    }


def test_a_rule_that_watches_leaves_a_line_each_time(gate: Gate, connection: psycopg.Connection) -> None:
    lines = lines_of(gate, lambda: say(connection, "DELETE FROM users WHERE id = 9", times=3), 3)
    assert [(line["event"], line["mode"], line["rule"], line["rules"]) for line in lines] == [
        ("shadowed", "shadow", "watched", ["watched"])
    ] * 3
    assert len({line["decision_id"] for line in lines}) == 3


def test_a_refused_login_leaves_a_line(gate: Gate, users: Database) -> None:
    def act() -> None:
        with pytest.raises(psycopg.OperationalError, match=r"\[rule no-encoding\]"):
            psycopg.connect(gate.url(users.name), client_encoding="sjis")

    (line,) = lines_of(gate, act, 1)
    wanted = ("event", "rule", "effects", "targets", "role", "database", "sql", "transaction")
    assert [line[name] for name in wanted] == [
        "refused", "no-encoding", ["session.set"], ["client_encoding"], "postgres", users.name, None, "none",
    ]  # fmt: skip


# -- secrets -----------------------------------------------------------------------------------------------

SECRET = "hunter2"
_markers = itertools.count(1)
SECRETIVE = [
    f"ALTER ROLE nobody PASSWORD '{SECRET}'",
    f"alter role nobody encrypted password '{SECRET}'",
    f"ALTER ROLE nobody PASSWORD E'{SECRET}'",
    f"ALTER ROLE nobody PASSWORD $x${SECRET}$x$",
    f"SELECT 1; ALTER ROLE nobody PASSWORD '{SECRET}'; SELECT 2",
    f"CREATE ROLE absent IN ROLE nowhere PASSWORD '{SECRET}'",
    f"CREATE USER MAPPING FOR nobody SERVER absent OPTIONS (user 'x', password '{SECRET}')",
    f"ALTER USER MAPPING FOR nobody SERVER absent OPTIONS (SET password '{SECRET}')",
    f"CREATE SERVER s FOREIGN DATA WRAPPER absent OPTIONS (password '{SECRET}')",
    f"CREATE SUBSCRIPTION s CONNECTION 'password={SECRET}' PUBLICATION p WITH (no_such_option)",
    f"SELECT set_config('my.password', '{SECRET}', false)",
    f"SET my.password = '{SECRET}'",
    f"SELECT * FROM dblink('password={SECRET}', 'SELECT 1') AS t (x int)",
    f"DROP TABLE users; ALTER ROLE nobody PASSWORD '{SECRET}'",
    f"ALTER ROLE nobody PASSWORD '{SECRET}' NONSENSE",
    f"ALTER ROLE nobody PASSWORD {SECRET}",
    f"SELEC '{SECRET}'",
]


def shown(gate: Gate, connection: psycopg.Connection, folder: Path, texts: Sequence[str]) -> list[str]:
    """Send these texts, each in both protocols; all lines about them, of every log, that show the secret."""
    marker = f"SELECT 'up to {next(_markers)}'"
    begin = len(gate.refusals.so_far)
    for text in texts:
        say(connection, text)
        say(connection, text, prepare=True)
    say(connection, marker)
    until(lambda: marker in (folder / "statements.jsonl").read_text(), "the statement log's end")
    say(connection, last := "DROP TABLE users")
    until(lambda: last in {line["sql"] for line in gate.refusals.so_far[begin:]}, "the refusal log's end")
    passed = (folder / "statements.jsonl").read_text().splitlines()
    refused = [json.dumps(line) for line in gate.refusals.so_far[begin:]]
    return [line for line in [*passed, *refused, *gate.log.text.splitlines()] if SECRET in line]


def test_secrets_are_in_no_log(
    gate: Gate, connection: psycopg.Connection, folder: Path, users: Database, psql: Program
) -> None:
    with suppress(psycopg.Error):
        connection.execute("SELECT %s::text, %s::text", [SECRET, f"PASSWORD '{SECRET}'"])
    psql(gate.url(users.name), "-c", f"SELEC '{SECRET}'")
    assert shown(gate, connection, folder, SECRETIVE) == []


@pytest.mark.parametrize(
    "text",
    [
        f"DO $$ BEGIN ALTER ROLE nobody PASSWORD '{SECRET}-1'; END $$",
        f"DO $$ BEGIN EXECUTE 'ALTER ROLE nobody PASSWORD ''{SECRET}-2'''; END $$",
        f"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'ALTER ROLE nobody PASSWORD ''{SECRET}-3'''",
        f"ALTER SYSTEM SET primary_conninfo = 'host=replica password={SECRET}-4'",
    ],
    ids=["DO", "DO EXECUTE", "CREATE FUNCTION", "primary_conninfo"],
)
def test_secrets_in_code_are_in_no_log(
    gate: Gate, connection: psycopg.Connection, folder: Path, text: str
) -> None:
    connection.execute("BEGIN")  # ALTER SYSTEM does not run in one
    number = text.partition(f"{SECRET}-")[2][0]
    assert [line for line in shown(gate, connection, folder, [text]) if f"{SECRET}-{number}" in line] == []


def test_an_unreadable_text_is_logged_only_when_asked_for(
    gate: Gate, connection: psycopg.Connection, server: Cluster, users: Database, tmp_path: Path
) -> None:
    (line,) = lines_of(gate, lambda: say(connection, "SELEC 'é'"), 1)
    wanted = ("rule", "message", "effects", "sql", "sqlstate")
    assert [line[name] for name in wanted] == [
        "unparsed", "the statement cannot be read", ["statement.unparsed"],
        "<unreadable statement, 9 characters>", "42601",
    ]  # fmt: skip
    (tmp_path / "policy.yaml").write_text(POLICY)
    with (
        serving(tmp_path, tmp_path / "policy.yaml", upstream_of(server), log_unreadable="on") as telling,
        psycopg.connect(telling.url(users.name), autocommit=True) as other,
    ):
        (line,) = lines_of(telling, lambda: say(other, "SELEC 'é'"), 1)
        assert [line[name] for name in wanted] == [
            "unparsed", 'syntax error at or near "SELEC"', ["statement.unparsed"], "SELEC 'é'", "42601",
        ]  # fmt: skip


# -- the log of what passed --------------------------------------------------------------------------------


def test_the_statement_log(gate: Gate, folder: Path, users: Database) -> None:
    log = folder / "statements.jsonl"
    begin = len(log.read_text().splitlines())
    url = gate.url(users.name, application_name="billing")
    with psycopg.connect(url, autocommit=True) as connection:
        say(connection, "SELECT 'first'")
        say(connection, "DROP TABLE users")
        say(connection, "BEGIN; INSERT INTO users VALUES (4, 'x')")
        say(connection, "UPDATE users SET id = 5 WHERE id = 4")
        say(connection, "COMMIT")
        for number in (6, 7):
            connection.execute("INSERT INTO users VALUES (%s, 'x')", [number], prepare=True)
        say(connection, "DELETE FROM users WHERE id = 5")
        say(connection, "SELECT absent")
        with connection.cursor().copy("COPY users FROM STDIN") as copy:
            copy.write_row((8, "x"))
        say(connection, f"SELECT '{'x' * 100}'")
    until(lambda: len(log.read_text().splitlines()) >= begin + 10, "ten lines of the statement log")
    lines = [json.loads(line) for line in log.read_text().splitlines()[begin:]]
    assert [(line["sql"], line["effects"], line["transaction"]) for line in lines] == [
        ("SELECT 'first'", [], "none"),
        ("BEGIN; INSERT INTO users VALUES (4, 'x')", ["transaction.begin", "row.insert"], "none"),
        ("UPDATE users SET id = 5 WHERE id = 4", ["row.update"], "open"),
        ("COMMIT", ["transaction.commit"], "open"),
        ("INSERT INTO users VALUES ($1, 'x')", ["row.insert"], "none"),
        ("INSERT INTO users VALUES ($1, 'x')", ["row.insert"], "none"),
        ("DELETE FROM users WHERE id = 5", ["row.delete"], "none"),
        ("SELECT absent", [], "none"),
        ("COPY users FROM STDIN", ["statement.copy", "row.insert"], "none"),
        (f"SELECT '{'x' * 100}'", [], "none"),
    ]
    for line in lines:
        assert fresh(line)
        del line["time"], line["sql"], line["effects"], line["transaction"]
        assert line == {
            "event": "passed",
            "role": "postgres",
            "database": users.name,
            "client_address": "127.0.0.1",
            "application": "billing",
            "listener": "127.0.0.1:0",
            "policy": digest_of(gate),
            "whole": True,
        }


def test_the_statement_log_knows_the_transaction_of_a_prepared_statement(
    gate: Gate, connection: psycopg.Connection, folder: Path
) -> None:
    log = folder / "statements.jsonl"
    marker = f"SELECT $1::int + {next(_markers)}"
    with connection.transaction():
        connection.execute(marker.replace("$1", "%s"), [1], prepare=True)
    until(lambda: marker in log.read_text(), "the line about it")
    (line,) = [json.loads(text) for text in log.read_text().splitlines() if marker in text]
    assert line["transaction"] == "open"
