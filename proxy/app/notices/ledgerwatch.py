"""Tells what others write into the ledger: freezes, their ends, requests for approvals.

Enters: the ledger, read by a thread of its own. Leaves: notices. Where it has read to is kept in the gate's
runtime folder, so that the worker that takes a dead one's place tells what came between, and nothing twice.
Deliberately absent: complaints about a ledger that cannot be read; the facts' keeper has them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from proxy.app.notices.pile import Notice
from proxy.records import Entry, Ledger, LedgerError
from proxy.records.kinds.approval import ApprovalAsked
from proxy.records.kinds.freeze import Frozen, Thawed
from proxy.records.kinds.kind import read

EVENTS: Final = ("freeze", "thaw", "approval")
_KINDS: Final = (Frozen.kind, Thawed.kind, ApprovalAsked.kind)
_WAIT_S: Final = 1.0


class LedgerWatch:
    """The thread that watches."""

    def __init__(self, ledger: Ledger, put: Callable[[Notice], None], kept: Path) -> None:
        """Begin behind what was told already, or what is there now.

        Args:
            ledger: used by the thread alone from here on, which closes it.
            put: takes notices.
            kept: the file that says where it has read to.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        self._ledger = ledger
        self._put = put
        self._kept = kept
        self._stopping = threading.Event()
        self._after = ledger.last().sequence
        with suppress(OSError, ValueError):
            self._after = min(self._after, int(kept.read_text()))
        self._keep()
        self._thread = threading.Thread(target=self._run, name="notify-ledger", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Tell what is there, and stop."""
        self._stopping.set()
        with suppress(LedgerError):
            self._ledger.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stopping.is_set()
            try:
                self.look()
                if not stopping:
                    self._ledger.wait(_WAIT_S)
            except Exception:  # whatever it is, it must be tried again: a ledger may come back
                self._stopping.wait(_WAIT_S)
        with suppress(LedgerError):
            self._ledger.close()

    def look(self) -> None:
        """Tell what is new; may raise LedgerError."""
        before, last = self._after, self._ledger.last().sequence
        if last < self._after:  # another ledger lies there now
            self._after = last
        for entry in self._ledger.entries(self._after, kinds=_KINDS):
            self._put(notice_of(entry))
            self._after = entry.sequence
        self._after = max(self._after, last)
        if self._after != before:
            self._keep()

    def _keep(self) -> None:
        with suppress(OSError):
            self._kept.write_text(str(self._after))


def notice_of(entry: Entry) -> Notice:
    """What an entry tells."""
    if entry.kind == Frozen.kind:
        return Notice("freeze", "", lambda: {**_about(entry), **_frozen(read(entry, Frozen))})
    if entry.kind == Thawed.kind:
        return Notice("thaw", "", lambda: {**_about(entry), **_thawed(read(entry, Thawed))})
    return Notice("approval", "", lambda: {**_about(entry), **_asked(read(entry, ApprovalAsked))})


def _about(entry: Entry) -> dict[str, object]:
    return {"time": entry.recorded_at, "entry": entry.sequence, "by": entry.recorded_by}


def _frozen(said: Frozen) -> Mapping[str, object]:
    return {
        "reason": said.reason,
        "database": said.database or "all databases",
        "until": "somebody thaws it" if said.until is None else _written(said.until),
        "kill": said.kill,
    }


def _thawed(said: Thawed) -> Mapping[str, object]:
    return {"message": f"ends entries {', '.join(map(str, said.ends))}", "ends": list(said.ends)}


def _asked(said: ApprovalAsked) -> Mapping[str, object]:
    return {
        "request": said.id,
        "rule": ", ".join(said.rules),
        "role": ", ".join(said.roles),
        "database": said.database,
        "reason": said.reason,
        "held": said.held,
        "break_glass": said.break_glass,
        "decision_id": said.decision,
        "until": _written(said.until),
        "do": f"pgwarden approve show {said.id}; pgwarden approve grant {said.id}",
        "sql": said.statement,
    }


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
