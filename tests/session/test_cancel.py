"""What a cancel does to a session: to what the server runs, to what waits at the gate, between two."""

from __future__ import annotations

import re

import pytest

from proxy.session import (
    Abandon,
    Analyse,
    Cancel,
    Command,
    Gate,
    Peer,
    Session,
    ToClient,
    ToServer,
)
from proxy.wire.backend import (
    encode_authentication,
    encode_command_complete,
    encode_error,
    encode_parameter_status,
    encode_ready,
)
from proxy.wire.startup import encode_cancel, encode_startup
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.test_bare_names import MAKE, OWN
from tests.session.wired import answers, gate_of

KEY = b"K\0\0\0\x0c\0\0\0\x11\0\0\0\x63"
SETTINGS = encode_parameter_status("client_encoding", "UTF8") + encode_parameter_status(
    "standard_conforming_strings", "on"
)
TO_SERVER = Cancel(encode_cancel(KEY[5:]))
LONG = "UPDATE t SET v = 1" + " + 1" * 400 + " WHERE id = 1"
DONE = encode_command_complete("SELECT 1") + encode_ready("I")
CANCELLED = ("E", "57014", "canceling statement due to user request")


def logged_in(gate: Gate | None = None, key: bytes = KEY) -> Session:
    session = Session(gate or gate_of(), Peer("127.0.0.1"))
    session.client_data(encode_startup(3, 0, [("user", "u")]))
    session.server_connected()
    session.server_data(encode_authentication(0) + SETTINGS + key + encode_ready("I"))
    return session


def sent(commands: list[Command]) -> bytes:
    return b"".join(bytes(c.data) for c in commands if isinstance(c, ToServer))


def test_only_what_runs_is_cancelled() -> None:
    session = logged_in()
    assert session.cancel() == []
    session.client_data(Q("SELECT 1"))
    assert session.cancel() == [TO_SERVER]
    session.server_data(DONE)
    assert session.cancel() == []


def test_before_the_login_and_after_the_end_there_is_nothing_to_cancel() -> None:
    session = Session(gate_of(), Peer("127.0.0.1"))
    assert session.cancel() == []
    session = logged_in()
    session.client_data(Q("SELECT 1"))
    session.client_eof()
    assert session.cancel() == []


def test_a_server_without_a_key_is_not_asked() -> None:
    session = logged_in(key=b"")
    session.client_data(Q("SELECT 1"))
    assert session.cancel() == []


@pytest.mark.parametrize("key", [KEY, b""], ids=["key", "no key"])
def test_a_text_that_is_being_read_is_refused_at_the_gate(key: bytes) -> None:
    session = logged_in(key=key)
    assert isinstance(session.client_data(Q(LONG) + Q("SELECT 2"))[-1], Analyse)
    commands = session.cancel()
    assert commands[0] == Abandon()
    assert sent(commands).endswith(Q("SELECT 2"))
    (nonce,) = re.findall(r"pgw_[0-9a-f]{32}", sent(commands).decode())
    error = encode_error({"S": "ERROR", "V": "ERROR", "C": "42601", "M": f'syntax error at "{nonce}"'})
    (told,) = session.server_data(error + encode_ready("I"))
    assert isinstance(told, ToClient)
    assert answers(bytes(told.data)) == [CANCELLED, ("Z", "I")]


def test_behind_a_statement_that_still_runs_that_one_is_cancelled() -> None:
    """As at the server: what waits behind it is another statement."""
    session = logged_in()
    session.client_data(Q("SELECT 1") + Q(LONG))
    assert session.cancel() == [TO_SERVER]


def test_in_one_batch_both_are() -> None:
    session = logged_in()
    session.client_data(P("SELECT 1") + B() + E() + P(LONG))
    cancel, abandon, refused = session.cancel()
    assert (cancel, abandon) == (TO_SERVER, Abandon())
    assert b"pgw_" in sent([refused])


def test_a_statement_that_waits_for_the_catalogue_is_refused_and_the_next_still_waits() -> None:
    session = logged_in(gate_of(catalogue=True))
    session.client_data(Q("SELECT f()"))
    (refused,) = session.cancel()
    assert b"/* pgwarden: cancel */" in sent([refused])
    assert session.client_data(Q("SELECT g()")) == []
    assert session.cancel() == [TO_SERVER]  # the refusal is on its way: nothing else is touched


def test_who_waits_for_the_catalogue_with_nothing_said_has_nothing_to_cancel() -> None:
    session = logged_in(gate_of(catalogue=True))
    for said in (b"", Q("SELECT f()")[:7], S):
        session.client_data(said)
        assert session.cancel() == []


def test_a_statement_that_the_gate_asks_about_is_refused_when_the_server_has_answered(
    table: Database, clients: Clients
) -> None:
    """The question itself is never cancelled: it is not what anybody meant."""
    client = clients.wired(table, gate_of(OWN))
    client.exchange(MAKE)
    client.inbox = b""
    client._send(Q("DROP TABLE t") + Q("SELECT 7"))
    assert b"what do these names stand for" in client.sent
    client.perform(client.session.cancel())
    assert client.cancels == []
    client.wait(2)
    assert answers(client.inbox) == [
        CANCELLED,
        ("Z", "I"),
        ("T",),
        ("D", b"7"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]
    assert client.exchange(Q("DROP TABLE t")) == [("C", "DROP TABLE"), ("Z", "I")]


def test_whoever_ends_the_gates_question_ends_the_statement_that_it_was_about(
    table: Database, clients: Clients
) -> None:
    """A cancel that comes late, or the client's own time limit."""
    client = clients.wired(table, gate_of(OWN))
    client.exchange(MAKE)
    client.exchange(Q("SET statement_timeout = '50ms'"))
    other = clients.bare(table)
    other.exchange(Q("BEGIN"))
    other.exchange(Q("LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE"))
    assert client.exchange(Q("DROP TABLE t")) == [
        ("E", "57014", "canceling statement due to statement timeout"),
        ("Z", "I"),
    ]
    other.exchange(Q("ROLLBACK"))
    client.exchange(Q("SET statement_timeout = 0"))
    assert client.exchange(Q("DROP TABLE t")) == [("C", "DROP TABLE"), ("Z", "I")]
