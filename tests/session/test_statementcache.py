"""Statements that the server keeps: what the client sees, and what goes to the server."""

from collections.abc import Callable, Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.servers.database import Database
from tests.session.conftest import TABLE, Clients
from tests.session.messages import CP, DS, B, C, D, E, H, P, Q, S
from tests.session.twins import Twins, step
from tests.session.wired import answers, gate_of, policy_of

SELECT = "SELECT v FROM t WHERE id = $1"
COUNT = "SELECT count(*) FROM t"


def request(text: str, *values: bytes) -> bytes:
    """One as drivers send it."""
    return step(P(text), B(values=values), D(), E(), S)


@pytest.fixture
def twins(table: Database, clients: Clients) -> Twins:
    return Twins(clients, table, resetting(table))


@pytest.fixture
def every_twins(every_table: Database, clients: Clients) -> Twins:
    return Twins(clients, every_table, resetting(every_table))


def resetting(database: Database) -> Callable[[], None]:
    def reset() -> None:
        database.execute(
            "DROP SCHEMA IF EXISTS public, s, elsewhere CASCADE; CREATE SCHEMA public; CREATE SCHEMA s; "
            + TABLE
        )

    return reset


def parses(sent: bytes) -> int:
    """How many Parse went to the server."""
    found = 0
    at = int.from_bytes(sent[:4], "big")
    while at < len(sent):
        found += sent[at : at + 1] == b"P"
        at += 1 + int.from_bytes(sent[at + 1 : at + 5], "big")
    return found


def test_from_the_third_time_on_nothing_is_parsed(every_twins: Twins) -> None:
    every_twins.alike(*[request(SELECT, b"1")] * 10)
    assert parses(every_twins.on.sent) == 2
    assert parses(every_twins.off.sent) == 10
    assert every_twins.on.gate.tally.unnamed_parses == {"answered": 8, "kept": 1, "forwarded": 1}
    assert every_twins.off.gate.tally.unnamed_parses == {"answered": 0, "kept": 0, "forwarded": 0}


def test_what_may_be_planned_otherwise_is_renewed_after_five(twins: Twins) -> None:
    twins.alike(*[request("INSERT INTO t VALUES ($1::int + 100) ON CONFLICT DO NOTHING", b"1")] * 13)
    assert parses(twins.on.sent) == 4
    assert twins.on.gate.tally.unnamed_parses == {"answered": 9, "kept": 3, "forwarded": 1}


def test_what_has_a_name_or_is_refused_is_not_counted(twins: Twins) -> None:
    twins.alike(
        *[step(P(SELECT, name="s"), S), step(C(), C("s"), P("DROP TABLE t"), S)] * 3,
        *[step(Q("SET statement_timeout = 0")), request(SELECT, b"1")] * 3,
    )
    assert twins.on.gate.tally.unnamed_parses == {"answered": 0, "kept": 2, "forwarded": 1}


def test_chunks(twins: Twins) -> None:
    twins.alike(*[request(SELECT, b"1")] * 4, chunk=3)


def test_flush(twins: Twins) -> None:
    twins.alike(
        *[request(SELECT, b"1")] * 3,
        step(P(SELECT), H),
        step(DS(), H),
        step(B(values=[b"2"]), H),
        step(E(), H),
        step(P(COUNT), H),
        step(P(SELECT), H),
        step(S),
        step(P(SELECT), S),
        step(B(values=[b"3"]), E(), S),
    )


def test_pipelines(every_twins: Twins) -> None:
    one = P(SELECT) + B(values=[b"1"]) + E()
    two = P(COUNT) + B() + E()
    every_twins.alike(
        *[step(one, two, S)] * 4,
        *[step(one, S, two, S, one, S)] * 3,
        step(one, two, one, two, S),
    )


def test_errors(every_twins: Twins) -> None:
    one = P(SELECT) + B(values=[b"1"]) + E()
    bad = P(SELECT) + B(values=[b"x"]) + E()
    every_twins.alike(
        *[step(one, S)] * 3,
        step(bad, one, S),
        step(B(values=[b"2"]), E(), S),
        step(P("SELECT nothing FROM t"), B(), E(), S),
        step(B(values=[b"2"]), E(), S),
        *[step(one, S), *[step(P("SELECT nothing FROM t"), S), step(B(values=[b"2"]), E(), S)] * 3] * 2,
        step(one, P("SELEC"), one, S),
        step(B(values=[b"2"]), E(), S),
        step(P(SELECT), B(), S),
        step(B(values=[b"2"]), E(), S),
        step(P(SELECT), B(values=[b"1", b"2"]), S),
        step(one, S),
        step(P(COUNT), P("SELECT 1/0"), B(), P(SELECT), S),
        step(B(), E(), S),
        step(P(COUNT), B(), P(COUNT, "x"), B("y"), E(), P(SELECT), S),
        step(B(), E(), S),
    )


def test_what_has_no_name_outlives_deallocate_all(every_twins: Twins) -> None:
    look = B(values=[b"2"]) + E() + S
    for ends in ("DEALLOCATE ALL", "DISCARD ALL"):
        seen = every_twins.alike(step(P(ends, "ends"), S), step(P(SELECT), S), step(B("ends"), E(), S), look)
        assert answers(seen[-1]) == [("2",), ("D", b"v2"), ("C", "SELECT 1"), ("Z", "I")]
        every_twins.alike(step(P(ends), B(), E(), S, look))


def test_a_query_in_the_middle_of_a_batch(every_twins: Twins) -> None:
    """Behind it PostgreSQL 18 fails at the next Parse (XX000, "unexpected state STARTED")."""
    one = P(SELECT) + B(values=[b"1"]) + E()
    every_twins.alike(step(one, one, Q("SELECT 1"), S), *[request(SELECT, b"1")] * 3)


def test_what_has_no_name_may_hang_on_a_batch_that_is_not_answered(every_twins: Twins) -> None:
    """The first batch fails in the middle, and the next goes behind it without waiting."""
    insert = "INSERT INTO t VALUES ($1, 'new')"
    fails = P(insert) + B(values=[b"1"]) + E()
    look = B(values=[b"2"]) + E() + S
    for warm in (0, 1, 2, 3):
        before = [request(text, b"3") for text in (SELECT, insert)] * warm
        every_twins.alike(*before, step(fails, fails, S, look))
        every_twins.alike(*before, request(SELECT, b"1"), step(fails, P(SELECT), S, look, DS(), S))
        every_twins.alike(*before, step(P(SELECT), S, fails, P(COUNT), S, look, fails, C(), S, look))


def test_the_unnamed_statement_is_there_exactly_when_it_would_be(every_twins: Twins) -> None:
    again = step(B(values=[b"2"]), E(), S)
    bare = step(B(), E(), S)
    every_twins.alike(
        *[request(SELECT, b"1")] * 3,
        again,
        step(Q("SELECT 1")),
        again,
        request(SELECT, b"1"),
        again,
        step(Q("SELEC")),
        again,
        request(SELECT, b"1"),
        step(C(), S),
        again,
        request(SELECT, b"1"),
        step(P("SELECT 1", "named"), B("named"), E(), C("named"), CP(), S),
        again,
        step(DS(), S),
        request("SELECT 7"),
        bare,
        request(SELECT, b"1"),
        request("DROP TABLE t"),
        again,
        request(SELECT, b"1"),
        step(Q("TRUNCATE t")),
        again,
    )


def test_transactions(every_twins: Twins) -> None:
    for begin in ("BEGIN", "BEGIN ISOLATION LEVEL SERIALIZABLE"):
        every_twins.alike(
            *[request(SELECT, b"1")] * 3,
            step(Q(begin)),
            request(SELECT, b"1"),
            request("INSERT INTO t VALUES (1)"),
            request(SELECT, b"1"),
            step(B(values=[b"2"]), E(), S),
            request("ROLLBACK"),
            request(SELECT, b"1"),
            request("BEGIN"),
            request("SAVEPOINT a"),
            request(SELECT, b"1"),
            request("SELEC"),
            request(SELECT, b"1"),
            request("ROLLBACK TO a"),
            request(SELECT, b"1"),
            request("COMMIT"),
            request(SELECT, b"1"),
            step(Q("BEGIN"), P("SELECT 1/0"), B(), E(), S, P(SELECT), B(values=[b"1"]), E(), S),
            request(SELECT, b"1"),
            request("ROLLBACK"),
            request(SELECT, b"1"),
        )


CHANGES = [
    "ALTER TABLE t RENAME v TO w",
    "ALTER TABLE t ADD u int",
    "ALTER TABLE t ALTER v TYPE varchar(2)",
    "CREATE TEMP TABLE t (id int, v int)",
    "CREATE TABLE s.t (id int, v int)",
    "SET search_path = s, public",
    "SET search_path = elsewhere",
    "SET TimeZone = 'Asia/Tokyo'",
    "RESET ALL",
    "DISCARD PLANS",
    "ANALYZE t",
    "SELECT set_config('search_path', 'elsewhere', false)",
    "DO $$BEGIN EXECUTE 'ALTER TABLE t RENAME v TO w'; END$$",
    "CREATE SCHEMA elsewhere CREATE TABLE t (id int, v text)",
    "CREATE FUNCTION count(x text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "LISTEN x",
    "DEALLOCATE ALL",
    "DISCARD ALL",
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes(twins: Twins, change: str) -> None:
    """Of the session's own, by every way, also undone."""
    texts = [SELECT, "SELECT * FROM t WHERE id < $1", "SELECT '2020-01-01'::timestamptz, $1::int"]
    all_of_them = [request(text, b"2") for text in texts]
    again = step(B(values=[b"2"]), E(), S)
    twins.alike(
        *all_of_them * 3,
        step(Q(change)),
        *all_of_them * 3,
        again,
    )
    twins.alike(
        *all_of_them * 3,
        request(change),
        *all_of_them * 3,
        again,
    )
    twins.alike(
        step(P(change, "change"), S),
        *all_of_them * 3,
        step(B("change", "change"), E("change"), S),
        again,
        *all_of_them * 3,
        again,
    )
    twins.alike(
        *all_of_them * 3,
        step(
            P(SELECT),
            B(values=[b"1"]),
            P(change),
            B("", "change"),
            E("change"),
            E(),
            P(SELECT),
            B(values=[b"1"]),
            E(),
            S,
        ),
        *all_of_them * 3,
    )
    twins.alike(
        *all_of_them * 3,
        step(Q("BEGIN")),
        step(Q("SAVEPOINT a")),
        step(Q(change)),
        *all_of_them * 3,
        step(Q("ROLLBACK TO a")),
        *all_of_them * 3,
        step(Q("ROLLBACK")),
        *all_of_them * 3,
    )


def test_what_is_kept_is_never_shown(every_twins: Twins) -> None:
    show = "SELECT name, statement, from_sql FROM pg_prepared_statements ORDER BY name"
    every_twins.alike(
        *[request(SELECT, b"1")] * 3, step(Q(show)), *[request(SELECT, b"1")] * 3, request(show)
    )
    every_twins.alike(step(P(show, "show"), S), *[request(SELECT, b"1")] * 3, step(B("show"), E(), S))
    every_twins.alike(
        *[request(SELECT, b"1")] * 3, step(P(show, "show"), B("show"), E(), S), step(B(values=[b"1"]), E(), S)
    )
    every_twins.alike(*[request(show)] * 4, *[request(SELECT, b"1")] * 3, request(show))
    other = 'SELECT count(*) FROM pg_catalog.U&"pg\\005fprepared_statements"'
    every_twins.alike(
        *[request(SELECT, b"1")] * 3, step(Q(other)), *[request(SELECT, b"1")] * 3, request(other)
    )


def test_what_the_parser_says_it_says_each_time(twins: Twins) -> None:
    long = f"SELECT id AS {'a' * 70}, $1::int FROM t"
    twins.alike(*[request(long, b"1")] * 5)
    twins.alike(
        *[request(SELECT, b"1")] * 3,
        step(Q("SET client_min_messages = debug1")),
        step(Q("SET log_statement = 'all'")),
        *[request(SELECT, b"1")] * 3,
    )


def test_what_the_clock_says_is_read_each_time(twins: Twins) -> None:
    for text in (
        "SELECT 'now'::timestamptz > clock_timestamp() - interval '50 ms'",
        "SELECT $$now$$::timestamptz > clock_timestamp() - $1::interval",
    ):
        values = [b"50 ms"] if "$1" in text else []
        twins.alike(*[request(text, *values)] * 5, step(Q("SELECT pg_sleep(0.1)")), request(text, *values))
        assert parses(twins.on.sent) == 6


def test_copies(twins: Twins) -> None:
    twins.alike(
        *[request(SELECT, b"1")] * 3,
        step(P("COPY t TO STDOUT"), B(), E(), S),
        request(SELECT, b"1"),
        step(
            P(SELECT),
            B(values=[b"2"]),
            E(),
            P("COPY t FROM STDIN"),
            B(),
            E(),
            b"d\0\0\0\x0a7\t8\n",
            b"c\0\0\0\4",
            S,
        ),
        *[request(SELECT, b"7")] * 4,
    )


def test_what_is_refused_is_refused(twins: Twins) -> None:
    seen = twins.alike(
        *[request(SELECT, b"1")] * 3,
        request("DROP TABLE t"),
        step(B(values=[b"1"]), E(), S),
        *[request("DELETE FROM t")] * 3,
        step(P(SELECT), B(values=[b"1"]), E(), P("TRUNCATE t"), B(), E(), P(SELECT), S),
        step(B(values=[b"1"]), E(), S),
    )
    assert answers(seen[3])[0][:2] == ("E", "42501")


def test_more_than_fit(twins: Twins) -> None:
    texts = [f"SELECT v, {number} FROM t WHERE id = $1" for number in range(130)]
    twins.alike(*[step(*[P(text) + B(values=[b"1"]) + E() for text in texts], S)] * 6)


def test_long_values(twins: Twins) -> None:
    long = b"7" * 200_000
    twins.alike(
        *[request("SELECT length($1)", b"x")] * 3,
        request("SELECT length($1)", long),
        request("SELECT length($1)", b"x"),
        chunk=50_000,
    )


def test_what_is_closed_in_a_batch_that_fails_is_closed_again_in_the_next(twins: Twins) -> None:
    looks = P("SELECT count(*) FROM pg_prepared_statements") + B() + E()
    failing = step(request_of(SELECT, b"x", ""), looks, S)
    seen = twins.alike(b"".join([*[request(SELECT, b"1")] * 4, failing, step(looks, S), step(looks, S)]))
    assert answers(seen[0]).count(("D", b"0")) == 2


def test_portals_outlive_their_statements(twins: Twins) -> None:
    read = "SELECT id FROM t WHERE id > $1"
    twins.alike(
        *[request(read, b"0")] * 3,
        step(Q("BEGIN")),
        step(P(read), B(portal="p", values=[b"0"]), E("p", 1), S),
        request(COUNT),
        step(E("p", 1), S),
        step(Q("CREATE TABLE u (id int)")),
        step(E("p", 1), S),
        step(D("p"), S),
        step(Q("COMMIT")),
    )


ROWS = ("SELECT id, v FROM t WHERE id < $1 ORDER BY id", "SELECT v FROM t WHERE id = $1 FOR UPDATE")
WRITES = (
    "INSERT INTO t VALUES ($1, 'new')",
    "UPDATE t SET v = v || '!' WHERE id = $1",
    "SELECT 100 / $1::int",
)
PLAIN = (SELECT, *ROWS, *WRITES)
VALUES = (b"1", b"2", b"0", b"9", b"x", None)

_values = st.sampled_from(VALUES)
_portals = st.sampled_from(("", "", "p"))


def request_of(text: str, value: bytes | None, portal: str) -> bytes:
    """One without its Sync."""
    return P(text) + B("", portal, [value]) + D(portal) + E(portal)


_others = st.sampled_from(
    (
        P(COUNT) + B() + E(),
        P("SELEC"),
        P("SELECT nothing FROM t") + B() + E(),
        P(SELECT),
        P(SELECT) + H,
        B(values=[b"2"]),
        B(portal="q", values=[b"3"]),
        E(),
        E("", 1),
        E("p", 1),
        E("q", 1),
        DS(),
        DS("named"),
        D(),
        C(),
        C("named"),
        CP(),
        CP("p"),
        P(SELECT, "named"),
        B("named", values=[b"1"]) + E(),
        H,
        S,
        P("BEGIN") + B() + E(),
        P("COMMIT") + B() + E(),
        P("ROLLBACK") + B() + E(),
        P("SAVEPOINT a") + B() + E(),
        P("ROLLBACK TO a") + B() + E(),
        P("SET search_path = s, public") + B() + E(),
        P("SET LOCAL search_path = s, public") + B() + E(),
        P("CREATE TEMP TABLE t (id int, v int)") + B() + E(),
        P("ALTER TABLE t ALTER v TYPE varchar(3)") + B() + E(),
        P("DEALLOCATE ALL") + B() + E(),
        P("DISCARD ALL") + B() + E(),
        P("COPY t TO STDOUT") + B() + E(),
        P("DROP TABLE t") + B() + E(),
        P("SELECT count(*) FROM pg_prepared_statements") + B() + E(),
        Q("BEGIN"),
        Q("COMMIT"),
        Q("ROLLBACK"),
        Q("SELECT 1"),
        Q("SELECT 1/0"),
        Q("SELECT v FROM t ORDER BY id"),
        Q("SET search_path = s, public"),
        Q("RESET ALL"),
        Q("ALTER TABLE t ADD w int"),
        Q("CREATE TABLE s.t (id int, v int); INSERT INTO s.t VALUES (1, 1)"),
        Q("BEGIN; SELECT 1; COMMIT"),
        Q("DEALLOCATE ALL"),
        Q("PREPARE named (int) AS " + SELECT),
        Q("EXECUTE named (1)"),
        Q("INSERT INTO t VALUES (9, 'nine')"),
    )
)


@st.composite
def _sessions(draw: st.DrawFn) -> list[bytes]:
    """Few kinds of messages, so that they meet often, with looks at what has no name in between."""
    texts = draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=2))
    kinds = draw(st.lists(_others, min_size=1, max_size=4))
    parts = st.one_of(
        st.builds(request_of, st.sampled_from(texts), _values, _portals),
        st.builds(request_of, st.sampled_from(texts), st.just(b"1"), st.just("")),
        st.sampled_from(kinds),
    )
    batches = st.lists(parts, min_size=1, max_size=4).map(lambda batch: b"".join(batch) + S)
    look = B(values=[b"2"]) + E() + S
    steps = draw(st.lists(batches | batches | st.just(look), min_size=1, max_size=15))
    before = [request(text, b"1") for text in texts] * draw(st.sampled_from((0, 2, 3)))
    return [*before, *steps, look]


ALL_GOES = P("DEALLOCATE ALL")


def _has_query_in_batch(steps: Sequence[bytes]) -> bool:
    """Whether PostgreSQL 18 would fail at the next Parse (XX000), also at one by which the gate refuses."""
    data, at, inside = b"".join(steps), 0, False
    while at < len(data):
        kind = data[at : at + 1]
        if kind == b"Q" and inside:
            return True
        inside = kind not in b"QS"
        at += 1 + int.from_bytes(data[at + 1 : at + 5])
    return False


@cache
def _major(database: Database) -> int:
    return int(database.execute("SHOW server_version_num")) // 10_000


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=_sessions(), chunk=st.sampled_from((0, 0, 0, 5)), joined=st.booleans())
def test_whatever_a_session_says(
    every_table: Database, clients: Clients, steps: list[bytes], chunk: int, joined: bool
) -> None:
    """Also all of it in one go."""
    assume(not (_has_query_in_batch(steps) and _major(every_table) == 18))
    sent = [b"".join(steps)] if joined else steps
    assume(not any(ALL_GOES in data and data.count(S) > 1 for data in sent))  # README names that one
    twins = Twins(clients, every_table, resetting(every_table))
    twins.alike(*sent, chunk=chunk)


def test_what_other_sessions_define_is_seen_with_a_delay(
    table: Database, twins: Twins, clients: Clients
) -> None:
    """The one difference that README.md names: an error, once, and nothing is kept any more."""
    text = "SELECT * FROM t WHERE id = $1"
    client = clients.wired(table, gate_of(keep_statements=True))
    for _ in range(3):
        client.exchange(request(text, b"1"))
    table.execute("ALTER TABLE t ADD w int")
    told = client.exchange(request(text, b"1"))
    assert told == [("1",), ("E", "0A000", "cached plan must not change result type"), ("Z", "I")]
    told = client.exchange(request(text, b"1"))
    assert told == [("1",), ("2",), ("T",), ("D", b"1", b"v1", None), ("C", "SELECT 1"), ("Z", "I")]


def test_a_policy_of_now_counts_for_what_is_kept(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(keep_statements=True))
    text = "DELETE FROM t WHERE id = $1"
    for _ in range(3):
        client.exchange(request(text, b"9"))
    client.gate.swap_policy(
        policy_of("{version: 1, name: strict, rules: [{id: none, match: {effects: row.delete}, deny: No.}]}")
    )
    refused = [("E", "42501", "No. [rule none]"), ("Z", "I")]
    assert client.exchange(B(values=[b"1"]) + E() + S) == refused
    assert client.exchange(request(text, b"1")) == refused
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_nothing_that_could_not_be_undone_is_left_at_the_server(table: Database, clients: Clients) -> None:
    """What is kept no longer is closed: the server holds no more than the gate knows of."""
    client = clients.wired(table, gate_of(keep_statements=True))
    for number in range(40):
        client.exchange(request(f"SELECT {number}, $1::int", b"1"))
        client.exchange(request(f"SELECT {number}, $1::int", b"1"))
    client.exchange(Q("SET work_mem = '8MB'"))
    told = client.exchange(Q("SELECT count(*) FROM pg_prepared_statements"))
    assert told[1] == ("D", b"0")
