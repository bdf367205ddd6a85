"""COPY FROM STDIN from the client's side: what may be said meanwhile, and the grant that runs out under it.

Enters: the client's frames while the server reads data. Leaves: what goes on in their place: Sync and Flush
are held (``copying``), and a CopyFail ends what may go on no longer.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from proxy.session.commands import Ponder
from proxy.session.copying import CopyIn
from proxy.session.forwarding import DROPPED, KEEP
from proxy.session.gate import Gate
from proxy.session.inflight import SYNC
from proxy.session.judge import Judge
from proxy.session.pending import Pending
from proxy.session.refusal import Denial, Refusal
from proxy.session.state import State
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter

_COPY_DATA: Final = 0x64  # d
_COPY_DONE: Final = 0x63  # c
_COPY_FAIL: Final = 0x66  # f
_FLUSH: Final = 0x48  # H


class CopyGuard:
    """Watches over the COPY FROM STDIN of one client."""

    def __init__(
        self, gate: Gate, judge: Judge, state: State, copy: CopyIn, cutter: Cutter, pending: Pending
    ) -> None:
        """Watch what the cutter shows."""
        self._gate = gate
        self._judge = judge
        self._state = state
        self._copy = copy
        self._cutter = cutter
        self._pending = pending

    def frame(self, kind: i64) -> bytes | None:
        """What goes on in place of a frame that comes while data is expected.

        Raises: ProtocolViolation for what belongs into no COPY.
        """
        if kind == _COPY_DATA or (kind == _COPY_DONE and self.outdated):
            instead = self._again()
            if kind == _COPY_DATA or instead is not KEEP or self._state.waiting:
                return instead
        if kind in (_COPY_DONE, _COPY_FAIL):
            self._ends()
            return KEEP
        if kind in (SYNC, _FLUSH):
            self._copy.hold(kind)
            return DROPPED
        # The server would end the connection, too: it has lost its place in the stream.
        raise ProtocolViolation(f"unexpected message type 0x{kind:02X} during COPY from stdin")

    def stop(self) -> bytes:
        """Look again at a COPY under way, whatever its client does: what ends it, b"" where nothing does.

        In the middle of a CopyData nothing else can be said: then the next message is where it is stopped.
        """
        idle = self._copy.sent is not None and not self._cutter.midway and not self._state.waiting
        denial = self._judge_again() if idle and self.outdated else None
        return self._fail(denial) if isinstance(denial, Denial) else b""

    @property
    def outdated(self) -> bool:
        """The decision that let it begin has run out."""
        grant = self._copy.grant
        return grant is not None and grant.outdated(self._gate.clock(), self._gate.rests)

    def _again(self) -> bytes | None:
        """The decision that let this COPY begin has run out: judge what it has still to write."""
        self._cutter.show_all = False
        denial = self._judge_again()
        if isinstance(denial, Ponder):
            self._cutter.show_all = True
            self._pending.wait_for(denial)
            return KEEP
        return KEEP if denial is None else self._fail(denial)

    def _judge_again(self) -> Denial | Ponder | None:
        grant, judge = self._copy.grant, self._judge
        if grant is None:
            return None
        denial = judge.judge_again(grant.meaning, grant.policy, self._state.transactions(), grant.answer)
        if not isinstance(denial, Ponder):
            grant.since, grant.until, grant.rests = judge.since, judge.until, self._gate.rests
        return denial

    def _fail(self, denial: Denial) -> bytes:
        refusal = Refusal(denial, self._gate.token())
        if self._copy.sent is not None:
            self._state.inflight.refuse(self._copy.sent, refusal)
        self._ends()
        return refusal.as_copy_fail()

    def _ends(self) -> None:
        sent = self._copy.client_ended()
        if sent is not None:
            self._state.wait_for(sent)  # another COPY may follow in the same text
