"""What is under way when a freeze begins: nothing that could write goes on, by whatever message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proxy.policy.facts import Freeze
from proxy.session import Gate
from proxy.wire.frontend import FunctionCall, encode_copy_data, encode_copy_done, encode_function_call
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, H, P, Q, S
from tests.session.wired import Answer, Wired, answers, error_fields, gate_of

OPEN = "{version: 1, name: open, rules: []}"
INCIDENT = Freeze("incident 12", datetime.fromtimestamp(0, UTC), by="ada")
ROWS = "SELECT count(*) FROM t"
COPY = "COPY t FROM STDIN"
DATA = encode_copy_data(b"10\tten\n")
DONE = encode_copy_done()


def completing(words: str) -> Answer:
    return (
        "E",
        "42501",
        f"Writes are frozen, and {words} would complete those of this transaction. [rule freeze]",
    )


def writing(words: str) -> Answer:
    return ("E", "42501", f"Writes are frozen, and {words} is one. [rule freeze]")


def freeze(client: Wired, *freezes: Freeze) -> None:
    """Have the gate know of these, as the relay would."""
    client.gate.swap_facts(replace(client.gate.facts, freezes=freezes))
    client.perform(client.session.facts_changed())


def opened(table: Database, clients: Clients, gate: Gate | None = None) -> Wired:
    return clients.wired(table, gate or gate_of(OPEN))


def rows(table: Database) -> str:
    return table.execute(ROWS)


def test_a_commit_of_what_was_written_is_refused_and_undoes_it(
    every_table: Database, clients: Clients
) -> None:
    client = opened(every_table, clients)
    client.exchange(Q("BEGIN"), Q("DELETE FROM t"), ready=2)
    freeze(client, INCIDENT)
    assert client.exchange(Q("SELECT 1"))[1:] == [("D", b"1"), ("C", "SELECT 1"), ("Z", "T")]
    assert client.exchange(Q("COMMIT")) == [completing("COMMIT"), ("Z", "I")]
    assert error_fields(client.inbox) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "42501",
        "M": "Writes are frozen, and COMMIT would complete those of this transaction. [rule freeze]",
        "D": "Writes are frozen by ada: incident 12.",
        "H": "Run the transaction again when the freeze has ended.",
    }
    assert rows(every_table) == "3"
    assert [event.rule for event in client.judged] == ["freeze"]
    assert client.exchange(Q(ROWS))[1:] == [("D", b"3"), ("C", "SELECT 1"), ("Z", "I")]
    assert client.exchange(Q("BEGIN"), Q(ROWS), Q("COMMIT"), ready=3)[-2:] == [("C", "COMMIT"), ("Z", "I")]


def test_the_same_in_the_extended_protocol(every_table: Database, clients: Clients) -> None:
    client = opened(every_table, clients)
    client.exchange(P("COMMIT", "c") + P("SELECT 1", "s") + S + Q("BEGIN") + Q("DELETE FROM t"), ready=3)
    freeze(client, INCIDENT)
    assert client.exchange(B("c"), E(), B("s"), E(), S) == [("2",), completing("COMMIT"), ("Z", "I")]
    assert rows(every_table) == "3"
    assert client.exchange(P(""), B("s"), E(), B("c"), E(), S) == [
        *[("1",), ("2",), ("D", b"1"), ("C", "SELECT 1"), ("2",), ("N",), ("C", "COMMIT"), ("Z", "I")]
    ]


# what a transaction that has written may say while writes are frozen, and how it is answered
SAID = [
    ("ROLLBACK", [("C", "ROLLBACK"), ("Z", "I")]),
    ("ABORT AND CHAIN", [("C", "ROLLBACK"), ("Z", "T")]),
    ("SAVEPOINT b", [("C", "SAVEPOINT"), ("Z", "T")]),
    ("ROLLBACK TO a", [("C", "ROLLBACK"), ("Z", "T")]),
    ("RELEASE a", [("C", "RELEASE"), ("Z", "T")]),
    ("SET LOCAL work_mem = '1MB'", [("C", "SET"), ("Z", "T")]),
    ("SET LOCAL ROLE pg_read_all_data", [("C", "SET"), ("S", "is_superuser", "off"), ("Z", "T")]),
    ("CLOSE c", [("C", "CLOSE CURSOR"), ("Z", "T")]),
    ("END", [completing("COMMIT"), ("Z", "I")]),
    ("COMMIT AND CHAIN", [completing("COMMIT"), ("Z", "I")]),
    ("SELECT 1; COMMIT; BEGIN", [completing("COMMIT"), ("Z", "I")]),
    ("PREPARE TRANSACTION 'x'", [completing("PREPARE TRANSACTION"), ("Z", "I")]),
    ("FETCH c", [completing("FETCH"), ("Z", "E")]),
    ("MOVE c", [completing("FETCH"), ("Z", "E")]),
    ("SET CONSTRAINTS ALL IMMEDIATE", [completing("SET"), ("Z", "E")]),
    ("ANALYZE t", [completing("ANALYZE"), ("Z", "E")]),
    ("DISCARD PLANS", [completing("DISCARD ALL"), ("Z", "E")]),
    ("INSERT INTO t VALUES (9)", [writing("INSERT on t"), ("Z", "E")]),
    ("INSERT INTO t VALUES (9); COMMIT", [writing("INSERT on t"), ("Z", "I")]),
    ("SET TRANSACTION READ WRITE; UPDATE t SET v = '' WHERE id = 1", [writing("UPDATE on t"), ("Z", "E")]),
    ("SELECT nextval('s')", [writing("nextval on s"), ("Z", "E")]),
    ("COMMIT PREPARED 'x'", [writing("COMMIT PREPARED on x"), ("Z", "E")]),
]


@pytest.mark.parametrize(("text", "answer"), SAID, ids=[text for text, _ in SAID])
def test_in_a_transaction_that_has_written(
    text: str, answer: list[Answer], table: Database, clients: Clients
) -> None:
    table.execute("CREATE SEQUENCE s")
    client = opened(table, clients)
    before = ("BEGIN", "DELETE FROM t", "DECLARE c CURSOR FOR SELECT 1", "SAVEPOINT a")
    client.exchange(*map(Q, before), ready=len(before))
    freeze(client, INCIDENT)
    assert client.exchange(Q(text)) == answer
    client.close()
    assert rows(table) == "3"


@pytest.mark.parametrize("text", ["COMMIT", "FETCH c", "PREPARE a AS SELECT 1", "SET ROLE pg_read_all_data"])
def test_a_transaction_that_has_only_read_goes_on(text: str, table: Database, clients: Clients) -> None:
    client = opened(table, clients)
    client.exchange(Q("BEGIN"), Q("DECLARE c CURSOR FOR SELECT 1"), Q(ROWS), ready=3)
    freeze(client, INCIDENT)
    assert client.exchange(Q(text))[-1] == ("Z", "I" if text == "COMMIT" else "T")


@pytest.mark.parametrize("text", ["INSERT INTO t VALUES (9)", "SELECT nextval('s')", "SELECT f()"])
def test_what_a_cursor_writes_counts_from_its_declaration(
    text: str, table: Database, clients: Clients
) -> None:
    table.execute(
        "CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS $$SELECT nextval('s')$$"
    )
    client = opened(table, clients)
    declared = text if text.startswith("INSERT") else f"DECLARE c CURSOR FOR {text}"
    client.exchange(Q("BEGIN"), Q(declared), ready=2)
    freeze(client, INCIDENT)
    assert client.exchange(P("FETCH c"), B(), E(), S)[2:] == [completing("FETCH"), ("Z", "E")]


def test_a_cursor_is_no_portal_to_run_either(table: Database, clients: Clients) -> None:
    client = opened(table, clients)
    client.exchange(Q("BEGIN"), Q("DECLARE c CURSOR FOR SELECT 1"), Q("DELETE FROM t"), ready=3)
    freeze(client, INCIDENT)
    assert client.exchange(E("c"), S) == [completing("FETCH"), ("Z", "E")]


def test_a_portal_that_has_begun_to_write_is_not_run_on(table: Database, clients: Clients) -> None:
    table.execute("CREATE SEQUENCE s")
    client = opened(table, clients)
    client.exchange(Q("BEGIN"))
    client.exchange(P("SELECT nextval('s') FROM t"), B(portal="p"), E("p", 1), S)
    freeze(client, INCIDENT)
    assert client.exchange(E("p", 1), S) == [writing("nextval on s"), ("Z", "E")]


def test_a_transaction_that_has_failed_may_be_ended_in_any_words(table: Database, clients: Clients) -> None:
    client = opened(table, clients)
    client.exchange(Q("BEGIN"), Q("DELETE FROM t"), ready=2)
    freeze(client, INCIDENT)
    assert client.exchange(Q("DELETE FROM t")) == [writing("DELETE on t"), ("Z", "E")]
    assert client.exchange(Q("COMMIT")) == [("C", "ROLLBACK"), ("Z", "I")]


def test_a_failed_transaction_that_may_be_alive_again_is_not_committed(
    table: Database, clients: Clients
) -> None:
    client = opened(table, clients)
    client.exchange(*map(Q, ("BEGIN", "DELETE FROM t", "SAVEPOINT a", "SELECT 1/0")), ready=4)
    freeze(client, INCIDENT)
    told = client.exchange(Q("ROLLBACK TO a"), Q("COMMIT"), ready=2)
    assert told == [("C", "ROLLBACK"), ("Z", "T"), completing("COMMIT"), ("Z", "I")]
    assert rows(table) == "3"


# what ends a batch that has written without BEGIN, and would commit it
ENDS = {
    "Sync": (S, "I"),
    "Query": (Q("SELECT 1"), "I"),
    "FunctionCall": (encode_function_call(FunctionCall(1598, (), (), 1)), "I"),  # random()
    "COMMIT": (P("COMMIT") + B() + E() + S, "I"),
    "behind BEGIN": (P("BEGIN") + B() + E() + S, "E"),
    "VACUUM": (P("VACUUM t") + B() + E() + S, "I"),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_batch_that_has_written_commits_nothing(
    end: str, every_table: Database, clients: Clients
) -> None:
    client = opened(every_table, clients)
    client.inbox = b""
    client._send(P("DELETE FROM t") + B() + E() + H)
    client.until(lambda: ("C", "DELETE 3") in answers(client.inbox))
    freeze(client, INCIDENT)
    message, status = ENDS[end]
    told = client.exchange(message)
    assert [answer[:2] for answer in told if answer[0] == "E"] == [("E", "42501")]
    assert told[-1] == ("Z", status)
    assert b"pgw_" not in client.inbox
    assert rows(every_table) == "3"
    client.exchange(Q("ROLLBACK"))
    assert client.exchange(P(ROWS), B(), E(), S)[2:] == [("D", b"3"), ("C", "SELECT 1"), ("Z", "I")]


def test_a_batch_inside_of_a_transaction_may_end(table: Database, clients: Clients) -> None:
    client = opened(table, clients)
    client.exchange(Q("BEGIN"))
    client.inbox = b""
    client._send(P("DELETE FROM t") + B() + E() + H)
    client.until(lambda: ("C", "DELETE 3") in answers(client.inbox))
    freeze(client, INCIDENT)
    assert client.exchange(S) == [("Z", "T")]
    assert client.exchange(Q("COMMIT")) == [completing("COMMIT"), ("Z", "I")]


def test_what_comes_in_one_write_with_a_begin_that_nobody_has_confirmed(
    table: Database, clients: Clients
) -> None:
    client = opened(table, clients)
    client.inbox = b""
    client._send(Q("BEGIN; DELETE FROM t"))
    freeze(client, INCIDENT)
    assert client.exchange(Q("COMMIT"), ready=2)[-2:] == [completing("COMMIT"), ("Z", "I")]
    assert rows(table) == "3"


def test_an_earlier_readyforquery_says_nothing_of_a_later_write(table: Database, clients: Clients) -> None:
    client = opened(table, clients)
    client.exchange(Q("SELECT 1"), Q("BEGIN; DELETE FROM t"), ready=2)
    freeze(client, INCIDENT)
    assert client.exchange(Q("COMMIT")) == [completing("COMMIT"), ("Z", "I")]


# -- COPY ------------------------------------------------------------------------------------------------


def begun(client: Wired, *messages: bytes) -> None:
    client.inbox = b""
    client._send(b"".join(messages))
    client.until(lambda: b"G" in client.inbox)


STOPPED = writing("INSERT on t")


@pytest.mark.defect_13
@pytest.mark.parametrize("split", [0, 3, 7], ids=["between messages", "in a header", "in a message"])
@pytest.mark.parametrize("more", [DATA + DONE, DONE, b""], ids=["data", "done", "nothing"])
def test_a_copy_under_way_is_stopped(split: int, more: bytes, table: Database, clients: Clients) -> None:
    client = opened(table, clients)
    begun(client, Q(COPY), DATA + DATA[:split])
    freeze(client, INCIDENT)
    if split and not more:
        more = DONE
    told = client.exchange((DATA[split:] if split else b"") + more)
    assert told[-2:] == [STOPPED, ("Z", "I")]
    assert client.exchange(DATA, DONE, Q(ROWS))[1] == ("D", b"3")
    assert [event.rule for event in client.judged] == ["freeze"]
    assert rows(table) == "3"


@pytest.mark.defect_13
@pytest.mark.parametrize("early", [b"", S], ids=["", "a Sync that the server would have ignored"])
def test_a_copy_in_the_extended_protocol_is_stopped(
    early: bytes, every_table: Database, clients: Clients
) -> None:
    client = opened(every_table, clients)
    begun(client, P(COPY), B(), E(), early, DATA)
    freeze(client, INCIDENT)
    assert client.exchange(DATA, DONE, S) == [STOPPED, ("Z", "I")]
    assert client.exchange(P(ROWS), B(), E(), S)[2:] == [("D", b"3"), ("C", "SELECT 1"), ("Z", "I")]


def test_a_copy_that_is_done_is_not_committed(every_table: Database, clients: Clients) -> None:
    client = opened(every_table, clients)
    begun(client, P(COPY), B(), E(), DATA, DONE, H)
    client.until(lambda: ("C", "COPY 1") in answers(client.inbox))
    freeze(client, INCIDENT)
    assert client.exchange(S) == [completing("COMMIT"), ("Z", "I")]
    assert rows(every_table) == "3"


def test_a_copy_stopped_inside_of_a_transaction_leaves_it_failed(table: Database, clients: Clients) -> None:
    client = opened(table, clients)
    client.exchange(Q("BEGIN"))
    begun(client, Q(COPY), DATA)
    freeze(client, INCIDENT)
    client.wait(1)
    assert answers(client.inbox)[-2:] == [STOPPED, ("Z", "E")]
    assert client.exchange(DATA, DONE, Q("COMMIT")) == [("C", "ROLLBACK"), ("Z", "I")]


@pytest.mark.parametrize(
    "freezes",
    [
        (),
        (replace(INCIDENT, database="another"),),
        (replace(INCIDENT, until=datetime.fromtimestamp(1, UTC)),),
    ],
    ids=["thawed", "another database's", "over"],
)
def test_a_freeze_that_does_not_concern_it_stops_nothing(
    freezes: tuple[Freeze, ...], table: Database, clients: Clients
) -> None:
    client = opened(table, clients)
    begun(client, Q(COPY), DATA)
    freeze(client, *freezes)
    assert client.exchange(DONE) == [("C", "COPY 1"), ("Z", "I")]
    client.exchange(Q("BEGIN"), Q("DELETE FROM t WHERE id = 10"), ready=2)
    assert client.exchange(Q("COMMIT")) == [("C", "COMMIT"), ("Z", "I")]


def test_a_policy_that_only_watches_stops_nothing(table: Database, clients: Clients) -> None:
    client = opened(table, clients, gate_of("{version: 1, name: w, defaults: {mode: shadow}, rules: []}"))
    client.exchange(Q("BEGIN"), Q("DELETE FROM t WHERE id = 1"), ready=2)
    freeze(client, replace(INCIDENT, kill=True))
    assert client.exchange(Q("COMMIT")) == [("C", "COMMIT"), ("Z", "I")]
    assert [(event.rule, event.mode) for event in client.judged] == [("freeze", "shadow")]
    begun(client, Q(COPY), DATA)
    freeze(client, INCIDENT)
    assert client.exchange(DONE) == [("C", "COPY 1"), ("Z", "I")]


def test_facts_that_may_have_missed_a_freeze_let_no_transaction_that_has_written_end(
    table: Database, clients: Clients
) -> None:
    client = opened(table, clients)
    client.exchange(Q("BEGIN"), Q("DELETE FROM t"), ready=2)
    client.gate.swap_facts(replace(client.gate.facts, stale=True, overdue=True))
    client.perform(client.session.facts_changed())
    assert client.exchange(Q("COMMIT")) == [
        (
            "E",
            "42501",
            "COMMIT was not run in a transaction that has written: the ledger is out of reach, and writes "
            "may have been frozen meanwhile. [rule ledger]",
        ),
        ("Z", "I"),
    ]
    assert rows(table) == "3"


def test_a_yes_to_a_session_that_has_only_read_is_none_to_one_that_has_written(
    table: Database, clients: Clients
) -> None:
    gate = gate_of(OPEN)
    writer, reader = opened(table, clients, gate), opened(table, clients, gate)
    writer.exchange(Q("BEGIN"), Q("DELETE FROM t"), ready=2)
    freeze(writer, INCIDENT)
    assert reader.exchange(Q("BEGIN"), Q("COMMIT"), ready=2)[-2:] == [("C", "COMMIT"), ("Z", "I")]
    assert writer.exchange(Q("COMMIT")) == [completing("COMMIT"), ("Z", "I")]


# -- --kill ----------------------------------------------------------------------------------------------

KILL = replace(INCIDENT, kill=True)
KILLED = ("E", "57P01", "terminating connection: writes are frozen, and this session had some under way")


@pytest.mark.parametrize(
    ("before", "cancelled"),
    [
        ([Q("BEGIN"), Q("DELETE FROM t")], 0),
        ([Q("BEGIN; DELETE FROM t; SELECT pg_sleep(60)")], 1),
        ([P("DELETE FROM t"), B(), E(), H], 1),
    ],
    ids=["between statements", "at work", "in a batch"],
)
def test_kill_ends_a_session_that_has_written(
    before: list[bytes], cancelled: int, table: Database, clients: Clients
) -> None:
    client = opened(table, clients)
    if cancelled:
        client.inbox = b""
        client._send(b"".join(before))
    else:
        client.exchange(*before, ready=len(before))
        client.inbox = b""
    freeze(client, KILL)
    assert (answers(client.inbox)[-1], client.closed) == (KILLED, True)
    fields = error_fields(client.inbox)
    assert (fields["V"], fields["D"]) == ("FATAL", "Writes are frozen by ada: incident 12.")
    assert (len(client.cancels), client.gate.tally.killed) == (cancelled, 1)


@pytest.mark.parametrize(
    "before", [Q("SELECT 1"), Q("BEGIN; SELECT 1"), Q("DELETE FROM t WHERE id = 1")], ids=["", "open", "done"]
)
def test_kill_lets_those_be_that_have_nothing_under_way(
    before: bytes, table: Database, clients: Clients
) -> None:
    client = opened(table, clients)
    client.exchange(before)
    freeze(client, KILL)
    assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")
    assert client.gate.tally.killed == 0
