"""The PostgreSQL server behind every target, and the table that the workloads read.

Enters: how many keys the table shall have. Leaves: a running server whose role `bench` needs no password.
Deliberately absent: anything that would make the server slower or less even than it can be (durability,
autovacuum, JIT): what is measured stands in front of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.client import Address
from benchmarks.workloads import KEY_FIRST, TABLE
from proxy.backup.cluster import Cluster
from proxy.backup.programs import find_binaries

USER: Final = "bench"
DATABASE: Final = "bench"
DECOY: Final = "bench_decoy"
"""A table of the role's own, for a target that claims to refuse DROP TABLE: the server itself would let it
go."""

_SETTINGS: Final = {
    "max_connections": "400",
    "shared_buffers": "256MB",
    "autovacuum": "off",
    "jit": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}


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
        VACUUM ANALYZE {TABLE};
        RESET ROLE;
        CHECKPOINT;
        """,
        DATABASE,
    )


@contextmanager
def filled_server(key_count: int, programs: Path | None = None) -> Iterator[Address]:
    """Start a throwaway server with the table in it; all of it goes when the block is left.

    Args:
        key_count: rows of the table, from KEY_FIRST on.
        programs: directory of PostgreSQL's programs; None takes what `find_binaries` finds.
    """
    with Cluster(programs or find_binaries(), settings=_SETTINGS) as cluster:
        _fill(cluster, key_count)
        yield Address(cluster.port, USER, DATABASE)
