"""The change log of a gate that really runs: what it says of changes is so, and is there after any end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import psycopg
import pytest

from proxy.app.changelog.shown import outcome_text
from proxy.backup.cluster import Cluster
from proxy.policy.recording import Ending
from proxy.records import open_ledger
from proxy.records.changelog import ChangeRecord, changes
from tests.clients.conftest import Serve
from tests.clients.gate import Gate, until, upstream_of
from tests.conftest import Programs
from tests.servers.database import Database
from tests.servers.postgres import memory_directory

POLICY = "{version: 1, name: open, rules: []}"


def told(folder: Path) -> list[ChangeRecord]:
    """The changes, the oldest first."""
    ledger = open_ledger(folder / "ledger", create=False)
    records = list(changes(ledger))[::-1]
    ledger.close()
    return records


def short(records: list[ChangeRecord]) -> list[tuple[object, ...]]:
    said = [(record.begun.statement, record.ending, record.ended) for record in records]
    return [(text, ending, end and end.rows, end and end.sqlstate) for text, ending, end in said]


def test_what_became_of_each_is_in_the_ledger_once_the_gate_has_stopped(
    serve: Serve, users: Database, tmp_path: Path
) -> None:
    gate = serve(POLICY, drain_timeout_s="1")
    with psycopg.connect(gate.url(users.name), autocommit=True) as session:
        session.execute("ALTER TABLE users ADD COLUMN email text")
        with suppress(psycopg.errors.UndefinedTable):
            session.execute("DROP TABLE nowhere")
        with suppress(ZeroDivisionError), session.transaction():
            session.execute("DELETE FROM users")
            raise ZeroDivisionError
        with session.transaction():
            session.execute("CREATE TABLE kept AS SELECT generate_series(1, 3)")
            with suppress(ZeroDivisionError), session.transaction():
                session.execute("DROP TABLE users")
                raise ZeroDivisionError
        with suppress(psycopg.errors.DivisionByZero), session.pipeline():
            session.execute("TRUNCATE users")
            session.execute("SELECT 1/0")
    with closing(psycopg.connect(gate.url(users.name))) as left_open:
        left_open.execute("TRUNCATE users")
        assert gate.stop() == 0
    assert short(told(tmp_path)) == [
        ("ALTER TABLE users ADD COLUMN email text", Ending.COMMITTED, None, ""),
        ("DROP TABLE nowhere", Ending.FAILED, None, "42P01"),
        ("DELETE FROM users", Ending.ROLLED_BACK, 1, ""),
        ("CREATE TABLE kept AS SELECT generate_series(1, 3)", Ending.COMMITTED, 3, ""),
        ("DROP TABLE users", Ending.ROLLED_BACK, None, ""),
        ("TRUNCATE users", Ending.ROLLED_BACK, None, ""),
        ("TRUNCATE users", Ending.ROLLED_BACK, None, ""),
    ]
    assert users.execute("SELECT count(*), count(email) FROM users") == "1|0"


@pytest.fixture(scope="module")
def two_phases(programs: Programs) -> Iterator[Cluster]:
    """A server that keeps prepared transactions."""
    settings = {"max_prepared_transactions": "5"}
    with Cluster(programs(), memory_directory(), settings=settings) as cluster:
        yield cluster


def test_a_prepared_transaction_is_followed_to_its_end(
    serve: Serve, two_phases: Cluster, tmp_path: Path
) -> None:
    """Whoever ends it: here another session, after the one that prepared it has gone."""
    gate = serve(POLICY, upstream_of(two_phases))
    for name in ("kept", "thrown", "waits"):
        with psycopg.connect(gate.url("postgres"), autocommit=True) as session:
            session.execute("BEGIN")
            session.execute(f"CREATE TABLE {name} ()")
            session.execute(f"PREPARE TRANSACTION 'it''s {name}'")
    with psycopg.connect(gate.url("postgres"), autocommit=True) as session:
        with suppress(psycopg.errors.UndefinedObject):
            session.execute("COMMIT PREPARED 'nowhere'")
        session.execute("COMMIT PREPARED 'it''s kept'")
        session.execute("ROLLBACK PREPARED 'it''s thrown'")
    assert gate.stop() == 0
    records = told(tmp_path)
    assert [(record.begun.statement, record.ending) for record in records] == [
        ("CREATE TABLE kept ()", Ending.COMMITTED),
        ("CREATE TABLE thrown ()", Ending.ROLLED_BACK),
        ("CREATE TABLE waits ()", Ending.PREPARED),
        ("COMMIT PREPARED 'nowhere'", Ending.FAILED),
        ("COMMIT PREPARED 'it''s kept'", Ending.COMMITTED),
        ("ROLLBACK PREPARED 'it''s thrown'", Ending.COMMITTED),
    ]
    kept, thrown, waits = map(outcome_text, records[:3])
    assert kept.startswith(
        f'committed with the prepared transaction "it\'s kept", by change {records[4].number} (CREATE TABLE;'
    )
    assert thrown.startswith('rolled back with the prepared transaction "it\'s thrown", by change ')
    assert waits.startswith('prepared: COMMIT PREPARED or ROLLBACK PREPARED of "it\'s waits" decides; no end')
    assert two_phases.execute("SELECT to_regclass('kept') IS NULL, to_regclass('thrown') IS NULL") == "f|t"
    two_phases.execute("ROLLBACK PREPARED 'it''s waits'")


def test_the_end_of_a_prepared_transaction_that_the_server_refuses_has_failed(
    serve: Serve, two_phases: Cluster, new_database: Callable[[Cluster], Database], tmp_path: Path
) -> None:
    """What was prepared stays so, and stands so in the change log."""
    gate = serve(POLICY, upstream_of(two_phases))
    other = new_database(two_phases)
    with psycopg.connect(gate.url("postgres"), autocommit=True) as session:
        session.execute("BEGIN")
        session.execute("CREATE TABLE stays ()")
        session.execute("PREPARE TRANSACTION 'stays'")
        for before in ("", "BEGIN", "BEGIN; SELECT 1/0"):
            with suppress(psycopg.errors.DivisionByZero):
                session.execute(before)
            with suppress(psycopg.Error):
                session.execute("COMMIT PREPARED 'stays'" if before else "ROLLBACK PREPARED 'nowhere'")
            session.execute("ROLLBACK")
    with psycopg.connect(gate.url(other.name), autocommit=True) as session, suppress(psycopg.Error):
        session.execute("COMMIT PREPARED 'stays'")
    assert gate.stop() == 0
    assert short(told(tmp_path)) == [
        ("CREATE TABLE stays ()", Ending.PREPARED, None, ""),
        ("ROLLBACK PREPARED 'nowhere'", Ending.FAILED, None, "42704"),
        ("COMMIT PREPARED 'stays'", Ending.FAILED, None, "25001"),
        ("COMMIT PREPARED 'stays'", Ending.FAILED, None, "25P02"),
        ("COMMIT PREPARED 'stays'", Ending.FAILED, None, "0A000"),
    ]
    two_phases.execute("ROLLBACK PREPARED 'stays'")


def change_until_the_gate_dies(gate: Gate, users: Database, done: list[str]) -> None:
    with suppress(psycopg.Error), psycopg.connect(gate.url(users.name), autocommit=True) as session:
        for number in range(10_000):
            name = f"made_{threading.get_ident()}_{number}"
            with suppress(ZeroDivisionError), session.transaction():
                session.execute(f"CREATE TABLE {name} (a int)")
                if number % 2:
                    raise ZeroDivisionError
            done.append(name)


def test_a_killed_gate_has_told_no_lie(serve: Serve, users: Database, tmp_path: Path) -> None:
    """What is committed is there, what is undone is not, and of the rest nothing is said."""
    gate = serve(POLICY)
    done: list[str] = []
    clients = [
        threading.Thread(target=change_until_the_gate_dies, args=(gate, users, done), daemon=True)
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    until(lambda: len(done) > 40, "forty transactions")
    worker = gate.workers[0]
    gate.signal(signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    for client in clients:
        client.join(60)
    there = set(users.execute("SELECT relname FROM pg_class WHERE relname LIKE 'made%'").split())
    by_outcome: dict[Ending | None, set[str]] = {}
    for record in told(tmp_path):
        by_outcome.setdefault(record.ending, set()).add(str(record.begun.statement).split()[2])
    assert by_outcome[Ending.COMMITTED] <= there
    assert not by_outcome[Ending.ROLLED_BACK] & there
    assert set(by_outcome) <= {Ending.COMMITTED, Ending.ROLLED_BACK, Ending.UNKNOWN, None}
    assert len(by_outcome[Ending.COMMITTED]) > 10


def change_again_and_again(gate: Gate, users: Database, done: list[str], over: threading.Event) -> None:
    """Tables, each with a name of its own, over whatever sessions die."""
    number = 0
    while not over.is_set():
        with suppress(psycopg.Error), psycopg.connect(gate.url(users.name), autocommit=True) as session:
            while not over.is_set():
                number += 1
                name = f"made_{threading.get_ident()}_{number}"
                session.execute(f"CREATE TABLE {name} (a int)")
                done.append(name)


def kill_one(gate: Gate, random: Random, done: list[str]) -> None:
    """Kill a worker after some changes, and wait for its successor."""
    enough = len(done) + random.randint(1, 12)
    until(lambda: len(done) >= enough, "more changes")
    worker = random.choice(sorted(gate.workers.values()))
    os.kill(worker, signal.SIGKILL)
    until(lambda: worker not in gate.workers.values(), "the worker's successor")


def test_workers_killed_at_any_moment_lose_no_record(serve: Serve, users: Database, tmp_path: Path) -> None:
    """Each is killed under load, some changes on; what the server has done was recorded before, and holds."""
    gate = serve(POLICY, workers="2")
    random, done, over = Random(6), list[str](), threading.Event()
    clients = [
        threading.Thread(target=change_again_and_again, args=(gate, users, done, over), daemon=True)
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    for _ in range(6):
        kill_one(gate, random, done)
    over.set()
    for client in clients:
        client.join(60)
    assert gate.stop() == 0
    there = set(users.execute("SELECT relname FROM pg_class WHERE relname LIKE 'made%'").split())
    records = {str(record.begun.statement).split()[2]: record.ending for record in told(tmp_path)}
    assert set(done) <= there <= set(records)
    assert {name for name, ending in records.items() if ending is Ending.COMMITTED} <= there
    assert not {name for name, ending in records.items() if ending is Ending.FAILED} & there
    ledger = open_ledger(tmp_path / "ledger", create=False)
    assert ledger.verify().findings == []
    ledger.close()
