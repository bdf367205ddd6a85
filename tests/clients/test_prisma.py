"""The real Prisma CLI at the gate: what it may do, and what its user reads when it may not."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import Gate
from tests.servers.cache import Missing
from tests.servers.database import Database
from tests.servers.prisma import Prisma, new_project

_MODEL = "model users {\n  id Int @id\n  name String\n}\n"
_WITHOUT_NAME = "model users {\n  id Int @id\n}\n"
_INIT = "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL);\n"
_DROPPED = "DROP COLUMN name on users would lose data. [rule no-drop]"
_DETAIL = "DETAIL: A column is dropped: users (high risk)."
_HINT = "HINT: Keep it, or ask the owners of this database to remove it; reset only development databases."
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
