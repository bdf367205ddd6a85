"""The PostgreSQL server behind every target, and the table that the workloads read.

Enters: how many keys the table shall have. Leaves: a running server whose role `bench` needs no password.
Deliberately absent: anything that would make the server slower or less even than it can be (durability,
autovacuum, JIT): what is measured stands in front of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Final

from benchmarks.client import Address
from benchmarks.statements import (
    BRANCHES,
    FIRST_BRANCH,
    FIRST_TELLER,
    FIRST_USER,
    ORDERS,
    TELLERS,
    USERS,
)
from benchmarks.transfers import BULK
from benchmarks.workloads import KEY_FIRST, TABLE
from proxy.backup.account import scratch_directory, server_account
from proxy.backup.cluster import Cluster
from proxy.backup.programs import find_binaries

USER: Final = "bench"
DATABASE: Final = "bench"
DECOY: Final = "bench_decoy"
"""A table of the role's own, for a target that claims to refuse DROP TABLE: the server itself would let it
go."""
PREY: Final = "bench_prey"
"""Another, for the target that claims to let it pass."""

_SETTINGS: Final = {
    "max_connections": "800",
    "shared_buffers": "256MB",
    "autovacuum": "off",
    "jit": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}

_OTHER_TABLES: Final = f"""
CREATE UNLOGGED TABLE {BULK} AS SELECT aid, bid, abalance FROM {TABLE};
CREATE UNLOGGED TABLE pgbench_branches (bid integer PRIMARY KEY, bbalance integer);
INSERT INTO pgbench_branches SELECT {FIRST_BRANCH} + n, 0 FROM generate_series(0, {BRANCHES - 1}) AS n;
CREATE UNLOGGED TABLE pgbench_tellers (tid integer PRIMARY KEY, tbalance integer);
INSERT INTO pgbench_tellers SELECT {FIRST_TELLER} + n, 0 FROM generate_series(0, {TELLERS - 1}) AS n;
CREATE UNLOGGED TABLE pgbench_history (tid integer, bid integer, aid integer, delta integer, mtime timestamp);
CREATE UNLOGGED TABLE shop_sink (LIKE pgbench_history);
CREATE UNLOGGED TABLE shop_text (filler text);
CREATE UNLOGGED TABLE shop_user (id integer PRIMARY KEY, email text UNIQUE, name text, role text, seen bigint,
    created_at timestamptz, tenant_id integer) WITH (fillfactor = 50);
INSERT INTO shop_user SELECT id, 'user' || id || '@example.org', 'Ada', 'MEMBER', 0, now(), 1
    FROM generate_series({FIRST_USER}, {FIRST_USER + USERS - 1}) AS id;
CREATE UNLOGGED TABLE shop_order (id integer PRIMARY KEY, user_id integer, state text, total numeric(10, 2),
    created_at timestamptz);
INSERT INTO shop_order
    SELECT n, {FIRST_USER} + n % {USERS}, 'paid', 17.5, now() - n * interval '1 s'
    FROM generate_series(0, {USERS * ORDERS - 1}) AS n;
CREATE INDEX ON shop_order (user_id);
CREATE UNLOGGED TABLE shop_event (id bigint GENERATED ALWAYS AS IDENTITY, user_id integer, kind text,
    detail text, created_at timestamptz);
"""


def _fill(cluster: Cluster, key_count: int) -> None:
    cluster.execute(f"CREATE ROLE {USER} LOGIN")
    cluster.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
    cluster.execute(
        f"""
        SET ROLE {USER};
        CREATE UNLOGGED TABLE {TABLE} (aid integer PRIMARY KEY, bid integer, abalance integer);
        INSERT INTO {TABLE} SELECT aid, 1, aid % 1000
            FROM generate_series({KEY_FIRST}, {KEY_FIRST + key_count - 1}) AS aid;
        CREATE TABLE {DECOY} ();
        CREATE TABLE {PREY} ();
        {_OTHER_TABLES}
        VACUUM ANALYZE;
        RESET ROLE;
        CHECKPOINT;
        """,
        DATABASE,
    )


@contextmanager
def filled_server(
    key_count: int, programs: Path | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[Address]:
    """Start a throwaway server with the table in it, at a port and a Unix socket; all of it goes afterwards.

    Args:
        key_count: rows of the table, from KEY_FIRST on.
        programs: directory of PostgreSQL's programs; None takes what `find_binaries` finds.
        tls: certificate and key; None leaves TLS off.
    """
    sockets = scratch_directory("pgwarden-sockets-", server_account())
    settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
    try:
        with Cluster(programs or find_binaries(), settings=settings, tls=tls) as cluster:
            _fill(cluster, key_count)
            yield Address(cluster.port, USER, DATABASE, sockets=str(sockets))
    finally:
        rmtree(sockets, ignore_errors=True)
