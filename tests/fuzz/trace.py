"""Traces: lines, or a violation."""

from __future__ import annotations

from contextlib import suppress

from proxy.wire.errors import ProtocolViolation
from proxy.wire.trace import Sender, trace, trace_startup
from tests.session.palette import CLIENT, SERVER

SEEDS = (
    *(b"\0" + each for each in CLIENT[8::9]),
    *(b"\1" + each for each in SERVER[::5]),
    *(b"\2" + each for each in CLIENT[:7]),
)


def fuzz(data: bytes) -> None:
    """The first byte says who sent it."""
    if not data:
        return
    with suppress(ProtocolViolation):
        if data[0] % 3 == 2:
            assert trace_startup(data[1:]).endswith("\n")
        else:
            sender = Sender.FRONTEND if data[0] % 3 == 0 else Sender.BACKEND
            lines = trace([(sender, data[1:])], regress=data[0] > 127)
            assert lines == "" or lines.endswith("\n")
