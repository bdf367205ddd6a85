"""psycopg 3, its asynchronous face."""

import asyncio
import sys

import psycopg
from psycopg import errors
from psycopg.types.json import Jsonb

from tests.drivers.programs.lines import (
    DAY,
    DOC,
    LABEL,
    PRICE,
    RAW,
    SCRATCH,
    TAGS,
    say,
    say_values,
    told,
)

Connection = psycopg.AsyncConnection[tuple[object, ...]]


async def ids(connection: Connection, first: int, last: int) -> list[object]:
    """The ids of orders in a range."""
    query = "SELECT id FROM orders WHERE id BETWEEN %s AND %s ORDER BY id"
    return [row[0] async for row in await connection.execute(query, (first, last))]


async def item(connection: Connection, number: int) -> object:
    """An order's item, by a prepared statement."""
    query = "SELECT item FROM orders WHERE id = %s"
    found = await (await connection.execute(query, (number,), prepare=True)).fetchone()
    return found[0] if found else None


async def work(connection: Connection) -> None:
    """Everything up to the refusals."""
    await connection.execute(SCRATCH)
    await connection.execute(
        "INSERT INTO scratch VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (1, LABEL, PRICE, DAY, Jsonb(DOC), RAW, TAGS, None),
    )
    cursor = await connection.execute("SELECT label, price, day, doc, raw, tags, nothing FROM scratch")
    ((label, price, day, doc, raw, tags, nothing),) = await cursor.fetchall()
    assert isinstance(raw, bytes)
    say_values(label, price, day, doc, raw, tags, nothing)

    insert = "INSERT INTO orders VALUES (%s, %s)"
    async with connection.transaction():
        await connection.execute(insert, (2, "desk"))
    async with connection.transaction(force_rollback=True):
        await connection.execute(insert, (3, "chair"))
    say("transactions", await ids(connection, 1, 9))
    say("prepared", [await item(connection, number) for number in (1, 2, 9)])

    async with connection.pipeline():
        for row in ((10, "a"), (11, "b"), (12, "c")):
            await connection.execute(insert, row)
    say("batch", await ids(connection, 10, 19))

    async with connection.cursor().copy("COPY orders FROM STDIN") as copy:
        await copy.write_row((20, "pen"))
        await copy.write_row((21, "ink"))
    query = "COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT"
    async with connection.cursor().copy(query) as out:
        say("copy", b"".join([bytes(piece) async for piece in out]).decode())

    await connection.execute("LISTEN news")
    await connection.execute("NOTIFY news, 'hello'")
    async for heard in connection.notifies(timeout=20, stop_after=1):
        say("notify", [heard.channel, heard.payload])
    cursor = await connection.execute("SELECT * FROM orders LIMIT 0")
    say("columns", [column.name for column in cursor.description or ()])


async def refusals(connection: Connection) -> None:
    """What is refused, by itself and in a transaction."""
    try:
        await connection.execute("DROP TABLE orders")
    except errors.InsufficientPrivilege as error:
        say("refused_drop", told(error, error.diag))

    await connection.execute("BEGIN")
    await connection.execute("INSERT INTO orders VALUES (%s, %s)", (30, "never"))
    try:
        await connection.execute("DELETE FROM orders")
    except errors.InsufficientPrivilege as error:
        say("refused_delete", told(error, error.diag))
    try:
        await connection.execute("SELECT 1")
    except errors.InFailedSqlTransaction as error:
        say("aborted", error.sqlstate)
    await connection.execute("ROLLBACK")
    say("rolled_back", await ids(connection, 30, 39))


async def more_work(connection: Connection, pid: int) -> None:
    """Afterwards."""
    found = await item(connection, 1)
    await connection.execute("INSERT INTO orders VALUES (%s, %s)", (40, "vase"))
    update = await connection.execute("UPDATE orders SET item = %s WHERE id = %s", ("table", 2))
    ((scratch,),) = await (await connection.execute("SELECT count(*) FROM scratch")).fetchall()
    ((last,),) = await (await connection.execute("SELECT pg_backend_pid()")).fetchall()
    await connection.execute("DROP TABLE scratch")
    say(
        "more_work",
        {"item": found, "changed": update.rowcount, "scratch": scratch, "same_connection": last == pid},
    )


async def main() -> None:
    """The scenario."""
    async with await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True) as connection:
        say("connect", psycopg.__version__)
        await work(connection)
        await refusals(connection)
        await more_work(connection, connection.info.backend_pid)


asyncio.run(main())
