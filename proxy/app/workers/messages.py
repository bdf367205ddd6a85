"""How the supervisor and a worker talk: typed MessagePack over a socket, each message with its length.

Enters: messages. Leaves: messages, in order, until the other side has gone. Both sides are one program,
forked from one process, so nothing here is negotiated. Deliberately absent: signals; one from a terminal or a
service manager reaches all processes at once, and has to be obeyed once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec

from proxy.app.workers.merging import Family

_LENGTH: Final = struct.Struct("!I")

_FINISH_S: Final = 2.0

Texts: TypeAlias = Mapping[str, str]
"""A policy as it was read: the text of each of its files by path."""


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


class Begin(Message, frozen=True):
    """To a worker: open the doors, with these policies where they have changed since the gate's start."""

    policies: Mapping[str, Texts]


class Enforce(Message, frozen=True):
    """To a worker: this policy is in force from now on."""

    path: str
    texts: Texts


class Ask(Message, frozen=True):
    """To a worker: report, with what it counts or, for a twentieth of the price, without."""

    counts: bool = True


class Reload(Message, frozen=True):
    """To a worker: files may have been moved away; the gate was told SIGHUP."""


class Stop(Message, frozen=True):
    """To a worker: take nobody any more, let sessions finish, end."""


class Hurry(Message, frozen=True):
    """To a worker: end every session now."""


class ListSessions(Message, frozen=True):
    """To a worker: say who is connected; of one session alone where `only` is its id.

    Attributes:
        after: only those since then, in POSIX seconds, the oldest first; None for all, busy ones first.
    """

    question: int
    only: str = ""
    after: float | None = None


class EndSession(Message, frozen=True):
    """To a worker: end the session of this id; its client is told `detail`."""

    question: int
    session: str
    detail: str


class Serving(Message, frozen=True):
    """From a worker: the doors are open."""


class CannotStart(Message, frozen=True):
    """From a worker: it cannot serve, and ends; fields as of StartError."""

    lines: tuple[str, ...]
    wrong_setting: bool


class Report(Message, frozen=True):
    """From a worker.

    Attributes:
        families: what it counts; None where that was not asked for.
        not_ready: why it cannot take clients.
        digests: the policies it enforces, by path.
        refusals: lines of the refusal log since the report before, where there is a console.
        left_out: how many of those were too many or too long to be sent.
    """

    families: tuple[Family, ...] | None
    not_ready: tuple[str, ...]
    digests: Mapping[str, str]
    refusals: tuple[bytes, ...] = ()
    left_out: int = 0


class Enforced(Message, frozen=True):
    """From a worker: this policy is in force, or cannot be, and why."""

    path: str
    digest: str
    problem: str


class SessionLine(msgspec.Struct, frozen=True):
    """One session; `since` is in POSIX seconds, the rest as of SessionNow (proxy/console/operations.py)."""

    id: str
    listener: str
    address: str | None
    role: str
    database: str
    application: str
    state: str
    since: float
    transaction: bool
    statement: str | None


class SessionsListed(Message, frozen=True):
    """From a worker: who is connected; `left_out` are more than were asked for."""

    question: int
    sessions: tuple[SessionLine, ...]
    left_out: int


class SessionEnded(Message, frozen=True):
    """From a worker: the session is told to end, or there is none of that id."""

    question: int
    found: bool


ToWorker: TypeAlias = Begin | Enforce | Ask | Reload | Stop | Hurry | ListSessions | EndSession
FromWorker: TypeAlias = Serving | CannotStart | Report | Enforced | SessionsListed | SessionEnded

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(ToWorker | FromWorker)


class Channel:
    """One side of the talk."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk over these; `over` makes them."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, connected: socket.socket) -> Channel:
        """Take over a connected socket."""
        return cls(*await asyncio.open_unix_connection(sock=connected))

    def send(self, message: ToWorker | FromWorker) -> None:
        """Send without waiting; to a side that has gone it is lost."""
        raw = _ENCODER.encode(message)
        self._writer.write(_LENGTH.pack(len(raw)) + raw)

    async def receive(self) -> ToWorker | FromWorker | None:
        """The next message; None when the other side has gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            message: ToWorker | FromWorker = _DECODER.decode(await self._reader.readexactly(length))
        except (OSError, EOFError):
            return None
        return message

    async def finish(self) -> None:
        """Say nothing more, and wait until the other side has heard that; what it says meanwhile is lost.

        A socket that is closed while words of the other side wait in it takes the last own ones along.
        """
        with suppress(OSError):
            self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                while await self.receive() is not None:
                    pass

    def close(self) -> None:
        """End the talk."""
        self._writer.close()
