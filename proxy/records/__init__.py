"""The ledger: the only truth about evidence.

Public names: `open_ledger`, `Ledger` (the interface), `NewBackup`, `BackupRecord`, `LedgerError`.
"""

from proxy.records.ledger import BackupRecord, Epoch, Ledger, LedgerError, NewBackup
from proxy.records.sqlite import open_ledger

__all__ = ["BackupRecord", "Epoch", "Ledger", "LedgerError", "NewBackup", "open_ledger"]
