"""SQLAlchemy over psycopg 3: tables, statements, and a session of its ORM."""

import sys

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

from tests.drivers.programs.lines import DAY, DOC, LABEL, PRICE, RAW, TAGS, say, say_values, told


class Base(orm.DeclarativeBase):
    """What the classes are declared by."""


class Order(Base):
    """An order."""

    __tablename__ = "orders"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    item: orm.Mapped[str]


scratch = sa.Table(
    "scratch",
    sa.MetaData(),
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
notes = sa.Table(
    "notes", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text)
)
PID = sa.select(sa.func.pg_backend_pid())

engine = sa.create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://"))
connection = engine.connect()
pid = connection.scalar(PID)
say("connect", sa.__version__)


def ids(first: int, last: int) -> list[int]:
    """The ids of orders in a range."""
    query = sa.select(Order.id).where(Order.id.between(first, last)).order_by(Order.id)
    return list(connection.scalars(query))


def item(number: int) -> str | None:
    """An order's item; psycopg prepares the statement at its sixth time."""
    return connection.scalar(sa.select(Order.item).where(Order.id == number))


scratch.create(connection)
connection.execute(
    scratch.insert(),
    {
        "id": 1,
        "label": LABEL,
        "price": PRICE,
        "day": DAY,
        "doc": DOC,
        "raw": RAW,
        "tags": TAGS,
        "nothing": None,
    },
)
columns = [column for column in scratch.c if column.name != "id"]
row = connection.execute(sa.select(*columns)).one()
connection.commit()
say_values(*row)

with orm.Session(connection) as session:
    session.add(Order(id=2, item="desk"))
    session.commit()
    session.add(Order(id=3, item="chair"))
    session.flush()
    session.rollback()
say("transactions", ids(1, 9))

for _ in range(4):
    items = [item(number) for number in (1, 2, 9)]
say("prepared", items)

connection.execute(
    sa.insert(Order).returning(Order.id),
    [{"id": 10, "item": "a"}, {"id": 11, "item": "b"}, {"id": 12, "item": "c"}],
)
connection.commit()
say("batch", ids(10, 19))

say("columns", [column["name"] for column in sa.inspect(connection).get_columns("orders")])
notes.create(connection)
connection.commit()
say("migrated", [column["name"] for column in sa.inspect(connection).get_columns("notes")])
connection.rollback()

try:
    Base.metadata.drop_all(connection)
except sa.exc.ProgrammingError as error:
    say("refused_drop", told(error, error.orig.diag))  # type: ignore[union-attr]
connection.rollback()

with orm.Session(connection) as session:
    session.add(Order(id=30, item="never"))
    session.flush()
    try:
        session.execute(sa.delete(Order))
    except sa.exc.ProgrammingError as error:
        say("refused_delete", told(error, error.orig.diag))  # type: ignore[union-attr]
    try:
        connection.execute(sa.select(1))
    except sa.exc.InternalError as error:
        say("aborted", error.orig.sqlstate)  # type: ignore[union-attr]
    session.rollback()
say("rolled_back", ids(30, 39))

found = item(1)
connection.execute(sa.insert(Order), {"id": 40, "item": "vase"})
changed = connection.execute(sa.update(Order).where(Order.id == 2).values(item="table")).rowcount
count = connection.scalar(sa.select(sa.func.count()).select_from(scratch))
same = connection.scalar(PID) == pid
scratch.drop(connection)
connection.commit()
say("more_work", {"item": found, "changed": changed, "scratch": count, "same_connection": same})
connection.close()
engine.dispose()
