"""Sockets as the event loop sees them, reduced to the four things that a link wants to know.

Enters: asyncio's callbacks. Leaves: calls of the link. Deliberately absent: state; it all lies in the link.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast


class Receiver(Protocol):
    """Takes what a socket has read."""

    def __call__(self, data: bytes) -> None:
        """The other side sent bytes."""


class Leg(asyncio.Protocol):
    """One of a link's two connections, from when it stands.

    Attributes:
        data_received: the other side sent bytes. The link's own method: most calls of a leg are this one.
        gone: it sends nothing more.
        lost: the socket is closed.
        blocked: it does not take what is written to it, or takes it again.
    """

    data_received: Receiver

    def __init__(
        self,
        data: Receiver,
        gone: Callable[[], None],
        lost: Callable[[], None],
        blocked: Callable[[bool], None],
    ) -> None:
        self.data_received = data
        self.gone = gone
        self.lost = lost
        self.blocked = blocked

    def eof_received(self) -> None:
        """The other side sends nothing more. PostgreSQL takes that for its end, and so does the gate."""
        self.gone()

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        self.lost()

    def pause_writing(self) -> None:
        """The other side does not take what is written to it."""
        self.blocked(True)

    def resume_writing(self) -> None:
        """The other side has caught up."""
        self.blocked(False)


class Door(asyncio.Protocol):
    """A connection that has just been accepted; whoever opens takes it over with `transport.set_protocol`."""

    def __init__(self, open_door: Callable[[asyncio.Transport], None]) -> None:
        self._open_door = open_door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._open_door(cast(asyncio.Transport, transport))  # uvloop's transports only look like it
