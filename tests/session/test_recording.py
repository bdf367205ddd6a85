"""A change goes to the server only once it is recorded, and never when it cannot be."""

from __future__ import annotations

from hashlib import sha256

from proxy.policy.context import Wording
from proxy.session import Change, Origin, Recorded, Unrecorded
from proxy.session.gate import Gate
from proxy.sql.spelling import digest
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import Wired, error_fields, gate_of, policy_of

OPEN = "{version: 1, rules: []}"
DDL = "ALTER TABLE t ADD COLUMN w int"
ADDED = [("C", "ALTER TABLE"), ("Z", "I")]
REFUSED = ("E", "42501", "This change was not run, since the ledger could not record it first. [rule ledger]")


def gate(text: str = OPEN) -> Gate:
    return gate_of(text, recording=True)


def waiting(change: Change) -> None:
    """The ledger takes its time."""


def texts(client: Wired) -> list[object]:
    return [change.text for change in client.changes]


def columns(table: Database) -> str:
    return table.execute("SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0")


def test_a_change_is_recorded_before_the_server_sees_it(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    sent_before: list[bytes] = []

    def record(change: Change) -> Recorded:
        sent_before.append(client.sent)
        return Recorded(7)

    client.record = record
    assert client.exchange(Q(DDL)) == ADDED
    assert client.changes == [
        Change(
            text=DDL,
            effects=("column.add",),
            targets=("t",),
            risk="low",
            unreadable=False,
            origin=Origin(
                "postgres", table.name, "127.0.0.1", "", "", "none", policy_of(OPEN).digest, "policy"
            ),
            parts=(("column.add", "t", "w"),),
            wording=Wording(sha256(DDL.encode()).hexdigest(), (digest(DDL),)),
        )
    ]  # fmt: skip
    assert DDL.encode() not in sent_before[0]
    assert client.sent.count(DDL.encode()) == 1


def test_what_is_no_change_waits_for_nothing(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    client.exchange(Q("SELECT 1; INSERT INTO t VALUES (9, 'x'); UPDATE t SET v = 'y' WHERE id = 9"))
    client.exchange(Q("CREATE TEMP TABLE own (a int)"))
    client.exchange(P("DELETE FROM t WHERE id = 9") + B() + E() + S)
    assert client.changes == []


def test_each_execution_is_recorded_once_and_parse_and_bind_are_not(
    table: Database, clients: Clients
) -> None:
    client = clients.wired(table, gate())
    sql = "TRUNCATE t"
    client.exchange(P(sql, "s") + S)
    assert client.changes == []
    client.exchange(B("s") + S)
    assert client.changes == []
    run = [("2",), ("C", "TRUNCATE TABLE"), ("Z", "I")]
    assert client.exchange(B("s") + E() + S) == client.exchange(B("s") + E() + S) == run
    client.exchange(Q(f"{sql}; {sql}"))
    assert texts(client) == [sql, sql, f"{sql}; {sql}"]


def test_what_cannot_be_recorded_is_refused(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    client.record = lambda change: Unrecorded("the ledger l cannot grow: the disk is full")
    assert client.exchange(Q(DDL)) == [REFUSED, ("Z", "I")]
    assert error_fields(client.inbox)["D"] == "The ledger l cannot grow: the disk is full."
    assert client.exchange(P(DDL) + B() + E() + S) == [("1",), ("2",), REFUSED, ("Z", "I")]
    assert client.exchange(Q("BEGIN"), Q("INSERT INTO t VALUES (9, 'x')"), ready=2)[-1] == ("Z", "T")
    assert client.exchange(Q(DDL)) == [REFUSED, ("Z", "E")]
    assert client.exchange(Q("COMMIT")) == [("C", "ROLLBACK"), ("Z", "I")]
    assert (columns(table), table.execute("SELECT count(*) FROM t")) == ("2", "3")
    assert [(judged.rule, judged.mode, judged.text) for judged in client.judged] == [
        ("ledger", "enforce", DDL)
    ] * 3
    client.record = lambda change: Recorded(1)
    assert client.exchange(Q(DDL)) == ADDED


def test_a_policy_that_watches_waits_for_nothing(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate("{version: 1, defaults: {mode: shadow}, rules: []}"))
    client.record = lambda change: Unrecorded("no")
    assert client.exchange(Q(DDL)) == ADDED
    assert client.changes == []


def test_what_a_rule_refuses_is_not_recorded(table: Database, clients: Clients) -> None:
    rule = "{id: r, match: {classes: ddl}, deny: no}"
    client = clients.wired(table, gate(f"{{version: 1, rules: [{rule}]}}"))
    assert client.exchange(Q(DDL))[0][:2] == ("E", "42501")
    assert client.changes == []


def test_a_policy_swapped_while_the_ledger_writes_counts(table: Database, clients: Clients) -> None:
    own = gate()
    client = clients.wired(table, own)
    client.record = waiting
    client.perform(client.session.client_data(Q(DDL)))
    assert texts(client) == [DDL]
    own.swap_policy(policy_of("{version: 1, rules: [{id: r, match: {classes: ddl}, deny: no}]}"))
    client.perform(client.session.recorded(Recorded(1)))
    client.inbox = b""
    client.wait(1)
    assert error_fields(client.inbox)["M"] == "no [rule r]"
    assert columns(table) == "2"


def test_what_was_recorded_for_a_dropped_message_counts_for_no_other(
    table: Database, clients: Clients
) -> None:
    client = clients.wired(table, gate())
    client.record = waiting
    client.inbox = b""
    batch = P("SELECT 1/0") + B() + E() + P(DDL) + B() + E() + S
    client.perform(client.session.client_data(batch))
    assert texts(client) == [DDL]
    client.until(lambda: b"division by zero" in client.inbox)
    client.perform(client.session.recorded(Recorded(1)))
    client.wait(1)
    client.record = lambda change: Unrecorded("no")
    assert client.exchange(Q(DDL)) == [REFUSED, ("Z", "I")]
    assert (texts(client), columns(table)) == ([DDL, DDL], "2")


def test_a_session_that_ends_meanwhile_sends_nothing(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    client.record = waiting
    client.perform(client.session.client_data(Q(DDL)))
    client.session.client_eof()
    assert client.session.recorded(Recorded(1)) == []
    assert DDL.encode() not in client.sent
