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
from proxy.session.lasttext import LastText
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
        state: what is known of the server's side.
        judge: of what the client sends.
        cache: the statements that the server keeps for it; None where it keeps none.
    """

    def __init__(
        self,
        gate: Gate,
        judge: Judge,
        state: State,
        client: Cutter,
        server: Cutter,
        last: LastText | None = None,
    ) -> None:
        """Begin at the first ReadyForQuery, or go on where ``last`` is the text that went on last."""
        self.state = state
        self.judge = judge
        self._timer = gate.timer
        self.books: Books | None = None
        copy = CopyIn()
        self.inflight = self.state.inflight
        self.client = client
        self.server = server
        self._copy = copy
        keeps = gate.keep_statements and not state.replication
        self.cache = cache = StatementCache(self.state, gate.token(), gate.tally) if keeps else None
        self._client_side = ClientSide(gate, judge, self.state, copy, client, cache, last)
        self._server_side = ServerSide(self.state, copy, server, cache)
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
                reporter, status = self.judge.reporter, self.state.status
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
            self.books.lost(owing=bool(self.state.inflight))
            self._follow(None)
        self.state.lookup.course = NOT_BEGUN  # without that circle, all of it is freed at once

    def _follow(self, books: Books | None) -> None:
        self.books = self.state.books = books
        self._server_side.follow(books)

    # -- how it stands -----------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """True while nothing more may be taken from the client. What others are to do it waits for."""
        return self.state.waiting

    @property
    def flows(self) -> bool:
        """More may be read from the client, and neither it nor anybody else is to be told of anything."""
        cache = self.cache
        if cache is not None and cache.flushed and cache.owed:
            return False
        told = not len(self.judge.reporter.events)
        return told and not self.state.waiting and self.inflight.owed <= MOST_OWED

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
        return self.state.transactions()[0]

    @property
    def holding(self) -> bool:
        """A statement is held until what it needs has come about."""
        return self.pending.holding

    @property
    def writes(self) -> bool:
        """It has written something that is not committed, or is about to."""
        return self.state.holds_writes

    @property
    def idle(self) -> bool:
        """Nothing is owed, begun or open."""
        state = self.state
        quiet = not state.inflight and not state.batch_open and state.lookup.inquiry is None
        return quiet and state.status == "I" and self.client.clean

    @property
    def still(self) -> bool:
        """Nothing is under way, and all that is remembered is in the state, or is the last text."""
        apart = self.books is not None or self.cache is not None or self.terminated
        copying = self._copy.sent is not None or self.holds_frames
        quiet = self.client.clean and self.server.clean and self.state.still
        return quiet and not apart and not copying and self.pending.still and self.judge.still

    @property
    def busy(self) -> bool:
        """The server works at something that the client still waits for."""
        return bool(self.state.inflight) and not self._client_side.terminated

    @property
    def standing(self) -> Standing | None:
        """Who has to do something, and what is held meanwhile; None while a statement is held at the gate.

        In a batch without its Sync the server may still be at work on what it was sent: that counts as a
        query until all of it is answered.
        """
        state = self.state
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
        return not self.state.inflight and self._copy.sent is None and not self.client.midway

    @property
    def told(self) -> bool:
        """The client knows why it is over: it said Terminate itself, or the server sent a FATAL error."""
        return self._client_side.terminated or self.state.told_fatal

    @property
    def terminated(self) -> bool:
        """The client has said Terminate."""
        return self._client_side.terminated

    @property
    def activity(self) -> str:
        """What it does, in the words of pg_stat_activity; held where a statement waits at the gate."""
        state = self.state
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
        return self.state.status != "I"

    @property
    def last(self) -> LastText:
        """The last text that went on."""
        return self._client_side.last

    @property
    def last_text(self) -> str | LongText | None:
        """The last text that went on; None where there was none, or its text is not kept."""
        return self._client_side.last.shown
