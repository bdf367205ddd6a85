"""What is said of a change is what the server's catalogue shows."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from unittest.mock import ANY

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.policy.recording import Ending
from proxy.session import Change, Concluded, Recorded
from proxy.session.gate import Gate
from proxy.session.meaning import of_analysis
from proxy.session.outcomes import Books
from proxy.sql.analyse import analyse
from proxy.wire.frontend import encode_copy_data, encode_copy_done
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.test_bare_names import OWN
from tests.session.wired import Wired, gate_of, policy_of

OPEN = "{version: 1, rules: []}"
COMMITTED, ROLLED_BACK, FAILED = Ending.COMMITTED, Ending.ROLLED_BACK, Ending.FAILED
PARTLY, UNKNOWN, PREPARED, NOT_RUN = Ending.PARTLY, Ending.UNKNOWN, Ending.PREPARED, Ending.NOT_RUN


def connected(clients: Clients, table: Database, gate: Gate | None = None) -> Wired:
    """A client whose changes are recorded as 1, 2, 3 and so on."""
    client = clients.wired(table, gate or gate_of(OPEN, recording=True))
    client.record = lambda change: Recorded(len(client.changes))
    return client


def concluded(client: Wired) -> list[Concluded]:
    return [replace(event, duration_s=None) for event in client.events if isinstance(event, Concluded)]


def endings(client: Wired) -> list[tuple[int, Ending]]:
    return [(event.number, event.ending) for event in concluded(client)]


def X(sql: str) -> bytes:
    """One statement by the extended protocol, without its Sync."""
    return P(sql) + B() + E()


ONE = "CREATE TABLE one ()"
TWO = "CREATE TABLE two ()"
BAD = "SELECT 1/0"


CASES: list[tuple[tuple[bytes, ...], int, list[tuple[int, Ending]]]] = [
    ((Q(ONE),), 1, [(1, COMMITTED)]),
    ((Q(f"{ONE}; {ONE}"),), 1, [(1, FAILED)]),
    ((Q(f"{ONE}; COMMIT; {BAD}"),), 1, [(1, PARTLY)]),
    ((Q(f"SELECT 1; COMMIT; {ONE}; {BAD}"),), 1, [(1, FAILED)]),
    ((Q(f"{ONE}; ROLLBACK"),), 1, [(1, ROLLED_BACK)]),
    ((Q(f"{ONE}; ROLLBACK; {TWO}"),), 1, [(1, PARTLY)]),
    ((Q(f"{ONE}; COMMIT; {TWO}; ROLLBACK"),), 1, [(1, PARTLY)]),
    ((Q("BEGIN"), Q(ONE), Q("COMMIT")), 3, [(1, COMMITTED)]),
    ((Q("BEGIN"), Q(ONE)), 2, []),
    ((Q("BEGIN"), Q(ONE), Q("ROLLBACK")), 3, [(1, ROLLED_BACK)]),
    ((Q("BEGIN"), Q(ONE), Q(BAD), Q("COMMIT")), 4, [(1, ROLLED_BACK)]),
    (
        (Q("BEGIN"), Q(ONE), Q("COMMIT AND CHAIN"), Q(TWO), Q("ROLLBACK")),
        5,
        [(1, COMMITTED), (2, ROLLED_BACK)],
    ),
    ((Q("BEGIN"), Q(ONE), Q("SAVEPOINT a"), Q(TWO), Q("ROLLBACK TO a")), 5, [(2, ROLLED_BACK)]),
    ((Q("BEGIN"), Q("SAVEPOINT a"), Q(ONE), Q(BAD), Q("ROLLBACK TO a"), Q("COMMIT")), 6, [(1, ROLLED_BACK)]),
    (
        (Q("BEGIN"), Q(ONE), Q("SAVEPOINT a"), Q(TWO), Q("RELEASE a"), Q("ROLLBACK TO a"), Q("COMMIT")),
        7,
        [(1, ROLLED_BACK), (2, ROLLED_BACK)],
    ),
    (
        (Q("BEGIN"), Q("SAVEPOINT a"), Q(ONE), Q("SAVEPOINT A"), Q(TWO), Q("ROLLBACK TO a"), Q("COMMIT")),
        7,
        [(2, ROLLED_BACK), (1, COMMITTED)],
    ),
    ((Q("BEGIN"), Q("SAVEPOINT a"), Q(ONE), Q("RELEASE a"), Q("COMMIT")), 5, [(1, COMMITTED)]),
    ((X(ONE) + X(BAD) + S,), 1, [(1, ROLLED_BACK)]),
    ((X(BAD) + X(ONE) + S,), 1, [(1, FAILED)]),
    ((X(ONE) + X("COMMIT") + X(BAD) + S,), 1, [(1, COMMITTED)]),
    ((X(ONE) + S + X(TWO) + X(ONE) + S,), 2, [(1, COMMITTED), (2, ROLLED_BACK), (3, FAILED)]),
    ((X("BEGIN") + X(ONE) + S, X("COMMIT") + S), 2, [(1, COMMITTED)]),
    ((Q("CREATE INDEX CONCURRENTLY i ON t (v)"),), 1, [(1, COMMITTED)]),
    ((Q("CREATE INDEX CONCURRENTLY i ON nowhere (v)"),), 1, [(1, UNKNOWN)]),
    ((Q("BEGIN"), Q("CREATE INDEX CONCURRENTLY i ON t (v)"), Q("COMMIT")), 3, [(1, FAILED)]),
    (
        (Q("PREPARE p AS DELETE FROM t"), Q("EXECUTE p; COMMIT"), Q("ROLLBACK")),
        3,
        [(1, COMMITTED), (2, COMMITTED)],
    ),
]  # fmt: skip


def test_how_it_ended(table: Database, clients: Clients) -> None:
    for messages, ready, expected in CASES:
        client = connected(clients, table)
        client.exchange(*messages, ready=ready)
        assert endings(client) == expected, messages
        client.perform(client.session.client_eof())
        table.execute("DROP TABLE IF EXISTS one, two; DROP INDEX IF EXISTS i")


def test_what_is_said_with_it(table: Database, clients: Clients) -> None:
    client = connected(clients, table)
    data = encode_copy_data(b"8\tx\n9\ty\n") + encode_copy_done()
    client.exchange(Q("BEGIN; DELETE FROM t; TRUNCATE t; COPY t FROM STDIN; COMMIT") + data)
    client.exchange(Q("CREATE TABLE u AS SELECT generate_series(1, 7)"))
    client.exchange(Q("DROP TABLE nowhere"))
    client.exchange(P("DELETE FROM t") + B() + E() + S)
    client.exchange(Q("BEGIN"), Q("TRUNCATE t"), ready=2)
    assert concluded(client) == [
        Concluded(1, COMMITTED, ("DELETE 3", "TRUNCATE TABLE", "COPY 2"), 5),
        Concluded(2, COMMITTED, ("SELECT 7",), 7),
        Concluded(3, FAILED, (), None, "42P01"),
        Concluded(4, COMMITTED, ("DELETE 2",), 2),
    ]
    assert [event.duration_s for event in client.events if isinstance(event, Concluded)] == [ANY] * 4


def test_nothing_is_kept_while_no_change_is_open(table: Database, clients: Clients) -> None:
    client = connected(clients, table)
    conversation = client.session._conversation
    assert conversation is not None
    server = conversation._server_side
    client.exchange(Q("SELECT 1"), Q("BEGIN; ROLLBACK"), ready=2)
    assert (conversation.books, server._books) == (None, None)
    client.exchange(Q("BEGIN"), Q(ONE), ready=2)
    assert (conversation.books is None, server._books is None) == (False, False)
    client.exchange(Q("ROLLBACK"))
    assert (conversation.books, server._books) == (None, None)


def test_the_connection_ends(table: Database, clients: Clients) -> None:
    """What is open is undone; where the server still owed an answer, nobody knows."""
    idle = connected(clients, table)
    idle.exchange(Q("BEGIN"), Q(ONE), Q("SAVEPOINT a"), Q(TWO), ready=4)
    idle.perform(idle.session.client_eof())
    assert endings(idle) == [(1, ROLLED_BACK), (2, ROLLED_BACK)]
    busy = connected(clients, table)
    busy.exchange(Q("BEGIN"), Q(ONE), ready=2)
    busy.perform(busy.session.client_data(Q("COMMIT")))
    busy.perform(busy.session.client_eof())
    assert endings(busy) == [(1, UNKNOWN)]
    running = connected(clients, table)
    running.perform(running.session.client_data(Q("CREATE TABLE three AS SELECT pg_sleep(0)")))
    running.perform(running.session.terminate("The gate stops."))
    assert endings(running) == [(1, UNKNOWN)]
    killed = connected(clients, table)
    killed.exchange(Q("BEGIN"), Q("CREATE TABLE four ()"), ready=2)
    table.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{table.name}' AND state LIKE 'idle in%'"
    )
    killed.until(lambda: killed.closed)
    assert endings(killed) == [(1, ROLLED_BACK)]


def test_what_is_kept_back_after_all_has_not_run(table: Database, clients: Clients) -> None:
    own = gate_of(OPEN, recording=True)
    client = connected(clients, table, own)
    number = Recorded(1)

    def record(change: Change) -> Recorded:
        own.swap_policy(policy_of("{version: 1, rules: [{id: r, match: {classes: ddl}, deny: no}]}"))
        return number

    client.record = record
    client.exchange(Q(ONE))
    assert endings(client) == []
    own.swap_policy(policy_of(OPEN))
    client.record = lambda change: Recorded(2)
    client.exchange(Q(TWO))
    assert endings(client) == [(1, NOT_RUN), (2, COMMITTED)]
    own.swap_policy(policy_of(OPEN))
    number, client.record = Recorded(3), record
    client.exchange(Q(ONE))
    client.perform(client.session.client_eof())
    assert endings(client)[2:] == [(3, NOT_RUN)]


def test_the_gates_own_question_that_fails_undoes_the_batch(table: Database, clients: Clients) -> None:
    client = connected(clients, table, gate_of(OWN, recording=True))
    client.exchange(Q("CREATE TEMP TABLE t (id int)"))
    client.exchange(Q("SET statement_timeout = 100"))
    other = clients.bare(table)
    other.exchange(Q("BEGIN"))
    other.exchange(Q("LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE"))
    told = client.exchange(X("GRANT SELECT ON public.t TO public") + X("DELETE FROM t") + S)
    assert [each[:2] for each in told] == [("1",), ("2",), ("C", "GRANT"), ("E", "57014"), ("Z", "I")]
    assert endings(client) == [(1, ROLLED_BACK)]


def test_a_transaction_that_is_kept() -> None:
    """Servers keep none unless they are told to, so the answers are written here."""
    told: list[Concluded] = []
    books = Books(told.append, itertools.count().__next__, "T")
    books.recorded(7)
    books.goes_on(1, of_analysis(ONE, analyse(ONE)))
    books.completed(1, "CREATE TABLE", last=False)
    books.ready("T", 1)
    prepare = "PREPARE TRANSACTION 'x'"
    books.transacts(2, of_analysis(prepare, analyse(prepare)))
    books.completed(2, "PREPARE TRANSACTION", last=False)
    books.ready("I", 2)
    assert told == [Concluded(7, PREPARED, ("CREATE TABLE",), duration_s=1, kept_as="x", kept_with=7)]
    assert books.closed


# -- whatever a client does -------------------------------------------------------------------------------

CREATE = "CREATE TABLE"
STATEMENTS = (
    *(CREATE, CREATE, CREATE, CREATE),
    *("BEGIN", "BEGIN", "COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"),
    *("SAVEPOINT a", "SAVEPOINT a", "SAVEPOINT b", "RELEASE a", "RELEASE b"),
    *("ROLLBACK TO a", "ROLLBACK TO b", "SELECT 1", BAD, "NO SQL"),
)
TEXTS = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4)
MESSAGES = st.tuples(st.sampled_from(("query", "batch")), TEXTS)
TURNS = st.lists(st.lists(MESSAGES, min_size=1, max_size=3), min_size=1, max_size=8)
_NUMBERS = itertools.count(1)


@given(TURNS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_client_does_what_is_said_is_what_the_server_holds(
    table: Database, clients: Clients, turns: list[list[tuple[str, list[str]]]]
) -> None:
    """Each change creates tables that nobody else does; at the end the catalogue tells which are there."""
    client = connected(clients, table)
    for turn in turns:
        written = [(kind, [_numbered(text) for text in texts]) for kind, texts in turn]
        data = b"".join(
            Q("; ".join(texts)) if kind == "query" else b"".join(map(X, texts)) + S for kind, texts in written
        )
        client.exchange(data, ready=len(written))
    client.perform(client.session.client_eof())
    there = set(table.execute("SELECT relname FROM pg_class WHERE relname LIKE 'c\\_%'").split())
    found = {event.number: event.ending for event in client.events if isinstance(event, Concluded)}
    assert sorted(found) == list(range(1, len(client.changes) + 1))
    for number, change in enumerate(client.changes, 1):
        made = re.findall(r"c_[0-9]+", str(change.text))
        stays = sum(name in there for name in made)
        could_be = {COMMITTED, PARTLY} if stays == len(made) else {PARTLY} if stays else {ROLLED_BACK, FAILED}
        assert found[number] in could_be, (change.text, found[number], stays)


def _numbered(text: str) -> str:
    return f"CREATE TABLE c_{next(_NUMBERS)} ()" if text == CREATE else text
