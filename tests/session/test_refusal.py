"""The server raises the refusal: each place in the stream where one can stand, on each major version."""

import re
from collections.abc import Callable

import pytest

from proxy.backup.cluster import Cluster
from proxy.session import Peer, Session, ToClient, ToServer
from proxy.wire.backend import encode_authentication, encode_error, encode_parameter_status, encode_ready
from proxy.wire.startup import encode_startup
from tests.conftest import Programs, StartPgBouncer
from tests.servers.database import Database
from tests.session.conftest import TABLE, Clients
from tests.session.messages import DS, B, D, E, H, P, Q, S, X
from tests.session.wired import Answer, Wired, answers, error_fields, gate_of, policy_of

REFUSED = ("E", "42501", "DROP TABLE on t would lose data. [rule no-drop]")
UNSCOPED = ("E", "42501", "DELETE without a WHERE that limits it. [rule unscoped]")
DROP = "DROP TABLE t"
STRICT = "{version: 1, name: strict, rules: [{id: no-writes, match: {classes: [write]}, deny: No writes.}]}"

CASES: dict[str, tuple[list[tuple[bytes, int]], list[list[Answer]]]] = {
    "idle": (
        [(Q(DROP), 1), (Q("SELECT 1"), 1)],
        [[REFUSED, ("Z", "I")], [("T",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]],
    ),
    "in a transaction: it is aborted, COMMIT answers ROLLBACK": (
        [
            (Q("BEGIN"), 1),
            (Q("INSERT INTO t VALUES (9)"), 1),
            (Q(DROP), 1),
            (Q("SELECT 1"), 1),
            (Q("COMMIT"), 1),
        ],
        [
            [("C", "BEGIN"), ("Z", "T")],
            [("C", "INSERT 0 1"), ("Z", "T")],
            [REFUSED, ("Z", "E")],
            [
                (
                    "E",
                    "25P02",
                    "current transaction is aborted, commands ignored until end of transaction block",
                ),
                ("Z", "E"),
            ],
            [("C", "ROLLBACK"), ("Z", "I")],
        ],
    ),
    "in an aborted transaction": (
        [(Q("BEGIN"), 1), (Q("SELECT 1/0"), 1), (Q(DROP), 1), (Q("ROLLBACK"), 1)],
        [
            [("C", "BEGIN"), ("Z", "T")],
            [("E", "22012", "division by zero"), ("Z", "E")],
            [REFUSED, ("Z", "E")],
            [("C", "ROLLBACK"), ("Z", "I")],
        ],
    ),
    "in a savepoint: rolling back to it saves the transaction": (
        [
            (Q("BEGIN"), 1),
            (Q("INSERT INTO t VALUES (8)"), 1),
            (Q("SAVEPOINT s"), 1),
            (Q(DROP), 1),
            (Q("ROLLBACK TO s"), 1),
            (Q("COMMIT"), 1),
        ],
        [
            [("C", "BEGIN"), ("Z", "T")],
            [("C", "INSERT 0 1"), ("Z", "T")],
            [("C", "SAVEPOINT"), ("Z", "T")],
            [REFUSED, ("Z", "E")],
            [("C", "ROLLBACK"), ("Z", "T")],
            [("C", "COMMIT"), ("Z", "I")],
        ],
    ),
    "one of several statements: none of them runs": (
        [(Q(f"INSERT INTO t VALUES (7); {DROP}; SELECT 1"), 1), (Q("SELECT count(*) FROM t"), 1)],
        [[REFUSED, ("Z", "I")], [("T",), ("D", b"3"), ("C", "SELECT 1"), ("Z", "I")]],
    ),
    "first in a pipeline": (
        [(X(DROP) + X("INSERT INTO t VALUES (7)") + S, 1), (Q("SELECT count(*) FROM t"), 1)],
        [[REFUSED, ("Z", "I")], [("T",), ("D", b"3"), ("C", "SELECT 1"), ("Z", "I")]],
    ),
    "in the middle of a pipeline: what came before is rolled back": (
        [
            (X("INSERT INTO t VALUES (7)") + X(DROP) + X("INSERT INTO t VALUES (8)") + S, 1),
            (Q("SELECT count(*) FROM t"), 1),
        ],
        [
            [("1",), ("2",), ("C", "INSERT 0 1"), REFUSED, ("Z", "I")],
            [("T",), ("D", b"3"), ("C", "SELECT 1"), ("Z", "I")],
        ],
    ),
    "last in a pipeline": (
        [(X("INSERT INTO t VALUES (7)") + P(DROP) + S, 1), (Q("SELECT count(*) FROM t"), 1)],
        [
            [("1",), ("2",), ("C", "INSERT 0 1"), REFUSED, ("Z", "I")],
            [("T",), ("D", b"3"), ("C", "SELECT 1"), ("Z", "I")],
        ],
    ),
    "behind an earlier error: the client sees that one": (
        [(X("SELECT 1/0") + X(DROP) + S, 1), (Q("SELECT count(*) FROM t"), 1)],
        [
            [("1",), ("E", "22012", "division by zero"), ("Z", "I")],
            [("T",), ("D", b"3"), ("C", "SELECT 1"), ("Z", "I")],
        ],
    ),
    "a Query pipelined behind a refusal is discarded with the rest": (
        [(P(DROP) + Q("INSERT INTO t VALUES (6)") + S, 1), (Q("SELECT count(*) FROM t"), 1)],
        [[REFUSED, ("Z", "I")], [("T",), ("D", b"3"), ("C", "SELECT 1"), ("Z", "I")]],
    ),
    "two pipelined transactions: the second goes on": (
        [(X(DROP) + S + X("INSERT INTO t VALUES (5)") + S, 2), (Q("SELECT count(*) FROM t"), 1)],
        [
            [REFUSED, ("Z", "I"), ("1",), ("2",), ("C", "INSERT 0 1"), ("Z", "I")],
            [("T",), ("D", b"4"), ("C", "SELECT 1"), ("Z", "I")],
        ],
    ),
    "two refusals in two batches of one write": (
        [(X(DROP) + S + X("DELETE FROM t") + S + Q(DROP), 3)],
        [[REFUSED, ("Z", "I"), UNSCOPED, ("Z", "I"), REFUSED, ("Z", "I")]],
    ),
    "a refused named Parse leaves its name free": (
        [(P(DROP, "s") + S, 1), (P("SELECT 1", "s") + S, 1), (B("s") + E() + S, 1)],
        [[REFUSED, ("Z", "I")], [("1",), ("Z", "I")], [("2",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]],
    ),
    "a refused Parse of the unnamed statement destroys it, as the server would": (
        [(P("SELECT 1") + S, 1), (P(DROP) + S, 1), (DS() + S, 1)],
        [
            [("1",), ("Z", "I")],
            [REFUSED, ("Z", "I")],
            [("E", "26000", "unnamed prepared statement does not exist"), ("Z", "I")],
        ],
    ),
    "a refused Describe of an implicit batch still answers in order": (
        [(P("SELECT 1") + B() + D() + E() + P(DROP) + S, 1)],
        [[("1",), ("2",), ("T",), ("D", b"1"), ("C", "SELECT 1"), REFUSED, ("Z", "I")]],
    ),
    "a text that cannot be read: the parser's message, as the server would say it": (
        [(Q("SELEC 1"), 1), (Q("BEGIN"), 1), (P("DROP TABEL t") + S, 1), (Q("ROLLBACK"), 1)],
        [
            [("E", "42601", 'syntax error at or near "SELEC"'), ("Z", "I")],
            [("C", "BEGIN"), ("Z", "T")],
            [("E", "42601", 'syntax error at or near "TABEL"'), ("Z", "E")],
            [("C", "ROLLBACK"), ("Z", "I")],
        ],
    ),
}


def converse(client: Wired, steps: list[tuple[bytes, int]]) -> list[list[Answer]]:
    return [client.exchange(messages, ready=ready) for messages, ready in steps]


@pytest.mark.defect_01
@pytest.mark.defect_04
@pytest.mark.defect_06
@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_in_its_place_in_the_stream(case: str, chunk: int, every_table: Database, clients: Clients) -> None:
    steps, expected = CASES[case]
    client = clients.wired(every_table, chunk=chunk)
    assert converse(client, steps) == expected
    assert every_table.execute("SELECT to_regclass('t')") == "t"


def test_the_client_sees_the_refusal_whole_and_never_the_nonce(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(Q(DROP))
    assert error_fields(client.inbox) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "42501",
        "M": "DROP TABLE on t would lose data. [rule no-drop]",
        "D": error_fields(client.inbox)["D"],
        "H": "Do not.",
    }
    assert b"pgw_" not in client.inbox
    assert re.search(rb"/\* pgwarden: no-drop \*/ pgw_[0-9a-f]{32}\0", client.sent)
    assert DROP.encode() not in client.sent


def test_the_position_of_a_syntax_error_is_told(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(Q("SELECT 'é', 1 FORM t"))
    gate = error_fields(client.inbox)
    bare = clients.bare(table)
    bare.exchange(Q("SELECT 'é', 1 FORM t"))
    server = error_fields(bare.inbox)
    assert (gate["C"], gate["M"], gate["P"]) == (server["C"], server["M"], server["P"])


@pytest.mark.defect_02
def test_with_flush_instead_of_sync_the_refusal_comes_at_once(
    every_table: Database, clients: Clients
) -> None:
    client = clients.wired(every_table)
    client.inbox = b""
    client._send(X("INSERT INTO t VALUES (7)") + P(DROP) + H)
    client.until(lambda: b"no-drop" in client.inbox)
    assert answers(client.inbox) == [("1",), ("2",), ("C", "INSERT 0 1"), REFUSED]
    assert client.exchange(B() + E() + S) == [("Z", "I")]
    assert client.exchange(Q("SELECT count(*) FROM t"))[1] == ("D", b"3")


@pytest.mark.defect_02
def test_neither_flush_nor_sync_is_needed_for_a_refusal(every_table: Database, clients: Clients) -> None:
    """As the server sends its own errors."""
    client = clients.wired(every_table)
    client.inbox = b""
    client._send(P(DROP))
    client.until(lambda: b"no-drop" in client.inbox)
    assert answers(client.inbox) == [REFUSED]
    assert client.exchange(X("SELECT 1") + S) == [("Z", "I")]


@pytest.mark.defect_12
def test_a_late_bind_is_refused_when_the_policy_has_changed(every_table: Database, clients: Clients) -> None:
    client = clients.wired(every_table)
    assert client.exchange(P("DELETE FROM t WHERE id = 1", "s") + S) == [("1",), ("Z", "I")]
    assert client.exchange(Q("BEGIN")) == [("C", "BEGIN"), ("Z", "T")]
    client.gate.swap_policy(policy_of(STRICT))
    assert client.exchange(B("s") + E() + S) == [("E", "42501", "No writes. [rule no-writes]"), ("Z", "E")]
    assert client.exchange(Q("ROLLBACK")) == [("C", "ROLLBACK"), ("Z", "I")]
    assert client.exchange(Q("SELECT count(*) FROM t"))[1] == ("D", b"3")


@pytest.mark.defect_12
def test_a_late_execute_is_refused_when_the_policy_has_changed(
    every_table: Database, clients: Clients
) -> None:
    client = clients.wired(every_table)
    client.exchange(Q("BEGIN"))
    assert client.exchange(P("DELETE FROM t WHERE id = 1") + B("", "p") + S) == [("1",), ("2",), ("Z", "T")]
    client.gate.swap_policy(policy_of(STRICT))
    assert client.exchange(E("p") + S) == [("E", "42501", "No writes. [rule no-writes]"), ("Z", "E")]


@pytest.mark.parametrize(
    ("severity", "message"),
    [
        ("FEHLER", "Syntaxfehler bei »{}«"),
        ("ОШИБКА", 'ошибка синтаксиса (примерное положение: "{}")'),
        ("エラー", '"{}"またはその近辺で構文エラー'),
    ],
)
def test_under_another_lc_messages_the_nonce_tells_and_the_severity_stays(
    severity: str, message: str
) -> None:
    """The server's own translations, played to a session."""
    session = Session(gate_of(), Peer("127.0.0.1"))
    session.client_data(encode_startup(3, 0, [("user", "u")]))
    session.server_connected()
    reports = {"client_encoding": "UTF8", "standard_conforming_strings": "on"}
    known = b"".join(encode_parameter_status(*report) for report in reports.items())
    session.server_data(encode_authentication(0) + known + encode_ready("I"))
    (_, sent) = session.client_data(Q(DROP))
    assert isinstance(sent, ToServer)
    nonce = bytes(sent.data[bytes(sent.data).index(b"pgw_") : -1]).decode()
    fields = {"S": severity, "V": "ERROR", "C": "42601", "M": message.format(nonce), "P": "28"}
    (told,) = session.server_data(encode_error(fields) + encode_ready("I"))
    assert isinstance(told, ToClient)
    got = error_fields(bytes(told.data))
    assert (got["S"], got["V"], got["C"], got["M"]) == (severity, "ERROR", *REFUSED[1:])
    assert nonce not in bytes(told.data).decode()


def test_on_a_server_that_speaks_german(
    german_server: Cluster, new_database: Callable[[Cluster], Database], clients: Clients
) -> None:
    there = new_database(german_server)
    there.execute(TABLE)
    client = clients.wired(there)
    assert client.exchange(Q("SELECT 1/0"))[0] == ("E", "22012", "Division durch Null")
    assert client.exchange(Q(DROP)) == [REFUSED, ("Z", "I")]
    fields = error_fields(client.inbox)
    assert (fields["S"], fields["V"]) == ("FEHLER", "ERROR")
    assert client.exchange(X("INSERT INTO t VALUES (7)") + X(DROP) + S)[-2:] == [REFUSED, ("Z", "I")]


def test_a_flush_with_a_body_ends_the_session(table: Database, clients: Clients) -> None:
    """The server would answer with an error that nothing asked for, and skip what follows."""
    client = clients.wired(table)
    client.inbox = b""
    client._send(b"H\0\0\0\5x" + Q("SELECT 1") + S + Q(DROP) + Q(DROP) + S)
    client.until(lambda: client.closed)
    assert b"pgw_" not in client.inbox
    assert answers(client.inbox) == [("E", "08P01", "invalid message length 5 for client message type 72")]


def test_notices_that_quote_the_nonce_are_kept_back(table: Database, clients: Clients) -> None:
    client = clients.wired(table, options="-c log_statement=all -c client_min_messages=log")
    told = client.exchange(Q("SELECT 1"))
    assert ("N",) in told
    client.exchange(Q(DROP))
    assert b"pgw_" not in client.inbox
    assert [answer for answer in answers(client.inbox) if answer != ("N",)] == [REFUSED, ("Z", "I")]


def test_what_was_refused_is_reported_once_with_all_that_fired(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(X("DROP TABLE t") + S)
    (event,) = client.judged
    assert (event.rule, event.mode, event.sqlstate, event.rules) == (
        "no-drop",
        "enforce",
        "42501",
        ("no-drop",),
    )
    assert (event.text, event.effects, event.targets) == ("DROP TABLE t", ("table.drop",), ("t",))
    assert (event.origin.role, event.origin.database, event.origin.client_address) == (
        "postgres",
        table.name,
        "127.0.0.1",
    )
    assert client.gate.tally.blocked["no-drop", "enforce"].value == 1
    assert client.gate.tally.statements["refused", "destructive"].value == 1


# Names that live from one transaction to the next are not for a transaction pooler of this age.
POOLED = [case for case in CASES if "named" not in case]


@pytest.mark.parametrize("case", POOLED)
def test_behind_pgbouncer_in_transaction_mode(
    case: str, table: Database, clients: Clients, pgbouncer: StartPgBouncer
) -> None:
    steps, expected = CASES[case]
    pooler = pgbouncer(table.port, "transaction")
    client = clients.wired(table, port=pooler.port)
    assert converse(client, steps) == expected
    assert table.execute("SELECT to_regclass('t')") == "t"


def test_a_refusal_of_a_name_leaves_the_session_alive_behind_pgbouncer(
    table: Database, clients: Clients, pgbouncer: StartPgBouncer
) -> None:
    """A Bind of an absent name, or a failed Parse of the client's own name, can end such a session."""
    pooler = pgbouncer(table.port, "transaction")
    client = clients.wired(table, port=pooler.port)
    assert client.exchange(P(DROP, "s") + B("s") + E() + S) == [REFUSED, ("Z", "I")]
    assert client.exchange(B("nothing") + E() + S)[-1] == ("Z", "I")
    assert client.exchange(Q("BEGIN")) == [("C", "BEGIN"), ("Z", "T")]
    assert client.exchange(P(DROP, "s") + S) == [REFUSED, ("Z", "E")]
    assert client.exchange(Q("ROLLBACK")) == [("C", "ROLLBACK"), ("Z", "I")]
    assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")


def test_on_a_standby(table: Database, clients: Clients, programs: Programs, server: Cluster) -> None:
    with Cluster(programs(), primary=server) as standby:
        there = Database(standby, table.name)
        client = clients.wired(there)
        assert client.exchange(Q(DROP)) == [REFUSED, ("Z", "I")]
        assert client.exchange(X("SELECT 1") + X(DROP) + S)[-2:] == [REFUSED, ("Z", "I")]
        assert client.exchange(Q("INSERT INTO t VALUES (9)"))[0][:2] == ("E", "25006")
        assert client.exchange(Q("SELECT count(*) FROM t"))[1] == ("D", b"3")
        client.close()


SHADOW = """
version: 1
name: observer
defaults: {mode: shadow}
rules:
  - {id: no-drop, match: {effects: [table.drop]}, deny: "No."}
  - {id: no-opaque, match: {classes: [opaque]}, deny: "No."}
"""


@pytest.mark.defect_30
@pytest.mark.defect_33
@pytest.mark.parametrize(
    ("messages", "ready", "rules"),
    [
        (Q(DROP), 1, ["no-drop"]),
        (X(DROP) + S, 1, ["no-drop"]),
        (P(DROP, "s") + S + B("s") + E() + S, 2, ["no-drop"]),
        (X("INSERT INTO t VALUES (9)") + X(DROP) + S, 1, ["no-drop"]),
        (Q("SELEC 1"), 1, ["unparsed"]),
        (P("SELEC 1") + S, 1, []),
        (Q("EXECUTE nothing"), 1, ["unknown"]),
    ],
    ids=["simple", "extended", "prepared", "pipelined", "unparsed", "unparsed Parse", "unknown"],
)
def test_a_shadow_policy_lets_everything_pass_and_tells(
    messages: bytes, ready: int, rules: list[str], table: Database, clients: Clients
) -> None:
    bare = clients.bare(table)
    bare.exchange(Q("BEGIN"))
    expected = bare.exchange(messages, ready=ready)
    bare.exchange(Q("ROLLBACK"))
    client = clients.wired(table, gate_of(SHADOW))
    client.exchange(Q("BEGIN"))
    assert client.exchange(messages, ready=ready) == expected
    client.exchange(Q("ROLLBACK"))
    assert [event.mode for event in client.judged] == ["shadow"] * len(client.judged)
    assert {rule for event in client.judged for rule in event.rules} >= set(rules)


def test_a_shadowed_statement_is_reported_with_its_decision(table: Database, clients: Clients) -> None:
    rule = "{id: watched, match: {effects: [table.drop]}, mode: shadow, deny: 'Ask for {decision_id}.'}"
    client = clients.wired(table, gate_of("{version: 1, name: t, rules: [" + rule + "]}"))
    client.exchange(Q("BEGIN; DROP TABLE t; ROLLBACK"))
    (event,) = client.judged
    assert event.message == f"Ask for {event.decision_id}. [rule watched]"
