"""Policies on the disk change in many ways; each is noticed, and a bad one changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.app.log import logger
from proxy.app.policies import PolicyKeeper, try_to_load
from proxy.policy.rules import Policy


def policy_text(name: str, include: str = "") -> str:
    return f"version: 1\nname: {name}\nenvironment: test\n{include}rules: []\n"


def pack_text(rule: str) -> str:
    return f"version: 1\nrules:\n  - id: {rule}\n    match: {{effects: [table.drop]}}\n    deny: 'no'\n"


class Swapped:
    """Takes the policies that a keeper swaps in."""

    def __init__(self) -> None:
        self.policies: asyncio.Queue[Policy] = asyncio.Queue()

    async def swap(self, path: str, policy: Policy, texts: Mapping[str, str]) -> None:
        self.policies.put_nowait(policy)

    async def next(self) -> Policy:
        async with asyncio.timeout(20):
            return await self.policies.get()


@asynccontextmanager
async def watching(path: Path) -> AsyncIterator[tuple[PolicyKeeper, Swapped]]:
    swapped = Swapped()
    keeper = PolicyKeeper({str(path): try_to_load(str(path))}, swapped.swap, logger())
    task = asyncio.get_running_loop().create_task(keeper.watch())
    try:
        yield keeper, swapped
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_failed(keeper: PolicyKeeper, times: int) -> None:
    async with asyncio.timeout(20):
        while keeper.reloads.results["failed"] < times:
            await asyncio.to_thread(lambda: None)  # a turn of the loop that lets the keeper's threads work


async def test_a_file_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy_text("one"))
    async with watching(path) as (keeper, swapped):
        path.write_text(policy_text("two"))
        assert (await swapped.next()).name == "two"
        assert keeper.reloads.results["loaded"] == 1


async def test_an_editors_rename(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy_text("one"))
    async with watching(path) as (_, swapped):
        for name in ("two", "three"):
            (tmp_path / ".p.yaml.swp").write_text(policy_text(name))
            (tmp_path / ".p.yaml.swp").replace(path)
            assert (await swapped.next()).name == name


async def test_an_included_file_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    pack = tmp_path / "rules" / "pack.yaml"
    pack.write_text(pack_text("first"))
    path = tmp_path / "p.yaml"
    path.write_text(policy_text("one", "include: [rules/pack.yaml]\n"))
    async with watching(path) as (_, swapped):
        pack.write_text(pack_text("second"))
        policy = await swapped.next()
        assert [rule.id for rule in policy.rules if not rule.reserved] == ["second"]


async def test_the_links_that_kubernetes_swaps(tmp_path: Path) -> None:
    for number, name in enumerate(("one", "two")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "p.yaml").write_text(policy_text(name))
    (tmp_path / "..data").symlink_to("..0")
    path = tmp_path / "p.yaml"
    path.symlink_to("..data/p.yaml")
    async with watching(path) as (_, swapped):
        (tmp_path / "..data_tmp").symlink_to("..1")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        assert (await swapped.next()).name == "two"


async def test_a_link_further_up_the_path(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "p.yaml").write_text(policy_text(name))
    (tmp_path / "current").symlink_to("releases/one")
    async with watching(tmp_path / "current" / "p.yaml") as (_, swapped):
        (tmp_path / "next").symlink_to("releases/two")
        (tmp_path / "next").replace(tmp_path / "current")
        assert (await swapped.next()).name == "two"


async def test_a_bad_one_is_reported_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy_text("one"))
    with capture_logs() as said:
        async with watching(path) as (keeper, swapped):
            path.write_text("version: 1\nnam: two\nrules: []\n")
            await until_failed(keeper, 1)
            assert (swapped.policies.empty(), keeper.reloads.failing) == (True, {str(path)})
            path.write_text(policy_text("three"))
            assert (await swapped.next()).name == "three"
            assert keeper.reloads.failing == set()
    (failure,) = [line for line in said if line["log_level"] == "error"]
    assert failure["event"] == "the policy does not load; the one before stays in force"
    assert failure["errors"].startswith(f"{path}:2:1: ")


async def test_a_file_that_goes_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    path = folder / "p.yaml"
    path.write_text(policy_text("one"))
    async with watching(path) as (keeper, swapped):
        path.unlink()
        folder.rmdir()
        await until_failed(keeper, 1)
        folder.mkdir()
        path.write_text(policy_text("two"))
        assert (await swapped.next()).name == "two"


async def test_an_include_that_was_missing(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy_text("one"))
    async with watching(path) as (keeper, swapped):
        path.write_text(policy_text("two", "include: [pack.yaml]\n"))
        await until_failed(keeper, 1)
        (tmp_path / "pack.yaml").write_text(pack_text("late"))
        policy = await swapped.next()
        assert [rule.id for rule in policy.rules if not rule.reserved] == ["late"]


async def test_what_is_unchanged_is_not_swapped(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy_text("one"))
    swapped = Swapped()
    keeper = PolicyKeeper({str(path): try_to_load(str(path))}, swapped.swap, logger())
    await keeper.reload(only_changed=True)
    assert keeper.reloads.results == {"failed": 0, "loaded": 0, "unchanged": 0}
    await keeper.reload(only_changed=False)
    assert keeper.reloads.results == {"failed": 0, "loaded": 0, "unchanged": 1}
    assert swapped.policies.empty()


async def test_a_fault_of_the_loader_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy_text("one"))
    swapped = Swapped()
    keeper = PolicyKeeper({str(path): try_to_load(str(path))}, swapped.swap, logger())

    def faulty(path: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("proxy.app.policies.try_to_load", faulty)
    await keeper.reload(only_changed=False)
    assert (keeper.reloads.results["failed"], swapped.policies.empty()) == (1, True)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"\xff\xfe")
    attempt = try_to_load(str(tmp_path / "p.yaml"))
    assert (attempt.policy, str(tmp_path / "p.yaml") in attempt.problem) == (None, True)
