"""What may be recorded, what comes back, and which facts follow from it; in a file and in a database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from proxy.policy.facts import Backup, Coverage, Facts, Freeze, Verification
from proxy.records import BackupGone, BackupRecord, FreezeRecord, LedgerError, Making, NewBackup
from proxy.records.kinds import KINDS
from proxy.records.kinds.backup import check_backup, holds_secret, same_place
from proxy.records.kinds.freeze import Frozen, Thawed
from tests.records.places import Open

LONG_AGO = datetime.fromtimestamp(0, UTC)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FINISHED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BACKUP = NewBackup("shop", FINISHED, "s3://backups/shop.dump", Verification.FULL_READ, "ada", 1024, "nightly")


def noon() -> datetime:
    return NOW


# -- backups -----------------------------------------------------------------------------------------------


def test_a_recorded_backup_comes_back(opened: Open) -> None:
    ledger = opened(clock=noon)
    record = ledger.record_backup(BACKUP)
    assert record == BackupRecord(
        1, "shop", FINISHED, "s3://backups/shop.dump", Verification.FULL_READ, 1024, "nightly", NOW, "ada"
    )
    other = ledger.record_backup(replace(BACKUP, database="blog", size_bytes=None, notes=""))
    ledger.close()
    again = opened(create=False)
    assert again.backups() == (record, other)
    assert again.backups("blog") == (other,)
    assert again.backups("nobody") == ()


def test_times_are_kept_in_utc(opened: Open) -> None:
    local = datetime(2026, 11, 22, 4, 30, tzinfo=timezone(timedelta(hours=-5)))
    record = opened(clock=noon).record_backup(replace(BACKUP, finished=local))
    assert record.finished.isoformat() == "2026-11-22T09:30:00+00:00"


def test_an_entry_has_one_canonical_spelling(opened: Open) -> None:
    ledger = opened(clock=noon)
    ledger.record_backup(replace(BACKUP, notes="naïve"))
    (entry,) = ledger.entries()
    assert (entry.sequence, entry.kind, entry.about, entry.recorded_at, entry.recorded_by) == (
        1, "backup", "", "2026-11-22T12:00:00.000000+00:00", "ada",
    )  # fmt: skip
    assert entry.payload == (
        '{"database":"shop","finished":"2026-11-22T09:30:00.000000+00:00","location":"s3://backups/shop.dump",'
        '"making":{},"notes":"naïve","size_bytes":1024,"verified":"full_read"}'
    )


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


def test_copies_count_from_the_level_that_they_reach(opened: Open) -> None:
    ledger = opened(clock=noon)
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


# -- freezes -----------------------------------------------------------------------------------------------


def test_a_freeze_stands_until_it_is_thawed_or_over(opened: Open) -> None:
    clock = [NOW]
    ledger, other = opened(clock=lambda: clock[0]), opened(clock=lambda: clock[0])
    ledger.record_backup(BACKUP)
    until = NOW + timedelta(hours=1)
    whole = ledger.freeze("ada", "incident 12")
    shop = ledger.freeze("bob", "sale", until=until, database="shop")
    assert whole == FreezeRecord(2, "incident 12", None, None, NOW, "ada")
    assert shop == FreezeRecord(3, "sale", until, "shop", NOW, "bob")
    assert other.facts(NOW).freezes == (
        Freeze("incident 12", LONG_AGO, None, None, "ada"),
        Freeze("sale", LONG_AGO, until, "shop", "bob"),
    )
    assert other.freezes() == (whole, shop)
    assert other.thaw("eve", database="blog") == ()
    assert other.thaw("eve", database="shop") == (shop,)
    assert ledger.freezes() == (whole,)
    again = other.freeze("bob", "sale", until=until, database="shop")
    clock[0] = until
    assert ledger.freezes() == (whole,)
    assert ledger.thaw("ada") == (whole,)
    assert (ledger.facts(clock[0]).freezes, ledger.freezes()) == ((), ())
    assert ledger.thaw("ada") == ()
    assert [entry.kind for entry in opened().entries()] == [
        "backup", "freeze", "freeze", "thaw", "freeze", "thaw",
    ]  # fmt: skip
    assert again.sequence == 5


def test_a_freeze_that_is_read_has_begun_whatever_the_clocks_say(opened: Open) -> None:
    opened(clock=lambda: NOW + timedelta(hours=3)).freeze("ada")
    assert opened().facts(NOW).freezes == (Freeze("", LONG_AGO, None, None, "ada"),)


def test_a_thaw_leaves_a_freeze_that_it_does_not_name(opened: Open) -> None:
    ledger = opened()
    first = ledger.freeze("ada")
    second = ledger.freeze("bob")  # while a thaw of the first is under way
    ledger.record(Thawed(ends=(first.sequence,)), "eve")
    assert ledger.freezes() == (second,)


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        (Frozen(until=NOW), "a freeze cannot have ended already (2026-11-22T12:00:00+00:00); it is "
         "2026-11-22T12:00:00+00:00"),
        (Frozen(until=datetime(2027, 1, 1)), "the time a freeze ends needs a time zone"),
        (Frozen(database=" "), "the database has no name"),
        (Frozen(reason="a\x1b[2J"), "the reason holds a control character"),
        (Frozen(reason="x" * 501), "the reason is longer than 500 characters"),
        (
            Frozen(reason="see postgresql://me:hunter2@db/x"),
            "the reason holds a password or a token, and every refusal would show it",
        ),
    ],
)  # fmt: skip
def test_a_freeze_that_makes_no_sense_is_refused(freeze: Frozen, message: str) -> None:
    with pytest.raises(LedgerError) as raised:
        freeze.check(NOW)
    assert str(raised.value) == message


# -- entries of any kind -----------------------------------------------------------------------------------


def test_limits_hold_over_all_connections(opened: Open) -> None:
    one, other = opened(), opened()
    first = one.freeze("ada")
    about = str(first.sequence)

    def use(limit: int = 2, about: str = about) -> list[int | None]:
        drafts = [
            ledger.draft(Thawed(ends=(first.sequence,)), "x", about=about, limits=[("thaw", limit)])
            for ledger in (one, other)
        ]
        entries = [*one.append(drafts[:1]), *other.append(drafts[1:])]
        return [None if entry is None else entry.sequence for entry in entries]

    assert use() == [2, 3]
    assert use() == [None, None]
    assert use(3) == [4, None]
    assert use(1, "another") == [5, None]
    drafts = [one.draft(Frozen(), "x", about="f", limits=[("freeze", 1)])] * 2
    assert [entry is None for entry in one.append(drafts)] == [False, True]
    assert one.verify().findings == []


def test_entries_are_found_by_kind_and_by_what_they_are_about(opened: Open) -> None:
    ledger = opened(clock=noon)
    ledger.record_backup(BACKUP)
    ledger.record(Frozen(), "ada", about="x")
    ledger.record(Frozen(), "ada", about="y")

    def numbers(**wanted: object) -> list[int]:
        return [entry.sequence for entry in ledger.entries(**wanted)]  # type: ignore[arg-type]

    assert numbers() == [1, 2, 3]
    assert numbers(after=1) == [2, 3]
    assert numbers(kinds=("freeze",)) == [2, 3]
    assert numbers(kinds=()) == []
    assert numbers(but=("freeze",)) == [1]
    assert numbers(about="y") == [3]


def test_more_entries_than_one_page(opened: Open) -> None:
    ledger = opened()
    ledger.append([ledger.draft(Frozen(reason=str(number)), "ada") for number in range(1203)])
    assert [entry.sequence for entry in ledger.entries()] == list(range(1, 1204))
    assert len(ledger.freezes()) == 1203
    chain = ledger.verify()
    assert (chain.findings, chain.sequence) == ([], 1203)


def test_the_epoch_moves_with_records_of_any_connection(opened: Open) -> None:
    reader, writer = opened(clock=noon), opened(clock=noon)
    first = reader.epoch()
    assert reader.epoch() == first
    writer.record_backup(BACKUP)
    second = reader.epoch()
    assert second != first
    reader.record_backup(BACKUP)
    assert reader.epoch() != second


def told(work: Callable[[], object], waiting: Callable[[float], None]) -> bool:
    """Whether a wait of an hour returns once the work is done."""
    thread = threading.Thread(target=waiting, args=(3600,), daemon=True)
    thread.start()
    work()
    thread.join(60)
    return not thread.is_alive()


def test_waiting_ends_when_another_records_or_when_told(opened: Open) -> None:
    reader, writer = opened(), opened()
    for _ in range(2):
        reader.wait(0)  # it listens from here on
    assert told(lambda: writer.freeze("ada"), reader.wait)
    reader.wait(0)
    assert told(reader.wake, reader.wait)


def test_an_entry_of_a_kind_from_tomorrow_gives_no_facts(opened: Open) -> None:
    ledger = opened()
    ledger.freeze("ada")
    ledger.append([replace(ledger.draft(Frozen(), "ada"), kind="curfew")])
    for _ in range(2):
        with pytest.raises(LedgerError) as raised:
            ledger.facts(NOW)
        message = "entry 2 of the ledger is of a kind that this pgwarden does not know ('curfew'); upgrade"
        assert str(raised.value) == message


@pytest.mark.parametrize(
    "payload", ['{"reason":"","until":null,"database":null,"scope":"all"}', '{"reason":1}', "x", ""]
)
def test_an_entry_that_cannot_be_read_gives_no_facts(opened: Open, payload: str) -> None:
    ledger = opened()
    ledger.append([replace(ledger.draft(Frozen(), "ada"), payload=payload)])
    with pytest.raises(LedgerError) as raised:
        ledger.facts(NOW)
    message = "entry 1 of the ledger cannot be read: it is damaged, or a newer pgwarden wrote it"
    assert str(raised.value) == message


def test_who_records_and_what_about_are_plain_texts(opened: Open) -> None:
    ledger = opened()
    for by, about, message in (
        ("a\nb", "", "the recorder holds a control character"),
        ("ada", "a\0", "the subject holds a control character"),
    ):
        with pytest.raises(LedgerError) as raised:
            ledger.record(Frozen(), by, about=about)
        assert str(raised.value) == message
    with pytest.raises(LedgerError, match="this cannot be recorded: "):
        ledger.record(Frozen(reason="\ud800"), "ada")
    assert ledger.last().sequence == 0


def test_a_copy_that_is_gone_counts_no_longer_until_it_is_proved_again(opened: Open) -> None:
    ledger = opened(clock=noon)
    for place in ("s3://backups/shop.dump", "/backups/shop.dump"):
        ledger.record_backup(replace(BACKUP, location=place))
    gone = BackupGone(database="shop", location="s3://backups//shop.dump", reason="pruned")
    ledger.record(gone, "ada")
    assert [copy.location for copy in ledger.copies("shop")] == ["/backups/shop.dump"]
    assert [fact.copies for fact in ledger.facts(NOW).backups] == [1]
    ledger.record(BackupGone(database="other", location="/backups/shop.dump", reason="missing"), "ada")
    ledger.record(
        BackupGone(database="shop", location="/backups/shop.dump", reason="pruned", finished=NOW), "ada"
    )
    assert [fact.copies for fact in ledger.facts(NOW).backups] == [1]
    ledger.record_backup(replace(BACKUP, verified=Verification.RESTORED))
    assert [(fact.verified, fact.copies) for fact in ledger.facts(NOW).backups] == [
        (Verification.RESTORED, 1),
        (Verification.FULL_READ, 2),
    ]


def test_what_a_backup_holds_is_part_of_what_it_is(opened: Open) -> None:
    ledger = opened(clock=noon)
    some = Making(source="pgwarden", tables=("public.users",), snapshot_at=FINISHED)
    ledger.record_backup(replace(BACKUP, making=some))
    ledger.record_backup(replace(BACKUP, location="/elsewhere"))
    assert {(fact.covers, fact.copies, fact.source) for fact in ledger.facts(NOW).backups} == {
        (Coverage(tables=frozenset({"public.users"})), 1, "pgwarden"),
        (Coverage(), 1, ""),
    }
    assert [copy.making.snapshot_at for copy in ledger.copies()] == [FINISHED, None]


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (
            BackupGone(database="shop", location="s3://k:s@b/x", reason="x"),
            "the location holds a password or a token",
        ),
        (BackupGone(database="a\nb", location="x", reason="x"), "the database holds a control character"),
        (
            BackupGone(database="a", location="x", reason="x", finished=datetime(2026, 11, 22)),
            "the time a backup finished needs a time zone",
        ),
    ],
)
def test_what_no_end_of_a_backup_says(opened: Open, gone: BackupGone, message: str) -> None:
    with pytest.raises(LedgerError) as raised:
        opened(clock=noon).record(gone, "ada")
    assert str(raised.value) == message


def test_kinds_have_names_of_their_own() -> None:
    assert sorted(KINDS) == [
        *("approval_end", "approval_grant", "approval_request", "approval_text", "approval_use"),
        *("approver", "approver_gone", "backup", "backup_gone", "change", "change_ended", "freeze"),
        *("operated", "ran_imported", "run", "run_beat", "run_ended", "thaw"),
    ]
    assert [shape.kind for shape in KINDS.values()] == list(KINDS)
