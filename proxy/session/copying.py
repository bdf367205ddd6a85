"""COPY FROM STDIN: while the server reads data it ignores Sync and Flush; other messages are errors.

When the COPY ends by itself (bad data) the server reads on as usual, so what a Sync does depends on which
came first. The gate does not guess: it holds them until the client ends the COPY (they were ignored, and are
dropped) or the server does (they go on).
"""

from __future__ import annotations

from typing import Final

from proxy.session.inflight import QUERY, Sent

_FOREVER: Final = float("inf")


class CopyIn:
    """The COPY FROM STDIN of one connection.

    Attributes:
        sent: the message whose COPY the server reads data for; None when it does not.
        held: Sync and Flush that came meanwhile, as type bytes.
        permitted: since when and until when the decision that let it begin holds, in POSIX seconds.
    """

    __slots__ = ("held", "permitted", "sent")

    def __init__(self) -> None:
        """Begin with no COPY."""
        self.sent: Sent | None = None
        self.held: list[int] = []
        self.permitted = (-_FOREVER, _FOREVER)

    def begin(self, sent: Sent) -> None:
        """The server has asked for data."""
        self.sent = sent
        self.permitted = sent.permitted

    def outdated(self, now: float) -> bool:
        """Whether the decision that let it begin has to be looked at again."""
        since, until = self.permitted
        return not since <= now < until

    def client_ended(self) -> Sent | None:
        """CopyDone or CopyFail goes to the server, which has ignored what was held.

        Returns: the message that ran the COPY when more may follow in its text.
        """
        sent, self.sent = self.sent, None
        self.held = []
        return sent if sent is not None and sent.kind == QUERY else None

    def server_ended(self, sent: Sent) -> None:
        """The server has answered this message with an error."""
        if self.sent is sent:
            self.sent = None

    def take_held(self) -> list[int]:
        """What was held and goes on now, because the server has ended the COPY."""
        if self.sent is not None:
            return []
        held, self.held = self.held, []
        return held
