"""A long text on its way to the server, a slice in each turn of the event loop.

The kernel takes megabytes from one write, where the other side reads along, and nobody else is served
meanwhile. Enters: what is to be written, in order. Leaves: the same bytes. Deliberately absent: short texts,
which go to the transport itself while nothing waits here.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from proxy.wire.framing import LONG

SLICE_BYTES: Final = LONG
"""A tenth of a millisecond."""


class Slices:
    """What is still to be written."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, done: Callable[[], None]
    ) -> None:
        """Write to a transport; ``done`` is called when all is written and more is taken."""
        self._transport = transport
        self._loop = loop
        self._done = done
        self._waiting: deque[memoryview] = deque()
        self._full = False
        self._scheduled = False
        self._closing = False

    def write(self, data: bytes | memoryview) -> None:
        """Write this after all that waits."""
        self._waiting.append(memoryview(data))
        self._go_on()

    def blocked(self, full: bool) -> None:
        """The transport takes no more, or takes it again."""
        self._full = full
        self._go_on()

    def close(self) -> None:
        """Close the transport when all is written."""
        self._closing = True
        self._go_on()

    def _go_on(self) -> None:
        if not self._scheduled and not self._full:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if self._full:
            return
        if self._transport.is_closing():
            self._waiting.clear()
        elif self._waiting:
            data = self._waiting.popleft()
            if len(data) > SLICE_BYTES:
                self._waiting.appendleft(data[SLICE_BYTES:])
            self._transport.write(data[:SLICE_BYTES])
            self._go_on()
        elif self._closing:
            self._transport.close()
        else:
            self._done()
