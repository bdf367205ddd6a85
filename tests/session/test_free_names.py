"""What falls on nothing passes: DROP … IF EXISTS of what is not there, CREATE OR REPLACE of a new name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import StartPgBouncer
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S, X
from tests.session.test_bare_names import OWN, own
from tests.session.wired import Wired, gate_of

OBJECTS = """
CREATE VIEW v AS SELECT id FROM t;
CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
CREATE SEQUENCE s;
CREATE INDEX i ON t (v);
CREATE TYPE y AS ENUM ('a');
CREATE DOMAIN d AS int;
CREATE TABLE n (id int);
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE a(int) (sfunc = int4pl, stype = int);
CREATE SCHEMA c;
CREATE TABLE c.t (id int);
CREATE FUNCTION tg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tg();
CREATE POLICY o ON t USING (true);
CREATE PUBLICATION b FOR TABLE t;
ALTER TABLE t ADD CONSTRAINT k CHECK (id > 0);
CREATE RULE r AS ON UPDATE TO t DO ALSO NOTHING;
CREATE STATISTICS st ON id, v FROM t;
CREATE COLLATION co (locale = 'C');
CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON sql_drop EXECUTE FUNCTION ev();
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER sv FOREIGN DATA WRAPPER w;
CREATE TYPE pair AS (a int, b int)
"""
REFUSED = "42501"


def refused(told: list[tuple[object, ...]]) -> bool:
    """Whether the gate has refused; nothing else may go wrong."""
    codes = [each[1] for each in told if each[0] == "E"]
    assert codes in ([], [REFUSED]), told
    return bool(codes)


SIMPLE = pytest.param(Q, id="simple")
EXTENDED = pytest.param(lambda text: X(text) + S, id="extended")


@pytest.mark.parametrize("send", [SIMPLE, EXTENDED])
@pytest.mark.parametrize(
    ("there", "absent"),
    [
        ("DROP TABLE IF EXISTS t", "DROP TABLE IF EXISTS z"),
        ("DROP TABLE IF EXISTS t CASCADE", "DROP TABLE IF EXISTS z CASCADE"),
        ("DROP TABLE IF EXISTS z, t", "DROP TABLE IF EXISTS z, z2"),
        ("DROP TABLE IF EXISTS public.t", "DROP TABLE IF EXISTS public.z"),
        ("DROP TABLE IF EXISTS c.t", "DROP TABLE IF EXISTS c.z"),
        ('DROP TABLE IF EXISTS U&"\\0074"', 'DROP TABLE IF EXISTS "T"'),
        ("DROP TABLE IF EXISTS t", "DROP TABLE IF EXISTS nowhere.t"),
        ("DROP VIEW IF EXISTS v", "DROP VIEW IF EXISTS z"),
        ("DROP MATERIALIZED VIEW IF EXISTS m", "DROP MATERIALIZED VIEW IF EXISTS z"),
        ("DROP SEQUENCE IF EXISTS s", "DROP SEQUENCE IF EXISTS z"),
        ("DROP INDEX IF EXISTS i", "DROP INDEX IF EXISTS z"),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", "DROP INDEX CONCURRENTLY IF EXISTS z"),
        ("DROP TYPE IF EXISTS y", "DROP TYPE IF EXISTS z"),
        ("DROP DOMAIN IF EXISTS d", "DROP DOMAIN IF EXISTS z"),
        ("DROP FUNCTION IF EXISTS f(int)", "DROP FUNCTION IF EXISTS z(int)"),
        ("DROP PROCEDURE IF EXISTS p()", "DROP PROCEDURE IF EXISTS z()"),
        ("DROP ROUTINE IF EXISTS f", "DROP ROUTINE IF EXISTS z"),
        ("DROP AGGREGATE IF EXISTS a(int)", "DROP AGGREGATE IF EXISTS z(int)"),
        ("DROP SCHEMA IF EXISTS c CASCADE", "DROP SCHEMA IF EXISTS z CASCADE"),
        ("DROP EXTENSION IF EXISTS plpgsql", "DROP EXTENSION IF EXISTS z"),
        ("DROP PUBLICATION IF EXISTS b", "DROP PUBLICATION IF EXISTS z"),
        ("DROP TRIGGER IF EXISTS g ON t", "DROP TRIGGER IF EXISTS z ON t"),
        ("DROP TRIGGER IF EXISTS g ON public.t", "DROP TRIGGER IF EXISTS g ON public.n"),
        ("DROP TRIGGER IF EXISTS g ON c.t", "DROP TRIGGER IF EXISTS g ON n"),
        ('DROP TRIGGER IF EXISTS g ON public."t"', 'DROP TRIGGER IF EXISTS g ON public."T"'),
        ("DROP POLICY IF EXISTS o ON t", "DROP POLICY IF EXISTS o ON n"),
        ("DROP RULE IF EXISTS r ON t", "DROP RULE IF EXISTS r ON n"),
        ("ALTER TABLE t DROP CONSTRAINT IF EXISTS k", "ALTER TABLE n DROP CONSTRAINT IF EXISTS k"),
        (
            "CREATE OR REPLACE TRIGGER g BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION tg()",
            "CREATE OR REPLACE TRIGGER g BEFORE DELETE ON n FOR EACH ROW EXECUTE FUNCTION tg()",
        ),
        ("DROP POLICY IF EXISTS o ON t", "DROP POLICY IF EXISTS z ON t"),
        ("ALTER TABLE t DROP CONSTRAINT IF EXISTS k", "ALTER TABLE t DROP CONSTRAINT IF EXISTS z"),
        ("ALTER TABLE IF EXISTS t DROP COLUMN v", "ALTER TABLE IF EXISTS z DROP COLUMN v"),
        ("ALTER TABLE t DROP COLUMN IF EXISTS v", "ALTER TABLE t DROP COLUMN IF EXISTS z"),
        (
            "ALTER TABLE t DROP COLUMN IF EXISTS z, DROP COLUMN v",
            "ALTER TABLE t DROP COLUMN IF EXISTS z CASCADE, DROP CONSTRAINT IF EXISTS z",
        ),
        ("ALTER TABLE t DROP COLUMN IF EXISTS z, DROP COLUMN IF EXISTS v", "SELECT 1"),
        ("ALTER TYPE pair DROP ATTRIBUTE IF EXISTS a", "ALTER TYPE pair DROP ATTRIBUTE IF EXISTS z"),
        ("DROP RULE IF EXISTS r ON t", "DROP RULE IF EXISTS z ON t"),
        ("DROP STATISTICS IF EXISTS st", "DROP STATISTICS IF EXISTS z"),
        ("DROP COLLATION IF EXISTS co", "DROP COLLATION IF EXISTS z"),
        ("DROP EVENT TRIGGER IF EXISTS et", "DROP EVENT TRIGGER IF EXISTS z"),
        ("DROP SERVER IF EXISTS sv CASCADE", "DROP SERVER IF EXISTS z CASCADE"),
        ("ALTER TABLE IF EXISTS t RENAME TO u", "ALTER TABLE IF EXISTS z RENAME TO u"),
        ("CREATE OR REPLACE VIEW v AS SELECT id FROM t", "CREATE OR REPLACE VIEW z AS SELECT 1 AS a"),
        (
            "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
            "CREATE OR REPLACE FUNCTION z(int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
        ),
        (
            "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS 'SELECT 2'",
            "CREATE OR REPLACE PROCEDURE z() LANGUAGE sql AS 'SELECT 2'",
        ),
        (
            "CREATE OR REPLACE TRIGGER g BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION tg()",
            "CREATE OR REPLACE TRIGGER z BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION tg()",
        ),
        (
            "CREATE OR REPLACE AGGREGATE a(int) (sfunc = int4mi, stype = int)",
            "CREATE OR REPLACE AGGREGATE z(int) (sfunc = int4mi, stype = int)",
        ),
    ],
)
def test_what_is_not_there_cannot_be_lost(
    there: str, absent: str, send: Callable[[str], bytes], table: Database, clients: Clients
) -> None:
    table.execute(OBJECTS)
    client = own(clients, table)
    assert refused(client.exchange(send(there)))
    told = client.exchange(send(absent))
    if "CONCURRENTLY" not in absent or send is Q:
        assert not refused(told), told


def test_on_every_version(every_table: Database, clients: Clients) -> None:
    client = own(clients, every_table)
    assert not refused(client.exchange(Q("DROP TABLE IF EXISTS z; DROP FUNCTION IF EXISTS z")))
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS t")))


OVERLOAD = "CREATE FUNCTION touch(int) RETURNS int RETURN 1"
TOUCH = "FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v = ''x''; RETURN NEW; END'"


@pytest.mark.parametrize(
    ("there", "text", "passes"),
    [
        (f"CREATE {TOUCH}", f"CREATE OR REPLACE {TOUCH}", True),
        (f"CREATE {TOUCH}", f"CREATE OR REPLACE {TOUCH.replace('touch', 'public.touch')}", True),
        (f"CREATE {TOUCH}", f"CREATE OR REPLACE {TOUCH}; CREATE OR REPLACE {TOUCH}; SELECT 1", True),
        ("SELECT 1", f"CREATE OR REPLACE {TOUCH}", True),
        (f"CREATE {TOUCH}", f"CREATE OR REPLACE {TOUCH.replace('NEW.v', 'NEW.V')}", False),
        (f"CREATE {TOUCH}", f"CREATE OR REPLACE {TOUCH.replace('touch()', 'touch(int)')}", False),
        (f"CREATE {TOUCH}", f"CREATE OR REPLACE {TOUCH} SECURITY DEFINER", False),
        (f"CREATE {TOUCH}", f"CREATE OR REPLACE {TOUCH} SET search_path = public", False),
        (f"CREATE {TOUCH} STRICT", f"CREATE OR REPLACE {TOUCH}", False),
        (f"CREATE {TOUCH} SECURITY DEFINER", f"CREATE OR REPLACE {TOUCH}", False),
        (f"CREATE {TOUCH} SET search_path = public", f"CREATE OR REPLACE {TOUCH}", False),
        (f"CREATE {TOUCH} STABLE", f"CREATE OR REPLACE {TOUCH}", False),
        (f"CREATE {TOUCH} COST 7", f"CREATE OR REPLACE {TOUCH}", False),
        (f"CREATE {TOUCH} PARALLEL SAFE", f"CREATE OR REPLACE {TOUCH}", False),
        (f"CREATE {TOUCH}; {OVERLOAD}", f"CREATE OR REPLACE {TOUCH}", False),
        ("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "CREATE OR REPLACE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'", True),
        ("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "CREATE OR REPLACE FUNCTION g() RETURNS int RETURN 1", False),
        ("CREATE FUNCTION g() RETURNS int RETURN 1",
         "CREATE OR REPLACE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'", False),
        ("CREATE PROCEDURE g() LANGUAGE sql AS 'SELECT 1'",
         "CREATE OR REPLACE PROCEDURE g() LANGUAGE sql AS 'SELECT 1'", False),
        ("CREATE FUNCTION g() RETURNS SETOF int ROWS 5 LANGUAGE sql AS 'SELECT 1'",
         "CREATE OR REPLACE FUNCTION g() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1'", False),
        ("CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1;END'",
         "CREATE OR REPLACE FUNCTION g() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1;END' COST 1", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("send", [SIMPLE, EXTENDED])
def test_a_function_that_is_the_same_already(
    there: str, text: str, passes: bool, send: Callable[[str], bytes], table: Database, clients: Clients
) -> None:
    table.execute(there)
    client = own(clients, table)
    before = table.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname IN ('g', 'touch')")
    if send is Q or ";" not in text.replace("; E", "").replace("; R", ""):
        assert refused(client.exchange(send(text))) is not passes
    after = table.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname IN ('g', 'touch')")
    assert after == before or there == "SELECT 1"


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("DROP TABLE IF EXISTS a; CREATE TABLE a (id int); DROP TABLE IF EXISTS b; CREATE TABLE b ()", True),
        ("DROP TABLE IF EXISTS a; CREATE TABLE a (id serial); DROP TABLE IF EXISTS a", True),
        ("BEGIN; DROP VIEW IF EXISTS a; CREATE OR REPLACE VIEW a AS SELECT 1 AS x; COMMIT", True),
        ("CREATE OR REPLACE FUNCTION a() RETURNS int RETURN 1; DROP FUNCTION IF EXISTS b", True),
        ("ALTER TABLE c.k RENAME TO z; DROP TABLE IF EXISTS c.z", False),
        ("ALTER TABLE c.k SET SCHEMA public; DROP TABLE IF EXISTS public.k", False),
        ("ALTER SCHEMA c RENAME TO z; DROP SCHEMA IF EXISTS z CASCADE", False),
        ("DO $$ BEGIN ALTER TABLE t RENAME TO z; END $$; DROP TABLE IF EXISTS z", False),
        ("SELECT f_moves(); DROP TABLE IF EXISTS z", False),
        ("UPDATE t SET v = 'x' WHERE id = 1; DROP TABLE IF EXISTS z", False),
        (
            "CREATE TABLE n (id int); DROP RULE IF EXISTS r ON n; CREATE RULE r AS ON UPDATE TO n DO NOTHING",
            True,
        ),
        ("ALTER TABLE t RENAME TO n; DROP TRIGGER IF EXISTS g ON n", False),
        ("DROP TABLE IF EXISTS z; DROP TABLE t", False),
        ("DROP TABLE IF EXISTS z; DROP TABLE IF EXISTS t", False),
        ("DO $$ BEGIN DROP TABLE IF EXISTS t; END $$", False),
    ],
)
def test_a_text_is_followed(text: str, passes: bool, table: Database, clients: Clients) -> None:
    table.execute("CREATE SCHEMA c; CREATE TABLE c.k (id int)")
    client = own(clients, table)
    assert refused(client.exchange(Q(text))) is not passes
    assert table.execute("SELECT count(*) FROM t") == "3"
    assert table.execute("SELECT count(*) FROM c.k") == "0"


def test_what_the_session_has_made_itself_is_there(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    client.exchange(Q("BEGIN"))
    client.exchange(Q("CREATE TABLE z (id int)"))
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS z")))
    client.exchange(Q("ROLLBACK"))
    assert not refused(client.exchange(Q("DROP TABLE IF EXISTS z")))


def test_what_somebody_is_making_is_there(table: Database, clients: Clients) -> None:
    client, other = own(clients, table), clients.bare(table)
    other.exchange(Q("BEGIN"))
    other.exchange(Q("CREATE TABLE z (id int)"))
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS z")))
    other.exchange(Q("COMMIT"))
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS z")))
    other.exchange(Q("DROP TABLE z"))
    assert not refused(client.exchange(Q("DROP TABLE IF EXISTS z")))


def test_what_somebody_is_renaming_may_be_there(table: Database, clients: Clients) -> None:
    client, other = own(clients, table), clients.bare(table)
    other.exchange(Q("BEGIN"))
    other.exchange(Q("ALTER TABLE t RENAME TO z"))
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS z")))
    other.exchange(Q("ROLLBACK"))
    assert not refused(client.exchange(Q("DROP TABLE IF EXISTS z")))


def test_a_snapshot_of_before_is_not_believed(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    client.exchange(Q("BEGIN ISOLATION LEVEL REPEATABLE READ"))
    client.exchange(Q("SELECT 1"))
    table.execute("CREATE TABLE z (id int)")
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS z")))


def test_a_letter_that_the_server_may_fold_is_not_asked_for(table: Database, clients: Clients) -> None:
    table.execute('CREATE TABLE "ä" (id int)')
    client = own(clients, table)
    assert refused(client.exchange(Q('DROP TABLE IF EXISTS "ä"')))
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS Ä")))


@pytest.mark.parametrize("name", ['a"b', "a'b", "a\\b", "a%sb", "a b", "n" * 63, "n" * 70])
def test_names_of_any_characters(name: str, table: Database, clients: Clients) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    client = own(clients, table)
    assert not refused(client.exchange(Q(f"DROP TABLE IF EXISTS {quoted}")))
    client.exchange(Q(f"CREATE TABLE {quoted} (id int)"))
    assert refused(client.exchange(Q(f"DROP TABLE IF EXISTS {quoted}")))


def test_behind_a_pooler_a_name_is_free_inside_a_transaction_only(
    table: Database, clients: Clients, pgbouncer: StartPgBouncer
) -> None:
    """Outside of one, the question and the statement may go to different servers."""
    pooler = pgbouncer(table.port, "transaction")
    client = clients.wired(table, gate_of(OWN), port=pooler.port)
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS z")))
    client.exchange(Q("BEGIN"))
    assert not refused(client.exchange(Q("DROP TABLE IF EXISTS z")))
    assert refused(client.exchange(Q("DROP TABLE IF EXISTS t")))


def test_each_execution_is_asked_about(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    assert not refused(client.exchange(P("DROP TABLE IF EXISTS z", "d") + S))
    assert not refused(client.exchange(B("d") + E() + S))
    table.execute("CREATE TABLE z (id int)")
    assert refused(client.exchange(B("d") + E() + S))
    assert table.execute("SELECT to_regclass('public.z')") == "z"


def test_what_is_pipelined_is_asked_about_in_its_turn(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    told = client.exchange(
        Q("DROP TABLE IF EXISTS z") + Q("CREATE TABLE z (id int)") + Q("DROP TABLE IF EXISTS z"), ready=3
    )
    assert [each[1] for each in told if each[0] in {"C", "E"}] == ["DROP TABLE", "CREATE TABLE", REFUSED]
    batch = X("DROP TABLE IF EXISTS y") + X("CREATE TABLE y (id int)") + X("DROP TABLE IF EXISTS y") + S
    told = client.exchange(batch)
    assert [each[1] for each in told if each[0] in {"C", "E"}] == ["DROP TABLE", "CREATE TABLE", REFUSED]


def test_it_is_asked_only_where_the_answer_matters(table: Database, clients: Clients) -> None:
    client: Wired = own(clients, table)
    client.exchange(Q("CREATE TABLE IF NOT EXISTS z (id int)"))
    client.exchange(Q("DROP TABLE public.t"))
    assert b"pg_locks" not in client.sent
    client.exchange(Q("DROP TABLE IF EXISTS public.t"))
    assert b"pg_locks" in client.sent
