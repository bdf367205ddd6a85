"""What the ledger is told of a backup that pgwarden has made, whoever had it made."""

from __future__ import annotations

from proxy.backup.make import Good
from proxy.backup.manifest import Manifest
from proxy.policy.wanting import SOURCE
from proxy.records import Making, NewBackup

__all__ = ["SOURCE", "recorded"]


def recorded(manifest: Manifest, copy: Good, by: str) -> NewBackup:
    """A copy, as it is recorded."""
    making = Making(
        source=SOURCE,
        snapshot_at=manifest.snapshot_at,
        position=manifest.position,
        sha256=manifest.sha256,
        encrypted=manifest.encrypted,
        duration_ms=manifest.duration_ms,
        tool=f"pg_dump {manifest.tool_version}",
        server=manifest.server_version,
        tables=manifest.tables,
        restore_ms=copy.restore_ms,
    )
    return NewBackup(
        manifest.database,
        manifest.finished,
        copy.location,
        copy.verified,
        by,
        manifest.size_bytes,
        making=making,
    )
