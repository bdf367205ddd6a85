"""CancelRequests on their way to the server: each on a connection of its own, as the protocol wants it.

Enters: a packet. Leaves: the same packet, at the server. Deliberately absent: whose key it holds, and which
client asked for it (`routing`).
"""

import asyncio

from proxy.relay.upstream import Upstream, UpstreamError


class Canceller:
    """Delivers CancelRequests, a limited number at once: each costs the server a process."""

    def __init__(self, upstream: Upstream, *, at_once: int, timeout_s: float) -> None:
        self._upstream = upstream
        self._places = asyncio.Semaphore(at_once)
        self._timeout_s = timeout_s
        self._tasks: set[asyncio.Task[bytes]] = set()  # the loop keeps no reference of its own

    async def deliver(self, packet: bytes) -> bytes:
        """Send the packet and wait until the server has closed the connection: then it has acted.

        A server that cannot be reached, or takes too long, is no error: there is nobody to tell.

        Returns: what it has said; a PostgreSQL server says nothing.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                return await self._send(packet)
        except (UpstreamError, TimeoutError):
            return b""

    def deliver_soon(self, packet: bytes) -> "asyncio.Task[bytes]":
        """Deliver it while whoever asked goes on."""
        task = asyncio.get_running_loop().create_task(self.deliver(packet))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, timeout_s: float) -> None:
        """Wait for those that are on their way, so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    async def _send(self, packet: bytes) -> bytes:
        transport, arrival = await self._upstream.connect()
        try:
            transport.write(packet)
            await arrival.ended.wait()
            return bytes(arrival.data)
        finally:
            transport.abort()
