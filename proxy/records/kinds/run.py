"""Migration runs: `pgwarden migrate` begins one, and ends it.

Enters: whose run it is, and the SHA-256 of the token that its sessions show. Leaves: the runs under way, by
which rules know what belongs to a migration. The token itself is nowhere. Deliberately absent: starting
anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final

from proxy.policy.facts import Facts, Run
from proxy.records.entry import Entry, LedgerError, check_text
from proxy.records.kinds.backup import holds_secret
from proxy.records.kinds.kind import Payload, read

LONGEST: Final = timedelta(hours=24)
"""A run that nobody ends is over by then: what was forgotten must not stay open."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class RunBegun(Payload, frozen=True, kw_only=True):
    """A run begins.

    Attributes:
        token: SHA-256, in hexadecimal, of what its sessions log in with.
        until: over by then, whether anybody ends it or not.
        lapse_s: over when nothing has been heard of it for so long; 0 where whoever began it does not beat.
        command: what is run, its first words.
        migrations: the names of those that are to run, as far as they are known.
        backups: the entries of the backup that was made for it.
    """

    kind = "run"

    token: str
    role: str
    database: str
    until: datetime
    environment: str = ""
    command: str = ""
    migrations: tuple[str, ...] = ()
    backups: tuple[int, ...] = ()
    lapse_s: int = 0

    def check(self, now: datetime) -> None:
        """Refuse a run without an end, a token that is told in clear, and secrets in the command."""
        if not _DIGEST.fullmatch(self.token):
            raise LedgerError("a run is known by its token's SHA-256")
        if self.until.tzinfo is None:
            raise LedgerError("the time a run ends needs a time zone")
        if not now < self.until <= now + LONGEST:
            hours = LONGEST // timedelta(hours=1)
            raise LedgerError(f"a run ends within {hours} hours of its beginning")
        if not 0 <= self.lapse_s <= LONGEST.total_seconds():
            raise LedgerError("a run lapses after some seconds")
        for name, text in (("role", self.role), ("database", self.database)):
            if not text.strip():
                raise LedgerError(f"the {name} of a run has no name")
            check_text(name, text)
        check_text("command", self.command)
        if any(holds_secret(word) for word in self.command.split()):
            raise LedgerError("the command holds a password or a token, and the ledger would show it")


class RunBeat(Payload, frozen=True, kw_only=True):
    """Whoever began a run is still there. The entry's ``about`` is the number of its beginning's."""

    kind = "run_beat"


class RunEnded(Payload, frozen=True, kw_only=True):
    """A run is over. The entry's ``about`` is the number of its beginning's.

    Attributes:
        exit_code: the command's; None where it was not run, or nobody saw it end.
        passed: names of the migrations that ran whole, as far as their tool says.
        failed: the name of the one that did not; "" for none.
    """

    kind = "run_ended"

    exit_code: int | None = None
    passed: tuple[str, ...] = ()
    failed: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run that nobody has ended.

    Attributes:
        heard_at: when whoever began it was heard of last, by that host's clock.
    """

    sequence: int
    said: RunBegun
    begun_at: datetime
    begun_by: str
    heard_at: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over; it lapses in twice the time, since two hosts' clocks differ a little."""
        lapses = self.heard_at + timedelta(seconds=2 * self.said.lapse_s)
        return now >= self.said.until or (self.said.lapse_s > 0 and now >= lapses)


class Runs:
    """The runs that nobody has ended.

    A beat counts from when it is first read here, whatever the clock of the host says that has sent it. So a
    run that was killed has a little longer where a gate starts anew.
    """

    shapes: ClassVar[Mapping[str, type[Payload]]] = {
        shape.kind: shape for shape in (RunBegun, RunBeat, RunEnded)
    }

    def __init__(self) -> None:
        """Begin with none."""
        self._open: dict[int, RunRecord] = {}
        self._heard: dict[int, datetime | None] = {}  # when the last beat was read; None: not looked at yet

    @property
    def open(self) -> tuple[RunRecord, ...]:
        """Those that nobody has ended, also where their time is over."""
        return tuple(self._open.values())

    def add(self, entry: Entry) -> None:
        """Take a beginning or an end."""
        if entry.kind == RunBegun.kind:
            said = read(entry, RunBegun)
            record = RunRecord(entry.sequence, said, entry.moment, entry.recorded_by, entry.moment)
            self._open[entry.sequence] = record
            self._heard[entry.sequence] = None
            return
        number = int(entry.about) if entry.about.isdecimal() else 0
        if number in self._open and entry.kind == RunBeat.kind:
            self._open[number] = replace(self._open[number], heard_at=entry.moment)
            self._heard[number] = None
        elif number in self._open:
            del self._open[number], self._heard[number]

    def into(self, facts: Facts, now: datetime) -> Facts:
        """Add those that are under way.

        A run that is read has begun, whatever the clock of the host says on which it was started; but none
        lasts longer from here than it may.
        """
        runs = (
            Run(
                token=record.said.token,
                role=record.said.role,
                database=record.said.database,
                since=min(record.begun_at, now),
                until=self._until(record, now),
                number=record.sequence,
            )
            for record in self._open.values()
        )
        return replace(facts, runs=tuple(run for run in runs if now < run.until))

    def _until(self, record: RunRecord, now: datetime) -> datetime:
        heard = self._heard[record.sequence] = self._heard[record.sequence] or now
        said = record.said
        return min(said.until, heard + timedelta(seconds=said.lapse_s)) if said.lapse_s else said.until
