"""What takes long to judge is worked out elsewhere, and comes to the same as here and now."""

import pytest

from proxy.session import Limits
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import B, E, H, P, Q, S
from tests.session.wired import NO_LOSS, gate_of, policy_of

MANY = "; ".join(f"CREATE TEMP TABLE many_{number} (id int)" for number in range(30))
CONVERSATIONS = {
    "passes": [Q(MANY), Q("SELECT count(*) FROM many_7")],
    "refused": [Q(MANY + "; DROP TABLE t"), Q("SELECT v FROM t WHERE id = 1")],
    "in a transaction": [Q("BEGIN"), Q("DROP TABLE t"), Q("SELECT 1"), Q("ROLLBACK"), Q("SELECT 2")],
    "pipelined": [Q("SELECT 1") + Q(MANY) + Q("DROP TABLE t") + Q("SELECT v FROM t WHERE id = 2")],
    "own tables": [Q(MANY), Q("DROP TABLE many_1, many_2"), Q("TRUNCATE many_3"), Q("DROP TABLE t, many_4")],
    "prepared": [P("SELECT v FROM t WHERE id = $1", "a") + B(values=[b"1"], name="a") + E() + S],
    "in a batch": [P("SELECT 1") + B() + E() + P("DROP TABLE t") + B() + E() + H + S, Q("SELECT 3")],
    "executed": [Q("PREPARE p AS DELETE FROM t WHERE id = 3"), Q("EXECUTE p"), Q("EXECUTE nothing")],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_it_comes_to_the_same(name: str, table: Database, clients: Clients) -> None:
    here = clients.wired(table)
    elsewhere = clients.wired(table, gate_of(limits=Limits(judged_effects=0)))
    for messages in CONVERSATIONS[name]:
        ready = sum(messages.count(kind) for kind in (b"Q\0\0", b"S\0\0\0\4"))
        assert elsewhere.exchange(messages, ready=ready) == here.exchange(messages, ready=ready)
    assert here.pondered == 0
    assert elsewhere.pondered > 0


def test_a_policy_that_changes_meanwhile_decides(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(limits=Limits(judged_effects=3)))
    client.before_pondered = lambda: client.gate.swap_policy(policy_of(NO_LOSS))
    assert client.exchange(Q("CREATE TABLE a(); CREATE TABLE b(); CREATE TABLE c(); CREATE TABLE d()"))
    assert client.pondered == 2
    client.before_pondered = lambda: None
    assert client.exchange(Q("DROP TABLE a; DROP TABLE b; DROP TABLE c; DROP TABLE d"))[0][0] == "E"
    assert client.pondered == 3


def test_a_session_that_is_over_hears_nothing_more(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(limits=Limits(judged_effects=0)))
    commands = client.session.client_data(Q("DROP TABLE t"))
    client.session.client_eof()
    weighed = commands[0].work()  # type: ignore[union-attr]
    assert client.session.pondered(weighed) == []
