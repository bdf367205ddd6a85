"""The ledger when things go wrong: lost, locked, damaged, foreign, written by many, killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.policy.facts import Verification
from proxy.records import LedgerError, NewBackup, open_ledger

BACKUP = NewBackup("shop", datetime(2026, 11, 1, tzinfo=UTC), "/backups/x", Verification.RECORDED, "ada")

WRITER = """
import sys
from datetime import UTC, datetime
from proxy.policy.facts import Verification
from proxy.records import NewBackup, open_ledger
ledger = open_ledger(sys.argv[1], wait_s=60)
for number in range(int(sys.argv[2])):
    where = f"{sys.argv[3]}/{number}"
    backup = NewBackup("shop", datetime(2026, 11, 1, tzinfo=UTC), where, Verification.RECORDED, "w")
    print(ledger.record_backup(backup).sequence, flush=True)
"""


def writer(path: Path, count: int, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(count), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def failure(path: Path, *, create: bool = True, wait_s: float = 0.05) -> str:
    with pytest.raises(LedgerError) as raised:
        open_ledger(path, create=create, wait_s=wait_s)
    return str(raised.value)


def test_processes_write_one_sequence_without_gaps(tmp_path: Path) -> None:
    writers = [writer(tmp_path / "l", 20, f"/w{number}") for number in range(4)]
    printed = [int(line) for process in writers for line in process.communicate()[0].split()]
    assert sorted(printed) == list(range(1, 81))
    rows = open_ledger(tmp_path / "l").backups()
    assert [row.sequence for row in rows] == list(range(1, 81))
    assert {row.location for row in rows} == {f"/w{w}/{number}" for w in range(4) for number in range(20)}


def test_what_was_promised_survives_kill_9(tmp_path: Path) -> None:
    process = writer(tmp_path / "l", 1_000_000, "/w")
    assert process.stdout is not None
    promised = [int(process.stdout.readline()) for _ in range(15)]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].splitlines(keepends=True)
    promised += [int(line) for line in rest if line.endswith("\n")]
    kept = [row.sequence for row in open_ledger(tmp_path / "l").backups()]
    assert promised == list(range(1, len(promised) + 1))
    assert kept[: len(promised)] == promised
    assert len(kept) <= len(promised) + 1  # at most the one that was made but not yet told


def test_no_ledger(tmp_path: Path) -> None:
    assert failure(tmp_path / "none", create=False) == f"there is no ledger at {tmp_path / 'none'}"


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


def test_a_newer_ledger(tmp_path: Path) -> None:
    open_ledger(tmp_path / "l").close()
    connection = sqlite3.connect(tmp_path / "l")
    connection.execute("INSERT INTO migration VALUES (99, 'tomorrow', '2027-01-01')")
    connection.commit()
    connection.close()
    message = f"the ledger {tmp_path / 'l'} was written by a newer pgwarden (schema 99); upgrade"
    assert failure(tmp_path / "l") == message


def test_an_unreadable_entry(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l")
    connection = sqlite3.connect(tmp_path / "l")
    connection.execute("INSERT INTO entry VALUES (1, 'backup', '', '', '{}')")
    row = "1, 'shop', 'yesterday', '/x', 'recorded', NULL, '', '', ''"
    connection.execute(f"INSERT INTO backup VALUES ({row})")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError) as raised:
        ledger.backups()
    assert str(raised.value) == f"the ledger {tmp_path / 'l'} is damaged: entry 1 cannot be read"


def test_locked(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l", wait_s=0.05)
    holder = sqlite3.connect(tmp_path / "l", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError) as raised:
        ledger.record_backup(BACKUP)
    assert str(raised.value) == f"the ledger {tmp_path / 'l'} stayed locked by another process for 0.05 s"
    assert ledger.backups() == ()  # readers do not wait for writers
    holder.execute("ROLLBACK")
    holder.close()
    assert ledger.record_backup(BACKUP).sequence == 1


def test_lost_and_put_back(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l")
    ledger.record_backup(BACKUP)
    before = ledger.epoch()
    copy = sqlite3.connect(tmp_path / "copy")
    source = sqlite3.connect(tmp_path / "l")
    source.backup(copy)
    source.close()
    copy.close()
    for name in ("l", "l-wal", "l-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(LedgerError) as raised:
        ledger.epoch()
    message = f"the ledger {tmp_path / 'l'} is gone; put it back, a new one would know of no backup"
    assert str(raised.value) == message
    assert not (tmp_path / "l").exists()
    (tmp_path / "copy").rename(tmp_path / "l")
    assert [row.sequence for row in ledger.backups()] == [1]
    assert ledger.epoch() != before


def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "l"
    assert failure(path) == f"the ledger {path} cannot be used: File exists"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_ledger(tmp_path: Path) -> None:
    open_ledger(tmp_path / "l").close()
    (tmp_path / "l").chmod(0o444)
    with pytest.raises(LedgerError) as raised:
        open_ledger(tmp_path / "l").record_backup(BACKUP)
    message = f"the ledger {tmp_path / 'l'} cannot be written: it, or its folder, is read-only here"
    assert str(raised.value) == message
