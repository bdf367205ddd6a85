"""Every decoder of clients' messages: a message, or a violation."""

from __future__ import annotations

from contextlib import suppress

from proxy.wire import frontend
from proxy.wire.errors import ProtocolViolation
from tests.session.palette import CLIENT

DECODERS = tuple(decode for name, decode in vars(frontend).items() if name.startswith("decode_"))

SEEDS = tuple(bytes([which]) + said[5:] for which in range(len(DECODERS)) for said in CLIENT[8:][which::11])


def fuzz(data: bytes) -> None:
    """The first byte chooses the decoder, the rest is the body."""
    if data:
        with suppress(ProtocolViolation):
            DECODERS[data[0] % len(DECODERS)](data[1:])
