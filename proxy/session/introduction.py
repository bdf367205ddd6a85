"""What a worker tells the console of a connection that it passes on.

Enters: who connected, and how. Leaves: a few bytes that go before the client's startup packet, with their
length. Deliberately absent: who the client is; the console asks that itself.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from proxy.wire.errors import ProtocolViolation

_LENGTH: Final = struct.Struct("!H")
LENGTH_BYTES: Final = _LENGTH.size


class Introduction(msgspec.Struct, frozen=True):
    """Where a caller of the console comes from.

    Attributes:
        address: None for a Unix socket.
        channel: what a login can be bound to: the hash of the certificate that the client was shown.
    """

    listener: str
    address: str | None
    encrypted: bool = False
    channel: bytes | None = None


_DECODER: Final = msgspec.msgpack.Decoder(Introduction)


def encode_introduction(introduction: Introduction) -> bytes:
    """With its length before it."""
    raw = msgspec.msgpack.encode(introduction)
    return _LENGTH.pack(len(raw)) + raw


def introduction_length(prefix: bytes) -> int:
    """How many bytes follow these LENGTH_BYTES."""
    length: int = _LENGTH.unpack(prefix)[0]
    return length


def decode_introduction(raw: bytes) -> Introduction:
    """Read it, without its length.

    Raises: ProtocolViolation.
    """
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolViolation("no introduction comes before the startup packet") from error
