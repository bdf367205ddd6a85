"""The session after login: both directions, over one state.

Two things follow what PostgreSQL does, and nothing else is assumed: after an error the server skips to
Sync, so the gate drops what the client sends until then; and while a COPY FROM STDIN runs the server
ignores Sync and Flush (``copying``).
"""

from __future__ import annotations

from proxy.policy.context import Transaction
from proxy.session.client_side import ClientSide
from proxy.session.commands import Recorded, Unrecorded
from proxy.session.copying import CopyIn
from proxy.session.course import NOT_BEGUN
from proxy.session.events import LongText
from proxy.session.expiry import Standing
from proxy.session.gate import Gate
from proxy.session.inflight import MOST_OWED
from proxy.session.judge import Judge
from proxy.session.lexing import Lexing
from proxy.session.outcomes import Books
from proxy.session.server_side import ServerSide
from proxy.session.state import State
from proxy.session.statementcache import StatementCache
from proxy.wire.framing import Cutter, View


class Conversation:
    """Both directions of one connection that is logged in.

    Attributes:
        inflight: the messages whose answers have not come.
        client, server: where both sides' messages are.
        pending: the client's frame that cannot go on yet.
        books: what follows its changes; None while none is open.
        cache: the statements that the server keeps for it; None where it keeps none.
    """

    def __init__(
        self,
        gate: Gate,
        judge: Judge,
        lexing: Lexing,
        server_major: int,
        client: Cutter,
        server: Cutter,
        *,
        replication: str = "",
    ) -> None:
        """Begin at the first ReadyForQuery; ``replication`` is as ``replication.asked_for`` has it."""
        self._state = State(lexing, judge.lookup, server_major, replication)
        self._judge = judge
        self._timer = gate.timer
        self.books: Books | None = None
        copy = CopyIn()
        self.inflight = self._state.inflight
        self.client = client
        self.server = server
        self._copy = copy
        keeps = gate.keep_statements and not replication
        self.cache = cache = StatementCache(self._state, gate.token(), gate.tally) if keeps else None
        self._client_side = ClientSide(gate, judge, self._state, copy, client, cache)
        self._server_side = ServerSide(self._state, copy, server, cache)
        self.pending = self._client_side.pending

    def from_client(self) -> View:
        """Judge what the client's cutter holds: what goes to the server now."""
        return self._client_side.forward()

    def from_server(self) -> View:
        """Follow what the server's cutter holds: what goes to the client now."""
        return self._server_side.forward()

    def release_held(self) -> bytes:
        """What was held during a COPY that the server has ended by itself."""
        return self._client_side.release_held()

    def stop_copy(self) -> bytes:
        """What ends a COPY that may not go on; b"" where nothing does."""
        return self._client_side.copy_guard.stop()

    def cancel(self) -> View:
        """The client's statement is to end: what goes to the server in its place, if it waits here."""
        return self._client_side.cancel()

    def refuse_cancelled(self) -> View:
        """What goes to the server for what was cancelled while the server answered the gate."""
        return self._client_side.refuse_cancelled()

    # -- changes -----------------------------------------------------------------------------------

    def recorded(self, outcome: Recorded | Unrecorded) -> None:
        """What was to be recorded is, or cannot be; what becomes of it is followed from here on."""
        if isinstance(outcome, Recorded):
            if self.books is None:
                reporter, status = self._judge.reporter, self._state.status
                self._follow(Books(reporter.concluded, self._timer, status))
            if self.books is not None:
                self.books.recorded(outcome.number)
        self.pending.recorded(outcome)

    def close_books(self) -> None:
        """Follow nothing more, unless a change is open."""
        if self.books is not None and self.books.closed:
            self._follow(None)

    def lost(self) -> None:
        """The connection ends: what is open ends with it."""
        if self.books is not None:
            self.books.lost(owing=bool(self._state.inflight))
            self._follow(None)
        self._state.lookup.course = NOT_BEGUN  # without that circle, all of it is freed at once

    def _follow(self, books: Books | None) -> None:
        self.books = self._state.books = books
        self._server_side.follow(books)

    # -- how it stands -----------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """True while nothing more may be taken from the client. What others are to do it waits for."""
        return self._state.waiting

    @property
    def flows(self) -> bool:
        """More may be read from the client, and neither it nor anybody else is to be told of anything."""
        cache = self.cache
        if cache is not None and cache.flushed and cache.owed:
            return False
        told = not len(self._judge.reporter.events)
        return told and not self._state.waiting and self.inflight.owed <= MOST_OWED

    @property
    def attended(self) -> bool:
        """An answer may end more than what it answers: a change is open, or frames are held for a COPY."""
        return self.books is not None or self.holds_frames

    @property
    def holds_frames(self) -> bool:
        """Sync or Flush came during a COPY, and were held."""
        return bool(self._copy.held)

    @property
    def transaction(self) -> Transaction:
        """The state that a transaction is in, or one of those it may be in."""
        return self._state.transactions()[0]

    @property
    def holding(self) -> bool:
        """A statement is held until what it needs has come about."""
        return self.pending.holding

    @property
    def writes(self) -> bool:
        """It has written something that is not committed, or is about to."""
        return self._state.holds_writes

    @property
    def idle(self) -> bool:
        """Nothing is owed, begun or open."""
        state = self._state
        quiet = not state.inflight and not state.batch_open and state.lookup.inquiry is None
        return quiet and state.status == "I" and self.client.clean

    @property
    def busy(self) -> bool:
        """The server works at something that the client still waits for."""
        return bool(self._state.inflight) and not self._client_side.terminated

    @property
    def standing(self) -> Standing | None:
        """Who has to do something, and what is held meanwhile; None while a statement is held at the gate.

        In a batch without its Sync the server may still be at work on what it was sent: that counts as a
        query until all of it is answered.
        """
        state = self._state
        if self.holding:
            return None  # for that there is a limit of its own
        if self._copy.sent is not None:
            return Standing.TRANSACTION
        if state.inflight or state.waiting or state.lookup.inquiry is not None:
            return Standing.QUERY
        return Standing.IDLE if state.status == "I" and not state.batch_open else Standing.TRANSACTION

    @property
    def between_messages(self) -> bool:
        """The server owes nothing and has been sent whole messages only: it would hear a Terminate."""
        return not self._state.inflight and self._copy.sent is None and not self.client.midway

    @property
    def told(self) -> bool:
        """The client knows why it is over: it said Terminate itself, or the server sent a FATAL error."""
        return self._client_side.terminated or self._state.told_fatal

    @property
    def terminated(self) -> bool:
        """The client has said Terminate."""
        return self._client_side.terminated

    @property
    def activity(self) -> str:
        """What it does, in the words of pg_stat_activity; held where a statement waits at the gate."""
        state = self._state
        if self.holding:
            return "held"
        if state.inflight or state.waiting or state.lookup.inquiry is not None:
            return "active"
        if state.status == "E":
            return "idle in transaction (aborted)"
        return "idle in transaction" if state.status == "T" else "idle"

    @property
    def in_transaction(self) -> bool:
        """A transaction is open, as far as the server has said."""
        return self._state.status != "I"

    @property
    def last_text(self) -> str | LongText | None:
        """The last text that went on; None where there was none, or its text is not kept."""
        return self._client_side.last.shown
