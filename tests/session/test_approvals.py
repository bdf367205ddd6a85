"""An approved text goes on once its use is taken, as often as it may, and no other text does."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from proxy.policy.decision import Lift
from proxy.policy.facts import Approved
from proxy.policy.wanting import Means
from proxy.session import Change, GivenUp, Hold, Lifted, Recorded, RefusedText, RefusedTexts, Unrecorded, Use
from proxy.session.gate import Gate
from proxy.session.keeping import MOST_BYTES, MOST_TEXTS, WINDOW_S
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import NOON, Clock, Wired, error_fields, gate_of

POLICY = """
version: 1
name: test
approvals: {by: 1}
rules:
  - {id: no-delete, match: {effects: [row.delete]}, deny: "no"}
  - {id: never, match: {effects: [table.drop]}, approval: never}
  - {id: held, match: {effects: [table.truncate]}, else: {hold: 10m}}
"""
SQL = "DELETE FROM t WHERE id = 1"
REFUSED = ("E", "42501", "no [rule no-delete]")
GONE = [("C", "DELETE 1"), ("Z", "I")]
NOW = datetime.fromtimestamp(NOON, UTC)


def approved(sql: str = SQL, **fields: object) -> Approved:
    made = Approved(
        id="r1",
        digest=sha256(sql.encode()).hexdigest(),
        environment="test",
        roles=frozenset(("postgres",)),
        rules=frozenset(("no-delete", "held")),
        since=NOW,
        until=NOW + timedelta(hours=1),
        granted=(NOW,),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


class Book:
    """A ledger that takes uses as the real one does, and swaps facts in at once."""

    def __init__(self, gate: Gate, *approvals: Approved, fresh: bool = True) -> None:
        self.gate = gate
        self.left = {each.id: each.left for each in approvals}
        self.approvals = approvals
        self.fresh = fresh
        self._swap()

    def record(self, change: Change) -> Recorded | Unrecorded:
        for use in change.uses:
            if self.left[use.approval] == 0:
                return Unrecorded("its approval was used up", spent=use.approval)
            self.left[use.approval] -= 1
        if self.fresh:
            self._swap()
        return Recorded(1)

    def _swap(self) -> None:
        left = tuple(replace(each, left=self.left[each.id]) for each in self.approvals if self.left[each.id])
        self.gate.swap_facts(replace(self.gate.facts, approvals=left))


def wired(table: Database, clients: Clients, *approvals: Approved, fresh: bool = True) -> tuple[Wired, Book]:
    gate = gate_of(POLICY, recording=True, means=Means(approvals=True))
    gate.refused_texts = RefusedTexts(gate.clock)
    book = Book(gate, *approvals, fresh=fresh)
    client = clients.wired(table, gate)
    client.record = book.record
    return client, book


@pytest.mark.parametrize("fresh", [True, False])
def test_it_is_used_before_it_goes_on_and_only_once(table: Database, clients: Clients, fresh: bool) -> None:
    client, book = wired(table, clients, approved(), fresh=fresh)
    assert client.exchange(Q(SQL)) == GONE
    assert [change.uses for change in client.changes] == [(Use("r1", 1, ("no-delete",), False),)]
    (lifted,) = [event for event in client.events if isinstance(event, Lifted)]
    assert (lifted.lifts, lifted.text) == ((Lift("no-delete", "r1"),), SQL)
    again = client.exchange(Q(SQL))
    if fresh:
        assert again == [REFUSED, ("Z", "I")]
    else:
        told = "The approval r1 was used up, or had ended, before this could use it. [rule no-delete]"
        assert again == [("E", "42501", told), ("Z", "I")]
    assert book.left == {"r1": 0}
    assert client.gate.tally.lifted["no-delete", "approval"].value == 1


def test_every_execution_of_a_prepared_text_takes_a_use(table: Database, clients: Clients) -> None:
    client, book = wired(table, clients, approved(uses=2, left=2))
    client.exchange(P(SQL, "s") + S)
    client.exchange(B("s") + S)
    assert client.changes == []
    for left in (1, 0):
        assert ("E",) not in [answer[:1] for answer in client.exchange(B("s") + E() + S)]
        assert book.left == {"r1": left}
    assert REFUSED in client.exchange(B("s") + E() + S)


def test_no_yes_by_approval_is_kept_for_others(table: Database, clients: Clients) -> None:
    client, book = wired(table, clients, approved(uses=9, left=9), fresh=False)
    other = clients.wired(table, client.gate)
    other.record = book.record
    for number in range(3):
        client.exchange(Q(SQL))
        other.exchange(Q(SQL))
        assert book.left == {"r1": 9 - 2 * number - 2}
    assert client.exchange(Q("/* */ " + SQL)) == [REFUSED, ("Z", "I")]


@pytest.mark.parametrize(
    "sql",
    [
        SQL + " ",
        SQL + ";",
        "delete from t where id = 1",
        f"{SQL}; {SQL}",
        f"EXPLAIN ANALYZE {SQL}",
        f"PREPARE p AS {SQL}",
        f"DO $$ BEGIN {SQL}; END $$",
    ],
)
def test_no_other_text_goes_on(table: Database, clients: Clients, sql: str) -> None:
    client, book = wired(table, clients, approved())
    assert client.exchange(Q(sql))[0][0] == "E"
    assert (book.left, table.execute("SELECT count(*) FROM t")) == ({"r1": 1}, "3")


def test_what_a_text_does_has_to_be_in_it(table: Database, clients: Clients) -> None:
    """EXECUTE runs whatever the session has prepared: nobody can approve that by its text."""
    client, book = wired(table, clients, approved("EXECUTE p"), approved(f"PREPARE p AS {SQL}", id="r2"))
    assert client.exchange(Q(f"PREPARE p AS {SQL}"))[0] == ("C", "PREPARE")
    assert client.exchange(Q("EXECUTE p"))[0] == REFUSED
    assert book.left == {"r1": 1, "r2": 0}
    kept = [event.text for event in client.events if isinstance(event, RefusedText)]
    assert kept == []


def test_nothing_goes_on_that_could_not_be_recorded(table: Database, clients: Clients) -> None:
    client, _ = wired(table, clients, approved())
    client.record = lambda change: Unrecorded("the disk is full")
    assert client.exchange(Q(SQL))[0][2] == (
        "This change was not run, since the ledger could not record it first. [rule ledger]"
    )
    client.gate.recording = False
    client.exchange(Q(SQL))
    assert error_fields(client.inbox)["D"] == "Nobody records here that an approval is used."
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_a_policy_swapped_while_the_use_is_taken_counts(table: Database, clients: Clients) -> None:
    client, book = wired(table, clients, approved())
    stricter = POLICY.replace('deny: "no"', 'deny: "no", approval: never')

    def record(change: Change) -> Recorded | Unrecorded:
        client.gate.swap_policy(gate_of(stricter).policy)
        return book.record(change)

    client.record = record
    assert client.exchange(Q(SQL)) == [REFUSED, ("Z", "I")]


def test_refused_texts_are_kept_once_and_keep_their_number(table: Database, clients: Clients) -> None:
    client, _ = wired(table, clients)
    tokens = itertools.count(1)
    client.gate.token = lambda: f"{next(tokens):012d}{0:020d}"
    hints = []
    for sql in (SQL, SQL, "DELETE FROM t", f"{SQL}; DROP TABLE t"):
        client.exchange(Q(sql))
        hints.append(error_fields(client.inbox).get("H", "").rpartition(" ")[2])
    assert hints[0] == hints[1] != hints[2]
    kept = [event for event in client.events if isinstance(event, RefusedText)]
    assert [(event.text, event.decision_id, event.rules) for event in kept] == [
        (SQL, hints[0], ("no-delete",)),
        ("DELETE FROM t", hints[2], ("no-delete",)),
    ]
    assert kept[0].digest == sha256(SQL.encode()).hexdigest()


def test_a_role_has_so_much_kept_in_an_hour() -> None:
    clock = Clock()
    texts, numbers = RefusedTexts(clock), iter(range(10_000))

    def new_id() -> str:
        return str(next(numbers))

    kept = [texts.admit("app", (number,), 10, new_id)[1] for number in range(MOST_TEXTS + 5)]
    assert kept.count(True) == MOST_TEXTS
    assert texts.admit("dba", ("x",), MOST_BYTES, new_id)[1]
    assert not texts.admit("dba", ("y",), 1, new_id)[1]
    clock.now += WINDOW_S
    assert texts.admit("dba", ("y",), 1, new_id)[1]
    assert texts.admit("app", (0,), 10, new_id)[1]


def test_a_statement_is_held_for_an_approval(table: Database, clients: Clients) -> None:
    client, book = wired(table, clients)
    sql = "TRUNCATE t"

    def hold(command: Hold) -> GivenUp:
        assert command.text is not None
        assert (command.text.text, command.text.rules) == (sql, ("held",))
        book.approvals, book.left = (approved(sql),), {"r1": 1}
        book._swap()
        return GivenUp("nobody came")

    client.hold = hold
    assert client.exchange(Q(sql)) == [("C", "TRUNCATE TABLE"), ("Z", "I")]  # it is judged by what is known
    assert (book.left, len(client.holds)) == ({"r1": 0}, 1)
    client.hold = lambda command: GivenUp("nobody came")
    client.exchange(Q(sql))
    assert error_fields(client.inbox)["D"].endswith("Nobody came.")
    assert len(client.exchange(Q("BEGIN"), Q(sql), ready=2)) == 4
    assert len(client.holds) == 2  # inside of a transaction nothing is held
