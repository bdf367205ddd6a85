"""What is known of the server's side of one connection, and what the server still owes.

Nothing here is believed before the server has confirmed it: until then every possible meaning stays, and
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace
from typing import Final

from mypy_extensions import i64

from proxy.policy.context import Transaction
from proxy.session.course import Course
from proxy.session.holding import Ground
from proxy.session.inflight import Inflight, Sent
from proxy.session.lexing import Lexing
from proxy.session.meaning import Meaning
from proxy.session.outcomes import Books
from proxy.session.prepared import NOTHING, Definition, Names
from proxy.session.refusal import Denial
from proxy.session.registration import Registered, Registration
from proxy.session.resolution.freshness import NONE
from proxy.session.resolution.inquiry import Asked
from proxy.session.resolution.lookup import Lookup
from proxy.sql.effects import Act, Deallocates, DiscardsAll, Keeps, Prepares, Registers

# Made once: compiled, a tuple that is written out is made at each use.
_NONE: Final[tuple[Transaction, ...]] = ("none",)
_OPEN: Final[tuple[Transaction, ...]] = ("open",)
_EITHER: Final[tuple[Transaction, ...]] = ("none", "open")
_NOTHING_ADDED: Final = NONE  # compiled, a name of another module's is looked up each time
_DEEPEST: Final = 32
"""How many definitions of one name may stand unconfirmed: each use of the name considers all of them."""


class State(Course):
    """The believed state of one connection.

    Attributes:
        inflight: the messages whose answers have not come.
        statements, portals: what their names may mean.
        lexing: how the server reads texts.
        lookup: what bare names stand for.
        server_major: the server's major version, 0 where it is not known.
        batch: serial of the last message that ended in ReadyForQuery; definitions after it are exact.
        batch_open: messages of the extended protocol were sent, their Sync was not.
        skipping: the server skips to Sync (an error came, or a refusal is on its way): so does the gate.
        waiting: nothing more is taken from the client for now.
        awaited: the number of the ReadyForQuery that a held text waits for; 0 for none.
        flushed: a held text waits for every answer that is owed; Flush brings them.
        status: the transaction status of the last ReadyForQuery: I, T or E.
        registration: of the last migration that was registered, until something else runs.
        written: the number of the ReadyForQuery that ends the last message that wrote; 0 once all of it is
            committed or undone.
        own_names: some prepared statement was resolved while a name stood for a table of the session's own.
        told_fatal: the server has sent a FATAL error.
        replication: what the server's side is, a walsender; "" for an ordinary connection.
        books: what follows the changes that are open; None while there are none.
        cancelled: what the statement is told that waited for an answer to the gate's own question while that,
            or the statement itself, was cancelled.
    """

    def __init__(self, lexing: Lexing, lookup: Lookup, server_major: int, replication: str = "") -> None:
        """Begin after the first ReadyForQuery."""
        self.server_major = server_major
        self.replication = replication
        self.cancelled: Denial | None = None
        self.books: Books | None = None
        self.lookup = lookup
        lookup.course = self
        self.inflight = Inflight()
        self.statements = Names()
        self.portals = Names()
        self.lexing = lexing
        self.batch: i64 = 0
        self.batch_open = False
        self.skipping = False
        self.waiting = False
        self.awaited: i64 = 0
        self.flushed = False
        self.status = "I"
        self.written: i64 = 0
        self.told_fatal = False
        self.own_names = False
        self.registration: Registration | None = None
        self._serial: i64 = 0
        self._unsure_until: i64 = 0  # the ReadyForQuery that tells what transaction control has done
        self._barrier: Sent | None = None

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return self._serial

    def send(self, kind: i64) -> Sent:
        """A message of this kind goes to the server."""
        self._serial += 1
        sent = Sent(kind, self._serial)
        self.inflight.push(sent)
        return sent

    def send_bare(self, kind: i64) -> None:
        """The same of one of which nothing will be asked but its kind."""
        self._serial += 1
        self.inflight.push_bare(kind, self._serial)

    def send_running(self, kind: i64, meaning: Meaning) -> Sent | None:
        """The same of one that runs this; None where nothing will be asked of it but its kind."""
        if meaning.acts or meaning.barrier or meaning.registers is not None:
            return self.send(kind)
        self.send_bare(kind)
        return None

    def answered_here(self, kind: i64) -> Sent:
        """A message of this kind does not go to the server; its answer has its place in what is owed."""
        self._serial += 1
        sent = Sent(kind, self._serial)
        sent.unsent = True
        if self.inflight:
            self.inflight.push(sent)
        return sent

    @property
    def settled(self) -> bool:
        """Nothing is under way that may begin or end a transaction."""
        return self._unsure_until <= self.inflight.ready

    def define(self, names: Names, name: bytes, meaning: Meaning, sent: Sent) -> Definition:
        """Note that a message defines a name; when too many meanings may hold, let the server catch up."""
        definition = names.define(name, meaning, sent.serial)
        if definition.depth > _DEEPEST and self.inflight.ready < self.inflight.boundaries:
            self.wait_until_ready(self.inflight.boundaries)
        return definition

    def resolves(self, definition: Definition, bound: Set[str] | None) -> None:
        """The server resolves a statement's names now; those that were bound to an own table may stay so."""
        answer = self.lookup.answer
        if answer is None or not answer.own:
            definition.own = NOTHING
            return
        found = answer.own.keys()
        definition.own = frozenset(found) if bound is None else frozenset(found & bound)
        self.own_names |= bool(definition.own)

    def resolves_unseen(self, name: bytes | None = None) -> None:
        """The server may resolve a prepared statement's names anew, and nobody knows to what.

        None stands for all of them.
        """
        if name is None:
            self.statements.disown()
            self.own_names = False
            return
        definition = self.statements.only(name, self.batch)
        if definition is None or definition.serial <= self.batch:
            self.resolves_unseen()

    def end_batch(self) -> None:
        """A message that ends in ReadyForQuery was sent."""
        self.batch = self._serial
        self.batch_open = False
        self.lookup.batch_ends()

    def transactions(self) -> tuple[Transaction, ...]:
        """Every state that the transaction may be in when the next message is run."""
        if self._unsure_until > self.inflight.ready:
            return _EITHER
        return _NONE if self.status == "I" else _OPEN

    def ground(self) -> Ground:
        """Where the next message stands, as far as it is known."""
        if self.replication:
            return Ground.WALSENDER
        if self.status != "I" and not self.inflight:
            return Ground.TRANSACTION
        if self.batch_open:
            return Ground.BATCH
        return Ground.UNSETTLED if self.inflight else Ground.CLEAR

    @property
    def holds_writes(self) -> bool:
        """Something may have been written that is not committed; what has failed can only be undone."""
        return self.written > 0 and not (self.status == "E" and self._unsure_until <= self.inflight.ready)

    @property
    def sync_commits(self) -> bool:
        """The end of this batch may commit what the batch has written: nothing shows a BEGIN before it."""
        written = self.written > self.inflight.boundaries and not self.skipping
        return written and "none" in self.transactions()

    @property
    def still(self) -> bool:
        """Nothing is under way or waited for."""
        quiet = not (self.waiting or self.skipping or self.flushed or self.batch_open or self.told_fatal)
        settled = self.inflight.owed == 0 and self._barrier is None and self.status == "I" and self.settled
        changes = self.written > 0 or self.books is not None or self.registration is not None
        return quiet and settled and not changes and self.cancelled is None and self.lookup.inquiry is None

    @property
    def fresh(self) -> bool:
        """And nothing is remembered: after the next message it would be as one that has just begun."""
        named = self.own_names or bool(self.statements) or bool(self.portals) or bool(self.replication)
        return self.still and not named and self.lexing.usual and self.lookup.fresh

    def goes_on(self, meaning: Meaning) -> None:
        """A recorded change is about to be sent: what becomes of it is followed, where others are open."""
        if self.books is not None:
            self.books.goes_on(self._serial + 1, meaning)

    def may_ask(self) -> bool:
        """A walsender knows no extended protocol to ask by; what is in flight may settle the rest first."""
        if self.skipping or self.replication:
            return False
        if self.inflight:
            return True
        return self.status != "E" and (self.lexing.plain or (self.lexing.tells and not self.batch_open))

    def may_wait(self) -> bool:
        """Inside a transaction nobody else sees what it has made."""
        return not self.batch_open and self.transactions() != _OPEN

    # -- waiting -----------------------------------------------------------------------------------

    def ask(self, names: Iterable[Asked]) -> bytes:
        """Ask what names stand for; nothing follows until the server has answered."""
        self.waiting = True
        return self.lookup.ask(names, inside=self.batch_open, ascii_only=not self.lexing.plain)

    def answered(self, status: str | None) -> None:
        """The question's last answer has come: ReadyForQuery, or None inside of a batch."""
        if status is not None:
            self.status = status
        self.waiting = False
        self.lookup.answered(status)

    def wait_for(self, sent: Sent) -> None:
        """Let nothing follow this message until the server has answered it."""
        self._barrier = sent
        self.waiting = True

    def release(self, sent: Sent) -> None:
        """Whatever waited for this answer may go on."""
        if self._barrier is sent:
            self._barrier = None
            self.waiting = False

    def wait_until_ready(self, number: i64) -> None:
        """Let nothing follow until ReadyForQuery number ``number`` has come."""
        self.awaited = number
        self.waiting = True

    def wait_until_flushed(self) -> None:
        """Let nothing follow until every answer has come."""
        self.flushed = self.waiting = True

    def caught_up(self) -> None:
        """Every answer has come."""
        if self.flushed:
            self.flushed = self.waiting = False

    def ready(self, status: str) -> None:
        """ReadyForQuery has come.

        Raises: ProtocolViolation when none was due.
        """
        sent = self.inflight.end_boundary()
        self.status = status
        if status != "T" and self.lookup.added is not _NOTHING_ADDED:
            self.lookup.added = _NOTHING_ADDED
        registration = self.registration
        if registration is not None and not registration.settle(self.inflight.ready, status):
            self.registration = None
        if sent is not None:
            self.release(sent)
        self._caught_up()
        if status == "I":
            if self.inflight.ready >= self.written:
                self.written = 0
            if not self.inflight.owed and not self.batch_open:
                self.portals.forget()

    # -- what running a message does ---------------------------------------------------------------

    def runs(self, sent: Sent | None, meaning: Meaning, boundary: i64) -> None:
        """A message that runs this was sent, None where it is bare; ReadyForQuery ``boundary`` ends it."""
        self.registration = None
        if sent is not None and meaning.acts:
            self._define(sent, meaning)
        if meaning.transacts:
            self._unsure_until = boundary
            if self.books is not None:
                self.books.transacts(self._serial, meaning)
        if meaning.relexes:
            self.lexing.unsettle(boundary)
        if self.own_names and (meaning.executes or meaning.renames or _explains(meaning)):
            self.resolves_unseen()
        lookup = self.lookup
        moves = meaning.transacts or meaning.renames or meaning.adds
        if moves or lookup.answer is not None or lookup.added is not _NOTHING_ADDED:
            lookup.runs(meaning)
        if sent is not None and meaning.barrier:
            self.wait_for(sent)

    def registers(self, registered: Registered | None, boundary: i64) -> None:
        """What was just sent registers a migration."""
        if registered is not None:
            self.registration = Registration(registered, self._serial, boundary)

    def erred(self) -> None:
        """An error has come: what is not committed yet will not be, whichever message it is about."""
        self.lookup.added = NONE
        if self.registration is not None and not self.registration.confirmed:
            self.registration = None

    def _define(self, sent: Sent, meaning: Meaning) -> None:
        """Note the names that it may define.

        Which of several meanings it has is never confirmed: all stay possible.
        """
        for number, group in enumerate(meaning.acts):
            for act in group:
                if isinstance(act, Prepares):
                    name = act.name.encode()
                    prepared = Meaning(
                        act.effects, statement_class=meaning.statement_class, mentions=act.mentions
                    )
                    definition = self.define(self.statements, name, prepared, sent)
                    if not meaning.several:
                        if sent.definitions is None:
                            sent.definitions = {}
                        sent.definitions[number, name] = definition
        if not meaning.several:
            sent.acts = meaning.acts

    def completed(self, sent: Sent) -> None:
        """The next statement of a message has taken effect."""
        number = sent.completed
        sent.completed += 1
        for act in sent.acts[number] if number < len(sent.acts) else ():
            self._confirm(sent, number, act)

    def _confirm(self, sent: Sent, number: int, act: Act) -> None:
        match act:
            case Prepares(name=name) if sent.definitions is not None:
                sent.definitions.pop((number, name.encode())).confirm()
            case DiscardsAll():
                self.statements.clear(sent.serial, unnamed=False)
                self.portals.clear(sent.serial, unnamed=True)
            case Deallocates(name=None):
                self.statements.clear(sent.serial, unnamed=False)
            case Deallocates(name=str(name)):
                self.statements.remove(name.encode(), sent.serial)
            case Keeps(tool=tool) if self.lookup.who.migration.resembles != tool:
                self.lookup.shows(replace(self.lookup.who.migration, resembles=tool))
            case Registers() if self.registration is not None and self.registration.serial == sent.serial:
                self.registration.done = True

    def failed(self) -> None:
        """An error in the extended protocol: the server skips to Sync, even one that is still to come."""
        before = self.inflight.ready
        for sent in self.inflight.skip_to_sync():
            sent.fail()
            self.release(sent)
        if not self.inflight:
            self.skipping = True
        # A Query that is skipped ends in no ReadyForQuery: what its batch has done is told by the one of
        # the Sync.
        sync = self.inflight.ready + 1
        if self._unsure_until > before:
            self._unsure_until = max(self._unsure_until, sync)
        self.lexing.postpone(before, sync)
        self._caught_up()

    def _caught_up(self) -> None:
        """More ReadyForQuery have come, or will never come."""
        self.lexing.settle(self.inflight.ready)
        if self.awaited and self.inflight.ready >= self.awaited:
            self.awaited = 0
            self.waiting = False


def _explains(meaning: Meaning) -> bool:
    """EXPLAIN EXECUTE resolves the names of what it does not run."""
    return any(statement.kind == "ExplainStmt" for statement in meaning.statements)
