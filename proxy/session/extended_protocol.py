"""The extended protocol, as the client speaks it: Parse, Bind, Describe, Execute and Close, frame by frame.

Each handler looks at the frame that the cutter shows, and answers with what goes on in its place.
"""

from __future__ import annotations

from typing import Final

from proxy.session.forwarding import KEEP
from proxy.session.gate import Gate
from proxy.session.inflight import BIND, CLOSE, DESCRIBE, EXECUTE, PARSE
from proxy.session.judge import Judge
from proxy.session.lasttext import LastText
from proxy.session.meaning import Meaning, reading
from proxy.session.pending import Pending
from proxy.session.prepared import NOTHING, resolve
from proxy.session.refusal import Denial, no_such_statement
from proxy.session.refuser import Refuser
from proxy.session.registration import registered_by
from proxy.session.running import disturbs, runs
from proxy.session.state import State
from proxy.session.statementcache import StatementCache
from proxy.session.texts import Texts
from proxy.sql.database.snapshot import FIRST_USER
from proxy.sql.effects import Name
from proxy.wire.framing import Cutter
from proxy.wire.frontend import (
    ParseMessage,
    bind_names,
    decode_close,
    decode_describe,
    decode_parse,
    encode_flush,
    execute_portal,
    repeats,
)

_ANY_TYPE: Final[frozenset[Name]] = frozenset({(None, "")})
_UNNAMED: Final = b"S\0"
"""The body of a Describe or a Close of the unnamed statement."""


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
        cache: StatementCache | None,
    ) -> None:
        """Judge what the cutter shows against the state; ``cache`` is what the server keeps."""
        self._cache = cache
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
        message = held if isinstance(held, ParseMessage) else self._shown()
        understood = self._pending.understand(message.text, kept=len(message.name) > 0, again=True)
        if understood is None:
            pending.message = message
            return KEEP
        if not isinstance(understood, Meaning):
            return self._refuser.extended(understood, unnamed_parse=not message.name)
        if message.parameter_types and self._gate.catalogue:
            understood = self._typed(understood, message.parameter_types)
        verdict = self._judge.judge(understood, state.transactions(), runs=False)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuser.extended(verdict, unnamed_parse=not message.name)
            pending.message = message
            self._pending.wait_for(verdict)
            return KEEP
        self._texts.forget()
        cache = self._cache
        instead: bytes | None = KEEP
        if cache is None:
            sent = state.send(PARSE)
        elif message.name:
            cache.reads(message.text, once=False, unnamed=True)
            sent = state.send(PARSE)
        else:
            sent, instead = cache.parse(self._cutter, message.text, understood)
        sent.definition = state.define(state.statements, message.name, understood, sent)
        state.resolves(sent.definition, None)
        if cache is not None:
            cache.answered(sent)
        if len(message.name) == 0:
            self._last.parse(message)
        state.batch_open = True
        return instead

    def _shown(self) -> ParseMessage:
        """The Parse that the cutter shows: the same object as before where it says the same."""
        last = self._last.parsed
        if last is not None and isinstance(last.text, bytes) and repeats(self._cutter, last.text):
            return last
        return decode_parse(self._cutter.view())

    def _typed(self, meaning: Meaning, oids: tuple[int, ...]) -> Meaning:
        """The same, of parameters of these types: Bind reads their values."""
        users = [oid for oid in oids if oid >= FIRST_USER]
        if not users:
            return meaning
        database = self._gate.databases.get(self._state.lookup.who.database)
        types = _ANY_TYPE if database is None else database.read_by_code(users)
        return reading(meaning, types) if types else meaning

    def bind(self) -> bytes | None:
        """A Bind: a portal is made of a statement."""
        state = self._state
        portal, name = bind_names(self._cutter)
        if self._cache is not None and not name and self._waits_for_unnamed(self._cache):
            return KEEP
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
        instead: bytes | None = KEEP
        if self._cache is not None and not name:
            instead = self._cache.bind(self._cutter, portal)
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
        return instead

    def _waits_for_unnamed(self, cache: StatementCache) -> bool:
        """What the unnamed statement is hangs on how an earlier batch ends: wait for that."""
        if not cache.unsure:
            return False
        self._state.wait_until_ready(self._state.inflight.boundaries)
        self._cutter.hold()
        return True

    def execute(self) -> bytes | None:
        """An Execute: a portal runs."""
        state = self._state
        portal = execute_portal(self._cutter)
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
        if self._cache is not None:
            disturbs(self._cache, self._judge, meaning, unnamed=True)
        sent = state.send_running(EXECUTE, meaning)
        runs(self._gate, self._judge, state, sent, meaning, state.inflight.boundaries + 1)
        self._last.execute(meaning)
        if meaning.registers is not None:
            made = state.portals.only(portal, state.batch)
            registered = None if made is None else made.registers
            state.registers(registered, state.inflight.boundaries + 1)
        if meaning.barrier:
            self._pending.after = encode_flush()  # the answer must come without the client's Sync
        state.batch_open = True
        return KEEP

    def describe(self) -> bytes | None:
        """A Describe: the server may look names up anew."""
        state = self._state
        unnamed = self._cache is not None and self._cutter.body() == _UNNAMED
        if self._cache is not None and unnamed and self._waits_for_unnamed(self._cache):
            return KEEP
        if state.own_names:
            kind, name = decode_describe(self._cutter.body())
            if kind == "S":
                state.resolves_unseen(name)
        instead: bytes | None = KEEP
        if self._cache is not None and unnamed:
            instead = self._cache.describe()
        state.send_bare(DESCRIBE)
        state.batch_open = True
        return instead

    def close(self) -> bytes | None:
        """A Close: a name is dropped."""
        closes = decode_close(self._cutter.body())
        if self._cache is not None and self._cutter.body() == _UNNAMED:
            self._cache.ends()
        self._state.send(CLOSE).closes = closes
        self._state.batch_open = True
        return KEEP
