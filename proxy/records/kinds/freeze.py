"""Freezes: times in which writes rest, as somebody declares and ends them.

Enters: a declaration, or the end of some by their numbers. Leaves: the freezes that stand, and the facts that
the reserved rule judges by. An end names what it ends, so that a freeze declared at the same moment stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

from proxy.policy.facts import Facts, Freeze
from proxy.records.entry import Entry, LedgerError, check_text
from proxy.records.kinds.backup import holds_secret
from proxy.records.kinds.kind import Payload, read

_LONG_AGO = datetime.fromtimestamp(0, UTC)
MAX_REASON_CHARS = 500  # each refusal shows it


class Frozen(Payload, frozen=True, kw_only=True):
    """Writes rest from now on.

    Attributes:
        until: None until somebody ends it.
        database: None for all of them.
        kill: sessions that have writes under way end.
    """

    kind = "freeze"

    reason: str = ""
    until: datetime | None = None
    database: str | None = None
    kill: bool = False

    def check(self, now: datetime) -> None:
        """Refuse a freeze that is over, and texts that nobody should see in a refusal."""
        if self.until is not None and self.until.tzinfo is None:
            raise LedgerError("the time a freeze ends needs a time zone")
        if self.until is not None and self.until <= now:
            raise LedgerError(
                f"a freeze cannot have ended already ({self.until.isoformat()}); it is {now.isoformat()}"
            )
        if self.database is not None:
            if not self.database.strip():
                raise LedgerError("the database has no name")
            check_text("database", self.database)
        check_text("reason", self.reason, most=MAX_REASON_CHARS)
        if any(holds_secret(word) for word in self.reason.split()):
            raise LedgerError("the reason holds a password or a token, and every refusal would show it")


class Thawed(Payload, frozen=True, kw_only=True):
    """Some freezes are over.

    Attributes:
        ends: the numbers of their entries.
    """

    kind = "thaw"

    ends: tuple[int, ...]

    def check(self, now: datetime) -> None:
        """An end ends something."""
        if not self.ends:
            raise LedgerError("this ends no freeze")


@dataclass(frozen=True, slots=True)
class FreezeRecord:
    """One freeze that nobody has ended."""

    sequence: int
    reason: str
    until: datetime | None
    database: str | None
    recorded_at: datetime
    recorded_by: str
    kill: bool = False

    def stands(self, now: datetime) -> bool:
        """Whether it is not over."""
        return self.until is None or now < self.until


def freeze_record(entry: Entry) -> FreezeRecord:
    """What an entry records.

    Raises:
        LedgerError: the entry is damaged.
    """
    said = read(entry, Frozen)
    return FreezeRecord(
        entry.sequence, said.reason, said.until, said.database, entry.moment, entry.recorded_by, said.kill
    )


class Freezes:
    """The freezes that nobody has ended."""

    shapes: ClassVar[Mapping[str, type[Payload]]] = {Frozen.kind: Frozen, Thawed.kind: Thawed}

    def __init__(self) -> None:
        """Begin with none."""
        self._open: dict[int, FreezeRecord] = {}

    def add(self, entry: Entry) -> None:
        """Take a declaration or an end."""
        if entry.kind == Frozen.kind:
            self._open[entry.sequence] = freeze_record(entry)
        else:
            for sequence in read(entry, Thawed).ends:
                self._open.pop(sequence, None)

    def standing(self, now: datetime) -> tuple[FreezeRecord, ...]:
        """Those that are not over, in the order they were declared."""
        return tuple(record for record in self._open.values() if record.stands(now))

    def into(self, facts: Facts, now: datetime) -> Facts:
        """Add those that stand.

        A freeze that is read has begun, whatever a clock says: that of the host on which it was declared, or
        this one's, set back.
        """
        freezes = tuple(
            Freeze(
                reason=record.reason,
                since=_LONG_AGO,
                until=record.until,
                database=record.database,
                by=record.recorded_by,
                kill=record.kill,
            )
            for record in self.standing(now)
        )
        return replace(facts, freezes=freezes)
