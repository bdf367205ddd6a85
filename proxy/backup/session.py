"""One session with a server, through psql: questions, and a snapshot that pg_dump can share.

Enters: SQL. Leaves: values of JSON. Deliberately absent: a driver; psql connects exactly as pg_dump will.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from proxy.backup.clients import BackupError, Clients, failed, stop
from proxy.backup.connection import Connection

_MARK: Final = "pgwarden:answered"
_FLAGS: Final = (
    *("--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password"),
    *("--set=ON_ERROR_STOP=1", "--file=-"),
)
# Rows that row security hides would make every comparison wrong: better an error, as in pg_dump.
_BEGIN: Final = """
SET row_security = off; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET extra_float_digits = 0; SET search_path = pg_catalog; SET standard_conforming_strings = on;
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
"""
_SNAPSHOT: Final = """
SELECT json_build_object(
    'id', pg_export_snapshot(), 'moment', clock_timestamp(),
    'version', current_setting('server_version'), 'version_num', current_setting('server_version_num')::int,
    'position', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)
"""
# What holds rows of its own in a dump: tables and partitions, without those of extensions, whose rows
# pg_dump leaves to CREATE EXTENSION. Asking for a size takes a lock: of the tables in question alone.
_TABLES: Final = """
SELECT coalesce(json_agg(json_build_object(
    'schema', n.nspname, 'name', c.relname, 'bytes', CASE WHEN {chosen} THEN pg_table_size(c.oid) END,
    'heirs', EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid))
    ORDER BY n.nspname, c.relname), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid
                  AND d.deptype = 'e')
"""
_ROLES: Final = (
    "SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles WHERE rolname !~ '^pg_'"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with rows of its own.

    Attributes:
        size_bytes: on the server's disk, for progress.
        has_heirs: other tables inherit from it.
    """

    schema: str
    name: str
    size_bytes: int = 0
    has_heirs: bool = False

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """As SQL names it; a pattern of pg_dump's that fits this table alone."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of a database, which lasts as long as the session that took it.

    Attributes:
        position: of the write-ahead log, such as "0/1A2B3C4".
    """

    id: str
    moment: datetime
    position: str
    server_version: str
    server_major: int
    tables: tuple[Table, ...]
    roles: tuple[str, ...]


class Session:
    """A psql that answers questions one after the other; used by one thread at a time."""

    def __init__(self, clients: Clients, connection: Connection) -> None:
        """Say whom to ask; nothing is connected before `with`."""
        self._clients = clients
        self._connection = connection
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, sql: str) -> Any:
        """Run SQL.

        Returns: the value of its only row's only column, read as JSON; None where there is no row.

        Raises:
            BackupError: the server could not be reached, or the statement failed.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise BackupError("the session with the server is over")
        try:
            process.stdin.write(f"{sql}\n;\n\\echo {_MARK}\n".encode())
            process.stdin.flush()
        except BrokenPipeError:
            raise BackupError(self._complaint()) from None
        lines: list[bytes] = []
        while (line := process.stdout.readline()) != f"{_MARK}\n".encode():
            if not line:
                raise BackupError(self._complaint())
            lines.append(line)
        text = b"".join(lines).strip()
        return json.loads(text) if text else None

    def snapshot(self, lock_timeout_s: float, tables: Sequence[str] = ()) -> Snapshot:
        """Take a snapshot, and keep it for others until the session ends.

        Args:
            lock_timeout_s: how long this and all that follows may wait for a lock.
            tables: those that are in question, as "schema.name"; none for all.
        """
        self.ask(f"SET lock_timeout = {max(1, round(lock_timeout_s * 1000))}; {_BEGIN}")
        taken: Mapping[str, Any] = self.ask(_SNAPSHOT)
        chosen = f"n.nspname || '.' || c.relname = ANY ({_array(tables)})" if tables else "true"
        rows: Sequence[Mapping[str, Any]] = self.ask(_TABLES.replace("{chosen}", chosen))
        return Snapshot(
            id=taken["id"],
            moment=datetime.fromisoformat(taken["moment"]),
            position=taken["position"] or "",
            server_version=str(taken["version"]).split()[0],
            server_major=int(taken["version_num"]) // 10_000,
            tables=tuple(Table(row["schema"], row["name"], row["bytes"] or 0, row["heirs"]) for row in rows),
            roles=tuple(self.ask(_ROLES)),
        )

    def count(self, table: Table) -> int:
        """How many rows a table has, those of its partitions and heirs left out."""
        return int(self.ask(f"SELECT count(*) FROM ONLY {table.quoted}"))  # noqa: S608 - quoted

    def __enter__(self) -> Self:
        self._process = self._clients.start(
            "psql",
            *_FLAGS,
            to=self._connection,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        process, self._process = self._process, None
        for pipe in () if process is None else (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._said.close()

    def close(self) -> None:
        """End the session, also for a thread that waits for an answer."""
        process = self._process
        if process is not None:
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
            stop(process, signal.SIGINT)

    def _complaint(self) -> str:
        code = self._process.wait() if self._process is not None else 0
        self._said.seek(0)
        said = self._said.read().replace(b"psql:<stdin>", b"psql: error: <stdin>", 1)
        return failed("psql", code, said)


def _array(texts: Sequence[str]) -> str:
    """Texts as SQL writes an array of them."""
    items = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    return f"ARRAY[{items}]::text[]"


def quoted(name: str) -> str:
    """A name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'
