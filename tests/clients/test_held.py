"""`else: backup` with real clients and servers: a statement waits for its backup, and what ends the wait."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.records import Entry, open_ledger
from tests.clients.conftest import Serve
from tests.clients.gate import Gate, environment, until
from tests.clients.programs import Program
from tests.records.places import Place, address_of
from tests.servers import forking
from tests.servers.database import Database

RULES = """
version: 1
rules:
  - id: first
    match: {{effects: [table.drop, column.drop]}}
    require: {{backup: {{within: 1h, verified: full_read, covers: whole{more}}}}}
    else: {{backup: {limit}}}
  - id: tables
    match: {{effects: [table.truncate]}}
    require: {{backup: {{within: 1h}}}}
    else: backup
"""
OUTSIDE = (
    "Run it outside of a transaction, on its own: there a backup is taken first, for at most 10 minutes."
)


def rules(limit: str = "10m", more: str = "") -> str:
    return RULES.format(limit=limit, more=more)


@pytest.fixture
def backing(serve: Serve, tmp_path: Path) -> Callable[..., Gate]:
    """`backing(policy)` is a gate that takes backups into two folders."""

    def start(policy: str | None = None, **settings: str) -> Gate:
        given = {"backup": "postgresql://postgres@", "backup_to": f"{tmp_path}/a {tmp_path}/b", **settings}
        return serve(policy or rules(), **given)

    return start


def ledger(folder: Path) -> list[Entry]:
    book = open_ledger(folder / "ledger", create=False)
    try:
        return list(book.entries())
    finally:
        book.close()


def kinds(folder: Path) -> list[str]:
    """Of entries, but for how changes ended, and texts that were refused and may be approved."""
    beside = {"change_ended", "approval_text"}
    return [entry.kind for entry in ledger(folder) if entry.kind not in beside]


def makings(folder: Path) -> list[dict[str, object]]:
    return [json.loads(entry.payload)["making"] for entry in ledger(folder) if entry.kind == "backup"]


def files(folder: Path) -> list[str]:
    return [str(path) for name in "ab" for path in (folder / name).rglob("*") if path.is_file()]


def dumping(database: Database, also: str = "true") -> int:
    """How many connections of backups the database has."""
    return int(
        database.cluster.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgwarden-backup%' "
            f"AND datname = '{database.name}' AND {also}",
            "postgres",
        )
    )


def waiting(database: Database) -> int:
    """How many of them wait for a lock. PostgreSQL forgets a cancel that finds a connection idle."""
    return dumping(database, "wait_event_type = 'Lock'")


@contextmanager
def locked(database: Database, table: str = "users") -> Iterator[None]:
    """Somebody holds a table, so that no dump of it comes to its end."""
    with psycopg.connect(database.url()) as holder:
        holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


class Client:
    """A client that runs one statement in a thread of its own.

    Attributes:
        notices: what it has been told meanwhile.
        ended: "" once it has run, else the SQLSTATE.
    """

    def __init__(self, url: str, sql: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.notices: list[str] = []
        self.ended: str | None = None
        self.told = ""
        self.details: list[str] = []
        self.connection.add_notice_handler(self._hear)
        self._sql = sql
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        self.notices.append(str(notice.message_primary))
        self.details.append(str(notice.message_detail))

    def _run(self) -> None:
        try:
            self.connection.execute(self._sql.encode())
            self.ended = ""
        except psycopg.Error as error:
            diag = error.diag
            told = f"{diag.message_primary}|{diag.message_detail}|{diag.message_hint}"
            self.told = told if error.sqlstate else str(error)
            self.ended = error.sqlstate or "lost"

    def waits(self) -> None:
        until(lambda: self.notices, "a notice")

    def end(self) -> str:
        until(lambda: self.ended is not None, f"the end of {self._sql}")
        self.connection.close()
        assert self.ended is not None
        return self.ended


def refusal(url: str, sql: str) -> tuple[str, str | None]:
    with (
        psycopg.connect(url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege) as caught,
    ):
        connection.execute(sql.encode())
    return caught.value.diag.message_detail or "", caught.value.diag.message_hint


def nothing_left(folder: Path, database: Database) -> None:
    until(lambda: dumping(database) == 0, "the end of the dump")
    until(lambda: not files(folder), "that nothing is left of the backup")


def test_psql_drops_a_table_behind_a_backup_that_brings_it_back(
    backing: Callable[..., Gate], users: Database, psql: Program, tmp_path: Path
) -> None:
    gate = backing(rules(more=", copies: 2"))
    done = psql(gate.url(users.name), "-c", "DROP TABLE users")
    assert (done.code, done.out) == (0, "DROP TABLE\n")
    first, *_, last = [line for line in done.err.splitlines() if line.startswith("NOTICE")]
    assert first == ("NOTICE:  pgwarden: a backup is taken first, for at most 10 minutes [rule first]")
    assert last == "NOTICE:  pgwarden: the backup is there"
    assert users.execute("SELECT to_regclass('users')") == ""
    assert kinds(tmp_path) == ["backup", "backup", "change"]
    assert [(made["source"], made.get("tables")) for made in makings(tmp_path)] == [("pgwarden", None)] * 2
    made = [json.loads(entry.payload) for entry in ledger(tmp_path)[:2]]
    assert {(row["verified"], row["database"]) for row in made} == {("full_read", users.name)}
    assert ledger(tmp_path)[0].recorded_by == f"pgwarden@{socket.gethostname()}"
    assert gate.says("the backup for held statements is there")["entries"] == "1, 2"

    restored = f"{users.name}_restored"
    url = f"{users.url().rsplit('/', 1)[0]}/postgres"
    restore = ["backup", "restore", made[0]["location"], "--url", url, "--into", restored]
    ran = forking.run(restore, environment(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert users.cluster.execute("SELECT * FROM users", restored) == "1|ada"
    users.cluster.execute(f"DROP DATABASE {restored}", "postgres")


def test_the_extended_protocol(backing: Callable[..., Gate], users: Database, tmp_path: Path) -> None:
    gate = backing(backup_to=f"{tmp_path}/a")
    notices: list[str] = []
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        with connection.cursor(binary=True) as cursor:
            cursor.execute("TRUNCATE public.users")
        assert connection.execute("SELECT count(*) FROM users").fetchall() == [(0,)]
        assert notices[-1] == "pgwarden: the backup is there"
        cursor = connection.execute("ALTER TABLE users DROP COLUMN name", prepare=True)
        assert cursor.statusmessage == "ALTER TABLE"
    assert kinds(tmp_path) == ["backup", "change", "backup", "change"]


TABLES = [
    ("TRUNCATE public.users", ["public.users"]),
    ("TRUNCATE public.users, public.notes", ["public.notes", "public.users"]),
    ("TRUNCATE public.parent", None),  # its heirs' rows go with it
]


def test_the_tables_concerned_are_dumped_where_they_are_all_that_is_asked_for(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    users.execute(
        "CREATE TABLE notes (id int); CREATE TABLE parent (id int); CREATE TABLE heir () INHERITS (parent)"
    )
    gate = backing(backup_to=f"{tmp_path}/a")
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        for sql, _ in TABLES:
            connection.execute(sql.encode())
    assert [made.get("tables") for made in makings(tmp_path)] == [tables for _, tables in TABLES]


def test_in_a_transaction_it_is_refused_with_what_to_do(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    gate = backing()
    with psycopg.connect(gate.url(users.name)) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute("DROP TABLE users")
    assert caught.value.diag.message_hint == OUTSIDE
    assert (kinds(tmp_path), files(tmp_path)) == ([], [])


@pytest.mark.defect_21
def test_a_cancel_stops_the_backup(backing: Callable[..., Gate], users: Database, tmp_path: Path) -> None:
    gate = backing()
    with locked(users):
        client = Client(gate.url(users.name), "DROP TABLE users")
        client.waits()
        until(lambda: waiting(users), "a dump that waits for the table")
        client.connection.cancel_safe()
        assert client.end() == "57014"
        nothing_left(tmp_path, users)
    assert users.execute("SELECT count(*) FROM users") == "1"
    assert kinds(tmp_path) == []


def test_a_client_that_is_killed_stops_the_backup(
    backing: Callable[..., Gate], users: Database, psql: Program, tmp_path: Path
) -> None:
    gate = backing()
    with locked(users):
        client = subprocess.Popen(
            psql.command(gate.url(users.name), "-c", "DROP TABLE users"),
            env=psql.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: waiting(users), "a dump that waits for the table")
        client.kill()
        client.wait()
        nothing_left(tmp_path, users)
    until(lambda: gate.connections == 0, "that the session has gone")
    assert (kinds(tmp_path), users.execute("SELECT count(*) FROM users")) == ([], "1")


def test_a_time_limit_refuses_and_says_how_long_it_was(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    gate = backing(rules(limit="1s"))
    with locked(users):
        detail, _ = refusal(gate.url(users.name), "DROP TABLE users")
        nothing_left(tmp_path, users)
    assert re.fullmatch(
        r"No backup of \w+ is known\. It was held for 1 second, and the backup was not there yet \(.*\)\.",
        detail,
    )
    assert gate.refused("DROP TABLE users")["rule"] == "first"


def test_a_store_that_fails_costs_its_copy_and_the_rule_says_the_rest(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    (tmp_path / "b").write_text("in the way")
    gate = backing(rules(more=", copies: 2"))
    detail, _ = refusal(gate.url(users.name), "DROP TABLE users")
    assert re.search(r"No backup could be taken: file://\S+/b cannot be used: File exists\.", detail)
    assert (kinds(tmp_path), files(tmp_path)) == ([], [])


def test_a_role_that_may_not_read_everything_makes_no_backup(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    users.execute("DROP ROLE IF EXISTS dumper; CREATE ROLE dumper LOGIN")
    gate = backing(backup="postgresql://dumper@")
    detail, _ = refusal(gate.url(users.name), "DROP TABLE users")
    assert "No backup could be taken: " in detail
    assert "permission denied for schema public" in detail
    assert (kinds(tmp_path), files(tmp_path)) == ([], [])
    users.execute("GRANT pg_read_all_data TO dumper")
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        connection.execute("DROP TABLE users")
    users.execute("DROP ROLE dumper")


def test_who_needs_the_same_backup_waits_for_the_same(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    users.execute("CREATE TABLE one (id int); CREATE TABLE two (id int); CREATE TABLE three (id int)")
    gate = backing(workers="2")
    with locked(users):
        clients = [Client(gate.url(users.name), f"DROP TABLE {name}") for name in ("one", "two", "three")]
        for client in clients:
            client.waits()
    assert [client.end() for client in clients] == ["", "", ""]
    assert sorted(kinds(tmp_path)) == ["backup", "backup", "change", "change", "change"]


@pytest.mark.parametrize("keeper", ["sqlite", "postgres"])
def test_of_two_replicas_one_takes_the_backup_and_the_other_uses_it(
    keeper: str,
    backing: Callable[..., Gate],
    users: Database,
    new_database: Callable[[Cluster], Database],
    server: Cluster,
    tmp_path: Path,
) -> None:
    users.execute("CREATE TABLE one (id int); CREATE TABLE two (id int)")
    place: Place = tmp_path / "ledger" if keeper == "sqlite" else address_of(new_database(server))
    gates = [backing(ledger=str(place), ledger_key=str(tmp_path / "key")) for _ in range(2)]
    names = ("one", "two")
    with locked(users):
        clients = [Client(gates[at].url(users.name), f"DROP TABLE {name}") for at, name in enumerate(names)]
        for client in clients:
            client.waits()
        until(lambda: any("another" in notice for c in clients for notice in c.details), "one that waits")
        until(lambda: dumping(users, "state <> 'idle'"), "that the other is dumped")
    ends = [client.end() for client in clients]
    assert ends == ["", ""], [(c.told, gate.log.so_far) for c, gate in zip(clients, gates, strict=True)]
    book = open_ledger(place, create=False)
    kept = sorted(entry.kind for entry in book.entries() if entry.kind in ("backup", "change"))
    book.close()
    assert kept == ["backup", "backup", "change", "change"]  # a copy in each of two folders


def children_of(gate: Gate) -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process(gate.pid).children(recursive=True)
        if "proxy.app.backups.child" in " ".join(process.cmdline()) or process.name() in ("pg_dump", "psql")
    ]


def test_nothing_outlives_a_worker_that_is_killed(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    gate = backing()
    with locked(users):
        client = Client(gate.url(users.name), "DROP TABLE users")
        until(lambda: waiting(users), "a dump that waits for the table")
        processes = until(lambda: children_of(gate), "processes of the backup")
        (worker,) = gate.workers.values()
        os.kill(worker, signal.SIGKILL)
        assert client.end() == "lost"
        nothing_left(tmp_path, users)
        until(lambda: not any(process.is_running() for process in processes), "the end of all processes")
    assert kinds(tmp_path) == []


def test_a_gate_that_stops_ends_the_wait_in_its_own_time(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    gate = backing(drain_timeout_s="0.5")
    with locked(users):
        client = Client(gate.url(users.name), "DROP TABLE users")
        until(lambda: waiting(users), "a dump that waits for the table")
        assert gate.stop() == 0
        assert client.end() == "57P01"
        nothing_left(tmp_path, users)


def test_no_idle_time_out_counts_while_it_is_held(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    gate = backing(query_timeout_s="0.2", client_idle_timeout_s="0.2")
    client = Client(gate.url(users.name), "DROP TABLE users")  # a backup takes longer
    assert client.end() == ""


def test_a_freeze_that_begins_meanwhile_refuses(
    backing: Callable[..., Gate], users: Database, tmp_path: Path
) -> None:
    gate = backing()
    with locked(users):
        client = Client(gate.url(users.name), "DROP TABLE users")
        until(lambda: waiting(users), "a dump that waits for the table")
        book = open_ledger(tmp_path / "ledger", create=False)
        book.freeze("ada", "incident 12")
        book.close()
        gate.says("writes are frozen")
    assert client.end() == "42501"
    assert client.told.startswith("Writes are frozen")
    assert users.execute("SELECT count(*) FROM users") == "1"


def test_a_gate_that_is_not_set_up_says_so_at_once_and_in_each_refusal(serve: Serve, users: Database) -> None:
    gate = serve(rules())
    said = gate.says("a rule says else: backup, and will refuse")
    assert (said["rule"], said["reason"]) == ("first", "this gate is not set up to take backups")
    assert refusal(gate.url(users.name), "DROP TABLE users") == (
        f"No backup of {users.name} is known. This gate is not set up to take backups.",
        "Take a backup, record it, and run the statement again.",
    )
