"""Who waits for a statement: table locks as traits.

Out: a set of traits for each strength of lock, and the lock that storage options take. Sources: the manual's
explicit-locking page, which says what conflicts; for ALTER TABLE its sql-altertable page and the server's
AlterTableGetLockLevel(); for options reloptions.c. Tests compare them with pg_locks of real servers.
Deliberately absent: locks that only the catalogue tells, such as those of a table's other partitions.
"""

from __future__ import annotations

from collections.abc import Iterable

# ACCESS EXCLUSIVE.
BLOCKS_ALL = frozenset({"blocks_reads", "blocks_writes"})
# SHARE, SHARE ROW EXCLUSIVE, EXCLUSIVE.
BLOCKS_WRITES = frozenset({"blocks_writes"})
# SHARE UPDATE EXCLUSIVE and weaker.
BLOCKS_NOTHING: frozenset[str] = frozenset()
REWRITES = BLOCKS_ALL | {"rewrites_table"}

# LOCKMODE of the grammar.
_MODES = (
    "",
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)
# Of a table's and an index's options those that need no more than SHARE UPDATE EXCLUSIVE.
_WEAK_OPTIONS = frozenset(
    {
        "autosummarize",
        "deduplicate_items",
        "fillfactor",
        "log_autovacuum_min_duration",
        "parallel_workers",
        "toast_tuple_target",
        "vacuum_index_cleanup",
        "vacuum_max_eager_freeze_failure_rate",
        "vacuum_truncate",
    }
)


def mode_name(mode: int) -> str:
    """What LOCK TABLE calls a lock."""
    return _MODES[mode] if 0 < mode < len(_MODES) else str(mode)


def of_mode(mode: int) -> frozenset[str]:
    """Who waits for a lock of this mode; the strongest is taken for one that nobody knows."""
    if 0 < mode < 5:
        return BLOCKS_NOTHING
    return BLOCKS_WRITES if 5 <= mode <= 7 else BLOCKS_ALL


def of_options(names: Iterable[str]) -> frozenset[str]:
    """Who waits while these storage parameters of a table or an index are set or reset."""
    weak = all(name in _WEAK_OPTIONS or name.startswith("autovacuum_") for name in names)
    return BLOCKS_NOTHING if weak else BLOCKS_ALL
