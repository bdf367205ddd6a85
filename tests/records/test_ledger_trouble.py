"""The ledger when things go wrong: lost, locked, damaged, foreign, full, written by many, killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from proxy.backup.cluster import free_port
from proxy.policy.facts import Verification
from proxy.records import Ledger, LedgerError, NewBackup, PostgresAddress, open_ledger
from proxy.records.kinds.freeze import Frozen
from proxy.records.postgres import LOCK_CLASS
from proxy.records.sqlite import SqliteStore
from tests.records.places import Open, Place, address_of
from tests.servers.database import Database

BACKUP = NewBackup("shop", datetime(2026, 11, 1, tzinfo=UTC), "/backups/x", Verification.RECORDED, "ada")

WRITER = """
import sys
from proxy.records import PostgresAddress, open_ledger
from proxy.records.kinds.freeze import Frozen
place = sys.argv[1] if len(sys.argv[1:]) == 3 else PostgresAddress("127.0.0.1", int(sys.argv[4]), "postgres", sys.argv[1])
ledger = open_ledger(place, wait_s=60)
for number in range(int(sys.argv[2])):
    print(ledger.record(Frozen(reason=f"{sys.argv[3]}/{number}"), "w").sequence, flush=True)
"""  # noqa: E501


def writer(place: Place, count: int, name: str) -> subprocess.Popen[str]:
    where, more = (
        (place.database, [str(place.port)]) if isinstance(place, PostgresAddress) else (str(place), [])
    )
    command = [sys.executable, "-c", WRITER, where, str(count), name, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def failure(place: Place, *, create: bool = True, wait_s: float = 0.05) -> str:
    with pytest.raises(LedgerError) as raised:
        open_ledger(place, create=create, wait_s=wait_s)
    return str(raised.value)


def said(ledger: Ledger) -> str:
    """Why it takes nothing."""
    with pytest.raises(LedgerError) as raised:
        ledger.freeze("ada")
    return str(raised.value)


# -- many, and killed --------------------------------------------------------------------------------------


def test_processes_write_one_chain_without_gaps(place: Place, opened: Open) -> None:
    writers = [writer(place, 20, f"w{number}") for number in range(4)]
    printed = [int(line) for process in writers for line in process.communicate()[0].split()]
    assert sorted(printed) == list(range(1, 81))
    ledger = opened(create=False)
    reasons = {freeze.reason for freeze in ledger.freezes()}
    assert reasons == {f"w{w}/{number}" for w in range(4) for number in range(20)}
    chain = ledger.verify()
    assert (chain.findings, chain.sequence) == ([], 80)


def test_threads_on_connections_of_their_own_write_one_chain(opened: Open) -> None:
    ledgers = [opened() for _ in range(4)]

    def write(ledger: Ledger) -> None:
        for _ in range(10):
            ledger.append([ledger.draft(Frozen(), "w")] * 3)

    threads = [threading.Thread(target=write, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chain = ledgers[0].verify()
    assert (chain.findings, chain.sequence) == ([], 120)


def test_several_may_make_it_at_once(database: Database) -> None:
    """All have looked, found nothing, and wait for the same lock when the first of them makes it."""
    place = address_of(database)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 0"
    with (
        ThreadPoolExecutor(3) as pool,
        psycopg.connect(host=place.host, port=place.port, user=place.user, dbname=place.database) as holder,
    ):
        holder.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK_CLASS])
        opening = [pool.submit(open_ledger, place) for _ in range(3)]
        while database.execute(waiting) != "3":
            assert not any(each.done() for each in opening)
        holder.rollback()
        ledgers = [each.result() for each in opening]
    assert [ledger.freeze("ada").sequence for ledger in ledgers] == [1, 2, 3]
    for ledger in ledgers:
        ledger.close()


TURN = """
import sys
from proxy.records import PostgresAddress, open_ledger
place = sys.argv[1] if len(sys.argv) == 2 else PostgresAddress("127.0.0.1", int(sys.argv[2]), "postgres", sys.argv[1])
with open_ledger(place).exclusive("a backup") as is_mine:
    print(is_mine(), flush=True)
    sys.stdin.read()
"""  # noqa: E501


def test_one_at_a_time_has_a_turn_and_the_dead_have_none(place: Place, opened: Open) -> None:
    ledger = opened()
    at = [place.database, str(place.port)] if isinstance(place, PostgresAddress) else [str(place)]
    command = [sys.executable, "-c", TURN, *at]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with ledger.exclusive("a backup") as is_mine, ledger.exclusive("another backup") as is_free:
            assert (is_mine(), is_free()) == (False, True)
            other.kill()
            other.wait()
            deadline = monotonic() + 20
            while not is_mine() and monotonic() < deadline:
                pass
            with opened().exclusive("a backup") as is_theirs:
                assert (is_mine(), is_theirs()) == (True, False)


@pytest.mark.parametrize("lines", [1, 7, 40])
def test_what_was_promised_survives_kill_9(place: Place, opened: Open, lines: int) -> None:
    process = writer(place, 1_000_000, "w")
    assert process.stdout is not None
    promised = [int(process.stdout.readline()) for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].splitlines(keepends=True)
    promised += [int(line) for line in rest if line.endswith("\n")]
    assert promised == list(range(1, len(promised) + 1))
    ledger = opened(create=False)
    chain = ledger.verify()
    # At most one was made and not yet told.
    assert (chain.findings, chain.sequence - len(promised) in (0, 1)) == ([], True)
    assert ledger.freeze("ada").sequence == chain.sequence + 1


# -- what is not a ledger of ours --------------------------------------------------------------------------


def test_no_ledger(place: Place) -> None:
    assert failure(place, create=False, wait_s=5) == f"there is no ledger at {place}"


def test_garbage(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b"not a database at all, just some bytes" * 40)
    message = f"the ledger {tmp_path / 'l'} is damaged (file is not a database); put back a copy of it"
    assert failure(tmp_path / "l") == message
    assert (tmp_path / "l").read_bytes().startswith(b"not a database")


def test_a_damaged_page(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l")
    for number in range(200):
        ledger.record_backup(replace(BACKUP, location=f"/b/{number}" + "x" * 500))
    ledger.close()
    content = bytearray((tmp_path / "l").read_bytes())
    for page in range(8, 20):
        content[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    (tmp_path / "l").write_bytes(content)
    assert failure(tmp_path / "l").startswith(f"the ledger {tmp_path / 'l'} is damaged (")


def test_another_programs_database(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "l")
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    message = f"{tmp_path / 'l'} is a database of some other program, not a pgwarden ledger"
    assert failure(tmp_path / "l") == message


def test_another_programs_schema(database: Database) -> None:
    database.execute("CREATE SCHEMA pgwarden; CREATE TABLE pgwarden.entry (x int)")
    place = address_of(database)
    assert failure(place, wait_s=5) == f'the ledger {place} cannot be used: relation "entry" already exists'


def test_a_newer_ledger(place: Place, opened: Open) -> None:
    opened().close()
    execute(place, "INSERT INTO migration VALUES (99, 'tomorrow', '2027-01-01')")
    message = f"the ledger {place} was written by a newer pgwarden (schema 99); upgrade"
    assert failure(place, wait_s=5) == message


def execute(place: Place, statement: str) -> None:
    """Run a statement in the ledger's own tables, as whoever owns them."""
    if isinstance(place, PostgresAddress):
        url = (
            f"postgresql://postgres@127.0.0.1:{place.port}/{place.database}?options=-csearch_path%3Dpgwarden"
        )
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(statement.encode())
        return
    connection = sqlite3.connect(place, isolation_level=None)
    try:
        connection.execute(statement)
    finally:
        connection.close()


ROW = "(sequence, kind, about, recorded_at, recorded_by, payload, hash)"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry",
        "UPDATE entry SET recorded_by = 'eve'",
        f"INSERT INTO entry {ROW} VALUES (1, '', '', '', '', '', '')",
        f"INSERT INTO entry {ROW} VALUES (3, '', '', '', '', '', '')",
        f"INSERT OR REPLACE INTO entry {ROW} VALUES (1, '', '', '', '', '', '')",
        "TRUNCATE entry",
    ],
)
def test_rows_cannot_be_changed(place: Place, opened: Open, statement: str) -> None:
    ledger = opened()
    ledger.freeze("ada")
    postgres = isinstance(place, PostgresAddress)
    if statement.startswith(("INSERT OR", "TRUNCATE")) and postgres is (statement != "TRUNCATE entry"):
        return  # the other kind's own words
    with pytest.raises(
        (sqlite3.IntegrityError, psycopg.errors.RaiseException), match="the ledger is append-"
    ):
        execute(place, statement)
    assert (ledger.last().sequence, ledger.verify().findings) == (1, [])


# -- locked, full, read-only -------------------------------------------------------------------------------


@contextmanager
def holding(place: Place) -> Iterator[None]:
    """Another process is in the middle of a write."""
    if isinstance(place, PostgresAddress):
        url = f"postgresql://postgres@127.0.0.1:{place.port}/{place.database}"
        with psycopg.connect(url) as other:
            other.execute("SELECT pg_advisory_xact_lock(1885828964, 'pgwarden.entry'::regclass::oid::int)")
            yield
        return
    holder = sqlite3.connect(place, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield
    holder.execute("ROLLBACK")
    holder.close()


def test_locked(place: Place, opened: Open) -> None:
    ledger = opened(wait_s=0.2)
    with holding(place):
        assert said(ledger) == f"the ledger {place} stayed locked by another process for 0.2 s"
        assert ledger.backups() == ()  # readers do not wait for writers
    assert ledger.freeze("ada").sequence == 1


def test_a_full_disk(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "l", create=True, wait_s=1)
    ledger = Ledger(store)
    ledger.freeze("ada")
    store._connection.execute("PRAGMA max_page_count = 1")  # no less than it has
    draft = ledger.draft(Frozen(reason="x" * 500), "ada")
    with pytest.raises(LedgerError) as raised:
        ledger.append([draft] * 100)
    assert str(raised.value) == f"the ledger {tmp_path / 'l'} cannot grow: the disk is full"
    assert ledger.last().sequence == 1
    store._connection.execute("PRAGMA max_page_count = 4294967294")
    assert len(ledger.append([draft] * 100)) == 100
    assert ledger.verify().findings == []
    ledger.close()


def test_a_standby(database: Database) -> None:
    place = address_of(database)
    ledger = open_ledger(place)
    ledger.freeze("ada")
    ledger.close()
    database.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    ledger = open_ledger(place)
    assert len(ledger.freezes()) == 1
    assert said(ledger) == (
        f"the ledger {place} cannot be written: the database is read-only, a standby perhaps"
    )
    ledger.close()


def test_a_role_that_may_only_add(database: Database) -> None:
    open_ledger(address_of(database)).close()
    role = f"gate_{database.name}"
    database.execute(
        f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA pgwarden TO {role}; "
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA pgwarden TO {role}"
    )
    place = replace(address_of(database), user=role)
    ledger = open_ledger(place)
    assert ledger.freeze("ada").sequence == 1
    with (
        psycopg.connect(f"postgresql://{role}@127.0.0.1:{place.port}/{place.database}") as other,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        other.execute("ALTER TABLE pgwarden.entry DISABLE TRIGGER ALL")
    ledger.close()
    database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_role_that_may_not(database: Database) -> None:
    role = f"stranger_{database.name}"
    database.execute(f"CREATE ROLE {role} LOGIN")
    place = replace(address_of(database), user=role)
    assert failure(place, wait_s=5) == (
        f"the ledger {place} cannot be used: permission denied for database {database.name}"
    )
    database.execute(f"DROP ROLE {role}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_ledger(tmp_path: Path) -> None:
    open_ledger(tmp_path / "l").close()
    (tmp_path / "l").chmod(0o444)
    message = f"the ledger {tmp_path / 'l'} cannot be written: it, or its folder, is read-only here"
    assert said(open_ledger(tmp_path / "l")) == message


def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "l"
    assert failure(path) == f"the ledger {path} cannot be used: File exists"


# -- lost and found ----------------------------------------------------------------------------------------


def test_lost_and_put_back(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l")
    ledger.freeze("ada")
    before = ledger.epoch()
    copy = sqlite3.connect(tmp_path / "copy")
    source = sqlite3.connect(tmp_path / "l")
    source.backup(copy)
    source.close()
    copy.close()
    ledger.freeze("bob")
    assert [freeze.reason for freeze in ledger.freezes()] == ["", ""]
    for name in ("l", "l-wal", "l-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(LedgerError) as raised:
        ledger.epoch()
    message = f"the ledger {tmp_path / 'l'} is gone; put it back, a new one would know of nothing"
    assert str(raised.value) == message
    assert not (tmp_path / "l").exists()
    (tmp_path / "copy").rename(tmp_path / "l")
    assert [freeze.sequence for freeze in ledger.freezes()] == [1]
    assert ledger.epoch() != before
    ledger.close()


def test_entries_that_somebody_took_back_are_forgotten(database: Database) -> None:
    ledger = open_ledger(address_of(database))
    ledger.freeze("ada")
    ledger.freeze("bob")
    assert len(ledger.freezes()) == 2
    database.execute(
        "ALTER TABLE pgwarden.entry DISABLE TRIGGER ALL; DELETE FROM pgwarden.entry WHERE sequence = 2"
    )
    assert [freeze.sequence for freeze in ledger.freezes()] == [1]
    database.execute("DROP SCHEMA pgwarden CASCADE")
    assert said(ledger).startswith(f"the ledger {address_of(database)} ")
    ledger.close()


def test_a_server_that_is_not_there() -> None:
    place = PostgresAddress("127.0.0.1", free_port(), "ada", "ledger", "hunter2")
    assert failure(place, wait_s=1).startswith(
        f"the ledger postgresql://ada@127.0.0.1:{place.port}/ledger cannot be reached: "
    )
    assert "hunter2" not in repr(place)


def test_a_server_that_comes_back(database: Database) -> None:
    ledger = open_ledger(address_of(database))
    ledger.freeze("ada")
    ledger.wait(0)
    database.cluster.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'"
    )
    with suppress(LedgerError):  # where it has not heard of it yet
        ledger.last()
    assert ledger.freeze("ada").sequence == 2
    ledger.wait(0)
    assert ledger.verify().findings == []
    ledger.close()


def test_no_database(database: Database) -> None:
    place = replace(address_of(database), database="absent", password="hunter2")
    message = f"the ledger {place} cannot be used: there is no such database; create it first"
    assert failure(place, wait_s=5) == message
