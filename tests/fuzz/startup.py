"""What comes before a session has a role: packets are read or refused, and read as they were written."""

from __future__ import annotations

from contextlib import suppress

from proxy.session.wishes import startup_effects
from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import (
    CancelRequest,
    StartupMessage,
    decode_startup,
    encode_cancel,
    encode_startup,
    startup_length,
)
from tests.session.palette import CLIENT

SEEDS = CLIENT[:8]


def fuzz(data: bytes) -> None:
    """Any first bytes."""
    with suppress(ProtocolViolation):
        length = startup_length(data)
        if length is None or len(data) < length:
            return
        packet = decode_startup(data[:length])
        match packet:
            case StartupMessage():
                assert encode_startup(packet.major, packet.minor, packet.parameters) == data[:length]
                startup_effects(packet)
            case CancelRequest():
                assert encode_cancel(packet.key) == data[:length]
            case _:
                assert length == 8
