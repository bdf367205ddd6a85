"""The simple protocol, as the client speaks it: Query and FunctionCall, judged before they go on.

Each handler looks at the frame that the cutter shows, and answers with what goes on in its place.
"""

from __future__ import annotations

from proxy.session.forwarding import KEEP
from proxy.session.gate import Gate
from proxy.session.inflight import FUNCTION_CALL, QUERY
from proxy.session.judge import Judge, Judgement
from proxy.session.lasttext import LastText
from proxy.session.meaning import Meaning
from proxy.session.pending import Pending
from proxy.session.prepared import resolve
from proxy.session.refusal import Denial
from proxy.session.refuser import Refuser
from proxy.session.registration import Registration, registered_by
from proxy.session.replication import command
from proxy.session.running import disturbs, runs
from proxy.session.state import State
from proxy.session.statementcache import StatementCache
from proxy.session.texts import Texts
from proxy.wire.framing import Cutter
from proxy.wire.frontend import ParseMessage, decode_function_oid, decode_query


class SimpleProtocol:
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
        """Judge what the cutter shows against the state."""
        self._cache = cache
        self._gate = gate
        self._judge = judge
        self._state = state
        self._cutter = cutter
        self._texts = texts
        self._pending = pending
        self._refuser = refuser
        self._last = last

    def query(self) -> bytes | None:
        """A Query: a text that runs at once."""
        state = self._state
        if self._cutter.oversize:
            return self._refuser.query(QUERY, self._refuser.over_size(self._cutter.size))
        if state.registration is not None and self._awaits_registration(state.registration):
            return KEEP
        pending = self._pending
        held, pending.message = pending.message, None
        denial = self._refuser.commit() if self._gate.resting else None
        if denial is not None:
            return self._refuser.query(QUERY, denial)
        held = None if isinstance(held, ParseMessage) else held
        text = decode_query(self._cutter.view()) if held is None else held
        understood = self._pending.understand(text)
        if understood is None:
            pending.message = text
            return KEEP
        if not isinstance(understood, Meaning):
            return self._refuser.query(QUERY, understood)
        meaning = resolve(understood, state.statements, state.batch)
        verdict = (
            self._judge.judge(meaning, state.transactions(), runs=True)
            if state.registration is None
            else self._judge_registered(meaning, state.registration)
        )
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuser.execution(QUERY, meaning, verdict)
            pending.message = text
            self._pending.wait_for(verdict)
            return KEEP
        self._texts.forget()
        if self._cache is not None:
            if state.batch_open:
                self._cache.leave()
            self._cache.reads(text, once=True, unnamed=False)
            disturbs(self._cache, self._judge, meaning, unnamed=False)
            self._cache.ends()
        sent = state.send_running(QUERY, meaning)
        runs(self._gate, self._judge, state, sent, meaning, state.inflight.boundaries)
        self._last.query(text)
        if meaning.registers is not None:
            state.registers(registered_by(meaning.registers, None), state.inflight.boundaries)
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

    def replication_query(self) -> bytes | None:
        """A Query to a walsender: one of its own commands, or SQL."""
        if self._cutter.oversize or self._pending.message is not None:
            return self.query()
        meaning = command(decode_query(self._cutter.view()))
        if meaning is None:
            return self.query()
        state = self._state
        verdict = self._judge.judge(meaning, state.transactions(), runs=True)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuser.query(QUERY, verdict)
            self._pending.wait_for(verdict)
            return KEEP
        state.send(QUERY)
        state.end_batch()
        return KEEP

    def function_call(self) -> bytes | None:
        """A FunctionCall."""
        state = self._state
        denial = self._refuser.commit() if self._gate.resting else None
        if denial is not None:
            return self._refuser.query(FUNCTION_CALL, denial)
        meaning = self._function(decode_function_oid(self._cutter.body()))
        verdict = self._judge.judge(meaning, state.transactions(), runs=True)
        if verdict is not None:
            if isinstance(verdict, Denial):
                return self._refuser.query(FUNCTION_CALL, verdict)
            self._pending.wait_for(verdict)
            return KEEP
        if self._cache is not None:
            disturbs(self._cache, self._judge, meaning, unnamed=True)
        runs(self._gate, self._judge, state, state.send(FUNCTION_CALL), meaning, state.inflight.boundaries)
        state.end_batch()
        return KEEP

    def _function(self, oid: int) -> Meaning:
        """What a call of this function means, with arguments that nobody sees."""
        database = self._gate.databases.get(self._judge.lookup.who.database)
        return self._gate.functions(self._state.server_major).meaning(oid, database)
