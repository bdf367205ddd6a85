"""From entries to the facts that rules judge by, taking in only what is new.

Enters: the ledger's entries, in order. Leaves: a `Facts` snapshot. Deliberately absent: judging it, and what
each kind of entry comes to (kinds/).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from proxy.policy.facts import Facts
from proxy.records.entry import GENESIS, Entry, LedgerError
from proxy.records.kinds import FOLDS
from proxy.records.kinds.approval import Approvals
from proxy.records.kinds.backup import Backups
from proxy.records.kinds.freeze import Freezes
from proxy.records.kinds.kind import Fold
from proxy.records.kinds.ran import RunsOfStatements
from proxy.records.kinds.run import Runs


class Evidence:
    """What the entries up to some point come to.

    Attributes:
        sequence, hash: the last entry that was taken in, or passed over because no rule judges by its kind.
    """

    def __init__(self) -> None:
        """Begin before the first entry."""
        self.backups = Backups()
        self.freezes = Freezes()
        self.approvals = Approvals()
        self.runs = Runs()
        self.changes = RunsOfStatements()
        own: dict[type[Fold], Fold] = {
            Backups: self.backups,
            Freezes: self.freezes,
            Approvals: self.approvals,
            Runs: self.runs,
            RunsOfStatements: self.changes,
        }
        self._folds: tuple[Fold, ...] = tuple(own[fold] if fold in own else fold() for fold in FOLDS)
        self._by_kind = {name: fold for fold in self._folds for name in fold.shapes}
        self.sequence = 0
        self.hash = GENESIS

    def add(self, entries: Iterable[Entry]) -> None:
        """Take in entries that rules judge by.

        Raises:
            LedgerError: one is damaged, or of a kind that is not known here.
        """
        for entry in entries:
            fold = self._by_kind.get(entry.kind)
            if fold is None:
                raise LedgerError(
                    f"entry {entry.sequence} of the ledger is of a kind that this pgwarden does not know "
                    f"({entry.kind[:60]!r}); upgrade"
                )
            fold.add(entry)

    def facts(self, now: datetime) -> Facts:
        """What is known as of `now`."""
        facts = Facts(backups=(), as_of=now)
        for fold in self._folds:
            facts = fold.into(facts, now)
        return facts
