"""Texts that are hard on a parser, and readers that really run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import structlog

from proxy.app.reading.form import Bounds
from proxy.app.reading.readers import Readers

MIB = 1024 * 1024

# Reading it takes the walk ten seconds and more, and little memory.
SLOW = "WITH " + ", ".join(f"c{i} AS (SELECT 1)" for i in range(80_000)) + " SELECT 1"

PARAMETERS = "INSERT INTO wide VALUES (" + ", ".join(f"${i}" for i in range(1, 32_766)) + ")"
LITERAL = "INSERT INTO t VALUES (7, '" + "x" * 5_000_000 + "')"

HOSTILE: Mapping[str, Callable[[], str]] = {
    "additions": lambda: "SELECT " + "1+" * 5_000_000 + "1",
    "parentheses": lambda: "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
    "unions": lambda: " UNION ALL ".join(["SELECT 1"] * 20_000),
    "comments": lambda: "SELECT 1 " + "/**/" * 500_000,
    "nested comments": lambda: "SELECT 1 " + "/*" * 20_000 + "*/" * 20_000,
    "operators": lambda: "SELECT 1 " + "+" * 2_000_000 + " 1",
    "statements": lambda: "".join(f"DROP TABLE t{i};" for i in range(12_000)),
    "values": lambda: "SELECT 1 WHERE 1 IN (" + "1," * 8_000_000 + "1)",
}


@asynccontextmanager
async def reading(*, time_s: float = 60.0, memory_mib: int = 512, count: int = 2) -> AsyncIterator[Readers]:
    """Readers with their children, until the block ends."""
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger()
    readers = Readers(Bounds(time_s, memory_mib * MIB), count, log)
    running = asyncio.get_running_loop().create_task(readers.run())
    try:
        yield readers
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def nurseries(gate: int | None = None) -> list[psutil.Process]:
    """The nurseries of a process, this one's unless said otherwise."""
    return [
        process
        for process in psutil.Process(gate).children(recursive=gate is not None)
        if _is_nursery(process)
    ]


def _is_nursery(process: psutil.Process) -> bool:
    """Its children have the same command line."""
    try:
        parent = process.parent()
        mark = "proxy.app.reading.nursery"
        return mark in " ".join(process.cmdline()) and (
            parent is None or mark not in " ".join(parent.cmdline())
        )
    except psutil.Error:
        return False


def children(gate: int | None = None) -> list[psutil.Process]:
    """The processes that read."""
    return [child for nursery in nurseries(gate) for child in nursery.children()]


def _busy(process: psutil.Process) -> bool:
    try:
        return float(process.cpu_times().user) > 0.1
    except psutil.Error:
        return False


async def busy_child(gate: int | None = None) -> psutil.Process:
    """Wait for a child that is in the middle of a text."""
    while True:
        for child in children(gate):
            if _busy(child):
                return child
        await asyncio.sleep(0.01)


async def ended(processes: Sequence[psutil.Process]) -> None:
    """Wait until these have ended, whether or not somebody has asked how."""
    for process in processes:
        while True:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                break
            await asyncio.sleep(0.001)


def open_files(process: psutil.Process) -> list[str]:
    """What a process has open: paths, and `socket` for sockets, numbers left out."""
    links = (link.readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir())
    return sorted(str(link).partition(":")[0] for link in links)
