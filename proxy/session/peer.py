"""Both ends of a session, as the relay tells of them, and how far the session has come with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Phase(Enum):
    """How far a session has come."""

    OPENING = auto()
    SECURING = auto()
    IDENTIFYING = auto()
    CONNECTING = auto()
    AUTHENTICATING = auto()
    READY = auto()
    CONSOLE = auto()  # passed on to the gate's console, unread
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected.

    Attributes:
        address: the socket's, or what a balancer says; None for a Unix socket, and where it knows none.
        local: by a Unix socket, and for itself.
    """

    address: str | None
    port: int = 0
    local: bool = False


@dataclass(frozen=True, slots=True)
class UpstreamFailure:
    """Why there is no connection to the server, and what to do about it."""

    message: str
    hint: str = ""
