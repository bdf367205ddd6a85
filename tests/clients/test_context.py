"""Rules that ask in which transaction a statement is, with drivers that send it in several messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import Gate, serving, upstream_of
from tests.servers.database import Database

POLICY = """\
version: 1
name: transactions
environment: test
rules:
  - id: tables-inside
    match: {effects: [table.create]}
    when: {transaction: none}
  - id: indexes-outside
    match: {effects: [index.create]}
    when: {transaction: open}
"""
TABLE, INDEX = "CREATE TABLE made (id int)", "CREATE INDEX made ON users (name)"


@pytest.fixture(scope="module")
def gate(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder: Path = tmp_path_factory.mktemp("context")
    (folder / "policy.yaml").write_text(POLICY)
    with serving(folder, folder / "policy.yaml", upstream_of(server)) as gate:
        yield gate


@pytest.mark.parametrize("transaction", ["none", "open"])
@pytest.mark.parametrize("prepare", [False, True], ids=["one message", "several messages"])
def test_a_statement_is_judged_in_the_transaction_that_it_is_in(
    gate: Gate, users: Database, prepare: bool, transaction: str
) -> None:
    allowed, refused = (TABLE, INDEX) if transaction == "open" else (INDEX, TABLE)
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        if transaction == "open":
            connection.execute("BEGIN")
        connection.execute(allowed.encode(), prepare=prepare)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(refused.encode(), prepare=prepare)
