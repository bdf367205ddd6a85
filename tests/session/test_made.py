"""What the same transaction has made holds nothing of before: it may be changed, emptied, dropped, called."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S, X
from tests.session.test_everyday import PACKS
from tests.session.test_free_names import REFUSED, refused
from tests.session.wired import Wired, gate_of

# Lax in all that is not the question: what names stand for may be moved, and code may run.
LAX = """
version: 1
name: lax
rules:
  - id: loses
    match:
      effects: [table.drop, table.truncate, column.drop, column.retype, view.drop, view.replace,
                function.drop, function.replace, sequence.drop, sequence.reset, type.drop, matview.drop,
                constraint.drop]
      not: {traits: [fresh, temporary]}
    deny: "No."
  - id: unscoped
    match:
      effects: [row.delete, row.update]
      traits: [unscoped]
      not: {traits: [fresh, temporary, deferred]}
    deny: "No."
  - id: calls
    match: {effects: [code.call], not: [{traits: [fresh, trigger]}, {targets: "function:renames"}]}
    deny: "No."
"""
TAKEN = "42P07"
OBJECTS = """
CREATE SCHEMA s;
CREATE TABLE s.t (id int, v text); INSERT INTO s.t VALUES (1, 'kept');
CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u VALUES (1, 'kept');
CREATE TABLE child (id int, u_id int); INSERT INTO child VALUES (1, 7);
CREATE VIEW w AS SELECT id FROM t;
CREATE SEQUENCE q; SELECT setval('q', 50);
CREATE TYPE m AS ENUM ('a');
CREATE FUNCTION old_f(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE big (id int, v text) PARTITION BY LIST (v);
CREATE TABLE big_a PARTITION OF big FOR VALUES IN ('a'); INSERT INTO big VALUES (1, 'a')
"""
EACH = "DELETE FROM t WHERE id = (SELECT min(id) FROM t) RETURNING 1"
READING = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
REWRITTEN = READING.replace("CREATE", "CREATE OR REPLACE").replace("SELECT 1", EACH)
LOOPING = """CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS
    'BEGIN FOR i IN 1 .. 9 LOOP PERFORM f(); END LOOP; RETURN 1; END'"""
EXECUTES = "FOR EACH ROW EXECUTE FUNCTION tg()"
TRIGGER = """CREATE FUNCTION tg() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN DELETE FROM t WHERE id = OLD.id; RETURN NULL; END'"""
N = "CREATE TABLE n (id int PRIMARY KEY, v text)"
FILL = "INSERT INTO n SELECT id, v FROM t"
PARTED = "CREATE TABLE p (id int, v text) PARTITION BY LIST (v)"
PURE = "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1'"
WRITING = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM t WHERE id = 1 RETURNING 1'"
BY_ROW = "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'DELETE FROM t WHERE id = a RETURNING 1'"
BEYOND = "CREATE PROCEDURE p(a int) LANGUAGE plpgsql AS 'BEGIN DELETE FROM t WHERE id > a; END'"
LIKE = "CREATE FUNCTION f(a text) RETURNS int LANGUAGE sql AS 'DELETE FROM t WHERE v LIKE a RETURNING 1'"
SWAPS = "ALTER TABLE n RENAME TO o; ALTER TABLE u RENAME TO n"
RENAMES = f"CREATE FUNCTION renames() RETURNS void LANGUAGE sql AS '{SWAPS}'"
REFERS = "ALTER TABLE child ADD FOREIGN KEY (u_id) REFERENCES n ON DELETE CASCADE NOT VALID"
SEVEN = "INSERT INTO n VALUES (7, '')"

SIMPLE = pytest.param(Q, id="simple")
EXTENDED = pytest.param(lambda text: X(text) + S, id="extended")

HARMLESS = [
    (N, FILL, "DROP TABLE n"),
    (N, FILL, "TRUNCATE n", "DELETE FROM n", "UPDATE n SET v = ''"),
    (
        N,
        "ALTER TABLE n DROP COLUMN v",
        "ALTER TABLE n ALTER id TYPE bigint",
        "ALTER TABLE n DROP CONSTRAINT n_pkey",
    ),
    (N, "ALTER TABLE n RENAME COLUMN v TO x"),
    (N, "ALTER TABLE n RENAME TO o"),
    ("CREATE TABLE n AS SELECT * FROM t", "UPDATE n SET v = ''", "DROP TABLE n"),
    ("SELECT * INTO n FROM t", "DELETE FROM n"),
    (
        "CREATE TABLE public.n (id serial PRIMARY KEY)",
        "TRUNCATE public.n RESTART IDENTITY",
        "DROP TABLE public.n",
    ),
    (N, "CREATE TABLE o (id int REFERENCES n ON DELETE CASCADE)", "DELETE FROM n", "DROP TABLE o, n"),
    (N, "MERGE INTO n USING t ON n.id = t.id WHEN MATCHED THEN DELETE"),
    ("CREATE VIEW v1 AS SELECT 1 AS a", "CREATE OR REPLACE VIEW v1 AS SELECT 2 AS a", "DROP VIEW v1"),
    ("CREATE MATERIALIZED VIEW m1 AS SELECT 1 AS a", "DROP MATERIALIZED VIEW m1"),
    ("CREATE SEQUENCE q1", "SELECT setval('q1', 7)", "ALTER SEQUENCE q1 RESTART", "DROP SEQUENCE q1"),
    (N, "CREATE SEQUENCE q1", "ALTER SEQUENCE q1 OWNED BY n.id", "SELECT setval('q1', 7)", "DROP TABLE n"),
    ("CREATE TYPE y AS ENUM ('a')", "ALTER TYPE y RENAME VALUE 'a' TO 'b'", "DROP TYPE y"),
]
CALLS = [
    (PURE, "SELECT f(id) FROM t", "UPDATE t SET v = f(id)::text WHERE id = 1", "DROP FUNCTION f"),
    (PURE, "CREATE VIEW v1 AS SELECT f(id) FROM t", "CREATE INDEX ON t (id) WHERE id > 1"),
    (PURE, "CREATE POLICY p ON t USING (f(id) > 1)"),
    (PURE, "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 2'", "SELECT f(1)"),
    (WRITING, "SELECT f()", "DROP FUNCTION f()"),
    ("CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM t WHERE id = 1'", "CALL p()", "DROP PROCEDURE p"),
]
ONE_BY_ONE = [
    (N, "CREATE INDEX ON n (v)", "INSERT INTO u SELECT id + 10, v FROM n", "DROP TABLE n"),
]
"""In one text triggers on u might do anything in between."""
CONFIRMED_ALONE = [
    ("CREATE TABLE IF NOT EXISTS n (id int)", "DROP TABLE IF EXISTS n"),
    ("CREATE OR REPLACE VIEW v1 AS SELECT 1 AS a", "DROP VIEW IF EXISTS v1"),
    (PURE.replace("CREATE", "CREATE OR REPLACE"), "CREATE POLICY p ON t USING (f(id) > 1)"),
    (PURE.replace("CREATE", "CREATE OR REPLACE"), "DROP FUNCTION IF EXISTS f"),
]
"""These make something where nothing was, as the server has said."""


@pytest.mark.parametrize("texts", [*HARMLESS, *ONE_BY_ONE, *CONFIRMED_ALONE])
@pytest.mark.parametrize("send", [SIMPLE, EXTENDED])
def test_in_a_transaction(
    texts: tuple[str, ...], send: Callable[[str], bytes], table: Database, clients: Clients
) -> None:
    table.execute("CREATE TABLE u (id int, v text)")
    client = clients.wired(table, gate_of(PACKS))
    client.exchange(Q("BEGIN"))
    for text in texts:
        assert not refused(client.exchange(send(text))), text
    assert not refused(client.exchange(Q("COMMIT")))


@pytest.mark.parametrize("texts", CALLS)
def test_what_was_made_may_be_called(texts: tuple[str, ...], table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(PACKS))
    for text in ("BEGIN", *texts, "COMMIT"):
        assert not refused(client.exchange(Q(text))), text


@pytest.mark.parametrize("texts", [*HARMLESS, *CALLS, *CONFIRMED_ALONE])
def test_in_one_text(texts: tuple[str, ...], table: Database, clients: Clients) -> None:
    table.execute("CREATE TABLE u (id int, v text)")
    client = clients.wired(table, gate_of(PACKS))
    assert not refused(client.exchange(Q("; ".join(texts))))


@pytest.mark.parametrize(
    "texts",
    [
        # Another transaction's, or nobody's.
        (N, "DROP TABLE n"),
        ("BEGIN", N, "COMMIT", "DROP TABLE n"),
        ("BEGIN", N, "COMMIT", "BEGIN", "DELETE FROM n"),
        (f"{N}; COMMIT; DROP TABLE n",),
        ("BEGIN", "CREATE TABLE IF NOT EXISTS u (id int)", "DROP TABLE u"),
        ("CREATE TABLE IF NOT EXISTS u (id int); DROP TABLE u",),
        ("CREATE TABLE u (id int)", "BEGIN", "ALTER TABLE u ADD c int", "DROP TABLE u"),
        ("BEGIN", "SAVEPOINT a", N, "ROLLBACK TO a", "ALTER TABLE u RENAME TO n", "DROP TABLE n"),
        # Another table by that name.
        ("BEGIN", N, "ALTER TABLE n RENAME TO o", "ALTER TABLE u RENAME TO n", "DROP TABLE n"),
        (f"{N}; {SWAPS}; DROP TABLE n",),
        (f"{N}; {RENAMES}; SELECT renames(); DROP TABLE n",),
        ("BEGIN", N, RENAMES, "SELECT renames()", "DROP TABLE n"),
        ("BEGIN", N, f"DO $$ BEGIN {SWAPS}; END $$", "DELETE FROM n"),
        (f"{N}; DO $$ BEGIN {SWAPS}; END $$; DELETE FROM n",),
        ("BEGIN", "CREATE TABLE s.u (id int)", "DROP TABLE u"),
        ("CREATE TABLE s.u (id int); DROP TABLE u",),
        ("SET search_path = s, public", "BEGIN", "CREATE TABLE u (id int)", "DROP TABLE u", "DROP TABLE u"),
        ("SET search_path = s, public", "CREATE TABLE u (id int); DROP TABLE u; DROP TABLE u"),
        (
            "BEGIN",
            "CREATE TABLE s.u (id int)",
            "SET LOCAL search_path = s",
            "SET search_path = public",
            "DROP TABLE u",
        ),
        ("CREATE TEMP VIEW n AS SELECT * FROM u", f"{N}; DELETE FROM n"),
        ("CREATE TEMP VIEW n AS SELECT * FROM u", "BEGIN", N, "DELETE FROM n"),
        (f"{N}; CREATE TEMP VIEW n AS SELECT * FROM u; DELETE FROM n",),
        ("BEGIN", N, "CREATE TEMP VIEW n AS SELECT * FROM u", "UPDATE n SET v = ''"),
        # More than what was made.
        ("BEGIN", N, "DROP TABLE n, u"),
        ("BEGIN", N, "DROP TABLE n CASCADE"),
        ("BEGIN", N, "TRUNCATE n CASCADE"),
        ("BEGIN", N, "WITH x AS (DELETE FROM u RETURNING *) INSERT INTO n SELECT * FROM x"),
        ("BEGIN", N, FILL, "DROP TABLE t"),
        (f"{N}; {FILL}; DROP TABLE t; ALTER TABLE n RENAME TO t",),
        ("BEGIN", N, SEVEN, REFERS, "DELETE FROM n"),
        (f"{N}; {SEVEN}; {REFERS}; DELETE FROM n",),
        (
            "BEGIN",
            N,
            SEVEN,
            "ALTER TABLE child ADD x int DEFAULT 7 REFERENCES n ON DELETE CASCADE",
            "DELETE FROM n",
        ),
        ("BEGIN", N, "ALTER TABLE u INHERIT n", "DELETE FROM n"),
        (f"{N}; ALTER TABLE u INHERIT n; TRUNCATE n",),
        ("BEGIN", N, "ALTER SEQUENCE q OWNED BY n.id", "DROP TABLE n"),
        (f"{N}; ALTER SEQUENCE q OWNED BY n.id; DROP TABLE n",),
        ("BEGIN", N, "CREATE RULE r AS ON DELETE TO n DO INSTEAD DELETE FROM u", "DELETE FROM n"),
        (f"{N}; CREATE RULE r AS ON DELETE TO n DO INSTEAD DELETE FROM u; DELETE FROM n",),
        (
            "BEGIN",
            PARTED,
            "ALTER TABLE p ATTACH PARTITION u DEFAULT",
            "DROP TABLE p",
        ),
        (f"{PARTED}; ALTER TABLE p ATTACH PARTITION u DEFAULT; TRUNCATE p",),
        (
            "BEGIN",
            "CREATE TABLE big_b PARTITION OF big FOR VALUES IN ('b')",
            "UPDATE big SET v = 'b' WHERE id = 1",
            "DROP TABLE big_b",
        ),
        (
            "BEGIN",
            "CREATE TABLE big_b (id int, v text)",
            "ALTER TABLE big ATTACH PARTITION big_b FOR VALUES IN ('b')",
            "UPDATE big SET v = 'b' WHERE id = 1",
            "TRUNCATE big_b",
        ),
        # Not made, but altered.
        ("BEGIN", "CREATE OR REPLACE VIEW w AS SELECT 1 AS id"),
        ("BEGIN", "CREATE VIEW s.w AS SELECT 1 AS id", "DROP VIEW w"),
        ("BEGIN", "CREATE SEQUENCE s.q", "SELECT setval('q', 1)"),
        ("CREATE SEQUENCE s.q; SELECT setval('q', 1)",),
        ("BEGIN", "CREATE TYPE s.m AS ENUM ('a')", "DROP TYPE m"),
        ("CREATE TYPE s.m AS ENUM ('a'); DROP TYPE m",),
        # Functions.
        (
            "BEGIN",
            "CREATE FUNCTION old_f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION old_f(text)",
        ),
        ("CREATE FUNCTION old_f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION old_f(text)",),
        ("BEGIN", BY_ROW, "SELECT f(id) FROM t"),
        (f"{BY_ROW}; SELECT f(id) FROM t",),
        ("BEGIN", BY_ROW, "CREATE VIEW v1 AS SELECT f(id) FROM t"),
        (
            "BEGIN",
            BY_ROW,
            PURE.replace("a int", "a text, b int = 1").replace("a +", "b +"),
            "SELECT f(id) FROM t",
        ),
        (f"{BY_ROW}; {PURE.replace('a int', 'a bigint')}; SELECT f(id) FROM t",),
        (
            "BEGIN",
            BY_ROW,
            PURE.replace("CREATE", "CREATE OR REPLACE").replace("int)", "bigint)"),
            "SELECT f(id) FROM t",
        ),
        ("BEGIN", BY_ROW, "SELECT f(1)"),
        (f"{BY_ROW}; SELECT f(1)",),
        ("BEGIN", BEYOND, "CALL p(0)"),
        (f"{LIKE}; SELECT f('%')",),
        # What calls it was let pass while it only read.
        ("BEGIN", READING, REWRITTEN),
        ("BEGIN", READING, LOOPING, "DROP FUNCTION f()", READING.replace("SELECT 1", EACH), "SELECT g()"),
        (f"{READING}; {REWRITTEN}; SELECT f()",),
        (f"{READING}; {LOOPING}; {REWRITTEN}; SELECT g()",),
        (f"{READING}; {LOOPING}; DROP FUNCTION f(); {READING.replace('SELECT 1', EACH)}; SELECT g()",),
        # Its own triggers run for each row.
        (
            "BEGIN",
            N,
            FILL,
            TRIGGER,
            f"CREATE TRIGGER x AFTER DELETE ON public.n {EXECUTES}",
            "DELETE FROM n",
        ),
        (f"{N}; {FILL}; {TRIGGER}; CREATE TRIGGER x AFTER UPDATE ON n {EXECUTES}; UPDATE n SET v = ''",),
        (WRITING, "SELECT f()"),
        ("BEGIN", WRITING, "COMMIT", "SELECT f()"),
    ],
)
def test_what_was_there_stays(texts: tuple[str, ...], table: Database, clients: Clients) -> None:
    table.execute(OBJECTS)
    client = clients.wired(table, gate_of(LAX))
    for text in texts[:-1]:
        codes = {each[1] for each in client.exchange(Q(text)) if each[0] == "E"}
        assert codes <= {TAKEN}, text
    assert REFUSED in {each[1] for each in client.exchange(Q(texts[-1])) if each[0] == "E"}


def test_in_one_batch(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(PACKS))
    assert not refused(client.exchange(X(N) + X(FILL) + X("DROP TABLE n") + S))
    client.exchange(X("CREATE TABLE t (id int)") + S)
    assert refused(client.exchange(X("ALTER TABLE t ADD c int") + X("DROP TABLE t") + S))


def test_a_snapshot_of_before_is_not_believed(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(PACKS))
    for text in ("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1", N):
        assert not refused(client.exchange(Q(text)))
    assert refused(client.exchange(Q("DROP TABLE n")))


def test_a_prepared_statement_is_looked_at_each_time(table: Database, clients: Clients) -> None:
    client: Wired = clients.wired(table, gate_of(PACKS))
    client.exchange(Q("BEGIN") + Q(N) + P("DELETE FROM n", "empty") + S, ready=3)
    assert not refused(client.exchange(B("empty") + E() + S))
    assert not refused(client.exchange(Q("COMMIT")))
    assert refused(client.exchange(B("empty") + E() + S))
