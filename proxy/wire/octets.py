"""The fields that messages are made of: read strictly, written plainly.

Enters: the body of one message (what follows its length word). Leaves: integers, strings and runs of bytes.
Deliberately absent: any message's meaning; finding where messages begin and end is `framing`'s work.

Source: pqformat.c of the server. `Reader.string` is pq_getmsgstring, `Reader.end` is pq_getmsgend,
`Reader.take` is pq_getmsgbytes: whatever they refuse is refused here, in the same place.
"""

from struct import Struct

from proxy.wire.errors import ProtocolViolation

_INT16 = Struct(">H")
_INT32 = Struct(">i")
_UINT32 = Struct(">I")


class Reader:
    """Walks one message body from its first byte to its last.

    Every method raises ProtocolViolation when the body is too short; `end` when something is left over.
    """

    __slots__ = ("_at", "_body", "_message")

    def __init__(self, body: bytes, message: str) -> None:
        self._body = body
        self._message = message
        self._at = 0

    def byte(self) -> int:
        """One byte, as a number."""
        return self.take(1)[0]

    def int16(self) -> int:
        """An Int16, unsigned: pq_getmsgint() returns unsigned, so 65,535 parameters are legal."""
        value: int = _INT16.unpack(self.take(2))[0]
        return value

    def signed_int16(self) -> int:
        """An Int16 that may be negative: a type's size, a system column's number."""
        number = self.int16()
        return number - 0x10000 if number & 0x8000 else number

    def int32(self) -> int:
        """An Int32 that may be negative: lengths (-1 is NULL), row limits, process ids."""
        value: int = _INT32.unpack(self.take(4))[0]
        return value

    def uint32(self) -> int:
        """An Int32 that holds an Oid."""
        value: int = _UINT32.unpack(self.take(4))[0]
        return value

    def string(self) -> bytes:
        """A String without its NUL."""
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise ProtocolViolation(f"invalid string in {self._message}: no terminating NUL")
        value = self._body[self._at : end]
        self._at = end + 1
        return value

    def take(self, length: int) -> bytes:
        """Exactly that many bytes; a negative length is an error, as in pq_getmsgbytes()."""
        end = self._at + length
        if length < 0 or end > len(self._body):
            raise ProtocolViolation(f"insufficient data left in {self._message}")
        value = self._body[self._at : end]
        self._at = end
        return value

    def value(self) -> bytes | None:
        """A value with its length before it; None where the length is -1, which is SQL NULL."""
        length = self.int32()
        return None if length == -1 else self.take(length)

    def rest(self) -> bytes:
        """Everything that is left, possibly nothing."""
        return self.take(len(self._body) - self._at)

    @property
    def left(self) -> int:
        """How many bytes have not been read."""
        return len(self._body) - self._at

    def end(self) -> None:
        """Nothing may follow: what one side skips and the other reads is how statements are smuggled."""
        if self._at != len(self._body):
            raise ProtocolViolation(f"invalid {self._message}: {self.left} bytes after its last field")


def message(kind: bytes, body: bytes = b"") -> bytes:
    """A whole message: its type byte, its length word (which counts itself), its body."""
    return kind + _UINT32.pack(len(body) + 4) + body


def string(value: bytes) -> bytes:
    """A String field.

    Raises: ValueError when the value holds a NUL: the receiver would read what follows it as another field.
    """
    if b"\0" in value:
        raise ValueError("a protocol string cannot hold a NUL byte")
    return value + b"\0"


def int16(value: int) -> bytes:
    """An Int16 field; more than 65,535 items raise struct.error."""
    return _INT16.pack(value)


def int32(value: int) -> bytes:
    """An Int32 field."""
    return _INT32.pack(value)


def uint32(value: int) -> bytes:
    """An Int32 field that holds an Oid or a code."""
    return _UINT32.pack(value)


def value(data: bytes | None) -> bytes:
    """A value with its length before it; None is SQL NULL."""
    return int32(-1) if data is None else int32(len(data)) + data


def text_of(raw: bytes) -> str:
    """Bytes as text that turns back into exactly these bytes, whatever their encoding was."""
    return raw.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """The reverse of `text_of`."""
    return text.encode("utf-8", "surrogateescape")
