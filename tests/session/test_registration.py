"""What a session has shown of a migration: which texts pass as one, and which never do; on a real server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from proxy.policy.facts import Run
from proxy.session import Gate
from proxy.session.runtoken import digest_of
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import NOON, Clock, Wired, gate_of

_POLICY = """\
version: 1
name: migrations
rules:
  - {id: only, match: {classes: [ddl]}, require: {migration: %s}, deny: No.}
"""
_REFUSED = ("E", "42501", "No. [rule only]")
_SCRIPT = "-- é\nALTER TABLE t ADD COLUMN added int;\n"
_SUM = sha256(_SCRIPT.encode()).hexdigest()
_INTO = 'INSERT INTO "_prisma_migrations" ("id","checksum","started_at","migration_name") VALUES '
_NOW = datetime.fromtimestamp(NOON, UTC)


@pytest.fixture
def history(table: Database) -> Database:
    table.execute(
        "CREATE TABLE _prisma_migrations (id text PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, checksum text, "
        "started_at timestamptz, migration_name text)"
    )
    return table


@pytest.fixture
def client(history: Database, clients: Clients) -> Wired:
    return clients.wired(history, gate_of(_POLICY % "registered"))


def register(checksum: str = _SUM, identity: str = "1", name: str = "init") -> str:
    return f"{_INTO}('{identity}', '{checksum}', now(), '{name}')"


def by_parameters(checksum: str = _SUM) -> bytes:
    values = [b"1", checksum.encode(), b"2026-01-01", b"init"]
    return P(f"{_INTO}($1,$2,$3,$4)") + B(values=values) + E() + S


@pytest.mark.parametrize("registers", [Q(register()), by_parameters()], ids=["simple", "extended"])
def test_the_very_text_passes_once(client: Wired, registers: bytes) -> None:
    assert client.exchange(registers)[-1] == ("Z", "I")
    assert client.exchange(Q(_SCRIPT)) == [("C", "ALTER TABLE"), ("Z", "I")]
    assert client.exchange(Q(_SCRIPT)) == [_REFUSED, ("Z", "I")]


def test_a_pipelined_text_waits_until_it_is_committed(client: Wired) -> None:
    told = client.exchange(by_parameters() + Q(_SCRIPT), ready=2)
    assert told[-2:] == [("C", "ALTER TABLE"), ("Z", "I")]


# What goes before the script, as separate exchanges; the last has to leave it refused.
_BEFORE: dict[str, list[bytes]] = {
    "nothing": [],
    "another checksum": [Q(register(_SUM[::-1]))],
    "another text between": [Q(register()), Q("SELECT 1")],
    "inside of a transaction": [Q("BEGIN"), Q(register())],
    "rolled back": [Q("BEGIN"), Q(register()), Q("ROLLBACK")],
    "back to a savepoint": [Q("BEGIN"), Q("SAVEPOINT s"), Q(register()), Q("ROLLBACK TO s"), Q("COMMIT")],
    "it fails": [Q(register().replace("_prisma_migrations", "nowhere._prisma_migrations"))],
    "fails at its commit": [Q("INSERT INTO _prisma_migrations VALUES ('1')"), Q(register())],
    "fails at Sync": [Q("INSERT INTO _prisma_migrations VALUES ('1')"), by_parameters()],
    "among others": [Q(f"{register()}; SELECT 1")],
    "two rows": [Q(f"{register()}, ('2', 'x', now(), 'y')")],
    "with more": [Q(f"{register()} RETURNING id")],
    "worked out": [Q(register().replace(f"'{_SUM}'", f"lower('{_SUM}')"))],
    "only prepared": [P(f"{_INTO}($1,$2,$3,$4)", "p") + S],
    "only bound": [P(f"{_INTO}($1,$2,$3,$4)") + B(values=[b"1", _SUM.encode(), None, b"x"]) + S],
    "explained": [Q(f"EXPLAIN {register()}")],
    "refused between": [Q(register()), Q("DROP TABLE t")],
}


@pytest.mark.parametrize("before", _BEFORE.values(), ids=_BEFORE.keys())
def test_what_is_not_registered_just_before_is_refused(
    client: Wired, history: Database, before: list[bytes]
) -> None:
    for sent in before:
        client.exchange(sent)
    assert _REFUSED in client.exchange(Q(_SCRIPT))
    columns = (
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 't' AND column_name = 'added'"
    )
    assert history.execute(columns) == "0"


def test_pipelined_behind_one_that_fails_it_is_refused(client: Wired) -> None:
    client.exchange(Q("INSERT INTO _prisma_migrations VALUES ('1')"))
    assert _REFUSED in client.exchange(by_parameters() + Q(_SCRIPT), ready=2)


def test_the_extended_protocol_never_carries_it(client: Wired) -> None:
    client.exchange(Q(register()))
    assert client.exchange(P(_SCRIPT) + B() + E() + S) == [_REFUSED, ("Z", "I")]


def test_bookkeeping_is_known_once_the_server_has_done_it(history: Database, clients: Clients) -> None:
    client = clients.wired(history, gate_of(_POLICY % "resembles"))
    assert client.exchange(Q(_SCRIPT))[0] == _REFUSED
    client.exchange(Q("SELECT * FROM nowhere.alembic_version"))
    assert client.exchange(Q(_SCRIPT))[0] == _REFUSED
    client.exchange(Q('SELECT checksum FROM "_prisma_migrations"'))
    assert client.exchange(Q(_SCRIPT))[0] == ("C", "ALTER TABLE")


def test_a_tool_makes_its_own_table_by_its_own_words_alone(history: Database, clients: Clients) -> None:
    client = clients.wired(history, gate_of(_POLICY % "run"))
    own = (
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,\n"
        "  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    for other in (own.replace("32", "33"), own + "; CREATE TABLE mine (id int)"):
        assert client.exchange(Q(other))[0] == _REFUSED
    assert client.exchange(Q(own))[0] == ("C", "CREATE TABLE")


def run_of(gate: Gate, database: str, token: str, role: str = "postgres") -> None:
    run = Run(digest_of(token), role, database, _NOW - timedelta(hours=1), _NOW + timedelta(hours=1), 7)
    gate.swap_facts(replace(gate.facts, runs=(run,)))


@pytest.mark.parametrize(
    "options",
    ["-cpgwarden.run={}", "-c pgwarden.run={}", "--pgwarden.run={}", "-cwork_mem=8MB -cpgwarden.run={}"],
)
def test_a_run_passes_while_it_lasts(history: Database, clients: Clients, options: str) -> None:
    clock = Clock()
    gate = gate_of(_POLICY % "run", clock)
    run_of(gate, history.name, "secret")
    client = clients.wired(history, gate, options=options.format("secret"))
    told = client.exchange(Q("SELECT current_setting('pgwarden.run', true), current_setting('work_mem')"))
    (row,) = [each for each in told if each[0] == "D"]
    assert row[1] is None
    alter = "ALTER TABLE t ADD COLUMN x%d int"
    assert client.exchange(Q(alter % 1))[0] == ("C", "ALTER TABLE")
    other = clients.wired(history, gate)
    assert other.exchange(Q(alter % 2))[0] == _REFUSED
    facts = gate.facts
    gate.swap_facts(replace(facts, runs=()))
    assert client.exchange(Q(alter % 2))[0] == _REFUSED
    gate.swap_facts(facts)
    assert client.exchange(Q(alter % 2))[0] == ("C", "ALTER TABLE")
    gate.swap_facts(replace(facts, stale=True))
    assert client.exchange(Q(alter % 3))[0][:2] == ("E", "42501")
    gate.swap_facts(facts)
    clock.now += 3600
    assert client.exchange(Q(alter % 3))[0] == _REFUSED
