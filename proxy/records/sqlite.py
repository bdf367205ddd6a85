"""The ledger's entries in one SQLite file.

Enters: drafts, from any number of processes on this host. Leaves: entries. A commit is on the disk before the
call returns (WAL with synchronous=FULL), and readers never wait for writers. Deliberately absent: network
file systems (SQLite's WAL needs shared memory: replicas need the PostgreSQL ledger); creating a file anew
that was there when the ledger was opened, since an empty ledger in place of a lost one would be believed.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zlib import crc32

from proxy.records.bell import Bell
from proxy.records.entry import COLUMNS, GENESIS, Draft, Entry, LedgerError, entry_of, row_of, seal, written
from proxy.records.migrations import MIGRATIONS, NEWEST, Migration
from proxy.records.store import Position

APPLICATION_ID: Final = 0x70677764  # "pgwd": says whose file this is, to `file` and to ourselves
# A larger file is not read whole at each opening: `pgwarden freeze` is for emergencies.
_CHECKED_BYTES: Final = 64 * 1024 * 1024
_FIRST_LOOK_S: Final = 0.002
_LOOK_S: Final = 0.05
_SETTLED_S: Final = 5.0
"""So long after a write its commit has been seen; what takes longer is seen by whoever reads in any case."""

_INSERT: Final = f"INSERT INTO entry ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant
_LAST: Final = "SELECT sequence, hash FROM entry ORDER BY sequence DESC LIMIT 1"
_PAGE: Final = f"""
    SELECT {COLUMNS} FROM entry
    WHERE sequence > ?1
        AND (?3 IS NULL OR kind IN (SELECT value FROM json_each(?3)))
        AND kind NOT IN (SELECT value FROM json_each(?4))
        AND (?5 IS NULL OR about = ?5)
    ORDER BY sequence LIMIT ?2
"""  # noqa: S608 - a constant


class SqliteStore:
    """`Store` on a SQLite file."""

    def __init__(self, path: Path, *, create: bool, wait_s: float) -> None:
        """Open the file, bringing an older one up to date.

        Args:
            path: absolute.
            create: make the file when there is none; without it that is an error.
            wait_s: how long to wait for another process's write.

        Raises:
            LedgerError: absent, not a ledger, damaged, locked, unwritable, or written by a newer version.
        """
        self._path = path
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._bell = Bell()
        self._belled: Hashable = None  # the file that the bell rings for
        self._settled_at = 0.0
        self._pause_s = _FIRST_LOOK_S
        self._seen: Hashable = None
        if not create and not path.exists():
            raise LedgerError(f"there is no ledger at {path}")
        self._connection, self._identity = self._open("rwc" if create else "rw")

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self._path)

    def append(self, drafts: Sequence[Draft], clock: Callable[[], datetime]) -> list[Entry | None]:
        """See `Store`."""
        with self._using() as connection, _transaction(connection):
            last = _last(connection)
            now = clock()
            entries: list[Entry | None] = []
            for draft in drafts:
                if not _within(connection, draft):
                    entries.append(None)
                    continue
                entry = seal(draft, last.sequence + 1, last.hash, now)
                connection.execute(_INSERT, row_of(entry))
                last = Position(entry.sequence, entry.hash)
                entries.append(entry)
            return entries

    def last(self) -> Position:
        """See `Store`."""
        with self._using() as connection:
            self._seen = self._state(connection)  # before reading: what comes later is told
            return _last(connection)

    def hash_at(self, sequence: int) -> str | None:
        """See `Store`."""
        with self._using() as connection:
            row = connection.execute("SELECT hash FROM entry WHERE sequence = ?", (sequence,)).fetchone()
            return None if row is None else str(row[0])

    def page(
        self, after: int, most: int, kinds: Collection[str] | None, but: Collection[str], about: str | None
    ) -> list[Entry]:
        """See `Store`."""
        wanted = None if kinds is None else json.dumps(sorted(kinds))
        with self._using() as connection:
            rows = connection.execute(_PAGE, (after, most, wanted, json.dumps(sorted(but)), about))
            return [entry_of(row) for row in rows]

    def identity(self) -> Hashable:
        """The file that lies at the path now."""
        with self._using():
            return self._identity

    def wait(self, timeout_s: float) -> None:
        """Look at SQLite's count of other connections' commits: when somebody writes, and then for a while.

        For what is written counts only once it is on the disk, and of that nobody tells.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            state = self._look()
            if state is not None and state != self._seen:
                self._seen = state
                return
            now = time.monotonic()
            if now >= deadline:
                return
            listening = self._bell.hears and state is not None and now >= self._settled_at
            pause_s = deadline - now
            if not listening:
                pause_s = min(self._pause_s, pause_s)
                self._pause_s = min(2 * self._pause_s, _LOOK_S)
            if self._bell.wait(pause_s, listening=listening):
                return

    def wake(self) -> None:
        """See `Store`."""
        self._bell.wake()

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Callable[[], bool]]:
        """By a lock on an empty file beside the ledger; it stays, as one that is removed can be had twice."""
        with self._translated():
            turn = os.open(f"{self._path}-turn-{crc32(name.encode()):08x}", os.O_RDONLY | os.O_CREAT, 0o666)
        try:
            yield lambda: _is_mine(turn)
        finally:
            os.close(turn)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _look(self) -> Hashable:
        """The state now; None where it cannot be had: whoever reads next hears why."""
        rung = self._bell.rung()  # before looking: what is written later rings again
        try:
            with self._using() as connection:
                if self._belled != self._identity:
                    self._belled = self._identity
                    self._bell.listen((self._path, Path(f"{self._path}-wal")))
                    rung = True
                if rung and self._bell.hears:
                    self._settled_at = time.monotonic() + _SETTLED_S
                    self._pause_s = _FIRST_LOOK_S
                return self._state(connection)
        except LedgerError:
            return None

    def _state(self, connection: sqlite3.Connection) -> Hashable:
        """Differs once another connection has committed, or another file lies there."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        return (self._identity, version)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Hand out the connection, to the file that lies at the path now."""
        with self._lock:
            identity = _identity(self._path)
            if identity is None:
                raise LedgerError(
                    f"the ledger {self._path} is gone; put it back, a new one would know of nothing"
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
        connection.execute("PRAGMA fullfsync = ON")  # on macOS fsync() alone leaves it in the disk's cache
        self._check_ours(connection)
        self._write_ahead(connection)
        if _applied(connection) < NEWEST:
            with _transaction(connection):
                self._check_ours(connection)
                self._migrate(connection)
        newest = _applied(connection)
        if newest > NEWEST:
            raise LedgerError(
                f"the ledger {self._path} was written by a newer pgwarden (schema {newest}); upgrade"
            )
        if self._path.stat().st_size > _CHECKED_BYTES:
            return
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
        for step in migration.sqlite:
            if isinstance(step, str):
                connection.execute(step)
            else:
                step(connection)
        connection.execute(
            "INSERT INTO migration (number, name, applied_at) VALUES (?, ?, ?)",
            (migration.number, migration.name, written(datetime.now(UTC))),
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


def _is_mine(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _last(connection: sqlite3.Connection) -> Position:
    row = connection.execute(_LAST).fetchone()
    return Position(0, GENESIS) if row is None else Position(int(row[0]), str(row[1]))


def _within(connection: sqlite3.Connection, draft: Draft) -> bool:
    """Whether a draft's limits still let it in."""
    for kind, most in draft.limits:
        (count,) = connection.execute(
            "SELECT count(*) FROM entry WHERE kind = ? AND about = ?", (kind, draft.about)
        ).fetchone()
        if count >= most:
            return False
    return True
