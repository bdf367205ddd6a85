"""What a bare name stands for: the session's own table may go, everybody's may not."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.backup.cluster import Cluster
from proxy.session.resolution.inquiry import split_path
from tests.conftest import ServerAt, StartPgBouncer
from tests.servers.database import Database
from tests.session.conftest import TABLE, Clients
from tests.session.messages import DS, B, C, E, H, P, Q, S, X
from tests.session.wired import Clock, Wired, gate_of, policy_of

OWN = """
version: 1
name: own
rules:
  - id: no-drop
    match: {classes: [destructive], not: {traits: [temporary]}}
    deny: "No."
  - id: unscoped
    match: {effects: [row.delete, row.update], traits: [unscoped], not: {traits: [temporary]}}
    deny: "No."
"""
NO = [("E", "42501", "No. [rule no-drop]"), ("Z", "I")]
UNSCOPED = [("E", "42501", "No. [rule unscoped]"), ("Z", "I")]
MAKE = Q("CREATE TEMP TABLE t (id int, v text)")


def own(clients: Clients, database: Database) -> Wired:
    """A client whose own tables may go."""
    return clients.wired(database, gate_of(OWN))


def test_a_table_of_the_sessions_own_may_go(every_table: Database, clients: Clients) -> None:
    client = own(clients, every_table)
    client.exchange(MAKE)
    assert client.exchange(Q("DELETE FROM t")) == [("C", "DELETE 0"), ("Z", "I")]
    assert client.exchange(Q("TRUNCATE t")) == [("C", "TRUNCATE TABLE"), ("Z", "I")]
    assert client.exchange(Q("ALTER TABLE t ALTER id TYPE text")) == [("C", "ALTER TABLE"), ("Z", "I")]
    assert client.exchange(X("DROP TABLE t") + S)[-2:] == [("C", "DROP TABLE"), ("Z", "I")]
    assert client.exchange(X("DROP TABLE t") + S) == NO
    assert client.exchange(Q("DROP TABLE t")) == NO
    assert every_table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.parametrize(
    "before",
    [
        [],
        ["CREATE TEMP TABLE t (id int)", "DROP TABLE t"],
        ["BEGIN", "CREATE TEMP TABLE t (id int)", "ROLLBACK"],
        ["BEGIN", "CREATE TEMP TABLE t (id int) ON COMMIT DROP", "COMMIT"],
        ["CREATE TEMP TABLE t (id int) ON COMMIT DROP"],
        ["BEGIN", "SAVEPOINT s", "CREATE TEMP TABLE t (id int)", "ROLLBACK TO s"],
        ["CREATE TEMP TABLE t (id int); SELECT 1/0"],
        ["CREATE TEMP TABLE t (id int)", "DISCARD TEMP"],
        ["CREATE TEMP TABLE t (id int)", "DISCARD ALL"],
        ["CREATE TEMP TABLE t (id int)", "ALTER TABLE t RENAME TO u"],
        ["CREATE TEMP TABLE t (id int)", "SET search_path = public, pg_temp"],
        ["CREATE TEMP TABLE t (id int)", "SELECT set_config('search_path', 'public, pg_temp', false)"],
        ["CREATE TEMP TABLE t (id int)", "DO $$ BEGIN EXECUTE format('DROP %s t', lower('TABLE')); END $$"],
        ["CREATE TEMP TABLE other (id int)"],
        ["CREATE TEMP VIEW t AS SELECT 1 AS id"],
        ["CREATE TEMP TABLE IF NOT EXISTS t (id int)", "DROP TABLE t"],
        ["CREATE TEMP TABLE t (id int)", "DROP TABLE t; SELECT 1"],
        ['CREATE TEMP TABLE "T" (id int)'],
    ],
)
def test_what_is_not_the_sessions_own_stays(before: list[str], table: Database, clients: Clients) -> None:
    client = own(clients, table)
    for text in before:
        client.exchange(Q(text))
    for text in ("DROP TABLE t", "TRUNCATE t", "DROP TABLE IF EXISTS t, t"):
        told = client.exchange(Q(text))
        assert told[0] == NO[0], (text, told)
        client.exchange(Q("ROLLBACK"))
    assert table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.parametrize(
    "before",
    [
        [MAKE],
        [MAKE, Q("ROLLBACK")],
        [MAKE, E("none") + S],
        [MAKE, Q("SELECT set_config('search_path', 'pg_temp', false)")],
        [MAKE, Q("BEGIN"), Q("SELECT 1/0"), Q("ROLLBACK")],
        [MAKE, Q("SET client_encoding = LATIN1")],
    ],
)
@pytest.mark.parametrize("send", [Q, lambda text: X(text) + S], ids=["simple", "extended"])
def test_what_is_in_flight_is_waited_for(
    before: list[bytes], send: Callable[[str], bytes], table: Database, clients: Clients
) -> None:
    """It may change how texts are read, or end a transaction: then the server is asked."""
    client = own(clients, table)
    told = client.exchange(*before, send("DELETE FROM t"), ready=len(before) + 1)
    assert told[-2:] == [("C", "DELETE 0"), ("Z", "I")]
    again = (*before[1:], Q("DROP TABLE t"), Q("DROP TABLE t"))
    assert client.exchange(*again, ready=len(again))[-4:] == [("C", "DROP TABLE"), ("Z", "I"), *NO]


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII", "KOI8R"])
def test_of_names_in_ascii_the_server_is_asked_in_other_encodings(
    encoding: str, table: Database, clients: Clients
) -> None:
    client = own(clients, table)
    client.exchange(Q(f"SET client_encoding = {encoding}"))
    client.exchange(MAKE)
    assert client.exchange(Q("TRUNCATE t"))[0] == ("C", "TRUNCATE TABLE")
    assert client.exchange(X("DROP TABLE t") + S)[-2:] == [("C", "DROP TABLE"), ("Z", "I")]
    assert client.exchange(Q("DROP TABLE t")) == NO


def test_another_name_in_another_encoding_is_not_the_sessions_own(table: Database, clients: Clients) -> None:
    """The UTF-8 of one name is another in LATIN1; of neither is anything said."""
    table.execute('CREATE TABLE "é" (id int); CREATE SCHEMA "ü"')
    client = own(clients, table)
    client.exchange(Q('CREATE TEMP TABLE "Ã©" (id int)'))
    client.exchange(Q("SET client_encoding = LATIN1"))
    assert client.exchange(Q('DROP TABLE U&"\\00e9"')) == NO
    assert client.exchange(Q('TRUNCATE U&"\\00c3\\00a9", U&"\\00e9"')) == NO
    client.exchange(MAKE)
    client.exchange(Q('SET search_path = U&"\\00fc", public, pg_temp'))
    assert client.exchange(Q("DROP TABLE t")) == NO
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_where_a_character_can_hide_a_backslash_nobody_is_asked(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    client.exchange(Q("SET client_encoding = SJIS"))
    client.exchange(MAKE)
    assert client.exchange(Q("DROP TABLE t")) == NO


@pytest.mark.parametrize(
    "moves",
    [
        "SET search_path = public, pg_temp",
        "SELECT set_config('search_path', 'public, pg_temp', false)",
        "SELECT set_config(lower('SEARCH_PATH'), 'public, pg_temp', true)",
        "WITH moved AS (SELECT set_config('search_path', 'public, pg_temp', false)) SELECT * FROM moved",
        "INSERT INTO t SELECT 1 FROM set_config('search_path', 'public, pg_temp', false)",
        "COPY (SELECT set_config('search_path', 'public, pg_temp', false)) TO STDOUT",
        "SELECT query_to_xml($$SELECT set_config('search_path', 'public, pg_temp', true)$$, true, false, '')",
        "EXPLAIN ANALYZE SELECT set_config('search_path', 'public, pg_temp', false)",
        "BEGIN; DECLARE c CURSOR FOR SELECT set_config('search_path', 'public, pg_temp', false); FETCH c",
    ],
)
def test_what_moves_names_in_front_of_a_statement_moves_its_own(
    moves: str, table: Database, clients: Clients
) -> None:
    client = own(clients, table)
    client.exchange(Q("CREATE TEMP TABLE t (id int)"))
    for text in ("DELETE FROM t", "TRUNCATE t", "DROP TABLE t"):
        refused = client.exchange(Q(f"{moves}; {text}"))[0]
        assert refused == (UNSCOPED[0] if text.startswith("DELETE") else NO[0]), text
        client.exchange(Q("ROLLBACK"))
    assert table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.parametrize(
    "before",
    [
        ["CREATE TEMP TABLE t (id int)"],
        ["CREATE TABLE pg_temp.t (id int)"],
        ["SELECT 1 AS id INTO TEMP t"],
        ["CREATE TEMP TABLE t AS SELECT 1 AS id"],
        ["BEGIN", "CREATE TEMP TABLE t (id int) ON COMMIT DROP"],
        ["BEGIN", "CREATE TEMP TABLE t (id int)", "SAVEPOINT s", "SELECT 1/0", "ROLLBACK TO s"],
        ["BEGIN", "CREATE TEMP TABLE t (id int)", "COMMIT"],
        ["CREATE TEMP TABLE IF NOT EXISTS t (id int)"],
        ["SET search_path = pg_temp, public", "CREATE TABLE t (id int)"],
        ["CREATE TEMP TABLE u (id int)", "ALTER TABLE u RENAME TO t"],
        ["CREATE TEMP TABLE t (id int) PARTITION BY RANGE (id)"],
        ["CREATE TEMP TABLE T (id int)"],
        ["SELECT count(*) FROM t", "CREATE TEMP TABLE t (id int)", "INSERT INTO public.t VALUES (9)"],
    ],
)
@pytest.mark.parametrize("send", [Q, lambda text: X(text) + S], ids=["simple", "extended"])
def test_what_is_the_sessions_own_goes(
    before: list[str], send: Callable[[str], bytes], table: Database, clients: Clients
) -> None:
    client = own(clients, table)
    for text in before:
        client.exchange(Q(text))
    for text in ("DELETE FROM t", "TRUNCATE t", 'TRUNCATE U&"\\0074"', "DROP TABLE IF EXISTS t CASCADE"):
        told = client.exchange(send(text))
        assert str(told[-2][1]).split()[0] == text.split()[0], told
    assert client.exchange(send("TRUNCATE t"))[0] == NO[0]


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("CREATE TEMP TABLE t (id int); INSERT INTO t VALUES (1); DELETE FROM t; DROP TABLE t", True),
        ("CREATE TEMP TABLE t (id int); DROP TABLE t CASCADE", True),
        ("BEGIN; CREATE TEMP TABLE t AS SELECT 1 AS id; TRUNCATE t; DROP TABLE t; COMMIT", True),
        ("SET LOCAL work_mem = '4MB'; CREATE TEMP TABLE t (id int); TRUNCATE t", True),
        ("CREATE TEMP TABLE t (id int); DROP TABLE t; DROP TABLE t", False),
        ("CREATE TEMP TABLE t (id int); COMMIT; DROP TABLE t", False),
        ("CREATE TEMP TABLE IF NOT EXISTS t (id int); DELETE FROM t", False),
        ("CREATE TEMP TABLE t (id int); ALTER TABLE t RENAME TO u; DROP TABLE t", False),
        ("CREATE TEMP TABLE t (id int); SET search_path = public, pg_temp; DROP TABLE t", False),
        ("CREATE TEMP TABLE t (id int); DO $$ BEGIN DROP TABLE t; END $$; DROP TABLE t", False),
        ("CREATE TEMP TABLE t (id int); DISCARD TEMP; DROP TABLE t", False),
        ("CREATE TEMP TABLE t (id int); DROP TABLE public.t", False),
        ("CREATE TEMP TABLE t (id int); CREATE TABLE p (c t); DROP TABLE t CASCADE", False),
        ("DO $$ BEGIN CREATE TEMP TABLE t (id int); DROP TABLE t; DROP TABLE t; END $$", False),
    ],
)
def test_a_text_is_followed_statement_by_statement(
    text: str, passes: bool, table: Database, clients: Clients
) -> None:
    client = own(clients, table)
    told = client.exchange(Q(text))
    assert [each[1] for each in told if each[0] == "E"] == ([] if passes else ["42501"])
    assert table.execute("SELECT count(*) FROM public.t") == "3"


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (["CREATE TEMP TABLE u (id int)", "CREATE INDEX i ON u (id)"], "DROP INDEX i"),
        (
            ["CREATE TEMP TABLE u (id int) PARTITION BY RANGE (id)", "CREATE INDEX i ON u (id)"],
            "DROP INDEX i",
        ),
        (["CREATE TEMP VIEW i AS SELECT 1 AS id"], "DROP VIEW i"),
        (["CREATE TEMP SEQUENCE i"], "DROP SEQUENCE i"),
        (
            ["CREATE TEMP TABLE i (id int PRIMARY KEY)", "CREATE TEMP TABLE u (id int REFERENCES i)"],
            "DROP TABLE i CASCADE",
        ),
    ],
)
def test_an_index_a_view_and_a_sequence_of_the_sessions_own_go(
    before: list[str], text: str, every_table: Database, clients: Clients
) -> None:
    client = own(clients, every_table)
    assert client.exchange(Q(text))[0] == NO[0]
    for each in before:
        client.exchange(Q(each))
    assert client.exchange(Q(text))[-2:] == [("C", " ".join(text.split()[:2])), ("Z", "I")]
    assert client.exchange(Q(text))[0] == NO[0]


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (["CREATE TEMP VIEW i AS SELECT * FROM public.t"], "DELETE FROM i"),
        (["CREATE TEMP VIEW i AS SELECT * FROM public.t"], "UPDATE i SET id = 1"),
        (["CREATE TEMP VIEW i AS SELECT 1 AS id", "CREATE VIEW public.i AS SELECT 1"], "DROP VIEW public.i"),
        (["CREATE TEMP VIEW i AS SELECT 1 AS id"], "DROP TABLE i"),
        (
            ["CREATE TEMP SEQUENCE i", "CREATE TABLE p (c int DEFAULT nextval('i'))"],
            "DROP SEQUENCE i CASCADE",
        ),
        (["CREATE TEMP VIEW i AS SELECT 1 AS id"], "DROP VIEW i, j"),
        (["CREATE TEMP VIEW i AS SELECT 1 AS id"], "DROP VIEW i; DROP VIEW i"),
    ],
)
def test_what_hangs_on_an_own_view_or_sequence_is_not_alone(
    before: list[str], text: str, table: Database, clients: Clients
) -> None:
    client = own(clients, table)
    for each in before:
        client.exchange(Q(each))
    assert client.exchange(Q(text))[0][:2] == ("E", "42501")


def test_in_a_text_a_late_pg_temp_is_known(table: Database, clients: Clients) -> None:
    table.execute(f"ALTER DATABASE {table.name} SET search_path = public, pg_temp")
    client = own(clients, table)
    assert client.exchange(Q("CREATE TEMP TABLE t (id int); DROP TABLE t")) == NO
    assert client.exchange(Q("CREATE TEMP TABLE t (id int); DROP TABLE pg_temp.t"))[-1] == ("Z", "I")


def test_rows_of_an_own_table_with_a_trigger_or_a_rule_are_not_alone(
    table: Database, clients: Clients
) -> None:
    client = own(clients, table)
    client.exchange(Q("CREATE TEMP TABLE r (id int)"))
    client.exchange(Q("CREATE RULE away AS ON DELETE TO r DO ALSO DELETE FROM public.t WHERE id = 1"))
    assert client.exchange(Q("DELETE FROM r")) == UNSCOPED
    assert client.exchange(Q("DELETE FROM pg_temp.r")) == UNSCOPED
    assert client.exchange(Q("DROP TABLE r")) == [("C", "DROP TABLE"), ("Z", "I")]


def test_a_cascade_that_reaches_a_permanent_column_is_refused(table: Database, clients: Clients) -> None:
    """PostgreSQL lets a permanent column have the row type of a temporary table."""
    client = own(clients, table)
    client.exchange(MAKE)
    client.exchange(Q("ALTER TABLE public.t ADD COLUMN c pg_temp.t"))
    assert client.exchange(Q("DROP TABLE t CASCADE")) == NO
    client.exchange(Q("CREATE TEMP TABLE u (id int)"))
    client.exchange(Q("CREATE TEMP VIEW w AS SELECT * FROM u"))
    assert client.exchange(Q("DROP TABLE u CASCADE")) == NO
    client.exchange(Q("CREATE TEMP TABLE n (id serial PRIMARY KEY, v text DEFAULT 'x')"))
    assert client.exchange(Q("DROP TABLE n CASCADE"))[-2:] == [("C", "DROP TABLE"), ("Z", "I")]


def test_of_several_tables_only_the_own_one_is(table: Database, clients: Clients) -> None:
    table.execute("CREATE TABLE u (id int)")
    client = own(clients, table)
    client.exchange(MAKE)
    assert client.exchange(Q("DROP TABLE t, u")) == NO
    assert client.exchange(Q("TRUNCATE u, t")) == NO
    assert table.execute("SELECT to_regclass('public.u')") == "u"


def test_a_statement_prepared_on_the_real_table_stays_with_it(
    every_table: Database, clients: Clients
) -> None:
    """A cached plan keeps the table that it found, though a temporary one now hides it."""
    client = own(clients, every_table)
    gate, strict = client.gate, client.gate.policy
    gate.swap_policy(policy_of("{version: 1, name: open, rules: []}"))
    client.exchange(Q("CREATE TEMP TABLE other (id int)"))
    client.exchange(P("DELETE FROM t", "d") + S)
    gate.swap_policy(strict)
    client.exchange(MAKE)
    assert client.exchange(B("d") + E() + S) == UNSCOPED
    client.exchange(P("DELETE FROM t", "e") + S)
    assert client.exchange(B("e") + E() + S) == [("2",), ("C", "DELETE 0"), ("Z", "I")]
    assert every_table.execute("SELECT count(*) FROM public.t") == "3"


def test_a_prepared_statement_follows_a_table_that_is_made_anew(
    every_table: Database, clients: Clients
) -> None:
    client = own(clients, every_table)
    for number in range(3):
        client.exchange(Q("BEGIN"))
        client.exchange(Q("CREATE TEMP TABLE t (id int, v text) ON COMMIT DROP"))
        client.exchange(Q(f"INSERT INTO t SELECT FROM generate_series(0, {number})"))
        if number == 0:
            client.exchange(P("DELETE FROM t", "d") + DS("d") + S)
        told = client.exchange(B("d") + E() + S)
        assert told == [("2",), ("C", f"DELETE {number + 1}"), ("Z", "T")]
        client.exchange(Q("COMMIT"))
    assert client.exchange(B("d") + E() + S) == UNSCOPED
    assert every_table.execute("SELECT count(*) FROM public.t") == "3"


@pytest.mark.parametrize("use", [DS("d") + S, Q("EXPLAIN EXECUTE d")], ids=["Describe", "EXECUTE"])
def test_a_prepared_statement_that_was_resolved_anew_unseen_is_not_believed(
    use: bytes, table: Database, clients: Clients
) -> None:
    """While the temporary table is gone its names are resolved to the real one, and stay so."""
    client = own(clients, table)
    gate, strict = client.gate, client.gate.policy
    client.exchange(Q("BEGIN"))
    client.exchange(MAKE)
    client.exchange(P("DELETE FROM t", "d") + S)
    client.exchange(Q("SAVEPOINT s"))
    client.exchange(Q("DROP TABLE t"))
    gate.swap_policy(policy_of("{version: 1, name: open, rules: []}"))
    client.exchange(use)
    gate.swap_policy(strict)
    client.exchange(Q("ROLLBACK TO s"))
    assert client.exchange(B("d") + E() + S)[0] == UNSCOPED[0]
    client.exchange(Q("ROLLBACK"))
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_what_is_pipelined_waits_for_the_answer(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    told = client.exchange(MAKE + Q("DROP TABLE t") + Q("DROP TABLE t"), ready=3)
    assert told == [("C", "CREATE TABLE"), ("Z", "I"), ("C", "DROP TABLE"), ("Z", "I"), *NO]
    told = client.exchange(X("CREATE TEMP TABLE t (id int)") + S + X("DROP TABLE t") + S, ready=2)
    assert told[-2:] == [("C", "DROP TABLE"), ("Z", "I")]
    told = client.exchange(X("CREATE TEMP TABLE t (id int)") + X("DROP TABLE t") + S)
    assert told[-2:] == [("C", "DROP TABLE"), ("Z", "I")]


@pytest.mark.parametrize("chunk", [0, 1, 7])
def test_inside_of_a_batch_the_question_ends_nothing(
    chunk: int, every_table: Database, clients: Clients
) -> None:
    client = clients.wired(every_table, gate_of(OWN), chunk=chunk)
    done = [("1",), ("2",), ("C", "CREATE TABLE"), ("1",), ("2",), ("C", "INSERT 0 1")]
    make = X("CREATE TEMP TABLE t (id int)") + X("INSERT INTO t VALUES (1)")
    told = client.exchange(make + X("DELETE FROM t") + X("TRUNCATE t") + X("DROP TABLE t") + S)
    assert told == [
        *done,
        *[("1",), ("2",), ("C", "DELETE 1"), ("1",), ("2",), ("C", "TRUNCATE TABLE")],
        *[("1",), ("2",), ("C", "DROP TABLE"), ("Z", "I")],
    ]
    told = client.exchange(make + X("DROP TABLE t") + X("DROP TABLE t") + S)
    assert told == [*done, ("1",), ("2",), ("C", "DROP TABLE"), *NO]
    # All of it was one transaction: what the refusal ended is gone with it.
    told = client.exchange(X("INSERT INTO public.t VALUES (9)") + X("DELETE FROM t") + S)
    assert told == [("1",), ("2",), ("C", "INSERT 0 1"), *UNSCOPED]
    assert every_table.execute("SELECT count(*) FROM public.t") == "3"
    assert client.exchange(Q("SELECT count(*) FROM t"))[1] == ("D", b"3")


def test_a_batch_that_ends_takes_its_search_path_along(table: Database, clients: Clients) -> None:
    """Outside of a transaction Sync ends SET LOCAL."""
    client = own(clients, table)
    client.exchange(MAKE)
    client.exchange(Q("SET search_path = public, pg_temp"))
    local = X("SET LOCAL search_path = pg_temp, public")
    client.exchange(local + P("TRUNCATE t", "d") + S)
    assert client.exchange(B("d") + E() + S) == NO
    told = client.exchange(local + P("TRUNCATE t") + S + B() + E() + S, ready=2)
    assert told[-2:] == NO
    assert table.execute("SELECT count(*) FROM public.t") == "3"


@pytest.mark.parametrize(
    "body",
    [
        "LANGUAGE sql AS $$ SELECT set_config('search_path', 'public, pg_temp', false); SELECT 1 $$",
        "LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'public, pg_temp', false);"
        " RETURN 1; END $$",
    ],
)
def test_the_planner_runs_functions_at_bind(body: str, table: Database, clients: Clients) -> None:
    """A function that says it is immutable is run to simplify what calls it."""
    for text in ("TRUNCATE t", "DELETE FROM t"):
        client = own(clients, table)
        client.exchange(MAKE)
        client.exchange(Q(f"CREATE FUNCTION pg_temp.f() RETURNS int IMMUTABLE {body}"))
        client.exchange(P("SELECT pg_temp.f()", "f") + S)
        told = client.exchange(P(text, "d") + B("f", "f") + B("d") + E() + S)
        assert told[-2:] in (NO, UNSCOPED)
        client.close()
    assert table.execute("SELECT count(*) FROM public.t") == "3"


def test_inside_of_a_batch_an_error_is_the_clients(table: Database, clients: Clients) -> None:
    """Whether an error comes before the question or of it, the batch has failed, and the client is told."""
    client = own(clients, table)
    client.exchange(MAKE)
    told = client.exchange(X("SELECT 1/0") + X("DELETE FROM t") + S + X("TRUNCATE t") + S, ready=2)
    assert [each[:2] for each in told] == [
        *[("1",), ("E", "22012"), ("Z", "I")],
        *[("1",), ("2",), ("C", "TRUNCATE TABLE"), ("Z", "I")],
    ]
    client.exchange(Q("SET statement_timeout = 100"))
    other = clients.bare(table)
    other.exchange(Q("BEGIN"))
    other.exchange(Q("LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE"))
    told = client.exchange(X("SET work_mem = '4MB'") + X("DELETE FROM t") + S)
    assert [each[:2] for each in told] == [("1",), ("2",), ("C", "SET"), ("E", "57014"), ("Z", "I")]
    other.exchange(Q("ROLLBACK"))
    assert client.exchange(Q("DROP TABLE t")) == [("C", "DROP TABLE"), ("Z", "I")]


def test_the_answer_is_the_gates_alone(every_table: Database, clients: Clients) -> None:
    """The client sees nothing of it, byte by byte, and its unnamed statement and portals stay."""
    for chunk in (0, 1, 7):
        client = clients.wired(every_table, gate_of(OWN), chunk=chunk)
        client.exchange(Q("LISTEN c"))
        client.exchange(MAKE)
        client.exchange(P("DELETE FROM t") + DS() + S)
        assert client.exchange(B() + E() + S) == [("2",), ("C", "DELETE 0"), ("Z", "I")]
        client.exchange(Q("BEGIN"))
        client.exchange(P("SELECT v FROM public.t ORDER BY id") + B(portal="p") + E("p", 1) + S)
        assert client.exchange(Q("TRUNCATE t")) == [("C", "TRUNCATE TABLE"), ("Z", "T")]
        assert client.exchange(E("p", 1) + S)[0] == ("D", b"v2")
        client.close()


def test_a_notification_that_comes_with_the_answer_goes_on(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    client.exchange(Q("LISTEN c"))
    client.exchange(MAKE)
    table.execute("NOTIFY c")
    told = client.exchange(Q("DROP TABLE t"))
    told += [] if ("A",) in told else client.exchange(Q("SELECT 1"))
    assert ("A",) in told
    assert ("C", "DROP TABLE") in told


def test_nothing_is_asked_where_no_answer_would_help(table: Database, clients: Clients) -> None:
    client = clients.wired(table)  # this policy makes no difference between own tables and others
    client.exchange(Q("DROP TABLE t"))
    assert b"pg_my_temp_schema" not in client.sent
    client = own(clients, table)
    client.exchange(Q("DROP TABLE public.t"))
    client.exchange(Q("SELECT * FROM t"))
    client.exchange(Q("DROP TYPE t"))
    assert b"pg_my_temp_schema" not in client.sent


def test_a_shadow_rule_does_not_count_what_is_the_sessions_own(table: Database, clients: Clients) -> None:
    shadow = OWN.replace("name: own", "name: own\ndefaults: {mode: shadow}")
    client = clients.wired(table, gate_of(shadow))
    client.exchange(MAKE)
    client.exchange(Q("DROP TABLE t"))
    client.exchange(Q("BEGIN"))
    client.exchange(Q("DELETE FROM t"))
    assert [(each.rule, each.mode, each.text) for each in client.judged] == [
        ("unscoped", "shadow", "DELETE FROM t")
    ]


def test_a_copy_into_an_own_table_goes_on(table: Database, clients: Clients) -> None:
    """It is judged again while its data flows, with what its name stood for when it began."""
    policy = """
version: 1
name: copies
time:
  timezone: UTC
  windows: {late: {days: [wed], from: "12:30", to: "12:40"}}
rules:
  - id: no-rows
    match: {effects: [row.insert], not: {traits: [temporary]}}
    deny: "No."
  - id: late
    match: {effects: [row.insert], targets: "*.t"}
    when: {window: late}
    deny: "No."
"""
    clock = Clock()  # noon of a Wednesday
    client = clients.wired(table, gate_of(policy, clock))
    client.exchange(MAKE)
    client._send(Q("COPY t FROM STDIN"))
    client.until(lambda: b"G" in client.inbox)
    clock.now += 3000
    told = client.exchange(b"d\0\0\0\x081\tx\n" + b"c\0\0\0\4")
    assert told == [("C", "COPY 1"), ("Z", "I")]
    assert client.exchange(Q("COPY public.t FROM STDIN"))[0][:2] == ("E", "42501")


def test_behind_a_pooler_an_own_table_is_known_inside_a_transaction_only(
    table: Database, clients: Clients, pgbouncer: StartPgBouncer
) -> None:
    """The next transaction may run in another process, where the name stands for another table."""
    pooler = pgbouncer(table.port, "transaction")
    client = clients.wired(table, gate_of(OWN), port=pooler.port)
    client.exchange(MAKE)
    assert client.exchange(Q("DROP TABLE t")) == NO
    client.exchange(Q("BEGIN"))
    assert client.exchange(Q("DELETE FROM t")) == [("C", "DELETE 0"), ("Z", "T")]
    assert client.exchange(Q("COMMIT"))[-1] == ("Z", "I")
    assert client.exchange(Q("DELETE FROM t")) == UNSCOPED


def test_a_question_that_fails_is_asked_again(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    client.exchange(MAKE)
    client.exchange(Q("SET lock_timeout = 1"))
    other = clients.bare(table)
    other.exchange(Q("BEGIN"))
    other.exchange(Q("LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE"))
    assert client.exchange(Q("DROP TABLE t")) == NO
    other.exchange(Q("ROLLBACK"))
    client.exchange(Q("BEGIN"))
    other.exchange(Q("BEGIN"))
    other.exchange(Q("LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE"))
    assert client.exchange(Q("DROP TABLE t")) == [NO[0], ("Z", "E")]
    other.exchange(Q("ROLLBACK"))
    client.exchange(Q("ROLLBACK; SET lock_timeout = 0"))
    assert client.exchange(Q("DROP TABLE t")) == [("C", "DROP TABLE"), ("Z", "I")]
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_anybody_may_ask(table: Database, clients: Clients) -> None:
    """The question needs no privilege; names in schemas that a role may not use are none to it."""
    table.execute("CREATE ROLE nobody LOGIN; CREATE SCHEMA nobody; CREATE TABLE nobody.t (id int)")
    try:
        client = Wired(table.port, table.name, role="nobody", gate=gate_of(OWN)).start()
        assert client.exchange(Q("DROP TABLE t")) == NO
        client.exchange(MAKE)
        assert client.exchange(Q("DROP TABLE t")) == [("C", "DROP TABLE"), ("Z", "I")]
        client.close()
    finally:
        table.execute("DROP SCHEMA nobody CASCADE; DROP ROLE nobody")


@pytest.mark.parametrize("piece", [1_000, 70_000])
def test_a_long_bind_waits_as_well(piece: int, table: Database, clients: Clients) -> None:
    """It is looked at before all of it has come."""
    policy = (
        "{version: 1, name: t, rules: [{id: rows, match: {effects: row.insert, not: {traits: [temporary]}},"
        " deny: 'No.'}]}"
    )
    client = clients.wired(table, gate_of(policy))
    client.exchange(MAKE)
    client.exchange(P("INSERT INTO t VALUES (1, $1)", "i") + S)
    client.exchange(Q("SELECT 1"))
    bind = B("i", values=[b"x" * 300_000]) + E() + S
    client.inbox = b""
    for at in range(0, len(bind), piece):
        client._send(bind[at : at + piece])
    client.wait(1)
    assert client.exchange(Q("SELECT length(v) FROM t"))[1] == ("D", b"300000")


SCHEMAS = """
version: 1
name: schemas
rules:
  - {id: billing, match: {classes: [write], targets: "billing.*"}, deny: "No."}
"""


@pytest.mark.parametrize(
    ("path", "passes"),
    [
        (None, True),
        ("public", True),
        ('"$user", public', True),
        ("", True),
        ("public, billing", False),
        ('"billing"', False),
        ("BILLING", False),
        ('"Billing"', True),
        ('public, "bil""ling"', True),
    ],
)
def test_a_bare_name_is_in_no_schema_that_the_path_lacks(
    path: str | None, passes: bool, table: Database, clients: Clients
) -> None:
    gate = gate_of(SCHEMAS)
    client = clients.wired(table, gate) if path is None else clients.wired(table, gate, search_path=path)
    for text in ("DELETE FROM invoices", "WITH x AS (UPDATE invoices SET id = 1) SELECT 1"):
        told = client.exchange(Q(text))
        assert told[0][1] == ("42P01" if passes else "42501"), told
    assert client.exchange(Q("DELETE FROM billing.invoices"))[0][1] == "42501"


def test_the_path_is_asked_once_and_again_when_it_may_be_another(
    every_table: Database, clients: Clients
) -> None:
    client = clients.wired(every_table, gate_of(SCHEMAS))

    def asked(text: str) -> int:
        before = client.sent.count(b"pg_my_temp_schema")
        client.exchange(Q(text))
        return client.sent.count(b"pg_my_temp_schema") - before

    write = "UPDATE t SET v = v WHERE id = 1"
    assert [asked(write), asked(write), asked("BEGIN"), asked(write), asked("COMMIT"), asked(write)] == [
        *(1, 0, 0, 0, 0, 0)
    ]
    client.exchange(Q("BEGIN"))
    client.exchange(Q("SET LOCAL search_path = public, billing"))
    assert asked(write) == 1
    assert client.exchange(Q("ROLLBACK"))[0] == ("C", "ROLLBACK")
    assert [asked(write), asked(write), asked("DO $$ BEGIN END $$"), asked(write)] == [1, 0, 0, 1]
    for change in ("SET search_path = public", "RESET search_path", "DISCARD ALL", "SET ROLE postgres"):
        client.exchange(Q(change))
        assert [asked(write), asked(write)] == [1, 0], change


def test_a_path_of_a_role_or_of_a_database_is_known_too(
    server_at: ServerAt, new_database: Callable[[Cluster], Database], clients: Clients
) -> None:
    database = new_database(server_at(15))
    database.execute(TABLE)
    database.execute("CREATE SCHEMA billing; CREATE TABLE billing.t AS TABLE t")
    database.execute(f"ALTER DATABASE {database.name} SET search_path = billing, public")
    client = clients.wired(database, gate_of(SCHEMAS))
    assert client.exchange(Q("DELETE FROM t WHERE id = 1"))[0][:2] == ("E", "42501")
    assert client.exchange(Q("DELETE FROM public.t WHERE id = 1"))[0] == ("C", "DELETE 1")


@pytest.mark.parametrize(
    ("setting", "schemas"),
    [
        ("", ()),
        ('"$user", public', ("app", "public")),
        (' a ,B, "C" , "d""e", "f,g"', ("a", "b", "C", 'd"e', "f,g")),
        ('"', None),
        ("a,", None),
        ("a b", None),
        (",a", None),
        ('"a"b', None),
    ],
)
def test_a_path_is_read_as_the_server_reads_it(setting: str, schemas: tuple[str, ...] | None) -> None:
    assert split_path(setting, "app") == schemas


LONG = "n" * 63


def test_names_are_cut_and_folded_as_the_server_does(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    table.execute(f'CREATE TABLE {LONG} (id int); CREATE TABLE "Ünd""x" (id int)')
    client.exchange(Q(f"CREATE TEMP TABLE {LONG}cut (id int)"))
    client.exchange(Q('CREATE TEMP TABLE "Ünd""x" (id int)'))
    assert client.exchange(Q(f"DROP TABLE {LONG.upper()}more"))[-2:] == [("C", "DROP TABLE"), ("Z", "I")]
    assert client.exchange(Q(f"DROP TABLE {LONG}more")) == NO
    assert client.exchange(Q('DROP TABLE U&"\\00DCnd""x"')) == [("C", "DROP TABLE"), ("Z", "I")]
    assert client.exchange(Q('DROP TABLE "Ünd""x"')) == NO


def test_flush_and_close_between_are_no_reason_to_wait_for_ever(table: Database, clients: Clients) -> None:
    client = own(clients, table)
    client.exchange(MAKE)
    told = client.exchange(P("SELECT 1", "s") + H + C("s") + P("DROP TABLE t") + B() + E() + S)
    assert told == [("1",), ("3",), ("1",), ("2",), ("C", "DROP TABLE"), ("Z", "I")]
    assert client.exchange(P("DROP TABLE t") + H + B() + H + E() + H + S)[-2:] == NO


def _query(text: str) -> Callable[[], bytes]:
    return lambda: Q(text)


def _batch(*texts: str) -> Callable[[], bytes]:
    return lambda: b"".join(map(X, texts)) + S


_SETTINGS = (
    "SET search_path = public, pg_temp",
    "SET LOCAL search_path = public, pg_temp",
    "SET search_path = pg_temp, public",
    "RESET search_path",
    "SELECT set_config('search_path', 'public, pg_temp', true)",
)
_OTHERS = (
    *("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "SELECT 1/0"),
    *("CREATE TEMP TABLE t (id int)", "CREATE TEMP TABLE IF NOT EXISTS t (id int)"),
    *("CREATE TEMP TABLE t (id int) ON COMMIT DROP", "CREATE TEMP VIEW t AS TABLE public.t"),
    *("SELECT 1 AS id INTO TEMP t", "ALTER TABLE t RENAME TO u", "CREATE TEMP TABLE u (id int)"),
    *(
        "DISCARD TEMP",
        "DISCARD ALL",
        "DROP VIEW pg_temp.t",
        "DROP TABLE pg_temp.t",
        "PREPARE q AS DELETE FROM t",
    ),
    *("DO $$ BEGIN EXECUTE format('DROP %s IF EXISTS pg_temp.t', lower('TABLE')); END $$", "EXECUTE q"),
    *("CREATE TEMP TABLE t (id int); TRUNCATE t; ROLLBACK; DROP TABLE t", "EXPLAIN EXECUTE p"),
    *("CREATE TEMP TABLE t (id int); DROP TABLE t; TRUNCATE t", "BEGIN; CREATE TEMP TABLE t (id int)"),
)
_LOSING = (
    "DELETE FROM t",
    "TRUNCATE t",
    "DROP TABLE t",
    "DROP TABLE IF EXISTS t CASCADE",
    "UPDATE t SET id = 0",
)
_ACTIONS: dict[str, Callable[[], bytes]] = {
    **{text: _query(text) for text in (*_SETTINGS, *_OTHERS, *_LOSING, *_LOSING)},
    **{f"batch {text}": _batch(text) for text in (*_OTHERS[:8], *_LOSING)},
    "batch of two": _batch("CREATE TEMP TABLE t (id int)", "DELETE FROM t"),
    "batch that drops": _batch("DROP TABLE pg_temp.t", "TRUNCATE t"),
    "batch that drops twice": _batch("CREATE TEMP TABLE t (id int)", "DROP TABLE t", "DROP TABLE t"),
    "batch that moves": _batch("SET search_path = public, pg_temp", "DELETE FROM t"),
    "batch that rolls back": _batch("CREATE TEMP TABLE t (id int)", "ROLLBACK", "DELETE FROM t"),
    "batch that fails": _batch("CREATE TEMP TABLE t (id int)", "SELECT 1/0", "DELETE FROM t"),
    "Parse in front": lambda: P("DELETE FROM t", "r") + X("DROP TABLE pg_temp.t") + B("r") + E() + C("r") + S,
    "batch that commits": _batch("CREATE TEMP TABLE t (id int) ON COMMIT DROP", "COMMIT", "DROP TABLE t"),
    "Parse": lambda: C("p") + P("DELETE FROM t", "p") + S,
    "Parse, Describe": lambda: C("p") + P("DELETE FROM t", "p") + DS("p") + S,
    "Describe": lambda: DS("p") + S,
    "Bind, Execute": lambda: B("p") + E() + S,
    "unnamed Parse": lambda: P("TRUNCATE t") + S,
    "unnamed Bind, Execute": lambda: B() + E() + S,
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(sorted(_ACTIONS)), min_size=1, max_size=3), max_size=12))
def test_whatever_a_session_does_the_real_table_stays(
    table: Database, clients: Clients, steps: list[list[str]]
) -> None:
    """Nothing that is let through as the session's own touches what is everybody's.

    And what stands alone and is the session's own by the server's word is let through.
    """
    client = own(clients, table)
    for step in steps:
        if len(step) == 1 and step[0] in _LOSING:
            truth = client.exchange(Q(_TRUTH))
            told = client.exchange(Q(step[0]))
            refused = told[0][:2] == ("E", "42501")
            if truth[0] == ("T",):
                assert refused == (truth[1] != ("D", b"t")), (steps, truth, told)
        else:
            client.exchange(*(_ACTIONS[name]() for name in step), ready=len(step))
        assert not client.closed
    client.exchange(Q("COMMIT"))
    client.close()
    assert table.execute("SELECT count(*), min(id) FROM public.t") == "3|1"


_TRUTH = "SELECT relpersistence FROM pg_class WHERE oid = to_regclass('t') AND relkind = 'r'"
