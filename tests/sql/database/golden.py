"""The golden files of what a database's own code does: a setup, then statements with all their effects.

A group begins with `=== name`; its setup ends at a line `---`. A case is one statement, then one line
`-> effect` for each, with the way that it comes by behind a bar. `python -m tests.sql.database.golden` writes
the files anew from a real server: read the difference before it is committed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from proxy.app.catalogue.reader import SETTINGS, read
from proxy.backup.cluster import Cluster
from proxy.sql.analyse import analyse
from proxy.sql.database import Database
from tests.servers.postgres import binaries
from tests.sql.golden import shown

FOLDER = Path(__file__).parent / "causes"


@dataclass(slots=True)
class Group:
    """One database and what is asked of it."""

    name: str
    setup: str = ""
    cases: list[tuple[str, list[str]]] = field(default_factory=list)


def groups(path: Path) -> Iterator[Group]:
    """The groups of a file."""
    for part in re.split(r"^=== ", path.read_text(), flags=re.M)[1:]:
        head, _, asked = part.partition("\n---\n")
        name, _, setup = head.partition("\n")
        group = Group(name, setup)
        for block in re.split(r"\n{2,}", asked.strip()):
            lines = block.splitlines()
            wanted = [line[3:] for line in lines if line.startswith("-> ")]
            group.cases.append(("\n".join(line for line in lines if not line.startswith("-> ")), wanted))
        yield group


def held_by(url: str, name: str) -> Database:
    """What a real database holds, as the gate would read it."""

    async def once() -> Database:
        connection = await asyncpg.connect(url, server_settings=SETTINGS)
        try:
            reading = await read(connection)
            assert reading is not None
            return Database(name, reading.take_snapshot())
        finally:
            await connection.close()

    return asyncio.run(once())


def effects_of(sql: str, database: Database, major: int, path: tuple[str, ...] | None = None) -> list[str]:
    """All effects of a text there, shown."""
    analysis = analyse(sql, major)
    found = database.expand(analysis.effects, analysis.mentions, path)
    return [shown(effect) + (f" | {effect.through}" if effect.through else "") for effect in found] or [
        "nothing"
    ]


def rewrite(cluster: Cluster, major: int) -> None:
    """Write all files anew."""
    for path in sorted(FOLDER.glob("*.txt")):
        out: list[str] = []
        for number, group in enumerate(groups(path)):
            name = f"{path.stem}_{number}"
            cluster.execute(f"CREATE DATABASE {name}")
            cluster.execute(group.setup, name)
            database = held_by(cluster.url(name), name)
            out += [f"=== {group.name}", group.setup, "---"]
            for sql, _ in group.cases:
                out += [sql, *(f"-> {line}" for line in effects_of(sql, database, major)), ""]
        path.write_text("\n".join(out).rstrip() + "\n")


if __name__ == "__main__":
    with Cluster(binaries(15)) as server:
        rewrite(server, 15)
