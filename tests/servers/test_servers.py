"""The real programs run, and run what their names say."""

import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.conftest import Programs, StartPgBouncer
from tests.servers.database import Database
from tests.servers.debian import unpack
from tests.servers.node import Node
from tests.servers.postgres import MAJORS

_NODE_SCRIPT = """
const { Client } = require("pg");
(async () => {
  const client = new Client({ connectionString: process.argv[2] });
  await client.connect();
  const answer = await client.query("select $1::int + 1 as sum", [41]);
  console.log(JSON.stringify(answer.rows));
  await client.end();
})();
"""


def test_each_major_version_runs(every_server: Cluster, request: pytest.FixtureRequest) -> None:
    major = request.node.callspec.params["every_server"]
    assert int(every_server.execute("SHOW server_version_num")) // 10_000 == major


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("program", ["psql", "pgbench", "pg_dump", "pg_basebackup"])
def test_client_programs_are_there(programs: Programs, major: int, program: str) -> None:
    done = subprocess.run(
        [programs(major) / program, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{program} (PostgreSQL) {major}.")


def test_a_database_is_empty_and_its_own(database: Database) -> None:
    assert database.execute(
        "SELECT current_database(), count(*) FROM pg_class WHERE relnamespace = 2200"
    ) == (f"{database.name}|0")


def test_a_database_takes_a_driver(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (database.name,)


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_pgbouncer_pools(database: Database, pgbouncer: StartPgBouncer, mode: str) -> None:
    pooler = pgbouncer(database.port, "transaction" if mode == "transaction" else "session")
    with psycopg.connect(pooler.url(database.name), prepare_threshold=None) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (database.name,)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="this is no Debian")
def test_a_machine_without_package_lists_fetches_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lists" / "partial").mkdir(parents=True)
    (tmp_path / "apt.conf").write_text(f'Dir::State::lists "{tmp_path / "lists"}";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    (tmp_path / "programs").mkdir()
    unpack(tmp_path / "programs", "pgbouncer")
    assert (tmp_path / "programs" / "usr" / "sbin" / "pgbouncer").is_file()
    assert list((tmp_path / "lists").iterdir()) == [tmp_path / "lists" / "partial"]


def test_node_postgres_asks(database: Database, node: Node) -> None:
    done = node.run(_NODE_SCRIPT, database.dsn)
    assert (done.stdout, done.stderr, done.returncode) == ('[{"sum":42}]\n', "", 0)


def test_the_german_server_speaks_german(german_server: Cluster) -> None:
    with psycopg.connect(german_server.dsn) as client, pytest.raises(psycopg.errors.SyntaxError) as raised:
        client.execute("pgw_1")
    assert raised.value.diag.message_primary == "Syntaxfehler bei »pgw_1«"
