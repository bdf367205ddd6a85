"""Publishes the ledger's signed heads while a gate runs, and checks what it vouches for.

Enters: the ledger, the key. Leaves: a head in the gate's log, in a file and in a store that lie elsewhere,
whenever enough rows or enough time have come together, and once more at the end. A head vouches only for
entries that were checked: of a chain that is broken none is published, and the gate says so. Deliberately
absent: refusing statements because of it; that is for people to decide.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.ledger.outlets import FileOutlet, Outlet
from proxy.records import Head, Ledger, LedgerError, SigningKey
from proxy.records.chain import Chain
from proxy.records.heads import heads_in, trusted

EVENT: Final = "ledger head"
_LOOK_S: Final = 5.0
_STOP_S: Final = 5.0


class HeadKeeper:
    """Signs and publishes heads.

    Attributes:
        published: the number of the last entry for which there is a head everywhere; 0 for none.
        intact: False once the chain was found broken.
    """

    def __init__(
        self,
        ledger: Ledger,
        key: SigningKey,
        file: Path | None,
        log: BoundLogger,
        *,
        interval_s: float,
        rows: int,
        store: Outlet | None = None,
    ) -> None:
        """Begin with the heads that the file has.

        Args:
            ledger: used by the keeper's thread alone from here on.
            file: takes a line for each head; None for none.
            log: takes each head, too.
            interval_s: how long an entry may be without a head.
            rows: how many entries may be.
            store: takes each head, too; None for none.

        Raises:
            LedgerError: the file cannot be read.
        """
        self._ledger = ledger
        self._key = key
        self._file = file
        files: list[Outlet] = [] if file is None else [FileOutlet(file)]
        self._outlets = [*files, *([] if store is None else [store])]
        self._signed = 0  # the newest head's number
        self._head: Head | None = None  # the newest, while
        self._owing: list[Outlet] = []  # ... these lack it
        self._log = log
        self._interval_s = interval_s
        self._rows = rows
        self._chain = Chain(heads=self._own_heads())
        self._at = monotonic()
        self._trouble = ""
        self._stopping = threading.Event()
        self.published = 0
        self.intact = True

    async def run(self) -> None:
        """Publish until cancelled, and a last time then."""
        thread = threading.Thread(target=self._publish_on, name="heads", daemon=True)
        thread.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._stopping.set()
            thread.join(_STOP_S)

    def _publish_on(self) -> None:
        while not self._stopping.wait(min(_LOOK_S, self._interval_s)):
            self._try(final=False)
        self._try(final=True)

    def _try(self, *, final: bool) -> None:
        """Publish a head if one is due; what goes wrong is said once, and tried again."""
        try:
            last = self._ledger.last().sequence
            waiting = last - self._signed
            late = monotonic() - self._at >= self._interval_s
            if self.intact and (waiting >= self._rows or (waiting != 0 and (late or final))):
                self._publish()
            self._deliver()
            self._trouble = ""
        except LedgerError as error:
            trouble = str(error)
            if trouble != self._trouble:
                self._log.error("no head of the ledger can be published", reason=trouble)
            self._trouble = trouble

    def _publish(self) -> None:
        chain = self._chain
        if chain.sequence and self._ledger.hash_at(chain.sequence) != chain.hash:
            self._broken(f"entry {chain.sequence} is not what it was, or is missing")
            return
        for entry in self._ledger.entries(chain.sequence):
            chain.take(entry)
        if self._signed == 0:
            chain.end()  # against the heads of an earlier run
        if chain.findings:
            self._broken(*(finding.text for finding in chain.findings))
            return
        position = chain.position
        if position is not None and position.sequence > self._signed:
            self._head = self._key.sign(position, datetime.now(UTC))
            self._log.info(EVENT, **self._head.fields())
            self._owing = self._outlets
            self._signed, self._at = self._head.sequence, monotonic()

    def _deliver(self) -> None:
        """Give the newest head to all that lack it; none waits for another that takes nothing."""
        head = self._head
        if head is None:
            return
        lacking, troubles = [], []
        for outlet in self._owing:
            try:
                outlet.put(head)
            except LedgerError as error:
                lacking.append(outlet)
                troubles.append(str(error))
        self._owing = lacking
        if troubles:
            raise LedgerError("; ".join(troubles))
        self._head = None
        self.published = head.sequence

    def _broken(self, *texts: str) -> None:
        self.intact = False
        for text in texts:
            self._log.critical("the ledger has been tampered with, or is damaged", finding=text)

    def _own_heads(self) -> list[Head]:
        """What this key has signed before, as far as the file knows."""
        if self._file is None:
            return []
        try:
            with self._file.open(encoding="utf-8", errors="replace") as lines:
                heads = list(heads_in(lines))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(
                f"the heads in {self._file} cannot be read: {error.strerror or error}"
            ) from error
        public = self._key.public
        return [head for head, wrong in trusted(heads, {public.id: public}) if not wrong]
