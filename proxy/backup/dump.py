"""pg_dump and pg_dumpall at work: a database as one stream of bytes, its schema as SQL, its roles.

Enters: a snapshot, which all of them share. Leaves: an `Archive`, read like a file, whose `finish` says
whether the stream came to its end. The custom format streams as pg_dump writes it; several jobs need the
directory format, which takes its room on this host's disk first and then streams as a tar file.
Deliberately absent: where the bytes go.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from proxy.backup.clients import BackupError, Clients, failed, stop
from proxy.backup.connection import Connection
from proxy.backup.manifest import Format
from proxy.backup.scratch import scratch
from proxy.backup.session import Snapshot, Table

_DUMPING: Final = re.compile(r'^pg_dump: dumping contents of table "(.*)"$')
_RESTRICT: Final = "--restrict-key"
# One key for all dumps: a random one would make two dumps of one schema differ, in version control too.
_RESTRICT_KEY: Final = "pgwarden"

OnTable = Callable[[str], None]


class Archive(Protocol):
    """A dump under way."""

    def read(self, size: int = -1, /) -> bytes:
        """Some bytes; none at the end, or where it broke off."""
        ...

    def finish(self) -> None:
        """Raise BackupError unless all bytes that were read are the whole dump."""
        ...


@dataclass(frozen=True, slots=True)
class Dump:
    """What is dumped, and how.

    Attributes:
        tables: None for the whole database.
        jobs: more than one asks for the directory format.
        compress: as pg_dump's --compress takes it; "" for its default.
        lock_wait_timeout_s: pg_dump gives up after so long, rather than queue up behind a migration with
            everybody queueing up behind it.
    """

    clients: Clients
    connection: Connection
    snapshot: Snapshot
    tables: Sequence[Table] | None = None
    format: Format = "custom"
    jobs: int = 1
    compress: str = ""
    lock_wait_timeout_s: float = 60.0

    def archive(self, on_table: OnTable) -> AbstractContextManager[Archive]:
        """Begin to dump; whatever is under way ends with the block."""
        return _streamed(self, on_table) if self.format == "custom" else _gathered(self, on_table)

    def schema(self) -> bytes:
        """The definitions as plain SQL: equal bytes for an equal schema."""
        extra = []
        if self.clients.knows("pg_dump", _RESTRICT):
            extra = [f"{_RESTRICT}={_RESTRICT_KEY}"]
        return self.clients.run("pg_dump", *self._common(), "--schema-only", *extra, to=self.connection)

    def roles(self) -> bytes | None:
        """The roles as SQL, without passwords; None where the server does not let us."""
        if not (self.clients.bin_dir / "pg_dumpall").is_file():
            return None
        flags = ("--roles-only", "--no-role-passwords", "--no-password")
        try:
            return self.clients.run(
                "pg_dumpall", *flags, f"--database={self.connection.database}", to=self.connection
            )
        except BackupError:
            return None

    def _common(self) -> list[str]:
        milliseconds = max(1, round(self.lock_wait_timeout_s * 1000))
        chosen = [f"--table={table.quoted}" for table in self.tables or ()]
        return [
            "--no-password",
            f"--lock-wait-timeout={milliseconds}",
            f"--snapshot={self.snapshot.id}",
            *chosen,
        ]

    def arguments(self) -> list[str]:
        """What pg_dump is started with for the archive."""
        compress = [f"--compress={self.compress}"] if self.compress else []
        return [*self._common(), "--verbose", f"--format={self.format}", *compress]


class _Talk:
    """Reads what pg_dump says while it works."""

    def __init__(self, process: subprocess.Popen[bytes], on_table: OnTable) -> None:
        self._last: deque[bytes] = deque(maxlen=200)
        self._errors: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(process, on_table), daemon=True)
        self._thread.start()

    def _read(self, process: subprocess.Popen[bytes], on_table: OnTable) -> None:
        for line in process.stderr or ():
            self._last.append(line)
            if b"error:" in line and len(self._errors) < 10:
                self._errors.append(line)
            match = _DUMPING.match(line.decode(errors="replace").rstrip())
            if match is not None:
                on_table(match[1])

    def said(self) -> bytes:
        self._thread.join()
        return b"".join(self._errors or self._last)


@dataclass(frozen=True, slots=True)
class _Streamed:
    process: subprocess.Popen[bytes]
    talk: _Talk

    def read(self, size: int = -1, /) -> bytes:
        return b"" if self.process.stdout is None else self.process.stdout.read(size)

    def finish(self) -> None:
        code = self.process.wait()
        if code != 0:
            raise BackupError(failed("pg_dump", code, self.talk.said()))


@contextmanager
def _streamed(dump: Dump, on_table: OnTable) -> Iterator[Archive]:
    process = dump.clients.start("pg_dump", *dump.arguments(), to=dump.connection, stdout=subprocess.PIPE)
    with process:
        try:
            yield _Streamed(process, _Talk(process, on_table))
        finally:
            stop(process)


class _Packed:
    """A directory as a tar file, packed by a thread while it is read."""

    def __init__(self, directory: Path) -> None:
        readable, writable = os.pipe()
        self._source = os.fdopen(readable, "rb")
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._pack, args=(directory, writable), daemon=True)
        self._thread.start()

    def _pack(self, directory: Path, writable: int) -> None:
        try:
            with os.fdopen(writable, "wb") as sink, tarfile.open(fileobj=sink, mode="w|") as tar:
                tar.add(directory, arcname=".")
        except Exception as error:  # told by finish
            self._failure = error

    def read(self, size: int = -1, /) -> bytes:
        return self._source.read(size)

    def finish(self) -> None:
        self._thread.join()
        if self._failure is not None:
            raise BackupError(f"the dump could not be packed: {self._failure}")

    def close(self) -> None:
        self._source.close()
        self._thread.join()


@contextmanager
def _gathered(dump: Dump, on_table: OnTable) -> Iterator[Archive]:
    with scratch() as room:
        target = room.path / "dump"
        process = dump.clients.start(
            "pg_dump",
            *(*dump.arguments(), f"--jobs={dump.jobs}", f"--file={target}"),
            to=dump.connection,
        )
        with process, room.ending(process):
            talk = _Talk(process, on_table)
            code = process.wait()
            if code != 0:
                raise BackupError(failed("pg_dump", code, talk.said()))
        packed = _Packed(target)
        try:
            yield packed
        finally:
            packed.close()
