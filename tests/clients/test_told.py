"""Notices of a gate that really runs, while another target takes what it is sent and never answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.records import open_ledger
from tests.app.test_notices import WAIT_S, Hook
from tests.clients.gate import Gate, serving, upstream_of
from tests.servers.database import Database

POLICY = """
version: 1
name: production
rules:
  - {id: no-drop, match: {effects: [schema.drop]}, deny: "not here"}
  - {id: asked, match: {effects: [table.truncate]}, approval: {by: 1}, else: {hold: 10m}}
  - {id: backed, match: {effects: [table.drop]}, require: {backup: {within: 1h}}, else: backup}
"""


@contextmanager
def stuck() -> Iterator[socket.socket]:
    """A server that takes connections, and says nothing on them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@contextmanager
def told(folder: Path, server: Cluster, *ports: int) -> Iterator[Gate]:
    """A gate that tells these, whose backups come to nothing."""
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "in-the-way").write_text("no folder")
    door = {"listen": "127.0.0.1:0", "policy": "policy.yaml", "upstream": upstream_of(server)}
    settings = {
        "listeners": [{**door, "backup": "postgresql://postgres@"}],
        "backup_to": [str(folder / "in-the-way")],
        "notify": [
            {"name": f"t{number}", "to": f"http://127.0.0.1:{port}/", "batch_s": 0.01}
            for number, port in enumerate(ports)
        ],
    }
    (folder / "told.yaml").write_text(json.dumps(settings))
    with serving(folder, folder / "policy.yaml", config=str(folder / "told.yaml")) as gate:
        yield gate


class Notices:
    """What a hook was told, one notice at a time."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook
        self._waiting: list[dict[str, object]] = []

    def next(self, event: str) -> dict[str, object]:
        """The next notice of this event; others before it stay."""
        while True:
            for index, each in enumerate(self._waiting):
                if each["event"] == event:
                    return self._waiting.pop(index)
            raw = json.loads(self.hook.got.get(timeout=WAIT_S)[2])
            self._waiting.extend(raw["data"]["notices"])


@pytest.fixture
def notices() -> Iterator[Notices]:
    made = Hook()
    yield Notices(made)
    made.server.shutdown()
    made.server.server_close()


def run_aside(client: psycopg.Connection, sql: str) -> threading.Thread:
    def run() -> None:
        with suppress(psycopg.Error):
            client.execute(sql.encode())

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_whatever_is_told_of_comes_there_and_nothing_waits_for_a_target_that_hangs(
    server: Cluster, users: Database, tmp_path: Path, notices: Notices
) -> None:
    with stuck() as silent, told(tmp_path, server, notices.hook.port, silent.getsockname()[1]) as gate:
        with psycopg.connect(gate.url(users.name), autocommit=True) as client:
            with pytest.raises(psycopg.Error, match="not here"):
                client.execute("DROP SCHEMA public")
            refused = notices.next("refused")
            connection, _ = silent.accept()  # from here on one target hangs
            thread = run_aside(client, "TRUNCATE users")
            held, asked = notices.next("held"), notices.next("approval")
            client.cancel()
            thread.join(WAIT_S)
            with pytest.raises(psycopg.Error, match="needs a backup"):
                client.execute("DROP TABLE users")
            failed = notices.next("backup_failed")
            assert client.execute("SELECT count(*) FROM users").fetchone() == (1,)
        ledger = open_ledger(tmp_path / "ledger")
        ledger.freeze("ada", "incident 12")
        freeze = notices.next("freeze")
        ledger.thaw("ada")
        thaw = notices.next("thaw")
        requests = [entry.about for entry in ledger.entries(kinds=("approval_request",))]
        ledger.close()
        sent = gate.metrics("pgwarden_notifications_total")
        connection.close()
    assert (refused["rule"], refused["sql"]) == ("no-drop", "DROP SCHEMA public")
    assert refused["decision_id"] == gate.refused("DROP SCHEMA public")["decision_id"]
    assert (held["rule"], held["message"]) == ("asked", "an approval is waited for")
    assert (asked["sql"], asked["held"], asked["role"]) == ("TRUNCATE users", True, "postgres")
    assert asked["do"] == "pgwarden approve show {0}; pgwarden approve grant {0}".format(asked["request"])
    assert (failed["database"], failed["rules"]) == (users.name, ["backed"])
    assert "in-the-way cannot be used" in str(failed["message"])
    assert (freeze["reason"], freeze["database"]) == ("incident 12", "all databases")
    assert thaw["by"] == "ada"
    assert asked["request"] in requests
    assert sent['pgwarden_notifications_total{outcome="sent",target="t1"}'] == 0.0
    assert sent['pgwarden_notifications_total{outcome="failed",target="t0"}'] == 0.0


def test_what_is_written_while_no_worker_reads_the_ledger_is_told_by_the_next_once(
    server: Cluster, tmp_path: Path, notices: Notices
) -> None:
    with told(tmp_path, server, notices.hook.port) as gate:
        ledger = open_ledger(tmp_path / "ledger")
        ledger.freeze("ada", "before")
        assert notices.next("freeze")["reason"] == "before"
        (worker,) = gate.workers.values()
        os.kill(worker, signal.SIGKILL)
        ledger.freeze("ada", "meanwhile")
        assert notices.next("freeze")["reason"] == "meanwhile"
        ledger.freeze("ada", "after")
        assert notices.next("freeze")["reason"] == "after"
        ledger.close()
