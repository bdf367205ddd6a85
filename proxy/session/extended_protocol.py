"""The extended protocol, as the client speaks it: Parse, Bind, Describe, Execute and Close, frame by frame.

Each handler looks at the frame that the cutter shows, and answers with what goes on in its place.
"""

from __future__ import annotations

from proxy.session.forwarding import KEEP
from proxy.session.gate import Gate
from proxy.session.inflight import BIND, CLOSE, DESCRIBE, EXECUTE, PARSE
from proxy.session.judge import Judge
from proxy.session.lasttext import LastText
from proxy.session.meaning import Meaning
from proxy.session.pending import Pending
from proxy.session.prepared import NOTHING, resolve
from proxy.session.refusal import Denial, no_such_statement
from proxy.session.refuser import Refuser
from proxy.session.registration import registered_by
from proxy.session.running import runs
from proxy.session.state import State
from proxy.session.texts import Texts
from proxy.wire.framing import Cutter
from proxy.wire.frontend import (
    ParseMessage,
    decode_bind_names,
    decode_close,
    decode_describe,
    decode_execute_portal,
    decode_parse,
    encode_flush,
)


class ExtendedProtocol:
    """The handlers."""

    def __init__(
        self,
        gate: Gate,
        judge: Judge,
        state: State,
        cutter: Cutter,
        texts: Texts,
        pending: Pending,
        refuser: Refuser,
        last: LastText,
    ) -> None:
        """Judge what the cutter shows against the state."""
        self._gate = gate
        self._judge = judge
        self._state = state
        self._cutter = cutter
        self._texts = texts
        self._pending = pending
        self._refuser = refuser
        self._last = last

    def parse(self) -> bytes | None:
        """A Parse: a text that gets a name, or none."""
        state = self._state
        if self._cutter.oversize:
            return self._refuser.extended(self._refuser.over_size(self._cutter.size))
        pending = self._pending
        held, pending.message = pending.message, None
        message = held if isinstance(held, ParseMessage) else decode_parse(self._cutter.view())
        understood = self._pending.understand(message.text, kept=bool(message.name), again=True)
        if understood is None:
            pending.message = message
            return KEEP
        if not isinstance(understood, Meaning):
            return self._refuser.extended(understood, unnamed_parse=not message.name)
        verdict = self._judge.judge(understood, state.transactions(), runs=False)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuser.extended(verdict, unnamed_parse=not message.name)
            pending.message = message
            self._pending.wait_for(verdict)
            return KEEP
        self._texts.forget()
        sent = state.send(PARSE)
        sent.definition = state.define(state.statements, message.name, understood, sent)
        state.resolves(sent.definition, None)
        if not message.name:
            self._last.parse(message.text)
        state.batch_open = True
        return KEEP

    def bind(self) -> bytes | None:
        """A Bind: a portal is made of a statement."""
        state = self._state
        portal, name = decode_bind_names(self._cutter.body())
        meaning = state.statements.meaning(name, state.batch)
        if meaning is None:
            unknown = no_such_statement(name.decode(errors="replace"))
            return self._refuser.extended(self._refuser.outright(unknown))
        statement = state.statements.only(name, state.batch) if state.own_names else None
        bound = NOTHING if statement is None else statement.own
        verdict = self._judge.judge(meaning, state.transactions(), runs=False, bound=bound)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuser.extended(verdict)
            self._pending.wait_for(verdict)
            return KEEP
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

    def execute(self) -> bytes | None:
        """An Execute: a portal runs."""
        state = self._state
        portal = decode_execute_portal(self._cutter.body())
        # A portal that no Bind made is a cursor, judged when it was declared.
        known = state.portals.meaning(portal, state.batch) or self._gate.fetch
        meaning = resolve(known, state.statements, state.batch)
        made = state.portals.only(portal, state.batch) if state.own_names else None
        bound = NOTHING if made is None else made.own
        verdict = self._judge.judge(meaning, state.transactions(), runs=True, bound=bound)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuser.execution(EXECUTE, meaning, verdict)
            self._pending.wait_for(verdict)
            return KEEP
        sent = state.send(EXECUTE)
        runs(self._gate, self._judge, state, sent, meaning, state.inflight.boundaries + 1)
        self._last.execute(meaning)
        if meaning.registers is not None:
            made = state.portals.only(portal, state.batch)
            registered = None if made is None else made.registers
            state.registers(sent, registered, state.inflight.boundaries + 1)
        if meaning.barrier:
            self._pending.after = encode_flush()  # the answer must come without the client's Sync
        state.batch_open = True
        return KEEP

    def describe(self) -> bytes | None:
        """A Describe: the server may look names up anew."""
        state = self._state
        if state.own_names:
            kind, name = decode_describe(self._cutter.body())
            if kind == "S":
                state.resolves_unseen(name)
        state.send(DESCRIBE)
        state.batch_open = True
        return KEEP

    def close(self) -> bytes | None:
        """A Close: a name is dropped."""
        self._state.send(CLOSE).closes = decode_close(self._cutter.body())
        self._state.batch_open = True
        return KEEP
