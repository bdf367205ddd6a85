"""Freezes, and changes recorded first, at gates that really run: one on a file, two on one database."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.records import open_ledger
from proxy.records.heads import heads_in
from tests.clients.conftest import Serve
from tests.clients.gate import Gate, environment, serving, until, upstream_of
from tests.records.places import address_of
from tests.servers import forking
from tests.servers.database import Database

POLICY = "{version: 1, name: open, rules: []}"
WRITES = "INSERT INTO users VALUES (2, 'grace')"


def pgwarden(folder: Path, *arguments: str) -> str:
    """Run a command on the ledger of the gates in this folder; what it prints."""
    done = forking.run(arguments, environment(folder), folder)
    done.check_returncode()
    return done.stdout


def refusal(connection: psycopg.Connection, sql: str) -> tuple[str, str] | None:
    """The message and the detail with which it is refused; None when it passes."""
    try:
        connection.execute(sql.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        return str(error.diag.message_primary), str(error.diag.message_detail)
    return None


def soon(connection: psycopg.Connection, refused: bool) -> None:
    """Try to write until it is refused, or passes again."""
    until(lambda: (refusal(connection, "UPDATE users SET id = 1 WHERE id = 1") is not None) is refused, "it")


@pytest.fixture
def connect() -> Iterator[Callable[[str], psycopg.Connection]]:
    """`connect(url)` is a connection that is closed when the test ends."""
    made: list[psycopg.Connection] = []

    def connect(url: str) -> psycopg.Connection:
        made.append(psycopg.connect(url, autocommit=True))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def test_a_freeze_refuses_writes_soon_and_survives_a_restart(
    serve: Serve,
    server: Cluster,
    users: Database,
    tmp_path: Path,
    connect: Callable[[str], psycopg.Connection],
) -> None:
    gate = serve(POLICY)
    session = connect(gate.url(users.name))
    session.execute("UPDATE users SET id = 1 WHERE id = 1", prepare=True)
    line = pgwarden(tmp_path, "freeze", "--reason", "incident 12")
    soon(session, refused=True)
    by = line.partition(" by ")[2].partition(":")[0]
    assert refusal(session, WRITES) == (
        "Writes are frozen, and INSERT on users is one. [rule freeze]",
        f"Writes are frozen by {by}: incident 12.",
    )
    assert session.execute("SELECT name FROM users").fetchall() == [("ada",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("UPDATE users SET id = 1 WHERE id = 1", prepare=True)
    assert gate.metrics("pgwarden_frozen") == {"pgwarden_frozen": 1.0}
    assert gate.says("writes are frozen")["reason"] == "incident 12"
    assert gate.stop() == 0
    again = serve(POLICY)
    other = connect(again.url(users.name))
    assert refusal(other, WRITES) is not None
    pgwarden(tmp_path, "thaw")
    soon(other, refused=False)
    assert refusal(other, WRITES) is None


def test_two_gates_on_one_database_freeze_together(
    server: Cluster,
    users: Database,
    new_database: Callable[[Cluster], Database],
    tmp_path: Path,
    connect: Callable[[str], psycopg.Connection],
) -> None:
    evidence = new_database(server)
    ledger = str(address_of(evidence))
    (tmp_path / "policy.yaml").write_text(POLICY)
    key = str(tmp_path / "ledger.key")
    with (
        serving(
            tmp_path, tmp_path / "policy.yaml", upstream_of(server), ledger=ledger, ledger_key=key
        ) as one,
        serving(
            tmp_path, tmp_path / "policy.yaml", upstream_of(server), ledger=ledger, ledger_key=key
        ) as two,
    ):
        sessions = [connect(gate.url(users.name)) for gate in (one, two)]
        for number, session in enumerate(sessions):
            assert refusal(session, f"CREATE TABLE made_{number} (a int)") is None
        book = open_ledger(address_of(evidence))
        book.freeze("ada", database=users.name)
        for session in sessions:
            soon(session, refused=True)
        book.thaw("bob")
        for session in sessions:
            soon(session, refused=False)
        kinds = [entry.kind for entry in book.entries(but=("change_ended",))]
        assert kinds == ["change", "change", "freeze", "thaw"]
        assert book.verify().findings == []
        book.close()


def test_a_ledger_that_is_gone_lets_reads_pass_alone_until_it_is_back(
    serve: Serve, users: Database, tmp_path: Path, connect: Callable[[str], psycopg.Connection]
) -> None:
    gate = serve(POLICY, stale_after_s="3", stale_writes_after_s="6")
    session = connect(gate.url(users.name))
    assert refusal(session, WRITES) is None
    (tmp_path / "ledger").rename(tmp_path / "elsewhere")
    gate.says("facts are stale: what needs evidence is refused")
    gate.says("facts are overdue: writes are refused")
    assert refusal(session, "DELETE FROM users WHERE id = 2") == (
        "DELETE on users was not run: the ledger is out of reach, and writes may have been frozen meanwhile. "
        "[rule ledger]",
        "Rows are removed: users (low risk).",
    )
    assert session.execute("SELECT count(*) FROM users").fetchall() == [(2,)]
    (tmp_path / "elsewhere").rename(tmp_path / "ledger")
    gate.says("facts are fresh again")
    assert refusal(session, "DELETE FROM users WHERE id = 2") is None


def test_a_change_waits_for_a_ledger_that_is_locked_and_is_refused_in_time(
    serve: Serve, users: Database, tmp_path: Path, connect: Callable[[str], psycopg.Connection]
) -> None:
    gate = serve(POLICY, record_timeout_s="0.3")
    session = connect(gate.url(users.name))
    holder = sqlite3.connect(tmp_path / "ledger", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    message, detail = refusal(session, "DROP TABLE users") or ("", "")
    assert message == "This change was not run, since the ledger could not record it first. [rule ledger]"
    assert detail in (
        "The ledger did not take it within 0.3 s.",
        f"The ledger {tmp_path / 'ledger'} stayed locked by another process for 0.3 s.",
    )
    assert refusal(session, WRITES) is None  # what is no change waits for nothing
    holder.execute("ROLLBACK")
    holder.close()
    assert refusal(session, "ALTER TABLE users ADD COLUMN email text") is None
    assert gate.refused("DROP TABLE users")["rule"] == "ledger"


def run_until_the_gate_dies(gate: Gate, database: Database, done: list[str]) -> None:
    """Make tables through the gate; those that the client heard of."""
    with psycopg.connect(gate.url(database.name), autocommit=True) as session:
        for number in range(100_000):
            sql = f"CREATE TABLE made_{threading.get_ident()}_{number} (a int)"
            try:
                session.execute(sql.encode())
            except psycopg.OperationalError:
                return
            done.append(sql)


def test_whatever_the_server_has_done_is_in_the_ledger_of_a_gate_that_was_killed(
    serve: Serve, users: Database, tmp_path: Path
) -> None:
    gate = serve(POLICY)
    done: list[str] = []
    clients = [
        threading.Thread(target=run_until_the_gate_dies, args=(gate, users, done), daemon=True)
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    until(lambda: len(done) > 20, "twenty tables")
    gate.signal(signal.SIGKILL)
    for client in clients:
        client.join(60)
    made = users.execute("SELECT relname FROM pg_class WHERE relname LIKE 'made%'").split()
    ledger = open_ledger(tmp_path / "ledger", create=False)
    recorded = {json.loads(entry.payload)["statement"] for entry in ledger.entries(kinds=("change",))}
    assert set(done) <= recorded
    assert {f"CREATE TABLE {name} (a int)" for name in made} <= recorded
    assert ledger.verify().findings == []
    ledger.close()


def test_heads_are_published_and_checked(
    serve: Serve, users: Database, tmp_path: Path, connect: Callable[[str], psycopg.Connection]
) -> None:
    gate = serve(POLICY, ledger_head_rows="4", ledger_heads=str(tmp_path / "heads"))
    session = connect(gate.url(users.name))
    for column in "ab":
        assert refusal(session, f"ALTER TABLE users ADD COLUMN {column} text") is None
    said = gate.says("ledger head")
    told = {"pgwarden_ledger_head": 4.0, "pgwarden_ledger_intact": 1.0}
    until(lambda: gate.metrics(*told) == told, "that the metric follows")
    (head,) = heads_in((tmp_path / "heads").read_text().splitlines())
    assert said["signature"] == head.signature
    ledger = open_ledger(tmp_path / "ledger")
    assert (list(heads_in(gate.log.text.splitlines())), ledger.verify([head]).findings) == ([head], [])
    ledger.close()
    assert refusal(session, "ALTER TABLE users ADD COLUMN c text") is None
    assert gate.stop() == 0
    assert [head.sequence for head in heads_in((tmp_path / "heads").read_text().splitlines())] == [4, 6]
