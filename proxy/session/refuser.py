"""What goes to the server in place of what the client may not send.

Enters: a denial, and which message it is about. Leaves: bytes that the server must answer with an error, or
that undo what was done; the state knows of them as sent. Absent: why it is refused.
"""

from __future__ import annotations

from typing import Final

from proxy.session.events import told
from proxy.session.gate import Gate
from proxy.session.inflight import BIND, CLOSE, EXECUTE, PARSE, QUERY
from proxy.session.judge import Judge
from proxy.session.meaning import Meaning
from proxy.session.refusal import Denial, FatalRefusal, Refusal
from proxy.session.state import State
from proxy.session.statementcache import StatementCache
from proxy.session.texts import Texts, over_size
from proxy.wire.framing import View

_RESTING: Final = ("freeze", "ledger")
_ENDS: Final = frozenset(("transaction.commit", "transaction.prepare"))


class Refuser:
    """Refuses for one session."""

    def __init__(
        self, gate: Gate, judge: Judge, state: State, texts: Texts, cache: StatementCache | None
    ) -> None:
        """What it puts in a message's place, the state counts as sent."""
        self._cache = cache
        self._gate = gate
        self._judge = judge
        self._state = state
        self._texts = texts

    def outright(self, denial: Denial, raw: View = b"") -> Denial:
        """Tell of a refusal that no policy was asked for; the text where there is one."""
        text = told(raw) if raw else None
        return self._judge.reporter.refuse_outright(denial, text, self._state.transactions()[0])

    def over_size(self, size: int) -> Denial:
        """A statement of so many bytes is longer than is read."""
        return self.outright(over_size(size, self._gate.limits.max_statement_bytes))

    def commit(self) -> Denial | None:
        """Why a batch may not end here, whose end would commit what it has written."""
        if not self._state.sync_commits:
            return None
        return self._judge.judge_commit(self._meaning_of(b"COMMIT"), self._state.transactions())

    def query(self, kind: int, denial: Denial) -> bytes:
        """A Query in place of a Query or a FunctionCall: an error, then ReadyForQuery.

        Raises: FatalRefusal to a walsender, which may read any text as a command.
        """
        self._texts.forget()
        if self._state.replication:
            raise FatalRefusal(denial)
        self._state.registration = None
        refusal = Refusal(denial, self._gate.token())
        if self._cache is not None:
            self._cache.ends()
        self._state.inflight.refuse(self._state.send(kind), refusal)
        self._state.lookup.answer = None
        self._state.end_batch()
        return refusal.as_query()

    def extended(self, denial: Denial, *, unnamed_parse: bool = False) -> bytes:
        """A Parse in place of a message of the extended protocol: an error, and the server skips to Sync.

        So does the gate.
        """
        self._texts.forget()
        self._state.registration = None
        refusal = Refusal(denial, self._gate.token())
        if unnamed_parse and self._cache is not None:
            self._cache.ends()
        self._state.inflight.refuse(self._state.send(PARSE), refusal)
        self._state.lookup.answer = None
        self._state.batch_open = True
        self._state.skipping = True
        return refusal.as_unnamed_parse() if unnamed_parse else refusal.as_nonce_parse()

    def execution(self, kind: int, meaning: Meaning, denial: Denial) -> bytes:
        """Refuse a Query or an Execute. One that ends a transaction which has written has that undone."""
        state = self._state
        completes = self._gate.resting and denial.rule in _RESTING and state.holds_writes
        if state.replication or not completes or _ENDS.isdisjoint(effect.name for effect in meaning.effects):
            return self.query(kind, denial) if kind == QUERY else self.extended(denial)
        self._texts.forget()
        refusal = Refusal(denial, self._gate.token())
        rollback = self._meaning_of(b"ROLLBACK")
        if kind == QUERY:
            if self._cache is not None:
                self._cache.ends()
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

    def _meaning_of(self, text: bytes) -> Meaning:
        meanings = self._gate.meanings(self._state.server_major)
        return meanings.known(text) or meanings.read(text)
