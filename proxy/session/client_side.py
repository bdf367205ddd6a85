"""What the client sends, frame by frame: judged, then kept, dropped, replaced or held.

Enters: the client's cutter. Leaves: the bytes that go to the server, the very chunk where all of it may pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proxy.session.cache import Outcome
from proxy.session.commands import Analyse, Ponder, Record, Recorded, Unrecorded
from proxy.session.copying import CopyIn
from proxy.session.events import told
from proxy.session.gate import Gate
from proxy.session.inflight import BIND, CLOSE, DESCRIBE, EXECUTE, FUNCTION_CALL, PARSE, QUERY, SYNC, Sent
from proxy.session.judge import Ask, Await, Judge, Write
from proxy.session.meaning import Meaning, worst
from proxy.session.prepared import NOTHING, resolve
from proxy.session.refusal import CANCELLED, Denial, FatalRefusal, Refusal, no_such_statement
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
    decode_execute,
    decode_function_oid,
    decode_parse,
    decode_query,
    encode_flush,
    encode_sync,
)

KEEP: Final = None
"""A handler's answer: the frame goes on as it is. Bytes go in its place instead."""
DROPPED: Final = b""

_COPY_DATA: Final = ord("d")
_COPY_DONE: Final = ord("c")
_COPY_FAIL: Final = ord("f")
_FLUSH: Final = ord("H")
_TERMINATE: Final = ord("X")

Handler = Callable[[], bytes | None]


def handlers_by_kind(handlers: dict[str, Handler]) -> list[Handler | None]:
    """A table indexed by type byte."""
    table: list[Handler | None] = [None] * 256
    for kind, handler in handlers.items():
        table[ord(kind)] = handler
    return table


class ClientSide:
    """The client's direction.

    Attributes:
        terminated: the client has said Terminate.
    """

    def __init__(self, gate: Gate, judge: Judge, state: State, copy: CopyIn, cutter: Cutter) -> None:
        """Read frames from the cutter, judge them against the state."""
        self._gate = gate
        self._texts = Texts(state, gate, judge.consequences)
        self._awaiting: View | None = None  # a text that is read elsewhere
        self._telling: Analyse | Ponder | Record | None = None  # work for elsewhere, not yet told of
        self._held: ParseMessage | View | None = None  # the message held back: decoding it copies the text
        self._judge = judge
        judge.sent = lambda: state.sent
        self._state = state
        self._copy = copy
        self._cutter = cutter
        # The catalogue has to be read, and the relay has not been told: at first, and after definitions. A
        # first statement inside of a transaction, or in the middle of a batch, could not wait for it.
        state.waiting = self._unread = gate.catalogue and state.replication != "physical"
        self._reading = False  # the catalogue is being read
        self._after = b""  # goes out behind the frame just kept
        self.terminated = False
        statements: dict[str, Handler] = {
            "Q": self._query,
            "P": self._parse,
            "B": self._bind,
            "D": self._describe,
            "E": self._execute,
            "C": self._close,
            "F": self._function_call,
        }
        if state.replication:
            statements = {**dict.fromkeys(statements, self._no_walsender_knows), "Q": self._replication_query}
        self._handlers = handlers_by_kind(
            {
                **statements,
                "S": self._sync,
                "H": self._keep,
                "X": self._terminate,
                "c": self._keep,
                "f": self._keep,
            }
        )

    def forward(self) -> View:
        """Judge what the cutter holds.

        Returns: what goes to the server now.
        Raises: ProtocolViolation.
        """
        state, cutter, handlers = self._state, self._cutter, self._handlers
        pieces: list[View] = []
        if self._copy.sent is not None and self._copy.outdated(self._gate.clock()):
            cutter.show_all = True  # the next CopyData is where it can be stopped
        while not state.waiting:
            kind = cutter.next()
            if kind == 0:
                break
            handler = handlers[kind]
            if self._copy.sent is not None or state.skipping:
                instead = self._out_of_line(kind)
            elif handler is not None:
                instead = handler()
            else:
                raise ProtocolViolation(f"invalid client message type {kind}")
            if instead is not None:
                pieces.append(cutter.drop())
                pieces.append(instead)
        pieces.append(cutter.take())
        if self._after:
            pieces.append(self._after)
            self._after = b""
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def to_do_elsewhere(self) -> Analyse | Ponder | Record | None:
        """What a frame waits for, told once: a text to read, a judgement to work out, a change to record."""
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

    def pondered(self, weighed: Weighed) -> None:
        """The judgement has been worked out: look at the frame again."""
        self._judge.pondered(weighed)
        self._state.waiting = False

    def release_held(self) -> bytes:
        """Sync and Flush held during a COPY that the server has ended by itself: it reads them now."""
        pieces = []
        for kind in self._copy.take_held():
            if kind == SYNC:
                self._sync()
            pieces.append(encode_sync() if kind == SYNC else encode_flush())
        return b"".join(pieces)

    # -- judging ---------------------------------------------------------------------------

    def _understand(self, raw: View, *, kept: bool = False) -> Meaning | Denial | None:
        """What a text means; a Denial when no policy can allow it; None when it waits to be judged."""
        understood = self._texts.understand(raw, kept=kept)
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
        return self._refuse_outright(understood, raw) if isinstance(understood, Denial) else understood

    def _over_size(self) -> Denial:
        return self._refuse_outright(over_size(self._cutter.size, self._gate.limits.max_statement_bytes), b"")

    def _refuse_outright(self, denial: Denial, raw: View) -> Denial:
        text = told(raw) if raw else None
        return self._judge.reporter.refuse_outright(denial, text, self._state.transactions()[0])

    def _wait_for(self, what: Ask | Await | Ponder | Write) -> bytes | None:
        """The answer hinges on what others have to say or do first; the frame is looked at again then."""
        state = self._state
        if isinstance(what, Ponder | Write):
            self._telling = Record(what.change) if isinstance(what, Write) else what
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
        return resolve(meaning, self._state.statements, self._state.batch)

    # -- refusing ----------------------------------------------------------------------------------

    def _refuse_query(self, kind: int, denial: Denial) -> bytes:
        """A Query in place of a Query or a FunctionCall: an error, then ReadyForQuery.

        Raises: FatalRefusal to a walsender, which may read any text as a command.
        """
        self._texts.forget()
        if self._state.replication:
            raise FatalRefusal(denial)
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
        refusal = Refusal(denial, self._gate.token())
        self._state.inflight.refuse(self._state.send(PARSE), refusal)
        self._state.lookup.answer = None
        self._state.batch_open = True
        self._state.skipping = True
        return refusal.as_unnamed_parse() if unnamed_parse else refusal.as_nonce_parse()

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
        aside = self._awaiting is not None or self._reading
        if not aside or state.inflight.ready < state.inflight.boundaries:
            return b""
        refused = self._refuse_held(CANCELLED)
        if refused and self._awaiting is not None:
            self._awaiting = self._telling = None
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

    def _keep(self) -> bytes | None:
        return KEEP

    def _terminate(self) -> bytes | None:
        self.terminated = True
        return KEEP

    def _query(self) -> bytes | None:
        state = self._state
        if self._cutter.oversize:
            return self._refuse_query(QUERY, self._over_size())
        held, self._held = self._held, None
        text = held if isinstance(held, View) else decode_query(self._cutter.view())
        understood = self._understand(text)
        if understood is None:
            self._held = text
            return KEEP
        if isinstance(understood, Denial):
            return self._refuse_query(QUERY, understood)
        meaning = self._resolved(understood)
        verdict = self._judge.judge(meaning, state.transactions(), runs=True)
        if isinstance(verdict, Denial):
            return self._refuse_query(QUERY, verdict)
        if verdict is not None:
            self._held = text
            return self._wait_for(verdict)
        self._texts.forget()
        sent = state.send(QUERY)
        self._runs(sent, meaning, state.inflight.boundaries)
        state.end_batch()
        return KEEP

    def _replication_query(self) -> bytes | None:
        """A Query to a walsender: one of its own commands, or SQL."""
        if self._cutter.oversize or self._held is not None:
            return self._query()
        meaning = command(decode_query(self._cutter.view()))
        if meaning is None:
            return self._query()
        state = self._state
        verdict = self._judge.judge(meaning, state.transactions(), runs=True)
        if isinstance(verdict, Denial):
            return self._refuse_query(QUERY, verdict)
        if verdict is not None:
            return self._wait_for(verdict)
        state.send(QUERY)
        state.end_batch()
        return KEEP

    def _no_walsender_knows(self) -> bytes | None:
        raise ProtocolViolation("only simple queries are supported in a replication connection")

    def _runs(self, sent: Sent, meaning: Meaning, boundary: int) -> None:
        """A message that runs this goes on; ReadyForQuery number ``boundary`` ends it."""
        if self._judge.defines is not None:
            self._judge.consequences.overlay = self._judge.defines
        if self._judge.relexes:
            self._state.lexing.unsettle(boundary)
        answer = self._state.lookup.answer
        self._state.runs(sent, meaning, boundary)
        if meaning.barrier:
            sent.answer = answer
            sent.meaning = meaning
            sent.policy = self._gate.policy
            sent.permitted = (self._judge.since, self._judge.until)

    def _parse(self) -> bytes | None:
        state = self._state
        if self._cutter.oversize:
            return self._refuse_extended(self._over_size())
        held, self._held = self._held, None
        message = held if isinstance(held, ParseMessage) else decode_parse(self._cutter.view())
        understood = self._understand(message.text, kept=bool(message.name))
        if understood is None:
            self._held = message
            return KEEP
        if isinstance(understood, Denial):
            return self._refuse_extended(understood, unnamed_parse=not message.name)
        verdict = self._judge.judge(understood, state.transactions(), runs=False)
        if isinstance(verdict, Denial):
            return self._refuse_extended(verdict, unnamed_parse=not message.name)
        if verdict is not None:
            self._held = message
            return self._wait_for(verdict)
        self._texts.forget()
        sent = state.send(PARSE)
        sent.definition = state.define(state.statements, message.name, understood, sent)
        state.resolves(sent.definition, None)
        state.batch_open = True
        return KEEP

    def _bind(self) -> bytes | None:
        state = self._state
        portal, name = decode_bind_names(self._cutter.body())
        known = state.statements.meanings(name, state.batch)
        if not known:
            unknown = no_such_statement(name.decode(errors="replace"))
            return self._refuse_extended(self._refuse_outright(unknown, b""))
        meaning = worst(known)
        statement = state.statements.only(name, state.batch) if state.own_names else None
        bound = NOTHING if statement is None else statement.own
        verdict = self._judge.judge(meaning, state.transactions(), runs=False, bound=bound)
        if isinstance(verdict, Denial):
            return self._refuse_extended(verdict)
        if verdict is not None:
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
        state.batch_open = True
        return KEEP

    def _execute(self) -> bytes | None:
        state = self._state
        portal, _ = decode_execute(self._cutter.body())
        # A portal that no Bind made is a cursor, judged when it was declared.
        meaning = self._resolved(worst(state.portals.meanings(portal, state.batch) or [self._gate.fetch]))
        made = state.portals.only(portal, state.batch) if state.own_names else None
        bound = NOTHING if made is None else made.own
        verdict = self._judge.judge(meaning, state.transactions(), runs=True, bound=bound)
        if isinstance(verdict, Denial):
            return self._refuse_extended(verdict)
        if verdict is not None:
            return self._wait_for(verdict)
        sent = state.send(EXECUTE)
        self._runs(sent, meaning, state.inflight.boundaries + 1)
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
        self._state.send(SYNC)
        self._state.end_batch()
        self._state.skipping = False
        return KEEP

    def _function_call(self) -> bytes | None:
        state = self._state
        meaning = self._function(decode_function_oid(self._cutter.body()))
        verdict = self._judge.judge(meaning, state.transactions(), runs=True)
        if isinstance(verdict, Denial):
            return self._refuse_query(FUNCTION_CALL, verdict)
        if verdict is not None:
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
        self._texts.forget()
        if kind == _TERMINATE:
            return self._terminate()
        if self._copy.sent is not None:
            return self._during_copy(kind)
        if kind == SYNC:
            return self._sync()
        return KEEP if kind == _FLUSH else DROPPED

    def _during_copy(self, kind: int) -> bytes | None:
        if kind == _COPY_DATA:
            return self._copy_again()
        if kind in (_COPY_DONE, _COPY_FAIL):
            self._copy_ends()
            return KEEP
        if kind in (SYNC, _FLUSH):
            self._copy.held.append(kind)
            return DROPPED
        # The server would end the connection, too: it has lost its place in the stream.
        raise ProtocolViolation(f"unexpected message type 0x{kind:02X} during COPY from stdin")

    def _copy_again(self) -> bytes | None:
        """The decision that let this COPY begin has run out: judge what it has still to write."""
        self._cutter.show_all = False
        sent = self._copy.sent
        if sent is None or sent.meaning is None or sent.policy is None:
            return KEEP
        denial = self._judge.judge_again(sent.meaning, sent.policy, self._state.transactions(), sent.answer)
        if isinstance(denial, Ponder):
            self._cutter.show_all = True
            return self._wait_for(denial)
        self._copy.permitted = (self._judge.since, self._judge.until)
        if denial is None:
            return KEEP
        refusal = Refusal(denial, self._gate.token())
        self._state.inflight.refuse(sent, refusal)
        self._copy_ends()
        return refusal.as_copy_fail()

    def _copy_ends(self) -> None:
        sent = self._copy.client_ended()
        if sent is not None:
            self._state.wait_for(sent)  # another COPY may follow in the same text
