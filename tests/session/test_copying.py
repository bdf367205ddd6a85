"""COPY both ways: what the server ignores, swallows or reads while data flows, on each major version."""

import struct

import pytest

from proxy.wire.backend import encode_error, encode_ready
from proxy.wire.frontend import encode_copy_data, encode_copy_done, encode_copy_fail, encode_terminate
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, H, P, Q, S
from tests.session.wired import Clock, answers, gate_of, policy_of

COPY = "COPY t FROM STDIN"
DATA = encode_copy_data(b"10\tten\n") + encode_copy_data(b"11\televen\n")
DONE = encode_copy_done()
BAD = encode_copy_data(b"not a number\tx\n")


@pytest.mark.defect_13
@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
def test_everything_in_one_write(chunk: int, every_table: Database, clients: Clients) -> None:
    """The client does not wait for CopyInResponse."""
    client = clients.wired(every_table, chunk=chunk)
    assert client.exchange(Q(COPY), DATA, DONE, Q("SELECT count(*) FROM t"), ready=2) == [
        ("G",),
        ("C", "COPY 2"),
        ("Z", "I"),
        ("T",),
        ("D", b"5"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]


def test_in_the_extended_protocol_the_sync_before_the_data_is_ignored(
    every_table: Database, clients: Clients
) -> None:
    for client in (clients.bare(every_table), clients.wired(every_table)):
        told = client.exchange(P(COPY), B(), E(), S, H, DATA, DONE, S, ready=1)
        assert told == [("1",), ("2",), ("G",), ("C", "COPY 2"), ("Z", "I")]
        assert client.exchange(Q("DELETE FROM t WHERE id >= 10")) == [("C", "DELETE 2"), ("Z", "I")]


def test_two_copies_in_one_text(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    told = client.exchange(
        Q(f"{COPY}; SELECT 1; COPY t (id) FROM STDIN"),
        DATA,
        DONE,
        encode_copy_data(b"12\n"),
        DONE,
        Q("SELECT 2"),
        ready=2,
    )
    assert told == [
        ("G",),
        ("C", "COPY 2"),
        ("T",),
        ("D", b"1"),
        ("C", "SELECT 1"),
        ("G",),
        ("C", "COPY 1"),
        ("Z", "I"),
        ("T",),
        ("D", b"2"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]


@pytest.mark.defect_13
def test_bad_data_ends_it_and_the_rest_is_ignored(every_table: Database, clients: Clients) -> None:
    client = clients.wired(every_table)
    told = client.exchange(Q(COPY), BAD, DATA, DONE, Q("SELECT count(*) FROM t"), ready=2)
    assert told[:3] == [
        ("G",),
        ("E", "22P02", 'invalid input syntax for type integer: "not a number"'),
        ("Z", "I"),
    ]
    assert told[3:] == [("T",), ("D", b"3"), ("C", "SELECT 1"), ("Z", "I")]


@pytest.mark.defect_13
def test_bad_data_in_the_extended_protocol(every_table: Database, clients: Clients) -> None:
    client = clients.wired(every_table)
    told = client.exchange(P(COPY), B(), E(), BAD, DONE, S, Q("SELECT 1"), ready=2)
    assert told[:2] == [("1",), ("2",)]
    assert [answer[:2] for answer in told[2:5]] == [("G",), ("E", "22P02"), ("Z", "I")]
    assert told[5:] == [("T",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]


@pytest.mark.defect_13
def test_copy_fail(every_table: Database, clients: Clients) -> None:
    client = clients.wired(every_table)
    assert client.exchange(Q(COPY), DATA, encode_copy_fail(b"never mind")) == [
        ("G",),
        ("E", "57014", "COPY from stdin failed: never mind"),
        ("Z", "I"),
    ]
    assert client.exchange(Q("SELECT count(*) FROM t"))[1] == ("D", b"3")


def test_a_trigger_that_fails_before_the_data_leaves_the_held_sync_to_be_answered(
    table: Database, clients: Clients
) -> None:
    table.execute("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
    table.execute("CREATE TRIGGER b BEFORE INSERT ON t EXECUTE FUNCTION no()")
    client = clients.wired(table)
    assert client.exchange(P(COPY), B(), E(), S, ready=1) == [
        ("1",),
        ("2",),
        ("G",),
        ("E", "P0001", "no"),
        ("Z", "I"),
    ]
    assert client.exchange(Q("SELECT 1")) == [("T",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]


@pytest.mark.parametrize(
    ("message", "kind"),
    [(Q("DROP TABLE t"), "51"), (P("SELECT 1"), "50"), (E(), "45")],
    ids=["Query", "Parse", "Execute"],
)
def test_another_message_ends_the_connection_and_the_copy_as_the_server_does(
    message: bytes, kind: str, every_table: Database, clients: Clients
) -> None:
    for client in (clients.bare(every_table), clients.wired(every_table)):
        told = client.exchange(Q(COPY), DATA, message)
        assert told[:2] == [
            ("G",),
            ("E", "08P01", f"unexpected message type 0x{kind} during COPY from stdin"),
        ]
        assert client.closed
    assert every_table.execute("SELECT count(*) FROM t") == "3"


AFTERNOON = """
version: 1
name: test
time:
  timezone: UTC
  windows:
    afternoon: {days: [mon, tue, wed, thu, fri, sat, sun], from: "13:00", to: "14:00"}
rules:
  - id: quiet
    match: {effects: [statement.copy]}
    when: {window: afternoon}
    deny: "Not in the afternoon."
"""
QUIET = ("E", "42501", "Not in the afternoon. [rule quiet]")


@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("split", [0, 3], ids=["between messages", "within a message"])
def test_a_copy_is_stopped_midway_when_its_permission_ends(
    split: int, chunk: int, every_table: Database, clients: Clients
) -> None:
    clock = Clock()
    client = clients.wired(every_table, gate_of(AFTERNOON, clock), chunk=chunk)
    client.inbox = b""
    client._send(Q(COPY) + DATA + DATA[:split])
    client.until(lambda: b"G" in client.inbox)
    clock.now += 3600
    assert client.exchange(DATA[split:], DATA, DONE, Q("SELECT count(*) FROM t"), ready=2) == [
        QUIET,
        ("Z", "I"),
        ("T",),
        ("D", b"3"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]
    assert b"pgw_" not in client.inbox
    assert [event.rule for event in client.judged] == ["quiet"]


def test_a_copy_in_the_extended_protocol_is_stopped_midway(every_table: Database, clients: Clients) -> None:
    clock = Clock()
    client = clients.wired(every_table, gate_of(AFTERNOON, clock))
    client.inbox = b""
    client._send(P(COPY) + B() + E() + S + DATA)
    client.until(lambda: b"G" in client.inbox)
    clock.now += 3600
    assert client.exchange(DATA, DONE, S, Q("SELECT count(*) FROM t"), ready=2)[:3] == [
        QUIET,
        ("Z", "I"),
        ("T",),
    ]


def test_a_copy_goes_on_under_the_policy_that_let_it_begin(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.inbox = b""
    client._send(Q(COPY) + DATA)
    client.until(lambda: b"G" in client.inbox)
    client.gate.swap_policy(policy_of(AFTERNOON.replace("when: {window: afternoon}", "")))
    assert client.exchange(DONE) == [("C", "COPY 2"), ("Z", "I")]


def test_another_message_behind_data_that_has_ended_the_copy_runs(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.inbox = b""
    client._send(Q(COPY) + BAD)
    client.until(lambda: any(answer[0] == "Z" for answer in answers(client.inbox)))
    assert client.exchange(DATA, DONE, Q("SELECT count(*) FROM t"))[1] == ("D", b"3")


@pytest.mark.defect_13
def test_data_that_looks_like_messages_is_data(table: Database, clients: Clients) -> None:
    table.execute("CREATE TABLE raw(line text)")
    client = clients.wired(table)
    payload = Q("DROP TABLE t").replace(b"\0", b"x")
    assert client.exchange(Q("COPY raw FROM STDIN"), encode_copy_data(payload + b"\n"), DONE) == [
        ("G",),
        ("C", "COPY 1"),
        ("Z", "I"),
    ]
    assert table.execute("SELECT to_regclass('t')") == "t"


LOOKS_LIKE = (
    Q("DROP TABLE t"),
    Q("DROP TABLE t") + S,
    encode_ready("I") * 3,
    encode_error({"V": "FATAL", "C": "57P01", "M": "gone"}),
    encode_copy_done(),
    encode_terminate(),
)


@pytest.mark.defect_13
@pytest.mark.parametrize("chunk", [0, 1, 5, 7])
def test_binary_data_that_spells_messages_is_data_both_ways(
    chunk: int, every_table: Database, clients: Clients
) -> None:
    """However the bytes arrive: the pieces of one message begin as if they were others."""
    every_table.execute("CREATE TABLE raw(id int, line bytea)")
    client = clients.wired(every_table, chunk=chunk)
    header, trailer = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
    rows = [struct.pack(">hiii", 2, 4, number, len(line)) + line for number, line in enumerate(LOOKS_LIKE)]
    client.inbox = b""
    sent = Q("COPY raw FROM STDIN (FORMAT binary)")
    sent += b"".join(encode_copy_data(piece) for piece in (header, *rows, trailer)) + DONE
    size = chunk or len(sent)
    for at in range(0, len(sent), size):
        client._send(sent[at : at + size])
    client.wait(1)
    assert answers(client.inbox) == [("G",), ("C", f"COPY {len(LOOKS_LIKE)}"), ("Z", "I")]
    bare = clients.bare(every_table)
    out = Q("COPY (SELECT * FROM raw ORDER BY id) TO STDOUT (FORMAT binary)")
    for other in (bare, client):
        other.exchange(out)
    assert client.inbox == bare.inbox
    assert all(line in client.inbox for line in LOOKS_LIKE)
    assert client.judged == []
    assert every_table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.defect_13
def test_copy_out(every_table: Database, clients: Clients) -> None:
    client = clients.wired(every_table, chunk=3)
    assert client.exchange(Q("COPY t TO STDOUT")) == [
        ("H",),
        ("d",),
        ("d",),
        ("d",),
        ("c",),
        ("C", "COPY 3"),
        ("Z", "I"),
    ]


def test_copy_data_outside_a_copy_is_ignored_as_the_server_does(table: Database, clients: Clients) -> None:
    for client in (clients.bare(table), clients.wired(table)):
        assert client.exchange(DATA, DONE, encode_copy_fail(b"x"), Q("SELECT 1")) == [
            ("T",),
            ("D", b"1"),
            ("C", "SELECT 1"),
            ("Z", "I"),
        ]


def test_a_refused_copy_takes_no_data(table: Database, clients: Clients) -> None:
    gate = gate_of(
        "{version: 1, name: t, rules: [{id: no-copy, match: {effects: [statement.copy]}, deny: 'No.'}]}"
    )
    client = clients.wired(table, gate)
    told = client.exchange(Q(COPY), DATA, DONE, Q("SELECT count(*) FROM t"), ready=2)
    assert told == [
        ("E", "42501", "No. [rule no-copy]"),
        ("Z", "I"),
        ("T",),
        ("D", b"3"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]


@pytest.mark.defect_13
def test_while_the_server_keeps_it_waiting_only_a_little_is_read_ahead(
    table: Database, clients: Clients
) -> None:
    """So a client that goes away is noticed, and one that does not costs little memory."""
    blocker = clients.bare(table)
    blocker.exchange(Q("BEGIN"))
    blocker.exchange(Q("LOCK TABLE t"))
    client = clients.wired(table)
    client._send(Q(COPY))
    before = client.session.waiting
    client._send(encode_copy_data(b"x" * 70_000))
    assert (before, client.session.waiting) == (False, True)
    blocker.exchange(Q("ROLLBACK"))
    client.until(lambda: not client.session.waiting)
    client.perform(client.session.client_eof())
    assert table.execute("SELECT count(*) FROM t") == "3"
