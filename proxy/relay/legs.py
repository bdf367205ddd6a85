"""Sockets as the event loop sees them, reduced to the four things that their owner wants to know.

Enters: asyncio's callbacks. Leaves: calls of the owner, of a link mostly. Deliberately absent: state; it all
lies there.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast


class Receiver(Protocol):
    """Takes what a socket has read."""

    def __call__(self, data: bytes) -> None:
        """The other side sent bytes."""


class Owner(Protocol):
    """Whose connections they are; `side` tells them apart."""

    def gone(self, side: int) -> None:
        """The other side sends nothing more."""

    def lost(self, side: int) -> None:
        """The socket is closed."""

    def blocked(self, side: int, full: bool) -> None:
        """The other side does not take what is written to it, or takes it again."""


class Leg(asyncio.Protocol):
    """One of an owner's connections, from when it stands. Small: there are two for each idle session.

    Attributes:
        data_received: the other side sent bytes. The owner's own method: most calls of a leg are this one.
    """

    __slots__ = ("_owner", "_side", "data_received")

    data_received: Receiver

    def __init__(self, owner: Owner, side: int, data: Receiver) -> None:
        self.data_received = data
        self._owner = owner
        self._side = side

    def eof_received(self) -> None:
        """The other side sends nothing more. PostgreSQL takes that for its end, and so does the gate."""
        self._owner.gone(self._side)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        self._owner.lost(self._side)

    def pause_writing(self) -> None:
        """The other side does not take what is written to it."""
        self._owner.blocked(self._side, True)

    def resume_writing(self) -> None:
        """The other side has caught up."""
        self._owner.blocked(self._side, False)


class Door(asyncio.Protocol):
    """A connection that has just been accepted; whoever opens takes it over with `transport.set_protocol`."""

    def __init__(self, open_door: Callable[[asyncio.Transport], None]) -> None:
        self._open_door = open_door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._open_door(cast(asyncio.Transport, transport))  # uvloop's transports only look like it
