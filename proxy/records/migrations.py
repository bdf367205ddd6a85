"""The ledger's schema, as numbered steps that are never edited once released.

Every fact is an `entry` first: one sequence without gaps over all kinds, with the canonical JSON of what was
said. That is the row which can be chained by hash; the table of its kind (`backup`) is the same content laid
out for queries. Deliberately absent: anything that updates or deletes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; statements run in order within one transaction together with its own number's record."""

    number: int
    name: str
    statements: tuple[str, ...]


def _append_only(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    )


MIGRATIONS: tuple[Migration, ...] = (
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
    ),
)
