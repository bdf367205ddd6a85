"""What the screen passes is not parsed, and is judged, counted and run like anything else."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.session import Limits
from proxy.sql.analyse import Analysis, analyse
from proxy.sql.screen import Screened, plain_screen
from tests.policy.build import judge
from tests.policy.test_properties import BODY, load, write_rule
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, P, Q, S
from tests.session.wired import NO_LOSS, Answer, Wired, gate_of, policy_of
from tests.sql.database.golden import held_by

POLICIES = Path(__file__).parents[2] / "policies"
TEXTS = (
    "SELECT * FROM t WHERE id = 1",
    "SELECT 1",
    "WITH a AS (TABLE t) SELECT count(*) FROM a",
    "INSERT INTO t VALUES (9, 'v9')",
    "INSERT INTO billing.orders SELECT * FROM public.users",
    "VALUES (1)",
)
NO_ROWS = "  - {id: no-rows, match: {effects: row.insert}, deny: 'No.'}\n"
NO_UNSCOPED = "  - {id: no-unscoped, match: {effects: row.delete, traits: unscoped}, deny: 'No.'}\n"
NO_INSERTS = NO_LOSS + "  - {id: no-inserts, match: {effects: row.insert, targets: '*.audit'}, deny: 'No.'}\n"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were read on the loop."""
    found: list[str] = []

    def noting(text: str, server_major: int) -> Analysis:
        found.append(text)
        return analyse(text, server_major)

    monkeypatch.setattr("proxy.session.cache.analyse", noting)
    return found


def test_a_parse_that_comes_again_is_judged_by_the_policy_of_its_time(
    table: Database, clients: Clients
) -> None:
    gate = gate_of(NO_LOSS)
    client = clients.wired(table, gate)
    again = P("INSERT INTO t VALUES ($1::int, 'again')")

    def said(number: int) -> list[str]:
        told = client.exchange(again + B(values=[str(number).encode()]) + E() + S)
        return [str(answer[0]) for answer in told]

    assert [said(50), said(51)] == [["1", "2", "C", "Z"]] * 2
    gate.swap_policy(policy_of(NO_LOSS + NO_ROWS))
    assert [said(52), said(53)] == [["E", "Z"]] * 2
    gate.swap_policy(policy_of(NO_LOSS))
    assert said(54) == ["1", "2", "C", "Z"]
    assert client.exchange(P("INSERT INTO t VALUES ($1::int, 'again')", "named") + S) == [("1",), ("Z", "I")]
    assert client.exchange(again.replace(b"again", b"other") + S) == [("1",), ("Z", "I")]
    assert said(55) == ["1", "2", "C", "Z"]


def test_harmless_texts_are_run_without_a_parse(table: Database, clients: Clients, parsed: list[str]) -> None:
    client = clients.wired(table)
    assert client.exchange(Q("SELECT v FROM t WHERE id = 2"))[1:] == [
        ("D", b"v2"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]
    assert client.exchange(Q("INSERT INTO t VALUES (4, 'é')")) == [("C", "INSERT 0 1"), ("Z", "I")]
    assert client.exchange(P("SELECT $1::int") + B(values=[b"5"]) + E() + S)[2] == ("D", b"5")
    assert parsed == []
    assert client.exchange(Q("DROP TABLE t"))[0][0] == "E"
    assert client.exchange(P("SELECT 1", "kept") + S)[0] == ("1",)
    assert parsed == ["DROP TABLE t", "SELECT 1"]  # what gets a name may be run under another policy
    tally = client.gate.tally
    assert tally.screened == 3
    assert {key: count.value for key, count in tally.statements.items() if count.value} == {
        ("allowed", "read"): 2,
        ("allowed", "write"): 1,
        ("refused", "destructive"): 1,
    }


def test_what_is_kept_of_a_parse_is_judged_each_time(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    text = "INSERT INTO t VALUES ($1::int + 1000, 'kept of a Parse')"
    client.exchange(Q("INSERT INTO t VALUES (2000, 'kept of no Query')"))
    for number in (b"1", b"2"):
        assert client.exchange(P(text) + B(values=[number]) + E() + S)[2] == ("C", "INSERT 0 1")
    conversation = client.session._conversation
    assert conversation is not None
    kept = plain_screen(conversation.state.server_major).passed
    assert (kept[text.encode()], b"INSERT INTO t VALUES (2000, 'kept of no Query')" in kept) == (
        Screened.ADDS,
        False,
    )
    assert client.gate.tally.screened == 3
    client.gate.swap_policy(policy_of(NO_LOSS + NO_ROWS))
    assert client.exchange(P(text) + B(values=[b"3"]) + E() + S)[0][0] == "E"


@pytest.mark.defect_29
@pytest.mark.parametrize("verb", ["INSERT", "DELETE"])
def test_a_statement_of_32765_parameters_is_read_elsewhere_while_others_are_answered(
    verb: str, table: Database, clients: Clients
) -> None:
    table.execute("CREATE TABLE many(id int)")
    numbers = [f"${number}" for number in range(1, 32_766)]
    text = {
        "INSERT": f"INSERT INTO many VALUES ({'), ('.join(numbers)})",
        "DELETE": f"DELETE FROM many WHERE id IN ({', '.join(numbers)})",
    }[verb]
    gate = gate_of()
    client, other = clients.wired(table, gate), clients.wired(table, gate)
    answered: list[list[Answer]] = []
    client.before_reading = lambda: answered.append(other.exchange(Q("SELECT 1")))
    values = [b"%d" % number for number in range(32_765)]
    told = client.exchange(P(text) + B(values=values) + E() + S)
    assert told[2] == ("C", "INSERT 0 32765" if verb == "INSERT" else "DELETE 0")
    assert client.handed_out == [text.encode()]
    assert answered == [[("T",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I")]]


def test_rows_of_values_are_screened_at_once(table: Database, clients: Clients, parsed: list[str]) -> None:
    client = clients.wired(table)
    light = "INSERT INTO t VALUES " + ", ".join(f"({number}, 'a-{number}')" for number in range(10, 1_010))
    assert 8 * 1024 < len(light) < 64 * 1024
    assert client.exchange(Q(light)) == [("C", "INSERT 0 1000"), ("Z", "I")]
    assert client.exchange(Q(light + " RETURNING id; DROP TABLE t"))[0][0] == "E"
    assert client.handed_out == [f"{light} RETURNING id; DROP TABLE t".encode()]
    assert client.gate.tally.screened == 1
    for dear in (
        "INSERT INTO t VALUES " + ", ".join(f"({number}, lower('a'))" for number in range(2_000, 2_601)),
        "INSERT INTO t VALUES (3_000, 'a' " + "|| 'b'" * 1_000 + "|| '" + "=" * 8_001 + "')",
        "INSERT INTO t VALUES (3_001, '" + "''" * 4_200 + "')",
    ):
        assert client.exchange(Q(dear))[0][0] == "C", dear
        assert client.handed_out[-1] == dear.encode()


def test_a_long_text_is_screened_elsewhere(table: Database, clients: Clients, parsed: list[str]) -> None:
    limits = Limits(inline_bytes=100, screened_bytes=200, screened_light_bytes=200)
    client = clients.wired(table, gate_of(limits=limits))
    long = "INSERT INTO t VALUES (5, '" + "x" * 1_000 + "')"
    assert client.exchange(Q(long)) == [("C", "INSERT 0 1"), ("Z", "I")]
    assert client.exchange(Q(long + " RETURNING id; DROP TABLE t"))[0][0] == "E"
    assert client.exchange(P(long.replace("5", "6")) + B() + E() + S)[2] == ("C", "INSERT 0 1")
    assert len(client.handed_out) == 3
    assert client.gate.tally.screened == 2
    assert table.execute("SELECT count(*) FROM t WHERE length(v) = 1000") == "2"


def test_a_rule_about_added_rows_turns_it_off_for_them(
    table: Database, clients: Clients, parsed: list[str]
) -> None:
    client = clients.wired(table)
    insert = "INSERT INTO t VALUES (4, 'v4')"
    client.exchange(Q("BEGIN"))
    client.exchange(Q(insert))
    client.gate.swap_policy(policy_of(NO_INSERTS))
    assert client.exchange(Q("INSERT INTO audit VALUES (1)"))[0] == ("E", "42501", "No. [rule no-inserts]")
    client.exchange(Q("ROLLBACK"))
    assert client.exchange(Q(insert))[0] == ("C", "INSERT 0 1")
    client.exchange(Q("SELECT 1"))
    assert parsed == ["BEGIN", "INSERT INTO audit VALUES (1)", "ROLLBACK", insert]


def test_an_unnamed_statement_is_judged_again_under_another_policy(table: Database, clients: Clients) -> None:
    """Its table is not known then, so that it might be any: it is refused rather than passed."""
    client = clients.wired(table)
    assert client.exchange(P("INSERT INTO t VALUES (4, 'v4')") + S)[0] == ("1",)
    client.gate.swap_policy(policy_of(NO_INSERTS))
    assert client.exchange(B() + E() + S)[0] == ("E", "42501", "No. [rule no-inserts]")
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_a_log_of_what_passes_needs_the_effects(table: Database, clients: Clients, parsed: list[str]) -> None:
    gate = gate_of()
    gate.log_statements = True
    gate.swap_policy(gate.policy)
    clients.wired(table, gate).exchange(Q("SELECT * FROM t"))
    assert parsed == ["SELECT * FROM t"]


@pytest.fixture
def known(table: Database, clients: Clients) -> Wired:
    """A client of a gate that reads what the database holds: a function that deletes, and a good one."""
    table.execute("CREATE FUNCTION good() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    table.execute("CREATE FUNCTION purge() RETURNS int LANGUAGE sql AS 'DELETE FROM t; SELECT 1'")
    gate = gate_of(NO_LOSS + NO_UNSCOPED, catalogue=True)
    client = clients.wired(table, gate)
    client.read_catalogue = lambda name: gate.swap_database(name, held_by(table.dsn, name))
    client.read_catalogue(table.name)
    return client


def test_by_the_names_of_what_the_database_holds(known: Wired, table: Database, parsed: list[str]) -> None:
    def parses(text: str) -> bool:
        parsed.clear()
        known.exchange(Q(text))
        return parsed == [text]

    for text in ("SELECT good()", "SELECT v FROM t", "INSERT INTO t VALUES (4)", "SELECT purged FROM t"):
        assert not parses(text), text
    for text in ("SELECT purge()", "SELECT t.PURGE FROM t", "SELECT other()"):
        assert parses(text), text
    assert [each.rule for each in known.judged] == ["no-unscoped"]
    # What the session has defined itself is known to no screen until a reading shows it.
    known.exchange(Q("BEGIN; CREATE VIEW w AS SELECT 1"))
    assert parses("SELECT 1, v FROM t")
    known.exchange(Q("COMMIT"))
    assert parses("SELECT 2, v FROM t")  # has it read
    assert not parses("SELECT 3, v FROM t")
    # What others have defined counts as soon as it was read.
    table.execute("CREATE OR REPLACE FUNCTION good() RETURNS int LANGUAGE sql AS 'SELECT purge()'")
    known.read_catalogue(table.name)
    assert parses("SELECT good() + 1")
    assert [each.rule for each in known.judged] == ["no-unscoped"] * 2
    known.gate.swap_database(table.name, None)
    assert parses("SELECT 4, v FROM t")
    assert table.execute("SELECT count(*) FROM t") == "4"


def test_what_was_screened_before_the_catalogue_changed_is_not_run_after(
    known: Wired, table: Database
) -> None:
    assert known.exchange(P("SELECT good()") + S)[0] == ("1",)
    table.execute("CREATE OR REPLACE FUNCTION good() RETURNS int LANGUAGE sql AS 'SELECT purge()'")
    known.read_catalogue(table.name)
    assert known.exchange(B() + E() + S)[0][:2] == ("E", "42501")
    assert [each.rule for each in known.judged] == ["catalogue"]
    assert known.exchange(P("SELECT good()") + B() + E() + S)[0][:2] == ("E", "42501")
    assert [each.rule for each in known.judged] == ["catalogue", "no-unscoped"]


def test_what_is_screened_elsewhere_while_the_catalogue_changes_is_screened_again(
    known: Wired, table: Database
) -> None:
    long = "SELECT good(), '" + "x" * 70_000 + "'"
    table.execute("CREATE OR REPLACE FUNCTION good() RETURNS int LANGUAGE sql AS 'SELECT purge()'")
    known.before_reading = lambda: known.read_catalogue(table.name)
    assert known.exchange(Q(long))[0][:2] == ("E", "42501")
    assert len(known.handed_out) == 2
    assert [each.rule for each in known.judged] == ["no-unscoped"]


@pytest.mark.parametrize("name", ["production", "staging", "development"])
def test_the_shipped_policies_say_nothing_of_what_passes(name: str) -> None:
    policy = load_policy(str(POLICIES / f"{name}.yaml"), lambda path: Path(path).read_text("utf-8"))
    gate = gate_of()
    gate.swap_policy(policy)
    assert gate.screened.keys() == set(Screened)
    check(policy, TEXTS)


@settings(deadline=None)
@given(st.lists(BODY, max_size=4), st.sampled_from(TEXTS))
def test_no_policy_refuses_what_passes(
    bodies: list[tuple[str, str | None, str | None, list[str]]], text: str
) -> None:
    policy = load([write_rule(number, body) for number, body in enumerate(bodies)])
    if policy is not None:
        check(policy, (text,))


def check(policy: Policy, texts: tuple[str, ...]) -> None:
    """No rule fits what passes, whoever sends it, whenever."""
    gate = gate_of()
    gate.swap_policy(policy)
    for text in texts:
        screen = gate.screen(17, "d")
        assert screen is not None
        screened = screen.sort(text.encode())
        assert screened is not None
        if screened in gate.screened:
            for effects in (analyse(text, 17).effects, screened.effects):
                decision = judge(policy, *effects)
                assert (decision.allowed, decision.shadowed, decision.holds_until) == (True, (), None)
