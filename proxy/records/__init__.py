"""The ledger: the only truth about evidence.

Public names: `open_ledger`, `Ledger`, `PostgresAddress` and `DriverTls` (where one lies in a database),
`Draft` and `Entry`, the records of its kinds, `Head` with the keys that sign it, `LedgerError`. A kind of
entry is a module in `kinds/`.
"""

from proxy.records.database import DriverTls, PostgresAddress
from proxy.records.entry import Draft, Entry, LedgerError
from proxy.records.heads import Head, PublicKey, SigningKey
from proxy.records.kinds.backup import BackupGone, BackupRecord, Making, NewBackup
from proxy.records.kinds.change import ChangeBegun
from proxy.records.kinds.freeze import FreezeRecord
from proxy.records.kinds.kind import Payload
from proxy.records.kinds.outcome import ChangeEnded
from proxy.records.ledger import Clock, Epoch, Ledger, open_ledger
from proxy.records.store import Position

__all__ = [
    "BackupGone",
    "BackupRecord",
    "ChangeBegun",
    "ChangeEnded",
    "Clock",
    "Draft",
    "DriverTls",
    "Entry",
    "Epoch",
    "FreezeRecord",
    "Head",
    "Ledger",
    "LedgerError",
    "Making",
    "NewBackup",
    "Payload",
    "Position",
    "PostgresAddress",
    "PublicKey",
    "SigningKey",
    "open_ledger",
]
