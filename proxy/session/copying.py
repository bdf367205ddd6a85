"""COPY FROM STDIN: while the server reads data it ignores Sync and Flush; other messages are errors.

When the COPY ends by itself (bad data) the server reads on as usual, so what a Sync does depends on which
came first. The gate does not guess: it holds them until the client ends the COPY (they were ignored, and are
dropped) or the server does (they go on).
"""

from __future__ import annotations

from proxy.session.inflight import QUERY, Grant, Sent


class CopyIn:
    """The COPY FROM STDIN of one connection.

    Attributes:
        sent: the message whose COPY the server reads data for; None when it does not.
        held: Sync and Flush that came meanwhile, as type bytes; None where none did.
    """

    __slots__ = ("held", "sent")

    def __init__(self) -> None:
        """Begin with no COPY."""
        self.sent: Sent | None = None
        self.held: list[int] | None = None

    def begin(self, sent: Sent) -> None:
        """The server has asked for data."""
        self.sent = sent

    def hold(self, kind: int) -> None:
        """A Sync or Flush has come meanwhile."""
        if self.held is None:
            self.held = []
        self.held.append(kind)

    @property
    def grant(self) -> Grant | None:
        """What it goes on by; None where there is no COPY, or none was to be expected."""
        return None if self.sent is None else self.sent.grant

    def client_ended(self) -> Sent | None:
        """CopyDone or CopyFail goes to the server, which has ignored what was held.

        Returns: the message that ran the COPY when more may follow in its text.
        """
        sent, self.sent = self.sent, None
        self.held = None
        return sent if sent is not None and sent.kind == QUERY else None

    def server_ended(self, sent: Sent) -> None:
        """The server has answered this message with an error."""
        if self.sent is sent:
            self.sent = None

    def take_held(self) -> list[int]:
        """What was held and goes on now, because the server has ended the COPY."""
        if self.sent is not None:
            return []
        held, self.held = self.held, None
        return held or []
