"""Nothing is believed before the server confirms it: statement names, on each major version."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proxy.policy.facts import Backup, Freeze
from proxy.session import Gate
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import DS, B, C, E, H, P, Q, S
from tests.session.wired import NOON, Clock, gate_of, policy_of

STRICT = (
    "{version: 1, name: strict, rules: [{id: no-delete, match: {effects: row.delete}, deny: No deletes.}]}"
)
DELETE = "DELETE FROM t WHERE id = 1"


@pytest.mark.defect_11
def test_a_pipelined_prepare_that_fails_leaves_the_old_statement(
    every_table: Database, clients: Clients
) -> None:
    """The server's p stays the DELETE, so EXECUTE p is judged as that."""
    client = clients.wired(every_table)
    assert client.exchange(Q(f"PREPARE p AS {DELETE}")) == [("C", "PREPARE"), ("Z", "I")]
    client.gate.swap_policy(policy_of(STRICT))
    told = client.exchange(Q("PREPARE p AS SELECT 1") + Q("EXECUTE p"), ready=2)
    assert told == [
        ("E", "42P05", 'prepared statement "p" already exists'),
        ("Z", "I"),
        ("E", "42501", "No deletes. [rule no-delete]"),
        ("Z", "I"),
    ]
    assert every_table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.defect_11
def test_a_pipelined_parse_that_fails_leaves_the_old_statement(
    every_table: Database, clients: Clients
) -> None:
    client = clients.wired(every_table)
    client.exchange(P(DELETE, "p") + S)
    client.gate.swap_policy(policy_of(STRICT))
    told = client.exchange(P("SELECT 1", "p") + S + B("p") + E() + S, ready=2)
    assert told[:2] == [("E", "42P05", 'prepared statement "p" already exists'), ("Z", "I")]
    assert told[2:] == [("E", "42501", "No deletes. [rule no-delete]"), ("Z", "I")]


@pytest.mark.defect_05
def test_within_one_batch_the_newest_parse_counts(table: Database, clients: Clients) -> None:
    """Had it failed the rest of the batch would be skipped."""
    client = clients.wired(table)
    client.exchange(P(DELETE) + S)
    client.gate.swap_policy(policy_of(STRICT))
    assert client.exchange(P("SELECT 7") + B() + E() + S) == [
        ("1",),
        ("2",),
        ("D", b"7"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]


@pytest.mark.defect_05
def test_each_parse_of_a_batch_keeps_a_verdict_of_its_own(every_table: Database, clients: Clients) -> None:
    client = clients.wired(every_table)
    client.exchange(P(DELETE, "d") + P("SELECT 7", "s") + P(DELETE) + B(portal="early") + P("SELECT 8") + S)
    client.gate.swap_policy(policy_of(STRICT))
    refused = ("E", "42501", "No deletes. [rule no-delete]")
    assert client.exchange(B("d") + E() + S) == [refused, ("Z", "I")]
    assert client.exchange(B("s") + E() + S)[1] == ("D", b"7")
    assert client.exchange(B() + E() + S)[1] == ("D", b"8")
    assert client.exchange(B("s") + E() + B("d") + E() + S)[1:] == [
        ("D", b"7"), ("C", "SELECT 1"), refused, ("Z", "I"),
    ]  # fmt: skip
    assert every_table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.defect_05
@pytest.mark.defect_11
def test_a_portal_keeps_its_verdict_when_its_statement_is_parsed_anew(
    every_table: Database, clients: Clients
) -> None:
    client = clients.wired(every_table)
    client.exchange(Q("BEGIN") + P(DELETE) + B(portal="early") + P("SELECT 8") + S, ready=2)
    client.gate.swap_policy(policy_of(STRICT))
    assert client.exchange(E("early") + S) == [("E", "42501", "No deletes. [rule no-delete]"), ("Z", "E")]


def test_sql_and_protocol_share_one_space_of_names(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(P("SELECT 5", "five") + S)
    assert client.exchange(Q("EXECUTE five"))[1] == ("D", b"5")
    client.exchange(Q("PREPARE six AS SELECT 6"))
    assert client.exchange(B("six") + E() + S) == [("2",), ("D", b"6"), ("C", "SELECT 1"), ("Z", "I")]


@pytest.mark.defect_11
@pytest.mark.parametrize(
    ("drop", "answer"),
    [
        (Q("DEALLOCATE p"), [("C", "DEALLOCATE"), ("Z", "I")]),
        (Q("DEALLOCATE ALL"), [("C", "DEALLOCATE ALL"), ("Z", "I")]),
        (C("p") + S, [("3",), ("Z", "I")]),
    ],
    ids=["DEALLOCATE", "DEALLOCATE ALL", "Close"],
)
def test_a_dropped_name_can_be_given_anew(
    drop: bytes, answer: list[tuple[str, ...]], table: Database, clients: Clients
) -> None:
    client = clients.wired(table)
    client.exchange(P(DELETE, "p") + S)
    client.gate.swap_policy(policy_of(STRICT))
    assert client.exchange(drop) == answer
    assert client.exchange(B("p") + E() + S)[0] == ("E", "26000", 'prepared statement "p" does not exist')
    assert client.exchange(P("SELECT 2", "p") + B("p") + E() + S)[2] == ("D", b"2")
    assert client.exchange(Q("EXECUTE p"))[1] == ("D", b"2")


@pytest.mark.defect_11
def test_discard_all_forgets_every_name(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(P("SELECT 1", "a") + P("SELECT 2", "b") + S)
    assert ("C", "DISCARD ALL") in client.exchange(Q("DISCARD ALL"))
    assert client.exchange(Q("EXECUTE a"))[0][:2] == ("E", "26000")
    assert client.exchange(B("b") + S)[0] == ("E", "26000", 'prepared statement "b" does not exist')


@pytest.mark.defect_11
def test_a_dropped_name_is_not_believed_gone_before_the_server_says_so(
    table: Database, clients: Clients
) -> None:
    """DEALLOCATE in an aborted transaction does nothing."""
    client = clients.wired(table)
    client.exchange(P(DELETE, "p") + S)
    client.exchange(Q("BEGIN"))
    client.exchange(Q("SELECT 1/0"))
    assert client.exchange(Q("DEALLOCATE p"))[0][:2] == ("E", "25P02")
    client.exchange(Q("ROLLBACK"))
    client.gate.swap_policy(policy_of(STRICT))
    assert client.exchange(Q("EXECUTE p"))[0] == ("E", "42501", "No deletes. [rule no-delete]")


def test_prepare_is_judged_by_what_it_prepares(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    assert client.exchange(Q("PREPARE p AS DELETE FROM t"))[0][:2] == ("E", "42501")
    assert client.exchange(Q("EXECUTE p"))[0] == ("E", "26000", 'prepared statement "p" does not exist')


def test_an_execute_inside_explain_and_create_table_as_is_seen(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(Q(f"PREPARE p AS {DELETE} RETURNING id"))
    client.gate.swap_policy(policy_of(STRICT))
    for text in ("EXPLAIN ANALYZE EXECUTE p", "EXECUTE p", "SELECT 1; EXECUTE p"):
        assert client.exchange(Q(text))[0] == ("E", "42501", "No deletes. [rule no-delete]"), text


def test_a_prepared_execute_is_judged_by_what_the_name_means_then(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(Q("PREPARE p AS SELECT 1"))
    client.exchange(P("EXECUTE p", "run") + S)
    client.exchange(Q("DEALLOCATE p"))
    client.exchange(Q(f"PREPARE p AS {DELETE}"))
    client.gate.swap_policy(policy_of(STRICT))
    assert client.exchange(B("run") + E() + S)[1] == ("E", "42501", "No deletes. [rule no-delete]")


def _an_hour_later(gate: Gate, clock: Clock) -> None:
    clock.now += 3600


def _frozen(gate: Gate, clock: Clock) -> None:
    gate.swap_facts(replace(gate.facts, freezes=(Freeze("sale", datetime.fromtimestamp(NOON, UTC)),)))


def _without_a_backup(gate: Gate, clock: Clock) -> None:
    gate.swap_facts(replace(gate.facts, backups=()))


def _another_policy(gate: Gate, clock: Clock) -> None:
    gate.swap_policy(policy_of(STRICT))


NEEDS_MUCH = """
version: 1
name: test
time: {timezone: UTC, windows: {afternoon: {from: "12:30", to: "14:00"}}}
rules:
  - {id: quiet, match: {effects: [row.delete]}, when: {window: afternoon}, deny: "Not in the afternoon."}
  - {id: saved, match: {effects: [row.delete]}, require: {backup: {within: 3h}}, deny: "No backup."}
"""


@pytest.mark.defect_12
@pytest.mark.parametrize(
    "late", [B("d") + E() + S, E("early") + S, Q("EXECUTE d")], ids=["Bind", "Execute", "SQL"]
)
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_an_hour_later, "quiet"),
        (_frozen, "freeze"),
        (_without_a_backup, "saved"),
        (_another_policy, "no-delete"),
    ],
)
def test_what_was_parsed_while_allowed_is_judged_by_what_holds_when_it_runs(
    change: Callable[[Gate, Clock], None], rule: str, late: bytes, table: Database, clients: Clients
) -> None:
    clock = Clock()
    gate = gate_of(NEEDS_MUCH, clock)
    saved = Backup(table.name, datetime.fromtimestamp(NOON, UTC), "s3://backups/1")
    gate.swap_facts(replace(gate.facts, backups=(saved,)))
    client = clients.wired(table, gate)
    client.exchange(Q("BEGIN") + P(DELETE, "d") + B("d", "early") + S, ready=2)
    change(gate, clock)
    (told, *_) = client.exchange(late)
    assert told[:2] == ("E", "42501")
    assert str(told[2]).endswith(f"[rule {rule}]")
    assert client.exchange(Q("COMMIT")) == [("C", "ROLLBACK"), ("Z", "I")]
    assert table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.defect_12
def test_a_statement_parsed_while_allowed_is_judged_again_when_the_window_has_opened(
    table: Database, clients: Clients
) -> None:
    clock = Clock()  # noon in UTC
    text = """
version: 1
name: test
time:
  timezone: UTC
  windows:
    afternoon: {days: [mon, tue, wed, thu, fri, sat, sun], from: "13:00", to: "14:00"}
rules:
  - id: quiet
    match: {effects: [row.delete]}
    when: {window: afternoon}
    deny: "Not in the afternoon."
"""
    client = clients.wired(table, gate_of(text, clock))
    client.exchange(P("DELETE FROM t WHERE id = $1", "d") + S)
    assert client.exchange(B("d", values=[b"1"]) + E() + S) == [("2",), ("C", "DELETE 1"), ("Z", "I")]
    clock.now += 3600
    assert client.exchange(B("d", values=[b"2"]) + E() + S) == [
        ("E", "42501", "Not in the afternoon. [rule quiet]"),
        ("Z", "I"),
    ]
    clock.now += 3600
    assert client.exchange(B("d", values=[b"2"]) + E() + S) == [("2",), ("C", "DELETE 1"), ("Z", "I")]


def test_describe_of_an_unknown_name_is_the_servers_to_answer(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    assert client.exchange(DS("nothing") + H + S) == [
        ("E", "26000", 'prepared statement "nothing" does not exist'),
        ("Z", "I"),
    ]


@pytest.mark.defect_09
def test_a_cursor_is_run_by_its_portal(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(Q("BEGIN"))
    client.exchange(Q("DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id"))
    assert client.exchange(E("c", 2) + S) == [("D", b"1"), ("D", b"2"), ("s",), ("Z", "T")]
    assert client.exchange(Q("FETCH 1 FROM c"))[1] == ("D", b"3")


def test_a_name_given_very_often_is_soon_waited_for(table: Database, clients: Clients) -> None:
    """Each unconfirmed meaning counts: 30,000 of them would take a gate's whole time."""
    client = clients.wired(table)
    client._send((P("SELECT 1") + S) * 200)
    assert client.sent.count(S) < 50
    client.until(lambda: client.inbox.count(b"Z\0\0\0\5I") == 200)
    assert client.sent.count(S) == 200
