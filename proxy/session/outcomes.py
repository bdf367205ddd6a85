"""What becomes of changes that were recorded before they ran: by the answers, and by the transaction's end.

Enters: which messages were sent that are such changes, or begin and end transactions; what the server
answers, in order. Leaves: a `Concluded` for each change, once nothing can turn it any more. Absent: what has
to be recorded (policy/recording.py), and writing anything down.

A session keeps these books only from a change until its end. What was sent before is of no interest: a
savepoint that is not known here is older than every change that is open, so going back to it undoes all.

Source: xact.c (CommitTransactionCommand, UserAbortTransactionBlock), exec_simple_query() and
exec_execute_message() of postgres.c: several statements of one Query, and all up to a Sync, are one
transaction where no other is open, and its end is told by ReadyForQuery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from proxy.policy.recording import Ending
from proxy.session.events import MOST_LISTED, Concluded
from proxy.session.meaning import Meaning
from proxy.sql.analyse import Statement
from proxy.sql.effects import CLASSES

_CHANGES_NOTHING: Final = (CLASSES["read"] | CLASSES["session"] | CLASSES["transaction"]) - CLASSES[
    "destructive"
]
_CONTROLS: Final = {
    ("transaction.savepoint", ""): "savepoint",
    ("transaction.savepoint", "release"): "release",
    ("transaction.savepoint", "rollback"): "rollback to",
    ("transaction.prepare", ""): "prepare",
}
_OF_PREPARED: Final = frozenset(("transaction.commit_prepared", "transaction.rollback_prepared"))
_STAYS_PREPARED: Final = frozenset(("0A000", "25001", "25006", "25P02", "42501", "42704", "55000"))
"""What the server answers before it has touched a prepared transaction (LockGXact() and what runs before it):
none of that name, somebody else's, another database's, one that is being ended, or the wrong moment."""

_COUNTING: Final = frozenset(("INSERT", "UPDATE", "DELETE", "MERGE", "COPY"))
_CREATES_FROM_ROWS: Final = "CreateTableAsStmt"
_AMBIGUOUS: Final = frozenset(("ROLLBACK", "SAVEPOINT", "RELEASE", "PREPARE TRANSACTION"))
"""Answers that say too little where the statement is not known."""

_NO_SQLSTATE: Final = "XX000"
"""In place of a code that the server has not given: as libpq has it, an internal error."""

_ON_THEIR_OWN: Final = frozenset(
    (
        *("CallStmt", "DoStmt"),
        *("AlterDatabaseStmt", "AlterSubscriptionStmt", "AlterSystemStmt"),
        *("CreatedbStmt", "CreateSubscriptionStmt", "CreateTableSpaceStmt"),
        *("DropdbStmt", "DropSubscriptionStmt", "DropTableSpaceStmt"),
        *("ClusterStmt", "ReindexStmt", "RepackStmt", "VacuumStmt"),
    )
)
"""Statements that may commit by themselves where no transaction is open (PreventInTransactionBlock(), and
procedures): what an error leaves of them, nobody says. So it is with whatever works CONCURRENTLY."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One statement of a message.

    Attributes:
        control: what it does to the transaction: "savepoint", "release", "rollback to", "prepare", else "".
        name: the savepoint's, or the prepared transaction's.
        relevant: it may change something.
        alone: it may commit by itself.
        ends_prepared: it ends a prepared transaction, which is what may stay then.
        counts: its answer says how many rows it has written, whatever word stands before the number.
    """

    control: str = ""
    name: str = ""
    relevant: bool = True
    alone: bool = False
    ends_prepared: bool = False
    counts: bool = False

    def may_leave_something(self, sqlstate: str) -> bool:
        """Whether it may have done something although the server answered with this error."""
        return self.alone and not (self.ends_prepared and sqlstate in _STAYS_PREPARED)


_PLAIN: Final = _Step()


@dataclass(slots=True, eq=False)
class _Script:
    """A message that is followed.

    Attributes:
        number: of the change's entry; 0 where it only begins or ends transactions.
        steps: its statements; () where they are not known.
        done: how many of them have completed.
        fates: what became of those that may change something.
        open: how many of those completed and wait for the transaction's end.
        answered: nothing more is said of it.
        doomed: the statement that failed may have left something, unless a transaction was open.
    """

    number: int
    steps: tuple[_Step, ...]
    started: float
    done: int = 0
    fates: set[Ending] = field(default_factory=set)
    open: int = 0
    answered: bool = False
    doomed: bool = False
    tags: list[str] = field(default_factory=list)
    rows: int | None = None
    sqlstate: str = ""
    duration_s: float | None = None
    kept_as: str = ""
    kept_with: int = 0

    def ending(self) -> Ending:
        """What its parts come to."""
        fates = self.fates
        if Ending.UNKNOWN in fates or not (fates or self.sqlstate):
            return Ending.UNKNOWN
        if self.sqlstate:
            return Ending.FAILED if fates <= {Ending.ROLLED_BACK} else Ending.PARTLY
        return next(iter(fates)) if len(fates) == 1 else Ending.PARTLY


@dataclass(frozen=True, slots=True)
class _Piece:
    """A statement of a change that completed in the transaction that is open.

    Attributes:
        loose: it may have committed by itself.
    """

    script: _Script
    loose: bool


@dataclass(frozen=True, slots=True)
class _Savepoint:
    name: str


_Log: TypeAlias = list["_Piece | _Savepoint"]


class Books:
    """Follows the changes of one session.

    A session tells of each message in the order in which it is sent, and of each answer in the order in which
    it comes; `serial` is the message's.
    """

    def __init__(self, tell: Callable[[Concluded], None], timer: Callable[[], float], status: str) -> None:
        """Begin with a change that is about to run.

        Args:
            tell: is called with what became of each.
            timer: seconds from any moment.
            status: the last ReadyForQuery's.
        """
        self._tell = tell
        self._timer = timer
        self._status = status
        self._recorded = 0  # a change that is recorded, and has not gone on yet
        self._scripts: dict[int, _Script] = {}
        self._log: _Log = []
        self._failed = False  # an error came since the last ReadyForQuery
        self._doubtful = False  # a savepoint may have been set, or gone, unseen

    @property
    def closed(self) -> bool:
        """Nothing is open: they need not be kept any more."""
        return not (self._recorded or self._scripts or self._log)

    # -- what is sent --------------------------------------------------------------------------------------

    def recorded(self, number: int) -> None:
        """The message that is looked at is recorded under this number; it goes on now, or never."""
        self._kept_back()
        self._recorded = number

    def goes_on(self, serial: int, meaning: Meaning) -> None:
        """The message that was recorded last is sent."""
        number, self._recorded = self._recorded, 0
        self._scripts[serial] = _Script(number, _steps(meaning), self._timer())

    def transacts(self, serial: int, meaning: Meaning) -> None:
        """A message is sent that may begin or end a transaction; it may be a change, too."""
        if serial not in self._scripts:
            self._scripts[serial] = _Script(0, _steps(meaning), self._timer())

    def _kept_back(self) -> None:
        if self._recorded:
            number, self._recorded = self._recorded, 0
            self._tell(Concluded(number, Ending.NOT_RUN))

    # -- what is answered ----------------------------------------------------------------------------------

    def completed(self, serial: int, tag: str, *, last: bool) -> None:
        """A statement of a message has completed.

        Args:
            tag: the server's, "" where it gives none.
            last: the message has no other.
        """
        script = self._scripts.get(serial)
        if script is None:
            return
        step = script.steps[script.done] if script.done < len(script.steps) else _PLAIN
        script.done += 1
        if tag == "COMMIT":
            self._end(Ending.COMMITTED)
        elif tag == "PREPARE TRANSACTION" and step.control == "prepare":
            self._end(Ending.PREPARED, step.name)
        elif tag in _AMBIGUOUS and not script.steps:
            self._doubt()
        elif tag == "ROLLBACK" and step.control != "rollback to":
            self._end(Ending.ROLLED_BACK)
        elif step.control:
            self._move(step)
        elif script.number and step.relevant:
            self._add(script, step, tag)
        if last:
            self._answered(script)
            del self._scripts[serial]
        self._settle((script,))

    def failed(self, serial: int, sqlstate: str, until: float) -> None:
        """The server has answered a message with an error.

        Args:
            until: the serial of the message that the server goes on with; those before it are skipped.
        """
        self._failed = True
        for number, script in self._scripts.items():
            if number < until and not script.sqlstate:
                script.sqlstate = sqlstate or _NO_SQLSTATE
                step = script.steps[script.done] if script.done < len(script.steps) else _PLAIN
                script.doomed = step.may_leave_something(sqlstate) and number == serial
                script.duration_s = self._timer() - script.started

    def ready(self, status: str, serial: int) -> None:
        """ReadyForQuery has come, which ends the message with this serial."""
        if status == "I":
            self._end(Ending.ROLLED_BACK if self._failed else Ending.COMMITTED)
        self._status, self._failed = status, False
        answered = [number for number in self._scripts if number <= serial]
        for number in answered:
            script = self._scripts.pop(number)
            if script.doomed and status == "I":
                script.fates.add(Ending.UNKNOWN)
            self._answered(script)
            self._settle((script,))
        if all(isinstance(entry, _Savepoint) for entry in self._log):
            self._log.clear()

    def lost(self, *, owing: bool) -> None:
        """The connection ends.

        Args:
            owing: the server has not answered all that it was sent. Where it has, it undoes what is open.
        """
        self._kept_back()
        for script in self._scripts.values():
            if script.doomed or (owing and not script.sqlstate):
                script.fates.add(Ending.UNKNOWN)
            script.answered = True
        unsettled = list(self._scripts.values())
        self._scripts.clear()
        self._end(Ending.UNKNOWN if owing else Ending.ROLLED_BACK)
        self._settle(unsettled)

    # -- the transaction -----------------------------------------------------------------------------------

    def _add(self, script: _Script, step: _Step, tag: str) -> None:
        script.open += 1
        self._log.append(_Piece(script, step.alone and self._status != "T"))
        if tag and len(script.tags) < MOST_LISTED:
            script.tags.append(tag)
        word, _, count = tag.rpartition(" ")
        if count.isdecimal() and (step.counts or word.partition(" ")[0] in _COUNTING):
            script.rows = (script.rows or 0) + int(count)

    def _move(self, step: _Step) -> None:
        """A savepoint is set, released, or gone back to; one that is not known here is older than all."""
        at = next(
            (
                place
                for place in range(len(self._log) - 1, -1, -1)
                if self._log[place] == _Savepoint(step.name)
            ),
            -1,
        )
        match step.control:
            case "savepoint":
                self._log.append(_Savepoint(step.name))
            case "release":
                behind = self._log[max(at, 0) :]
                self._log[max(at, 0) :] = [entry for entry in behind if isinstance(entry, _Piece)]
            case _:
                undone = self._log[at + 1 :]
                del self._log[at + 1 :]
                self._fall(undone, Ending.UNKNOWN if self._doubtful else Ending.ROLLED_BACK)

    def _doubt(self) -> None:
        """Something was done with savepoints, or undone, and nobody knows what."""
        log, self._log = self._log, []
        self._fall(log, Ending.UNKNOWN)
        self._doubtful = True

    def _end(self, ending: Ending, kept_as: str = "") -> None:
        """The transaction is over."""
        log, self._log = self._log, []
        if ending is not Ending.ROLLED_BACK and self._doubtful:
            ending = Ending.UNKNOWN
        self._doubtful = False
        kept = [entry.script for entry in log if isinstance(entry, _Piece)] if kept_as else []
        for script in kept:
            script.kept_as, script.kept_with = kept_as, min(each.number for each in kept)
        self._fall(log, ending)

    def _fall(self, log: _Log, ending: Ending) -> None:
        """These have come to their end."""
        pieces = [entry for entry in log if isinstance(entry, _Piece)]
        for piece in pieces:
            piece.script.open -= 1
            uncertain = piece.loose and ending is Ending.ROLLED_BACK
            piece.script.fates.add(Ending.UNKNOWN if uncertain else ending)
        self._settle(dict.fromkeys(piece.script for piece in pieces))

    # -- telling -------------------------------------------------------------------------------------------

    def _answered(self, script: _Script) -> None:
        script.answered = True
        if script.duration_s is None:
            script.duration_s = self._timer() - script.started

    def _settle(self, scripts: Iterable[_Script]) -> None:
        for script in scripts:
            if script.number and script.answered and not script.open:
                number, script.number = script.number, 0
                self._tell(
                    Concluded(
                        number,
                        script.ending(),
                        tuple(script.tags),
                        script.rows,
                        script.sqlstate,
                        script.duration_s,
                        script.kept_as,
                        script.kept_with,
                    )
                )


def _steps(meaning: Meaning) -> tuple[_Step, ...]:
    """The statements of a message, where they are known one by one."""
    if meaning.several or meaning.error is not None:
        return ()
    steps = tuple(map(_step, meaning.statements))
    if any(step.relevant for step in steps):
        return steps
    # What makes it a change is not in the text: code of the database's own.
    return tuple(
        step if step.control else _Step(alone=step.alone, ends_prepared=step.ends_prepared) for step in steps
    )


def _step(statement: Statement) -> _Step:
    control = name = ""
    alone = statement.kind in _ON_THEIR_OWN
    relevant = ends_prepared = False
    for effect in statement.effects:
        relevant |= effect.name not in _CHANGES_NOTHING
        ends_prepared |= effect.name in _OF_PREPARED
        alone |= ends_prepared or "concurrently" in effect.traits
        if statement.kind == "TransactionStmt":
            control = _CONTROLS.get((effect.name, effect.detail), "")
            name = "" if effect.target is None else effect.target.name or ""
    return _Step(control, name, relevant, alone, ends_prepared, statement.kind == _CREATES_FROM_ROWS)
