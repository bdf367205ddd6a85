"""WAL-G: `wal-g backup-list --detail --json` (https://wal-g.readthedocs.io/PostgreSQL/#backup-list)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from proxy.backup.providers.known import Known, Listing, Row, decode

SOURCE: Final = "walg"
COMMAND: Final = ("wal-g", "backup-list", "--detail", "--json")


class _Backup(Row, frozen=True):
    backup_name: str
    finish_time: datetime
    finish_lsn: int | None = None
    compressed_size: int | None = None
    pg_version: int | None = None
    storage_name: str = "default"


def read(text: bytes) -> Listing:
    """The base backups of one storage.

    Raises:
        BackupError: this is something else; without --detail nobody knows when a backup finished.
    """
    rows = decode(text, list[_Backup], "wal-g backup-list --detail --json")
    return Listing(
        SOURCE,
        tuple({f"{SOURCE}://{row.storage_name}/" for row in rows}),
        tuple(
            Known(
                f"{SOURCE}://{row.storage_name}/{row.backup_name}",
                row.finish_time,
                size_bytes=row.compressed_size or None,
                position="" if row.finish_lsn is None else _position(row.finish_lsn),
                tool="WAL-G",
            )
            for row in rows
        ),
    )


def _position(number: int) -> str:
    """A pg_lsn as the server writes it."""
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"
