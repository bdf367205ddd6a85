"""Cut one direction of a connection into frames.

Bytes come in as the chunks that were read; the same bytes leave through ``take`` in runs of whole frames,
so that a chunk of allowed frames goes on as the one object that came in. A frame is looked at in place:
nothing is allocated per message. Long frames that need not be read whole (rows, COPY data, Bind parameters)
pass as they arrive.

Absent: what a frame means (``frontend`` and ``backend`` decode bodies), and any buffering of what was
    already taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from mypy_extensions import i64

from proxy.wire.errors import ProtocolViolation
from proxy.wire.longframe import LongFrame

_HEADER: Final = 5
_DULL: Final = 1
_LONGER: Final = 2

WHOLE: Final = -1
"""A frame of this kind is shown when all of it has come."""

EMPTY: Final = 4
"""The length field of a message without a body."""
SMALL: Final = 10_000
LARGE: Final = 0x3FFF_FFFF
"""PQ_SMALL_MESSAGE_LIMIT and PQ_LARGE_MESSAGE_LIMIT of the server's libpq.h."""

View: TypeAlias = bytes | memoryview
"""Bytes; where they are many, a look at memory that nobody changes any more."""

LONG: Final = 256 * 1024
"""Longer bodies are looked at in place."""

HELD: Final = 64 * 1024 * 1024
"""The longest body of a server's message that has to be read whole, in bytes.

A server may send one of 1 GB, and the gate must not be made to hold it for each session.
"""

_LONGEST_NAME: Final = 64
"""Longer ones are searched for their end, not walked."""
_AUTH_TOKEN: Final = 65_535
_PREFIX: Final = 65_536


class Grammar:
    """What frames one direction may carry: each kind's longest length, and how much must be seen at once."""

    __slots__ = ("held", "limits", "marks", "name", "prefixes")

    def __init__(
        self, name: str, kinds: Mapping[str, tuple[int, int]], dull: str = "", held: int = LARGE
    ) -> None:
        """Build the tables.

        Args:
            name: the side that sends, for error texts.
            kinds: kind -> (longest length field, body bytes needed before the frame is shown, or WHOLE).
            dull: kinds that ``Cutter.next`` passes over without showing them.
            held: the longest length field of a frame that is waited for as a whole.
        """
        self.name = name
        self.held = held
        self.limits = [0] * 256
        self.prefixes = [WHOLE] * 256
        marks = bytearray(256)
        for kind, (limit, prefix) in kinds.items():
            self.limits[ord(kind)] = limit
            self.prefixes[ord(kind)] = prefix
            marks[ord(kind)] = _LONGER if limit >= SMALL else 0
        for kind in dull:
            marks[ord(kind)] |= _DULL
        self.marks = bytes(marks)  # of each kind: whether it is dull, and may be SMALL at least


FRONTEND: Final = Grammar(
    "client",
    {
        "Q": (LARGE, WHOLE),
        "P": (LARGE, WHOLE),
        "B": (LARGE, _PREFIX),
        "F": (LARGE, _PREFIX),
        "d": (LARGE, 0),
        "p": (_AUTH_TOKEN, WHOLE),
        **dict.fromkeys("CDEXcf", (SMALL, WHOLE)),
        **dict.fromkeys("HS", (EMPTY, WHOLE)),
    },
    dull="d",
)
"""The messages a client may send; limits as SocketBackend() in postgres.c has them.

A body of Flush or Sync is an error to the server, but one that belongs to nothing it was asked.
"""

LOGIN: Final = Grammar("client", {"p": (_AUTH_TOKEN, WHOLE)})
"""What a client may send while it logs in; PG_MAX_AUTH_TOKEN_LENGTH of libpq/auth.h."""

BACKEND: Final = Grammar(
    "server",
    {
        **dict.fromkeys("DdV", (LARGE, 0)),
        **dict.fromkeys("123ACEGHIKNRSTWZcnstv", (LARGE, WHOLE)),
    },
    dull="Dd",
    held=HELD,
)
"""The messages a server may send (protocol 3.0 and 3.2)."""


class Cutter:
    """The frames of one direction, in order.

    ``feed`` a chunk, then call ``next`` until it answers 0; each frame shown is kept unless ``drop`` is
    called before the following ``next``. ``take`` gives the kept bytes that have not been taken yet.

    Attributes:
        kind: the shown frame's type byte.
        size: its length on the wire, header included, in bytes.
        show_all: True to be shown dull frames too.
        show_whole: True to be shown every frame only when all of it has come.
        oversize: True when the frame is longer than the statement limit; its body is not there to read:
            drop it.
    """

    __slots__ = (
        "_buffer",
        "_discard",
        "_end",
        "_grammar",
        "_kept",
        "_long",
        "_marks",
        "_skip",
        "_start",
        "_statement_limit",
        "_stop",
        "kind",
        "oversize",
        "show_all",
        "show_whole",
        "size",
    )

    def __init__(self, grammar: Grammar, statement_limit: int = LARGE) -> None:
        """Begin at a frame boundary; ``statement_limit`` bounds the body of Query and Parse, in bytes."""
        self._grammar = grammar
        self._marks = grammar.marks
        self._statement_limit: i64 = statement_limit
        self._buffer: View = b""
        self._end: i64 = 0  # how long that is: compiled, a view would have to be asked
        self._kept: i64 = 0  # where the run not yet taken begins
        self._start: i64 = 0  # the shown frame
        self._stop: i64 = 0  # where the next frame begins
        self._skip: i64 = 0  # bytes of the shown frame that have not come yet
        self._discard = False  # ... and whether they are to be dropped
        self._long: LongFrame | None = None  # a frame that is waited for as a whole; then _buffer is empty
        self.kind: i64 = 0
        self.size: i64 = 0
        self.oversize = False
        self.show_all = False
        self.show_whole = False

    def feed(self, data: View) -> None:
        """Add a chunk. Everything kept must have been taken, unless frames are still to be shown."""
        if self._skip:
            self._feed_rest(data)
            return
        if self._long is not None:
            whole = self._long.add(data)
            if whole is None:
                return
            self._long = None
            data = whole
        elif self._kept < self._end:
            data = bytes(self._buffer[self._kept :]) + data
            self._start -= self._kept
            self._stop -= self._kept
            self._kept = 0
            self._buffer = data
            self._end = size_of(data)
            return
        self._buffer = data
        self._end = size_of(data)
        self._kept = self._start = self._stop = 0

    def _feed_rest(self, data: View) -> None:
        """Add to a frame that passes as it arrives."""
        self._buffer = data
        self._end = size_of(data)
        count = min(self._end, self._skip)
        self._skip -= count
        self._start = self._stop = count
        self._kept = count if self._discard else 0

    def next(self) -> i64:
        """Show the next frame that is not dull.

        Returns: its type byte, or 0 when more bytes are needed.
        Raises: ProtocolViolation for an unknown type or a length outside what the server accepts.
        """
        buffer = self._buffer
        marks = self._marks
        end: i64 = self._end
        stop: i64 = self._stop
        while end - stop >= _HEADER:
            start: i64 = stop
            if isinstance(buffer, bytes):
                kind: i64 = buffer[start]
                length: i64 = _length(buffer, start)
            else:
                head = bytes(buffer[start : start + _HEADER])
                kind = head[0]
                length = _length(head, 0)
            stop = start + 1 + length
            mark = marks[kind]
            # Most messages are of a kind that may be so long: then the table of limits is not asked.
            if length < EMPTY or length > SMALL or mark < _LONGER:
                self._bound(kind, length)
            if stop <= end and length <= self._statement_limit:
                self._stop = stop
                if mark & _DULL and not self.show_all:
                    continue
                self._start = start
                self.kind = kind
                self.size = length + 1
                self.oversize = False
                return kind
            if not self._begin_long(kind, start, length):
                break
            if self.show_all or not mark & _DULL:
                return kind
            stop = self._stop
        return 0

    def _bound(self, kind: i64, length: i64) -> None:
        """Raise ProtocolViolation for an unknown type or a length outside what the server accepts."""
        if length < EMPTY or length > self._grammar.limits[kind]:
            raise self._violation(kind, length)

    def _begin_long(self, kind: i64, start: i64, length: i64) -> bool:
        """Show a frame that has not come whole, or is over the statement limit.

        False when it must be waited for.
        """
        have = self._end - start - _HEADER
        text = self._grammar.prefixes[kind] == WHOLE and self._grammar.limits[kind] == LARGE
        self.oversize = text and length > self._statement_limit
        prefix = 0 if self.oversize else WHOLE if self.show_whole else self._grammar.prefixes[kind]
        if prefix == WHOLE and length > self._grammar.held:
            raise self._violation(kind, length)
        body = length - 4
        if body > have and (prefix == WHOLE or have < min(prefix, body)):
            if body - have > _PREFIX and self._kept == start:
                self._long = LongFrame(1 + length)
                self._long.add(self._buffer[start:])
                self._buffer = b""
                self._end = self._kept = self._start = self._stop = 0
            return False
        self.kind = kind
        self.size = length + 1
        self._start = start
        self._skip = max(body - have, 0)
        self._discard = False
        self._stop = min(start + 1 + length, self._end)
        return True

    def _violation(self, kind: i64, length: i64) -> ProtocolViolation:
        self._start = self._stop  # no frame is shown: what came before can be taken
        if not self._grammar.limits[kind]:
            return ProtocolViolation(f"invalid {self._grammar.name} message type {kind}")
        return ProtocolViolation(
            f"invalid message length {length} for {self._grammar.name} message type {kind}"
        )

    def body(self) -> bytes:
        """The shown frame's bytes after its header; of a frame that passes as it arrives, what has come."""
        buffer = self._buffer
        if isinstance(buffer, bytes):
            return buffer[self._start + _HEADER : self._stop]
        return bytes(buffer[self._start + _HEADER : self._stop])

    def view(self) -> View:
        """The body of a frame that has come whole: its bytes, or where it is LONG a view of them."""
        if self.size <= LONG:
            return self.body()
        return memoryview(self._buffer)[self._start + _HEADER : self._stop].toreadonly()

    def first(self) -> i64:
        """The first byte of the shown frame's body; 0 when it is empty."""
        buffer = self._buffer
        at: i64 = self._start + _HEADER
        if at >= self._stop:
            return 0
        if isinstance(buffer, bytes):
            return buffer[at]
        return buffer[at]

    def only(self) -> i64:
        """The only byte of the shown frame's body; 0 when it has not one."""
        if self.size == _HEADER + 1:
            return self.first()
        return 0

    def holds(self, at: i64, data: bytes) -> bool:
        """Whether the shown frame's body has these bytes at this place."""
        begin: i64 = self._start + _HEADER + at
        return self._buffer[begin : begin + len(data)] == data

    def string(self, at: i64, message: str) -> bytes:
        """The String at this place of the shown frame's body, without its NUL.

        Raises: ProtocolViolation, which names the message, when what has come of the frame does not hold it.
        """
        begin: i64 = self._start + _HEADER + at
        stop: i64 = self._stop
        buffer = self._buffer
        if not isinstance(buffer, bytes):
            buffer = self.body()
            begin, stop = at, len(buffer)
        most: i64 = min(stop, begin + _LONGEST_NAME)
        nul: i64 = begin
        while nul < most and buffer[nul]:  # compiled, this costs less than a call of bytes.find
            nul += 1
        if nul >= most:
            nul = buffer.find(b"\0", begin, stop)
            if nul < 0:
                raise ProtocolViolation(f"invalid string in {message}: no terminating NUL")
        return buffer[begin:nul]

    def take(self) -> View:
        """The kept bytes not taken yet, up to the shown frame's end: the chunk itself when that is all."""
        kept, stop, buffer = self._kept, self._stop, self._buffer
        if stop == self._end:  # nothing is left: an idle session does not hold the last chunk
            self._buffer = b""
            self._end = self._kept = self._start = self._stop = 0
            return buffer if kept == 0 else buffer[kept:]
        if kept == stop:
            return b""
        self._kept = stop
        return buffer[kept:stop]

    def drop(self) -> View:
        """Leave the shown frame out, what is still to come of it included.

        Returns: the kept bytes before it that have not been taken.
        """
        before = self._buffer[self._kept : self._start]
        self._kept = self._stop
        self._discard = True
        return before

    def part(self) -> View:
        """Take the kept bytes before the shown frame: something goes out between them and it."""
        before = self._buffer[self._kept : self._start]
        self._kept = self._start
        return before

    def hold(self) -> None:
        """Put the shown frame back: ``next`` will show it again, with all that has come of it by then."""
        self._stop = self._start
        self._skip = 0

    def rest(self) -> View:
        """Take what belongs to frames not shown yet, whole or not: another cutter goes on with it."""
        rest = self._buffer[self._stop :] if self._long is None else self._long.so_far()
        self._long = None
        self._buffer = self._buffer[: self._stop]
        self._end = self._stop
        return rest

    @property
    def midway(self) -> bool:
        """True while part of a frame has been taken and the rest has not come."""
        return self._skip > 0 and not self._discard

    @property
    def pending(self) -> int:
        """How many bytes are kept that belong to frames not shown yet."""
        return self._end - self._stop + (0 if self._long is None else len(self._long))

    @property
    def clean(self) -> bool:
        """True when no byte is left that belongs to a frame not shown yet."""
        return not self._skip and self._long is None and self._stop == self._end


def size_of(data: View) -> i64:
    """How many bytes these are: compiled, those of ``bytes`` are read from memory, and others asked for."""
    if isinstance(data, bytes):
        return len(data)
    return len(data)


def _length(buffer: bytes, at: i64) -> i64:
    """The length field of the frame whose header is there: compiled, this is reading memory and no call."""
    length: i64 = buffer[at + 3] * 256 + buffer[at + 4]
    if buffer[at + 1] or buffer[at + 2]:
        length += buffer[at + 1] * 16_777_216 + buffer[at + 2] * 65_536
    return length
