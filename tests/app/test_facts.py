"""Facts stay fresh, and are known to be stale when they do not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from structlog.stdlib import BoundLogger
from structlog.testing import capture_logs

from proxy.app.facts import FactsKeeper
from proxy.app.log import logger
from proxy.policy.facts import Facts, Verification
from proxy.records import Epoch, Ledger, LedgerError, NewBackup, PostgresAddress, open_ledger
from tests.records.places import address_of

BACKUP = NewBackup("shop", datetime(2026, 11, 1, tzinfo=UTC), "/b", Verification.RECORDED, "ada")


@dataclass
class Unruly:
    """A ledger that can hang or fail."""

    place: str = "nowhere"
    trouble: Exception | None = None
    free: threading.Event = field(default_factory=threading.Event)
    awake: threading.Event = field(default_factory=threading.Event)

    def facts(self, now: datetime) -> Facts:
        return Facts(backups=(), as_of=now)

    def epoch(self) -> Epoch:
        self.free.wait()
        if self.trouble is not None:
            raise self.trouble
        return 1

    def wait(self, timeout_s: float) -> None:
        self.awake.wait(timeout_s)

    def wake(self) -> None:
        self.awake.set()


class Seen:
    """Facts handed on, and a way to wait for some."""

    def __init__(self) -> None:
        self.facts: list[Facts] = []
        self._changed = asyncio.Condition()

    def swap(self, facts: Facts) -> None:
        self.facts.append(facts)
        self._told = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, wanted: Callable[[Facts], bool]) -> Facts:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: bool(self.facts) and wanted(self.facts[-1]))
        return self.facts[-1]


@asynccontextmanager
async def running(keeper: FactsKeeper) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(keeper.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def log() -> BoundLogger:
    return logger()


async def test_what_another_process_records_is_soon_known(tmp_path: Path) -> None:
    seen = Seen()
    other = open_ledger(tmp_path / "l")
    keeper = FactsKeeper(open_ledger(tmp_path / "l"), seen.swap, 1.0, log())
    assert keeper.facts.backups == ()
    async with running(keeper):
        other.record_backup(BACKUP)
        facts = await seen.until(lambda facts: facts.backups != ())
    assert [backup.database for backup in facts.backups] == ["shop"]
    assert facts.stale is False


async def test_a_ledger_that_fails_makes_facts_stale_until_it_is_back() -> None:
    seen, ledger = Seen(), Unruly()
    ledger.free.set()
    with capture_logs() as said:
        keeper = FactsKeeper(ledger, seen.swap, 0.1, log())
        ledger.trouble = LedgerError("the ledger is gone")
        async with running(keeper):
            await seen.until(lambda facts: facts.stale)
            assert (keeper.stale, keeper.age_s > 0.1) == (True, True)
            ledger.trouble = None
            await seen.until(lambda facts: not facts.stale)
            assert keeper.stale is False
    assert [(line["log_level"], line["event"]) for line in said] == [
        ("error", "facts cannot be refreshed"),
        ("error", "facts are stale: what needs evidence is refused"),
        ("info", "facts are fresh again"),
    ]


async def test_facts_that_are_stale_for_long_are_overdue_until_the_ledger_is_back() -> None:
    seen, ledger = Seen(), Unruly()
    ledger.free.set()
    with capture_logs() as said:
        keeper = FactsKeeper(ledger, seen.swap, 0.1, log(), overdue_after_s=0.3)
        ledger.trouble = LedgerError("the ledger is gone")
        async with running(keeper):
            await seen.until(lambda facts: facts.overdue)
            assert keeper.age_s > 0.3
            ledger.trouble = None
            await seen.until(lambda facts: not facts.overdue)
    assert [(facts.stale, facts.overdue) for facts in seen.facts if facts.stale] == [
        (True, False),
        (True, True),
    ]
    assert "facts are overdue: writes are refused" in [line["event"] for line in said]


async def test_facts_are_never_overdue_before_they_are_stale() -> None:
    seen, ledger = Seen(), Unruly()
    ledger.free.set()
    keeper = FactsKeeper(ledger, seen.swap, 0.2, log(), overdue_after_s=0.01)
    ledger.trouble = LedgerError("the ledger is gone")
    async with running(keeper):
        await seen.until(lambda facts: facts.overdue)
    assert [facts.stale for facts in seen.facts if facts.overdue] == [True]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_freeze_is_told_and_said(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place: Path | PostgresAddress = tmp_path / "l"
    if kind == "postgres":
        place = address_of(request.getfixturevalue("database"))
    seen = Seen()
    ledgers: list[Ledger] = [open_ledger(place) for _ in range(2)]
    with capture_logs() as said:
        # An hour between two looks: whatever comes sooner was told.
        keeper = FactsKeeper(ledgers[0], seen.swap, 14_400, log())
        keeper._every_s = 3600
        async with running(keeper):
            await asyncio.to_thread(ledgers[1].freeze, "ada", "incident 12")
            facts = await seen.until(lambda facts: facts.freezes != ())
            assert [(freeze.by, freeze.reason) for freeze in facts.freezes] == [("ada", "incident 12")]
            assert keeper.frozen
            await asyncio.to_thread(ledgers[1].thaw, "bob")
            await seen.until(lambda facts: facts.freezes == ())
            assert not keeper.frozen
    assert [line["event"] for line in said] == ["writes are frozen", "writes are not frozen any more"]
    assert {name: said[0][name] for name in ("by", "reason", "database", "until")} == {
        "by": "ada", "reason": "incident 12", "database": "all", "until": "ended by hand",
    }  # fmt: skip
    for ledger in ledgers:
        ledger.close()


async def test_a_freeze_that_was_over_by_a_clock_that_ran_ahead_stands_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was recorded meanwhile: the clock alone makes the ledger be read again."""
    ledger, seen = open_ledger(tmp_path / "l"), Seen()
    ledger.freeze("ada", until=datetime.now(UTC) + timedelta(hours=1))
    ahead = [timedelta(hours=2)]

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Jumping:
            return super().now(tz) + ahead[0]

    monkeypatch.setattr("proxy.app.facts.datetime", Jumping)
    keeper = FactsKeeper(ledger, seen.swap, 1.0, log())
    assert keeper.facts.freezes == ()
    async with running(keeper):
        ahead[0] = timedelta()
        await seen.until(lambda facts: facts.freezes != ())
    ledger.close()


async def test_a_fault_in_reading_is_trouble_too() -> None:
    seen, ledger = Seen(), Unruly()
    ledger.free.set()
    keeper = FactsKeeper(ledger, seen.swap, 0.1, log())
    ledger.trouble = ZeroDivisionError()
    async with running(keeper):
        assert (await seen.until(lambda facts: facts.stale)).stale is True


async def test_a_disk_that_hangs_makes_facts_stale() -> None:
    seen, ledger = Seen(), Unruly()
    ledger.free.set()
    keeper = FactsKeeper(ledger, seen.swap, 0.1, log())
    ledger.free.clear()
    async with running(keeper):
        assert (await seen.until(lambda facts: facts.stale)).stale is True
    ledger.free.set()


@pytest.mark.parametrize("days", [-10, 10])
async def test_a_wall_clock_that_jumps_makes_nothing_stale(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, ledger = Seen(), Unruly()
    ledger.free.set()
    keeper = FactsKeeper(ledger, seen.swap, 0.5, logger())
    jump = timedelta(days=days)

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Jumped:
            return super().now(tz) + jump

    monkeypatch.setattr("proxy.app.facts.datetime", Jumped)
    async with running(keeper):
        assert await keeper.refresh()
        await asyncio.sleep(1.2)  # more than twice the age at which they would be stale
    assert all(abs(each.as_of - datetime.now(UTC)) > timedelta(days=9) for each in seen.facts)
    assert not any(each.stale for each in seen.facts)
    assert keeper.age_s < 10


async def test_what_was_just_recorded_is_known_when_it_was_asked_for(tmp_path: Path) -> None:
    seen, ledger = Seen(), open_ledger(tmp_path / "l")
    keeper = FactsKeeper(open_ledger(tmp_path / "l"), seen.swap, 20, log())
    async with running(keeper):
        for name in ("a", "b", "c"):
            ledger.record_backup(replace(BACKUP, database=name))
            assert await keeper.refresh()
            assert name in {backup.database for backup in seen.facts[-1].backups}
    ledger.close()


async def test_facts_that_cannot_be_read_anew_are_given_up_in_time() -> None:
    ledger, seen = Unruly(), Seen()
    ledger.free.set()
    keeper = FactsKeeper(ledger, seen.swap, 0.1, log())
    async with running(keeper):
        assert await keeper.refresh()
        ledger.free.clear()
        assert not await keeper.refresh()
        ledger.free.set()
