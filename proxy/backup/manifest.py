"""What lies beside each archive and says what it is.

It is written last: a folder without it holds no backup. Restores and proofs go by it alone, since after a
disaster the ledger may be gone too. Deliberately absent: secrets; it is not encrypted where the archive is.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Literal

import msgspec

from proxy.backup.clients import BackupError, Damaged
from proxy.backup.places import MANIFEST, Place

SEALED: Final = ".age"
_MAX_BYTES: Final = 64 * 1024 * 1024

Format = Literal["custom", "directory"]


class Count(msgspec.Struct, frozen=True, array_like=True):
    """How many rows a table had in the snapshot."""

    schema: str
    table: str
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A backup.

    Attributes:
        archive: the object's name beside this one; of the format "directory" it is a tar file.
        sha256, size_bytes: of the archive as it lies there.
        encrypted: with age.
        snapshot_at: what was written later is not in it.
        position: of the write-ahead log at that moment, such as "0/1A2B3C4".
        tables: None for the whole database, else "schema.name" each.
        counts: None where nobody counted.
        roles: names, so that owners and privileges can be restored elsewhere.
        files: SHA-256 of the other objects.
    """

    version: int = 1
    database: str
    format: Format
    archive: str
    sha256: str
    size_bytes: int
    encrypted: bool
    snapshot_at: datetime
    finished: datetime
    duration_ms: int
    position: str
    server_version: str
    tool_version: str
    tables: tuple[str, ...] | None
    counts: tuple[Count, ...] | None
    roles: tuple[str, ...]
    files: dict[str, str] = {}

    @property
    def tool_major(self) -> int:
        """The major version of pg_dump, which is not older than the server's: what can read the archive."""
        return major_of(self.tool_version)


_DECODER: Final = msgspec.json.Decoder(Manifest)


def major_of(version: str) -> int:
    """17 of "17.10" and of "17beta1"."""
    digits = re.match(r"\d+", version)
    return int(digits[0]) if digits else 0


def spell_manifest(manifest: Manifest) -> bytes:
    """As it is kept."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(place: Place, folder: str) -> Manifest:
    """What a folder holds.

    Raises:
        BackupError: no backup.
    """
    path = f"{folder}/{MANIFEST}"
    where = place.location(folder)
    try:
        size = place.size(path)
        if size is None or size > _MAX_BYTES:
            raise Damaged(f"{where} holds no backup: it has no {MANIFEST}")
        manifest = _DECODER.decode(b"".join(place.read(path)))
    except FileNotFoundError:
        raise Damaged(f"{where} holds no backup: it has no {MANIFEST}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Damaged(f"{MANIFEST} in {where} is damaged") from None
    if manifest.version != 1 or "/" in manifest.archive:
        raise BackupError(f"{MANIFEST} in {where} was written by a newer pgwarden, or is damaged")
    return manifest
