"""A freeze while clients are at work: two gates of two workers each, whose ledger is one database."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.records import Ledger, open_ledger
from tests.clients.gate import Gate, environment, serving, until, upstream_of
from tests.clients.programs import Program
from tests.clients.workers import one_each
from tests.records.places import address_of
from tests.servers import forking
from tests.servers.database import Database

POLICY = "{version: 1, name: open, rules: []}"
COMPLETES = "Writes are frozen, and COMMIT would complete those of this transaction. [rule freeze]"
COUNT = "SELECT count(*) FROM users"
Refused = psycopg.errors.InsufficientPrivilege


@dataclass
class Fleet:
    """Two gates on one ledger."""

    gates: list[Gate]
    ledger: Ledger
    url: str
    folder: Path

    def pgwarden(self, *arguments: str) -> str:
        """Run a command on their ledger."""
        done = forking.run([*arguments, "--ledger", self.url], environment(self.folder), self.folder)
        done.check_returncode()
        return done.stdout

    def metric(self, name: str) -> float:
        """The sum over both."""
        return sum(gate.metrics(name)[name] for gate in self.gates)


@pytest.fixture(scope="module")
def both(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Both gates, for all tests here: each thaws."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "policy.yaml").write_text(POLICY)
    server.execute("CREATE DATABASE evidence")
    place = address_of(Database(server, "evidence"))
    more = {"ledger": str(place), "ledger_key": str(folder / "key"), "workers": "2"}
    with ExitStack() as stack:
        gates = [
            stack.enter_context(serving(folder, folder / "policy.yaml", upstream_of(server), **more))
            for _ in range(2)
        ]
        ledger = open_ledger(place)
        yield Fleet(gates, ledger, str(place), folder)
        ledger.close()
    server.execute("DROP DATABASE evidence WITH (FORCE)")


@pytest.fixture
def fleet(both: Fleet) -> Iterator[Fleet]:
    """Both gates, and no freeze before or after."""
    yield both
    both.ledger.thaw("the test")
    until(lambda: both.metric("pgwarden_frozen") == 0, "that both are thawed")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as opened:
        yield opened


def each_worker(fleet: Fleet, database: Database, stack: ExitStack) -> list[psycopg.Connection]:
    """A client of every worker of every gate."""
    return [client for gate in fleet.gates for client in one_each(gate, database, stack)]


def refused(client: psycopg.Connection, sql: str) -> bool:
    """Whether a gate refuses this now."""
    try:
        client.execute(sql.encode())
    except Refused:
        return True
    return False


class Copying(threading.Thread):
    """Copies rows until it is told to stop; what it is told at the end."""

    def __init__(self, client: psycopg.Connection, first: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.told: psycopg.Error | None = None
        self.sent = 0
        self._client, self._first, self._stop_it = client, first, stop
        self.start()

    def run(self) -> None:
        try:
            with self._client.cursor().copy("COPY users FROM STDIN") as copy:
                while not self._stop_it.wait(0.001):
                    copy.write(f"{self._first + self.sent}\tx\n")
                    self.sent += 1
        except psycopg.Error as error:
            self.told = error


def test_within_a_second_every_worker_of_every_gate_refuses_and_stops_what_is_under_way(
    fleet: Fleet, users: Database, stack: ExitStack
) -> None:
    writers, open_ones, batches, copiers = (each_worker(fleet, users, stack) for _ in range(4))
    for number, client in enumerate(open_ones):
        client.execute("BEGIN")
        client.execute("INSERT INTO users VALUES (%s, 'x')", [100 + number])
    for client in batches:
        client.execute("BEGIN")
        client.execute("DECLARE c CURSOR FOR SELECT name FROM users")
    stop = threading.Event()
    copying = [Copying(client, 10_000 * (1 + number), stop) for number, client in enumerate(copiers)]
    until(lambda: min(each.sent for each in copying) > 20, "that all copy")
    assert users.execute("SELECT count(*) FROM pg_stat_progress_copy") == "4"
    fleet.ledger.freeze("ada", "incident 12", database=users.name)
    begun = time.monotonic()
    for client in writers:
        until(partial(refused, client, "UPDATE users SET id = 1 WHERE id = 1"), "that it refuses")
    until(lambda: users.execute("SELECT count(*) FROM pg_stat_progress_copy") == "0", "that no COPY runs")
    assert time.monotonic() - begun < 1
    for client in open_ones:
        with pytest.raises(Refused) as told:
            client.execute("COMMIT")
        assert told.value.diag.message_primary == COMPLETES
        assert told.value.diag.message_detail == "Writes are frozen by ada: incident 12."
        assert client.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        assert client.execute(COUNT).fetchone() == (1,)
    for client in batches:
        assert client.execute("FETCH c").fetchall() == [("ada",)]
        client.execute("COMMIT")
    stop.set()
    for each in copying:
        each.join(60)
        assert isinstance(each.told, Refused)
        assert each.told.diag.message_detail == "Writes are frozen by ada: incident 12."
    for client in copiers:
        assert client.execute(COUNT).fetchone() == (1,)
    assert users.execute(COUNT) == "1"


def test_no_path_leads_round_a_freeze(fleet: Fleet, users: Database, stack: ExitStack) -> None:
    users.execute("CREATE FUNCTION adds() RETURNS void LANGUAGE sql AS 'INSERT INTO users VALUES (7)'")
    users.execute("CREATE SEQUENCE s")
    (client, *_) = each_worker(fleet, users, stack)
    client.execute("PREPARE add AS INSERT INTO users VALUES (8)")
    fleet.pgwarden("freeze", "--reason", "incident 12")
    until(partial(refused, client, "EXECUTE add"), "that it refuses")
    for sql in (
        "BEGIN; SET TRANSACTION READ WRITE; INSERT INTO users VALUES (9); COMMIT",
        "SET default_transaction_read_only = off; INSERT INTO users VALUES (9)",
        "SELECT adds()",
        "SELECT setval('s', 9)",
        "DO 'BEGIN PERFORM adds(); END'",
        "WITH added AS (INSERT INTO users VALUES (9) RETURNING *) SELECT * FROM added",
        "EXPLAIN ANALYZE INSERT INTO users VALUES (9)",
        "COPY users FROM STDIN",
        "COPY users FROM PROGRAM 'echo 9'",
        "SELECT * INTO others FROM users",
        "SELECT lo_create(0)",
        "COMMIT PREPARED 'x'",
        "REFRESH MATERIALIZED VIEW m",
        "CREATE TEMP TABLE mine AS SELECT 1",
    ):
        assert refused(client, sql), sql
    assert client.execute("SET ROLE pg_read_all_data; SELECT * FROM users; RESET ROLE") is not None
    assert users.execute(COUNT) == "1"


def test_kill_ends_what_is_under_way_on_every_worker(fleet: Fleet, users: Database, stack: ExitStack) -> None:
    idle, writing, working, reading = (each_worker(fleet, users, stack) for _ in range(4))
    for number, client in enumerate(writing):
        client.execute("BEGIN")
        client.execute("INSERT INTO users VALUES (%s, 'x')", [100 + number])
    for client in reading:
        client.execute("BEGIN")
        client.execute(COUNT)
    told: list[psycopg.Error] = []

    def work(client: psycopg.Connection) -> None:
        try:
            client.execute("UPDATE users SET name = 'y' WHERE id = 1 AND pg_sleep(60) IS NOT NULL")
        except psycopg.Error as error:
            told.append(error)

    threads = [threading.Thread(target=work, args=(client,), daemon=True) for client in working]
    for thread in threads:
        thread.start()
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'UPDATE users%'"
    until(lambda: users.execute(sleeping) == "4", "that all work")
    before = fleet.metric("pgwarden_sessions_killed_total")
    line = fleet.pgwarden("freeze", "--kill", "--reason", "incident 12")
    assert ", sessions with writes ended by " in line
    until(lambda: users.execute(sleeping) == "0", "that none works")
    for thread in threads:
        thread.join(60)
    for error in told:
        assert isinstance(error, psycopg.errors.AdminShutdown)
        assert "incident 12" in str(error.diag.message_detail)
    assert len(told) == 4
    for client in writing:
        with pytest.raises(psycopg.errors.AdminShutdown):
            client.execute("COMMIT")
    for client in (*idle, *reading):
        assert client.execute(COUNT).fetchone() == (1,)
    assert fleet.metric("pgwarden_sessions_killed_total") == before + 8
    assert fleet.gates[0].said("writes are frozen")[-1]["kill"] is True
    assert users.execute("SELECT string_agg(name, ',') FROM users") == "ada"


def test_psql_commits_nothing(
    fleet: Fleet, users: Database, programs: Callable[[int], Path], tmp_path: Path
) -> None:
    psql = Program(programs(17) / "psql", ("-X", "-A", "-t", "-q"))
    script = "BEGIN;\nINSERT INTO users VALUES (2, 'grace');\n\\echo written\n"
    gate = fleet.gates[1]
    with subprocess.Popen(
        psql.command(gate.url(users.name)),
        env=psql.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(script)
        assert process.stdout.readline() == "written\n"
        before = len(gate.said("writes are frozen"))
        fleet.pgwarden("freeze", "--reason", "incident 12")
        until(lambda: len(gate.said("writes are frozen")) == before + 2, "that both workers know it")
        out, err = process.communicate("COMMIT;\nSELECT count(*) FROM users;\n")
    assert err.splitlines()[0] == f"ERROR:  {COMPLETES}"
    assert (out, process.returncode) == ("1\n", 0)
