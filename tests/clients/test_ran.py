"""Staging first, with two real gates: what staging's has recorded lets the same through in production."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.records import open_ledger
from tests.app.commands import pgwarden
from tests.clients.conftest import Serve
from tests.clients.gate import until
from tests.servers.database import Database

_STAGING = "version: 1\nname: s\nenvironment: staging\nrules: [{id: no, match: {effects: [database.drop]}}]\n"
_PRODUCTION = """\
version: 1
name: p
environment: production
rules:
  - id: staging-first
    match: {classes: [ddl], not: {traits: [temporary]}}
    require: {ran: {environment: staging, within: 14d}}
    deny: "{effect} has not run on staging."
"""
_REFUSED = "has not run on staging"


@pytest.fixture
def stages(
    serve: Serve, server: Cluster, new_database: Callable[[Cluster], Database], tmp_path: Path
) -> tuple[psycopg.Connection, psycopg.Connection]:
    """Through staging's gate, and through production's; both keep one ledger."""
    connections = []
    for name, text in (("staging", _STAGING), ("production", _PRODUCTION)):
        (tmp_path / f"{name}.yaml").write_text(text)
        database = new_database(server)
        database.execute("CREATE TABLE users (id int)")
        url = serve(tmp_path / f"{name}.yaml").url(database.name)
        connections.append(psycopg.connect(url, autocommit=True))
    return connections[0], connections[1]


def ran(tmp_path: Path) -> int:
    """How many changes the ledger knows the end of."""
    ledger = open_ledger(tmp_path / "ledger")
    try:
        return len(list(ledger.entries(kinds=("change_ended",))))
    finally:
        ledger.close()


def passes(connection: psycopg.Connection, sql: str) -> bool:
    try:
        connection.execute(sql)
    except psycopg.errors.InsufficientPrivilege as error:
        assert _REFUSED in str(error)
        return False
    return True


def test_what_was_committed_on_staging_passes_in_production(
    stages: tuple[psycopg.Connection, psycopg.Connection], tmp_path: Path
) -> None:
    staging, production = stages
    with staging, production:
        assert not passes(production, "ALTER TABLE users ADD COLUMN a int")
        staging.execute(
            "BEGIN; ALTER TABLE users ADD COLUMN a int; ALTER TABLE users ADD COLUMN b text; COMMIT"
        )
        staging.execute("BEGIN")
        staging.execute("ALTER TABLE users ADD COLUMN c int")
        staging.execute("ROLLBACK")
        with pytest.raises(psycopg.errors.UndefinedTable):
            staging.execute("ALTER TABLE nobody ADD COLUMN d int")
        until(lambda: ran(tmp_path) == 3, "the ends of three changes")
        until(lambda: passes(production, "ALTER TABLE users /* as on staging */ ADD\nCOLUMN a int"), "facts")
        for sql in (
            "ALTER TABLE users ADD COLUMN c int",  # was rolled back
            "ALTER TABLE nobody ADD COLUMN d int",  # failed
            "ALTER TABLE users ADD COLUMN b varchar",  # is another
            "alter table users add column b text",  # is not spelled so
            "ALTER TABLE users ADD COLUMN b text; ALTER TABLE users ADD COLUMN e int",  # has one more
        ):
            assert not passes(production, sql), sql
        assert passes(
            production, "BEGIN; SET LOCAL lock_timeout = '1s'; ALTER TABLE users ADD COLUMN b text; COMMIT"
        )


def test_a_signed_file_carries_it_to_another_ledger(
    stages: tuple[psycopg.Connection, psycopg.Connection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging, production = stages
    with staging, production:
        staging.execute("ALTER TABLE users ADD COLUMN a int")
        until(lambda: ran(tmp_path) == 1, "the end of the change")
    monkeypatch.setenv("PGWARDEN_LEDGER", str(tmp_path / "ledger"))
    signed, key, other = tmp_path / "ran.json", tmp_path / "staging.pub", tmp_path / "production"
    signed.write_text(pgwarden("ran", "export").out)
    key.write_text(pgwarden("ledger", "key").out)
    imported = ("ran", "import", "--ledger", str(other), "--public-key", str(key))
    done = pgwarden(*imported, str(signed))
    assert done.code == 0, done.err
    assert pgwarden("ran", "list", "--ledger", str(other)).out == pgwarden("ran", "list").out != ""

    fields = json.loads(signed.read_text())
    fields["ran"][0]["checksum"] = "0" * 64
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(fields))
    done = pgwarden(*imported, str(changed))
    assert (done.code, done.err) == (
        1,
        f"pgwarden: {changed} has a signature that is not the key's: it was changed\n",
    )
    key.write_text(pgwarden("ledger", "key", "--key", str(tmp_path / "stranger.key")).out)
    done = pgwarden(*imported, str(signed))
    assert done.code == 1
    assert done.err.endswith("which is not trusted here\n")
