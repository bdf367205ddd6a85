"""What ran, where, and was committed: from changes and how they ended, and from what others have signed.

Enters: changes, their endings, imports. Leaves: when each text, and each statement, ran last in each
environment, and what became of changes in prepared transactions. Only what completed and was committed
counts. Of endless ones the newest are kept: what is forgotten has not run, and stays prepared.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Final, TypeVar

import msgspec

from proxy.policy.facts import NOTHING_RAN, Facts
from proxy.policy.recording import Ending
from proxy.records.entry import Entry, LedgerError, check_text
from proxy.records.kinds.change import ChangeBegun
from proxy.records.kinds.kind import Payload, read
from proxy.records.kinds.outcome import ChangeEnded
from proxy.records.kinds.prepared import Decided, Place, PreparedTransactions, place_of

MOST_KEPT: Final = 100_000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

K = TypeVar("K")
V = TypeVar("V")


class RanElsewhere(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text, or one statement, that ran: by its checksum."""

    checksum: str
    at: datetime


class RanImported(Payload, frozen=True, kw_only=True):
    """What another gate's ledger knows to have run, as a file says that its key has signed.

    Attributes:
        key: which key signed, by its id; it was trusted when this was taken in.
        sha256: of the file.
    """

    kind = "ran_imported"

    environment: str
    key: str
    sha256: str
    ran: tuple[RanElsewhere, ...]

    def check(self, now: datetime) -> None:
        """Refuse an environment without a name, and what has not run yet."""
        if not self.environment.strip():
            raise LedgerError("the environment has no name")
        check_text("environment", self.environment)
        for each in self.ran:
            if not _DIGEST.fullmatch(each.checksum):
                raise LedgerError("what ran is known by a SHA-256")
            if each.at.tzinfo is None or each.at > now:
                raise LedgerError("what ran has run in the past, at a time with its zone")


class RunsOfStatements:
    """When what ran last, by environment and checksum."""

    shapes: ClassVar[Mapping[str, type[Payload]]] = {
        ChangeBegun.kind: ChangeBegun,
        ChangeEnded.kind: ChangeEnded,
        RanImported.kind: RanImported,
    }

    def __init__(self) -> None:
        """Begin with nothing."""
        self._open: OrderedDict[int, tuple[Place, tuple[str, ...]]] = OrderedDict()
        self._prepared = PreparedTransactions(MOST_KEPT)
        self._decided: OrderedDict[int, Decided] = OrderedDict()
        self._ran: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._told: Mapping[tuple[str, str], datetime] = NOTHING_RAN
        self._changed = False

    def add(self, entry: Entry) -> None:
        """Take a change, its ending, or an import."""
        if entry.kind == ChangeBegun.kind:
            change = read(entry, ChangeBegun)
            known = change.environment and change.checksum
            checksums = (change.checksum, *change.statements) if known else ()
            _keep(self._open, entry.sequence, (place_of(change), checksums))
        elif entry.kind == ChangeEnded.kind:
            self._end(int(entry.about) if entry.about.isdecimal() else 0, entry)
        else:
            said = read(entry, RanImported)
            self._note(said.environment, ((each.checksum, each.at) for each in said.ran))

    def decided(self, change: int) -> Decided | None:
        """How a change that was prepared has ended; None where nothing is known of it."""
        return self._decided.get(change)

    def _end(self, number: int, entry: Entry) -> None:
        if number not in self._open:
            return
        place, checksums = self._open[number]
        ended = read(entry, ChangeEnded)
        for decided in self._prepared.ends(number, place, ended):
            _keep(self._decided, decided.change, decided)
            inside = self._open.pop(decided.change, None)
            if inside is not None and decided.ending is Ending.COMMITTED:
                self._note(place.environment, ((checksum, entry.moment) for checksum in inside[1]))
        if ended.ending == Ending.COMMITTED:
            self._note(place.environment, ((checksum, entry.moment) for checksum in checksums))
        if ended.ending != Ending.PREPARED:
            self._open.pop(number, None)

    def _note(self, environment: str, ran: Iterable[tuple[str, datetime]]) -> None:
        for checksum, at in ran:
            key = environment, checksum
            _keep(self._ran, key, max(at, self._ran.pop(key, at)))
            self._changed = True

    def into(self, facts: Facts, now: datetime) -> Facts:
        """Add what ran; the same object as long as nothing more has."""
        if self._changed:
            self._told, self._changed = MappingProxyType(dict(self._ran)), False
        return replace(facts, ran=self._told)


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    """Put it there, and let go of the oldest where there are too many."""
    kept[key] = value
    if len(kept) > MOST_KEPT:
        kept.popitem(last=False)
