"""PROXY headers: a header, more bytes are needed, or a violation."""

from __future__ import annotations

from contextlib import suppress

from proxy.wire.errors import ProtocolViolation
from proxy.wire.proxyheader import MAX_V2_BYTES, decode_proxy_header, header_length

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

SEEDS = (
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n",
    b"PROXY UNKNOWN\r\n",
    _SIGNATURE + b"\x20\0\0\0",
    _SIGNATURE + b"\x21\x11\0\x0c" + bytes(12),
    _SIGNATURE + b"\x21\x21\0\x24" + bytes(36),
    _SIGNATURE + b"\x21\x11\0\x13" + bytes(12) + b"\3\0\4" + bytes(4),
)


def fuzz(data: bytes) -> None:
    """What length is told never depends on what follows."""
    with suppress(ProtocolViolation):
        length = header_length(data, (1, 2))
        if length is None:
            return
        assert 0 < length <= MAX_V2_BYTES
        if len(data) >= length:
            assert header_length(data[:length], (1, 2)) == length
            decode_proxy_header(data[:length])
