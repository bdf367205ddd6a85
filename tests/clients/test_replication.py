"""Replication connections: refused by the shipped policies, open to whom a policy names; real programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.conftest import Serve
from tests.clients.gate import POLICY, Gate, upstream_of
from tests.clients.programs import Program
from tests.conftest import Programs
from tests.servers.postgres import memory_directory

_SHIPPED = Path(__file__).resolve().parents[2] / "policies"
FOR_REPLICAS = POLICY + "replication: {roles: [postgres], cidrs: [127.0.0.0/8]}\n"
REFUSED = "Replication is not for postgres: it carries everything, whatever the rules say. [rule replication]"
SLOT = "pgwarden_test"


@pytest.fixture(scope="module", params=[15, 18], ids=lambda major: f"pg{major}")
def logical(request: pytest.FixtureRequest, programs: Programs) -> Iterator[Cluster]:
    """A server that can decode what it writes."""
    settings = {"wal_level": "logical", "max_wal_senders": "8", "max_replication_slots": "4"}
    with Cluster(programs(request.param), memory_directory(), settings=settings) as cluster:
        cluster.execute(
            "CREATE TABLE t (id int); SELECT pg_create_logical_replication_slot('logical', 'test_decoding')"
        )
        cluster.execute("SELECT pg_create_physical_replication_slot('physical', true)")
        yield cluster


def at(gate: Gate, cluster: Cluster, name: str) -> Program:
    flags = ("--host", "127.0.0.1", "--port", str(gate.port), "--username", "postgres", "--no-password")
    return Program(cluster.bin_dir / name, flags)


@pytest.mark.parametrize("policy", ["production", "observe"])
def test_the_shipped_policies(logical: Cluster, serve: Serve, tmp_path: Path, policy: str) -> None:
    """Production refuses them all; what only watches counts them, and lets them pass."""
    gate = serve(_SHIPPED / f"{policy}.yaml", upstream_of(logical))
    done = at(gate, logical, "pg_basebackup")("--pgdata", str(tmp_path / "copy"), "--checkpoint", "fast")
    assert (done.code, REFUSED in done.err) == ((1, True) if policy == "production" else (0, False)), done.err
    mode = "enforce" if policy == "production" else "shadow"
    counted = gate.metrics()[f'pgwarden_blocked_statements_total{{mode="{mode}",rule="replication"}}']
    assert counted >= 1
    line = gate.refusals.find(lambda line: line.get("rule") == "replication", "the refusal")
    assert (line["mode"], "connection.replication" in str(line["effects"])) == (mode, True)


def test_a_base_backup_for_whom_the_policy_names(logical: Cluster, serve: Serve, tmp_path: Path) -> None:
    """BASE_BACKUP and its stream of WAL, on two connections."""
    gate = serve(FOR_REPLICAS, upstream_of(logical))
    copy = tmp_path / "copy"
    done = at(gate, logical, "pg_basebackup")("--pgdata", str(copy), "--checkpoint", "fast")
    assert done.code == 0, done.err
    verified = Program(logical.bin_dir / "pg_verifybackup", ())(str(copy))
    assert verified.code == 0, verified.err


def test_a_stream_of_wal(logical: Cluster, serve: Serve, tmp_path: Path) -> None:
    gate = serve(FOR_REPLICAS, upstream_of(logical))
    logical.execute("INSERT INTO t SELECT generate_series(1, 1000)")
    end = logical.execute("SELECT pg_current_wal_flush_lsn()")
    done = at(gate, logical, "pg_receivewal")(
        "--directory", str(tmp_path), "--slot", "physical", "--endpos", end, "--no-loop"
    )
    assert done.code == 0, done.err
    assert [path.stat().st_size for path in tmp_path.iterdir() if path.suffix == ".partial"] == [16 * 1024**2]


def test_a_stream_of_changes(logical: Cluster, serve: Serve) -> None:
    """START_REPLICATION on a connection to a database; the slot stands already."""
    gate = serve(FOR_REPLICAS, upstream_of(logical))
    logical.execute("INSERT INTO t VALUES (4711)")
    end = logical.execute("SELECT pg_current_wal_insert_lsn()")  # commits are not flushed at once there
    logical.execute("INSERT INTO t VALUES (4712)")  # so that the stream goes on beyond the end
    done = at(gate, logical, "pg_recvlogical")(
        "--dbname", "postgres", "--slot", "logical", "--start", "--endpos", end, "--no-loop", "--file", "-"
    )
    assert done.code == 0, done.err
    assert "table public.t: INSERT: id[integer]:4711" in done.out


def test_slots_are_the_administrators(logical: Cluster, serve: Serve) -> None:
    """A slot that nobody reads fills the disk: it is judged as pg_create_physical_replication_slot() is."""
    gate = serve(FOR_REPLICAS, upstream_of(logical))
    done = at(gate, logical, "pg_receivewal")("--create-slot", "--slot", SLOT)
    assert done.code == 1
    assert "FATAL:  Changing replication is the work of the server's administrator." in done.err
    assert logical.execute(f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{SLOT}'") == "0"


def test_sql_on_a_replication_connection_is_judged(logical: Cluster, serve: Serve) -> None:
    gate = serve(FOR_REPLICAS, upstream_of(logical))
    psql = at(gate, logical, "psql")
    url = "dbname=postgres replication=database"
    assert psql("-Atc", "SELECT 1", "-c", "SHOW wal_level", url).out == "1\nlogical\n"
    assert "postgres" in psql("-Atc", "IDENTIFY_SYSTEM", url).out
    refused = psql("-c", "DROP TABLE t", "-c", "SELECT 2", url)
    assert "FATAL:  DROP TABLE on t would lose data. [rule no-drop]" in refused.err
    assert logical.execute("SELECT to_regclass('t') IS NOT NULL") == "t"
    lower = psql("-c", "drop_replication_slot physical", url)
    assert "syntax error" in lower.err


def test_who_is_not_named_is_refused(logical: Cluster, serve: Serve) -> None:
    gate = serve(POLICY + "replication: {roles: [replicator]}\n", upstream_of(logical))
    for kind in ("true", "on", "1", "database", "nonsense"):
        with pytest.raises(psycopg.OperationalError, match="Replication is not for postgres"):
            psycopg.connect(gate.url(replication=kind))
    with psycopg.connect(gate.url(replication="false")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
