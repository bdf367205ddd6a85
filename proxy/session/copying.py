"""COPY FROM STDIN: while the server reads data it ignores Sync and Flush, and takes any other message for an error.

When the COPY ends by itself (bad data) the server reads on as usual, so what those messages do depends on which came first. The gate
does not guess: it holds them until the client ends the COPY (they were ignored: dropped) or the server does (they go on).
"""

from __future__ import annotations

from proxy.session.inflight import QUERY, Sent
from proxy.session.refusal import Denial, Refusal


class CopyIn:
    """The COPY FROM STDIN of one connection.

    Attributes:
        sent: the message whose COPY the server reads data for; None when it does not.
        held: Sync and Flush that came meanwhile, as type bytes.
        stopping: a CopyFail of the gate's own is on its way, in place of a frame that is held.
    """

    __slots__ = ("held", "sent", "stopping")

    def __init__(self) -> None:
        """Begin with no COPY."""
        self.sent: Sent | None = None
        self.held: list[int] = []
        self.stopping = False

    def begin(self, sent: Sent) -> None:
        """The server has asked for data."""
        self.sent = sent

    def client_ended(self) -> Sent | None:
        """The client has sent CopyDone or CopyFail, so the server has ignored what was held.

        Returns: the message that ran the COPY when more may follow in its text.
        """
        sent, self.sent = self.sent, None
        self.held = []
        return sent if sent is not None and sent.kind == QUERY else None

    def stop(self, kind: int, token: str) -> bytes:
        """End the COPY in place of a message that has no place in it.

        Returns: the CopyFail that goes on.
        """
        self.stopping = True
        refusal = Refusal(
            Denial("protocol", "08P01", f"unexpected message type 0x{kind:02X} during COPY from stdin"), token
        )
        if self.sent is not None:
            self.sent.refusal = refusal
        return refusal.as_copy_fail()

    def server_ended(self, sent: Sent) -> bool:
        """The server has answered this message with an error or an end.

        Returns: True when a frame is held in whose place a CopyFail was sent.
        """
        if self.sent is not sent:
            return False
        self.sent = None
        stopped, self.stopping = self.stopping, False
        return stopped

    def take_held(self) -> list[int]:
        """What was held and goes on now, because the server has ended the COPY."""
        if self.sent is not None:
            return []
        held, self.held = self.held, []
        return held
