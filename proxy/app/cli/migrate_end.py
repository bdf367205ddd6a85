"""How a migration run ended, and what to do when it failed half-way.

Enters: the ledger, the run, Prisma's history before and after. Leaves: lines for people, and an exit code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_line
from proxy.app.migrating.history import Applied
from proxy.policy.recording import Ending
from proxy.records import BackupRecord, ChangeBegun, ChangeEnded, Entry, Ledger
from proxy.records.kinds.kind import read

_SHOWN_CHARS = 100
_WAIT_S = 2.0
_AGAIN_S = 0.1
_NOT_YET = "not known yet"


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over.

    Attributes:
        begun: its entry.
        token: SHA-256 of its token.
        code: the command's exit code; None where it was not run.
        before, after: Prisma's history; None where there is none, or it is not known.
    """

    begun: Entry
    token: str
    code: int | None
    before: tuple[Applied, ...] | None
    after: tuple[Applied, ...] | None
    backups: tuple[BackupRecord, ...]

    @property
    def _new(self) -> tuple[Applied, ...]:
        known = set(self.before or ())
        return tuple(row for row in self.after or () if row not in known)

    @property
    def passed(self) -> tuple[str, ...]:
        """Names of the migrations that ran whole, as far as their tool says."""
        return tuple(row.name for row in self._new if row.finished and not row.rolled_back)

    @property
    def failed(self) -> str:
        """The one that did not."""
        return next((row.name for row in self._new if row.failed), "")


def tell_end(book: Ledger, ended: Ended) -> None:
    """Say what came of it.

    Raises: CommandError where the command failed.
    """
    changes = _settled(book, ended)
    for name in ended.passed:
        print_line(f"applied: {name}")
    for entry, change, ending in changes:
        print_line(f"entry {entry}: {ending}: {_first_words(change)}")
    if ended.code == 0:
        print_line(f"run {ended.begun.sequence} is over; pgwarden changes list shows what it has done")
        return
    raise CommandError(ExitCode.FAILED, f"the command ended with {ended.code}", *_advice(ended, changes))


_Changes = list[tuple[int, ChangeBegun, str]]


def _settled(book: Ledger, ended: Ended) -> _Changes:
    """The changes of this run, once the gate has written down how they ended: it does so behind."""
    deadline = monotonic() + _WAIT_S
    while True:
        changes = _changes(book, ended)
        if monotonic() > deadline or all(ending != _NOT_YET for _, _, ending in changes):
            return changes
        book.wait(_AGAIN_S)


def _changes(book: Ledger, ended: Ended) -> _Changes:
    """The changes of this run, each with what became of it."""
    begun: dict[int, ChangeBegun] = {}
    endings: dict[int, str] = {}
    for entry in book.entries(ended.begun.sequence, kinds=(ChangeBegun.kind, ChangeEnded.kind)):
        if entry.kind == ChangeBegun.kind:
            change = read(entry, ChangeBegun)
            if change.run == ended.token:
                begun[entry.sequence] = change
        elif entry.about.isdecimal():
            endings[int(entry.about)] = read(entry, ChangeEnded).ending
    return [(number, change, endings.get(number, _NOT_YET)) for number, change in begun.items()]


def _first_words(change: ChangeBegun) -> str:
    words = " ".join((change.statement or "a call").split())
    return words if len(words) <= _SHOWN_CHARS else words[: _SHOWN_CHARS - 1] + "…"


def _advice(ended: Ended, changes: _Changes) -> Iterator[str]:
    """What to do when it failed half-way."""
    stays = [number for number, _, ending in changes if ending in (Ending.COMMITTED, Ending.PARTLY)]
    doubtful = [number for number, _, ending in changes if ending in (Ending.UNKNOWN, _NOT_YET)]
    if ended.failed:
        yield f"the migration {ended.failed} failed; Prisma runs no other until that is resolved"
        if doubtful:
            yield f"whether anything of it stays is not known (entries {_numbers(doubtful)}): look first"
        yield (
            f"where nothing of it stays: npx prisma migrate resolve --rolled-back {ended.failed}, mend the "
            "script, and run this again"
        )
        yield f"where you finish it by hand: npx prisma migrate resolve --applied {ended.failed}"
    if not stays and not doubtful:
        yield "no change of this run stays in the database"
    elif stays:
        yield f"what was committed stays: entries {_numbers(stays)}"
        yield "pgwarden changes show NUMBER tells how to undo one of them"
    for record in ended.backups:
        yield (
            f"to go back to before the run: pgwarden backup restore {record.location} (into a new database "
            f"first), or --over {record.database}"
        )


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
