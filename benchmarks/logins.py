"""Connecting: log in, say goodbye, again.

Enters: an address. Leaves: a workload whose requests are connections. Deliberately absent: passwords: what
those cost, they cost the server and the client.
"""

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks import protocol
from benchmarks.client import Address, Burst, Seat, connected, greeting
from benchmarks.protocol import BenchmarkError, ReplyWalk
from benchmarks.workloads import Workload

_CHUNK_BYTES: Final = 65536
_PATIENCE_S: Final = 20.0


@dataclass(slots=True)
class _Caller:
    """One connection that is logging in."""

    sock: socket.socket
    feed: Callable[[bytes], int]
    since: int


def run_logins(address: Address, concurrency: int, seconds: float) -> Burst:
    """Keep so many logging in for `seconds`, then let those under way come home.

    Raises: ServerError, BenchmarkError.
    """
    hello, goodbye = greeting(address), protocol.terminate()
    clock = time.perf_counter_ns
    callers: dict[int, _Caller] = {}
    latencies: list[int] = []
    answered = 0
    with select.epoll() as poller:

        def call() -> None:
            since = clock()
            sock = connected(address)
            sock.sendall(hello)
            callers[sock.fileno()] = _Caller(sock, ReplyWalk().feed, since)
            poller.register(sock.fileno(), select.EPOLLIN)

        cpu_before = time.thread_time_ns()
        deadline = clock() + int(seconds * 1e9)
        try:
            for _ in range(concurrency):
                call()
            while callers:
                events = poller.poll(_PATIENCE_S)
                if not events:
                    raise BenchmarkError(f"the target said nothing for {_PATIENCE_S:.0f} s")
                for fd, _ in events:
                    caller = callers[fd]
                    data = caller.sock.recv(_CHUNK_BYTES)
                    if not data:
                        raise BenchmarkError("the target closed the connection")
                    if not caller.feed(data):
                        continue
                    now = clock()
                    latencies.append(now - caller.since)
                    caller.sock.sendall(goodbye)
                    poller.unregister(fd)
                    del callers[fd]
                    caller.sock.close()
                    if now < deadline:
                        answered += 1
                        call()
        finally:
            for caller in callers.values():
                caller.sock.close()
        cpu_after = time.thread_time_ns()
    return Burst(answered, len(latencies), seconds, latencies, cpu_after - cpu_before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins(Workload):
    """So many at a time."""

    @property
    def connections(self) -> int:
        """None is open beforehand."""
        return 0

    def run(self, seat: Seat, seconds: float) -> Burst:
        """Connect again and again."""
        return run_logins(seat.address, self.concurrency, seconds)


LOGIN_ROWS: Final = (Logins(name="connect-c8", concurrency=8, unit="logins"),)
