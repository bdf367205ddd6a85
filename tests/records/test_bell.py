"""What waits for a ledger hears whatever happens to its file, and does not look at it while nothing does."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from proxy.records import bell, sqlite
from proxy.records.bell import Bell
from proxy.records.sqlite import SqliteStore
from tests.records.test_ledger import told

HEARS = bell._inotify_init1 is not None
A_WHILE_S = 0.2
ADDED = "INSERT INTO entry VALUES (1, 'x', 'x', 'x', 'x', 'x', 'x')"


def descriptors() -> set[int]:
    """Those that are open; looking needs one of its own, which is gone again."""
    return {int(path.name) for path in Path("/proc/self/fd").iterdir()}


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("x")


def waits(waiting: Bell, timeout_s: float, *, listening: bool = True) -> None:
    waiting.wait(timeout_s, listening=listening)


def replace(path: Path) -> None:
    (path.parent / "new").write_text("")
    (path.parent / "new").replace(path)


@pytest.mark.parametrize(
    "happens", [append, replace, Path.unlink, lambda path: path.rename(path.parent / "moved"), Path.touch]
)
@pytest.mark.skipif(not HEARS, reason="nobody tells of files here")
def test_it_rings_for_whatever_happens_to_a_file(tmp_path: Path, happens: Callable[[Path], object]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "other").write_text("")
    hears = Bell()
    hears.listen([tmp_path / "other", tmp_path / "file"])
    assert (hears.hears, hears.rung()) == (True, False)
    assert told(lambda: happens(tmp_path / "file"), partial(waits, hears))
    assert (hears.rung(), hears.rung()) == (True, False)
    append(tmp_path / "other")
    assert (hears.rung(), hears.rung()) == (True, False)
    (tmp_path / "stranger").write_text("")
    assert not hears.rung()


def test_it_is_woken_once_whether_anybody_waits_or_not(tmp_path: Path) -> None:
    woken = Bell()
    for listening in (True, False):
        assert told(woken.wake, partial(waits, woken, listening=listening))
        for _ in range(100_000):
            woken.wake()
        assert [woken.wait(0, listening=listening) for _ in range(2)] == [True, False]


def test_where_nobody_tells_it_may_have_rung(tmp_path: Path) -> None:
    deaf = Bell()
    assert (deaf.hears, deaf.rung(), deaf.rung()) == (False, True, True)
    deaf.listen([tmp_path / "absent"])
    assert (deaf.hears, deaf.rung(), deaf.rung()) == (False, True, True)


@pytest.mark.skipif(not HEARS, reason="nobody tells of files here")
def test_nothing_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    gc.collect()  # what earlier tests left may be closed at any time
    before = descriptors()
    rings = Bell()
    rings.listen([tmp_path / "file"])
    rings.listen([tmp_path / "absent"])
    rings.listen([tmp_path / "file"])
    del rings
    assert descriptors() <= before


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "ledger", create=True, wait_s=5)


@pytest.fixture
def looks(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each look at the count of commits."""
    found: list[None] = []
    look = SqliteStore._state

    def counted(self: SqliteStore, connection: sqlite3.Connection) -> object:
        found.append(None)
        return look(self, connection)

    monkeypatch.setattr(SqliteStore, "_state", counted)
    return found


@pytest.mark.skipif(not HEARS, reason="nobody tells of files here")
def test_nothing_is_looked_at_while_nobody_writes(
    store: SqliteStore, looks: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_SETTLED_S", 0.0)
    store.last()
    store.wait(0)
    looks.clear()
    store.wait(A_WHILE_S)
    assert len(looks) == 2  # before and after
    store.close()


def test_where_nobody_tells_it_is_looked_at_again_and_again(
    store: SqliteStore, looks: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "_inotify_init1", None)
    monkeypatch.setattr(sqlite, "_SETTLED_S", 0.0)
    store.last()
    store.wait(0)
    with sqlite3.connect(store.place) as other:
        assert told(lambda: other.executescript(ADDED), store.wait)
    looks.clear()
    store.wait(A_WHILE_S)
    assert len(looks) > 2
    store.close()


def test_what_is_written_long_before_it_counts_is_seen(store: SqliteStore, tmp_path: Path) -> None:
    """The bell rings when a commit is on its way: that it has come, nobody tells."""
    store.last()
    store.wait(0)
    with sqlite3.connect(store.place) as other:
        other.execute("PRAGMA cache_size = 1")
        other.execute("PRAGMA cache_spill = 1")
        other.execute("BEGIN")
        for number in range(1, 100):
            other.execute("INSERT INTO entry VALUES (?, ?, 'x', 'x', 'x', 'x', 'x')", (number, "x" * 4000))
        assert (tmp_path / "ledger-wal").stat().st_size > 100_000
        thread = threading.Thread(target=store.wait, args=(3600,), daemon=True)
        thread.start()
        thread.join(A_WHILE_S)
        assert thread.is_alive()
        other.commit()
        thread.join(60)
        assert not thread.is_alive()
    store.close()


def test_another_file_in_its_place_is_heard_of_and_listened_to(store: SqliteStore, tmp_path: Path) -> None:
    SqliteStore(tmp_path / "other", create=True, wait_s=5).close()
    store.last()
    store.wait(0)
    store._settled_at = 0.0
    assert told(lambda: (tmp_path / "other").replace(tmp_path / "ledger"), store.wait)
    store.wait(0)
    store._settled_at = 0.0
    with sqlite3.connect(store.place) as other:
        assert told(lambda: other.executescript(ADDED), store.wait)
    store.close()


def test_a_file_that_is_gone_for_a_while_is_seen_when_it_is_back(store: SqliteStore, tmp_path: Path) -> None:
    SqliteStore(tmp_path / "other", create=True, wait_s=5).close()
    store.last()
    store.wait(0)
    store._settled_at = 0.0
    (tmp_path / "ledger").unlink()
    deadline = time.monotonic() + A_WHILE_S
    store.wait(A_WHILE_S)
    assert time.monotonic() >= deadline
    assert told(lambda: (tmp_path / "other").rename(tmp_path / "ledger"), store.wait)
    store.close()
