"""A wall clock that is set back or forth: no kept yes outlives it, in either direction."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.facts import Backup, Verification
from proxy.session.gate import Gate
from proxy.session.judge import Judge
from proxy.session.meaning import Meaning, of_analysis
from proxy.session.refusal import Denial
from proxy.session.who import Who
from proxy.sql.analyse import analyse
from proxy.wire.frontend import encode_copy_data, encode_copy_done
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import NOON, Clock, gate_of

HOUR = 3600.0
POLICY = """
version: 1
name: test
time:
  timezone: Europe/Berlin
  windows:
    night: {from: "22:00", to: "02:00"}
    weekend: {days: [sat, sun]}
rules:
  - {id: quiet, match: {classes: [ddl]}, when: {window: night}}
  - {id: rest, match: {effects: [row.delete, statement.copy]}, when: {window: weekend}}
  - {id: backup, match: {effects: [column.add]}, require: {backup: {within: 24h}}}
  - {id: soon, match: {effects: [table.truncate]}, unless: [{when: {window: weekend}}]}
"""
INDEX = "CREATE INDEX ON t (v)"
TEXTS = (
    INDEX,
    "DELETE FROM t WHERE id = 1",
    "ALTER TABLE t ADD w int",
    "TRUNCATE t",
    "COPY t FROM STDIN",
    "SELECT 1",
)
MINUTES = st.integers(-100 * 60, 100 * 60)
MOVES = st.lists(st.tuples(MINUTES, st.sampled_from(TEXTS)), min_size=2, max_size=30)


def gate_at(clock: Clock) -> Gate:
    gate = gate_of(POLICY, clock)
    finished = datetime.fromtimestamp(NOON, UTC) - timedelta(hours=1)
    backup = Backup("d", finished, "/b", Verification.RECORDED)
    gate.swap_facts(replace(gate.facts, backups=(backup,)))
    return gate


def says(judge: Judge, meaning: Meaning) -> tuple[str, ...]:
    answer = judge.judge(meaning, ("none",), runs=True)
    assert answer is None or isinstance(answer, Denial)
    return () if answer is None else (answer.message,)


@given(MOVES)
def test_a_kept_yes_is_never_more_than_a_judgement_of_now(moves: list[tuple[int, str]]) -> None:
    """The clock goes to any minute of eight days, in any order."""
    clock = Clock()
    who = Who("app", "d", None, "")
    kept = Judge(gate_at(clock), who)
    meanings = {text: of_analysis(text, analyse(text)) for text in TEXTS}
    for minutes, text in moves:
        clock.now = NOON + minutes * 60
        fresh = Judge(gate_at(clock), who)
        assert says(kept, meanings[text]) == says(fresh, of_analysis(text, analyse(text)))


def test_set_back_into_a_window(table: Database, clients: Clients) -> None:
    clock = Clock(NOON)
    client = clients.wired(table, gate_of(POLICY, clock))
    allowed = [("C", "CREATE INDEX"), ("Z", "I")]
    prepared = P(INDEX, "s"), B("s"), E(), S
    assert client.exchange(Q(INDEX)) == allowed
    assert client.exchange(*prepared) == [("1",), ("2",), *allowed]
    clock.now -= 14 * HOUR  # 23:00 in Berlin
    assert client.exchange(Q(INDEX))[0][:2] == ("E", "42501")
    assert client.exchange(B("s"), E(), S)[0][:2] == ("E", "42501")
    clock.now += 14 * HOUR
    assert client.exchange(Q(INDEX)) == allowed
    clock.now += 10 * HOUR
    assert client.exchange(Q(INDEX))[0][:2] == ("E", "42501")


def test_set_back_in_the_midst_of_a_copy(table: Database, clients: Clients) -> None:
    row = encode_copy_data(b"10\tten\n")
    clock = Clock(NOON)
    client = clients.wired(table, gate_of(POLICY, clock))
    client.inbox = b""
    client._send(Q("COPY t FROM STDIN") + row)
    client.until(lambda: b"G" in client.inbox)
    clock.now -= 4 * 24 * HOUR  # a Saturday
    told = client.exchange(row, encode_copy_done(), Q("SELECT count(*) FROM t WHERE id = 10"), ready=2)
    assert told[0][:2] == ("E", "42501")
    assert ("D", b"0") in told
