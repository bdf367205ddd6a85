"""The change log: each change that a gate let pass, with what became of it.

Enters: the ledger. Leaves: `ChangeRecord`, a change with the last that was said of its end, by what ended its
prepared transaction too. Deliberately absent: choosing among them, and how they are shown (app/changelog/).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from proxy.policy.recording import Ending
from proxy.records.entry import Entry, LedgerError
from proxy.records.kinds.change import ChangeBegun
from proxy.records.kinds.kind import read
from proxy.records.kinds.outcome import ChangeEnded
from proxy.records.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One change.

    Attributes:
        entry: its entry; its number is the change's.
        ended: None while nothing is known of its end.
        decided_by: the change that ended the prepared transaction that it was in; 0 for none.
    """

    entry: Entry
    begun: ChangeBegun
    ended: ChangeEnded | None = None
    decided_by: int = 0

    @property
    def number(self) -> int:
        """By which it is known."""
        return self.entry.sequence

    @property
    def ending(self) -> Ending | None:
        """What became of it; None where nothing is known."""
        return None if self.ended is None else Ending(self.ended.ending)


def changes(ledger: Ledger, *, after: int = 0, before: int | None = None) -> Iterator[ChangeRecord]:
    """The changes behind an entry, and before another, by their numbers, the newest first.

    Raises:
        LedgerError: the ledger cannot be read, or an entry is damaged.
    """
    found: dict[int, ChangeRecord] = {}
    for entry in ledger.entries(after, kinds=(ChangeBegun.kind, ChangeEnded.kind)):
        if before is not None and entry.sequence >= before:
            found = {number: _with_later_end(ledger, found[number], before - 1) for number in found}
            break
        if entry.kind == ChangeBegun.kind:
            found[entry.sequence] = ChangeRecord(entry, read(entry, ChangeBegun))
            continue
        number = int(entry.about) if entry.about.isdecimal() else 0
        if number in found:
            found[number] = _with_end(found[number], entry)
    yield from _decided(ledger, list(found.values())[::-1])


def change(ledger: Ledger, number: int) -> ChangeRecord | None:
    """The change of this number; None where the ledger has none.

    Raises:
        LedgerError: the ledger cannot be read, or an entry is damaged.
    """
    entry = next(ledger.entries(number - 1, kinds=(ChangeBegun.kind,)), None)
    if entry is None or entry.sequence != number:
        return None
    record = ChangeRecord(entry, read(entry, ChangeBegun))
    return next(_decided(ledger, [_with_later_end(ledger, record, number)]))


def _with_later_end(ledger: Ledger, record: ChangeRecord, after: int) -> ChangeRecord:
    """The same, one that had not ended with what entries behind this one say."""
    if record.ended is None:
        for end in ledger.entries(after, kinds=(ChangeEnded.kind,), about=str(record.number)):
            record = _with_end(record, end)
    return record


def _decided(ledger: Ledger, records: Sequence[ChangeRecord]) -> Iterator[ChangeRecord]:
    """The same, those that were prepared with how they ended.

    That follows from all that ever bore their transactions' names, so no part of the ledger can tell.
    """
    prepared = [record.number for record in records if record.ending is Ending.PREPARED]
    decided = ledger.decided(prepared) if prepared else {}
    for record in records:
        said = decided.get(record.number)
        if said is None or record.ended is None:
            yield record
        else:
            ended = msgspec.structs.replace(record.ended, ending=str(said.ending))
            yield replace(record, ended=ended, decided_by=said.by)


def _with_end(record: ChangeRecord, entry: Entry) -> ChangeRecord:
    ended = read(entry, ChangeEnded)
    if ended.ending not in tuple(Ending):
        raise LedgerError(f"entry {entry.sequence} of the ledger says of no known ending; upgrade")
    return ChangeRecord(record.entry, record.begun, ended)
