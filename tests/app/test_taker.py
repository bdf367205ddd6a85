"""Backups for held statements: who waits, who shares, what is told, what is stopped, what fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.app.backups import taker
from proxy.app.backups.child import Step
from proxy.app.backups.making import Keeping, Outcome, Wish
from proxy.app.backups.setup import BackupSource
from proxy.app.backups.taker import BackupTaker
from proxy.app.log import logger
from proxy.backup.clients import BackupError
from proxy.policy.decision import BackupWanted
from proxy.policy.facts import Verification
from proxy.session import Change, GivenUp, Hold, Origin, Released

SOURCE = BackupSource("postgresql://h", "r", None, None, ("file:///a",), (), None, None, None)
HALF = Step("dumping shop", 5, 10, 2048)
MESSAGE = "a backup is taken first, for at most 10 minutes [rule a]"


def hold(
    *tables: str, at_most: timedelta = timedelta(minutes=10), copies: int = 1, database: str = "shop"
) -> Hold:
    wanted = BackupWanted(("a",), at_most, Verification.CHECKSUM, copies, frozenset(tables) or None)
    origin = Origin("app", database, None, "", "", "none", "")
    return Hold(wanted, Change("DROP TABLE t", (), (), "high", False, origin))


def counts(backups: BackupTaker) -> dict[str, int]:
    return {outcome: count.value for outcome, count in backups.counts.items()}


class Makings:
    """What stands for the making of backups: each ends when the test says so, or when it is stopped."""

    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.stopped: list[Wish] = []
        self.most = 0
        self.outcome: Outcome | Exception = Outcome((1,))
        self.free = threading.Event()
        self._now = 0
        self._lock = threading.Lock()

    def make(
        self, source: BackupSource, wish: Wish, keeping: Keeping, tell: Callable[[Step], None]
    ) -> Making:
        return Making(self, wish, tell)

    @contextmanager
    def counting(self) -> Iterator[None]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        yield
        with self._lock:
            self._now -= 1


class Making:
    def __init__(self, all_of_them: Makings, wish: Wish, tell: Callable[[Step], None]) -> None:
        self._all, self._wish, self._tell = all_of_them, wish, tell
        self._stop = threading.Event()

    def stop(self) -> None:
        self._all.stopped.append(self._wish)
        self._stop.set()

    def run(self) -> Outcome:
        self._all.wishes.append(self._wish)
        with self._all.counting():
            self._tell(HALF)
            while not self._all.free.wait(0.005):
                if self._stop.is_set():
                    raise BackupError("nobody waits for it any more")
        if isinstance(self._all.outcome, Exception):
            raise self._all.outcome
        return self._all.outcome


@pytest.fixture
def makings(monkeypatch: pytest.MonkeyPatch) -> Makings:
    made = Makings()
    monkeypatch.setattr(taker, "Making", made.make)
    return made


class Told:
    """What a client hears."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, message: str, detail: str) -> None:
        self.lines.append((message, detail))


def taking(
    tmp_path: Path, at_once: int = 1, *, refreshed: bool = True, failed: list[str] | None = None
) -> BackupTaker:
    async def refresh() -> bool:
        return refreshed

    def tell(database: str, rules: tuple[str, ...], reason: str) -> None:
        if failed is not None:
            failed.append(reason)

    keeping = Keeping("l", "by", tmp_path, at_once)
    return BackupTaker(keeping, refresh, logger(), progress_s=0.01, failed=tell)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - threads have no event of the loop's
            await asyncio.sleep(0.002)


async def test_who_waits_hears_how_far_it_is_again_and_again(tmp_path: Path, makings: Makings) -> None:
    backups, told = taking(tmp_path), Told()
    waiting = asyncio.create_task(backups.take(SOURCE, hold(), told))
    await until(lambda: [detail for _, detail in told.lines if "2.0 KiB written" in detail][2:])
    assert backups.held == 1
    assert told.lines[0] == (MESSAGE, "waiting for its turn, for 0 s")
    assert told.lines[-1] == (MESSAGE, "dumping shop, 50 %, 2.0 KiB written, for 0 s")
    makings.free.set()
    assert await waiting == Released("")
    assert told.lines[-1] == ("the backup is there", "")
    assert (backups.held, counts(backups)) == (0, {"released": 1, "given_up": 0, "abandoned": 0})
    await backups.close()


async def test_who_needs_no_more_shares_and_who_needs_more_waits_for_its_own(
    tmp_path: Path, makings: Makings
) -> None:
    backups = taking(tmp_path)
    asked = [
        hold("public.a", "public.b"),
        hold("public.a"),  # no more
        hold("public.a", copies=2),
        hold("public.c"),
        hold(),
        hold("public.d"),  # no more than that
        hold(database="other"),
    ]
    tasks = []
    for each in asked:
        tasks.append(asyncio.create_task(backups.take(SOURCE, each, Told())))
        await asyncio.sleep(0)
    makings.free.set()
    assert await asyncio.gather(*tasks) == [Released("")] * len(asked)
    assert [(wish.database, wish.tables, wish.copies) for wish in makings.wishes] == [
        ("shop", {"public.a", "public.b"}, 1),
        ("shop", {"public.a"}, 2),
        ("shop", {"public.c"}, 1),
        ("shop", None, 1),
        ("other", None, 1),
    ]
    assert makings.most == 1
    await backups.close()


async def test_it_is_stopped_when_the_last_one_has_gone_and_nobody_joins_it_then(
    tmp_path: Path, makings: Makings
) -> None:
    backups = taking(tmp_path)
    first, other = (asyncio.create_task(backups.take(SOURCE, hold(), Told())) for _ in range(2))
    await until(lambda: makings.wishes)
    first.cancel()
    await asyncio.wait((first,))
    assert makings.stopped == []
    other.cancel()
    again = asyncio.create_task(backups.take(SOURCE, hold(), Told()))
    await until(lambda: len(makings.wishes) == 2)
    assert len(makings.stopped) == 1
    makings.free.set()
    assert await again == Released("")
    assert counts(backups) == {"released": 1, "given_up": 0, "abandoned": 2}
    await backups.close()


async def test_a_time_limit_is_each_statements_own(tmp_path: Path, makings: Makings) -> None:
    backups = taking(tmp_path)
    patient = asyncio.create_task(backups.take(SOURCE, hold(), Told()))
    outcome = await backups.take(SOURCE, hold(at_most=timedelta(seconds=0.05)), Told())
    assert isinstance(outcome, GivenUp)
    assert "the backup was not there yet (dumping shop, 50 %, 2.0 KiB written, for 0 s)" in outcome.reason
    assert makings.stopped == []
    makings.free.set()
    assert await patient == Released("")
    await backups.close()


ENDS: list[tuple[Outcome | Exception, bool, Released | GivenUp]] = [
    (Outcome((1,), ("s3://b: denied", "x")), True, Released("s3://b: denied; x")),
    (BackupError("the disk is full"), True, GivenUp("no backup could be taken: the disk is full")),
    (KeyError("secret"), True, GivenUp("no backup could be taken: taking it failed (KeyError)")),
    (
        Outcome((1,)),
        False,
        GivenUp("no backup could be taken: it is there and recorded, but the facts could not be read anew"),
    ),
]


@pytest.mark.parametrize(("made", "refreshed", "expected"), ENDS)
async def test_how_it_ends(
    tmp_path: Path,
    makings: Makings,
    made: Outcome | Exception,
    refreshed: bool,
    expected: Released | GivenUp,
) -> None:
    failed: list[str] = []
    backups = taking(tmp_path, refreshed=refreshed, failed=failed)
    makings.outcome = made
    makings.free.set()
    assert await backups.take(SOURCE, hold(), Told()) == expected
    await backups.close()
    told = [f"no backup could be taken: {reason}" for reason in failed]
    assert told == ([expected.reason] if isinstance(expected, GivenUp) else [])


async def test_what_is_under_way_is_stopped_with_the_gate(tmp_path: Path, makings: Makings) -> None:
    backups = taking(tmp_path)
    waiting = asyncio.create_task(backups.take(SOURCE, hold(), Told()))
    await until(lambda: makings.wishes)
    await backups.close()
    assert len(makings.stopped) == 1
    assert await waiting == GivenUp("no backup could be taken: it was stopped")


async def test_as_many_as_may_are_made_at_a_time(tmp_path: Path, makings: Makings) -> None:
    backups = taking(tmp_path, at_once=2)
    tasks = [asyncio.create_task(backups.take(SOURCE, hold(f"public.t{n}"), Told())) for n in range(5)]
    await until(lambda: len(makings.wishes) == 2)
    makings.free.set()
    assert await asyncio.gather(*tasks) == [Released("")] * 5
    assert makings.most == 2
    await backups.close()
