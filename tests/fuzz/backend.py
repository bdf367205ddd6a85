"""Every decoder of servers' messages: a message, or a violation."""

from __future__ import annotations

from contextlib import suppress

from proxy.wire import backend
from proxy.wire.errors import ProtocolViolation
from tests.session.palette import SERVER

DECODERS = tuple(decode for name, decode in vars(backend).items() if name.startswith("decode_"))

SEEDS = tuple(bytes([which]) + said[5:] for which in range(len(DECODERS)) for said in SERVER[which::11])


def fuzz(data: bytes) -> None:
    """The first byte chooses the decoder, the rest is the body."""
    if data:
        with suppress(ProtocolViolation):
            DECODERS[data[0] % len(DECODERS)](data[1:])
