"""The ledger: what is recorded, what it comes to, and whether it is whole.

Enters: what somebody says is so, and who says it. Leaves: entries, oldest first, and snapshots of facts for
the policy. Deliberately absent: SQL, files, servers (store.py); any way to change or remove an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from proxy.policy.facts import Facts
from proxy.records.chain import Chain
from proxy.records.database import PostgresAddress
from proxy.records.entry import GENESIS, Draft, Entry, LedgerError, check_text
from proxy.records.evidence import Evidence
from proxy.records.heads import Head
from proxy.records.kinds import UNFOLDED
from proxy.records.kinds.approval import Approvals
from proxy.records.kinds.backup import BackupMade, BackupRecord, NewBackup, backup_record
from proxy.records.kinds.freeze import FreezeRecord, Frozen, Thawed, freeze_record
from proxy.records.kinds.kind import Payload, spelled
from proxy.records.kinds.prepared import Decided
from proxy.records.kinds.run import RunRecord
from proxy.records.postgres import PostgresStore
from proxy.records.sqlite import SqliteStore
from proxy.records.store import Position, Store

Epoch: TypeAlias = Hashable
Clock: TypeAlias = Callable[[], datetime]

WAIT_S = 5.0
_PAGE = 500
_NO_FACTS = tuple(shape.kind for shape in UNFOLDED)


def utc_now() -> datetime:
    """The ledger's clock."""
    return datetime.now(UTC)


def open_ledger(
    where: str | Path | PostgresAddress,
    *,
    create: bool = True,
    clock: Clock = utc_now,
    wait_s: float = WAIT_S,
) -> Ledger:
    """Open the ledger in a file or in a database, bringing an older one up to date.

    Args:
        create: make it where there is none; without it that is an error.
        wait_s: how long to wait for another's write, and for a server's answer.

    Raises:
        LedgerError: absent, not a ledger, damaged, locked, unwritable, unreachable, or written by a newer
            version.
    """
    if isinstance(where, PostgresAddress):
        return Ledger(PostgresStore(where, create=create, wait_s=wait_s), clock)
    return Ledger(SqliteStore(Path(where).absolute(), create=create, wait_s=wait_s), clock)


class Ledger:
    """The repository.

    Every method may raise LedgerError and may wait for a disk or a server: never call one on an event loop.
    Any thread may call.
    """

    def __init__(self, store: Store, clock: Clock = utc_now) -> None:
        """Keep entries in this store."""
        self._store = store
        self._clock = clock
        self._evidence = Evidence()
        self._identity: Hashable = None
        self._reading = Lock()

    @property
    def place(self) -> str:
        """Where the ledger lies, for messages; never holds a secret."""
        return self._store.place

    # -- recording -----------------------------------------------------------------------------------------

    def draft(
        self, payload: Payload, by: str, *, about: str = "", limits: Iterable[tuple[str, int]] = ()
    ) -> Draft:
        """Make ready what is to be appended.

        Args:
            by: who says so.
            about: what it speaks of, to find it by.
            limits: (kind, number): not once so many entries of that kind are about the same.

        Raises:
            LedgerError: it could never be true, or holds what should not be recorded.
        """
        payload.check(self._clock())
        check_text("recorder", by)
        check_text("subject", about)
        return Draft(payload.kind, by, spelled(payload), about, tuple(limits))

    def append(self, drafts: Sequence[Draft]) -> list[Entry | None]:
        """Append all in one transaction, behind whatever others have appended; durable when this returns.

        Returns: an entry for each draft, None where its limits stood in the way.
        """
        return self._store.append(drafts, self._clock)

    def record(self, payload: Payload, by: str, *, about: str = "") -> Entry:
        """Append one entry; durable when this returns."""
        (entry,) = self.append([self.draft(payload, by, about=about)])
        if entry is None:
            raise LedgerError("nothing was recorded: its limits are reached")
        return entry

    def record_backup(self, backup: NewBackup) -> BackupRecord:
        """Record a copy of a backup."""
        entry = self.record(backup.payload(), backup.recorded_by)
        return backup_record(entry)

    def freeze(
        self,
        by: str,
        reason: str = "",
        *,
        until: datetime | None = None,
        database: str | None = None,
        kill: bool = False,
    ) -> FreezeRecord:
        """Declare that writes rest from now on, in one database or (None) in all.

        Args:
            kill: sessions that have writes under way end.
        """
        entry = self.record(Frozen(reason=reason, until=until, database=database, kill=kill), by)
        return freeze_record(entry)

    def thaw(self, by: str, *, database: str | None = None) -> tuple[FreezeRecord, ...]:
        """End the freezes that stand: all of them, or those declared for one database.

        Returns: those that were ended.
        """
        ended = tuple(freeze for freeze in self.freezes() if database in (None, freeze.database))
        if ended:
            self.record(Thawed(ends=tuple(freeze.sequence for freeze in ended)), by)
        return ended

    # -- reading -------------------------------------------------------------------------------------------

    def entries(
        self,
        after: int = 0,
        *,
        kinds: Collection[str] | None = None,
        but: Collection[str] = (),
        about: str | None = None,
    ) -> Iterator[Entry]:
        """Entries in order, read some hundred at a time.

        Args:
            after: only those with larger numbers.
            kinds: only these; None for all.
            but: not these.
            about: only what is about this; None for all.
        """
        while page := self._store.page(after, _PAGE, kinds, but, about):
            yield from page
            after = page[-1].sequence

    def backups(self, database: str | None = None) -> tuple[BackupRecord, ...]:
        """The recorded copies, in the order they were recorded, those that are gone among them."""
        records = (backup_record(entry) for entry in self.entries(kinds=(BackupMade.kind,)))
        return tuple(record for record in records if database in (None, record.database))

    def copies(self, database: str | None = None) -> tuple[BackupRecord, ...]:
        """The copies of backups that are there, each as far as it was ever proved."""
        with self._reading:
            self._catch_up()
            return tuple(c for c in self._evidence.backups.copies if database in (None, c.database))

    def freezes(self) -> tuple[FreezeRecord, ...]:
        """The freezes that are not over, in the order they were declared."""
        with self._reading:
            self._catch_up()
            return self._evidence.freezes.standing(self._clock())

    def approvals(self) -> Approvals:
        """Requests with what became of them, and the keys that count; as of now, and not to be changed."""
        with self._reading:
            self._catch_up()
            return self._evidence.approvals

    def open_runs(self) -> tuple[RunRecord, ...]:
        """The migration runs that nobody has ended, also where their time is over."""
        with self._reading:
            self._catch_up()
            return self._evidence.runs.open

    def decided(self, prepared: Collection[int]) -> dict[int, Decided]:
        """How those of these changes ended that were prepared, where that is known."""
        with self._reading:
            self._catch_up()
            found = map(self._evidence.changes.decided, prepared)
            return {each.change: each for each in found if each is not None}

    def facts(self, now: datetime) -> Facts:
        """What is known as of `now`."""
        with self._reading:
            self._catch_up()
            return self._evidence.facts(now)

    def last(self) -> Position:
        """The end of the chain."""
        return self._store.last()

    def hash_at(self, sequence: int) -> str | None:
        """The hash of one entry as it is kept, None where there is none."""
        return self._store.hash_at(sequence)

    def epoch(self) -> Epoch:
        """A value that differs from an earlier one when anybody recorded anything since."""
        return (self._store.identity(), self._store.last())

    def wait(self, timeout_s: float) -> None:
        """Return when something may have been recorded by anyone, or after the time."""
        self._store.wait(timeout_s)

    def wake(self) -> None:
        """Have `wait` return now."""
        self._store.wake()

    def exclusive(self, name: str) -> AbstractContextManager[Callable[[], bool]]:
        """Something that one process at a time does, of all that share the ledger: see `Store`."""
        return self._store.exclusive(name)

    def verify(self, heads: Iterable[Head] = ()) -> Chain:
        """Check every entry, and the chain against these heads, whose signatures have been checked."""
        chain = Chain(heads=heads)
        for entry in self.entries():
            chain.take(entry)
        chain.end()
        return chain

    def export(self) -> Iterator[str]:
        """Every entry as a line of canonical JSON, which can be checked without the ledger."""
        previous = GENESIS
        for entry in self.entries():
            yield entry.line(previous)
            previous = entry.hash

    def close(self) -> None:
        """Let go of files and connections; the ledger cannot be used afterwards."""
        self._store.close()

    def _catch_up(self) -> None:
        """Take in what is new; all of it anew where what was taken in lies there no more."""
        store, evidence = self._store, self._evidence
        identity, last = store.identity(), store.last()
        known = evidence.sequence == 0 or evidence.hash == store.hash_at(evidence.sequence)
        if not known or identity != self._identity:
            evidence = Evidence()
        self._evidence = Evidence()  # half of what is new must not stay where reading it fails
        new = self.entries(evidence.sequence, but=_NO_FACTS)
        evidence.add(entry for entry in new if entry.sequence <= last.sequence)
        evidence.sequence, evidence.hash = last.sequence, last.hash
        self._evidence, self._identity = evidence, identity


__all__ = ["Clock", "Epoch", "Ledger", "LedgerError", "open_ledger", "utc_now"]
