"""The session after login: both directions, over one state.

Two things follow what PostgreSQL does, and nothing else is assumed: after an error the server skips to
Sync, so the gate drops what the client sends until then; and while a COPY FROM STDIN runs the server
ignores Sync and Flush (``copying``).
"""

from __future__ import annotations

from proxy.policy.context import Transaction
from proxy.session.client_side import ClientSide
from proxy.session.copying import CopyIn
from proxy.session.expiry import Standing
from proxy.session.gate import Gate
from proxy.session.judge import Judge
from proxy.session.lexing import Lexing
from proxy.session.server_side import ServerSide
from proxy.session.state import State
from proxy.wire.framing import Cutter


class Conversation:
    """Both directions of one connection that is logged in."""

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
        copy = CopyIn()
        self._cutter = client
        self._copy = copy
        self._client = ClientSide(gate, judge, self._state, copy, client)
        self._server = ServerSide(self._state, copy, server)
        self.from_client = self._client.forward
        self.from_server = self._server.forward
        self.release_held = self._client.release_held
        self.to_do_elsewhere = self._client.to_do_elsewhere
        self.analysed = self._client.analysed
        self.pondered = self._client.pondered
        self.recorded = self._client.recorded
        self.awaits_catalogue = self._client.awaits_catalogue
        self.catalogue_ready = self._client.catalogue_ready
        self.cancel = self._client.cancel
        self.refuse_cancelled = self._client.refuse_cancelled

    @property
    def waiting(self) -> bool:
        """True while nothing more may be taken from the client."""
        return self._state.waiting

    @property
    def transaction(self) -> Transaction:
        """The state that a transaction is in, or one of those it may be in."""
        return self._state.transactions()[0]

    @property
    def idle(self) -> bool:
        """Nothing is owed, begun or open."""
        state = self._state
        quiet = not state.inflight and not state.batch_open and state.lookup.inquiry is None
        return quiet and state.status == "I" and self._cutter.clean

    @property
    def busy(self) -> bool:
        """The server works at something that the client still waits for."""
        return bool(self._state.inflight) and not self._client.terminated

    @property
    def standing(self) -> Standing:
        """Who has to do something, and what is held meanwhile.

        In a batch without its Sync the server may still be at work on what it was sent: that counts as a
        query until all of it is answered.
        """
        state = self._state
        if self._copy.sent is not None:
            return Standing.TRANSACTION
        if state.inflight or state.waiting or state.lookup.inquiry is not None:
            return Standing.QUERY
        return Standing.IDLE if state.status == "I" and not state.batch_open else Standing.TRANSACTION

    @property
    def between_messages(self) -> bool:
        """The server owes nothing and has been sent whole messages only: it would hear a Terminate."""
        return not self._state.inflight and self._copy.sent is None and not self._cutter.midway

    @property
    def told(self) -> bool:
        """The client knows why it is over: it said Terminate itself, or the server sent a FATAL error."""
        return self._client.terminated or self._state.told_fatal

    @property
    def terminated(self) -> bool:
        """The client has said Terminate."""
        return self._client.terminated
