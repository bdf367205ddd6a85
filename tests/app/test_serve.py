"""The whole gate as a process: in front of a real server, reloaded, drained, in trouble."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from proxy.app.cli import main
from proxy.policy.facts import Verification
from proxy.records import NewBackup, open_ledger
from tests.app.running import Gate, command, environment, running
from tests.servers import forking
from tests.servers.database import Database

POLICY = """\
version: 1
name: production
environment: production
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    deny: "{effect} on {targets} would lose data."
    hint: "Ask first."
  - id: backup-first
    match: {effects: [column.add]}
    require: {backup: {within: 24h}}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def serve(tmp_path: Path, policy: Path, database: Database) -> Iterator[Callable[..., Gate]]:
    """`serve("--flag", "value")` is a running gate in front of `database`."""
    upstream = f"postgresql://127.0.0.1:{database.port}"
    running_gates = []

    def start(*arguments: str) -> Gate:
        gate = running(
            tmp_path, "--listen", "127.0.0.1:0", "--upstream", upstream, "--policy", str(policy), *arguments
        )
        running_gates.append(gate)
        return gate.__enter__()

    yield start
    for gate in running_gates:
        gate.__exit__(None, None, None)


@contextmanager
def client(gate: Gate, database: Database, port: int = 0) -> Iterator[psycopg.Connection]:
    with psycopg.connect(gate.url(database.name, port), autocommit=True, connect_timeout=30) as connection:
        yield connection


def refusal(connection: psycopg.Connection, sql: str) -> psycopg.errors.Diagnostic:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
        connection.execute(sql.encode())
    return raised.value.diag


def test_it_says_what_it_does(
    serve: Callable[..., Gate], policy: Path, database: Database, tmp_path: Path
) -> None:
    gate = serve()
    door = f"127.0.0.1:{gate.ports[0]} -> 127.0.0.1:{database.port} by production (enforce)"
    assert (gate.started["listeners"], gate.started["ledger"]) == (door, str(tmp_path / "ledger"))
    in_force = gate.says("policy in force")
    assert (in_force["file"], in_force["name"], in_force["mode"]) == (str(policy), "production", "enforce")
    assert gate.get("/readyz") == (200, "ready\n")
    assert gate.get("/healthz") == (200, "ok\n")


def test_a_refusal_is_told_logged_and_counted(serve: Callable[..., Gate], database: Database) -> None:
    database.execute("CREATE TABLE users (id int)")
    gate = serve()
    series = 'pgwarden_blocked_statements_total{mode="enforce",rule="no-drop"}'
    assert gate.metric(series) == 0
    with client(gate, database) as connection:
        diagnostics = refusal(connection, "DROP TABLE public.users")
        assert diagnostics.message_primary == "DROP TABLE on public.users would lose data. [rule no-drop]"
        assert diagnostics.message_hint == "Ask first."
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
        assert gate.metric('pgwarden_connections{state="open"}') == 1
    line = gate.refuses()
    wanted = ("event", "rule", "role", "database", "client_address", "targets", "sql")
    assert [line[name] for name in wanted] == [
        "refused", "no-drop", "postgres", database.name, "127.0.0.1", ["public.users"],
        "DROP TABLE public.users",
    ]  # fmt: skip
    assert gate.metric(series) == 1
    assert gate.metric('pgwarden_statements_total{class="destructive",decision="refused"}') == 1
    assert gate.metric("pgwarden_connections_accepted_total") == 1


def test_the_statement_log(serve: Callable[..., Gate], database: Database, tmp_path: Path) -> None:
    gate = serve("--statement-log", str(tmp_path / "all.jsonl"), "--drain-timeout-s", "0")
    with client(gate, database) as connection:
        connection.execute("SELECT 1")
        refusal(connection, "DROP TABLE users")
        connection.execute("BEGIN")
        connection.execute("CREATE ROLE nobody PASSWORD 'hunter2'")
        connection.execute("ROLLBACK")
    gate.signal(signal.SIGTERM)
    assert gate.ended() == 0
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [(line["sql"], line["transaction"]) for line in lines] == [
        ("SELECT 1", "none"),
        ("BEGIN", "none"),
        ("CREATE ROLE nobody PASSWORD '***'", "open"),
        ("ROLLBACK", "open"),
    ]
    assert {(line["role"], line["database"], line["event"]) for line in lines} == {
        ("postgres", database.name, "passed")
    }


def test_policy_diff_judges_its_statement_log_again(
    serve: Callable[..., Gate], database: Database, policy: Path, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE users (id int)")
    log, new = tmp_path / "all.jsonl", tmp_path / "new.yaml"
    gate = serve("--statement-log", str(log), "--drain-timeout-s", "0")
    with client(gate, database) as connection:
        connection.execute("SELECT 1")
        for number in (1, 2):
            connection.execute("INSERT INTO users VALUES (%s)", [number], prepare=True)
        refusal(connection, "DROP TABLE users")
        connection.execute("TRUNCATE users")
    gate.signal(signal.SIGTERM)
    assert gate.ended() == 0
    new.write_text(POLICY.replace("[table.drop]", "[table.drop, table.truncate]"))
    done = forking.run(["policy", "diff", str(policy), str(new), "--replay", str(log)], environment(tmp_path))
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["now refused, by no-drop: 1 time", "    TRUNCATE users"]
    assert lines[4:] == ["4 judged again: 1 turn, 3 stay"]


def test_a_changed_policy_holds_for_open_sessions(
    serve: Callable[..., Gate], database: Database, policy: Path
) -> None:
    database.execute("CREATE TABLE users (id int)")
    gate = serve()
    with client(gate, database) as connection:
        connection.execute("BEGIN")
        connection.execute("TRUNCATE users")
        connection.execute("ROLLBACK")
        policy.write_text(POLICY.replace("[table.drop]", "[table.drop, table.truncate]"))
        gate.says("policy loaded")
        refusal(connection, "TRUNCATE users")
        policy.write_text("nonsense: [")
        gate.says("the policy does not load; the one before stays in force")
        refusal(connection, "TRUNCATE users")
        assert gate.metric("pgwarden_policy_last_reload_successful") == 0
        assert gate.get("/readyz") == (200, "ready\n")
        policy.write_text(POLICY)
        gate.says("policy loaded")
        connection.execute("TRUNCATE users")
        assert gate.metric("pgwarden_policy_last_reload_successful") == 1
        gate.signal(signal.SIGHUP)
        gate.says("the policy is unchanged")
    assert gate.metric('pgwarden_policy_reloads_total{result="loaded"}') == 2
    assert gate.metric('pgwarden_policy_reloads_total{result="failed"}') == 1


def test_a_policy_that_only_watches_is_said_loudly(
    serve: Callable[..., Gate], database: Database, policy: Path
) -> None:
    policy.write_text(POLICY.replace("rules:", "defaults: {mode: shadow}\nrules:"))
    database.execute("CREATE TABLE users (id int)")
    gate = serve()
    warning = gate.says("THIS POLICY REFUSES NOTHING: its mode is shadow")
    assert (warning["level"], warning["name"]) == ("warning", "production")
    with client(gate, database) as connection:
        connection.execute("DROP TABLE users")
    line = gate.refuses()
    assert (line["event"], line["mode"], line["rule"]) == ("shadowed", "shadow", "no-drop")


def test_a_backup_recorded_elsewhere_lifts_the_rule(
    serve: Callable[..., Gate], database: Database, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE users (id int)")
    gate = serve("--log-level", "debug")
    finished = datetime.now(UTC) - timedelta(hours=1)
    backup = NewBackup(database.name, finished, "/b", Verification.RECORDED, "ada")
    with client(gate, database) as connection:
        refusal(connection, "ALTER TABLE users ADD x int")
        open_ledger(tmp_path / "ledger").record_backup(backup)
        gate.says("facts have changed")
        connection.execute("ALTER TABLE users ADD x int")
    assert database.execute("SELECT count(x) FROM users") == "0"


def test_a_lost_ledger_makes_facts_stale(
    serve: Callable[..., Gate], database: Database, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE users (id int)")
    backup = NewBackup(database.name, datetime.now(UTC), "/b", Verification.RECORDED, "ada")
    open_ledger(tmp_path / "ledger").record_backup(backup)
    gate = serve("--stale-after-s", "3")
    with client(gate, database) as connection:
        connection.execute("ALTER TABLE users ADD x int")
        for path in tmp_path.glob("ledger*"):
            path.rename(tmp_path / f"away-{path.name}")
        gate.says("facts are stale: what needs evidence is refused")
        assert gate.get("/readyz") == (503, "the facts from the ledger are stale\n")
        assert gate.metric("pgwarden_facts_stale") == 1
        assert "[rule stale-facts]" in str(refusal(connection, "ALTER TABLE users ADD y int").message_primary)
        connection.execute("SELECT 1")
        for path in tmp_path.glob("away-ledger*"):
            path.rename(tmp_path / path.name.removeprefix("away-"))
        gate.says("facts are fresh again")
        connection.execute("ALTER TABLE users ADD y int")
        assert gate.get("/readyz") == (200, "ready\n")


def test_a_full_disk_stops_no_refusal(serve: Callable[..., Gate], database: Database, tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    gate = serve("--refusal-log", "/dev/full", "--statement-log", str(tmp_path / "full"))
    with client(gate, database) as connection:
        refusal(connection, "DROP TABLE users")
        connection.execute("SELECT 1")
        gate.says("the refusal log cannot be written, lines are lost: No space left on device")
        refusal(connection, "DROP TABLE users")
        assert gate.get("/readyz") == (200, "ready\n")
    assert gate.metric('pgwarden_log_failures_total{log="refusals",reason="unwritten"}') >= 1


def test_draining(serve: Callable[..., Gate], database: Database) -> None:
    gate = serve("--drain-timeout-s", "30")
    with client(gate, database) as idle, client(gate, database) as busy:
        busy.execute("BEGIN")
        busy.execute("CREATE TABLE made (id int)")
        gate.signal(signal.SIGTERM)
        gate.says("draining")
        with pytest.raises(psycopg.errors.AdminShutdown):
            idle.execute("SELECT 1")
        assert gate.get("/readyz") == (503, "draining: no new connections\n")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(gate.url(database.name), connect_timeout=30)
        busy.execute("INSERT INTO made VALUES (1)")
        busy.execute("COMMIT")
        gate.says("pgwarden has stopped")
    assert gate.ended() == 0
    assert database.execute("SELECT id FROM made") == "1"


@pytest.mark.parametrize("hurry", ["time", "signal"])
def test_draining_comes_to_an_end(serve: Callable[..., Gate], database: Database, hurry: str) -> None:
    gate = serve("--drain-timeout-s", "0.2" if hurry == "time" else "600")
    with client(gate, database) as busy:
        busy.execute("BEGIN")
        gate.signal(signal.SIGINT)
        gate.says("draining")
        if hurry == "signal":
            gate.signal(signal.SIGTERM)
        assert gate.ended() == 0
        with pytest.raises(psycopg.errors.AdminShutdown):
            busy.execute("SELECT 1")


def test_a_config_file_with_two_doors(tmp_path: Path, policy: Path, database: Database) -> None:
    (tmp_path / "staging.yaml").write_text("version: 1\nname: staging\nenvironment: staging\nrules: []\n")
    (tmp_path / "gate.yaml").write_text(
        f"""\
listeners:
  - {{listen: "127.0.0.1:0", upstream: "postgresql://127.0.0.1:{database.port}", policy: policy.yaml}}
  - {{listen: "127.0.0.1:0", upstream: "postgresql://127.0.0.1:{database.port}", policy: staging.yaml}}
"""
    )
    with running(tmp_path, "--config", str(tmp_path / "gate.yaml")) as gate:
        with client(gate, database, 0) as strict, client(gate, database, 1) as free:
            free.execute("CREATE TABLE users (id int)")
            refusal(strict, "DROP TABLE users")
            free.execute("DROP TABLE users")
        names = [
            line for line in gate.get("/metrics")[1].splitlines() if line.startswith("pgwarden_policy_info{")
        ]
        assert [line.partition('name="')[2].partition('"')[0] for line in names] == ["production", "staging"]


def test_health(serve: Callable[..., Gate], capsys: pytest.CaptureFixture[str]) -> None:
    gate = serve()
    address = gate.admin.removeprefix("http://")
    assert main(["health", "--admin", address]) == 0
    assert main(["health", "--ready", "--admin", address]) == 0
    assert capsys.readouterr() == ("ok\nready\n", "")


def ends(folder: Path, *arguments: str, **variables: str) -> tuple[int, list[str]]:
    done = forking.run(command(*arguments), {**environment(folder), **variables})
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def short(policy: Path, listen: str = "127.0.0.1:0", server_port: int = 1) -> list[str]:
    upstream = f"postgresql://127.0.0.1:{server_port}"
    return ["--listen", listen, "--upstream", upstream, "--policy", str(policy)]


def test_an_address_in_use(tmp_path: Path, policy: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        expected = f"cannot listen on {address}: address already in use"
        assert ends(tmp_path, *short(policy, address)) == (3, [f"pgwarden: {expected}"])
        assert ends(tmp_path, *short(policy), "--admin", address) == (3, [f"pgwarden: admin: {expected}"])


def test_a_policy_that_does_not_load(tmp_path: Path, policy: Path) -> None:
    policy.write_text("version: 1\nnam: x\nrules: []\n")
    code, lines = ends(tmp_path, *short(policy))
    assert (code, lines[0]) == (2, f"pgwarden: the policy {policy} does not load")
    assert lines[1].startswith(f"pgwarden: {policy}:2:1: ")


def test_a_ledger_that_cannot_be_used(tmp_path: Path, policy: Path) -> None:
    (tmp_path / "ledger").write_text("garbage " * 100)
    assert ends(tmp_path, *short(policy)) == (
        3,
        [
            f"pgwarden: the ledger {tmp_path}/ledger is damaged (file is not a database); "
            "put back a copy of it"
        ],
    )


def test_a_log_that_cannot_be_opened(tmp_path: Path, policy: Path) -> None:
    log = tmp_path / "absent" / "log"
    assert ends(tmp_path, *short(policy), PGWARDEN_STATEMENT_LOG=str(log)) == (
        3,
        [f"pgwarden: the log {log} cannot be opened: No such file or directory"],
    )


def test_a_reader_of_the_log_who_stops_reading(tmp_path: Path, policy: Path, database: Database) -> None:
    """Standard output is a pipe that nobody reads: it fills, and the gate goes on."""
    flags = short(policy, server_port=database.port)
    with (
        running(tmp_path, *flags, "--log-queue", "10", read_output=False) as gate,
        client(gate, database) as connection,
    ):
        for _ in range(200):
            refusal(connection, f"DROP TABLE users -- {'x' * 1000}")
        connection.execute("SELECT 1")
        gate.says("the refusal log cannot keep up: lines are dropped")
        assert gate.metric('pgwarden_log_failures_total{log="refusals",reason="dropped"}') > 0
