"""A ledger that an older pgwarden has written is brought up to date when it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from proxy.policy.facts import Verification
from proxy.records import LedgerError, open_ledger
from proxy.records.migrations import MIGRATIONS, NEWEST
from proxy.records.sqlite import APPLICATION_ID

ROWS = [
    (number, "backup", "2026-11-22T12:00:00.000000+00:00", "ada", payload)
    for number, payload in enumerate(
        (
            '{"database":"shop","finished":"2026-11-22T09:30:00.000000+00:00","location":"/b/1","notes":"naïve",'
            '"size_bytes":1024,"verified":"full_read"}',
            '{"database":"blog","finished":"2026-11-22T09:30:00.000000+00:00","location":"/b/2","notes":"",'
            '"size_bytes":null,"verified":"recorded"}',
        ),
        1,
    )
]


def first_schema(path: Path) -> None:
    """A ledger as the first schema had it, with two entries."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT, applied_at TEXT)")
    for step in MIGRATIONS[0].sqlite:
        assert isinstance(step, str)
        connection.execute(step)
    connection.execute("INSERT INTO migration VALUES (1, 'entries and backups', '')")
    connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", ROWS)
    connection.execute(
        "INSERT INTO backup SELECT sequence, payload ->> 'database', payload ->> 'finished', "
        "payload ->> 'location', payload ->> 'verified', payload ->> 'size_bytes', payload ->> 'notes', "
        "recorded_at, recorded_by FROM entry"
    )
    connection.commit()
    connection.close()


def test_an_old_ledger_becomes_a_chain_that_says_the_same(tmp_path: Path) -> None:
    first_schema(tmp_path / "l")
    ledger = open_ledger(tmp_path / "l", create=False)
    entries = list(ledger.entries())
    assert [(e.sequence, e.kind, e.recorded_at, e.recorded_by, e.payload) for e in entries] == ROWS
    assert [(row.database, row.location, row.verified, row.size_bytes) for row in ledger.backups()] == [
        ("shop", "/b/1", Verification.FULL_READ, 1024),
        ("blog", "/b/2", Verification.RECORDED, None),
    ]
    ledger.freeze("ada")
    chain = ledger.verify()
    assert (chain.findings, chain.sequence) == ([], 3)
    ledger.close()
    again = open_ledger(tmp_path / "l")
    assert again.verify().hash == chain.hash
    again.close()
    connection = sqlite3.connect(tmp_path / "l")
    with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
        connection.execute("UPDATE entry SET hash = ''")
    connection.close()


def test_a_migration_that_fails_leaves_the_old_ledger(tmp_path: Path) -> None:
    first_schema(tmp_path / "l")
    connection = sqlite3.connect(tmp_path / "l")
    connection.execute("ALTER TABLE entry ADD COLUMN hash TEXT")  # somebody has been at it
    connection.commit()
    with pytest.raises(LedgerError, match="cannot be used: duplicate column name: hash"):
        open_ledger(tmp_path / "l")
    assert connection.execute("SELECT max(number) FROM migration").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM backup").fetchone() == (2,)
    connection.close()


def test_numbers_are_without_gaps() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, NEWEST + 1))
