"""What the client sends, frame by frame: judged, then kept, dropped, replaced or held.

Enters: the client's cutter. Leaves: the bytes that go to the server, the very chunk where all of it may pass.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from proxy.session.copyguard import CopyGuard
from proxy.session.copying import CopyIn
from proxy.session.extended_protocol import ExtendedProtocol
from proxy.session.forwarding import DROPPED, KEEP
from proxy.session.gate import Gate
from proxy.session.inflight import BIND, CLOSE, DESCRIBE, EXECUTE, FUNCTION_CALL, PARSE, QUERY, SYNC
from proxy.session.judge import Judge
from proxy.session.lasttext import LastText
from proxy.session.pending import Pending
from proxy.session.refusal import CANCELLED, Denial
from proxy.session.refuser import Refuser
from proxy.session.simple_protocol import SimpleProtocol
from proxy.session.state import State
from proxy.session.statementcache import StatementCache
from proxy.session.texts import Texts
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter, View
from proxy.wire.frontend import encode_flush, encode_sync

_COPY_DONE: Final = 0x63  # c
_COPY_FAIL: Final = 0x66  # f
_FLUSH: Final = 0x48  # H
_TERMINATE: Final = 0x58  # X
_STATEMENTS: Final = (QUERY, PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, FUNCTION_CALL)


class ClientSide:
    """The client's direction.

    Attributes:
        pending: the frame that cannot go on yet.
        copy_guard: what watches over a COPY FROM STDIN.
        last: the text that went on last.
        terminated: the client has said Terminate.
    """

    def __init__(
        self,
        gate: Gate,
        judge: Judge,
        state: State,
        copy: CopyIn,
        cutter: Cutter,
        cache: StatementCache | None,
        last: LastText | None,
    ) -> None:
        """Read frames from the cutter, judge them against the state.

        Args:
            cache: what the server keeps.
            last: the text that went on last, of a session that goes on; None: it begins.
        """
        self._cache = cache
        self._gate = gate
        self._judge = judge
        self._state = state
        self._copy = copy
        self._cutter = cutter
        self._texts = texts = Texts(state, gate, judge)
        self._refuser = refuser = Refuser(gate, judge, state, texts, cache)
        catalogue = gate.catalogue and last is None and state.replication != "physical"
        self.pending = pending = Pending(judge, state, cutter, texts, refuser, catalogue=catalogue)
        self.last = LastText() if last is None else last
        shared = (gate, judge, state, cutter, texts, pending, refuser, self.last, cache)
        self._simple = SimpleProtocol(*shared)
        self._extended = ExtendedProtocol(*shared)
        self.copy_guard = CopyGuard(gate, judge, state, copy, cutter, pending)
        self.terminated = False

    def forward(self) -> View:
        """Judge what the cutter holds.

        Returns: what goes to the server now.
        Raises: ProtocolViolation.
        """
        state, cutter, cache = self._state, self._cutter, self._cache
        pieces: list[View] | None = None  # most of the time all goes on as it came
        # The next CopyData is where a COPY can be stopped.
        cutter.show_all = self._copy.sent is not None and self.copy_guard.outdated
        while not state.waiting:
            kind = cutter.next()
            if kind == 0:
                break
            if self._copy.sent is not None or state.skipping:
                instead = self._out_of_line(kind)
            else:
                instead = self._in_line(kind)
            if cache is not None and cache.before:
                if pieces is None:
                    pieces = []
                pieces.append(cutter.part())
                pieces.append(cache.take_before())
            if instead is not None:
                if pieces is None:
                    pieces = []
                pieces.append(cutter.drop())
                pieces.append(instead)
        kept = cutter.take()
        if pieces is None and len(self.pending.after) == 0:
            return kept
        after, self.pending.after = self.pending.after, b""
        return b"".join((*(pieces or ()), kept, after))

    def _in_line(self, kind: i64) -> bytes | None:
        """What goes on in place of the frame just shown, at its usual place in the conversation.

        Compared one by one, the most frequent first: mypyc makes plain calls of these, and slow ones of a
        table's.
        """
        if kind == SYNC:
            return self._sync()
        if self._state.replication and kind in _STATEMENTS:
            return self._replicating(kind)
        if kind == BIND:
            return self._extended.bind()
        if kind == EXECUTE:
            return self._extended.execute()
        if kind == DESCRIBE:
            return self._extended.describe()
        if kind == QUERY:
            return self._simple.query()
        if kind == PARSE:
            return self._extended.parse()
        if kind == CLOSE:
            return self._extended.close()
        if kind == FUNCTION_CALL:
            return self._simple.function_call()
        if kind in (_FLUSH, _COPY_DONE, _COPY_FAIL):
            if kind == _FLUSH and self._cache is not None:
                self._cache.flushed = True
            return KEEP
        if kind == _TERMINATE:
            return self._terminate()
        raise ProtocolViolation(f"invalid client message type {kind}")

    def release_held(self) -> bytes:
        """Sync and Flush held during a COPY that the server has ended by itself: it reads them now."""
        pieces = []
        for kind in self._copy.take_held():
            pieces.append((self._sync() or encode_sync()) if kind == SYNC else encode_flush())
        return b"".join(pieces)

    def _replicating(self, kind: i64) -> bytes | None:
        if kind != QUERY:
            raise ProtocolViolation("only simple queries are supported in a replication connection")
        return self._simple.replication_query()

    def _sync(self) -> bytes | None:
        denial = self._refuser.commit() if self._gate.resting else None
        refused = None if denial is None else self._refuser.extended(denial)
        self._state.send_bare(SYNC)
        self._state.end_batch()
        self._state.skipping = False
        return KEEP if refused is None else refused + encode_sync()

    def _terminate(self) -> bytes | None:
        self.terminated = True
        return KEEP

    # -- out of line -------------------------------------------------------------------------------

    def _out_of_line(self, kind: i64) -> bytes | None:
        """A frame that comes while COPY data is expected, or behind an error."""
        self.pending.message = None
        self._judge.forget_held()
        self._texts.forget()
        if kind == _TERMINATE:
            return self._terminate()
        if self._copy.sent is not None:
            return self.copy_guard.frame(kind)
        if kind == SYNC:
            return self._sync()
        return KEEP if kind == _FLUSH else DROPPED

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
        if not self.pending.elsewhere or state.inflight.ready < state.inflight.boundaries:
            return b""
        refused = self._refuse_held(CANCELLED)
        if refused:
            self.pending.give_up()
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
            instead = self._refuser.query(kind, denial)
        elif kind in (PARSE, BIND, EXECUTE):
            unnamed = kind == PARSE and self._cutter.first() == 0
            instead = self._refuser.extended(denial, unnamed_parse=unnamed)
        else:
            self._cutter.hold()
            return b""
        self.pending.message = None
        return b"".join((self._cutter.drop(), instead))
