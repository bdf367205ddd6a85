"""What may be recorded, what comes back, and which facts follow from it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from proxy.policy.facts import Backup, Facts, Verification
from proxy.records import BackupRecord, LedgerError, NewBackup, open_ledger
from proxy.records.ledger import check_backup, holds_secret, same_place

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FINISHED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BACKUP = NewBackup("shop", FINISHED, "s3://backups/shop.dump", Verification.FULL_READ, "ada", 1024, "nightly")


def test_a_recorded_backup_comes_back(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "deep" / "ledger.sqlite", clock=lambda: NOW)
    record = ledger.record_backup(BACKUP)
    assert record == BackupRecord(
        1, "shop", FINISHED, "s3://backups/shop.dump", Verification.FULL_READ, 1024, "nightly", NOW, "ada"
    )
    other = ledger.record_backup(replace(BACKUP, database="blog", size_bytes=None, notes=""))
    ledger.close()
    again = open_ledger(tmp_path / "deep" / "ledger.sqlite", create=False)
    assert again.backups() == (record, other)
    assert again.backups("blog") == (other,)
    assert again.backups("nobody") == ()
    assert again.place == str(tmp_path / "deep" / "ledger.sqlite")


def test_times_are_kept_in_utc(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l", clock=lambda: NOW)
    local = datetime(2026, 11, 22, 4, 30, tzinfo=timezone(timedelta(hours=-5)))
    record = ledger.record_backup(replace(BACKUP, finished=local))
    assert record.finished.isoformat() == "2026-11-22T09:30:00+00:00"


def test_an_entry_has_one_canonical_spelling(tmp_path: Path) -> None:
    open_ledger(tmp_path / "l", clock=lambda: NOW).record_backup(replace(BACKUP, notes="naïve"))
    with sqlite3.connect(tmp_path / "l") as connection:
        row = connection.execute("SELECT * FROM entry").fetchone()
    connection.close()
    payload = (
        '{"database":"shop","finished":"2026-11-22T09:30:00.000000+00:00","location":"s3://backups/shop.dump",'
        '"notes":"naïve","size_bytes":1024,"verified":"full_read"}'
    )
    assert row == (1, "backup", "2026-11-22T12:00:00.000000+00:00", "ada", payload)
    assert json.loads(payload)["verified"] == "full_read"


@pytest.mark.parametrize("table", ["entry", "backup"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET recorded_by = 'eve'"])
def test_rows_cannot_be_changed(tmp_path: Path, table: str, statement: str) -> None:
    open_ledger(tmp_path / "l", clock=lambda: NOW).record_backup(BACKUP)
    connection = sqlite3.connect(tmp_path / "l")
    with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
        connection.execute(statement.format(table))
    connection.close()


@pytest.mark.parametrize(
    ("backup", "message"),
    [
        (replace(BACKUP, database=" "), "the database has no name"),
        (replace(BACKUP, finished=datetime(2026, 11, 22)), "the time a backup finished needs a time zone"),
        (
            replace(BACKUP, finished=NOW + timedelta(minutes=6)),
            "a backup cannot have finished in the future (2026-11-22T12:06:00+00:00); "
            "it is 2026-11-22T12:00:00+00:00",
        ),
        (replace(BACKUP, size_bytes=0), "a backup of no bytes is no backup"),
        (replace(BACKUP, location=""), "the backup has no location"),
        (replace(BACKUP, location="a\nb"), "the location holds a control character"),
        (replace(BACKUP, notes="x" * 4097), "the notes is longer than 4096 characters"),
        (
            replace(BACKUP, location="https://me:hunter2@store/x"),
            "the location holds a password or a token; record where the backup lies, without it",
        ),
    ],
)
def test_what_cannot_be_true_is_refused(backup: NewBackup, message: str) -> None:
    with pytest.raises(LedgerError) as raised:
        check_backup(backup, NOW)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("location", "secret"),
    [
        ("/var/backups/shop.dump", False),
        ("s3://bucket/shop@night.dump", False),
        ("ssh://me@host/x", False),
        ("ssh://me:pw@host/x", True),
        ("https://b.s3.amazonaws.com/x?X-Amz-Signature=abc", True),
        ("https://a.blob.core.windows.net/x?sv=1&sig=abc", True),
        ("https://host/x?version=3", False),
        ("http://[broken/x", True),
    ],
)
def test_secrets_in_locations(location: str, secret: bool) -> None:
    assert holds_secret(location) is secret


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a/b.dump", "/a//b.dump"),
        ("/a/b", "/a/b/"),
        ("file:///a/b", "/a/b"),
        ("S3://b/x", "s3://b/x"),
        ("/a/./b", "/a/b"),
    ],
)
def test_spellings_of_one_place(one: str, other: str) -> None:
    assert same_place(one) == same_place(other)


def test_copies_count_from_the_level_that_they_reach(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l", clock=lambda: NOW)
    for location, verified in (
        ("s3://b/x", Verification.RECORDED),
        ("/backups/x", Verification.RESTORED),
        ("/backups//x", Verification.RECORDED),  # the same place again, and weaker
        ("gs://b/x", Verification.FULL_READ),
    ):
        ledger.record_backup(replace(BACKUP, location=location, verified=verified))
    ledger.record_backup(replace(BACKUP, finished=FINISHED - timedelta(days=1)))
    assert ledger.facts(NOW) == Facts(
        backups=(
            Backup("shop", FINISHED, "/backups/x", Verification.RESTORED, copies=1),
            Backup("shop", FINISHED, "gs://b/x", Verification.FULL_READ, copies=2),
            Backup("shop", FINISHED, "s3://b/x", Verification.RECORDED, copies=3),
            Backup("shop", FINISHED - timedelta(days=1), BACKUP.location, Verification.FULL_READ, copies=1),
        ),
        as_of=NOW,
        stale=False,
    )


def test_the_epoch_moves_with_records_of_any_connection(tmp_path: Path) -> None:
    reader = open_ledger(tmp_path / "l", clock=lambda: NOW)
    writer = open_ledger(tmp_path / "l", clock=lambda: NOW)
    first = reader.epoch()
    assert reader.epoch() == first
    writer.record_backup(BACKUP)
    second = reader.epoch()
    assert second != first
    reader.record_backup(BACKUP)
    assert reader.epoch() != second
