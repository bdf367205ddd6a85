"""asyncpg."""

import asyncio
import io
import json
import sys
from collections.abc import Mapping

import asyncpg  # type: ignore[import-untyped]

from tests.drivers.programs.lines import (
    DAY,
    DOC,
    LABEL,
    PRICE,
    RAW,
    SCRATCH,
    TAGS,
    class_of,
    say,
    say_values,
)

INSERT = "INSERT INTO orders VALUES ($1, $2)"


def told(error: asyncpg.PostgresError) -> Mapping[str, object]:
    """The error as its user gets at it."""
    return {
        "class": class_of(error),
        "sqlstate": error.sqlstate,
        "message": error.message,
        "detail": error.detail,
        "hint": error.hint,
    }


async def ids(connection: asyncpg.Connection, first: int, last: int) -> list[object]:
    """The ids of orders in a range."""
    query = "SELECT id FROM orders WHERE id BETWEEN $1 AND $2 ORDER BY id"
    return [row["id"] for row in await connection.fetch(query, first, last)]


async def work(connection: asyncpg.Connection, item: asyncpg.prepared_stmt.PreparedStatement) -> None:
    """Everything up to the refusals."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    await connection.execute(SCRATCH)
    await connection.execute(
        "INSERT INTO scratch VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        *(1, LABEL, PRICE, DAY, DOC, RAW, TAGS, None),
    )
    say_values(*await connection.fetchrow("SELECT label, price, day, doc, raw, tags, nothing FROM scratch"))

    async with connection.transaction():
        await connection.execute(INSERT, 2, "desk")
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(INSERT, 3, "chair")
    await transaction.rollback()
    say("transactions", await ids(connection, 1, 9))
    say("prepared", [await item.fetchval(number) for number in (1, 2, 9)])
    await connection.executemany(INSERT, [(10, "a"), (11, "b"), (12, "c")])
    say("batch", await ids(connection, 10, 19))

    await connection.copy_records_to_table("orders", records=[(20, "pen"), (21, "ink")])
    out = io.BytesIO()
    query = "SELECT * FROM orders WHERE id BETWEEN $1 AND $2 ORDER BY id"
    await connection.copy_from_query(query, 20, 29, output=out)
    say("copy", out.getvalue().decode())

    heard: asyncio.Queue[list[str]] = asyncio.Queue()
    await connection.add_listener(
        "news", lambda _, __, channel, payload: heard.put_nowait([channel, payload])
    )
    await connection.execute("NOTIFY news, 'hello'")
    async with asyncio.timeout(20):
        say("notify", await heard.get())
    described = await connection.prepare("SELECT * FROM orders")
    say("columns", [attribute.name for attribute in described.get_attributes()])


async def refusals(connection: asyncpg.Connection) -> None:
    """What is refused, by itself and in a transaction."""
    try:
        await connection.execute("DROP TABLE orders")
    except asyncpg.InsufficientPrivilegeError as error:
        say("refused_drop", told(error))
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(INSERT, 30, "never")
    try:
        await connection.execute("DELETE FROM orders")
    except asyncpg.InsufficientPrivilegeError as error:
        say("refused_delete", told(error))
    try:
        await connection.fetch("SELECT 1")
    except asyncpg.InFailedSQLTransactionError as error:
        say("aborted", error.sqlstate)
    await transaction.rollback()
    say("rolled_back", await ids(connection, 30, 39))


async def main() -> None:
    """The scenario."""
    connection = await asyncpg.connect(sys.argv[1])
    pid = connection.get_server_pid()
    say("connect", asyncpg.__version__)
    item = await connection.prepare("SELECT item FROM orders WHERE id = $1")
    await work(connection, item)
    await refusals(connection)
    found = await item.fetchval(1)
    await connection.execute(INSERT, 40, "vase")
    changed = await connection.execute("UPDATE orders SET item = $1 WHERE id = $2", "table", 2)
    scratch = await connection.fetchval("SELECT count(*) FROM scratch")
    same = await connection.fetchval("SELECT pg_backend_pid()") == pid
    await connection.execute("DROP TABLE scratch")
    say(
        "more_work",
        {"item": found, "changed": int(changed.split()[1]), "scratch": scratch, "same_connection": same},
    )
    await connection.close()


asyncio.run(main())
