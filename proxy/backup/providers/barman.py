"""Barman: `barman --format json list-backups all` (https://docs.pgbarman.org/, class JsonOutputWriter)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from proxy.backup.clients import BackupError
from proxy.backup.providers.known import Known, Listing, Row, decode

SOURCE: Final = "barman"
COMMAND: Final = ("barman", "--format", "json", "list-backups", "all")
# A backup that waits for its last WAL files cannot be restored yet.
_COMPLETE: Final = "DONE"


class _Backup(Row, frozen=True):
    backup_id: str
    status: str
    end_time_timestamp: str = ""
    size_bytes: int | None = None
    backup_type: str | None = None


def read(text: bytes) -> Listing:
    """The complete backups of all servers.

    Raises:
        BackupError: this is something else.
    """
    what = "barman --format json list-backups"
    servers = decode(text, dict[str, msgspec.Raw], what)
    known: list[Known] = []
    scopes: list[str] = []
    for server, rows in servers.items():
        if server.startswith("_"):  # _INFO, _WARNING: what barman has to say
            continue
        scopes.append(f"{SOURCE}://{server}/")
        for row in decode(bytes(rows), list[_Backup], what):
            if row.status != _COMPLETE:
                continue
            if not row.end_time_timestamp.isdigit():
                raise BackupError(f"this is not what {what} prints: {row.backup_id} has no end")
            known.append(
                Known(
                    f"{SOURCE}://{server}/{row.backup_id}",
                    datetime.fromtimestamp(int(row.end_time_timestamp), UTC),
                    size_bytes=row.size_bytes or None,
                    tool="Barman",
                    notes=row.backup_type or "",
                )
            )
    return Listing(SOURCE, tuple(scopes), tuple(known))
