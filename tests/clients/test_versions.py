"""Each major version of the server, and PgBouncer in transaction mode: the same work, the same refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import POLICY, Gate, serving, upstream_of
from tests.clients.programs import Done, Program
from tests.clients.test_psql import AT, CATALOGUE, DROP, syntax_error
from tests.conftest import Programs, ServerAt, StartPgBouncer
from tests.servers.database import Database
from tests.servers.postgres import MAJORS


@pytest.fixture(scope="module")
def gate(server_at: ServerAt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate with a door to each server."""
    folder: Path = tmp_path_factory.mktemp("versions")
    (folder / "policy.yaml").write_text(POLICY)
    ways = [upstream_of(server_at(major)) for major in MAJORS]
    with serving(folder, folder / "policy.yaml", *ways) as gate:
        yield gate


@pytest.fixture(scope="module", params=MAJORS, ids=lambda major: f"pg{major}")
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def cluster(server_at: ServerAt, major: int) -> Iterator[Cluster]:
    cluster = server_at(major)
    cluster.execute("CREATE DATABASE versions")
    cluster.execute("CREATE TABLE users (id int PRIMARY KEY, name text)", "versions")
    yield cluster
    cluster.execute("DROP DATABASE versions WITH (FORCE)")


def url_to(gate: Gate, major: int) -> str:
    return gate.url("versions", door=MAJORS.index(major))


def test_psql_of_that_version(gate: Gate, cluster: Cluster, major: int, programs: Programs) -> None:
    psql = Program(programs(major) / "psql", ("--no-psqlrc",))
    url = url_to(gate, major)
    assert psql(url, *AT, "-c", "DROP TABLE users") == Done(1, "", DROP)
    assert psql(url, *AT, "-c", "SELEC 1") == Done(1, "", syntax_error("SELEC", "LINE 1: SELEC 1"))
    assert psql(url, "-e", script=CATALOGUE) == psql(cluster.url("versions"), "-e", script=CATALOGUE)


@pytest.mark.parametrize("mode", ["extended", "prepared"])
def test_pgbench_of_that_version(
    gate: Gate, cluster: Cluster, major: int, programs: Programs, mode: str
) -> None:
    pgbench = Program(programs(major) / "pgbench", ())
    assert pgbench("-i", "-q", cluster.url("versions")).code == 0
    done = pgbench("-n", "-t", "20", "-c", "4", "-M", mode, url_to(gate, major))
    assert (done.code, "processed: 80/80\n" in done.out) == (0, True), done.err


def test_a_driver(gate: Gate, cluster: Cluster, major: int) -> None:
    with psycopg.connect(url_to(gate, major), autocommit=True) as connection:
        assert connection.info.server_version // 10000 == major
        for prepare in (False, True):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DROP TABLE users", prepare=prepare)
            assert connection.execute("SELECT %s::int", [7], prepare=prepare).fetchone() == (7,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.pipeline():
            connection.execute("INSERT INTO users VALUES (1, 'x')")
            connection.execute("DELETE FROM users")
        with connection.cursor().copy("COPY users FROM STDIN") as copy:
            copy.write_row((2, "x"))
        assert connection.execute("SELECT id FROM users").fetchall() == [(2,)]
        connection.execute("DELETE FROM users WHERE id = 2")


def test_behind_pgbouncer(
    pgbouncer: StartPgBouncer, server: Cluster, users: Database, tmp_path: Path
) -> None:
    pool = pgbouncer(server.port, "transaction")
    (tmp_path / "policy.yaml").write_text(POLICY)
    upstream = f"postgresql://127.0.0.1:{pool.port}"
    with serving(tmp_path, tmp_path / "policy.yaml", upstream) as gate:
        for _ in range(2):
            with psycopg.connect(gate.url(users.name), autocommit=True, prepare_threshold=1) as connection:
                for number in range(5):
                    assert connection.execute("SELECT %s::int", [number]).fetchone() == (number,)
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute("DROP TABLE users", prepare=number % 2 == 0)
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    connection.execute("INSERT INTO users VALUES (2, 'x')")
                    connection.execute("TRUNCATE users")
                assert connection.execute("SELECT id FROM users").fetchall() == [(1,)]
