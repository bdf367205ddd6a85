"""Alembic over psycopg 3: each step is a revision, written and then upgraded to, all on one connection."""

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import __version__, command
from alembic.config import Config

from tests.drivers.programs.lines import say, say_values, told

ENVIRONMENT = """\
from alembic import context
context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""
REVISION = """\
import datetime, decimal
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from tests.drivers.programs.lines import DAY, DOC, LABEL, PRICE, RAW, TAGS
revision, down_revision = "{number}", {before}
orders = sa.table("orders", sa.column("id", sa.Integer), sa.column("item", sa.Text))
def upgrade():
{body}
"""
SCRATCH = """
scratch = op.create_table(
    "scratch",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("label", sa.Text),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("day", sa.Date),
    sa.Column("doc", postgresql.JSONB),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("tags", sa.ARRAY(sa.Integer)),
    sa.Column("nothing", sa.Text),
    prefixes=["TEMPORARY"],
)
row = dict(id=1, label=LABEL, price=PRICE, day=DAY, doc=DOC, raw=RAW, tags=TAGS, nothing=None)
op.bulk_insert(scratch, [row])
"""
NOTES = """
op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
"""
NEVER = """
op.bulk_insert(orders, [{"id": 30, "item": "never"}])
op.execute(sa.delete(orders))
"""
BATCH = """
op.bulk_insert(orders, [{"id": 10, "item": "a"}, {"id": 11, "item": "b"}, {"id": 12, "item": "c"}])
"""
MORE = """
op.add_column("notes", sa.Column("at", sa.DateTime))
op.bulk_insert(orders, [{"id": 40, "item": "vase"}])
op.execute(sa.update(orders).where(orders.c.id == 2).values(item="table"))
"""
PID = sa.text("SELECT pg_backend_pid()")

folder = tempfile.TemporaryDirectory()
script = Path(folder.name)
(script / "versions").mkdir()
(script / "env.py").write_text(ENVIRONMENT)
engine = sa.create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://"))
connection = engine.connect()
config = Config(attributes={"connection": connection})
config.set_main_option("script_location", folder.name)
config.set_main_option("path_separator", "os")
done = 0


def migrate(body: str) -> None:
    """Write the next revision, or write it anew if it did not pass, and upgrade to it."""
    global done
    number = done + 1
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    before = f'"{done}"' if done else None
    (script / "versions" / f"{number}_.py").write_text(
        REVISION.format(number=number, before=before, body=indented)
    )
    try:
        command.upgrade(config, "head")
        connection.commit()
        done = number
    finally:
        connection.rollback()


def refused(body: str) -> dict[str, str | None]:
    """The error of a revision that does not pass."""
    try:
        migrate(body)
    except sa.exc.ProgrammingError as error:
        return told(error, error.orig.diag)  # type: ignore[union-attr]
    raise AssertionError("it passed")


def rows(query: str) -> list[tuple[object, ...]]:
    """The rows of a query."""
    found = [tuple(row) for row in connection.execute(sa.text(query))]
    connection.commit()
    return found


def ids(first: int, last: int) -> list[object]:
    """The ids of orders in a range."""
    return [row[0] for row in rows(f"SELECT id FROM orders WHERE id BETWEEN {first} AND {last} ORDER BY id")]


((pid,),) = rows("SELECT pg_backend_pid()")
say("connect", __version__)
migrate(SCRATCH)
((label, price, day, doc, raw, tags, nothing),) = rows(
    "SELECT label, price, day, doc, raw, tags, nothing FROM scratch"
)
assert isinstance(raw, bytes)
say_values(label, price, day, doc, raw, tags, nothing)

migrate('op.bulk_insert(orders, [{"id": 2, "item": "desk"}])')
try:
    migrate('op.bulk_insert(orders, [{"id": 3, "item": "chair"}])\nop.execute("SELECT 1 / 0")')
except sa.exc.DataError:
    say("transactions", ids(1, 9))
migrate(BATCH)
say("batch", ids(10, 19))
say("columns", [column["name"] for column in sa.inspect(connection).get_columns("orders")])
connection.commit()
migrate(NOTES)
say(
    "migrated",
    [
        name
        for (name,) in rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0"
        )
    ],
)
say("refused_migration", refused('op.drop_column("orders", "item")'))
say("refused_drop", refused('op.drop_table("orders")'))
say("refused_delete", refused(NEVER))
say("rolled_back", ids(30, 39))

migrate(MORE)
((found,),) = rows("SELECT item FROM orders WHERE id = 1")
((changed,),) = rows("SELECT count(*) FROM orders WHERE item = 'table'")
((scratch,),) = rows("SELECT count(*) FROM scratch")
((last,),) = rows("SELECT pg_backend_pid()")
migrate('op.drop_table("scratch")')
say("more_work", {"item": found, "changed": changed, "scratch": scratch, "same_connection": last == pid})
connection.close()
engine.dispose()
folder.cleanup()
