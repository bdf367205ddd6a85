"""psycopg 3 at the gate, both of its faces: ordinary work, and a refusal as its user catches it."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import scalar_row
from psycopg.types.composite import CompositeInfo
from psycopg.types.enum import EnumInfo
from psycopg.types.json import Jsonb

from tests.clients.gate import Gate
from tests.servers.database import Database

REFUSED = (
    "42501",
    "DROP TABLE on users would lose data. [rule no-drop]",
    "A table is dropped: users (high risk).",
    "Keep it, or ask the owners of this database; Prisma: migrate deploy, not migrate reset or db push.",
    None,
)
UNREADABLE = (
    "42601",
    'syntax error at or near "FORM"',
    "pgwarden could not read this statement, so it did not go on to the server.",
    "Check its syntax, or write it in a plainer way.",
    "10",
)


@pytest.fixture
def connection(gate: Gate, users: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        yield connection


@pytest.fixture
async def aconnection(gate: Gate, users: Database) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(gate.url(users.name), autocommit=True) as connection:
        yield connection


def shown(error: psycopg.Error) -> tuple[str | None, ...]:
    told = error.diag
    return (
        told.sqlstate,
        told.message_primary,
        told.message_detail,
        told.message_hint,
        told.statement_position,
    )


def ids(connection: psycopg.Connection) -> list[int]:
    return connection.cursor(row_factory=scalar_row).execute("SELECT id FROM users ORDER BY id").fetchall()


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cursor", "prepare"),
    [
        (psycopg.Cursor, None),
        (psycopg.Cursor, True),
        (psycopg.RawCursor, True),
        (psycopg.ClientCursor, None),
    ],
)
def test_a_refusal_is_an_exception_and_the_connection_lives_on(
    connection: psycopg.Connection, cursor: type[psycopg.Cursor], prepare: bool | None
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        cursor(connection).execute("DROP TABLE users", prepare=prepare)
    assert shown(refused.value) == REFUSED
    with pytest.raises(psycopg.errors.SyntaxError) as unread:
        cursor(connection).execute("SELECT * FORM users FOR UPDATE", prepare=prepare)
    assert shown(unread.value) == UNREADABLE
    assert ids(connection) == [1]
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.defect_06
def test_a_refusal_aborts_the_transaction(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute("INSERT INTO users VALUES (2, 'grace')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE users")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("INSERT INTO users VALUES (3, 'x')")
        raise psycopg.errors.InsufficientPrivilege
    assert ids(connection) == [1]


def test_a_refusal_in_a_savepoint_leaves_the_transaction(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO users VALUES (2, 'grace')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("INSERT INTO users VALUES (3, 'x')")
            connection.execute("TRUNCATE users")
        connection.execute("INSERT INTO users VALUES (4, 'mary')")
    assert ids(connection) == [1, 2, 4]


@pytest.mark.defect_04
def test_a_refusal_in_a_pipeline(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused, connection.pipeline():
        connection.execute("INSERT INTO users VALUES (2, 'grace')")
        connection.execute("DROP TABLE users")
        connection.execute("INSERT INTO users VALUES (3, 'x')")
    assert shown(refused.value) == REFUSED
    # One implicit transaction up to the Sync: the insert before the refusal is undone, too.
    assert ids(connection) == [1]


@pytest.mark.defect_04
def test_a_pipeline_with_syncs_loses_only_the_part_refused(connection: psycopg.Connection) -> None:
    with connection.pipeline() as pipeline:
        connection.execute("INSERT INTO users VALUES (2, 'grace')")
        pipeline.sync()
        cursor = connection.cursor()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            cursor.execute("DROP TABLE users")
            pipeline.sync()
        connection.execute("INSERT INTO users VALUES (3, 'mary')")
    assert ids(connection) == [1, 2, 3]


@pytest.mark.defect_32
def test_text_with_dangerous_words_passes(connection: psycopg.Connection) -> None:
    text = "DROP TABLE users; DELETE FROM users --"
    assert connection.execute("SELECT %s::text", [text]).fetchone() == (text,)
    assert connection.execute(sql.SQL("SELECT {} AS {}").format(text, sql.Identifier(text))).fetchone() == (
        text,
    )


# -- ordinary work -----------------------------------------------------------------------------------------

VALUES = [
    True,
    -7,
    2**62,
    1.5,
    decimal.Decimal("12.3400"),
    "déjà 🐘 \\ ' \"",
    b"\x00\xff\r\n",
    datetime.date(2026, 3, 4),
    datetime.datetime(2026, 3, 4, 5, 6, 7, 8, datetime.UTC),
    datetime.timedelta(days=1, seconds=2),
    uuid.UUID(int=5),
    ipaddress.ip_interface("10.0.0.1/8"),
    [1, 2, 3],
    None,
]


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_values_in_both_formats(connection: psycopg.Connection, binary: bool) -> None:
    connection.execute("SET timezone = 'UTC'")
    marks = ", ".join(["%b" if binary else "%t"] * len(VALUES))
    found = connection.execute(f"SELECT {marks}".encode(), VALUES, binary=binary).fetchone()
    assert found == tuple(VALUES)
    assert connection.execute("SELECT %s", [Jsonb({"a": [1]})], binary=binary).fetchone() == ({"a": [1]},)


def prepared(connection: psycopg.Connection) -> list[str]:
    found = connection.cursor(row_factory=scalar_row).execute(
        "SELECT statement FROM pg_prepared_statements ORDER BY statement", prepare=False
    )
    return found.fetchall()


@pytest.mark.defect_11
def test_statements_become_prepared_and_are_closed_again(connection: psycopg.Connection) -> None:
    connection.prepare_threshold = 3
    insert, select = "INSERT INTO users VALUES ($1, $2)", "SELECT name FROM users WHERE id = $1"
    for number in range(2, 8):
        connection.execute(insert.replace("$1", "%s").replace("$2", "%s"), [number, "x"])
        assert connection.execute(select.replace("$1", "%s"), [number]).fetchone() == ("x",)
    assert prepared(connection) == [insert, select]
    connection.prepared_max = 2
    for column in ("id", "name", "id, name", "name, id"):
        connection.execute(f"SELECT {column} FROM users".encode(), prepare=True)
    assert prepared(connection) == ["SELECT id, name FROM users", "SELECT name, id FROM users"]
    connection.execute("DEALLOCATE ALL")
    assert prepared(connection) == []
    assert ids(connection) == list(range(1, 8))


def test_executemany(connection: psycopg.Connection) -> None:
    cursor = connection.cursor()
    cursor.executemany(
        "INSERT INTO users VALUES (%s, %s) RETURNING id", [(n, "x") for n in range(2, 200)], returning=True
    )
    assert [result.fetchone() for result in cursor.results()] == [(n,) for n in range(2, 200)]


def test_a_pipeline(connection: psycopg.Connection) -> None:
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int * 2", [n]) for n in range(300)]
        assert [cursor.fetchone() for cursor in cursors] == [(2 * n,) for n in range(300)]


@pytest.mark.defect_09
@pytest.mark.parametrize("withhold", [False, True], ids=["in a transaction", "with hold"])
def test_a_server_side_cursor(connection: psycopg.Connection, withhold: bool) -> None:
    connection.execute("INSERT INTO users SELECT n, 'x' FROM generate_series(2, 1000) AS n")
    with connection.transaction(), connection.cursor("mine", scrollable=True, withhold=withhold) as cursor:
        cursor.itersize = 100
        cursor.execute("SELECT id FROM users WHERE id > %s ORDER BY id", [10])
        assert cursor.fetchmany(2) == [(11,), (12,)]
        cursor.scroll(-2)
        assert [row for (row,) in cursor] == list(range(11, 1001))


def test_copy_both_ways(connection: psycopg.Connection) -> None:
    cursor = connection.cursor()
    rows = [(n, f"name {n}\t\\" if n % 2 else None) for n in range(2, 5000)]
    with cursor.copy("COPY users FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    assert cursor.rowcount == len(rows)
    with cursor.copy("COPY (SELECT * FROM users WHERE id > 1 ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "text"])
        assert list(copy.rows()) == rows
    with pytest.raises(ZeroDivisionError), cursor.copy("COPY users FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((6000, "never"))
        raise ZeroDivisionError  # CopyFail
    assert connection.execute("SELECT count(*) FROM users").fetchone() == (len(rows) + 1,)


def test_transactions_and_settings(connection: psycopg.Connection) -> None:
    connection.autocommit = False
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    connection.execute("INSERT INTO users VALUES (2, 'grace')")
    assert connection.execute("SHOW transaction_isolation").fetchone() == ("serializable",)
    connection.rollback()
    connection.execute("INSERT INTO users VALUES (3, 'mary')")
    connection.commit()
    connection.read_only = True
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("INSERT INTO users VALUES (4, 'x')")
    connection.rollback()
    assert ids(connection) == [1, 3]


def test_startup_parameters_arrive(gate: Gate, users: Database) -> None:
    url = gate.url(users.name, application_name="bill ing", options="-c work_mem=5MB -c search_path=a,b")
    with psycopg.connect(url) as connection:
        names = ("application_name", "work_mem", "search_path")
        found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
    assert found == [("bill ing",), ("5MB",), ("a,b",)]


def test_startup_parameters_are_judged(gate: Gate, users: Database) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(gate.url(users.name), client_encoding="sjis")
    assert str(refused.value).partition("failed: FATAL:  ")[2].splitlines() == [
        "Setting client_encoding so would weaken what protects the data. [rule no-weaker-settings]",
        "DETAIL:  A setting changes: client_encoding (high risk).",
        "HINT:  Leave this setting as the server has it.",
    ]


def test_what_the_driver_looks_up_by_itself(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    connection.execute("CREATE TYPE pair AS (a int, b text)")
    mood = EnumInfo.fetch(connection, "mood")
    pair = CompositeInfo.fetch(connection, "pair")
    assert mood is not None
    assert pair is not None
    assert (list(mood.labels), list(pair.field_names)) == (["sad", "ok"], ["a", "b"])


# -- the asynchronous face ---------------------------------------------------------------------------------


async def test_refusals_asynchronously(aconnection: psycopg.AsyncConnection) -> None:
    for prepare in (None, True):
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
            await aconnection.execute("DROP TABLE users", prepare=prepare)
        assert shown(refused.value) == REFUSED
    cursor = await aconnection.execute("SELECT name FROM users")
    assert await cursor.fetchall() == [("ada",)]


async def test_a_pipeline_asynchronously(aconnection: psycopg.AsyncConnection) -> None:
    async with aconnection.pipeline():
        cursors = [await aconnection.execute("SELECT %s::int", [n]) for n in range(100)]
        assert [await cursor.fetchone() for cursor in cursors] == [(n,) for n in range(100)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with aconnection.pipeline():
            await aconnection.execute("INSERT INTO users VALUES (2, 'x')")
            await aconnection.execute("TRUNCATE users")
    cursor = await aconnection.execute("SELECT id FROM users")
    assert await cursor.fetchall() == [(1,)]


async def test_copy_and_cursors_asynchronously(aconnection: psycopg.AsyncConnection) -> None:
    async with aconnection.cursor() as cursor, cursor.copy("COPY users FROM STDIN") as copy:
        for number in range(2, 1000):
            await copy.write_row((number, "x"))
    async with aconnection.transaction(), aconnection.cursor("mine") as named:
        await named.execute("SELECT id FROM users ORDER BY id")
        assert [row async for (row,) in named] == list(range(1, 1000))
    async with aconnection.cursor() as cursor, cursor.copy("COPY users TO STDOUT") as out:
        assert len([row async for row in out.rows()]) == 999
