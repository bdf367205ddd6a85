"""Startup packets that come again: one is not read twice, and is judged anew when it has to be."""

from __future__ import annotations

import pytest

from proxy.session import Connect, Peer, Session, ToClient
from proxy.session.commands import Command
from proxy.wire.backend import decode_error
from proxy.wire.startup import encode_startup
from tests.session.wired import NOON, Clock, gate_of, policy_of

ASKS = encode_startup(3, 0, [("user", "ada"), ("database", "shop"), ("work_mem", "1GB")])
FREE = "{version: 1, name: free, rules: [{id: no-drop, match: {effects: [table.drop]}, deny: No.}]}"
STRICT = """
version: 1
name: strict
rules:
  - id: no-work-mem
    match: {effects: [session.set], targets: ['setting:work_mem']}
    deny: "{targets} stays as it is."
"""
TIMED = """
version: 1
name: timed
time:
  timezone: UTC
  windows:
    soon: {days: [wed], from: '12:00', to: '13:00'}
rules:
  - id: no-work-mem
    match: {effects: [session.set], targets: ['setting:work_mem']}
    unless: [{when: {window: soon}}]
    deny: "{targets} stays as it is."
"""


def outcome(commands: list[Command]) -> str:
    """In, or the message of the FATAL."""
    if commands == [Connect("ada", "shop")]:
        return "in"
    (said,) = (command for command in commands if isinstance(command, ToClient))
    return decode_error(bytes(said.data)[5:])["M"]


REFUSED = "work_mem stays as it is. [rule no-work-mem]"


def test_by_another_policy_it_is_judged_anew() -> None:
    gate = gate_of(FREE)
    told = []
    for policy in (FREE, FREE, STRICT, STRICT, FREE):
        gate.swap_policy(policy_of(policy))
        told.append(outcome(Session(gate, Peer("127.0.0.1")).client_data(ASKS)))
    assert told == ["in", "in", REFUSED, REFUSED, "in"]


def test_a_permit_ends_with_its_moment() -> None:
    clock = Clock()
    gate = gate_of(TIMED, clock)
    told = []
    for seconds in (0, 3599, 3600, 0):
        clock.now = NOON + seconds
        told.append(outcome(Session(gate, Peer("127.0.0.1")).client_data(ASKS)))
    assert told == ["in", "in", REFUSED, "in"]


def test_the_same_bytes_on_whichever_leg_and_in_whichever_pieces() -> None:
    gate = gate_of(FREE)
    first = Session(gate, Peer("127.0.0.1"))
    assert first.client_data(ASKS) == [Connect("ada", "shop")]
    again = Session(gate, Peer("127.0.0.1"))
    assert again.client_data(ASKS[:9]) == []
    assert again.client_data(ASKS[9:]) == [Connect("ada", "shop")]
    behind = Session(gate, Peer("127.0.0.1"))
    assert behind.client_data(ASKS[:9]) == []
    # The same bytes as a whole packet, but in the middle of one.
    assert behind.client_data(ASKS) != [Connect("ada", "shop")]


@pytest.mark.parametrize(
    ("packet", "kept"),
    [
        (ASKS, True),
        (encode_startup(3, 0, [("user", "ada"), ("application_name", "x" * 460)]), True),
        (encode_startup(3, 0, [("user", "ada"), ("application_name", "x" * 500)]), False),
        (encode_startup(3, 0, [("user", "ada"), ("replication", "database"), ("database", "shop")]), False),
        (encode_startup(3, 0, [("user", "ada"), ("options", "-cpgwarden.run=secret")]), False),
    ],
)
def test_what_is_kept(packet: bytes, kept: bool) -> None:
    gate = gate_of(FREE)
    Session(gate, Peer("127.0.0.1")).client_data(packet)
    assert (gate.wishes.known(packet) is not None) == kept


def test_it_is_bounded() -> None:
    gate = gate_of(FREE)
    packets = [encode_startup(3, 0, [("user", f"u{number}")]) for number in range(1_001)]
    for packet in packets:
        Session(gate, Peer("127.0.0.1")).client_data(packet)
    assert [gate.wishes.known(packet) is not None for packet in packets] == [False] * 1_000 + [True]
