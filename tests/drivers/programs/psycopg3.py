"""psycopg 3: `sync`, `binary` (parameters and results), or `pipeline` (every statement in one)."""

import contextlib
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

VARIANT, URL = sys.argv[1:]
MARK = "%b" if VARIANT == "binary" else "%s"


connection = psycopg.connect(URL, autocommit=True, cursor_factory=psycopg.Cursor)


def batch() -> contextlib.AbstractContextManager[object]:
    """What every statement runs in."""
    return connection.pipeline() if VARIANT == "pipeline" else contextlib.nullcontext()


def run(query: str, *parameters: object, prepare: bool | None = None) -> psycopg.Cursor[tuple[object, ...]]:
    """Run a statement."""
    cursor = connection.cursor(binary=VARIANT == "binary")
    return cursor.execute(query.replace("%s", MARK).encode(), parameters or None, prepare=prepare)


def ids(first: int, last: int) -> list[object]:
    """The ids of orders in a range."""
    with batch():
        found = run("SELECT id FROM orders WHERE id BETWEEN %s AND %s ORDER BY id", first, last)
        return [row[0] for row in found.fetchall()]


def item(number: int) -> object:
    """An order's item, by a prepared statement."""
    with batch():
        found = run("SELECT item FROM orders WHERE id = %s", number, prepare=True).fetchone()
    return found[0] if found else None


def prepared() -> object:
    """How often such a statement has been prepared."""
    counted = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT item %'"
    return connection.execute(counted).fetchone()


pid = connection.info.backend_pid
say("connect", psycopg.__version__)

with batch():
    run(SCRATCH)
    values = (1, LABEL, PRICE, DAY, Jsonb(DOC), RAW, TAGS, None)
    run("INSERT INTO scratch VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", *values)
    ((label, price, day, doc, raw, tags, nothing),) = run(
        "SELECT label, price, day, doc, raw, tags, nothing FROM scratch"
    ).fetchall()
assert isinstance(raw, bytes)
say_values(label, price, day, doc, raw, tags, nothing)

with batch(), connection.transaction():
    run("INSERT INTO orders VALUES (%s, %s)", 2, "desk")
with batch(), connection.transaction(force_rollback=True):
    run("INSERT INTO orders VALUES (%s, %s)", 3, "chair")
say("transactions", ids(1, 9))

say("prepared", [item(number) for number in (1, 2, 9)])
assert prepared() == (1,)

with connection.pipeline():
    connection.cursor().executemany("INSERT INTO orders VALUES (%s, %s)", [(10, "a"), (11, "b"), (12, "c")])
say("batch", ids(10, 19))

with connection.cursor().copy("COPY orders FROM STDIN") as copy:
    copy.write_row((20, "pen"))
    copy.write_row((21, "ink"))
with connection.cursor().copy(
    "COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT"
) as out:
    say("copy", b"".join(out).decode())

with batch():
    run("LISTEN news")
# Not in a pipeline: psycopg may miss what is heard while one ends, at the server itself too.
run("NOTIFY news, 'hello'")
(heard,) = connection.notifies(timeout=20, stop_after=1)
say("notify", [heard.channel, heard.payload])

with batch():
    described = run("SELECT * FROM orders LIMIT 0")
    described.fetchall()
say("columns", [column.name for column in described.description or ()])

try:
    with batch():
        run("DROP TABLE orders")
except errors.InsufficientPrivilege as error:
    say("refused_drop", told(error, error.diag))

with batch():
    run("BEGIN")
    run("INSERT INTO orders VALUES (%s, %s)", 30, "never")
try:
    with batch():
        run("DELETE FROM orders")
except errors.InsufficientPrivilege as error:
    say("refused_delete", told(error, error.diag))
try:
    with batch():
        run("SELECT 1")
except errors.InFailedSqlTransaction as error:
    say("aborted", error.sqlstate)
with batch():
    run("ROLLBACK")
say("rolled_back", ids(30, 39))

found = item(1)
assert prepared() == (1,)
with batch():
    run("INSERT INTO orders VALUES (%s, %s)", 40, "vase")
    update = run("UPDATE orders SET item = %s WHERE id = %s", "table", 2)
    counted = run("SELECT count(*) FROM scratch")
    last = run("SELECT pg_backend_pid()")
    run("DROP TABLE scratch")
    ((scratch,),), ((same,),) = counted.fetchall(), last.fetchall()
say(
    "more_work",
    {"item": found, "changed": update.rowcount, "scratch": scratch, "same_connection": same == pid},
)
connection.close()
