"""pg_restore at work: an archive from its place into a database, or into nothing to see if it can be read.

Enters: a place and the folder of a backup. Leaves: a restored database, or BackupError. The bytes are
hashed on their way, so that what was restored is what was recorded. Deliberately absent: choosing a database.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, BinaryIO

from proxy.backup.clients import BackupError, Clients, Damaged, failed
from proxy.backup.connection import Connection
from proxy.backup.manifest import Manifest
from proxy.backup.places import Place, Sink, trouble
from proxy.backup.scratch import scratch
from proxy.backup.sealing import Pieces, unseal


class NotRestored(BackupError):
    """pg_restore failed."""


OnBytes = Callable[[int], None]


def _nothing(done: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A backup in its place.

    Attributes:
        sha256: what the ledger says of the archive; "" leaves it to the manifest.
    """

    place: Place
    folder: str
    manifest: Manifest
    identities: Sequence[object] = ()
    sha256: str = ""
    on_bytes: OnBytes = field(default=_nothing, compare=False)

    @property
    def path(self) -> str:
        """The archive's."""
        return f"{self.folder}/{self.manifest.archive}"

    def check_size(self) -> None:
        """Raise BackupError unless the archive is there, as large as it was written."""
        size = self.place.size(self.path)
        if size is None:
            raise Damaged(f"{self.place.location(self.path)} is not there")
        if size != self.manifest.size_bytes:
            raise Damaged(
                f"{self.place.location(self.path)} has {size} bytes; {self.manifest.size_bytes} were written"
            )

    def pieces(self) -> Iterator[bytes]:
        """The archive as it lies there.

        The last piece comes only once the checksum is known to be right: no restore of another file commits.

        Raises:
            BackupError: it is not what was written.
        """
        digest, done, held = sha256(), 0, b""
        try:
            for piece in self.place.read(self.path):
                digest.update(piece)
                done += len(piece)
                self.on_bytes(done)
                if held:
                    yield held
                held = piece
        except FileNotFoundError:
            raise Damaged(f"{self.place.location(self.path)} is not there") from None
        if digest.hexdigest() != (self.sha256 or self.manifest.sha256):
            raise Damaged(f"{self.place.location(self.path)} is not what was written: its SHA-256 is another")
        yield held

    def pour(self, sink: Sink) -> None:
        """Write the dump itself into the sink, decrypted."""
        pieces = self.pieces()
        if self.manifest.encrypted:
            try:
                unseal(Pieces(pieces), sink, self.identities)
            finally:
                for _ in pieces:  # a wrong checksum says more than what decryption makes of it
                    pass
            return
        for piece in pieces:
            sink.write(piece)


def read_through(clients: Clients, stored: Stored) -> None:
    """Have pg_restore read all of it, and keep nothing.

    Unlike --list, which sees only the table of contents, this finds what is cut off or changed.

    Raises:
        BackupError: it cannot be read to its end.
    """
    try:
        _feed(clients, stored, ("--file=/dev/null",), None, jobs=1)
    except NotRestored as error:
        raise Damaged(str(error)) from error


def restore_into(
    clients: Clients,
    stored: Stored,
    target: Connection,
    *,
    jobs: int = 1,
    owners: bool = True,
) -> None:
    """Restore into a database, all or (with one job) nothing.

    Args:
        owners: also who owns what and who may what, for which the roles must be there.

    Raises:
        BackupError: it could not be.
    """
    flags = ["--no-password", "--exit-on-error", f"--dbname={target.database}"]
    if not owners:
        flags += ["--no-owner", "--no-privileges"]
    if jobs == 1:
        flags.append("--single-transaction")
    _feed(clients, stored, tuple(flags), target, jobs=jobs)


def _feed(
    clients: Clients, stored: Stored, flags: tuple[str, ...], target: Connection | None, *, jobs: int
) -> None:
    if stored.manifest.format == "custom" and jobs == 1:
        _through_pipe(clients, stored, flags, target)
        return
    with scratch() as room:
        archive = room.path / "dump"
        if stored.manifest.format == "directory":
            _unpack(stored, archive)
        else:
            with archive.open("wb") as file:
                stored.pour(file)
        several = (f"--jobs={jobs}",) if jobs > 1 else ()
        with tempfile.TemporaryFile() as said:
            process = clients.start("pg_restore", *flags, *several, str(archive), to=target, stderr=said)
            with process, room.ending(process):
                code = process.wait()
            _judge(code, said)


def _through_pipe(
    clients: Clients, stored: Stored, flags: tuple[str, ...], target: Connection | None
) -> None:
    """The damage is told before what pg_restore makes of it."""
    with tempfile.TemporaryFile() as said:
        process = clients.start("pg_restore", *flags, to=target, stdin=subprocess.PIPE, stderr=said)
        with process:
            sink = process.stdin
            try:
                if sink is not None:
                    _pour_all(stored, sink)
                    with suppress(BrokenPipeError):
                        sink.close()
            except BaseException:
                process.kill()
                raise
            code = process.wait()
        _judge(code, said)


class _Tolerant:
    """Takes bytes also when nobody reads them any more: the checksum is still to be compared."""

    def __init__(self, sink: Sink) -> None:
        self._sink: Sink | None = sink

    def write(self, buffer: bytes, /) -> int:
        if self._sink is not None:
            try:
                self._sink.write(buffer)
            except BrokenPipeError:
                self._sink = None
        return len(buffer)

    def flush(self) -> None:
        """As files have it."""


def _pour_all(stored: Stored, sink: Sink) -> None:
    try:
        stored.pour(_Tolerant(sink))
    except (BackupError, OSError) as error:
        raise error if isinstance(error, BackupError) else BackupError(trouble(error)) from error


def _judge(code: int, said: IO[bytes]) -> None:
    if code != 0:
        said.seek(0)
        raise NotRestored(failed("pg_restore", code, said.read()))


@contextmanager
def _piped(stored: Stored) -> Iterator[tuple[BinaryIO, list[BaseException]]]:
    """The dump as a file to read from, written by a thread; with what the thread met."""
    readable, writable = os.pipe()
    failures: list[BaseException] = []

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writable, "wb") as sink:
            try:
                _pour_all(stored, sink)
            except Exception as error:  # told to whoever reads
                failures.append(error)

    thread = threading.Thread(target=write, name="unpack", daemon=True)
    with os.fdopen(readable, "rb") as source:
        thread.start()
        try:
            yield source, failures
        finally:
            source.close()
            thread.join()


def _unpack(stored: Stored, target: Path) -> None:
    target.mkdir(mode=0o700)
    unreadable: Exception | None = None
    with _piped(stored) as (source, failures):
        try:
            with tarfile.open(fileobj=source, mode="r|") as tar:
                tar.extractall(target, filter="data")
            while source.read(1 << 20):  # what stands behind the tar's end belongs to the checksum
                pass
        except (tarfile.TarError, OSError) as error:
            unreadable = error
            while source.read(1 << 20):
                pass
    if failures:
        raise failures[0]
    if unreadable is not None:
        raise Damaged(f"{stored.place.location(stored.path)} cannot be unpacked: {unreadable}")
