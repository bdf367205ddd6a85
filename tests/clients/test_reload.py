"""A policy changes while clients work: the next statement is judged by the new one, and none is lost."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import Gate, moved, serving, until, upstream_of
from tests.servers.database import Database

STRICT = """\
version: 1
name: strict
environment: test
rules:
  - id: none
    match: {effects: [table.truncate]}
"""
LOOSE = "version: 1\nname: loose\nenvironment: test\nrules: []\n"
INCLUDING = "version: 1\nname: including\nenvironment: test\ninclude: [packs/pack.yaml]\n"
PACK = STRICT.replace("environment: test\n", "")
EMPTY_PACK = "version: 1\nname: strict\nrules: []\n"

RELOADS = "pgwarden_policy_reloads_total", "pgwarden_policy_last_reload_successful"


class Rewritten:
    """A policy file that changes in one of the ways in which files change, to what it never was before."""

    def __init__(self, folder: Path) -> None:
        self.main = folder / "policy.yaml"
        self._pack = folder / "packs" / "pack.yaml"
        self._pack.parent.mkdir()
        self._numbers = itertools.count(1)
        self.main.write_text(LOOSE)

    def in_place(self, text: str) -> None:
        self.main.write_text(self._new(text))

    def by_rename(self, text: str) -> None:
        fresh = self.main.with_name("policy.yaml.new")
        fresh.write_text(self._new(text))
        fresh.replace(self.main)

    def in_a_pack(self, text: str) -> None:
        """What is in the pack; the file that includes it is the same from the first time on."""
        self._pack.write_text(self._new(PACK if text == STRICT else EMPTY_PACK))
        if self.main.read_text() != INCLUDING:
            self.main.write_text(INCLUDING)

    def _new(self, text: str) -> str:
        return f"{text}# {next(self._numbers)}\n"


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Rewritten:
    return Rewritten(tmp_path_factory.mktemp("reload"))


@pytest.fixture(scope="module")
def gate(server: Cluster, policy: Rewritten) -> Iterator[Gate]:
    with serving(policy.main.parent, policy.main, upstream_of(server)) as gate:
        yield gate


def change(gate: Gate, rewrite: Callable[[str], None], text: str) -> None:
    begin = len(gate.log.so_far)
    rewrite(text)
    gate.says("policy loaded", begin=begin)


def truncates(connection: psycopg.Connection, *, prepare: bool = False) -> bool:
    try:
        connection.execute("TRUNCATE users", prepare=prepare)
    except psycopg.errors.InsufficientPrivilege as refused:
        assert refused.diag.message_primary is not None
        assert refused.diag.message_primary.endswith("[rule none]")
        return False
    return True


@contextmanager
def busy(gate: Gate, database: Database) -> Iterator[None]:
    """Four clients that write without a pause; at the end every row that was acknowledged is there, once."""
    database.execute("CREATE TABLE work (client int, number int, PRIMARY KEY (client, number))")
    stop = threading.Event()
    written = [0] * 4
    errors: list[Exception] = []

    def work(client: int) -> None:
        try:
            with closing(psycopg.connect(gate.url(database.name), autocommit=True)) as connection:
                while not stop.is_set():
                    number = written[client] + 1
                    connection.execute("INSERT INTO work VALUES (%s, %s)", [client, number])
                    written[client] = number
        except Exception as error:  # told below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(client,)) for client in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: min(written) > 10 or errors, "that every client works")
        yield
        seen = list(written)
        until(lambda: all(now > then for now, then in zip(written, seen, strict=True)) or errors, "more work")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    found = database.execute("SELECT client, count(*), max(number) FROM work GROUP BY client ORDER BY client")
    assert found.splitlines() == [f"{client}|{count}|{count}" for client, count in enumerate(written)]


@pytest.mark.parametrize("way", ["in_place", "by_rename", "in_a_pack"])
def test_the_next_statement_of_an_open_connection_and_no_statement_lost(
    gate: Gate, policy: Rewritten, users: Database, way: str
) -> None:
    rewrite = getattr(policy, way)
    with busy(gate, users), psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        for _ in range(3):
            change(gate, rewrite, STRICT)
            assert (truncates(connection), truncates(connection, prepare=True)) == (False, False)
            change(gate, rewrite, LOOSE)
            assert (truncates(connection), truncates(connection, prepare=True)) == (True, True)


def test_an_open_transaction_meets_the_new_policy(gate: Gate, policy: Rewritten, users: Database) -> None:
    change(gate, policy.in_place, LOOSE)
    with psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO users VALUES (2, 'x')")
        change(gate, policy.by_rename, STRICT)
        assert not truncates(connection)
        assert connection.execute("ROLLBACK").statusmessage == "ROLLBACK"


BAD = """\
version: 1
name: strict
rules:
  - id: none
    match: {effects: [table.truncat]}
  - id: None
    match: {effects: [table.drop]}
"""


def test_a_bad_policy_is_reported_and_the_old_one_stays(
    gate: Gate, policy: Rewritten, users: Database
) -> None:
    change(gate, policy.by_rename, STRICT)
    with busy(gate, users), psycopg.connect(gate.url(users.name), autocommit=True) as connection:
        before = gate.metrics(*RELOADS)
        begin = len(gate.log.so_far)
        policy.by_rename(BAD)
        line = gate.says("the policy does not load; the one before stays in force", begin=begin)
        assert (line["level"], line["file"]) == ("error", str(policy.main))
        heads = [text for text in str(line["errors"]).splitlines() if text.startswith(str(policy.main))]
        assert heads == [
            f'{policy.main}:5:23: unknown effect "table.truncat"',
            f'{policy.main}:6:9: "None" is no rule id; it begins with a letter and holds at most 63 of a-z, '
            "0-9 and -",
        ]
        assert not truncates(connection)
        assert moved(before, gate.metrics(*RELOADS)) == {
            'pgwarden_policy_reloads_total{result="failed"}': 1,
            "pgwarden_policy_last_reload_successful": -1,
        }
        assert gate.get("/readyz") == (200, "ready\n")

        begin = len(gate.log.so_far)
        policy.main.unlink()
        line = gate.says("the policy does not load; the one before stays in force", begin=begin)
        assert line["errors"] == f"{policy.main}:1:1: cannot be read: no such file or directory"
        assert not truncates(connection)

        change(gate, policy.by_rename, LOOSE)
        assert truncates(connection)
        assert moved(before, gate.metrics(*RELOADS)) == {
            'pgwarden_policy_reloads_total{result="failed"}': 2,
            'pgwarden_policy_reloads_total{result="loaded"}': 1,
        }


def test_a_signal_reloads(gate: Gate, policy: Rewritten, users: Database) -> None:
    change(gate, policy.by_rename, LOOSE)
    with busy(gate, users):
        before = gate.metrics(*RELOADS)
        digest = gate.metrics("pgwarden_policy_info")
        begin = len(gate.log.so_far)
        for _ in range(3):
            gate.signal(signal.SIGHUP)
            line = gate.says("the policy is unchanged", begin=begin)
            begin = gate.log.so_far.index(line) + 1
        assert line["file"] == str(policy.main)
        assert moved(before, gate.metrics(*RELOADS)) == {
            'pgwarden_policy_reloads_total{result="unchanged"}': 3
        }
        assert gate.metrics("pgwarden_policy_info") == digest
        (info,) = digest
        assert f'digest="{line["digest"]}"' in info
