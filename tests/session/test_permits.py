"""A plain yes is kept, and given again without judging, for as long as nothing can turn it."""

import pytest

from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import Q
from tests.session.wired import Clock, gate_of

SELECT = "SELECT v FROM t"
INSERT = "INSERT INTO t VALUES (9)"
INDEX = "CREATE INDEX i ON t (v)"
HEAD = "version: 1\nname: test\ntime: {timezone: UTC, windows: {night: {from: 22:00, to: 02:00}}}\nrules:\n"
DDL = "match: {classes: [ddl]}"
# What rules say, and the statements whose yes is kept.
KEPT = {
    "nothing of transactions": (f"{DDL}, when: {{window: night}}", {SELECT, INSERT, INDEX}),
    "transaction": (f"{DDL}, when: {{transaction: open}}", {SELECT, INSERT}),
    "unless": (f"{DDL}, unless: [{{when: {{transaction: none}}}}]", {SELECT, INSERT}),
    "else hold": (
        f"{DDL}, when: {{window: night}}, approval: {{by: 2}}, else: hold",
        {SELECT, INSERT, INDEX},
    ),
    "else backup": (
        "match: {classes: [write]}, when: {window: night}, require: {backup: {within: 1h}}, else: backup",
        {SELECT, INSERT, INDEX},
    ),
    "shadow": ("match: {classes: [write]}, mode: shadow", {SELECT, INDEX}),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_no_rule_about_transactions_concerns_keeps_its_yes(
    name: str, table: Database, clients: Clients
) -> None:
    rule, kept = KEPT[name]
    gate = gate_of(f"{HEAD}  - {{id: r, {rule}}}", Clock())
    client = clients.wired(table, gate)
    client.exchange(Q(SELECT) + Q(INSERT) + Q(INDEX) + Q("DROP INDEX i"), ready=4)
    again = set()
    for text in (SELECT, INSERT, INDEX):
        before = sum(gate.tally.judgement_counts)
        client.exchange(Q(text))
        if sum(gate.tally.judgement_counts) == before:
            again.add(text)
    assert again == kept
