"""pgbench in each of its modes: none of its transactions fails at the gate, and none is lost."""

import re

import pytest

from tests.clients.gate import Gate
from tests.clients.programs import Done, Program
from tests.servers.database import Database

CLIENTS, TRANSACTIONS = 4, 50


@pytest.fixture(scope="module")
def accounts(database: Database, pgbench: Program) -> Database:
    """Initialised directly: what pgbench -i drops and truncates is what the gate is there for."""
    done = pgbench("--initialize", "--scale=1", "--quiet", database.url())
    assert done.code == 0, done.err
    return database


def processed(done: Done) -> tuple[str, str]:
    count = re.search(r"number of transactions actually processed: (\S+)", done.out)
    failed = re.search(r"number of failed transactions: (\d+)", done.out)
    assert count is not None, done.err
    assert failed is not None
    return count[1], failed[1]


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_every_transaction_arrives(gate: Gate, accounts: Database, pgbench: Program, mode: str) -> None:
    before = int(accounts.execute("SELECT count(*) FROM pgbench_history"))
    counters = gate.metrics("pgwarden_statements_total")
    flags = f"--client={CLIENTS}", "--jobs=2", f"--transactions={TRANSACTIONS}", f"--protocol={mode}"
    done = pgbench("--no-vacuum", *flags, gate.url(accounts.name))
    wanted = CLIENTS * TRANSACTIONS
    assert (done.code, processed(done)) == (0, (f"{wanted}/{wanted}", "0"))
    assert int(accounts.execute("SELECT count(*) FROM pgbench_history")) == before + wanted
    sums = "SELECT sum(abalance) FROM pgbench_accounts UNION SELECT sum(delta) FROM pgbench_history"
    assert len(accounts.execute(sums).splitlines()) == 1
    written = 'pgwarden_statements_total{class="write",decision="allowed"}'
    assert gate.metrics()[written] - counters[written] == 4 * wanted


def test_a_pipelined_script(
    gate: Gate, accounts: Database, pgbench: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = tmp_path_factory.mktemp("pgbench") / "pipelined.sql"
    script.write_text(
        "\\set id random(1, 100000)\n\\startpipeline\n"
        + "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :id;\nSELECT abalance FROM "
        "pgbench_accounts WHERE aid = :id;\n" * 10 + "\\endpipeline\n"
    )
    flags = f"--client={CLIENTS}", f"--transactions={TRANSACTIONS}", "--protocol=prepared"
    done = pgbench("--no-vacuum", *flags, f"--file={script}", gate.url(accounts.name))
    wanted = CLIENTS * TRANSACTIONS
    assert (done.code, processed(done)) == (0, (f"{wanted}/{wanted}", "0"))


def test_initialising_is_refused(gate: Gate, accounts: Database, pgbench: Program) -> None:
    before = accounts.execute("SELECT count(*) FROM pgbench_accounts")
    done = pgbench("--initialize", "--quiet", gate.url(accounts.name))
    assert done.code == 1
    assert "ERROR:  DROP TABLE on pgbench_accounts, pgbench_branches, " in done.err
    assert "[rule no-drop]" in done.err
    assert accounts.execute("SELECT count(*) FROM pgbench_accounts") == before
