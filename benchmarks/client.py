"""The load generator: one thread, one epoll, no asyncio, the same for every target.

Enters: open connections, a workload's requests, a time to run. Leaves: a Burst: answers, latencies, the
client's own CPU time. Each connection has one request in flight. Deliberately absent: threads and an event
loop library (their cost would be measured with the target's and thin out every ratio), pipelining,
reconnecting.
"""

import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from benchmarks import protocol
from benchmarks.protocol import BenchmarkError, ReplyWalk

_CHUNK_BYTES: Final = 65536
_PATIENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a target listens, and as whom to log in."""

    port: int
    user: str
    database: str
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Burst:
    """One slice's outcome.

    `answered` came before the time was up; `total` counts those in flight then, too.
    """

    answered: int
    total: int
    seconds: float
    latencies_ns: list[int]
    client_cpu_ns: int


class Connection:
    """One logged-in connection: blocking until `lane()` is first used, non-blocking from then on."""

    def __init__(self, address: Address) -> None:
        """Connect and log in; the target must ask for no password."""
        self._walk = ReplyWalk()
        self._socket = socket.create_connection((address.host, address.port), timeout=_PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        parameters = {
            "user": address.user,
            "database": address.database,
            "application_name": "pgwarden-benchmark",
        }
        try:
            self.greeting = self.exchange(protocol.startup(parameters))
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        """Return itself; leaving closes."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close."""
        self.close()

    def exchange(self, request: bytes) -> bytes:
        """Send and return all that comes up to the next ReadyForQuery.

        Raises: ServerError for an ErrorResponse, BenchmarkError when the target closes or says nothing.
        """
        self._socket.settimeout(_PATIENCE_S)
        answer = b""
        try:
            self._socket.sendall(request)
            while True:
                data = self._socket.recv(_CHUNK_BYTES)
                if not data:
                    raise BenchmarkError("the target closed the connection")
                answer += data
                if self._walk.feed(data):
                    return answer
        except TimeoutError:
            raise BenchmarkError(f"the target said nothing for {_PATIENCE_S:.0f} s") from None

    def parameter(self, name: str) -> str:
        """Return a setting as the server reported it at login, or an empty text."""
        for kind, body in protocol.split_messages(self.greeting):
            if kind == "S":
                found, value, _ = body.decode().split("\0")
                if found == name:
                    return value
        return ""

    def lane(self) -> "Lane":
        """Return the connection as the measured loop sees it."""
        self._socket.setblocking(False)
        sock = self._socket
        return Lane(sock.fileno(), sock.recv, sock.send, self._walk.feed)

    @property
    def rows(self) -> int:
        """How many DataRow have come since the connection was opened."""
        return self._walk.rows

    def close(self) -> None:
        """Say goodbye and close; a target that is gone already is no error."""
        try:
            self._socket.setblocking(True)
            self._socket.sendall(protocol.terminate())
        except OSError:
            pass
        self._socket.close()


@dataclass(slots=True)
class Lane:
    """Bound methods, looked up once instead of once a query."""

    fd: int
    recv: Callable[[int], bytes]
    send: Callable[[bytes], int]
    feed: Callable[[bytes], int]
    sent_at: int = 0


def _send_whole(lane: Lane, request: bytes) -> None:
    if lane.send(request) != len(request):
        # The largest request is far below a socket's buffer, and nothing else is in flight.
        raise BenchmarkError("a request did not fit into the socket's buffer")


def run_burst(
    connections: Sequence[Connection], request: Callable[[int], bytes], first: int, seconds: float
) -> Burst:
    """Keep every connection busy for `seconds`, then let what is in flight come home.

    Args:
        connections: used all, each with one request in flight.
        request: gives the bytes of the n-th request.
        first: the number of the first request.
        seconds: how long new requests are sent.

    Raises: ServerError, BenchmarkError: no figure is better than one with errors in it.
    """
    lanes = {lane.fd: lane for lane in (connection.lane() for connection in connections)}
    latencies: list[int] = []
    with select.epoll() as poller:
        for fd in lanes:
            poller.register(fd, select.EPOLLIN)
        cpu_before = time.thread_time_ns()
        started = time.perf_counter_ns()
        deadline = started + int(seconds * 1e9)
        answered = _drive(lanes, poller, request, first, deadline, latencies)
        cpu_after = time.thread_time_ns()
    return Burst(answered, len(latencies), seconds, latencies, cpu_after - cpu_before)


def _drive(
    lanes: dict[int, Lane],
    poller: select.epoll,
    request: Callable[[int], bytes],
    first: int,
    deadline: int,
    latencies: list[int],
) -> int:
    """Run the measured loop; return how many answers came before the deadline."""
    clock = time.perf_counter_ns
    wait = poller.poll
    note = latencies.append
    number = first
    answered = 0
    for lane in lanes.values():
        lane.sent_at = clock()
        _send_whole(lane, request(number))
        number += 1
    in_flight = len(lanes)
    while in_flight:
        events = wait(_PATIENCE_S)
        if not events:
            raise BenchmarkError(f"the target said nothing for {_PATIENCE_S:.0f} s")
        for fd, _ in events:
            lane = lanes[fd]
            data = lane.recv(_CHUNK_BYTES)
            if not data:
                raise BenchmarkError("the target closed the connection")
            if not lane.feed(data):
                continue
            now = clock()
            note(now - lane.sent_at)
            if now >= deadline:
                in_flight -= 1
                continue
            answered += 1
            lane.sent_at = now
            _send_whole(lane, request(number))
            number += 1
    return answered
