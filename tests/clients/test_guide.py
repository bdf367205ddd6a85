"""The guide, end to end: staging and production behind a gate each, one ledger, and a day with all of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.app.commands import Done, pgwarden
from tests.clients.conftest import Serve
from tests.clients.gate import Gate, until
from tests.clients.programs import Program
from tests.servers.database import Database

_POLICIES = Path(__file__).resolve().parents[2] / "policies"
_CHANGE = "ALTER TABLE users ADD COLUMN email text;"
_STAGING = f"""\
version: 1
name: staging
environment: staging
include: [{_POLICIES}/rules/guard-the-guards.yaml]
"""
_PRODUCTION = """\
version: 1
name: production
environment: production
include:
  - {rules}/no-data-loss.yaml
  - {rules}/unscoped-writes.yaml
  - {rules}/guard-the-guards.yaml
  - {rules}/peak-hours.yaml
  - {rules}/backups.yaml
time:
  timezone: UTC
  windows:
    peak: {{from: "{start:%H:%M}", to: "{end:%H:%M}"}}
rules:
  - id: staging-first
    match: {{classes: [ddl], not: {{traits: [temporary]}}}}
    require: {{ran: {{environment: staging, within: 14d}}}}
  - id: only-by-pgwarden-migrate
    match: {{classes: [ddl], not: {{traits: [temporary]}}}}
    require: {{migration: run}}
"""


def production(peak: bool) -> str:
    """The policy, at an hour that is one of the peak's, or far from them."""
    now = datetime.now(UTC)
    start = now - timedelta(hours=2) if peak else now + timedelta(hours=10)
    return _PRODUCTION.format(rules=_POLICIES / "rules", start=start, end=start + timedelta(hours=4))


class Shop:
    """A team's two databases and gates, and what it types."""

    def __init__(
        self, serve: Serve, server: Cluster, new: Callable[[Cluster], Database], folder: Path
    ) -> None:
        self.folder = folder
        self.policy = folder / "production.yaml"
        self.policy.write_text(production(peak=False))
        (folder / "staging.yaml").write_text(_STAGING)
        self.staging, self.production = new(server), new(server)
        for database in (self.staging, self.production):
            database.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
            database.execute("INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 100) n")
        self.first: Gate = serve(folder / "staging.yaml")
        self.gate: Gate = serve(self.policy)

    def refused_by(self, sql: str) -> set[str]:
        """The rules that refuse a statement in production; none when it passes."""
        with psycopg.connect(self.gate.url(self.production.name), autocommit=True) as connection:
            seen = len(self.gate.refusals.so_far)
            try:
                connection.execute(sql)
            except psycopg.Error:
                line = self.gate.refusals.find(lambda line: line.get("sql") == sql, sql, begin=seen)
                rules = line["rules"]
                assert isinstance(rules, list)
                return set(rules)
            return set()

    def hours(self, *, peak: bool) -> None:
        """Another time of the day."""
        seen = len(self.gate.log.so_far)
        self.policy.write_text(production(peak=peak))
        self.gate.says("policy loaded", begin=seen)

    def migrate(self, psql: Program, file: Path) -> Done:
        """What a pipeline does: a tool that runs the file, as part of a run."""
        code = (
            "import os, subprocess, sys\n"
            "sys.exit(subprocess.call([*sys.argv[1:], os.environ['DATABASE_URL']]))"
        )
        tool = [str(psql.path), "-X", "-q", "-v", "ON_ERROR_STOP=1", f"--file={file}"]
        gate = ("--gate", self.gate.url(self.production.name), "--policy", str(self.policy))
        return pgwarden("migrate", *gate, "--migrations", str(file), "--", sys.executable, "-c", code, *tool)


@pytest.fixture
def shop(
    serve: Serve,
    server: Cluster,
    new_database: Callable[[Cluster], Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGWARDEN_LEDGER", str(tmp_path / "ledger"))
    return Shop(serve, server, new_database, tmp_path)


def test_the_guide(shop: Shop, psql: Program, server: Cluster) -> None:
    file = shop.folder / "1_email.sql"
    file.write_text(_CHANGE + "\n")
    url = f"postgresql://postgres@127.0.0.1:{server.port}/{shop.production.name}"

    # "Always back up first", "test on staging", "use migrations".
    assert shop.refused_by(_CHANGE) == {"backup-first", "staging-first", "only-by-pgwarden-migrate"}
    done = pgwarden(
        "backup", "create", "--url", url, "--to", str(shop.folder / "a"), "--to", str(shop.folder / "b")
    )
    assert done.code == 0, done.err
    without_backup = {"staging-first", "only-by-pgwarden-migrate"}
    until(lambda: shop.refused_by(_CHANGE) == without_backup, "that the gate knows the backup")
    stopped = shop.migrate(psql, file)
    assert (stopped.code, "would not pass" in stopped.err) == (1, True)
    assert psql(shop.first.url(shop.staging.name), f"--file={file}").code == 0
    until(lambda: shop.refused_by(_CHANGE) == {"only-by-pgwarden-migrate"}, "that it has run on staging")

    # "Never in peak hours."
    shop.hours(peak=True)
    assert shop.refused_by(_CHANGE) == {"no-changes-in-peak", "only-by-pgwarden-migrate"}
    stopped = shop.migrate(psql, file)
    assert (stopped.code, "no-changes-in-peak" in stopped.out) == (1, True)
    assert shop.production.execute("SELECT count(*) FROM users WHERE to_jsonb(users) ? 'email'") == "0"
    shop.hours(peak=False)
    done = shop.migrate(psql, file)
    assert done.code == 0, done.out + done.err
    assert shop.production.execute("SELECT count(*) FROM users WHERE to_jsonb(users) ? 'email'") == "100"

    # "Document every change."
    done = pgwarden("changes", "export", "--database", shop.production.name)
    assert done.code == 0
    for heading in ("Description", "Migration", "Backup", "Risk Level", "Rollback Plan"):
        assert heading in done.out
    assert _CHANGE in done.out
    assert "**Staging**: staging at" in done.out
    assert "**Rollback Plan**: Drop the column email of users" in done.out

    # "Never DROP TABLE", whatever the hour and the backup.
    assert "no-drop" in shop.refused_by("DROP TABLE users")
    assert "no-unscoped-delete" in shop.refused_by("DELETE FROM users")

    # In an emergency: "stop all writes at once", then restore.
    shop.production.execute("DELETE FROM users WHERE id > 10")  # by a way round the gate
    done = pgwarden("recover", "--yes", "--database", shop.production.name)
    assert done.code == 0, done.err
    assert "pgwarden backup restore" in done.out
    write = "UPDATE users SET name = 'ada' WHERE id = 1"
    until(lambda: shop.refused_by(write) == {"freeze"}, "that the gate knows the freeze")
    assert shop.refused_by("SELECT count(*) FROM users") == set()
    restored = f"{shop.production.name}_restored"
    done = pgwarden("backup", "restore", "--url", url, "--database", shop.production.name, "--into", restored)
    try:
        assert done.code == 0, done.err
        again = Database(server, restored)
        assert again.execute("SELECT count(*) FROM users") == "100"
    finally:
        server.execute(f"DROP DATABASE IF EXISTS {restored} WITH (FORCE)")
    assert pgwarden("thaw").code == 0
    until(lambda: shop.refused_by(write) == set(), "that the freeze has ended")
