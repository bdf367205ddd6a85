"""What says enforce refuses, what says shadow never does, off is as if it were not there: on every path."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.backup.cluster import Cluster
from proxy.session import Gate
from proxy.wire.frontend import FunctionCall, encode_copy_data, encode_copy_done, encode_function_call
from tests.servers.database import Database
from tests.session.conftest import TABLE, Clients
from tests.session.messages import B, D, E, P, Q, S, X
from tests.session.wired import Answer, gate_of

pytestmark = pytest.mark.defect_33

MODES = ["enforce", "shadow", "off"]
ROWS = 3
WIPE = "CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM t; SELECT 1'"
HEAD = """
version: 1
name: test
sets: {victims: [public.t, "function:*"], people: {roles: [dba]}}
time:
  timezone: UTC
  windows: {noon: {from: "11:00", to: "13:00"}, night: {from: "22:00", to: "02:00"}}
"""
ALL = "effects: [row.delete, row.insert, code.opaque]"

# The keys of a rule that every path breaks at noon, with no evidence.
RULES = {
    "effects": f"match: {{{ALL}}}",
    "classes": "match: {classes: [write, opaque]}",
    "risk": 'match: {risk: ">= low"}',
    "targets": f"match: {{{ALL}, targets: victims}}",
    "who": f"match: {{{ALL}, who: {{roles: post*, cidrs: 127.0.0.0/8}}}}",
    "not": f"match: {{{ALL}, not: {{who: people}}}}",
    "window": f"match: {{{ALL}}}, when: {{window: noon}}",
    "not window": f"match: {{{ALL}}}, when: {{not: {{window: night}}}}",
    "dates": f"match: {{{ALL}}}, when: {{dates: 2026-03-01..2026-03-31}}",
    "transaction": f"match: {{{ALL}}}, when: {{transaction: none}}",
    "freeze": f"match: {{{ALL}}}, when: {{freeze: false}}",
    "backup": f"match: {{{ALL}}}, require: {{backup: {{within: 1h}}}}",
    "require window": f"match: {{{ALL}}}, require: {{window: night}}",
    "migration": f"match: {{{ALL}}}, require: {{migration: resembles}}",
    "ran": f"match: {{{ALL}}}, require: {{ran: {{environment: staging}}}}",
    "approval": f"match: {{{ALL}}}, require: {{approval: {{by: 1}}}}",
    "hold": f"match: {{{ALL}}}, approval: {{by: 2}}, else: {{hold: 10m}}",
    "else backup": f"match: {{{ALL}}}, require: {{backup: {{within: 1h}}}}, else: backup",
    "unless": f"match: {{{ALL}}}, unless: [{{who: people}}, {{when: {{window: night}}}}]",
    "sqlstate": f"match: {{{ALL}}}, sqlstate: 55000",
}

DELETE = "DELETE FROM t"
DATA = encode_copy_data(b"10\tten\n") + encode_copy_data(b"11\televen\n") + encode_copy_done()
# Messages that change the rows of t, and how many ReadyForQuery answer them.
PATHS = {
    "simple": (Q(DELETE), 1),
    "several in one text": (Q(f"SELECT 1; {DELETE}"), 1),
    "extended": (P(DELETE) + B() + D() + E() + S, 1),
    "prepared": (P(DELETE, "s") + S + B("s") + E() + S, 2),
    "PREPARE": (Q(f"PREPARE s AS {DELETE}") + Q("EXECUTE s"), 2),
    "pipelined": (X("INSERT INTO t VALUES (9)") + X(DELETE) + S, 1),
    "COPY TO": (Q(f"COPY ({DELETE} RETURNING id) TO STDOUT"), 1),
    "COPY FROM": (Q("COPY t FROM STDIN") + DATA, 1),
    "FunctionCall": (b"", 1),  # its Oid is known when the function is there
}


@pytest.fixture(scope="module")
def rows(server: Cluster) -> Iterator[Database]:
    """One database for all cases, with the table and the function; each case puts its rows back."""
    database = Database(server, "modes")
    server.execute("CREATE DATABASE modes")
    database.execute(f"{TABLE}; {WIPE}")
    yield database
    server.execute("DROP DATABASE modes WITH (FORCE)")


class Bench:
    """Sends one path's messages straight to the server or through a session, and looks at the rows."""

    def __init__(self, rows: Database, clients: Clients, path: str) -> None:
        self._rows = rows
        self._clients = clients
        self._control = clients.bare(rows)
        self.messages, self.ready = PATHS[path]
        if path == "FunctionCall":
            oid = self._value("SELECT 'wipe'::regproc::oid")
            self.messages = encode_function_call(FunctionCall(oid))
        self.expected, changed = self._straight()
        assert changed

    def _value(self, sql: str) -> int:
        (_, value), *_ = [answer for answer in self._control.exchange(Q(sql)) if answer[0] == "D"]
        assert isinstance(value, bytes)
        return int(value)

    def _changed(self) -> bool:
        """Whether the rows are others than before; they are put back."""
        changed = self._value("SELECT count(*) FROM t") != ROWS
        self._control.exchange(Q("TRUNCATE t; INSERT INTO t VALUES (1, 'v1'), (2, 'v2'), (3, 'v3')"))
        return changed

    def _straight(self) -> tuple[list[Answer], bool]:
        client = self._clients.bare(self._rows)
        return client.exchange(self.messages, ready=self.ready), self._changed()

    def check(self, gate: Gate, mode: str, rules: set[str], sqlstate: str) -> None:
        """Send the messages through a session of this gate, which must do what the mode says."""
        client = self._clients.wired(self._rows, gate)
        told = client.exchange(self.messages, ready=self.ready)
        changed = self._changed()
        seen = {(event.mode, rule) for event in client.judged for rule in event.rules}
        counted = {key for key, count in gate.tally.blocked.items() if count.value}
        if mode == "enforce":
            assert not changed
            assert any(answer[:2] == ("E", sqlstate) for answer in told)
            # A statement that was never prepared is unknown when it is run.
            seen -= {("enforce", "unknown")}
            counted -= {("unknown", "enforce")}
        else:
            assert changed
            assert told == self.expected
        firing = set() if mode == "off" else rules
        assert seen == {(mode, rule) for rule in firing}
        assert counted == {(rule, mode) for rule in firing}
        client.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule(rule: str, path: str, mode: str, rows: Database, clients: Clients) -> None:
    """By its own mode, and by the policy's."""
    bench = Bench(rows, clients, path)
    own = f"{HEAD}rules: [{{id: r, mode: {mode}, {RULES[rule]}}}]"
    whole = f"{HEAD}defaults: {{mode: {mode}}}\nrules: [{{id: r, {RULES[rule]}}}]"
    sqlstate = "55000" if rule == "sqlstate" else "42501"
    for text in (own, whole):
        bench.check(gate_of(text), mode, {"r"}, sqlstate)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", PATHS)
def test_stale_facts(path: str, mode: str, rows: Database, clients: Clients) -> None:
    """The rule that asks for evidence has the mode too: it cannot be met either."""
    bench = Bench(rows, clients, path)
    gate = gate_of(f"{HEAD}defaults: {{mode: {mode}}}\nrules: [{{id: r, {RULES['backup']}}}]")
    gate.swap_facts(replace(gate.facts, stale=True))
    bench.check(gate, mode, {"r", "stale-facts"}, "42501")


@pytest.mark.parametrize("path", PATHS)
def test_a_shadow_is_counted_where_another_rule_refuses(path: str, rows: Database, clients: Clients) -> None:
    bench = Bench(rows, clients, path)
    rules = f"{{id: r, {RULES['effects']}}}, {{id: watching, mode: shadow, {RULES['effects']}}}"
    gate = gate_of(f"{HEAD}rules: [{rules}]")
    client = clients.wired(rows, gate)
    client.exchange(bench.messages, ready=bench.ready)
    counts = {key: count.value for key, count in gate.tally.blocked.items()}
    assert counts["watching", "shadow"] == counts["r", "enforce"] >= 1
    assert {event.rules for event in client.judged} >= {("r", "watching")}
