"""The ledger in one SQLite file.

Enters: records, from any number of processes on this host. Leaves: rows and facts. A commit is on the disk
before the call returns (WAL with synchronous=FULL), and readers never wait for writers. Deliberately absent:
network file systems (SQLite's WAL needs shared memory: replicas need the PostgreSQL ledger); creating a file
anew that was there when the ledger was opened, since an empty ledger in place of a lost one would be
believed.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from proxy.policy.facts import Facts, Verification
from proxy.records.evidence import facts_of
from proxy.records.ledger import BackupRecord, Epoch, LedgerError, NewBackup, check_backup
from proxy.records.migrations import MIGRATIONS, Migration

APPLICATION_ID = 0x70677764  # "pgwd": says whose file this is, to `file` and to ourselves
WAIT_S = 5.0

_BACKUP_COLUMNS = (
    "sequence, database, finished, location, verified, size_bytes, notes, recorded_at, recorded_by"
)


def _now() -> datetime:
    return datetime.now(UTC)


def open_ledger(
    path: str | Path, *, create: bool = True, clock: Callable[[], datetime] = _now, wait_s: float = WAIT_S
) -> SqliteLedger:
    """Open the ledger at `path`, bringing an older one up to date.

    Args:
        create: make the file when there is none; without it that is an error.
        wait_s: how long to wait for another process's write.

    Raises:
        LedgerError: absent, not a ledger, damaged, locked, unwritable, or written by a newer version.
    """
    return SqliteLedger(Path(path).absolute(), create=create, clock=clock, wait_s=wait_s)


class SqliteLedger:
    """`Ledger` on a SQLite file; its methods may be called from any thread, one at a time runs."""

    def __init__(self, path: Path, *, create: bool, clock: Callable[[], datetime], wait_s: float) -> None:
        self._path = path
        self._clock = clock
        self._wait_s = wait_s
        self._lock = threading.Lock()
        if not create and not path.exists():
            raise LedgerError(f"there is no ledger at {path}")
        self._connection, self._identity = self._open("rwc" if create else "rw")

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self._path)

    def record_backup(self, backup: NewBackup) -> BackupRecord:
        """Record a copy of a backup; see `Ledger`."""
        now = self._clock()
        check_backup(backup, now)
        values: dict[str, object] = {
            "database": backup.database,
            "finished": _written(backup.finished),
            "location": backup.location.strip(),
            "verified": backup.verified.name.lower(),
            "size_bytes": backup.size_bytes,
            "notes": backup.notes,
        }
        with self._using() as connection, _transaction(connection):
            (sequence,) = connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM entry").fetchone()
            stamp = (_written(now), backup.recorded_by)
            connection.execute(
                "INSERT INTO entry (sequence, kind, recorded_at, recorded_by, payload) "
                "VALUES (?, 'backup', ?, ?, ?)",
                (sequence, *stamp, _canonical(values)),
            )
            connection.execute(
                "INSERT INTO backup (sequence, database, finished, location, verified, size_bytes, notes, "
                "recorded_at, recorded_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (sequence, *values.values(), *stamp),
            )
            row = connection.execute(f"SELECT {_BACKUP_COLUMNS} FROM backup WHERE sequence = ?", (sequence,))  # noqa: S608 - a constant
            return self._record(row.fetchone())

    def backups(self, database: str | None = None) -> tuple[BackupRecord, ...]:
        """Return the recorded copies, in the order they were recorded."""
        with self._using() as connection:
            rows = connection.execute(
                f"SELECT {_BACKUP_COLUMNS} FROM backup WHERE ?1 IS NULL OR database = ?1 ORDER BY sequence",  # noqa: S608 - a constant
                (database,),
            )
            return tuple(self._record(row) for row in rows)

    def facts(self, now: datetime) -> Facts:
        """Return what is known as of `now`."""
        return facts_of(self.backups(), now)

    def epoch(self) -> Epoch:
        """Return the file, SQLite's count of other connections' commits, and the last entry's number."""
        with self._using() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            (last,) = connection.execute("SELECT max(sequence) FROM entry").fetchone()
            return (self._identity, version, last)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _record(self, row: tuple[object, ...]) -> BackupRecord:
        sequence, database, finished, location, verified, size_bytes, notes, recorded_at, recorded_by = row
        try:
            return BackupRecord(
                sequence=int(str(sequence)),
                database=str(database),
                finished=datetime.fromisoformat(str(finished)),
                location=str(location),
                verified=Verification[str(verified).upper()],
                size_bytes=None if size_bytes is None else int(str(size_bytes)),
                notes=str(notes),
                recorded_at=datetime.fromisoformat(str(recorded_at)),
                recorded_by=str(recorded_by),
            )
        except (KeyError, ValueError) as error:
            raise LedgerError(
                f"the ledger {self._path} is damaged: entry {sequence} cannot be read"
            ) from error

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Hand out the connection, to the file that lies at the path now."""
        with self._lock:
            identity = _identity(self._path)
            if identity is None:
                raise LedgerError(
                    f"the ledger {self._path} is gone; put it back, a new one would know of no backup"
                )
            if identity != self._identity:
                with suppress(sqlite3.Error):
                    self._connection.close()
                self._connection, self._identity = self._open("rw")
            with self._translated():
                yield self._connection

    def _open(self, mode: str) -> tuple[sqlite3.Connection, tuple[int, int]]:
        with self._translated():
            if mode == "rwc":
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode={mode}",
                uri=True,
                timeout=self._wait_s,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        identity = _identity(self._path)
        if identity is None:
            connection.close()
            raise LedgerError(f"the ledger {self._path} is gone")
        return connection, identity

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Check whose file it is before anything is written to it, then bring it up to date."""
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        self._check_ours(connection)
        self._write_ahead(connection)
        if _applied(connection) < MIGRATIONS[-1].number:
            with _transaction(connection):
                self._check_ours(connection)
                self._migrate(connection)
        newest = _applied(connection)
        if newest > MIGRATIONS[-1].number:
            raise LedgerError(
                f"the ledger {self._path} was written by a newer pgwarden (schema {newest}); upgrade"
            )
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise LedgerError(self._damaged(str(verdict)))

    def _check_ours(self, connection: sqlite3.Connection) -> None:
        (identifier,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if identifier != APPLICATION_ID and (identifier != 0 or tables != 0):
            raise LedgerError(f"{self._path} is a database of some other program, not a pgwarden ledger")

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        # Switching to WAL does not wait for other processes as a transaction does: two first openers can
        # collide.
        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                break
        if mode != "wal":
            raise LedgerError(
                f"the file system of {self._path} cannot hold a ledger: SQLite's WAL does not work there"
            )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        done = _applied(connection)
        if done == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(
                "CREATE TABLE migration "
                "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)"
            )
        for migration in MIGRATIONS[done:]:
            self._apply(connection, migration)

    def _apply(self, connection: sqlite3.Connection, migration: Migration) -> None:
        for statement in migration.statements:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO migration (number, name, applied_at) VALUES (?, ?, ?)",
            (migration.number, migration.name, _written(self._clock())),
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerError(self._explained(error)) from error
        except OSError as error:
            raise LedgerError(f"the ledger {self._path} cannot be used: {error.strerror or error}") from error

    def _explained(self, error: sqlite3.Error) -> str:
        code = getattr(error, "sqlite_errorcode", None)
        match code & 0xFF if isinstance(code, int) else None:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return f"the ledger {self._path} stayed locked by another process for {self._wait_s:g} s"
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return self._damaged(str(error))
            case sqlite3.SQLITE_FULL:
                return f"the ledger {self._path} cannot grow: the disk is full"
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return f"the ledger {self._path} cannot be written: it, or its folder, is read-only here"
            case sqlite3.SQLITE_CANTOPEN:
                return f"the ledger {self._path} cannot be opened: does its folder exist, may it be written?"
            case _:
                return f"the ledger {self._path} cannot be used: {error}"

    def _damaged(self, reason: str) -> str:
        return f"the ledger {self._path} is damaged ({reason}); put back a copy of it"


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A write: takes the lock at the start, since one taken at the first write cannot wait its turn."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _applied(connection: sqlite3.Connection) -> int:
    (exists,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'migration'").fetchone()
    if not exists:
        return 0
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM migration").fetchone()
    return int(number)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _canonical(values: dict[str, object]) -> str:
    """JSON with one spelling, so that a hash over it means something."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
