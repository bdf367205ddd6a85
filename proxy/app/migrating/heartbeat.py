"""Tells the gate that a run's command is still looked after, for as long as it is.

Enters: the ledger, a run. Leaves: an entry every few seconds, so that the run of a `pgwarden migrate` that
was killed ends soon, and not at its time limit. A beat that the ledger does not take is tried again with
the next. Deliberately absent: ending the run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from proxy.records import Ledger, LedgerError
from proxy.records.kinds.run import RunBeat

LAPSE_S: Final = 60
"""After so long without one the run is over."""

_BEATS: Final = 4  # before it lapses: three may be lost


@contextmanager
def beating(book: Ledger, by: str, run: int, lapse_s: int) -> Iterator[None]:
    """Beat until the block ends."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(lapse_s / _BEATS):
            try:
                book.record(RunBeat(), by, about=str(run))
            except LedgerError:
                continue  # the next may be taken; if none is, the gate ends the run and says so

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
