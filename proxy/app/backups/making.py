"""One backup for a gate: its turn, the child process that makes it, its entries in the ledger.

Enters: a source, a database, what is wanted. Leaves: what was recorded, or a BackupError; nothing is left of
what was stopped. All of it in one thread, which may wait as long as it takes. Deliberately absent: who waits
for it (taker.py).
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from proxy.app.backups.child import MODULE, Errand, Failed, Made, Said, Step
from proxy.app.backups.entries import SOURCE, recorded
from proxy.app.backups.setup import BackupSource
from proxy.app.ledger.address import LedgerPlace
from proxy.backup.clients import BackupError
from proxy.policy.facts import Backup, Verification
from proxy.records import Ledger, LedgerError, open_ledger

LOCK_WAIT_S: Final = 60.0
_LOOK_S: Final = 0.1
_ASK_S: Final = 0.5
_STOP_S: Final = 20.0
_DECODER: Final = msgspec.json.Decoder(Said)


@dataclass(frozen=True, slots=True)
class Wish:
    """A backup, as held statements want it; tables None is the whole database."""

    database: str
    tables: frozenset[str] | None
    verified: Verification
    copies: int

    def met_by(self, other: Wish) -> bool:
        """Whether a backup by the other wish is one by this."""
        return (
            other.database == self.database
            and (other.tables is None or (self.tables is not None and self.tables <= other.tables))
            and other.verified >= self.verified
            and other.copies >= self.copies
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the numbers of the entries, none where another process had just made one."""

    entries: tuple[int, ...]
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where what is made is recorded, and how many are made at a time by all processes of the gate.

    Attributes:
        runtime: the folder that the gate's processes share.
    """

    ledger: LedgerPlace
    by: str
    runtime: Path
    at_once: int


class Making:
    """One backup on its way; `run` is for a thread, all else for any."""

    def __init__(
        self, source: BackupSource, wish: Wish, keeping: Keeping, tell: Callable[[Step], None]
    ) -> None:
        """Say what; nothing begins before `run`.

        Args:
            tell: is given how far it is, from the thread.
        """
        self._source = source
        self._wish = wish
        self._keeping = keeping
        self._tell = tell
        self._asked_at = datetime.now(UTC)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Nobody wants it any more; `run` ends soon."""
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                self._let_go(self._process)

    def run(self) -> Outcome:
        """Make it, record it.

        Raises:
            BackupError: there is none.
        """
        try:
            with self._ledger() as ledger:
                ledger.last()  # one that cannot be used is better known before the dump
                with self._turn(ledger) as waited:
                    if waited and self._just_made(ledger):
                        return Outcome(())
                    return self._record(ledger, self._make())
        except LedgerError as error:
            raise BackupError(str(error)) from error

    @contextmanager
    def _ledger(self) -> Iterator[Ledger]:
        ledger = open_ledger(self._keeping.ledger)
        try:
            yield ledger
        finally:
            ledger.close()

    # -- turns ---------------------------------------------------------------------------------------------

    @contextmanager
    def _turn(self, ledger: Ledger) -> Iterator[bool]:
        """Have the database's turn among replicas, and one of the gate's; whether one had to be waited for.

        A dead process has none.
        """
        waited = False
        with ledger.exclusive(f"backup of {self._wish.database}") as is_mine:
            while not is_mine():
                waited = self._wait(_ASK_S)
            while (turn := self._free_turn()) is None:
                waited = self._wait(_LOOK_S)
            try:
                yield waited
            finally:
                os.close(turn)

    def _wait(self, seconds: float) -> bool:
        self._tell(Step("waiting for another backup", 0, None, 0))
        self._check(self._stopping.wait(seconds))
        return True

    def _free_turn(self) -> int | None:
        for number in range(self._keeping.at_once):
            path = self._keeping.runtime / f"backup-{number}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        return None

    def _just_made(self, ledger: Ledger) -> bool:
        """Whether another process of the gate has made what is wanted meanwhile."""
        backups = ledger.facts(datetime.now(UTC)).backups
        return any(self._wish.met_by(_wish_of(b)) for b in backups if self._is_new(b))

    def _is_new(self, backup: Backup) -> bool:
        return backup.finished >= self._asked_at and backup.source == SOURCE and backup.covers.data

    # -- the child -----------------------------------------------------------------------------------------

    def _make(self) -> Made:
        errand = self._errand()
        with self._lock:
            self._check(self._stopping.is_set())
            process = self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the gate, which ends it in its own time
            )
        last: Said | None = None
        try:
            if process.stdin is not None and process.stdout is not None:
                with suppress(BrokenPipeError):
                    process.stdin.write(msgspec.json.encode(errand) + b"\n")
                    process.stdin.flush()
                for line in process.stdout:
                    last = _DECODER.decode(line)
                    if isinstance(last, Step):
                        self._tell(last)
        finally:
            self._end(process)
        self._check(self._stopping.is_set() and not isinstance(last, Made))
        match last:
            case Made():
                return last
            case Failed(reason):
                raise BackupError(reason)
            case _:
                raise BackupError("the process that makes it has died")

    def _errand(self) -> Errand:
        source, wish = self._source, self._wish
        try:
            connection = source.connection(wish.database)
        except ValueError as error:
            raise BackupError(f"the way to {wish.database}: {error}") from error
        return Errand(
            connection=connection,
            tables=None if wish.tables is None else tuple(sorted(wish.tables)),
            level=max(wish.verified, Verification.CHECKSUM),
            places=source.places,
            recipients=source.recipients,
            identity=source.identity,
            scratch=source.scratch,
            bin_dir=source.bin_dir,
            lock_wait_s=LOCK_WAIT_S,
        )

    def _let_go(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._let_go(process)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _check(self, stopped: bool) -> None:
        if stopped:
            raise BackupError("nobody waits for it any more")

    # -- the ledger ----------------------------------------------------------------------------------------

    def _record(self, ledger: Ledger, made: Made) -> Outcome:
        by = self._keeping.by
        try:
            entries = tuple(
                ledger.record_backup(recorded(made.manifest, copy, by)).sequence for copy in made.copies
            )
        except LedgerError as error:
            where = made.copies[0].location
            raise BackupError(
                f"made, but not recorded: {error}; pgwarden backup verify {where} records it"
            ) from error
        return Outcome(entries, made.failures)


def _wish_of(backup: Backup) -> Wish:
    return Wish(backup.database, backup.covers.tables, backup.verified, backup.copies)
