"""psycopg2."""

import io
import select
import sys
from importlib.metadata import version

import psycopg2
from psycopg2 import errors, extras

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

connection = psycopg2.connect(sys.argv[1])
cursor = connection.cursor()


def rows(query: str, *parameters: object) -> list[tuple[object, ...]]:
    """Run a query, and give all its rows."""
    cursor.execute(query, parameters or None)
    return cursor.fetchall()


def ids(first: int, last: int) -> list[object]:
    """The ids of orders in a range."""
    return [
        row[0] for row in rows("SELECT id FROM orders WHERE id BETWEEN %s AND %s ORDER BY id", first, last)
    ]


pid = connection.info.backend_pid
say("connect", version("psycopg2-binary"))

cursor.execute(SCRATCH)
cursor.execute(
    "INSERT INTO scratch VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
    (1, LABEL, PRICE, DAY, extras.Json(DOC), RAW, TAGS, None),
)
((label, price, day, doc, raw, tags, nothing),) = rows(
    "SELECT label, price, day, doc, raw, tags, nothing FROM scratch"
)
connection.commit()
assert isinstance(raw, memoryview)
say_values(label, price, day, doc, raw, tags, nothing)

with connection:
    cursor.execute("INSERT INTO orders VALUES (%s, %s)", (2, "desk"))
cursor.execute("INSERT INTO orders VALUES (%s, %s)", (3, "chair"))
connection.rollback()
say("transactions", ids(1, 9))

cursor.execute("PREPARE item (int) AS SELECT item FROM orders WHERE id = $1")


def item(number: int) -> object:
    """An order's item, by the prepared statement."""
    found = rows("EXECUTE item (%s)", number)
    return found[0][0] if found else None


say("prepared", [item(number) for number in (1, 2, 9)])

extras.execute_values(cursor, "INSERT INTO orders VALUES %s", [(10, "a"), (11, "b"), (12, "c")])
connection.commit()
say("batch", ids(10, 19))

cursor.copy_expert("COPY orders FROM STDIN", io.StringIO("20\tpen\n21\tink\n"))
out = io.StringIO()
cursor.copy_expert("COPY (SELECT * FROM orders WHERE id BETWEEN 20 AND 29 ORDER BY id) TO STDOUT", out)
connection.commit()
say("copy", out.getvalue())

connection.autocommit = True
cursor.execute("LISTEN news")
cursor.execute("NOTIFY news, 'hello'")
while not connection.notifies:
    select.select([connection], [], [], 20)
    connection.poll()
(heard,) = connection.notifies
say("notify", [heard.channel, heard.payload])

cursor.execute("SELECT * FROM orders LIMIT 0")
say("columns", [column.name for column in cursor.description or ()])

try:
    cursor.execute("DROP TABLE orders")
except errors.InsufficientPrivilege as error:
    say("refused_drop", told(error, error.diag))

connection.autocommit = False
cursor.execute("INSERT INTO orders VALUES (%s, %s)", (30, "never"))
try:
    cursor.execute("DELETE FROM orders")
except errors.InsufficientPrivilege as error:
    say("refused_delete", told(error, error.diag))
try:
    cursor.execute("SELECT 1")
except errors.InFailedSqlTransaction as error:
    say("aborted", error.pgcode)
connection.rollback()
say("rolled_back", ids(30, 39))

found = item(1)
cursor.execute("INSERT INTO orders VALUES (%s, %s)", (40, "vase"))
cursor.execute("UPDATE orders SET item = %s WHERE id = %s", ("table", 2))
changed = cursor.rowcount
((scratch,),) = rows("SELECT count(*) FROM scratch")
((last,),) = rows("SELECT pg_backend_pid()")
cursor.execute("DROP TABLE scratch")
connection.commit()
say("more_work", {"item": found, "changed": changed, "scratch": scratch, "same_connection": last == pid})
connection.close()
