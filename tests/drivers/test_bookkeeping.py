"""The migration tools themselves: each makes its own table at a gate that asks for runs, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import Gate, serving, upstream_of
from tests.conftest import Programs
from tests.drivers.unpacked import active_record
from tests.servers import node
from tests.servers.cache import Missing
from tests.servers.postgres import memory_directory

_POLICY = """\
version: 1
name: bookkeeping
rules:
  - {id: only, match: {classes: [ddl]}, require: {migration: run}, deny: "{effect} comes through a run."}
"""
_ALEMBIC = """
import sys
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
engine = create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg:"))
with engine.connect() as connection:
    MigrationContext.configure(connection)._ensure_version_table()
    connection.commit()
    connection.execute(text("CREATE TABLE mine (id int)"))
"""
_DJANGO = """
import sys, django
from urllib.parse import urlsplit
from django.conf import settings
url = urlsplit(sys.argv[1])
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:],
                           "USER": url.username, "HOST": url.hostname, "PORT": url.port}},
    INSTALLED_APPS=["django.contrib.contenttypes"], DEFAULT_AUTO_FIELD=sys.argv[2])
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
_KNEX = """
const knex = require("knex")({ client: "pg", connection: process.argv[2] });
const source = { getMigrations: async () => ["one"], getMigrationName: (name) => name,
  getMigration: () => ({ up: (db) => db.raw("CREATE TABLE mine (id int)"), down: () => {} }) };
knex.migrate.latest({ migrationSource: source }).finally(() => knex.destroy());
"""
_DRIZZLE = """
const fs = require("fs"), os = require("os"), path = require("path");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "drizzle-"));
fs.mkdirSync(folder + "/meta");
const entries = [{ idx: 0, version: "7", when: 1700000000000, tag: "0000_one", breakpoints: true }];
const journal = JSON.stringify({ version: "7", dialect: "postgresql", entries });
fs.writeFileSync(folder + "/meta/_journal.json", journal);
fs.writeFileSync(folder + "/0000_one.sql", "CREATE TABLE mine (id int)");
const { drizzle } = require("drizzle-orm/node-postgres");
const { migrate } = require("drizzle-orm/node-postgres/migrator");
const { Pool } = require("pg");
const pool = new Pool({ connectionString: process.argv[2] });
const done = (error) => { console.error(error.cause?.message ?? error); process.exitCode = 1; };
migrate(drizzle(pool), { migrationsFolder: folder }).catch(done).finally(() => pool.end());
"""
_TYPEORM = """
require("reflect-metadata");
const { DataSource } = require("typeorm");
class One1700000000000 { async up(runner) { await runner.query("CREATE TABLE mine (id int)"); } }
const source = new DataSource({ type: "postgres", url: process.argv[2], migrations: [One1700000000000] });
source.initialize().then(() => source.runMigrations()).finally(() => source.destroy());
"""
_NODE_PG_MIGRATE = """
const fs = require("fs"), os = require("os"), path = require("path");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "npm-"));
fs.writeFileSync(dir + "/1700000000000_one.sql", "CREATE TABLE mine (id int)");
import(require.resolve("node-pg-migrate")).then(({ runner }) =>
  runner({ databaseUrl: process.argv[2], dir, direction: "up", migrationsTable: "pgmigrations" }));
"""
_RAILS = """
require "active_record"
ActiveRecord::Base.establish_connection(ARGV[0])
ActiveRecord::Migration.verbose = false
class One < ActiveRecord::Migration[6.1]
  def up; execute "CREATE TABLE mine (id int)"; end
end
proxy = ActiveRecord::MigrationProxy.new("One", 20240101000000, "", "")
proxy.define_singleton_method(:load_migration) { One.new("One", 20240101000000) }
ActiveRecord::Migrator.new(:up, [proxy], ActiveRecord::SchemaMigration).migrate
"""
_SUPABASE = """
const fs = require("fs"), os = require("os"), path = require("path");
const { spawnSync } = require("child_process");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "supabase-"));
fs.mkdirSync(folder + "/supabase/migrations", { recursive: true });
fs.writeFileSync(folder + "/supabase/config.toml", 'project_id = "mine"');
fs.writeFileSync(folder + "/supabase/migrations/20240101000000_one.sql", "CREATE TABLE mine (id int);");
const shipped = `@supabase/cli-${process.platform}-${process.arch}/package.json`;
const program = path.dirname(require.resolve(shipped)) + "/bin/supabase";
const remote = `--remote=${process.argv[2]}?sslmode=disable`;
const args = ["migration", "up", "--workdir", folder, "--yes", remote];
const env = { ...process.env, HOME: folder, DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1" };
const done = spawnSync(program, args, { env, encoding: "utf8", timeout: 50000 });
console.log(done.stdout, done.stderr, done.error);
fs.rmSync(folder, { recursive: true });
process.exitCode = done.status ?? 1;
"""
_AUTO_FIELD = "django.db.models."

TOOLS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "Alembic": (_ALEMBIC, (), "alembic_version"),
    "Django": (_DJANGO, (f"{_AUTO_FIELD}BigAutoField",), "django_migrations"),
    "Django, small keys": (_DJANGO, (f"{_AUTO_FIELD}AutoField",), "django_migrations"),
    "Rails": (_RAILS, (), "schema_migrations"),
    "Knex": (_KNEX, ("knex",), "knex_migrations"),
    "Drizzle": (_DRIZZLE, ("drizzle-orm",), "drizzle.__drizzle_migrations"),
    "TypeORM": (_TYPEORM, ("typeorm", "reflect-metadata"), "migrations"),
    "Supabase": (_SUPABASE, ("supabase",), "supabase_migrations.schema_migrations"),
    "node-pg-migrate": (_NODE_PG_MIGRATE, ("node-pg-migrate",), "pgmigrations"),
}
"""A script, the arguments of one in Python or the packages of one in JavaScript, and the table."""


@pytest.fixture(scope="module")
def cluster(programs: Programs) -> Iterator[Cluster]:
    """A server of this module's own: the tools work in the database postgres."""
    with Cluster(programs(), memory_directory()) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def gate(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate that lets schema changes pass in a run of pgwarden migrate alone."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "policy.yaml").write_text(_POLICY)
    with serving(folder, folder / "policy.yaml", upstream_of(cluster)) as gate:
        yield gate


_BY_PYTHON = ("Alembic", "Django", "Django, small keys")


@pytest.mark.parametrize(
    "tool", [*_BY_PYTHON, *(pytest.param(t, marks=pytest.mark.heavy) for t in TOOLS if t not in _BY_PYTHON)]
)
def test_its_own_table_is_made_and_no_other(
    gate: Gate, cluster: Cluster, tool: str, request: pytest.FixtureRequest
) -> None:
    script, more, table = TOOLS[tool]
    python = tool in _BY_PYTHON
    if not (python or request.config.getoption("--heavy-drivers")):
        pytest.skip("fetched under --heavy-drivers alone")
    cluster.execute(
        f"DROP SCHEMA IF EXISTS {table.partition('.')[0]} CASCADE"
        if "." in table
        else f"DROP TABLE IF EXISTS {table}"
    )
    if tool == "Rails":
        done = _by_ruby(script, gate)
    else:
        done = _by_python(script, gate, more) if python else _by_node(script, gate, more)
    assert done.returncode != 0, done.stdout
    assert "comes through a run. [rule only]" in done.stdout + done.stderr
    assert cluster.execute(f"SELECT to_regclass('{table}') IS NULL, to_regclass('mine') IS NULL") == "f|t"


def _by_python(script: str, gate: Gate, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, gate.url("postgres"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def _by_ruby(script: str, gate: Gate) -> subprocess.CompletedProcess[str]:
    try:
        ruby = active_record()
    except Missing as missing:
        pytest.fail(str(missing))
    return subprocess.run(
        [*ruby.argv, gate.url("postgres")],
        input=script,
        env=ruby.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _by_node(script: str, gate: Gate, packages: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    try:
        modules: Path = node.modules(*packages)
        command = [str(node.executable()), "-", gate.url("postgres")]
    except Missing as missing:
        pytest.fail(str(missing))
    environment = os.environ | {"NODE_PATH": str(modules), "NO_COLOR": "1"}
    return subprocess.run(
        command, input=script, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
