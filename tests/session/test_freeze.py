"""A freeze concerns every write, also one that was allowed a moment ago."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from proxy.policy.facts import Freeze
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import NOON, Clock, gate_of

NOW = datetime.fromtimestamp(NOON, UTC)
FROZEN = ("E", "42501", "Writes are frozen, and INSERT on t is one. [rule freeze]")
WRITTEN = [("2",), ("C", "INSERT 0 1"), ("Z", "I")]


@pytest.mark.defect_12
def test_a_freeze_ends_what_was_allowed(table: Database, clients: Clients) -> None:
    clock = Clock()
    gate = gate_of("{version: 1, rules: []}", clock)
    client = clients.wired(table, gate)
    client.exchange(P("INSERT INTO t (id) SELECT max(id) + 1 FROM t", "s"), S)
    write = B("s") + E() + S
    assert client.exchange(write) == client.exchange(write) == WRITTEN
    quiet = gate.facts
    gate.swap_facts(replace(quiet, freezes=(Freeze("sale", NOW + timedelta(hours=1)),)))
    assert client.exchange(write) == WRITTEN
    clock.now += 3600
    assert client.exchange(write) == [FROZEN, ("Z", "I")]
    assert client.exchange(Q("SELECT 1"))[1] == ("D", b"1")
    gate.swap_facts(replace(quiet, as_of=NOW + timedelta(hours=1)))
    assert client.exchange(write) == WRITTEN
    gate.swap_facts(replace(quiet, freezes=(Freeze("incident", NOW, database="another"),)))
    assert client.exchange(write) == WRITTEN
    gate.swap_facts(replace(quiet, freezes=(Freeze("incident", NOW),)))
    assert client.exchange(write) == [FROZEN, ("Z", "I")]
