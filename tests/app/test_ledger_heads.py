"""A running gate publishes heads, and vouches for nothing that is broken."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.app.ledger.heads import HeadKeeper
from proxy.app.ledger.outlets import Outlet, StoreOutlet, stored_heads
from proxy.app.log import logger
from proxy.records import Head, Ledger, LedgerError, open_ledger
from proxy.records.heads import heads_in, use_key
from tests.backup.stores import Bucket


@asynccontextmanager
async def keeping(
    folder: Path, *, interval_s: float = 3600, rows: int = 3600, store: Outlet | None = None
) -> AsyncIterator[HeadKeeper]:
    """A keeper that publishes into a file, and looks whenever the interval says."""
    ledger = open_ledger(folder / "l")
    key, file = use_key(folder / "key"), folder / "heads"
    keeper = HeadKeeper(ledger, key, file, logger(), interval_s=interval_s, rows=rows, store=store)
    task = asyncio.get_running_loop().create_task(keeper.run())
    await asyncio.sleep(0)
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ledger.close()


def written(folder: Path) -> list[Head]:
    path = folder / "heads"
    return list(heads_in(path.read_text().splitlines())) if path.exists() else []


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a thread works meanwhile
            await asyncio.sleep(0.005)


def filled(folder: Path, entries: int) -> Ledger:
    ledger = open_ledger(folder / "l")
    for number in range(entries):
        ledger.freeze("ada", str(number))
    return ledger


async def test_a_head_comes_after_so_much_time_and_only_when_something_is_new(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 2)
    with capture_logs() as said:
        async with keeping(tmp_path, interval_s=0.02) as keeper:
            await until(lambda: keeper.published == 2)
            ledger.freeze("ada")
            await until(lambda: keeper.published == 3)
    heads = written(tmp_path)
    assert [head.sequence for head in heads] == [2, 3]
    assert [(head.hash == ledger.hash_at(head.sequence)) for head in heads] == [True, True]
    public = use_key(tmp_path / "key").public
    assert all(public.signed(head) for head in heads)
    assert [
        {name: line[name] for name in heads[0].fields()} for line in said if line["event"] == "ledger head"
    ] == [head.fields() for head in heads]
    ledger.close()


async def test_a_head_comes_after_so_many_entries(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 3)
    async with keeping(tmp_path, rows=3) as keeper:
        await until(lambda: keeper.published == 3)
    ledger.close()


async def test_a_last_head_comes_at_the_end(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 1)
    async with keeping(tmp_path) as keeper:
        assert keeper.published == 0
    assert (keeper.published, len(written(tmp_path))) == (1, 1)
    ledger.close()


def tamper(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "l", isolation_level=None)
    for statement in ("DROP TRIGGER entry_no_update", "DROP TRIGGER entry_no_delete", *statements):
        connection.execute(statement)
    connection.close()


async def test_no_head_of_a_chain_that_is_broken_before(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 3)
    tamper(tmp_path, "UPDATE entry SET recorded_by = 'eve' WHERE sequence = 2")
    with capture_logs() as said:
        async with keeping(tmp_path, interval_s=0.02) as keeper:
            await until(lambda: not keeper.intact)
    assert written(tmp_path) == []
    assert [(line["log_level"], line["finding"]) for line in said] == [
        ("critical", "entry 2 has been changed, or entry 1 with its hash")
    ]
    ledger.close()


async def test_no_head_of_a_chain_that_is_cut_while_it_runs(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 3)
    with capture_logs() as said:
        async with keeping(tmp_path, interval_s=0.02) as keeper:
            await until(lambda: keeper.published == 3)
            tamper(tmp_path, "DELETE FROM entry WHERE sequence > 1")
            await until(lambda: not keeper.intact)
    assert [head.sequence for head in written(tmp_path)] == [3]
    assert said[-1]["finding"] == "entry 3 is not what it was, or is missing"
    ledger.close()


async def test_no_head_of_a_chain_that_was_cut_between_two_runs(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 3)
    async with keeping(tmp_path):
        pass
    assert [head.sequence for head in written(tmp_path)] == [3]
    tamper(tmp_path, "DELETE FROM entry WHERE sequence > 1")
    async with keeping(tmp_path, interval_s=0.02) as keeper:
        await until(lambda: not keeper.intact)
    assert [head.sequence for head in written(tmp_path)] == [3]
    ledger.close()


def test_heads_that_cannot_be_read_stop_the_gate(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 1)
    (tmp_path / "heads").mkdir()
    with pytest.raises(LedgerError) as raised:
        HeadKeeper(ledger, use_key(tmp_path / "key"), tmp_path / "heads", logger(), interval_s=1, rows=1)
    assert str(raised.value) == f"the heads in {tmp_path / 'heads'} cannot be read: Is a directory"
    ledger.close()


async def test_a_place_that_takes_no_head_is_tried_again(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "l")
    with capture_logs() as said:
        async with keeping(tmp_path, interval_s=0.02) as keeper:
            (tmp_path / "heads").mkdir()
            ledger.freeze("ada")
            await until(lambda: bool(said))
            assert keeper.published == 0
            (tmp_path / "heads").rmdir()
            await until(lambda: keeper.published == 1)
    assert [line["event"] for line in said] == ["ledger head", "no head of the ledger can be published"]
    ledger.close()


class Down:
    """A store that takes nothing until it is up."""

    def __init__(self) -> None:
        self.up = False
        self.heads: list[int] = []

    def put(self, head: Head) -> None:
        if not self.up:
            raise LedgerError("the store is down")
        self.heads.append(head.sequence)


async def test_a_store_that_is_down_keeps_no_head_from_the_file_and_gets_the_newest(tmp_path: Path) -> None:
    ledger, store = filled(tmp_path, 1), Down()
    with capture_logs() as said:
        async with keeping(tmp_path, interval_s=0.02, store=store) as keeper:
            await until(lambda: len(written(tmp_path)) == 1)
            ledger.freeze("ada")
            await until(lambda: len(written(tmp_path)) == 2)
            assert keeper.published == 0
            store.up = True
            await until(lambda: keeper.published == 2)
    assert ([head.sequence for head in written(tmp_path)], store.heads) == ([1, 2], [2])
    assert [line["event"] for line in said] == [
        "ledger head",
        "no head of the ledger can be published",
        "ledger head",
    ]
    ledger.close()


@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_heads_in_a_store(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, server = str(tmp_path / "store"), None
    if kind == "s3":
        server, place = Bucket(), "s3://backups/heads"
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
    ledger = filled(tmp_path, 2)
    async with keeping(tmp_path, interval_s=0.02, store=StoreOutlet(place)) as keeper:
        await until(lambda: keeper.published == 2)
        await asyncio.to_thread(ledger.freeze, "ada")
        await until(lambda: keeper.published == 3)
    heads = list(heads_in(stored_heads(place)))
    assert heads == written(tmp_path)
    assert ledger.verify(heads).findings == []
    ledger.close()
    if server is not None:
        server.kill()
        with pytest.raises(LedgerError, match=r"^s3://backups/heads cannot be read: "):
            next(stored_heads(f"{place}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://x", "heads cannot go to ftp://x: must be a folder, file:///FOLDER, s3://BUCKET/PREFIX, "),
        ("/dev/null/x", "heads cannot go to /dev/null/x: file:///dev/null/x cannot be used: Not a directory"),
    ],
)
def test_no_store(text: str, said: str) -> None:
    with pytest.raises(LedgerError) as raised:
        StoreOutlet(text)
    assert str(raised.value).startswith(said)
