"""The ledger's schema, as numbered steps that are never edited once released, for either database.

Every fact is an `entry`: one sequence without gaps over all kinds, each row with its hash over the one before
(entry.py). Deliberately absent: anything that updates or deletes; and any other table, since only what is in
the chain can be checked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.records.entry import GENESIS, Entry

Step: TypeAlias = str | Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; statements run in order within one transaction together with its own number's record."""

    number: int
    name: str
    sqlite: tuple[Step, ...]
    postgres: tuple[str, ...]


_REFUSAL: Final = "the ledger is append-only"


def _append_only(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("UPDATE", "DELETE")
    )


def _chain(connection: sqlite3.Connection) -> None:
    """Give the entries that are there their hashes."""
    previous = GENESIS
    rows = connection.execute(
        "SELECT sequence, kind, recorded_at, recorded_by, payload FROM entry ORDER BY sequence"
    ).fetchall()
    for sequence, kind, recorded_at, recorded_by, payload in rows:
        entry = Entry(sequence, kind, "", recorded_at, recorded_by, payload, "")
        previous = entry.hash_after(previous)
        connection.execute("UPDATE entry SET hash = ? WHERE sequence = ?", (previous, sequence))


MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration(
        1,
        "entries and backups",
        (
            """
            CREATE TABLE entry (
                sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
                kind TEXT NOT NULL,
                recorded_at TEXT NOT NULL,
                recorded_by TEXT NOT NULL,
                payload TEXT NOT NULL
            )
            """,
            """
            CREATE TABLE backup (
                sequence INTEGER PRIMARY KEY REFERENCES entry (sequence),
                database TEXT NOT NULL,
                finished TEXT NOT NULL,
                location TEXT NOT NULL,
                verified TEXT NOT NULL,
                size_bytes INTEGER,
                notes TEXT NOT NULL,
                recorded_at TEXT NOT NULL,
                recorded_by TEXT NOT NULL
            )
            """,
            "CREATE INDEX backup_by_database ON backup (database, finished)",
            *_append_only("entry"),
            *_append_only("backup"),
        ),
        (),
    ),
    Migration(
        2,
        "a chain of entries alone",
        (
            "DROP TRIGGER entry_no_update",
            "ALTER TABLE entry ADD COLUMN about TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE entry ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
            _chain,
            "DROP TABLE backup",
            f"CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
            # INSERT OR REPLACE deletes without a word to a trigger on DELETE.
            f"CREATE TRIGGER entry_at_the_end BEFORE INSERT ON entry "  # noqa: S608 - a constant
            f"WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM entry) "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
            "CREATE INDEX entry_by_kind ON entry (kind, about)",
        ),
        (
            """
            CREATE TABLE pgwarden.entry (
                sequence bigint PRIMARY KEY CHECK (sequence > 0),
                kind text NOT NULL,
                about text NOT NULL,
                recorded_at text NOT NULL,
                recorded_by text NOT NULL,
                payload text NOT NULL,
                hash text NOT NULL
            )
            """,
            "CREATE INDEX entry_by_kind ON pgwarden.entry (kind, about)",
            f"""
            CREATE FUNCTION pgwarden.entry_append_only() RETURNS trigger
            LANGUAGE plpgsql SET search_path = pg_catalog AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    IF NEW.sequence = (SELECT coalesce(max(sequence), 0) + 1 FROM pgwarden.entry) THEN
                        RETURN NEW;
                    END IF;
                END IF;
                RAISE EXCEPTION '{_REFUSAL}';
            END
            $$
            """,  # noqa: S608 - a constant
            "CREATE TRIGGER entry_at_the_end BEFORE INSERT OR UPDATE OR DELETE ON pgwarden.entry "
            "FOR EACH ROW EXECUTE FUNCTION pgwarden.entry_append_only()",
            "CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON pgwarden.entry "
            "FOR EACH STATEMENT EXECUTE FUNCTION pgwarden.entry_append_only()",
            # Also where session_replication_role is replica.
            "ALTER TABLE pgwarden.entry ENABLE ALWAYS TRIGGER entry_at_the_end",
            "ALTER TABLE pgwarden.entry ENABLE ALWAYS TRIGGER entry_no_truncate",
        ),
    ),
)
NEWEST: Final = MIGRATIONS[-1].number
