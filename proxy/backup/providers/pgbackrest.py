"""pgBackRest: `pgbackrest info --output=json` (https://pgbackrest.org/command.html#command-info)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from proxy.backup.providers.known import Known, Listing, Row, decode

SOURCE: Final = "pgbackrest"
COMMAND: Final = ("pgbackrest", "info", "--output=json")


class _Database(Row, frozen=True, rename="kebab"):
    repo_key: int = 1


class _Moments(Row, frozen=True):
    stop: int


class _Info(Row, frozen=True):
    size: int | None = None


class _Lsn(Row, frozen=True):
    stop: str = ""


class _Maker(Row, frozen=True):
    version: str = ""


class _Backup(Row, frozen=True):
    label: str
    timestamp: _Moments
    database: _Database = msgspec.field(default_factory=_Database)
    error: bool | None = None
    info: _Info = msgspec.field(default_factory=_Info)
    lsn: _Lsn | None = None
    backrest: _Maker = msgspec.field(default_factory=_Maker)
    type: str = ""


class _Stanza(Row, frozen=True):
    name: str
    backup: tuple[_Backup, ...] = ()


def read(text: bytes) -> Listing:
    """The backups of all stanzas; those with errors (pages that failed their checksum) are left out.

    Raises:
        BackupError: this is something else.
    """
    stanzas = decode(text, list[_Stanza], "pgbackrest info --output=json")
    return Listing(
        SOURCE,
        tuple(f"{SOURCE}://{stanza.name}/" for stanza in stanzas),
        tuple(
            Known(
                f"{SOURCE}://{stanza.name}/repo{backup.database.repo_key}/{backup.label}",
                datetime.fromtimestamp(backup.timestamp.stop, UTC),
                size_bytes=backup.info.size or None,
                position=backup.lsn.stop if backup.lsn is not None else "",
                tool=f"pgBackRest {backup.backrest.version}".strip(),
                notes=backup.type,
            )
            for stanza in stanzas
            for backup in stanza.backup
            if not backup.error
        ),
    )
