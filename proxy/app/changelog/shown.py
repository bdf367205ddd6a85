"""A change as a JSON object, and in the words that people read.

Enters: a change, the copies of backups. Leaves: one flat object, whose keys are also the columns of the
table that a change log may be put into.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from proxy.app.changelog.plan import backup_text, last_backup, rollback_plan
from proxy.policy.recording import Ending
from proxy.records import BackupRecord
from proxy.records.changelog import ChangeRecord

NOT_KNOWN: Final = "not known"
RISKS: Final = {
    "none": "None",
    "low": "Low (additive only)",
    "medium": "Medium (locks, rewrites or replaces)",
    "high": "High (may lose data or protection)",
}
_ENDINGS: Final = {
    Ending.COMMITTED: "committed",
    Ending.ROLLED_BACK: "rolled back: it completed, and was undone with its transaction",
    Ending.FAILED: "failed: nothing of it stays",
    Ending.PARTLY: "partly committed: look at which of its statements stay",
    Ending.PREPARED: "prepared: COMMIT PREPARED or ROLLBACK PREPARED of {kept_as} decides; no end was seen",
    Ending.NOT_RUN: "not run: it was kept back after all",
    Ending.UNKNOWN: "not known: the connection ended before the server said, or its answer tells too little",
}
_OPEN: Final = "not known: its transaction is open, or the gate was killed before it ended"


def outcome_word(change: ChangeRecord) -> str:
    """One word for a table."""
    return NOT_KNOWN if change.ending in (None, Ending.UNKNOWN) else str(change.ending).replace("_", " ")


def outcome_text(change: ChangeRecord) -> str:
    """How a change ended, as a sentence without a full stop."""
    ended = change.ended
    if ended is None or change.ending is None:
        return _OPEN
    text = _ENDINGS[change.ending].format(kept_as=repr(ended.kept_as))
    if change.decided_by:
        verb = "committed" if change.ending is Ending.COMMITTED else "rolled back"
        text = f"{verb} with the prepared transaction {ended.kept_as!r}, by change {change.decided_by}"
    said = [
        *([f"SQLSTATE {ended.sqlstate}"] if ended.sqlstate else []),
        *([", ".join(ended.tags)] if ended.tags else []),
        *([f"{ended.rows} {'row' if ended.rows == 1 else 'rows'}"] if ended.rows is not None else []),
        *([f"{ended.duration_ms} ms"] if ended.duration_ms is not None else []),
    ]
    return f"{text} ({'; '.join(said)})" if said else text


def moment_text(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def as_dict(change: ChangeRecord, copies: Sequence[BackupRecord]) -> dict[str, object]:
    """All that is known of a change, under the keys of `changes export --format json`."""
    begun, ended = change.begun, change.ended
    newest = last_backup(change, copies)
    return {
        "change": change.number,
        "time": moment_text(change.entry.moment),
        "recorded_by": change.entry.recorded_by,
        "database": begun.database,
        "role": begun.role,
        "client_address": begun.client_address,
        "application": begun.application,
        "listener": begun.listener,
        "transaction": begun.transaction,
        "policy": begun.policy,
        "statement": begun.statement,
        "effects": list(begun.effects),
        "targets": list(begun.targets),
        "risk": begun.risk,
        "migration": begun.migration or None,
        "backup": begun.backup or None,
        "newest_backup": None if newest is None else newest.location,
        "approval": begun.approval or None,
        "staging": begun.staging or None,
        "outcome": None if change.ending is None else str(change.ending),
        "tags": [] if ended is None else list(ended.tags),
        "rows": None if ended is None else ended.rows,
        "sqlstate": None if ended is None else ended.sqlstate or None,
        "duration_ms": None if ended is None else ended.duration_ms,
        "prepared_as": None if ended is None else ended.kept_as or None,
        "rollback_plan": list(rollback_plan(change, copies)),
    }


def facts_of(found: ChangeRecord, copies: Sequence[BackupRecord]) -> dict[str, str]:
    """All that is known of a change but its statement, in words, by what they say."""
    begun = found.begun
    address = begun.client_address or "a Unix socket"
    application = f" with {begun.application}" if begun.application else ""
    return {
        "change": str(found.number),
        "time": moment_text(found.entry.moment),
        "outcome": outcome_text(found),
        "risk": RISKS.get(begun.risk, begun.risk),
        "database": begun.database,
        "by": f"{begun.role} from {address}{application}",
        "through": f"{begun.listener}, recorded by {found.entry.recorded_by}",
        "transaction": "begun before it" if begun.transaction == "open" else "none begun before it",
        "effects": ", ".join(begun.effects),
        "targets": ", ".join(begun.targets),
        "migration": begun.migration or "none known",
        "backup": backup_text(found, copies),
        "approval": begun.approval or "none asked for",
        "staging": begun.staging or "none asked for",
        "policy": begun.policy,
    }
