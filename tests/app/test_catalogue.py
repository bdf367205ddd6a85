"""The keeper of catalogues, at real servers: what it sees, when it lets go, what it says when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
import structlog
from structlog.testing import capture_logs

from proxy.app.catalogue.keeper import CatalogueKeeper
from proxy.app.catalogue.source import CatalogueSource, CatalogueUnreadable
from proxy.backup.cluster import Cluster
from proxy.relay import SslMode, Upstream
from proxy.session import Found
from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.sql.database import Database as Held
from tests.conftest import Programs
from tests.servers.database import Database

WIPES = "CREATE FUNCTION wipes() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM t; RETURN 1; END'"
OURS = "application_name = 'pgwarden catalogue'"


@dataclass
class Gate:
    """What a gate knows, and which databases have sessions."""

    databases: dict[str, Held | None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    swapped: asyncio.Event = field(default_factory=asyncio.Event)

    def swap(self, name: str, database: Held | None) -> None:
        self.databases[name] = database
        self.swapped.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self.swapped.clear()
                await self.swapped.wait()


async def read_text(raw: bytes, server_major: int) -> Found:
    try:
        return analyse(raw.decode(), server_major)
    except SqlSyntaxError as error:
        return error


@asynccontextmanager
async def keeping(
    gate: Gate, cluster: Cluster, *, password: str | None = "x", interval_s: float = 60, stale_s: float = 600
) -> AsyncIterator[CatalogueKeeper]:
    source = CatalogueSource(
        Upstream("127.0.0.1", cluster.port, SslMode.DISABLE, connect_timeout_s=5), "postgres", password
    )
    keeper = CatalogueKeeper(
        source,
        gate.swap,
        read_text,
        gate.used.__contains__,
        structlog.stdlib.get_logger(),
        interval_s=interval_s,
        stale_after_s=stale_s,
    )
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def does(database: Held | None, sql: str) -> list[str]:
    assert database is not None
    analysis = analyse(sql, 17)
    return [effect.name for effect in database.expand(analysis.effects, analysis.mentions, None)]


async def run(database: Database, sql: str) -> str:
    return await asyncio.to_thread(database.execute, sql)


async def test_what_is_read_was_read_after_the_question(database: Database) -> None:
    gate = Gate(used={database.name})
    async with keeping(gate, database.cluster) as keeper:
        before = await keeper.refreshed(database.name)
        await run(database, WIPES)
        after = await keeper.refreshed(database.name)
        assert (does(before, "SELECT wipes()"), does(after, "SELECT wipes()")) == (
            ["code.call"],
            ["row.delete"],
        )
        assert await keeper.refreshed(database.name) is after is gate.databases[database.name]
        assert keeper.readable


async def test_many_questions_at_once_are_one_reading(database: Database) -> None:
    gate = Gate(used={database.name})
    async with keeping(gate, database.cluster) as keeper:
        found = await asyncio.gather(*(keeper.refreshed(database.name) for _ in range(50)))
        assert len(set(map(id, found))) == 1
        assert await run(database, f"SELECT count(*) FROM pg_stat_activity WHERE {OURS}") == "1"


async def test_changes_are_seen_at_intervals(database: Database) -> None:
    gate = Gate(used={database.name})
    async with keeping(gate, database.cluster, interval_s=0.05) as keeper:
        await keeper.refreshed(database.name)
        await run(database, WIPES)
        await gate.until(lambda: "row.delete" in does(gate.databases[database.name], "SELECT wipes()"))


async def test_a_database_is_let_go_of_with_its_last_session_and_read_anew_when_it_is_back(
    database: Database,
) -> None:
    gate = Gate(used={database.name})
    async with keeping(gate, database.cluster) as keeper:
        await run(database, WIPES)
        await keeper.refreshed(database.name)
        gate.used.clear()
        keeper.session_ended()
        await gate.until(lambda: gate.databases[database.name] is None)
        await asyncio.to_thread(database.cluster.execute, f"DROP DATABASE {database.name}")
        await asyncio.to_thread(database.cluster.execute, f"CREATE DATABASE {database.name}")
        gate.used.add(database.name)
        assert does(await keeper.refreshed(database.name), "SELECT wipes()") == ["code.call"]


async def test_a_killed_connection_is_made_anew(database: Database) -> None:
    gate = Gate(used={database.name})
    async with keeping(gate, database.cluster) as keeper:
        await keeper.refreshed(database.name)
        await run(database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
        await run(database, WIPES)
        assert "row.delete" in does(await keeper.refreshed(database.name), "SELECT wipes()")


async def test_a_database_dropped_under_it_and_made_again_is_read_from_scratch(database: Database) -> None:
    gate = Gate(used={database.name})
    async with keeping(gate, database.cluster) as keeper:
        await run(database, WIPES)
        await keeper.refreshed(database.name)
        await asyncio.to_thread(database.cluster.execute, f"DROP DATABASE {database.name} WITH (FORCE)")
        await asyncio.to_thread(database.cluster.execute, f"CREATE DATABASE {database.name}")
        assert does(await keeper.refreshed(database.name), "SELECT wipes()") == ["code.call"]


async def test_what_cannot_be_read_is_told_once_in_one_line_and_grows_stale(programs: Programs) -> None:
    with Cluster(programs(), settings={}) as cluster:
        gate = Gate(used={"postgres"})
        async with keeping(gate, cluster, interval_s=0.05, stale_s=0.5) as keeper:
            await keeper.refreshed("postgres")
            with capture_logs() as logs:
                await asyncio.to_thread(cluster.stop)
                await gate.until(lambda: gate.databases["postgres"] is None)
                assert not keeper.readable
                with pytest.raises(CatalogueUnreadable, match="the catalogue of postgres cannot be read: "):
                    await keeper.refreshed("postgres")
                await asyncio.to_thread(cluster.start)
                await gate.until(lambda: gate.databases["postgres"] is not None)
                assert keeper.readable
    errors = [line["event"] for line in logs if line["log_level"] == "error"]
    assert len(errors) == 2 and errors[0].startswith("the catalogue of postgres cannot be read: ")
    assert errors[1] == "what is known of the database is stale: it is not used"
    assert [line["event"] for line in logs if line["log_level"] == "info"] == ["the catalogue is read again"]


async def test_a_wrong_password_is_one_line_without_it(programs: Programs) -> None:
    with Cluster(programs(), auth="scram-sha-256", password="right") as cluster:
        async with keeping(Gate(used={"postgres"}), cluster, password="wrong-secret") as keeper:
            with pytest.raises(CatalogueUnreadable) as raised:
                await keeper.refreshed("postgres")
    assert str(raised.value) == (
        'the catalogue of postgres cannot be read: password authentication failed for user "postgres"'
    )


async def test_a_missing_database_is_said(database: Database) -> None:
    async with keeping(Gate(), database.cluster) as keeper:
        with pytest.raises(CatalogueUnreadable, match='database "nowhere" does not exist'):
            await keeper.refreshed("nowhere")


@pytest.mark.defect_19
@pytest.mark.parametrize(
    "name",
    [
        "search_path=evil",
        "d' options='-csearch_path=evil",
        "d?options=-csearch_path%3Devil",
        r"d\ -c search_path=evil",
        "postgresql://h/d",
    ],
)
async def test_no_name_and_no_default_moves_the_search_path_of_the_gates_own_connection(
    server: Cluster, name: str
) -> None:
    """Every name in the gate's queries means the server's own, whatever clients call their databases."""
    quoted = '"' + name.replace('"', '""') + '"'
    server.execute(f"CREATE DATABASE {quoted}")
    try:
        server.execute(f"ALTER DATABASE {quoted} SET search_path = evil, pg_catalog")
        source = CatalogueSource(
            Upstream("127.0.0.1", server.port, SslMode.DISABLE, connect_timeout_s=5), "postgres", "x"
        )
        connection = await source.connect(name)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            cursor = await connection.cursor(
                "SELECT current_database(), current_setting('search_path'), "
                "current_setting('default_transaction_read_only')"
            )
            rows = await cursor.fetch(2)
        await connection.close(timeout=5)
        assert [tuple(row) for row in rows] == [(name, "pg_catalog", "on")]
    finally:
        server.execute(f"DROP DATABASE {quoted} WITH (FORCE)")
