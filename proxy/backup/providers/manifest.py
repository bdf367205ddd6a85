"""A command of the team's own, whose output says what backups there are.

```json
{"source": "nightly", "complete": true, "backups": [
  {"database": "shop", "location": "s3://backups/shop.dump", "finished": "2026-11-26T02:00:00Z",
   "verified": "checksum", "size_bytes": 1048576, "position": "0/1A2B3C4", "notes": ""}]}
```

`database`, `location` and `finished` are needed. `complete` says that what it does not list is gone. Keys
that are not known are mistakes: this is our own format.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Literal

import msgspec

from proxy.backup.clients import BackupError
from proxy.backup.providers.known import Known, Listing
from proxy.policy.facts import Verification

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
RESERVED: Final = ("pgwarden", "supabase", "pgbackrest", "walg", "barman")


class _Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    database: str
    location: str
    finished: datetime
    verified: Literal["recorded", "exists", "checksum", "toc", "full_read", "restored"] = "recorded"
    size_bytes: int | None = None
    position: str = ""
    notes: str = ""


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    backups: list[_Backup]
    complete: bool = False


def read(text: bytes) -> Listing:
    """What the command says.

    Raises:
        BackupError: it is no manifest.
    """
    try:
        said = msgspec.json.decode(text, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"this is no manifest of backups: {error}") from None
    if not _NAME.fullmatch(said.source) or said.source in RESERVED:
        raise BackupError(
            "the manifest's source must be a name of your own: lower-case letters, digits, _ and -, "
            f"and none of {', '.join(RESERVED)}"
        )
    backups = tuple(
        Known(
            row.location,
            row.finished,
            Verification[row.verified.upper()],
            row.size_bytes,
            row.database,
            row.position,
            notes=row.notes,
        )
        for row in said.backups
    )
    return Listing(said.source, ("",) if said.complete else (), backups)
