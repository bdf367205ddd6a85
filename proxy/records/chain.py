"""Whether a chain of entries is whole, and whether it is the one whose heads were published.

Enters: entries in the order in which they are kept, and heads. Leaves: what is wrong, each with the entry's
number. The hashes show what was changed, removed, put in or moved by somebody who did not make all later
hashes anew; the heads show the rest, and what was cut off at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proxy.records.entry import GENESIS, Entry
from proxy.records.heads import Head
from proxy.records.store import Position

MOST_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, at or behind the entry with this number."""

    sequence: int
    text: str


class Chain:
    """Checks entries one after the other.

    Attributes:
        sequence, hash: the last entry's, as it is kept.
        findings: what is wrong, in order; the first MOST_FINDINGS.
    """

    def __init__(self, sequence: int = 0, hash: str = GENESIS, *, heads: Iterable[Head] = ()) -> None:
        """Begin behind an entry that is known to be right; before the first unless given."""
        self.sequence = sequence
        self.hash: str | None = hash
        self.findings: list[Finding] = []
        self._heads: dict[int, list[Head]] = defaultdict(list)
        self._fitting = sequence
        for head in heads:
            if head.sequence > sequence:
                self._heads[head.sequence].append(head)

    @property
    def position(self) -> Position | None:
        """The last entry that was checked; None where that one is in doubt, or there is none."""
        return None if self.hash is None or not self.sequence else Position(self.sequence, self.hash)

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self.findings

    def take(self, entry: Entry, previous: str | None = None) -> None:
        """Check the next entry.

        Args:
            previous: the hash before it as an export has it.
        """
        expected = self.sequence + 1
        if entry.sequence < expected:
            self._find(entry.sequence, f"entry {entry.sequence} stands behind entry {self.sequence}")
            self.hash = None
            return
        if entry.sequence > expected:
            self._find(expected, f"{_entries(expected, entry.sequence - 1)} missing")
            self.hash = previous
        before = self.hash
        if before is not None and entry.hash_after(before) != entry.hash:
            also = "" if entry.sequence == 1 else f", or entry {entry.sequence - 1} with its hash"
            self._find(entry.sequence, f"entry {entry.sequence} has been changed{also}")
        elif before is not None and previous not in (None, before):
            self._find(entry.sequence, f"entry {entry.sequence} names another entry before it")
        self.sequence, self.hash = entry.sequence, entry.hash
        self._compare(self._heads.pop(entry.sequence, ()), entry.hash)

    def doubt(self, text: str) -> None:
        """Something stands where an entry should."""
        self._find(self.sequence + 1, text)
        self.hash = None

    def end(self) -> None:
        """No entry follows: whatever a head knows beyond was cut off."""
        beyond = {s: heads[0] for s, heads in self._heads.items() if s > self.sequence}
        if beyond:
            last = max(beyond)
            self._find(
                self.sequence + 1,
                f"{_entries(self.sequence + 1, last)} missing at the end: "
                f"a head signed at {beyond[last].signed_at} knows of entry {last}",
            )

    def _compare(self, heads: Iterable[Head], found: str) -> None:
        for head in heads:
            if head.hash == found:
                self._fitting = head.sequence
                continue
            since = f"since entry {self._fitting}" if self._fitting else "from the first on"
            self._find(
                head.sequence,
                f"entry {head.sequence} is not the one whose head was signed at {head.signed_at}: "
                f"the ledger has been rewritten {since}",
            )

    def _find(self, sequence: int, text: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(sequence, text))


def _entries(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
