"""What tools send every day runs behind the gate as it runs at the server: `tests/policy/everyday`, replayed.

Each set is sent twice, to a server and to another of the same kind behind a session with the three packs; a
statement is answered alike, and most run: `everyday_tables.sql` has the tables that a set speaks of and does
not make. Parameters are NULL. Left out is what is refused, and what reaches beyond its database: roles, other
databases, other sessions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from proxy.sql.analyse import analyse
from tests.conftest import ServerAt
from tests.policy.test_everyday import POLICIES, statements
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.test_catalogue import knowing
from tests.session.wired import Answer, gate_of

PACKS = f"""
version: 1
name: packs
include:
  - {POLICIES}/rules/no-data-loss.yaml
  - {POLICIES}/rules/unscoped-writes.yaml
  - {POLICIES}/rules/guard-the-guards.yaml
"""
BEYOND = re.compile(r"(role|database|tablespace|server|subscription|transaction|owner|replication)\.")
ENDS = {"transaction.begin", "transaction.commit", "transaction.rollback", "transaction.savepoint"}
FEW = {"celery", "graphile-worker", "jdbc", "pg-boss"}
"""Most of what these send calls functions of their own, or stands behind a SET that makes all read only."""
SEES_OTHERS = re.compile(r"pg_locks|pg_stat")
COPY_IN = re.compile(r"(?is)\s*copy\b.*\bfrom\s+stdin")
COPY_DONE = b"c\0\0\0\4"
PARAMETER = re.compile(r"\$(\d{1,2})\b")
TABLES = {
    tool: ddl
    for tool, _, ddl in (
        part.partition("\n")
        for part in (Path(__file__).parent / "everyday_tables.sql")
        .read_text()
        .removeprefix("== ")
        .split("\n== ")
    )
}
TOOLS = sorted(path.stem for path in (Path(POLICIES).parent / "tests/policy/everyday").glob("*.sql"))


def sent_by(tool: str) -> Iterator[str]:
    """The statements of a set that stay within their database."""
    for name, sql, rules in statements():
        names = set() if name != tool else {effect.name for effect in analyse(sql, 17).effects}
        if name == tool and not rules and not any(map(BEYOND.match, names - ENDS)):
            yield sql


def message(sql: str) -> bytes:
    """A statement as a client sends it: with parameters it is prepared, and these are NULL."""
    numbers = [int(number) for number in PARAMETER.findall(sql)]
    if numbers:
        return P(sql) + B(values=[None] * max(numbers)) + E() + S
    return Q(sql) + (COPY_DONE if COPY_IN.match(sql) else b"")


def shape(sql: str, told: list[Answer]) -> list[tuple[object, ...]]:
    """What does not hang on the hour, nor on who else is there.

    That is: kinds of messages, tags, codes, how many columns a row has.
    """
    found = [
        answer[:2] if answer[0] in {"C", "E", "Z"} else (answer[0], len(answer))
        for answer in told
        if answer[0] not in {"S", "N", "A"}
    ]
    return [each for each in found if each[0] not in {"C", "D"}] if SEES_OTHERS.search(sql) else found


@pytest.mark.parametrize("tool", TOOLS)
def test_it_runs_as_at_the_server(
    tool: str, server_at: ServerAt, new_database: Callable[[Cluster], Database], clients: Clients
) -> None:
    one, other = new_database(server_at(17)), new_database(server_at(17))
    for database in (one, other):
        database.execute(TABLES.get(tool, "SELECT 1"))
    at_the_server, behind = clients.bare(one), clients.wired(other, gate_of(PACKS))
    sent = list(sent_by(tool))
    ran = 0
    status: object = "I"
    for sql in sent:
        if status == "T":  # so that an error undoes its own statement alone
            for client in (at_the_server, behind):
                client.exchange(Q("SAVEPOINT here"))
        expected = shape(sql, at_the_server.exchange(message(sql)))
        assert shape(sql, behind.exchange(message(sql))) == expected, sql
        ran += "E" not in {kind for kind, *_ in expected}
        goes_on = status == "T" and ("E", "25006") not in expected  # in one that only reads all would fail
        undoing = "ROLLBACK TO here" if goes_on else "ROLLBACK"
        status = expected[-1][1]
        if status == "E":
            for client in (at_the_server, behind):
                status = client.exchange(Q(undoing))[-1][1]
    assert tool in FEW or ran * 2 > len(sent)


STAMPS = """CREATE OR REPLACE FUNCTION stamp() RETURNS trigger AS $$
BEGIN NEW.updated_at = now(); RETURN NEW; END $$ LANGUAGE plpgsql"""
MIGRATIONS = {
    "Django adds a field with a default": [
        "BEGIN",
        """ALTER TABLE "shop_item" ADD COLUMN "note" varchar(40) DEFAULT '' NOT NULL""",
        'ALTER TABLE "shop_item" ALTER COLUMN "note" DROP DEFAULT',
        "COMMIT",
    ],
    "Django fills a field": [
        "BEGIN",
        'ALTER TABLE "shop_item" ADD COLUMN "label" varchar(80) NULL',
        """UPDATE "shop_item" SET "label" = UPPER("shop_item"."title")""",
        'ALTER TABLE "shop_item" ALTER COLUMN "label" SET NOT NULL',
        "COMMIT",
    ],
    "Alembic widens a key in steps": [
        "BEGIN",
        "ALTER TABLE shop_item ADD COLUMN big BIGINT",
        "UPDATE shop_item SET big = id",
        "ALTER TABLE shop_item ALTER COLUMN big SET NOT NULL",
        "CREATE UNIQUE INDEX ix_big ON shop_item (big)",
        "COMMIT",
    ],
    "Prisma adds a required column": [
        """-- AlterTable
ALTER TABLE "shop_item" ADD COLUMN     "kind" TEXT;

-- Fill what is there
UPDATE "shop_item" SET "kind" = CASE WHEN "title" = 'a' THEN 'first' ELSE 'other' END;

-- AlterTable
ALTER TABLE "shop_item" ALTER COLUMN "kind" SET NOT NULL;

-- CreateIndex
CREATE INDEX "shop_item_kind_idx" ON "shop_item"("kind");
"""
    ],
    "a new table takes over from an old one": [
        """CREATE TABLE owner (id int PRIMARY KEY, item_id int UNIQUE);
        INSERT INTO owner SELECT 10 * id, id FROM shop_item;
        ALTER TABLE shop_item ADD COLUMN owner_id int;
        UPDATE shop_item SET owner_id = owner.id FROM owner WHERE owner.item_id = shop_item.id;
        ALTER TABLE shop_item ADD CONSTRAINT item_owner FOREIGN KEY (owner_id) REFERENCES owner (id);"""
    ],
    "a helper column comes and goes": [
        "BEGIN",
        "ALTER TABLE shop_item ADD COLUMN IF NOT EXISTS scratch int",
        "INSERT INTO shop_item (title) SELECT title FROM shop_item WHERE id = 1",
        "COMMIT",
        """ALTER TABLE shop_item ADD COLUMN tmp int; UPDATE shop_item SET tmp = 1;
        ALTER TABLE shop_item DROP COLUMN tmp""",
    ],
    "a helper table and a helper function come and go": [
        "BEGIN",
        "CREATE TABLE moved AS SELECT id, upper(title) AS title FROM shop_item",
        "ALTER TABLE moved ADD COLUMN n int",
        "UPDATE moved SET n = 1",
        "CREATE FUNCTION label(n int) RETURNS text LANGUAGE sql AS 'SELECT ''no. '' || n'",
        "INSERT INTO shop_item (title) SELECT label(id) FROM moved",
        "DELETE FROM moved",
        "DROP TABLE moved",
        "DROP FUNCTION label(int)",
        "COMMIT",
    ],
    "a table with partitions, in one text": [
        """CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
        CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        CREATE TABLE events_rest PARTITION OF events DEFAULT;
        INSERT INTO events SELECT id, '2026-05-01' FROM shop_item; SELECT count(*) FROM events_2026""",
    ],
    "Supabase guards a new table": [
        "BEGIN",
        "CREATE TABLE todo (id int PRIMARY KEY, item_id int REFERENCES shop_item)",
        "ALTER TABLE todo ENABLE ROW LEVEL SECURITY",
        """CREATE FUNCTION is_sold() RETURNS boolean LANGUAGE sql STABLE
        AS 'SELECT EXISTS (SELECT FROM shop_item WHERE id = 1)'""",
        'DROP POLICY IF EXISTS "Enable read" ON todo',
        'CREATE POLICY "Enable read" ON todo FOR SELECT USING (is_sold())',
        "INSERT INTO todo VALUES (1, 1)",
        "COMMIT",
        'DROP POLICY IF EXISTS "Enable read" ON shop_item',
    ],
    "Hasura declares its trigger for each table": [
        f"CREATE TABLE {table} (id int, updated_at timestamptz); {STAMPS};"
        f"DROP TRIGGER IF EXISTS s ON {table};"
        f"CREATE TRIGGER s BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stamp()"
        for table in ("first", "second")
    ],
    "pg_restore in a single transaction": [
        "BEGIN",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "CREATE TABLE public.users (id integer NOT NULL, name text)",
        "CREATE SEQUENCE public.users_id_seq AS integer START WITH 1",
        "ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id",
        "INSERT INTO public.users VALUES (7, 'a')",
        "SELECT pg_catalog.setval('public.users_id_seq', 7, true)",
        "COMMIT",
    ],
    "rows are loaded with their numbers": [
        "INSERT INTO shop_item (id, title) VALUES (100, 'x')",
        """SELECT setval(pg_get_serial_sequence('"shop_item"','id'), coalesce(max("id"), 1),
        max("id") IS NOT null) FROM "shop_item";""",
        "INSERT INTO shop_item (title) VALUES ('y') RETURNING id",
    ],
}


@pytest.mark.parametrize("catalogue", [False, True], ids=["", "catalogue"])
@pytest.mark.parametrize("texts", MIGRATIONS.values(), ids=MIGRATIONS)
def test_a_migration_that_takes_nothing_away(
    texts: list[str],
    catalogue: bool,
    every_server: Cluster,
    new_database: Callable[[Cluster], Database],
    clients: Clients,
) -> None:
    one, other = new_database(every_server), new_database(every_server)
    for database in (one, other):
        database.execute("CREATE TABLE shop_item (id serial PRIMARY KEY, title text)")
        database.execute("INSERT INTO shop_item (title) VALUES ('a'), ('b'), ('c')")
    at_the_server = clients.bare(one)
    behind = knowing(clients, other, PACKS) if catalogue else clients.wired(other, gate_of(PACKS))
    for text in texts:
        expected = at_the_server.exchange(Q(text))
        assert "E" not in {answer[0] for answer in expected}
        assert behind.exchange(Q(text)) == expected, text
    rows = "SELECT * FROM shop_item ORDER BY id"
    assert other.execute(rows) == one.execute(rows)
