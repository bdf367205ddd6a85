"""What a running gate has of its ledger: a connection for each thread that uses it, and the key.

Enters: settings. Leaves: open ledgers. One that reads must not wait while another writes, or a full disk
would make facts stale.
"""

from __future__ import annotations

import socket
from pathlib import Path

from proxy.app.ledger.address import LedgerPlace, default_key
from proxy.app.settings import Settings, default_ledger
from proxy.records import LedgerError, SigningKey, open_ledger
from proxy.records.heads import use_key


class LedgerUse:
    """The ledger of one process.

    Attributes:
        reader: for the thread that keeps facts.
        writer: for the thread that records changes.
        checker: for the thread that publishes heads.
        key: signs heads.
        by: who records changes.
    """

    def __init__(self, place: LedgerPlace, settings: Settings) -> None:
        """Open all.

        Raises:
            LedgerError: the ledger or its key cannot be used.
        """
        self.reader = open_ledger(place)
        self.writer = open_ledger(place, wait_s=settings.record_timeout_s)
        self.checker = open_ledger(place)
        self.key = signing_key(place, settings.ledger_key)
        self.by = f"pgwarden@{socket.gethostname()}"

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        return self.reader.place

    def close(self) -> None:
        """Let go of all."""
        for ledger in (self.reader, self.writer, self.checker):
            ledger.close()


def signing_key(place: LedgerPlace, file: str | None) -> SigningKey:
    """The key that signs this ledger's heads.

    Raises:
        LedgerError: it cannot be used.
    """
    try:
        return use_key(Path(file) if file else default_key(place, default_ledger()))
    except LedgerError as error:
        if file:
            raise
        raise LedgerError(f"{error} (ledger_key names another place)") from error
