"""A column that the same transaction has added holds nothing of before: it may be filled and dropped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import StartPgBouncer
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S, X
from tests.session.test_catalogue import knowing
from tests.session.test_free_names import REFUSED, refused
from tests.session.wired import Wired, gate_of

FRESH = """
version: 1
name: fresh
rules:
  - id: no-drop
    match:
      effects: [column.drop, column.retype, column.default, column.rename, table.drop, table.rename]
      risk: ">= medium"
      not: {traits: [fresh]}
    deny: "No."
  - id: unscoped
    match: {effects: [row.delete, row.update], traits: [unscoped], not: {traits: [fresh]}}
    deny: "No."
"""
LAX = """
version: 1
name: lax
rules:
  - id: unscoped
    match: {effects: [row.delete, row.update], traits: [unscoped], not: {traits: [fresh]}}
    deny: "No."
"""
OBJECTS = """
CREATE TABLE child (c text) INHERITS (t); INSERT INTO child VALUES (4, 'v4', 'kept');
CREATE SCHEMA s; CREATE TABLE s.t (id int, v text, c text); INSERT INTO s.t VALUES (1, 'v', 'kept');
CREATE TABLE u (id int, v text, c text); INSERT INTO u VALUES (1, 'v1', 'kept');
CREATE TABLE w (id int, v text); INSERT INTO w VALUES (1, 'v1');
CREATE TABLE big (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF big DEFAULT
"""


def fresh(clients: Clients, database: Database, policy: str = FRESH) -> Wired:
    """A client whose fresh columns may be filled."""
    return clients.wired(database, gate_of(policy))


SIMPLE = pytest.param(Q, id="simple")
EXTENDED = pytest.param(lambda text: X(text) + S, id="extended")

ADD = "ALTER TABLE t ADD COLUMN c text"
FILL = "UPDATE t SET c = v"
C_TO_D = "ALTER TABLE u RENAME c TO d"
D_TO_E = "ALTER TABLE u RENAME d TO e"
U_CASCADES = "ALTER TABLE u ADD FOREIGN KEY (c) REFERENCES w (c) ON UPDATE CASCADE NOT VALID"
RENAMES = f"CREATE FUNCTION renames() RETURNS void LANGUAGE sql AS '{D_TO_E}; {C_TO_D}'"
C_TO_ITS_D = "FOREIGN KEY (c) REFERENCES u (d) ON UPDATE CASCADE NOT VALID"
C_ALTERED = "ALTER TABLE u ALTER c SET DEFAULT ''"
U_TO_W = "ALTER TABLE u RENAME TO w"
TEMP_U = "CREATE TEMP TABLE u (id int, v text)"
MOVES_PATH = "SELECT set_config('search_path', 's', true)"
FILL_W = "UPDATE w SET d = v"


@pytest.mark.parametrize(
    "texts",
    [
        (ADD, FILL),
        ("ALTER TABLE t ADD c text NOT NULL DEFAULT 'x'", "ALTER TABLE t ALTER c DROP DEFAULT"),
        (ADD, "ALTER TABLE t DROP COLUMN c"),
        (ADD, "ALTER TABLE t DROP COLUMN IF EXISTS c"),
        (ADD, "ALTER TABLE t ALTER c TYPE varchar(20)"),
        (ADD, "CREATE INDEX ON t (c)", FILL, "ALTER TABLE t ALTER c SET NOT NULL"),
        (ADD, "UPDATE t SET c = v WHERE id = 1", "INSERT INTO t VALUES (9, 'v9')", FILL),
        (ADD, FILL, "ALTER TABLE t ALTER c SET NOT NULL, ALTER c SET DEFAULT ''", FILL),
        (ADD, "SELECT count(*) FROM t", "CREATE TABLE x (id int)", FILL),
        (ADD, "SET LOCAL lock_timeout = '1s'", FILL),
        (ADD, "UPDATE t SET (c) = ROW (v)", "UPDATE ONLY t SET c = v"),
        (ADD, "UPDATE t AS a SET c = w.v FROM w WHERE w.id = a.id"),
        (ADD, "UPDATE t SET c = (SELECT w.v FROM w WHERE w.id = t.id)"),
        (ADD, "WITH x AS (UPDATE t SET c = v RETURNING id) SELECT count(*) FROM x"),
        ("ALTER TABLE t ADD c text, ADD d text", "UPDATE t SET c = v, d = v", "UPDATE t SET d = c"),
        ("ALTER TABLE public.t ADD c text", "UPDATE public.t SET c = v"),
        ('ALTER TABLE "t" ADD "C" text', 'UPDATE t SET "C" = v'),
        ("ALTER TABLE IF EXISTS t ADD c text", FILL),
        ("ALTER TABLE ONLY t ADD c text", FILL),
    ],
)
@pytest.mark.parametrize("send", [SIMPLE, EXTENDED])
def test_in_a_transaction(
    texts: tuple[str, ...], send: Callable[[str], bytes], table: Database, clients: Clients
) -> None:
    table.execute("CREATE TABLE w (id int, v text); INSERT INTO w VALUES (1, 'v1')")
    client = fresh(clients, table)
    for text in ("BEGIN", *texts, "COMMIT"):
        assert not refused(client.exchange(send(text))), text


def test_in_one_text(every_table: Database, clients: Clients) -> None:
    client = fresh(clients, every_table)
    assert not refused(client.exchange(Q(f"{ADD}; {FILL}")))
    assert every_table.execute("SELECT string_agg(c, ' ' ORDER BY c) FROM t") == "v1 v2 v3"
    assert not refused(
        client.exchange(Q("ALTER TABLE t ADD d text DEFAULT ''; ALTER TABLE t ALTER d DROP DEFAULT"))
    )
    assert refused(client.exchange(Q(FILL)))


@pytest.mark.parametrize(
    "text",
    [
        f"BEGIN; {ADD}; {FILL}; COMMIT",
        f"{ADD}; CREATE TYPE m AS ENUM ('a'); ALTER TABLE t ADD e m; {FILL}; UPDATE t SET e = 'a'",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS c text; UPDATE t SET c = v",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS c text; ALTER TABLE t DROP c",
        f"{ADD}; CREATE FUNCTION f(text) RETURNS text RETURN $1; CREATE VIEW b AS SELECT c FROM t; {FILL}",
        f"{ADD}; ALTER TABLE t ALTER c SET DEFAULT 'x'; {FILL}; ALTER TABLE t ALTER c SET NOT NULL",
        f"{ADD}, ADD d int; UPDATE t SET c = v WHERE id=1; UPDATE t SET d = 1; {FILL}; ALTER TABLE t DROP c",
    ],
)
def test_texts(text: str, table: Database, clients: Clients) -> None:
    client = fresh(clients, table)
    assert not refused(client.exchange(Q(text)))


@pytest.mark.parametrize(
    "watcher",
    [
        """CREATE TRIGGER z BEFORE UPDATE ON t FOR EACH ROW
        EXECUTE FUNCTION suppress_redundant_updates_trigger()""",
        "CREATE RULE r AS ON UPDATE TO t WHERE new.id < 0 DO ALSO SELECT 1",
    ],
)
def test_behind_triggers_a_text_may_fill_once(watcher: str, table: Database, clients: Clients) -> None:
    table.execute(watcher)
    client = fresh(clients, table)
    assert refused(client.exchange(Q(f"{ADD}; {FILL}; ALTER TABLE t DROP c")))
    assert refused(client.exchange(Q(f"{ADD}; UPDATE t SET c = v, v = 'x' WHERE id = 1; {FILL}")))
    assert not refused(client.exchange(Q(f"{ADD}; {FILL}")))


def test_in_one_batch(table: Database, clients: Clients) -> None:
    client = fresh(clients, table)
    assert not refused(client.exchange(X(ADD) + X(FILL) + S))
    assert table.execute("SELECT string_agg(c, ' ' ORDER BY c) FROM t") == "v1 v2 v3"
    assert not refused(
        client.exchange(X("BEGIN") + X("ALTER TABLE t ADD d text") + X("UPDATE t SET d = v") + S)
    )
    assert not refused(client.exchange(X("UPDATE t SET d = id") + S))
    assert not refused(client.exchange(X("COMMIT") + S))
    assert refused(client.exchange(X("UPDATE t SET d = v") + S))


@pytest.mark.parametrize(
    "texts",
    [
        # It was there before, or is there by another name.
        ("BEGIN", "UPDATE u SET c = v"),
        ("BEGIN", "ALTER TABLE u ALTER c SET NOT NULL", "UPDATE u SET c = v"),
        ("BEGIN", "ALTER TABLE u ADD d text", "UPDATE u SET c = v"),
        ("BEGIN", "ALTER TABLE u ADD d text", "UPDATE u SET d = v, c = v"),
        ("BEGIN", "ALTER TABLE u ADD d text", "UPDATE u SET (d, c) = (SELECT v, v)"),
        ("BEGIN", "ALTER TABLE w ADD c text", "UPDATE u SET c = v"),
        ("BEGIN", "ALTER TABLE s.t ADD d text", "UPDATE t SET d = v"),
        ("BEGIN", "ALTER TABLE u ADD IF NOT EXISTS c text", "UPDATE u SET c = v"),
        ("BEGIN", "ALTER TABLE u ADD IF NOT EXISTS c text, ALTER c SET DEFAULT ''", "UPDATE u SET c = v"),
        ("ALTER TABLE u ADD IF NOT EXISTS c text; UPDATE u SET c = v",),
        ("BEGIN", "ALTER TABLE u ADD d text", "ALTER TABLE u DROP d", f"{C_TO_D}", "UPDATE u SET d = v"),
        ("BEGIN", "ALTER TABLE u ADD d text", D_TO_E, C_TO_D, "UPDATE u SET d = v"),
        (f"ALTER TABLE u ADD d text; {D_TO_E}; {C_TO_D}; UPDATE u SET d = v",),
        ("BEGIN", "ALTER TABLE w ADD c text", "ALTER TABLE w RENAME TO x", U_TO_W, "UPDATE w SET c = v"),
        (f"ALTER TABLE w ADD c text; ALTER TABLE w RENAME TO x; {U_TO_W}; UPDATE w SET c = v",),
        ("BEGIN", "ALTER TABLE w ADD c text", "DROP TABLE w", U_TO_W, "UPDATE w SET c = v"),
        ("BEGIN", TEMP_U, "ALTER TABLE u ADD c text", "DROP TABLE u", "UPDATE u SET c = v"),
        (f"{TEMP_U}; ALTER TABLE u ADD c text; DROP TABLE u; UPDATE u SET c = v",),
        ("ALTER TABLE w ADD c text; CREATE TEMP VIEW w AS SELECT * FROM u; UPDATE w SET c = v",),
        ("BEGIN", "ALTER TABLE w ADD c text", "CREATE TEMP VIEW w AS SELECT * FROM u", "UPDATE w SET c = v"),
        ("BEGIN", "ALTER TABLE w ADD c text", "ALTER TABLE u INHERIT w", "UPDATE w SET c = v"),
        ("ALTER TABLE w ADD c text; ALTER TABLE u INHERIT w; UPDATE w SET c = v",),
        # A child had it already.
        ("ALTER TABLE t ADD c text; UPDATE t SET c = v",),
        ("BEGIN", "ALTER TABLE t ADD c text", "UPDATE t SET c = v"),
        # Another table by then.
        ("BEGIN", "ALTER TABLE w ADD c text", "SET search_path = s", "UPDATE w SET c = v"),
        ("BEGIN", "ALTER TABLE w ADD c text", MOVES_PATH, "UPDATE w SET c = v"),
        ("ALTER TABLE w ADD c text; SET search_path = s; UPDATE w SET c = v",),
        (f"ALTER TABLE u ADD d text; {RENAMES}; SELECT renames(); UPDATE u SET d = v",),
        ("BEGIN", f"ALTER TABLE u ADD d text; {RENAMES}", "SELECT renames()", "UPDATE u SET d = v"),
        ("BEGIN", "ALTER TABLE w ADD c text", "DO $$ BEGIN ALTER TABLE w RENAME TO x; END $$", FILL_W),
        # Another transaction by then.
        ("ALTER TABLE w ADD d text", "UPDATE w SET d = v"),
        ("BEGIN", "ALTER TABLE w ADD d text", "COMMIT", "UPDATE w SET d = v"),
        ("BEGIN", "ALTER TABLE w ADD d text", "COMMIT", "BEGIN", "UPDATE w SET d = v"),
        ("BEGIN", "ALTER TABLE w ADD d text", "COMMIT; BEGIN", "ALTER TABLE w ALTER d SET NOT NULL", FILL_W),
        ("ALTER TABLE w ADD d text; COMMIT; UPDATE w SET d = v",),
        ("BEGIN; ALTER TABLE w ADD d text; COMMIT; UPDATE w SET d = v",),
        ("BEGIN", "ALTER TABLE w ADD d text", "COMMIT AND CHAIN", "UPDATE w SET d = v"),
        # It was not added after all.
        ("BEGIN", "SAVEPOINT a", "ALTER TABLE u ADD c text", "ROLLBACK TO a", "UPDATE u SET c = v"),
        (
            "BEGIN",
            "SAVEPOINT a",
            "ALTER TABLE u ADD c text",
            "ROLLBACK TO a",
            C_ALTERED,
            "UPDATE u SET c = v",
        ),
        ("BEGIN", "SAVEPOINT a", "ALTER TABLE w ADD c text", "ROLLBACK TO a", "UPDATE w SET c = v"),
        # More than the column, or another one where letters outside ASCII are folded.
        ("BEGIN", "ALTER TABLE u ADD Ä text", 'UPDATE u SET "Ä" = v'),
        ("BEGIN", "ALTER TABLE u ADD d text", "DELETE FROM u"),
        ("BEGIN", "ALTER TABLE u ADD d text", "WITH x AS (DELETE FROM w) UPDATE u SET d = v"),
        ("BEGIN", "ALTER TABLE u ADD d text", "WITH x AS (UPDATE w SET v = '') UPDATE u SET d = v"),
        ("BEGIN", "ALTER TABLE u ADD d text", "DO $$ BEGIN UPDATE u SET c = v; END $$"),
        ("BEGIN", "ALTER TABLE u ADD d text", f"DO $$ BEGIN {D_TO_E}; {C_TO_D}; UPDATE u SET d = v; END $$"),
        ("BEGIN", "ALTER TABLE w ADD c text UNIQUE", U_CASCADES, "UPDATE w SET c = v"),
        ("BEGIN", f"ALTER TABLE u ADD d text UNIQUE, ADD {C_TO_ITS_D}", "UPDATE u SET d = v"),
        (f"ALTER TABLE u ADD d text UNIQUE; ALTER TABLE u ADD {C_TO_ITS_D}; UPDATE u SET d = v",),
        ("BEGIN", "ALTER TABLE public.w ADD c text UNIQUE", U_CASCADES, "UPDATE public.w SET c = v"),
    ],
)
def test_what_was_there_stays(texts: tuple[str, ...], table: Database, clients: Clients) -> None:
    table.execute(OBJECTS)
    client = fresh(clients, table, LAX)
    for text in texts[:-1]:
        client.exchange(Q(text))
    assert (REFUSED,) in {each[1:2] for each in client.exchange(Q(texts[-1]))}


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE u DROP c",
        "ALTER TABLE u DROP d, DROP c",
        "ALTER TABLE u DROP d CASCADE",
        "ALTER TABLE u ALTER c DROP DEFAULT",
        "ALTER TABLE u ALTER d DROP DEFAULT, ALTER c TYPE varchar(3)",
        'ALTER TABLE u ALTER "d: drop" DROP DEFAULT',
        "ALTER TABLE u RENAME d TO e",
        "DROP TABLE u",
        "ALTER TABLE big DROP d",
    ],
)
def test_of_a_changed_table_the_rest_stays(text: str, table: Database, clients: Clients) -> None:
    table.execute(OBJECTS)
    client = fresh(clients, table)
    client.exchange(Q("BEGIN"))
    client.exchange(Q("ALTER TABLE u ADD d text; ALTER TABLE big ADD d text"))
    assert refused(client.exchange(Q(text)))


def test_a_foreign_tables_column_was_elsewhere(table: Database, clients: Clients) -> None:
    table.execute("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER v FOREIGN DATA WRAPPER w")
    table.execute("CREATE FOREIGN TABLE ft (id int) SERVER v")
    client = fresh(clients, table)
    client.exchange(Q("BEGIN"))
    client.exchange(Q("ALTER TABLE ft ADD c text"))
    assert refused(client.exchange(Q("UPDATE ft SET c = ''")))
    assert refused(client.exchange(Q("ROLLBACK; ALTER FOREIGN TABLE ft ADD c text; UPDATE ft SET c = ''")))


def test_a_snapshot_of_before_is_not_believed(table: Database, clients: Clients) -> None:
    client = fresh(clients, table)
    for text in ("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1", ADD):
        assert not refused(client.exchange(Q(text)))
    assert refused(client.exchange(Q(FILL)))


def test_what_is_pipelined_is_asked_about_in_its_turn(table: Database, clients: Clients) -> None:
    client = fresh(clients, table)
    told = client.exchange(Q(ADD) + Q(FILL), ready=2)
    assert [each[1] for each in told if each[0] in {"C", "E"}] == ["ALTER TABLE", REFUSED]
    told = client.exchange(Q("BEGIN") + Q("ALTER TABLE t ADD d text") + Q("UPDATE t SET d = v"), ready=3)
    assert [each[1] for each in told if each[0] in {"C", "E"}] == ["BEGIN", "ALTER TABLE", "UPDATE 3"]


def test_a_prepared_update_is_looked_at_each_time(table: Database, clients: Clients) -> None:
    client = fresh(clients, table)
    assert not refused(client.exchange(Q("BEGIN") + Q(ADD) + P(FILL, "fill") + S, ready=3))
    assert not refused(client.exchange(B("fill") + E() + S))
    assert not refused(client.exchange(Q("COMMIT")))
    assert refused(client.exchange(B("fill") + E() + S))


def test_behind_a_pooler_in_a_transaction_only(
    table: Database, clients: Clients, pgbouncer: StartPgBouncer
) -> None:
    client = clients.wired(table, gate_of(FRESH), port=pgbouncer(table.port, "transaction").port)
    assert refused(client.exchange(Q(f"{ADD}; {FILL}")))
    for text in ("BEGIN", ADD, FILL, "COMMIT"):
        assert not refused(client.exchange(Q(text)))


def test_it_is_asked_only_where_the_answer_matters(table: Database, clients: Clients) -> None:
    client: Wired = fresh(clients, table)
    for text in (
        "BEGIN",
        ADD,
        "UPDATE t SET c = v WHERE id = 1",
        "ALTER TABLE t ALTER c SET DEFAULT ''",
        "COMMIT",
    ):
        client.exchange(Q(text))
    assert b"relhassubclass" not in client.sent
    client.exchange(Q("BEGIN"))
    client.exchange(Q("ALTER TABLE t ADD d text"))
    client.exchange(Q("UPDATE t SET d = v"))
    assert b"relhassubclass" in client.sent


def triggered(events: str, body: str) -> str:
    """A trigger on t; `BEFORE UPDATE`, and what its function does."""
    return f"""
        CREATE TABLE others AS SELECT * FROM t;
        CREATE FUNCTION tg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
        CREATE TRIGGER tg {events} ON t FOR EACH ROW EXECUTE FUNCTION tg();
    """


FILLS = ("BEGIN", ADD, FILL)


@pytest.mark.parametrize(
    ("events", "body"),
    [
        ("AFTER UPDATE", "DELETE FROM others WHERE id = NEW.id;"),
        ("AFTER INSERT OR UPDATE", "UPDATE others SET v = '' WHERE id = OLD.id;"),
        ("AFTER UPDATE", "EXECUTE 'DELETE FROM others WHERE id = $1' USING NEW.id;"),
        ("BEFORE UPDATE", "NEW.v := '';"),
        ("BEFORE UPDATE", "IF true THEN new.v = ''::text; END IF;"),
        ("BEFORE UPDATE", 'NEW."v" := NULL;'),
        ("BEFORE UPDATE", "NEW.id := -1;"),
        ("BEFORE UPDATE", "SELECT 1, 'x', 'y' INTO NEW;"),
        ("BEFORE UPDATE", "RETURN ROW(1, 'x', 'y');"),
    ],
)
def test_what_triggers_do_counts(events: str, body: str, table: Database, clients: Clients) -> None:
    table.execute(triggered(events, body))
    before = table.execute("SELECT json_agg(o) FROM others o; SELECT json_agg((id, v)) FROM t")
    client = knowing(clients, table, FRESH)
    assert [refused(client.exchange(Q(text))) for text in FILLS] == [False, False, True]
    client.exchange(Q("COMMIT"))
    assert table.execute("SELECT json_agg(o) FROM others o; SELECT json_agg((id, v)) FROM t") == before


@pytest.mark.parametrize(
    ("events", "body"),
    [
        ("BEFORE UPDATE", "NEW.id := NEW.id;"),
        ("BEFORE UPDATE", "IF NEW.v = '' THEN RAISE 'empty'; END IF;"),
        ("BEFORE UPDATE", "NEW.v := coalesce(current_setting('a.b', true), NEW.v);"),
        ("AFTER UPDATE", "INSERT INTO others SELECT OLD.id, 'before';"),
        ("AFTER INSERT", "DELETE FROM others WHERE id = NEW.id;"),
    ],
)
def test_what_triggers_add_does_not(events: str, body: str, table: Database, clients: Clients) -> None:
    table.execute(triggered(events, body))
    client = knowing(clients, table, FRESH)
    assert [refused(client.exchange(Q(text))) for text in FILLS] == [False, False, False]


def test_a_trigger_of_the_transactions_own_may_write_anything(table: Database, clients: Clients) -> None:
    client = knowing(clients, table, FRESH)
    made = triggered("BEFORE UPDATE", "NEW.v := '';").replace("CREATE TABLE others AS SELECT * FROM t;", "")
    for text in ("BEGIN", made, ADD):
        assert not refused(client.exchange(Q(text)))
    assert refused(client.exchange(Q(FILL)))
