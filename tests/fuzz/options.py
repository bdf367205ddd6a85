"""The startup parameter `options`: switches, or a violation."""

from __future__ import annotations

from contextlib import suppress

from proxy.wire.errors import ProtocolViolation
from proxy.wire.octets import text_of
from proxy.wire.options import split_options

SEEDS = (b"-c a=b --c-d=e", rb"-c a\ b=c\\", b"-B 5 -fs -T x")


def fuzz(data: bytes) -> None:
    """Any value without a NUL, which ends it."""
    with suppress(ProtocolViolation):
        for name, value in split_options(text_of(data.replace(b"\0", b""))):
            assert isinstance(name, str) and (value is None or isinstance(value, str))
