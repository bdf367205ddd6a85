"""What a database holds is judged with what a session sends, as it is when that runs."""

import asyncio
from collections.abc import Callable

import pytest

from proxy.app.catalogue.reader import read
from proxy.app.catalogue.source import CatalogueSource
from proxy.backup.cluster import Cluster
from proxy.relay import SslMode, Upstream
from proxy.sql.database import Database as Held
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S, X
from tests.session.wired import Answer, Wired, gate_of

LOSSLESS = """
version: 1
name: lossless
rules:
  - id: no-loss
    match: {effects: [row.delete, row.update, table.truncate, table.drop], not: {traits: [temporary, by_key]}}
    deny: "No."
  - id: no-code
    match: {effects: [code.call, code.dynamic, code.opaque]}
    deny: "No."
"""
GONE = "RETURNS int LANGUAGE sql AS 'DELETE FROM t WHERE id = ($1).id RETURNING 1'"
PURGE = "RETURNS int LANGUAGE sql AS 'DELETE FROM t RETURNING 1'"
COUNT = "LANGUAGE sql AS 'SELECT 1'"


async def _read(database: Database) -> Held | None:
    connection = await CatalogueSource(
        Upstream("127.0.0.1", database.port, SslMode.DISABLE), "postgres", None
    ).connect(database.name)
    try:
        reading = await read(connection)
        return None if reading is None else Held(database.name, reading.take_snapshot())
    finally:
        await connection.close(timeout=10)


def knowing(clients: Clients, database: Database, policy: str = LOSSLESS) -> Wired:
    """A client whose gate knows what the database holds."""
    gate = gate_of(policy, catalogue=True)
    gate.swap_database(database.name, asyncio.run(_read(database)))
    client = clients.wired(database, gate)
    client.read_catalogue = lambda name: gate.swap_database(name, asyncio.run(_read(database)))
    return client


def refused(told: list[Answer]) -> str:
    """The rule that refused, "" when nothing was; anything else the server says is a failure of the test."""
    errors = [each for each in told if each[0] == "E"]
    assert all(each[1] == "42501" for each in errors), told
    return str(errors[0][2]).partition("[rule ")[2].rstrip("]") if errors else ""


PARTED = [
    "CREATE TABLE parted (id int) PARTITION BY LIST (id)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)",
]

TURNS = (
    "CREATE FUNCTION turns() RETURNS int LANGUAGE plpgsql AS 'DECLARE r record; BEGIN"
    " FOR r IN SELECT id FROM t LOOP PERFORM one(r.id); END LOOP; RETURN 7; END'"
)
GONE_BY_KEY = "RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM t WHERE id = i; RETURN i; END'"
TAKES = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM t WHERE id = NEW.id; RETURN NEW; END'"


@pytest.fixture
def held(table: Database) -> Database:
    """The table, with functions, a trigger and a view."""
    table.execute(
        f"""
        CREATE FUNCTION purge() {PURGE};
        CREATE FUNCTION count_it() RETURNS int {COUNT};
        CREATE TABLE log (id int);
        CREATE FUNCTION sweep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM t; RETURN NEW; END';
        CREATE TRIGGER sweeps AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION sweep();
        CREATE VIEW seen AS SELECT id, purge() FROM log;
        CREATE TABLE asleep (id int);
        CREATE TRIGGER sleeps AFTER INSERT ON asleep FOR EACH ROW EXECUTE FUNCTION sweep();
        ALTER TABLE asleep DISABLE TRIGGER sleeps;
        CREATE TABLE guarded (id int);
        CREATE POLICY p ON guarded USING (purge() > 0);
        CREATE TABLE logs (id int) PARTITION BY LIST (id);
        CREATE TRIGGER sweeps AFTER INSERT ON logs FOR EACH ROW EXECUTE FUNCTION sweep();
        CREATE SCHEMA s;
        CREATE TABLE s.part (id int PRIMARY KEY, v text);
        CREATE TRIGGER sweeps BEFORE UPDATE ON s.part FOR EACH ROW EXECUTE FUNCTION sweep()
        """
    )
    return table


def test_what_runs_unseen_is_judged(held: Database, clients: Clients) -> None:
    client = knowing(clients, held)
    told = {
        text: refused(client.exchange(Q(text)))
        for text in (
            "SELECT 1",
            "SELECT count_it()",
            "SELECT purge()",
            "INSERT INTO log VALUES (1)",
            "SELECT * FROM seen",
            "SELECT * FROM t",
            "SELECT nothing_known()",
            "BEGIN",
            "COMMIT",
        )
    }
    assert told == {
        "SELECT 1": "",
        "SELECT count_it()": "",
        "SELECT purge()": "no-loss",
        "INSERT INTO log VALUES (1)": "no-loss",
        "SELECT * FROM seen": "no-loss",
        "SELECT * FROM t": "",
        "SELECT nothing_known()": "no-code",
        "BEGIN": "",
        "COMMIT": "",
    }
    assert client.readings == 1  # at login, when a statement first hinged on it


@pytest.mark.parametrize(
    ("first", "ready"),
    [
        (Q("BEGIN") + Q("SELECT count_it()"), 2),
        (X("BEGIN") + X("SELECT count_it()") + S, 1),
        (Q("BEGIN; SAVEPOINT s") + Q("SELECT 1") + X("SELECT count_it()") + S, 3),
    ],
    ids=["queries", "one batch", "both"],
)
def test_the_first_reading_waits_for_nothing(
    first: bytes, ready: int, held: Database, clients: Clients
) -> None:
    """Wherever a session stands when a statement first hinges on the catalogue."""
    client = knowing(clients, held)
    assert client.exchange(first, ready=ready)[-2:] == [("C", "SELECT 1"), ("Z", "T")]
    assert client.readings == 1
    assert refused(client.exchange(Q("SELECT purge()"))) == "no-loss"


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        ("checked", b"1", "no-loss"),
        ("checked[]", b"{1}", "no-loss"),
        ("holding", b"(1)", "no-loss"),
        ("mood", b"sad", ""),
        ("plain", b"1", ""),
        ("text", b"x", ""),
    ],
)
def test_values_of_parameters_are_read_by_the_code_of_their_types(
    kind: str, value: bytes, rule: str, held: Database, clients: Clients
) -> None:
    held.execute(
        """
        CREATE FUNCTION purges(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN DELETE FROM t; RETURN true; END';
        CREATE DOMAIN checked AS int CHECK (purges(VALUE));
        CREATE TYPE holding AS (a checked);
        CREATE TYPE mood AS ENUM ('sad');
        CREATE DOMAIN plain AS int CHECK (VALUE > 0)
        """
    )
    client = knowing(clients, held)
    oid = int(held.execute(f"SELECT '{kind}'::regtype::oid"))
    told = client.exchange(P("SELECT $1", types=(oid,)) + B(values=(value,)) + E() + S)
    assert refused(told) == rule
    assert held.execute("SELECT count(*) FROM t") == "3"


def test_prepared_statements_are_judged_anew_when_the_catalogue_has_changed(
    held: Database, clients: Clients
) -> None:
    client = knowing(clients, held)
    client.exchange(P("SELECT count_it()", "s") + S)
    assert client.exchange(B("s") + E() + S)[1] == ("D", b"1")
    held.execute(f"DROP FUNCTION count_it(); CREATE FUNCTION count_it() {PURGE}")
    client.read_catalogue(held.name)  # at an interval
    assert refused(client.exchange(B("s") + E() + S)) == "no-loss"
    assert held.execute("SELECT count(*) FROM t") == "3"


def test_a_reading_that_brings_nothing_new_changes_nothing(held: Database, clients: Clients) -> None:
    client = knowing(clients, held)
    client.exchange(Q("SELECT count_it()"))
    known, epoch = client.gate.databases[held.name], client.gate.policy_epoch
    client.read_catalogue(held.name)
    assert (client.gate.databases[held.name] is known, client.gate.policy_epoch) == (True, epoch)


def test_after_a_definition_the_next_text_waits_for_a_fresh_reading(held: Database, clients: Clients) -> None:
    client = knowing(clients, held)
    told = client.exchange(
        Q("CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 7'") + Q("SELECT fresh()"), ready=2
    )
    assert ("D", b"7") in told
    assert client.readings == 2
    client.exchange(X("CREATE TABLE other (id int DEFAULT fresh())") + S)
    assert refused(client.exchange(X("INSERT INTO other DEFAULT VALUES") + S)) == ""
    assert client.readings == 3
    client.exchange(Q("SELECT fresh()"))
    client.exchange(Q("CREATE TEMP TABLE own (id int)"))
    client.exchange(Q("INSERT INTO own VALUES (1)"))
    assert client.readings == 3


@pytest.mark.parametrize(
    ("texts", "rules"),
    [
        (["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 7'", "SELECT f()"], ["", ""]),
        (
            [
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
                "INSERT INTO t VALUES (7, 'x')",
            ],
            ["", "", ""],
        ),
        (
            ["CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1'", "SELECT f(7), g(7)"],
            ["", "no-code"],
        ),
        (["ALTER FUNCTION purge() RENAME TO harmless", "SELECT harmless()"], ["", "no-code"]),
        (["ALTER FUNCTION purge() RENAME TO harmless", "SELECT count_it()"], ["", "no-code"]),
        (["ALTER TABLE log RENAME TO journal", "INSERT INTO journal VALUES (1)"], ["", "no-code"]),
        (["ALTER TABLE asleep ENABLE TRIGGER sleeps", "INSERT INTO asleep VALUES (1)"], ["", "no-code"]),
        (
            [
                "CREATE TABLE more (id int)",
                "CREATE TRIGGER y AFTER INSERT ON more FOR EACH ROW EXECUTE FUNCTION sweep()",
            ],
            ["", "no-loss"],
        ),
        (["CREATE VIEW w AS SELECT purge()"], ["no-loss"]),
        ([f"CREATE FUNCTION gone(t) {GONE}", "SELECT x.gone FROM t AS x"], ["", "no-loss"]),
        ([f"CREATE FUNCTION gone(t) {GONE}", "SELECT x.id FROM t AS x"], ["", ""]),
        (
            [
                "CREATE TYPE wrapped AS (id int)",
                f"CREATE FUNCTION gone(wrapped) {GONE}",
                "CREATE CAST (wrapped AS int) WITH FUNCTION gone(wrapped)",
                "SELECT ROW(id)::wrapped::int FROM t",
            ],
            ["", "", "", "no-loss"],
        ),
        (
            [
                "CREATE FUNCTION one(i int) RETURNS int LANGUAGE sql AS 'SELECT 7'",
                TURNS,
                "DROP FUNCTION one",
                f"CREATE FUNCTION one(i int) {GONE_BY_KEY}",
                "SELECT turns()",
            ],
            ["", "", "", "", "no-loss"],
        ),
        (
            [
                f"CREATE FUNCTION f() {TAKES}",
                "CREATE TRIGGER x AFTER INSERT ON asleep FOR EACH ROW EXECUTE FUNCTION f()",
                "INSERT INTO asleep VALUES (7)",
                "INSERT INTO asleep SELECT id FROM t",
            ],
            ["", "", "", "no-loss"],
        ),
        (["CREATE VIEW w AS TABLE log"], ["no-loss"]),
        (["ALTER TABLE guarded ENABLE ROW LEVEL SECURITY", "SELECT * FROM guarded"], ["", "no-code"]),
        (["CREATE TABLE a ()", "ALTER TABLE a ENABLE ROW LEVEL SECURITY", "SELECT count_it()"], [""] * 3),
        ([*PARTED, "INSERT INTO parted VALUES (1)", "INSERT INTO parted_1 VALUES (1)"], [""] * 4),
        (
            ["CREATE TABLE more PARTITION OF logs FOR VALUES IN (2)", "INSERT INTO more VALUES (2)"],
            ["", "no-loss"],
        ),
        (["CREATE TABLE more () INHERITS (log)", "INSERT INTO asleep VALUES (1)"], ["", ""]),
        (["ALTER TABLE s.part INHERIT t", "UPDATE t SET v = v WHERE id = 1"], ["", "no-loss"]),
        (
            [
                *PARTED,
                "ALTER TABLE parted ATTACH PARTITION log FOR VALUES IN (2)",
                "INSERT INTO parted VALUES (2)",
            ],
            ["", "", "", "no-loss"],
        ),
        (["CREATE TABLE a (id int)", "ALTER TABLE a RENAME TO b", "SELECT count_it()"], [""] * 3),
        (
            ["CREATE TABLE a (id int)", "ALTER TABLE a RENAME id TO b", "INSERT INTO asleep VALUES (1)"],
            [""] * 3,
        ),
        (["CREATE TABLE a (id int)", "INSERT INTO a VALUES (1)", "SET LOCAL work_mem = '1MB'"], ["", "", ""]),
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "one text"])
def test_inside_a_transaction_the_sessions_own_definitions_count(
    texts: list[str], rules: list[str], together: bool, held: Database, clients: Clients
) -> None:
    """Nobody else sees them yet, so no reading can help."""
    client = knowing(clients, held)
    if together:
        assert refused(client.exchange(Q("; ".join(texts)))) == max(rules)
    else:
        client.exchange(Q("SELECT count_it()"))
        client.exchange(Q("BEGIN"))
        assert [refused(client.exchange(Q(text))) for text in texts] == rules
        assert client.readings == 1
        client.exchange(Q("ROLLBACK"))
        assert refused(client.exchange(Q("SELECT count_it()"))) == ""
        assert client.readings == (2 if len(texts) > 1 else 1)
    assert held.execute("SELECT count(*) FROM t WHERE id < 4") == "3"


def test_without_a_catalogue_only_what_runs_no_code_passes(held: Database, clients: Clients) -> None:
    client = knowing(clients, held)
    gate = client.gate
    reading, client.read_catalogue = client.read_catalogue, lambda name: gate.swap_database(name, None)
    gate.swap_database(held.name, None)
    for text in ("BEGIN", "SET work_mem = '4MB'", "SHOW work_mem", "SELECT 1", "COMMIT", "DISCARD ALL"):
        assert refused(client.exchange(Q(text))) == "", text
    for text in ("SET ROLE NONE", "SET ROLE pg_monitor", "RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT"):
        assert refused(client.exchange(Q(text))) == "", text
    for text in ("SELECT * FROM t", "SELECT count_it()", "INSERT INTO t VALUES (8)", "CREATE TABLE x ()"):
        assert refused(client.exchange(Q(text))) == "catalogue", text
    assert gate.tally.blocked["catalogue", "enforce"].value == 4
    assert [each.rule for each in client.judged] == ["catalogue"] * 4
    reading(held.name)
    assert refused(client.exchange(Q("SELECT * FROM t"))) == ""
    gate.swap_database(held.name, None)
    assert refused(client.exchange(Q("SELECT * FROM t"))) == "catalogue"


def test_a_login_that_names_a_role_waits_for_no_catalogue(held: Database, clients: Clients) -> None:
    client = clients.wired(held, gate_of(LOSSLESS, catalogue=True), role="pg_monitor")
    client.read_catalogue = lambda name: client.gate.swap_database(name, asyncio.run(_read(held)))
    assert client.exchange(Q("SHOW role"))[1] == ("D", b"pg_monitor")


def test_a_policy_that_only_watches_lets_pass_without_a_catalogue(held: Database, clients: Clients) -> None:
    gate = gate_of(LOSSLESS.replace("name: lossless", "name: l\ndefaults: {mode: shadow}"), catalogue=True)
    client = clients.wired(held, gate)
    assert client.exchange(Q("SELECT count(*) FROM t"))[1] == ("D", b"3")
    assert [(each.rule, each.mode) for each in client.judged] == [("catalogue", "shadow")]


def test_where_a_bare_name_is_found_decides_which_trigger_runs(held: Database, clients: Clients) -> None:
    held.execute("CREATE SCHEMA quiet; CREATE TABLE quiet.log (id int)")
    client = knowing(clients, held)
    client.exchange(Q("SET search_path = quiet"))
    assert refused(client.exchange(Q("INSERT INTO log VALUES (1)"))) == ""
    assert refused(client.exchange(Q("SET search_path = public; INSERT INTO log VALUES (1)"))) == "no-loss"
    client.exchange(Q("SET search_path = public, quiet"))
    assert refused(client.exchange(Q("INSERT INTO log VALUES (1)"))) == "no-loss"
    client.exchange(Q("CREATE TEMP TABLE log (id int)"))
    assert refused(client.exchange(Q("INSERT INTO log VALUES (1)"))) == ""


def test_a_trigger_that_changes_the_reading_is_seen_inside_a_batch(held: Database, clients: Clients) -> None:
    held.execute(
        "CREATE FUNCTION off() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN SET standard_conforming_strings = off; RETURN NEW; END $$;"
        " CREATE TABLE w (id int); CREATE TRIGGER x BEFORE INSERT ON w FOR EACH ROW EXECUTE FUNCTION off()"
    )
    client = knowing(clients, held)
    for _ in range(2):
        told = client.exchange(
            X("INSERT INTO w VALUES (1)") + P(r"SELECT '\', $x$ '; DELETE FROM t; -- $x$") + S
        )
        assert refused(told) == "lexing"
        client.exchange(Q("SET standard_conforming_strings = on"))


def test_a_function_of_a_schema_that_is_not_on_the_path_is_not_called(
    held: Database, clients: Clients
) -> None:
    """The server is asked for its search_path, once, where a built-in has a namesake elsewhere."""
    held.execute(f"CREATE SCHEMA guard; CREATE FUNCTION guard.sum() {PURGE}")
    client = knowing(clients, held)
    for _ in range(3):
        assert client.exchange(Q("SELECT sum(id) FROM t"))[1] == ("D", b"6")
    assert client.sent.count(b"pg_my_temp_schema") == 1
    client.exchange(Q("SET search_path = guard, public"))
    assert refused(client.exchange(Q("SELECT sum(id) FROM t"))) == "no-loss"


def F(oid: int) -> bytes:
    """FunctionCall without arguments."""
    body = oid.to_bytes(4, "big") + b"\0\0\0\0\0\0"
    return b"F" + (len(body) + 4).to_bytes(4, "big") + body


@pytest.mark.defect_10
@pytest.mark.parametrize("known", [False, True], ids=["no catalogue", "catalogue"])
def test_a_function_called_by_number_is_judged_as_that(
    known: bool, every_server: Cluster, new_database: Callable[[Cluster], Database], clients: Clients
) -> None:
    database = new_database(every_server)
    database.execute("CREATE TABLE t (id int)")
    database.execute(f"CREATE FUNCTION purge() {PURGE}")
    database.execute("CREATE FUNCTION harmless() RETURNS int LANGUAGE sql AS 'SELECT 7'")
    client = knowing(clients, database) if known else clients.wired(database, gate_of(LOSSLESS))

    def called(name: str) -> str:
        oid = int(database.execute(f"SELECT '{name}'::regprocedure::oid"))
        told = client.exchange(F(oid))
        return refused(told)

    assert called("pg_backend_pid()") == ""
    assert called("now()") == ""
    assert called("query_to_xml(text, boolean, boolean, text)") == "no-code"
    assert called("purge()") == ("no-loss" if known else "no-code")
    assert called("harmless()") == ("" if known else "no-code")


def test_a_built_in_s_name_in_a_schema_that_search_path_does_not_name_is_the_built_in(
    held: Database, clients: Clients
) -> None:
    held.execute(
        f"""
        CREATE SCHEMA elsewhere;
        CREATE FUNCTION elsewhere.lower(varchar) {PURGE};
        CREATE FUNCTION upper(varchar) {PURGE}
        """
    )
    client = knowing(clients, held)
    assert refused(client.exchange(Q("SELECT lower('X') FROM t"))) == ""
    assert refused(client.exchange(Q("SELECT upper('x') FROM t"))) == "no-loss"
    client.exchange(Q("SET search_path = elsewhere"))
    assert refused(client.exchange(Q("SELECT lower('X') FROM t"))) == "no-loss"
