"""The process that makes one backup for a gate, beside the worker that wants it.

Enters: an `Errand` as a line of JSON on standard input, which stays open. Leaves: lines of JSON on standard
output: how far it is, then what came of it. When standard input ends, the gate does not want it any more, or
is gone: then everything is stopped and removed. Deliberately absent: the ledger.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Final, NoReturn

import msgspec

from proxy.backup.clients import BackupError
from proxy.backup.connection import Connection, parse_connection
from proxy.backup.make import Good, Order, Result, make_backup
from proxy.backup.manifest import Manifest
from proxy.backup.places import Place
from proxy.backup.sealing import read_identities, read_recipients
from proxy.policy.facts import Verification

MODULE: Final = "proxy.app.backups.child"
_PIECE: Final = 1 << 16
_SAID_EVERY_S: Final = 0.2


class Errand(msgspec.Struct, frozen=True):
    """What is to be made.

    Attributes:
        connection: of the role that dumps.
        tables: None for the whole database.
        places, recipients, identity, scratch, bin_dir: as the settings have them.
        lock_wait_s: how long pg_dump waits for a lock.
    """

    connection: Connection
    tables: tuple[str, ...] | None
    level: Verification
    places: tuple[str, ...]
    recipients: tuple[str, ...]
    identity: str | None
    scratch: str | None
    bin_dir: str | None
    lock_wait_s: float


class Step(msgspec.Struct, frozen=True, tag=True):
    """How far it is; the total is None where nobody knows it."""

    text: str
    done: int
    total: int | None
    written_bytes: int


class Made(msgspec.Struct, frozen=True, tag=True):
    """It is made: the good copies, and what went wrong."""

    manifest: Manifest
    copies: tuple[Good, ...]
    failures: tuple[str, ...]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """There is none, and nothing is left of it."""

    reason: str


Said = Step | Made | Failed


class Teller:
    """Tells how far it is; a `proxy.backup.make.Watcher`."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._step = Step("connecting", 0, None, 0)
        self._said_at = -_SAID_EVERY_S

    def step(self, text: str, total: int | None = None) -> None:
        """Something new begins."""
        self._tell(Step(text, 0, total, self._step.written_bytes), now=True)

    def at(self, done: int) -> None:
        """So much of it is done."""
        self._tell(msgspec.structs.replace(self._step, done=done))

    def written(self, size_bytes: int) -> None:
        """So many bytes are written."""
        self._tell(msgspec.structs.replace(self._step, written_bytes=size_bytes))

    def _tell(self, step: Step, *, now: bool = False) -> None:
        with self._lock:
            self._step = step
            if now or monotonic() - self._said_at >= _SAID_EVERY_S:
                self._said_at = monotonic()
                say(step)


def say(said: Said) -> None:
    """Tell the worker; one that is gone is noticed by its end of standard input."""
    try:
        os.write(1, msgspec.json.encode(said) + b"\n")
    except BrokenPipeError:
        return


def main() -> int:
    """Make it; returns the exit code."""
    line, rest = bytearray(), b""
    while not rest:
        piece = os.read(0, _PIECE)
        if not piece:
            return 1
        head, rest, _ = piece.partition(b"\n")
        line += head
    errand = msgspec.json.decode(line, type=Errand)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_watch, daemon=True).start()
    try:
        result = make_backup(_order(errand), Teller())
    except BackupError as error:
        say(Failed(str(error)))
        return 1
    except KeyboardInterrupt:
        _stop_programs()
        say(Failed("it was stopped"))
        return 1
    except Exception as error:  # whatever it is: its text may hold what nobody is to read
        say(Failed(f"making it failed ({type(error).__name__})"))
        return 1
    say(_made(result))
    return 0


def _order(errand: Errand) -> Order:
    """As the settings say it.

    Raises:
        BackupError: a place or a key cannot be used.
    """
    try:
        return Order(
            connection=errand.connection,
            places=[Place(place) for place in errand.places],
            tables=errand.tables or (),
            or_whole=True,
            lock_wait_timeout_s=errand.lock_wait_s,
            recipients=read_recipients(errand.recipients) if errand.recipients else (),
            identities=[] if errand.identity is None else read_identities(Path(errand.identity)),
            level=errand.level,
            bin_dir=None if errand.bin_dir is None else Path(errand.bin_dir),
            scratch=None if errand.scratch is None else parse_connection(errand.scratch),
        )
    except ValueError as error:
        raise BackupError(str(error)) from error


def _made(result: Result) -> Made:
    return Made(result.manifest, result.copies, result.failures)


def _watch() -> None:
    """Wait for the end of standard input."""
    while os.read(0, _PIECE):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what cleans up must not be stopped, too
    raise KeyboardInterrupt


def _stop_programs() -> None:
    """End what was just being started when the signal came, of which nothing here knows yet."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
