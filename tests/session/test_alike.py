"""A Query that differs from others in values alone is not read again, while they are allowed."""

import pytest

from proxy.policy.facts import Facts
from proxy.session import Judged, Passed
from proxy.sql.analyse import Analysis, analyse
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import NO_LOSS, NOON, Clock, Wired, gate_of, policy_of

NO_CHANGES = NO_LOSS + "  - {id: no-updates, match: {effects: row.update}, deny: 'No.'}\n"
NIGHT = (
    "version: 1\nname: test\ntime: {timezone: UTC, windows: {night: {from: 22:00, to: 02:00}}}\nrules:\n"
    "  - {id: night, match: {effects: row.update}, when: {window: night}, deny: 'Not at night.'}\n"
)


def update(number: int, value: str = "a") -> str:
    """Its values make no difference."""
    return f"UPDATE t SET v = '{value}' WHERE id = {number}"


def bounded(above: int, number: int = 7) -> str:
    """What it is compared with does where it is no ordinary bound; what is written does not."""
    return f"UPDATE t SET v = '{number}' WHERE n > {above} AND v LIKE 'zz%'"


def texts_of(client: Wired) -> list[object]:
    """What is told of in the events that have a text."""
    return [event.text for event in client.events if isinstance(event, Judged | Passed)]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were read on the loop."""
    found: list[str] = []

    def noting(text: str, server_major: int) -> Analysis:
        found.append(text)
        return analyse(text, server_major)

    monkeypatch.setattr("proxy.session.cache.analyse", noting)
    return found


def test_the_third_of_a_kind_is_not_read(table: Database, clients: Clients, parsed: list[str]) -> None:
    client = clients.wired(table)
    for number, value in ((1, "x"), (2, "é"), (3, "1=1 -- /*"), (1, "DROP TABLE t;")):
        assert client.exchange(Q(update(number, value))) == [("C", "UPDATE 1"), ("Z", "I")]
    assert parsed == [update(1, "x"), update(2, "é")]
    assert table.execute("SELECT v FROM t ORDER BY id").split("\n") == ["DROP TABLE t;", "é", "1=1 -- /*"]
    counts = {key: count.value for key, count in client.gate.tally.statements.items() if count.value}
    assert counts == {("allowed", "write"): 4}
    assert client.session.activity.text == update(1, "DROP TABLE t;")


def test_what_may_make_a_difference_is_read(table: Database, clients: Clients, parsed: list[str]) -> None:
    table.execute("ALTER TABLE t ADD n int")
    client = clients.wired(table)
    texts = [
        bounded(5, 1),
        bounded(5, 2),
        bounded(7, 3),
        bounded(1, 3),
        bounded(1, 4),
        bounded(-1, 4),
        bounded(0, 4),
    ]
    for text in texts:
        assert client.exchange(Q(text))[0][0] == "C"
    assert parsed == [texts[0], texts[1], texts[3], texts[5], texts[6]]
    keys = [f"DELETE FROM t WHERE id > {number}" for number in (5, 6, 7, 0, 8)]
    told = [client.exchange(Q(text))[0][:2] for text in keys]
    assert told == [*[("C", "DELETE 0")] * 3, ("E", "42501"), ("C", "DELETE 0")]
    assert parsed[5:] == [keys[0], keys[1], keys[3]]


def test_where_a_key_limits_no_other_value_makes_a_difference(
    table: Database, clients: Clients, parsed: list[str]
) -> None:
    client = clients.wired(table)
    texts = [
        f"DELETE FROM t WHERE id = {number} AND (id < {number} OR v <> 'x{number}')" for number in range(5)
    ]
    for text in texts:
        assert client.exchange(Q(text))[0][0] == "C"
    assert parsed == texts[:2]


def test_what_does_the_same_as_another_text_is_permitted_with_it(table: Database, clients: Clients) -> None:
    """Its values may make a difference, so it is read; what comes of that is judged already."""
    client = clients.wired(table)
    texts = [f"DELETE FROM t WHERE id = {number} AND mod(id, {number + 1}) > 0" for number in range(4)]
    for text in texts:
        assert client.exchange(Q(text))[0][0] == "C"
    assert client.session.activity.text == texts[-1]
    tally = client.gate.tally
    assert (sum(tally.judgement_counts), tally.statements["allowed", "write"].value) == (4, 4)
    refused = "DELETE FROM t WHERE mod(id, 1) >= 0"
    assert client.exchange(Q(refused))[0][1] == "42501"
    assert texts_of(client) == [refused]


def test_what_is_refused_is_read_and_told_with_its_own_text(
    table: Database, clients: Clients, parsed: list[str]
) -> None:
    client = clients.wired(table)
    texts = [f"UPDATE t SET v = '{number}'" for number in range(4)]
    for text in texts:
        assert client.exchange(Q(text))[0][1] == "42501"
    assert parsed == texts
    assert texts_of(client) == texts


def test_another_policy_is_asked_anew(table: Database, clients: Clients, parsed: list[str]) -> None:
    gate = gate_of()
    client, other = clients.wired(table, gate), clients.wired(table, gate, application_name="other")
    for number in range(4):
        client.exchange(Q(update(number)))
    for number in range(4, 8):
        other.exchange(Q(update(number)))
    assert parsed == [update(0), update(1), update(4)]  # who it is makes a difference: once
    gate.swap_policy(policy_of(NO_CHANGES))
    for number in (8, 9):
        assert client.exchange(Q(update(number)))[0] == ("E", "42501", "No. [rule no-updates]")
    gate.swap_policy(policy_of(NO_LOSS))
    for number in (10, 11):
        assert client.exchange(Q(update(number)))[0] == ("C", "UPDATE 0")
    assert parsed[3:] == [update(8), update(9), update(10)]


def test_a_yes_ends_when_a_window_opens(table: Database, clients: Clients, parsed: list[str]) -> None:
    clock = Clock()
    client = clients.wired(table, gate_of(NIGHT, clock))
    for number in range(3):
        assert client.exchange(Q(update(number)))[0][0] == "C"
    clock.now = NOON + 11 * 3600
    assert client.exchange(Q(update(3)))[0] == ("E", "42501", "Not at night. [rule night]")
    assert parsed == [update(0), update(1), update(3)]


def test_new_facts_end_what_rests_on_them(table: Database, clients: Clients, parsed: list[str]) -> None:
    gate = gate_of()
    client = clients.wired(table, gate)
    for number in range(3):
        client.exchange(Q(update(number)))
    facts = gate.facts
    gate.swap_facts(Facts(facts.backups, as_of=facts.as_of, overdue=True))
    client.exchange(Q(update(3)))
    assert parsed == [update(0), update(1), update(3)]


def test_where_all_is_logged_all_is_read(table: Database, clients: Clients, parsed: list[str]) -> None:
    gate = gate_of()
    gate.log_statements = True
    client = clients.wired(table, gate)
    texts = [update(number) for number in range(4)]
    for text in texts:
        client.exchange(Q(text))
    assert parsed == texts
    assert texts_of(client) == texts


def test_what_a_session_has_defined_is_reckoned_with(
    table: Database, clients: Clients, parsed: list[str]
) -> None:
    client = clients.wired(table, gate_of(catalogue=True))
    for number in range(3):
        client.exchange(Q(update(number)))
    read = len(parsed)
    definition = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    client.exchange(Q("BEGIN"))
    client.exchange(Q(definition))
    client.exchange(Q(update(3)))
    assert parsed[read:] == ["BEGIN", definition, update(3)]


def test_a_parse_is_read(table: Database, clients: Clients, parsed: list[str]) -> None:
    """What it means may have to be told when it is bound or run, under another policy."""
    client = clients.wired(table)
    texts = [update(number) for number in range(3)]
    for text in texts:
        assert client.exchange(P(text) + B() + E() + S)[2][0] == "C"
    for number in range(3, 6):
        client.exchange(Q(update(number)))
    assert parsed == [*texts, update(3), update(4)]


def test_other_settings_of_the_lexer_end_it(table: Database, clients: Clients, parsed: list[str]) -> None:
    client = clients.wired(table)
    for number in range(3):
        client.exchange(Q(update(number)))
    client.exchange(Q("SET standard_conforming_strings = off"))
    assert client.exchange(Q(update(3)))[0] == ("C", "UPDATE 1")
    assert client.exchange(Q(update(3, "\\")))[0][1] == "42501"
    assert parsed == [update(0), update(1), "SET standard_conforming_strings = off", update(3)]
