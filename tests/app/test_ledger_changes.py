"""Changes are durable before anybody is told so, many in one commit, and none is when the ledger fails."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.app.ledger.changes import ChangeKeeper
from proxy.app.log import logger
from proxy.policy.conditions.case import Proof
from proxy.policy.recording import Ending
from proxy.records import Draft, Entry, Ledger, LedgerError, PostgresAddress, open_ledger
from proxy.records.sqlite import SqliteStore
from proxy.session import Change, Concluded, LongText, Origin, Recorded, Unrecorded
from tests.records.places import address_of

ORIGIN = Origin("app", "shop", "10.0.0.1", "psql", "127.0.0.1:6432", "none", "ab" * 32)
CHANGE = Change(
    "ALTER TABLE t ADD COLUMN w int",
    ("column.add",),
    ("t",),
    "low",
    False,
    ORIGIN,
    (("column.add", "t", "w"),),
    (Proof("backup", "file:///b/1"),),
)


class Slow(SqliteStore):
    """A store that waits until it may append, and counts how often it does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True, wait_s=1)
        self.free = threading.Event()
        self.begun = threading.Semaphore(0)
        self.trouble: Exception | None = None
        self.sizes: list[int] = []

    def append(self, drafts: Sequence[Draft], clock: Callable[[], datetime]) -> list[Entry | None]:
        self.begun.release()
        self.free.wait()
        if self.trouble is not None:
            raise self.trouble
        self.sizes.append(len(drafts))
        return super().append(drafts, clock)


def told_in(path: Path) -> list[tuple[str, str]]:
    """About which changes a ledger has been told, and how they ended."""
    ledger = open_ledger(path, create=False)
    ends = ledger.entries(kinds=("change_ended",))
    said = [(entry.about, json.loads(entry.payload)["ending"]) for entry in ends]
    ledger.close()
    return said


@asynccontextmanager
async def keeping(store: Slow, timeout_s: float = 20) -> AsyncIterator[ChangeKeeper]:
    keeper = ChangeKeeper(Ledger(store), "pgwarden@here", timeout_s, logger())
    try:
        yield keeper
    finally:
        store.free.set()
        await asyncio.to_thread(keeper.close)
        store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_what_is_recorded_is_in_the_ledger(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place: Path | PostgresAddress = tmp_path / "l"
    if kind == "postgres":
        place = address_of(request.getfixturevalue("database"))
    ledger = open_ledger(place)
    keeper = ChangeKeeper(open_ledger(place), "pgwarden@here", 20, logger())
    secret = replace(CHANGE, text="ALTER ROLE bob PASSWORD 'hunter2'")
    assert await keeper.record(CHANGE) == Recorded(1)
    assert await keeper.record(secret) == Recorded(2)
    first, second = ledger.entries()
    assert json.loads(first.payload) == {
        "application": "psql",
        "approval": "",
        "backup": "file:///b/1",
        "client_address": "10.0.0.1",
        "database": "shop",
        "effects": ["column.add"],
        "listener": "127.0.0.1:6432",
        "migration": "",
        "parts": [{"detail": "w", "effect": "column.add", "on": "t"}],
        "policy": "ab" * 32,
        "risk": "low",
        "role": "app",
        "environment": "",
        "checksum": "",
        "statements": [],
        "run": "",
        "staging": "",
        "statement": "ALTER TABLE t ADD COLUMN w int",
        "targets": ["t"],
        "transaction": "none",
    }
    assert (first.kind, first.recorded_by) == ("change", "pgwarden@here")
    assert first.about == sha256(b"ALTER TABLE t ADD COLUMN w int").hexdigest()
    masked = json.loads(second.payload)["statement"]
    assert masked == "ALTER ROLE bob PASSWORD '***'"
    assert second.about == sha256(masked.encode()).hexdigest()
    assert ledger.facts(first.moment).freezes == ()
    await asyncio.to_thread(keeper.close)
    keeper._ledger.close()
    ledger.close()


@pytest.mark.parametrize(
    ("text", "unreadable", "statement"),
    [
        (None, False, None),
        (LongText(200_000), False, "<long statement, 200000 bytes>"),
        ("DROP SOMETHING 'hunter2'", True, "<unreadable statement, 24 characters>"),
        ("DROP TABLE \ud800", False, "<unreadable statement, 12 characters>"),
    ],
)
async def test_what_stands_for_a_text(
    tmp_path: Path, text: str | LongText | None, unreadable: bool, statement: str | None
) -> None:
    store = Slow(tmp_path / "l")
    store.free.set()
    async with keeping(store) as keeper:
        assert await keeper.record(replace(CHANGE, text=text, unreadable=unreadable)) == Recorded(1)
        (entry,) = Ledger(store).entries()
        assert json.loads(entry.payload)["statement"] == statement


async def test_many_sessions_share_one_commit(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    async with keeping(store) as keeper:
        first = asyncio.create_task(keeper.record(CHANGE))
        await asyncio.to_thread(store.begun.acquire)
        others = [asyncio.create_task(keeper.record(CHANGE)) for _ in range(30)]
        await asyncio.sleep(0)
        store.free.set()
        outcomes = await asyncio.gather(first, *others)
    assert outcomes == [Recorded(number) for number in range(1, 32)]
    assert store.sizes == [1, 30]


async def test_a_ledger_that_takes_too_long_refuses_and_writes_nothing_later(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    async with keeping(store, timeout_s=0.05) as keeper:
        held = asyncio.create_task(keeper.record(CHANGE))
        await asyncio.to_thread(store.begun.acquire)
        waiting = asyncio.create_task(keeper.record(CHANGE))
        refused = Unrecorded("the ledger did not take it within 0.05 s")
        assert [await held, await waiting] == [refused, refused]
    # What was on its way is written, and that it did not run; what waited behind it is not.
    assert store.sizes == [1, 1]
    assert told_in(tmp_path / "l") == [("1", "not_run")]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (
            LedgerError("the ledger l cannot grow: the disk is full"),
            "the ledger l cannot grow: the disk is full",
        ),
        (ZeroDivisionError("hunter2"), "the ledger cannot be written (ZeroDivisionError)"),
    ],
)
async def test_a_ledger_that_fails_refuses_until_it_works_again(
    tmp_path: Path, trouble: Exception, reason: str
) -> None:
    store = Slow(tmp_path / "l")
    store.free.set()
    store.trouble = trouble
    with capture_logs() as said:
        async with keeping(store) as keeper:
            for _ in range(2):
                assert await keeper.record(CHANGE) == Unrecorded(reason)
            store.trouble = None
            assert await keeper.record(CHANGE) == Recorded(1)
    assert [(line["log_level"], line["event"], line.get("reason")) for line in said] == [
        ("error", "changes cannot be recorded, so they are refused", reason),
        ("info", "changes are recorded again", None),
    ]


async def test_a_change_that_cannot_be_written_down_costs_no_other(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    async with keeping(store) as keeper:
        first = asyncio.create_task(keeper.record(CHANGE))
        await asyncio.to_thread(store.begun.acquire)
        broken = replace(CHANGE, effects=("\ud800",))
        both = [asyncio.create_task(keeper.record(change)) for change in (broken, CHANGE)]
        await asyncio.sleep(0)
        store.free.set()
        assert await first == Recorded(1)
        assert [await task for task in both] == [
            Unrecorded("it cannot be written down (LedgerError)"),
            Recorded(2),
        ]


async def test_how_a_change_ended_is_an_entry_about_its_number(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    store.free.set()
    async with keeping(store) as keeper:
        assert await keeper.record(CHANGE) == Recorded(1)
        keeper.conclude(Concluded(1, Ending.FAILED, ("DELETE 3",), 3, "42P01", 0.0126, "a\udcff"))
        assert await keeper.record(CHANGE) == Recorded(3)
        (entry,) = Ledger(store).entries(kinds=("change_ended",))
        assert (entry.sequence, entry.about, entry.recorded_by) == (2, "1", "pgwarden@here")
        assert json.loads(entry.payload) == {
            "duration_ms": 13,
            "ending": "failed",
            "kept_as": "a\\udcff",
            "kept_with": 0,
            "rows": 3,
            "sqlstate": "42P01",
            "tags": ["DELETE 3"],
        }


async def test_what_was_concluded_is_written_before_the_end(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    async with keeping(store) as keeper:
        for number in range(1, 251):
            keeper.conclude(Concluded(number, Ending.COMMITTED))
    assert told_in(tmp_path / "l") == [(str(number), "committed") for number in range(1, 251)]


async def test_a_ledger_that_fails_is_told_later_how_changes_ended(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    store.free.set()
    store.trouble = LedgerError("the disk is full")
    with capture_logs() as said:
        async with keeping(store) as keeper:
            keeper.conclude(Concluded(1, Ending.COMMITTED))
            assert await keeper.record(CHANGE) == Unrecorded("the disk is full")
            store.trouble = None
            keeper.conclude(Concluded(2, Ending.ROLLED_BACK))
    assert told_in(tmp_path / "l") == [("1", "committed"), ("2", "rolled_back")]
    assert [line["log_level"] for line in said] == ["error", "info"]


async def test_what_the_ledger_never_took_is_told_of_at_the_end(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    store.free.set()
    store.trouble = LedgerError("the disk is full")
    with capture_logs() as said:
        async with keeping(store) as keeper:
            keeper.conclude(Concluded(7, Ending.COMMITTED))
    assert said[-1] == {
        "log_level": "error",
        "event": "the ledger was not told how changes ended",
        "changes": [7],
        "reason": "the disk is full",
    }


async def test_a_session_that_ends_while_its_change_is_recorded_leaves_it_not_run(tmp_path: Path) -> None:
    store = Slow(tmp_path / "l")
    async with keeping(store) as keeper:
        gone = asyncio.create_task(keeper.record(CHANGE))
        await asyncio.to_thread(store.begun.acquire)
        gone.cancel()
        await asyncio.wait([gone])
    assert told_in(tmp_path / "l") == [("1", "not_run")]
