"""Texts over a limit of the reader: refused outright, whatever the policy says, and not remembered."""

from __future__ import annotations

import pytest

from proxy.session import Limits, Outcome
from proxy.sql.analyse import UnreadableText, analyse
from tests.servers.database import Database
from tests.session import wired
from tests.session.conftest import Clients
from tests.session.messages import P, Q, S
from tests.session.wired import error_fields, gate_of

WATCHING = """
version: 1
name: watching
defaults: {mode: shadow}
rules: []
"""

BOMB = "SELECT 1 " + "/**/" * 1_200
REFUSED = (
    "This statement takes too much to read: runs of operator characters or comment signs are too long to be "
    "lexed (limit on lexing: 16000000 steps). [rule over-size]"
)


@pytest.mark.defect_30
@pytest.mark.defect_34
@pytest.mark.parametrize("inline_bytes", [4_096, 1_000_000])
@pytest.mark.parametrize("policy", [wired.NO_LOSS, WATCHING])
def test_runs_of_operators_never_reach_the_server(
    table: Database, clients: Clients, policy: str, inline_bytes: int
) -> None:
    client = clients.wired(table, gate_of(policy, limits=Limits(inline_bytes=inline_bytes)))
    client.sent = b""
    assert client.exchange(Q(BOMB)) == [("E", "54000", REFUSED), ("Z", "I")]
    assert client.exchange(P(BOMB), S) == [("E", "54000", REFUSED), ("Z", "I")]
    assert client.exchange(Q("SELECT 1"))[1:] == [("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]
    assert b"/**//**/" not in client.sent
    assert [(event.rule, event.mode, event.unreadable) for event in client.judged] == [
        ("over-size", "enforce", True)
    ] * 2


def test_the_client_is_told_where_and_what_to_do(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    client.exchange(Q(BOMB))
    fields = error_fields(client.inbox)
    assert (fields["P"], fields["D"], fields["H"]) == (
        "10",
        "pgwarden lets no statement pass that it cannot read.",
        "Split the statement, or send its values as parameters or with COPY.",
    )


def test_a_limit_that_held_once_may_not_hold_again(
    table: Database, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: list[Outcome] = [UnreadableText("reading it took more than 5 s"), analyse("SELECT 1", 17)]
    monkeypatch.setattr(wired, "read", lambda _raw, _major: outcomes.pop(0))
    client = clients.wired(table, gate_of(WATCHING))
    text = "SELECT 1 AS share" + " " * 5_000
    took_too_long = "This statement takes too much to read: reading it took more than 5 s. [rule over-size]"
    assert client.exchange(Q(text)) == [("E", "54000", took_too_long), ("Z", "I")]
    for _ in range(2):
        assert client.exchange(Q(text))[1:] == [("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]
    assert client.handed_out == [text.encode()] * 2
