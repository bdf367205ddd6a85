"""A gate in a working day, for what looks at its pages: things refused, changed, backed up and frozen.

In: a real server, a folder. Out: the address of the pages. Where it is `hostile`, whatever anybody may name
is named in markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from proxy.backup.cluster import Cluster
from proxy.policy.facts import Verification
from proxy.records import NewBackup, open_ledger
from tests.app.running import running

MARKUP = '<img src=x onerror="window.broken=1">\'&'
POLICY = """\
version: 1
name: production
environment: production
time:
  timezone: Europe/Berlin
  windows:
    evenings: {days: mon-thu, from: "20:00", to: "22:00"}
    month-end: {days: fri, from: "06:00", to: "23:00"}
rules:
  - id: no-drop
    match: {effects: [table.drop, column.drop, table.truncate]}
    why: Tables hold data that nobody has elsewhere.
    deny: "{effect} on {targets} would lose data."
    hint: Rename it, and drop it in a month's time.
    examples:
      refuse: [DROP TABLE users, {sql: TRUNCATE users, as: app}]
      allow: [CREATE TABLE users (id int)]
  - id: scoped-writes
    match: {effects: [row.delete, row.update], traits: [unscoped]}
    why: A WHERE that was forgotten touches every row.
    examples:
      refuse: [DELETE FROM users]
      allow: [DELETE FROM users WHERE id = 7]
  - id: changes-need-a-window
    match: {effects: [column.retype]}
    require: {window: evenings}
    why: Rewrites lock tables that customers wait for.
  - id: indexes-concurrently
    mode: shadow
    match: {effects: [index.create]}
    why: An index that is built in one go blocks writes.
"""


@contextmanager
def working_day(
    folder: Path,
    server: Cluster,
    database: str,
    *,
    hostile: bool = False,
    frozen: bool = True,
    more: Callable[[str], None] | None = None,
) -> Iterator[str]:
    """The address of a gate's pages, until the block ends.

    Args:
        more: what else is done, with a client's URL.
    """
    name = f"shop {MARKUP}" if hostile else database
    role = f"app {MARKUP}" if hostile else "app"
    _prepare(server, name, role)
    policy = folder / "production.yaml"
    policy.write_text(POLICY)
    _remember(folder / "ledger", name, hostile=hostile, frozen=frozen)
    flags = ("--upstream", f"postgresql://127.0.0.1:{server.port}", "--policy", str(policy))
    try:
        with running(
            folder, "--listen", "127.0.0.1:0", "--workers", "1", "--console", "127.0.0.1:0", *flags
        ) as gate:
            _work(gate.ports[0], name, role, f"psql {MARKUP}" if hostile else "prisma")
            if more is not None:
                more(_of(gate.ports[0], name, role, application_name="prisma"))
            yield f"http://{gate.started['console']}"
    finally:
        with psycopg.connect(_of(server.port, "postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def _of(port: int, database: str, role: str, **more: str) -> str:
    return psycopg.conninfo.make_conninfo(host="127.0.0.1", port=port, dbname=database, user=role, **more)


def _prepare(server: Cluster, database: str, role: str) -> None:
    with psycopg.connect(_of(server.port, "postgres", "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(role))
        )


def _remember(place: Path, database: str, *, hostile: bool, frozen: bool) -> None:
    now = datetime.now(UTC)
    ledger = open_ledger(place)
    where = f"s3://backups/{MARKUP}" if hostile else "s3://backups/shop"
    for days, level in ((2, Verification.RECORDED), (1, Verification.CHECKSUM), (0, Verification.RESTORED)):
        made = now - timedelta(days=days, hours=3, minutes=10)
        location = f"{where}/{made:%Y-%m-%d}"
        ledger.record_backup(NewBackup(database, made, location, level, "ada"))
    reason = f"the books are closed {MARKUP}" if hostile else "the books are closed"
    if frozen:
        ledger.freeze(
            "grace", reason, until=now + timedelta(hours=2), database=MARKUP if hostile else "books"
        )
    ledger.close()


def _work(port: int, database: str, role: str, application: str) -> None:
    with psycopg.connect(_of(port, database, role, application_name=application), autocommit=True) as client:
        for text in (
            "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)",
            "CREATE TABLE orders (id int PRIMARY KEY, buyer int REFERENCES users, total numeric)",
            "ALTER TABLE orders ADD COLUMN shipped timestamptz",
            f"ALTER TABLE users ADD COLUMN email text /* {MARKUP} */" if MARKUP in role else "SELECT 1",
            "CREATE INDEX orders_by_buyer ON orders (buyer)",
            *(f"SELECT name FROM users WHERE id = {number}" for number in range(200)),
            "DELETE FROM orders",
            "ALTER TABLE orders ALTER COLUMN total TYPE numeric(12, 2)",
            "ALTER ROLE app PASSWORD 'hunter2'; DROP TABLE orders",
            "DROP TABLE users CASCADE" + (f" /* {MARKUP} */" if MARKUP in role else ""),
        ):
            with suppress(psycopg.errors.InsufficientPrivilege):
                client.execute(text)
