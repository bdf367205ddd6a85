"""What the client sends, frame by frame: judged, then kept, dropped, replaced or held.

Enters: the client's cutter. Leaves: the bytes that go to the server, the very chunk where all of it may pass.
"""

from __future__ import annotations

from typing import Final

from proxy.session.cache import Outcome
from proxy.session.commands import Analyse, GivenUp, Hold, Ponder, Record, Recorded, Released, Unrecorded
from proxy.session.copying import CopyIn
from proxy.session.events import told
from proxy.session.gate import Gate
from proxy.session.inflight import (
    BIND,
    CLOSE,
    DESCRIBE,
    EXECUTE,
    FUNCTION_CALL,
    PARSE,
    QUERY,
    SYNC,
    Grant,
    Sent,
)
from proxy.session.judge import Ask, Await, Judge, Judgement, Settle, Write
from proxy.session.meaning import Meaning
from proxy.session.prepared import NOTHING, resolve
from proxy.session.refusal import CANCELLED, Denial, FatalRefusal, Refusal, no_such_statement
from proxy.session.registration import Registration, registered_by
from proxy.session.replication import command
from proxy.session.state import State
from proxy.session.texts import HandOut, Texts, Wait, over_size
from proxy.session.weighing import Weighed
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter, View
from proxy.wire.frontend import (
    ParseMessage,
    decode_bind_names,
    decode_close,
    decode_describe,
    decode_execute_portal,
    decode_function_oid,
    decode_parse,
    decode_query,
    encode_flush,
    encode_sync,
)

KEEP: Final = None
"""A handler's answer: the frame goes on as it is. Bytes go in its place instead."""
DROPPED: Final = b""

_COPY_DATA: Final = 0x64  # d
_COPY_DONE: Final = 0x63  # c
_COPY_FAIL: Final = 0x66  # f
_FLUSH: Final = 0x48  # H
_TERMINATE: Final = 0x58  # X
_STATEMENTS: Final = (QUERY, PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, FUNCTION_CALL)
_RESTING: Final = ("freeze", "ledger")

LONGEST_KEPT: Final = 8 * 1024
"""In bytes: of longer texts a session remembers the size."""

_ENDS: Final = frozenset(("transaction.commit", "transaction.prepare"))


class ClientSide:
    """The client's direction.

    Attributes:
        terminated: the client has said Terminate.
        last: the text of the last Query that went on, its size if it is long; or what the last Execute runs.
        parsed: the text of the last Parse without a name that went on, or its size.
    """

    def __init__(self, gate: Gate, judge: Judge, state: State, copy: CopyIn, cutter: Cutter) -> None:
        """Read frames from the cutter, judge them against the state."""
        self._gate = gate
        self._texts = Texts(state, gate, judge)
        self._awaiting: View | None = None  # a text that is read elsewhere
        self._telling: Analyse | Ponder | Record | Hold | None = None  # work for elsewhere, not yet told of
        self._holding: Hold | None = None  # what the message held back waits for
        self._held: ParseMessage | View | None = None  # the message held back: decoding it copies the text
        self._judge = judge
        judge.sent = lambda: state.sent
        judge.ground = state.ground
        judge.holds_writes = lambda: state.holds_writes
        self._state = state
        self._copy = copy
        self._cutter = cutter
        # The catalogue has to be read, and the relay has not been told: at first, and after definitions. A
        # first statement inside of a transaction, or in the middle of a batch, could not wait for it.
        state.waiting = self._unread = gate.catalogue and state.replication != "physical"
        self._reading = False  # the catalogue is being read
        self._after = b""  # goes out behind the frame just kept
        self.terminated = False
        self.last: View | int | Meaning = b""
        self.parsed: View | int = b""

    def forward(self) -> View:
        """Judge what the cutter holds.

        Returns: what goes to the server now.
        Raises: ProtocolViolation.
        """
        state, cutter = self._state, self._cutter
        pieces: list[View] | None = None  # most of the time all goes on as it came
        # The next CopyData is where a COPY can be stopped.
        cutter.show_all = self._copy.sent is not None and self._copy_outdated()
        while not state.waiting:
            kind = cutter.next()
            if kind == 0:
                break
            if self._copy.sent is not None or state.skipping:
                instead = self._out_of_line(kind)
            else:
                instead = self._in_line(kind)
            if instead is not None:
                if pieces is None:
                    pieces = []
                pieces.append(cutter.drop())
                pieces.append(instead)
        kept = cutter.take()
        if pieces is None and not self._after:
            return kept
        after, self._after = self._after, b""
        return b"".join((*(pieces or ()), kept, after))

    def _in_line(self, kind: int) -> bytes | None:
        """What goes on in place of the frame just shown, at its usual place in the conversation.

        Compared one by one, the most frequent first: mypyc makes plain calls of these, and slow ones of a
        table's.
        """
        if kind == SYNC:
            return self._sync()
        if self._state.replication and kind in _STATEMENTS:
            return self._replicating(kind)
        if kind == BIND:
            return self._bind()
        if kind == EXECUTE:
            return self._execute()
        if kind == DESCRIBE:
            return self._describe()
        if kind == QUERY:
            return self._query()
        if kind == PARSE:
            return self._parse()
        if kind == CLOSE:
            return self._close()
        if kind == FUNCTION_CALL:
            return self._function_call()
        if kind in (_FLUSH, _COPY_DONE, _COPY_FAIL):
            return KEEP
        if kind == _TERMINATE:
            return self._terminate()
        raise ProtocolViolation(f"invalid client message type {kind}")

    @property
    def holding(self) -> bool:
        """A statement is held until what it needs has come about."""
        return self._holding is not None

    def to_do_elsewhere(self) -> Analyse | Ponder | Record | Hold | None:
        """What a frame waits for, told once: what is to be read, worked out, recorded or brought about."""
        telling, self._telling = self._telling, None
        return telling

    def analysed(self, outcome: Outcome) -> None:
        """The text that was handed out has been read: go on with it."""
        raw, self._awaiting = self._awaiting, None
        if raw is not None:
            self._texts.analysed(raw, outcome)
            self._state.waiting = False

    def recorded(self, outcome: Recorded | Unrecorded) -> None:
        """What was to be recorded is, or cannot be: look at the frame again."""
        self._judge.recorded = outcome, self._state.sent
        self._state.waiting = False

    def held(self, outcome: Released | GivenUp) -> None:
        """What the statement was held for has come about, or will not: look at the frame again."""
        if self._holding is not None:
            self._judge.held(self._holding.wanted, outcome)
            self._holding = None
            self._state.waiting = False

    def pondered(self, weighed: Weighed) -> None:
        """The judgement has been worked out: look at the frame again."""
        self._judge.pondered(weighed)
        self._state.waiting = False

    def release_held(self) -> bytes:
        """Sync and Flush held during a COPY that the server has ended by itself: it reads them now."""
        pieces = []
        for kind in self._copy.take_held():
            pieces.append((self._sync() or encode_sync()) if kind == SYNC else encode_flush())
        return b"".join(pieces)

    # -- judging ---------------------------------------------------------------------------

    def _understand(self, raw: View, *, kept: bool = False, again: bool = False) -> Meaning | Denial | None:
        """What a text means; a Denial when no policy can allow it; None when it waits to be judged."""
        understood = self._texts.understand(raw, kept=kept, again=again)
        if isinstance(understood, Meaning):
            return understood
        if isinstance(understood, Wait):
            self._state.wait_until_ready(understood.ready)
            self._cutter.hold()
            return None
        if isinstance(understood, HandOut):
            self._awaiting = raw
            self._telling = Analyse(raw, self._state.server_major, understood.screen)
            self._state.waiting = True
            self._cutter.hold()
            return None
        return self._refuse_outright(understood, raw)

    def _over_size(self) -> Denial:
        return self._refuse_outright(over_size(self._cutter.size, self._gate.limits.max_statement_bytes), b"")

    def _refuse_outright(self, denial: Denial, raw: View) -> Denial:
        text = told(raw) if raw else None
        return self._judge.reporter.refuse_outright(denial, text, self._state.transactions()[0])

    def _wait_for(self, what: Ask | Await | Ponder | Write | Hold | Settle) -> bytes | None:
        """The answer hinges on what others have to say or do first; the frame is looked at again then."""
        state = self._state
        if isinstance(what, Ponder | Write | Hold):
            self._telling = Record(what.change) if isinstance(what, Write) else what
            self._holding = what if isinstance(what, Hold) else None
            state.waiting = True
        elif isinstance(what, Await) and (what.at_once or not state.inflight):
            state.waiting = self._unread = True
        elif isinstance(what, Ask) and not state.inflight:
            self._after = state.ask(what.names)
        elif isinstance(what, Ask) and state.batch_open:
            self._after = encode_flush()
            state.wait_until_flushed()
        else:
            state.wait_until_ready(state.inflight.boundaries)
        self._cutter.hold()
        return KEEP

    def awaits_catalogue(self) -> bool:
        """Whether the catalogue has to be read before anything goes on, told once."""
        unread, self._unread = self._unread, False
        self._reading |= unread
        return unread

    def catalogue_ready(self) -> None:
        """The catalogue has been read since it was asked for, or cannot be read."""
        self._judge.consequences.overlay = None
        self._reading = False
        self._state.waiting = False

    def _resolved(self, meaning: Meaning) -> Meaning:
        return resolve(meaning, self._state.statements, self._state.batch) if meaning.executes else meaning

    # -- refusing ----------------------------------------------------------------------------------

    def _refuse_query(self, kind: int, denial: Denial) -> bytes:
        """A Query in place of a Query or a FunctionCall: an error, then ReadyForQuery.

        Raises: FatalRefusal to a walsender, which may read any text as a command.
        """
        self._texts.forget()
        if self._state.replication:
            raise FatalRefusal(denial)
        self._state.registration = None
        refusal = Refusal(denial, self._gate.token())
        self._state.inflight.refuse(self._state.send(kind), refusal)
        self._state.lookup.answer = None
        self._state.end_batch()
        return refusal.as_query()

    def _refuse_extended(self, denial: Denial, *, unnamed_parse: bool = False) -> bytes:
        """A Parse in place of a message of the extended protocol: an error, and the server skips to Sync.

        So does the gate.
        """
        self._texts.forget()
        self._state.registration = None
        refusal = Refusal(denial, self._gate.token())
        self._state.inflight.refuse(self._state.send(PARSE), refusal)
        self._state.lookup.answer = None
        self._state.batch_open = True
        self._state.skipping = True
        return refusal.as_unnamed_parse() if unnamed_parse else refusal.as_nonce_parse()

    def _refuse_to_run(self, kind: int, meaning: Meaning, denial: Denial) -> bytes:
        """Refuse a Query or an Execute. One that ends a transaction which has written has that undone."""
        state = self._state
        completes = self._gate.resting and denial.rule in _RESTING and state.holds_writes
        if state.replication or not completes or _ENDS.isdisjoint(effect.name for effect in meaning.effects):
            return self._refuse_query(kind, denial) if kind == QUERY else self._refuse_extended(denial)
        self._texts.forget()
        refusal = Refusal(denial, self._gate.token())
        rollback = self._meaning_of(b"ROLLBACK")
        if kind == QUERY:
            sent = state.send(QUERY)
            sent.hidden = True
            state.inflight.refuse(sent, refusal)
            state.runs(sent, rollback, state.inflight.boundaries)
            state.end_batch()
            return refusal.as_rollback()
        for part in (PARSE, BIND, EXECUTE, CLOSE):
            sent = state.send(part)
            sent.hidden = True
            if part == EXECUTE:
                state.runs(sent, rollback, state.inflight.boundaries + 1)
        state.inflight.refuse(state.send(PARSE), refusal)
        state.batch_open = state.skipping = True
        return refusal.rollback() + refusal.as_nonce_parse()

    def _refused_commit(self) -> Denial | None:
        """Why a batch may not end here, whose end would commit what it has written."""
        if not self._state.sync_commits:
            return None
        return self._judge.judge_commit(self._meaning_of(b"COMMIT"), self._state.transactions())

    def _meaning_of(self, text: bytes) -> Meaning:
        meanings = self._gate.meanings(self._state.server_major)
        return meanings.known(text) or meanings.read(text)

    # -- cancelling --------------------------------------------------------------------------------

    def cancel(self) -> View:
        """The client's statement is to end: refuse it, if it waits here and nothing before it still runs.

        Returns: what goes to the server in its place; b"" where nothing waits, or where the server has to
            answer first: then `refuse_cancelled` gives it.
        """
        state = self._state
        if state.lookup.inquiry is not None:
            state.cancelled = CANCELLED
            return b""
        aside = self._awaiting is not None or self._reading or self.holding
        if not aside or state.inflight.ready < state.inflight.boundaries:
            return b""
        refused = self._refuse_held(CANCELLED)
        if refused and (self._awaiting is not None or self.holding):
            self._awaiting = self._telling = self._holding = None
            state.waiting = False
        return refused

    def refuse_cancelled(self) -> View:
        """What goes to the server for a statement that was cancelled while the server answered the gate."""
        denial, self._state.cancelled = self._state.cancelled, None
        return b"" if denial is None else self._refuse_held(denial)

    def _refuse_held(self, denial: Denial) -> View:
        """Refuse the frame that comes next, if it is a statement and all of it is there.

        Garbage is no statement: whoever reads it next says so. What stands behind an error in its batch is
        skipped anyway.
        """
        if self._state.skipping:
            return b""
        try:
            kind = self._cutter.next()
        except ProtocolViolation:
            return b""
        if kind == 0:
            return b""
        if kind in (QUERY, FUNCTION_CALL):
            instead = self._refuse_query(kind, denial)
        elif kind in (PARSE, BIND, EXECUTE):
            unnamed = kind == PARSE and self._cutter.first() == 0
            instead = self._refuse_extended(denial, unnamed_parse=unnamed)
        else:
            self._cutter.hold()
            return b""
        self._held = None
        return b"".join((self._cutter.drop(), instead))

    # -- frames ------------------------------------------------------------------------------------

    def _terminate(self) -> bytes | None:
        self.terminated = True
        return KEEP

    def _query(self) -> bytes | None:
        state = self._state
        if self._cutter.oversize:
            return self._refuse_query(QUERY, self._over_size())
        if state.registration is not None and self._awaits_registration(state.registration):
            return KEEP
        held, self._held = self._held, None
        denial = self._refused_commit() if self._gate.resting else None
        if denial is not None:
            return self._refuse_query(QUERY, denial)
        held = None if isinstance(held, ParseMessage) else held
        text = decode_query(self._cutter.view()) if held is None else held
        understood = self._understand(text)
        if understood is None:
            self._held = text
            return KEEP
        if not isinstance(understood, Meaning):
            return self._refuse_query(QUERY, understood)
        meaning = self._resolved(understood)
        verdict = (
            self._judge.judge(meaning, state.transactions(), runs=True)
            if state.registration is None
            else self._judge_registered(meaning, state.registration)
        )
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuse_to_run(QUERY, meaning, verdict)
            self._held = text
            return self._wait_for(verdict)
        self._texts.forget()
        sent = state.send(QUERY)
        self._runs(sent, meaning, state.inflight.boundaries)
        self.last = text if len(text) <= LONGEST_KEPT else len(text)
        if meaning.registers is not None:
            state.registers(sent, registered_by(meaning.registers, None), state.inflight.boundaries)
        state.end_batch()
        return KEEP

    def _awaits_registration(self, registration: Registration) -> bool:
        """What was registered just before counts once the server has committed it: wait for that."""
        state = self._state
        if registration.confirmed or state.inflight.ready >= state.inflight.boundaries:
            return False
        state.wait_until_ready(state.inflight.boundaries)
        self._cutter.hold()
        return True

    def _judge_registered(self, meaning: Meaning, registration: Registration) -> Judgement:
        """Judge a Query that comes straight behind the registration of a migration."""
        judge = self._judge
        judge.registered = registration.registered if registration.confirmed else None
        try:
            return judge.judge(meaning, self._state.transactions(), runs=True)
        finally:
            judge.registered = None

    def _replication_query(self) -> bytes | None:
        """A Query to a walsender: one of its own commands, or SQL."""
        if self._cutter.oversize or self._held is not None:
            return self._query()
        meaning = command(decode_query(self._cutter.view()))
        if meaning is None:
            return self._query()
        state = self._state
        verdict = self._judge.judge(meaning, state.transactions(), runs=True)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuse_query(QUERY, verdict)
            return self._wait_for(verdict)
        state.send(QUERY)
        state.end_batch()
        return KEEP

    def _replicating(self, kind: int) -> bytes | None:
        if kind != QUERY:
            raise ProtocolViolation("only simple queries are supported in a replication connection")
        return self._replication_query()

    def _runs(self, sent: Sent, meaning: Meaning, boundary: int) -> None:
        """A message that runs this goes on; ReadyForQuery number ``boundary`` ends it."""
        if self._judge.defines is not None:
            self._judge.consequences.overlay = self._judge.defines
        if self._judge.relexes:
            self._state.lexing.unsettle(boundary)
        if self._judge.writes:
            self._state.written = boundary
        answer = self._state.lookup.answer
        self._state.runs(sent, meaning, boundary)
        if meaning.barrier:
            gate, judge = self._gate, self._judge
            sent.grant = Grant(meaning, gate.policy, answer, judge.since, judge.until, gate.rests)

    def _parse(self) -> bytes | None:
        state = self._state
        if self._cutter.oversize:
            return self._refuse_extended(self._over_size())
        held, self._held = self._held, None
        message = held if isinstance(held, ParseMessage) else decode_parse(self._cutter.view())
        understood = self._understand(message.text, kept=bool(message.name), again=True)
        if understood is None:
            self._held = message
            return KEEP
        if not isinstance(understood, Meaning):
            return self._refuse_extended(understood, unnamed_parse=not message.name)
        verdict = self._judge.judge(understood, state.transactions(), runs=False)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuse_extended(verdict, unnamed_parse=not message.name)
            self._held = message
            return self._wait_for(verdict)
        self._texts.forget()
        sent = state.send(PARSE)
        sent.definition = state.define(state.statements, message.name, understood, sent)
        state.resolves(sent.definition, None)
        if not message.name:
            self.parsed = message.text if len(message.text) <= LONGEST_KEPT else len(message.text)
        state.batch_open = True
        return KEEP

    def _bind(self) -> bytes | None:
        state = self._state
        portal, name = decode_bind_names(self._cutter.body())
        meaning = state.statements.meaning(name, state.batch)
        if meaning is None:
            unknown = no_such_statement(name.decode(errors="replace"))
            return self._refuse_extended(self._refuse_outright(unknown, b""))
        statement = state.statements.only(name, state.batch) if state.own_names else None
        bound = NOTHING if statement is None else statement.own
        verdict = self._judge.judge(meaning, state.transactions(), runs=False, bound=bound)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuse_extended(verdict)
            return self._wait_for(verdict)
        sent = state.send(BIND)
        if meaning.relexes:  # the planner calls functions that are marked immutable
            state.lexing.unsettle(state.inflight.boundaries + 1)
        sent.definition = state.define(state.portals, portal, meaning, sent)
        if statement is not None:
            for definition in (sent.definition, statement):
                state.resolves(definition, bound)
        if meaning.renames:
            state.lookup.runs(meaning)  # so they may move the search_path
        if meaning.registers is not None and not self._cutter.midway:
            sent.definition.registers = registered_by(meaning.registers, self._cutter.body())
        state.batch_open = True
        return KEEP

    def _execute(self) -> bytes | None:
        state = self._state
        portal = decode_execute_portal(self._cutter.body())
        # A portal that no Bind made is a cursor, judged when it was declared.
        meaning = self._resolved(state.portals.meaning(portal, state.batch) or self._gate.fetch)
        made = state.portals.only(portal, state.batch) if state.own_names else None
        bound = NOTHING if made is None else made.own
        verdict = self._judge.judge(meaning, state.transactions(), runs=True, bound=bound)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuse_to_run(EXECUTE, meaning, verdict)
            return self._wait_for(verdict)
        sent = state.send(EXECUTE)
        self._runs(sent, meaning, state.inflight.boundaries + 1)
        self.last = meaning
        if meaning.registers is not None:
            made = state.portals.only(portal, state.batch)
            registered = None if made is None else made.registers
            state.registers(sent, registered, state.inflight.boundaries + 1)
        if meaning.barrier:
            self._after = encode_flush()  # the answer must come without the client's Sync
        state.batch_open = True
        return KEEP

    def _describe(self) -> bytes | None:
        state = self._state
        if state.own_names:
            kind, name = decode_describe(self._cutter.body())
            if kind == "S":
                state.resolves_unseen(name)
        state.send(DESCRIBE)
        state.batch_open = True
        return KEEP

    def _close(self) -> bytes | None:
        self._state.send(CLOSE).closes = decode_close(self._cutter.body())
        self._state.batch_open = True
        return KEEP

    def _sync(self) -> bytes | None:
        denial = self._refused_commit() if self._gate.resting else None
        refused = b"" if denial is None else self._refuse_extended(denial)
        self._state.send(SYNC)
        self._state.end_batch()
        self._state.skipping = False
        return refused + encode_sync() if refused else KEEP

    def _function_call(self) -> bytes | None:
        state = self._state
        denial = self._refused_commit() if self._gate.resting else None
        if denial is not None:
            return self._refuse_query(FUNCTION_CALL, denial)
        meaning = self._function(decode_function_oid(self._cutter.body()))
        verdict = self._judge.judge(meaning, state.transactions(), runs=True)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuse_query(FUNCTION_CALL, verdict)
            return self._wait_for(verdict)
        self._runs(state.send(FUNCTION_CALL), meaning, state.inflight.boundaries)
        state.end_batch()
        return KEEP

    def _function(self, oid: int) -> Meaning:
        """What a call of this function means, with arguments that nobody sees."""
        database = self._gate.databases.get(self._judge.lookup.who.database)
        return self._gate.functions(self._state.server_major).meaning(oid, database)

    # -- out of line -------------------------------------------------------------------------------

    def _out_of_line(self, kind: int) -> bytes | None:
        """A frame that comes while COPY data is expected, or behind an error."""
        self._held = None
        self._judge.forget_held()
        self._texts.forget()
        if kind == _TERMINATE:
            return self._terminate()
        if self._copy.sent is not None:
            return self._during_copy(kind)
        if kind == SYNC:
            return self._sync()
        return KEEP if kind == _FLUSH else DROPPED

    def _during_copy(self, kind: int) -> bytes | None:
        if kind == _COPY_DATA or (kind == _COPY_DONE and self._copy_outdated()):
            instead = self._copy_again()
            if kind == _COPY_DATA or instead is not KEEP or self._state.waiting:
                return instead
        if kind in (_COPY_DONE, _COPY_FAIL):
            self._copy_ends()
            return KEEP
        if kind in (SYNC, _FLUSH):
            self._copy.held.append(kind)
            return DROPPED
        # The server would end the connection, too: it has lost its place in the stream.
        raise ProtocolViolation(f"unexpected message type 0x{kind:02X} during COPY from stdin")

    def stop_copy(self) -> bytes:
        """Look again at a COPY under way, whatever its client does: what ends it, b"" where nothing does.

        In the middle of a CopyData nothing else can be said: then the next message is where it is stopped.
        """
        idle = self._copy.sent is not None and not self._cutter.midway and not self._state.waiting
        denial = self._judge_copy() if idle and self._copy_outdated() else None
        return self._fail_copy(denial) if isinstance(denial, Denial) else b""

    def _copy_outdated(self) -> bool:
        grant = self._copy.grant
        return grant is not None and grant.outdated(self._gate.clock(), self._gate.rests)

    def _copy_again(self) -> bytes | None:
        """The decision that let this COPY begin has run out: judge what it has still to write."""
        self._cutter.show_all = False
        denial = self._judge_copy()
        if isinstance(denial, Ponder):
            self._cutter.show_all = True
            return self._wait_for(denial)
        return KEEP if denial is None else self._fail_copy(denial)

    def _judge_copy(self) -> Denial | Ponder | None:
        grant, judge = self._copy.grant, self._judge
        if grant is None:
            return None
        denial = judge.judge_again(grant.meaning, grant.policy, self._state.transactions(), grant.answer)
        if not isinstance(denial, Ponder):
            grant.since, grant.until, grant.rests = judge.since, judge.until, self._gate.rests
        return denial

    def _fail_copy(self, denial: Denial) -> bytes:
        refusal = Refusal(denial, self._gate.token())
        if self._copy.sent is not None:
            self._state.inflight.refuse(self._copy.sent, refusal)
        self._copy_ends()
        return refusal.as_copy_fail()

    def _copy_ends(self) -> None:
        sent = self._copy.client_ended()
        if sent is not None:
            self._state.wait_for(sent)  # another COPY may follow in the same text
