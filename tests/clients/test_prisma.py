"""The real Prisma CLI at the gate: what it may do, and what its user reads when it may not."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.app.commands import pgwarden
from tests.clients.conftest import Serve
from tests.clients.gate import Gate
from tests.clients.programs import Program
from tests.servers.cache import Missing
from tests.servers.database import Database
from tests.servers.prisma import Prisma, new_project

_MODEL = "model users {\n  id Int @id\n  name String\n}\n"
_WITHOUT_NAME = "model users {\n  id Int @id\n}\n"
_INIT = "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL);\n"
_DROPPED = "DROP COLUMN name on users would lose data. [rule no-drop]"
_DETAIL = "DETAIL: A column is dropped: users (high risk)."
_HINT = (
    "HINT: Keep it, or ask the owners of this database; Prisma: migrate deploy, not migrate reset or db push."
)
# Prisma asks a person before it resets a database for a program that calls it.
_ASKS = "invoked by"


@pytest.fixture
def prisma(tmp_path: Path, pytestconfig: pytest.Config) -> Prisma:
    (tmp_path / "project").mkdir()
    try:
        return new_project(tmp_path / "project")
    except Missing as missing:
        if pytestconfig.getoption("--require-real"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def shop(
    gate: Gate, server: Cluster, new_database: Callable[[Cluster], Database], prisma: Prisma
) -> Database:
    """A database whose one migration has run through the gate, with a row in it."""
    database = new_database(server)
    prisma.schema(_MODEL)
    prisma.migration("20260101000000_init", _INIT)
    done = prisma.run(gate.url(database.name), "migrate", "deploy")
    assert "All migrations have been successfully applied." in done.stdout, done.stderr
    with psycopg.connect(database.url()) as connection:
        connection.execute("INSERT INTO users VALUES (1, 'ada')")
    return database


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (
            ["migrate", "reset", "--force"],
            ["ERROR: DROP TABLE on _prisma_migrations would lose data. [rule no-drop]", _HINT],
        ),
        (
            ["db", "push", "--force-reset"],
            ["ERROR: DROP TABLE on _prisma_migrations would lose data. [rule no-drop]", _HINT],
        ),
        (["db", "push", "--accept-data-loss"], [f"Error: ERROR: {_DROPPED}", _DETAIL, _HINT]),
        # Of a migration that fails, Prisma shows the message alone.
        (["migrate", "deploy"], [f"Error: {_DROPPED}"]),
    ],
    ids=["reset", "force-reset", "accept-data-loss", "deploy"],
)
def test_what_would_lose_data_is_told_and_loses_nothing(
    gate: Gate, shop: Database, prisma: Prisma, command: list[str], lines: list[str]
) -> None:
    prisma.schema(_WITHOUT_NAME)
    prisma.migration("20260102000000_drop_name", "ALTER TABLE users DROP COLUMN name;\n")
    done = prisma.run(gate.url(shop.name), *command)
    said = (done.stdout + done.stderr).splitlines()
    if any(_ASKS in line for line in said):
        pytest.skip("Prisma asks a person first")
    assert done.returncode == 1
    assert [line for line in lines if line not in said] == [], "\n".join(said)
    assert shop.execute("SELECT id, name FROM users") == "1|ada"


def test_a_refused_migration_is_marked_and_the_next_one_runs(
    gate: Gate, shop: Database, prisma: Prisma
) -> None:
    url = gate.url(shop.name)
    prisma.migration("20260102000000_drop_name", "ALTER TABLE users DROP COLUMN name;\n")
    assert prisma.run(url, "migrate", "deploy").returncode == 1
    prisma.run(url, "migrate", "resolve", "--rolled-back", "20260102000000_drop_name")
    (prisma.folder / "migrations" / "20260102000000_drop_name" / "migration.sql").write_text(
        "ALTER TABLE users ADD COLUMN email text;\n"
    )
    done = prisma.run(url, "migrate", "deploy")
    assert "All migrations have been successfully applied." in done.stdout, done.stdout + done.stderr
    assert shop.execute("SELECT id, name, email FROM users") == "1|ada|"


_REGISTERED = """\
version: 1
name: registered
environment: staging
rules:
  - id: migrations-only
    match: {classes: [ddl], not: {traits: [temporary]}}
    require: {migration: registered}
    deny: "{effect} on {targets} changes the schema, and that comes through a migration."
    hint: "Write a migration (prisma migrate dev), and deploy it (prisma migrate deploy)."
"""
_ONLY = "changes the schema, and that comes through a migration. [rule migrations-only]"


@pytest.mark.slow
def test_what_prisma_registers_passes_and_nothing_else(
    serve: Serve, server: Cluster, new_database: Callable[[Cluster], Database], prisma: Prisma, psql: Program
) -> None:
    gate, shop = serve(_REGISTERED), new_database(server)
    url = gate.url(shop.name)
    prisma.schema(_MODEL)
    prisma.migration("20260101000000_init", _INIT)
    prisma.migration("20260102000000_email", "-- é\nALTER TABLE users ADD COLUMN email text;\n")
    done = prisma.run(url, "migrate", "deploy")
    assert "All migrations have been successfully applied." in done.stdout, done.stdout + done.stderr
    pushed = prisma.run(url, "db", "push", "--accept-data-loss")
    assert pushed.returncode == 1
    assert f"DROP COLUMN email on users {_ONLY}" in pushed.stdout + pushed.stderr
    assert _ONLY in psql(url, "-c", "ALTER TABLE users ADD COLUMN age int").err
    assert (
        shop.execute(
            "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM "
            "information_schema.columns WHERE table_name = 'users'"
        )
        == "id name email"
    )


_RUN_ALONE = _REGISTERED.replace("registered", "run")


@pytest.mark.slow
def test_a_run_of_prisma_from_a_failure_to_another(
    serve: Serve,
    server: Cluster,
    new_database: Callable[[Cluster], Database],
    prisma: Prisma,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, shop = serve(_RUN_ALONE), new_database(server)
    url = gate.url(shop.name, schema="public")
    for name, value in prisma.environment(
        DATABASE_URL=url,
        PGWARDEN_LEDGER=str(tmp_path / "ledger"),
        PGWARDEN_POLICY=str(tmp_path / "policy.yaml"),
    ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(prisma.folder)
    prisma.schema(_MODEL)
    prisma.migration("20260101000000_init", _INIT)
    alone = prisma.run(url, "migrate", "deploy")
    assert _ONLY in alone.stdout + alone.stderr

    # Prisma has written down that it failed, and runs nothing until that is resolved.
    deploy = ("migrate", "--", *prisma.command("migrate", "deploy"))
    stopped = pgwarden(*deploy)
    assert (stopped.code, stopped.out) == (1, "")
    assert "npx prisma migrate resolve --rolled-back 20260101000000_init" in stopped.err
    prisma.run(url, "migrate", "resolve", "--rolled-back", "20260101000000_init")

    done = pgwarden(*deploy)
    assert (done.code, done.err) == (0, "")
    assert "applied: 20260101000000_init" in done.out.splitlines()
    assert prisma.run(url, "migrate", "status").returncode == 0

    prisma.migration("20260102000000_email", "ALTER TABLE users ADD COLUMN email text; SELECT 1/0;\n")
    failed = pgwarden(*deploy)
    assert failed.code == 3
    assert failed.err.splitlines() == [
        "pgwarden: the command ended with 1",
        "pgwarden: the migration 20260102000000_email failed; Prisma runs no other until that is resolved",
        "pgwarden: where nothing of it stays: npx prisma migrate resolve --rolled-back 20260102000000_email, "
        "mend the script, and run this again",
        "pgwarden: where you finish it by hand: npx prisma migrate resolve --applied 20260102000000_email",
        "pgwarden: no change of this run stays in the database",
    ]
    assert (
        shop.execute(
            "SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'users'::regclass "
            "AND attnum > 0"
        )
        == "id name"
    )


def of_the_page(rule: str) -> str:
    """The policy of README.md's block with this rule."""
    page = Path(__file__).parents[2].joinpath("README.md").read_text()
    (block,) = (
        block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if f"id: {rule}\n" in block
    )
    return f"version: 1\nname: development\n{block}"


@pytest.mark.slow
def test_shadow_databases_of_migrate_dev_where_the_policy_says_so(
    serve: Serve, server: Cluster, new_database: Callable[[Cluster], Database], prisma: Prisma, psql: Program
) -> None:
    gate, shop = serve(of_the_page("shadow-databases")), new_database(server)
    url = gate.url(shop.name)
    prisma.schema(_MODEL)
    done = prisma.run(url, "migrate", "dev", "--name", "init")
    assert "Your database is now in sync with your schema." in done.stdout, done.stdout + done.stderr
    assert shop.execute("SELECT migration_name LIKE '%\\_init' FROM _prisma_migrations") == "t"
    assert server.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'prisma%'") == "0"
    assert _ONLY in psql(url, "-c", "DROP TABLE users").err
    assert psql(url, "-c", 'CREATE DATABASE "prisma_migrate_shadow_db_mine"').code == 0
    inside = gate.url("prisma_migrate_shadow_db_mine")
    assert psql(inside, "-c", "CREATE TABLE t ()", "-c", "DROP TABLE t").code == 0
    for where in (url, inside):
        for refused in (
            f"DROP DATABASE {shop.name}",
            "CREATE DATABASE mine",
            f"ALTER DATABASE {shop.name} RENAME TO mine",
        ):
            assert "[rule shadow-databases]" in psql(where, "-c", refused).err
    assert psql(url, "-c", 'DROP DATABASE "prisma_migrate_shadow_db_mine"').code == 0
