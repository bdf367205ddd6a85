"""What takes long to judge is worked out elsewhere, and comes to the same as here and now."""

import pytest

from proxy.session import Limits, Ponder
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, H, P, Q, S, X
from tests.session.wired import NO_LOSS, gate_of, policy_of

MANY = "; ".join(f"CREATE TEMP TABLE many_{number} (id int)" for number in range(30))
ALLOWS = "version: 1\nname: all\nrules: [{id: r, match: {effects: database.drop}, deny: No.}]\n"
# Messages, and how many ReadyForQuery answer them.
CONVERSATIONS = {
    "passes": [(Q(MANY), 1), (Q("SELECT count(*) FROM many_7"), 1)],
    "refused": [(Q(MANY + "; DROP TABLE t"), 1), (Q("SELECT v FROM t WHERE id = 1"), 1)],
    "in a transaction": [(Q("BEGIN"), 1), (Q("DROP TABLE t"), 1), (Q("ROLLBACK"), 1), (Q("SELECT 2"), 1)],
    "pipelined": [(Q("SELECT 1") + Q(MANY) + Q("DROP TABLE t") + Q("SELECT v FROM t WHERE id = 2"), 4)],
    "own tables": [(Q(MANY), 1), (Q("DROP TABLE many_1, many_2"), 1), (Q("DROP TABLE t, many_4"), 1)],
    "prepared": [(P("SELECT v FROM t WHERE id = $1", "a") + B("a", values=[b"1"]) + E() + S, 1)],
    "in a batch": [(X("SELECT 1") + X("DROP TABLE t") + H + S, 1), (Q("SELECT 3"), 1)],
    "executed": [(Q("PREPARE p AS SELECT v FROM t WHERE id = 3"), 1), (Q("EXECUTE p"), 1)],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_it_comes_to_the_same(name: str, table: Database, clients: Clients) -> None:
    here = clients.wired(table)
    elsewhere = clients.wired(table, gate_of(limits=Limits(judged_effects=0)))
    for messages, ready in CONVERSATIONS[name]:
        assert elsewhere.exchange(messages, ready=ready) == here.exchange(messages, ready=ready)
        table.execute("INSERT INTO t VALUES (3, 'v3') ON CONFLICT DO NOTHING")
    assert here.pondered == 0
    assert elsewhere.pondered > 0


def test_a_policy_that_changes_meanwhile_decides(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(ALLOWS, limits=Limits(judged_effects=0)))
    strict = policy_of(NO_LOSS)

    def swap_once() -> None:
        if client.gate.policy is not strict:
            client.gate.swap_policy(strict)

    client.before_pondered = swap_once
    assert client.exchange(Q("DROP TABLE t"))[0][:2] == ("E", "42501")
    assert client.pondered == 2
    assert table.execute("SELECT count(*) FROM t") == "3"


def test_a_session_that_is_over_hears_nothing_more(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(limits=Limits(judged_effects=0)))
    (command,) = client.session.client_data(Q("DROP TABLE t"))
    assert isinstance(command, Ponder)
    client.session.client_eof()
    assert client.session.pondered(command.work()) == []
