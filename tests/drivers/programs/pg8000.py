"""pg8000, its own interface."""

import io
import os
import ssl
import sys
from urllib.parse import urlsplit

import pg8000
import pg8000.native

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


def told(error: pg8000.native.DatabaseError) -> dict[str, object]:
    """The error as its user gets at it: a mapping, by the letters of the protocol."""
    (shown,) = error.args
    return {
        "class": class_of(error),
        "sqlstate": shown["C"],
        "message": shown["M"],
        "detail": shown.get("D"),
        "hint": shown.get("H"),
    }


url = urlsplit(sys.argv[1])
# It reads none of libpq's variables.
trusted = os.environ.get("PGSSLROOTCERT")
connection = pg8000.native.Connection(
    str(url.username),
    host=url.hostname,
    port=url.port,
    database=url.path.removeprefix("/"),
    ssl_context=ssl.create_default_context(cafile=trusted) if trusted else None,
)
run = connection.run
INSERT = "INSERT INTO orders VALUES (:id, :item)"


def ids(first: int, last: int) -> list[object]:
    """The ids of orders in a range."""
    query = "SELECT id FROM orders WHERE id BETWEEN :first AND :last ORDER BY id"
    return [row[0] for row in run(query, first=first, last=last)]


((pid,),) = run("SELECT pg_backend_pid()")
say("connect", pg8000.__version__)

run(SCRATCH)
run(
    "INSERT INTO scratch VALUES (:id, :label, :price, :day, :doc, :raw, :tags, :nothing)",
    id=1,
    label=LABEL,
    price=PRICE,
    day=DAY,
    doc=DOC,
    raw=RAW,
    tags=TAGS,
    nothing=None,
)
(row,) = run("SELECT label, price, day, doc, raw, tags, nothing FROM scratch")
say_values(*row)

run("BEGIN")
run(INSERT, id=2, item="desk")
run("COMMIT")
run("BEGIN")
run(INSERT, id=3, item="chair")
run("ROLLBACK")
say("transactions", ids(1, 9))

prepared = connection.prepare("SELECT item FROM orders WHERE id = :id")


def item(number: int) -> object:
    """An order's item, by the prepared statement."""
    found = prepared.run(id=number)
    return found[0][0] if found else None


say("prepared", [item(number) for number in (1, 2, 9)])

run("COPY orders FROM STDIN", stream=io.BytesIO(b"20\tpen\n21\tink\n"))
out = io.BytesIO()
run("COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT", stream=out)
say("copy", out.getvalue().decode())

run("LISTEN news")
run("NOTIFY news, 'hello'")
run("SELECT 1")
((_, channel, payload),) = connection.notifications
say("notify", [channel, payload])

run("SELECT * FROM orders LIMIT 0")
say("columns", [column["name"] for column in connection.columns or ()])

try:
    run("DROP TABLE orders")
except pg8000.native.DatabaseError as error:
    say("refused_drop", told(error))

run("BEGIN")
run(INSERT, id=30, item="never")
try:
    run("DELETE FROM orders")
except pg8000.native.DatabaseError as error:
    say("refused_delete", told(error))
try:
    run("SELECT 1")
except pg8000.native.DatabaseError as error:
    say("aborted", error.args[0]["C"])
run("ROLLBACK")
say("rolled_back", ids(30, 39))

found = item(1)
run(INSERT, id=40, item="vase")
run("UPDATE orders SET item = :item WHERE id = :id", item="table", id=2)
changed = connection.row_count
((scratch,),) = run("SELECT count(*) FROM scratch")
((last,),) = run("SELECT pg_backend_pid()")
run("DROP TABLE scratch")
say("more_work", {"item": found, "changed": changed, "scratch": scratch, "same_connection": last == pid})
connection.close()
