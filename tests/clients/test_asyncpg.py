"""asyncpg at the gate: it prepares everything, and looks up types by itself."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import io
import uuid
from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]
import pytest

from tests.clients.gate import WAIT_S, Gate
from tests.servers.database import Database


@pytest.fixture
async def connection(gate: Gate, users: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(gate.url(users.name))
    yield connection
    await connection.close()


def shown(error: asyncpg.PostgresError) -> tuple[object, ...]:
    return (error.sqlstate, error.message, error.detail, error.hint, error.position)


@pytest.mark.parametrize("way", ["execute", "fetch", "prepare", "executemany"])
async def test_a_refusal_is_an_exception_and_the_connection_lives_on(
    connection: asyncpg.Connection, way: str
) -> None:
    async def send(text: str) -> None:
        await (connection.executemany(text, [()]) if way == "executemany" else getattr(connection, way)(text))

    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await send("DROP TABLE users")
    assert shown(refused.value) == (
        "42501",
        "DROP TABLE on users would lose data. [rule no-drop]",
        "A table is dropped: users (high risk).",
        "Keep it, or ask the owners of this database; Prisma: migrate deploy, not migrate reset or db push.",
        None,
    )
    with pytest.raises(asyncpg.PostgresSyntaxError) as unread:
        await send("SELECT * FORM users FOR UPDATE")
    assert shown(unread.value) == (
        "42601",
        'syntax error at or near "FORM"',
        "pgwarden could not read this statement, so it did not go on to the server.",
        "Check its syntax, or write it in a plainer way.",
        "10",
    )
    assert await connection.fetchval("SELECT name FROM users WHERE id = $1", 1) == "ada"
    assert not connection.is_in_transaction()


@pytest.mark.defect_06
async def test_a_refusal_aborts_the_transaction(connection: asyncpg.Connection) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO users VALUES (2, 'grace')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("TRUNCATE users")
    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await connection.execute("SELECT 1")
    await transaction.rollback()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with connection.transaction():
            await connection.execute("INSERT INTO users VALUES (3, 'x')")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():  # a savepoint
                    await connection.execute("DROP TABLE users")
            await connection.execute("INSERT INTO users VALUES (4, 'mary')")
            await connection.execute("DELETE FROM users")
    assert await connection.fetch("SELECT * FROM users") == [(1, "ada")]


async def test_types(connection: asyncpg.Connection) -> None:
    await connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    await connection.execute("CREATE TYPE pair AS (a int, b text)")
    await connection.execute("CREATE DOMAIN positive AS int CHECK (value > 0)")
    values = {
        "int8": 2**62,
        "numeric": decimal.Decimal("1.50"),
        "bytea": b"\x00\xff",
        "text": "déjà 🐘",
        "timestamptz": datetime.datetime(2026, 3, 4, tzinfo=datetime.UTC),
        "uuid": uuid.UUID(int=7),
        "int4[]": [1, None, 3],
        "jsonb": '{"a": [1]}',
        "mood": "ok",
        "mood[]": ["sad", "ok"],
        "pair": (1, "x"),
        "positive": 5,
        "int4range": asyncpg.Range(1, 5),
    }
    for name, value in values.items():
        assert await connection.fetchval(f"SELECT $1::{name}", value) == value, name


async def test_prepared_statements(connection: asyncpg.Connection) -> None:
    insert = await connection.prepare("INSERT INTO users VALUES ($1, $2) RETURNING id")
    select = await connection.prepare("SELECT id, name FROM users WHERE id = any($1::int[]) ORDER BY id")
    assert [attribute.name for attribute in select.get_attributes()] == ["id", "name"]
    assert [await insert.fetchval(n, f"n{n}") for n in range(2, 50)] == list(range(2, 50))
    assert await select.fetch([2, 49]) == [(2, "n2"), (49, "n49")]
    assert (await select.explain([1]))[0]["Plan"]["Node Type"]
    await connection.reset()  # UNLISTEN, RESET ALL, CLOSE ALL
    assert await insert.fetchval(50, "x") == 50


@pytest.mark.defect_11
async def test_the_cache_of_statements_turns_over(gate: Gate, users: Database) -> None:
    connection = await asyncpg.connect(gate.url(users.name), statement_cache_size=3)
    for number in range(40):
        assert await connection.fetchval(f"SELECT $1::int + {number % 7}", number) == number + number % 7
    counted = "SELECT count(*) FROM pg_prepared_statements"
    assert await connection.fetchval(counted) == 3
    await connection.close()


async def test_executemany_is_one_transaction(connection: asyncpg.Connection) -> None:
    await connection.executemany("INSERT INTO users VALUES ($1, $2)", [(n, "x") for n in range(2, 1000)])
    assert await connection.fetchval("SELECT count(*) FROM users") == 999
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.executemany("INSERT INTO users VALUES ($1, $2)", [(2000, "x"), (1, "x")])
    assert await connection.fetchval("SELECT max(id) FROM users") == 999


@pytest.mark.defect_09
async def test_cursors(connection: asyncpg.Connection) -> None:
    await connection.execute("INSERT INTO users SELECT n, 'x' FROM generate_series(2, 500) AS n")
    async with connection.transaction():
        cursor = connection.cursor("SELECT id FROM users WHERE id > $1 ORDER BY id", 10, prefetch=50)
        assert [row["id"] async for row in cursor] == list(range(11, 501))
        mine = await connection.cursor("SELECT id FROM users ORDER BY id")
        assert await mine.fetch(3) == [(1,), (2,), (3,)]
        assert await mine.forward(10) == 10
        assert await mine.fetchrow() == (14,)


async def test_copy_both_ways(connection: asyncpg.Connection) -> None:
    records = [(n, None if n % 3 else f"n\t{n}") for n in range(2, 3000)]
    assert await connection.copy_records_to_table("users", records=records) == "COPY 2998"
    out = io.BytesIO()
    text = "SELECT * FROM users WHERE id < $1 ORDER BY id"
    assert await connection.copy_from_query(text, 4, output=out, format="csv") == "COPY 3"
    assert out.getvalue() == b"1,ada\n2,\n3,n\t3\n"
    source = io.BytesIO(b"9000,x\n9001,y\n")
    assert await connection.copy_to_table("users", source=source, format="csv") == "COPY 2"
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.copy_records_to_table("users", records=[(1, "again")])
    assert await connection.fetchval("SELECT count(*) FROM users") == 3001


async def test_notifications_and_notices(connection: asyncpg.Connection, gate: Gate, users: Database) -> None:
    heard: asyncio.Queue[tuple[int, str, str]] = asyncio.Queue()
    await connection.add_listener(
        "news", lambda _, pid, channel, payload: heard.put_nowait((pid, channel, payload))
    )
    other = await asyncpg.connect(gate.url(users.name))
    await other.execute("SELECT pg_notify('news', 'one')")
    async with asyncio.timeout(WAIT_S):
        assert await heard.get() == (other.get_server_pid(), "news", "one")
    notices: asyncio.Queue[str] = asyncio.Queue()
    connection.add_log_listener(lambda _, message: notices.put_nowait(message.message))
    await connection.execute("CREATE TABLE IF NOT EXISTS users (id int)")
    async with asyncio.timeout(WAIT_S):
        assert await notices.get() == 'relation "users" already exists, skipping'
    await connection.reset(timeout=WAIT_S)
    await other.close()


async def test_a_time_out_cancels_the_query(connection: asyncpg.Connection) -> None:
    """It cancels on a connection of its own."""
    with pytest.raises(TimeoutError):
        await connection.fetchval("SELECT pg_sleep(60)", timeout=0.1)
    assert await connection.fetchval("SELECT 1", timeout=WAIT_S) == 1


async def test_a_pool(gate: Gate, users: Database) -> None:
    async with asyncpg.create_pool(gate.url(users.name), min_size=2, max_size=5) as pool:

        async def work(number: int) -> int:
            async with pool.acquire() as connection:
                if number % 4 == 0:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute("DROP TABLE users")
                return int(await connection.fetchval("SELECT $1::int", number))

        assert await asyncio.gather(*(work(n) for n in range(50))) == list(range(50))
