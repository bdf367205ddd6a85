"""The ledger: the only truth about evidence.

Public names: `open_ledger`, `Ledger`, `PostgresAddress` (where one lies in a database), `Draft` and `Entry`,
the records of its kinds, `Head` with the keys that sign it, `LedgerError`. A kind of entry is a module in
`kinds/`.
"""

from proxy.records.database import PostgresAddress
from proxy.records.entry import Draft, Entry, LedgerError
from proxy.records.heads import Head, PublicKey, SigningKey
from proxy.records.kinds.backup import BackupRecord, NewBackup
from proxy.records.kinds.change import ChangeBegun
from proxy.records.kinds.freeze import FreezeRecord
from proxy.records.kinds.kind import Payload
from proxy.records.ledger import Clock, Epoch, Ledger, open_ledger
from proxy.records.store import Position

__all__ = [
    "BackupRecord",
    "ChangeBegun",
    "Clock",
    "Draft",
    "Entry",
    "Epoch",
    "FreezeRecord",
    "Head",
    "Ledger",
    "LedgerError",
    "NewBackup",
    "Payload",
    "Position",
    "PostgresAddress",
    "PublicKey",
    "SigningKey",
    "open_ledger",
]
