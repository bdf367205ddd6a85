"""The load generator: one thread, one epoll, no asyncio, the same for every target.

Enters: open connections, a workload's requests, a time to run. Leaves: a Burst: answers, latencies, the
client's own CPU time. Each connection has one request in flight; beside them one may send a load, which is
not measured. Deliberately absent: threads and an event loop library (their cost would be measured with the
target's and thin out every ratio), pipelining, reconnecting.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from benchmarks import protocol
from benchmarks.protocol import BenchmarkError, ReplyWalk

_CHUNK_BYTES: Final = 65536
_PATIENCE_S: Final = 20.0
APPLICATION: Final = "pgwarden-benchmark"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a target listens, and as whom to log in."""

    port: int
    user: str
    database: str
    host: str = "127.0.0.1"
    tls: bool = False
    sockets: str = ""
    """Where a server has its Unix socket, too; only proxies use it."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One slice's outcome.

    `answered` came before the time was up; `total` counts those in flight then, too. Both are in the
    workload's unit.
    """

    answered: float
    total: float
    seconds: float
    latencies_ns: list[int]
    client_cpu_ns: int


def connected(address: Address) -> socket.socket:
    """Return a blocking socket to a target, on which nothing has been said."""
    sock = socket.create_connection((address.host, address.port), timeout=_PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def greeting(address: Address) -> bytes:
    """Pack the StartupMessage."""
    parameters = {"user": address.user, "database": address.database, "application_name": APPLICATION}
    return protocol.startup(parameters)


def _encrypted(sock: socket.socket) -> ssl.SSLSocket:
    """Ask for TLS. Whose certificate it is makes no difference to what it costs."""
    sock.sendall(protocol.ssl_request())
    if sock.recv(1) != b"S":
        raise BenchmarkError("the target speaks no TLS")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock)


class Connection:
    """One logged-in connection: blocking until `lane()` is first used, non-blocking from then on."""

    def __init__(self, address: Address) -> None:
        """Connect and log in; the target must ask for no password."""
        self._walk = ReplyWalk()
        self._socket = connected(address)
        try:
            if address.tls:
                self._socket = _encrypted(self._socket)
            self.greeting = self.exchange(greeting(address))
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
        recv = _decrypting(sock) if isinstance(sock, ssl.SSLSocket) else sock.recv
        return Lane(sock.fileno(), recv, sock.send, self._walk.feed)

    def stream(self) -> socket.socket:
        """Return the socket, blocking: for answers that are too long to be walked while they are timed."""
        self._socket.settimeout(_PATIENCE_S)
        return self._socket

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


Request = Callable[[int], Sequence[bytes]]
"""Gives the n-th request: its messages, each sent when the one before has been answered."""


@dataclass(slots=True)
class Lane:
    """Bound methods, looked up once instead of once a query, and the request that is in flight."""

    fd: int
    recv: Callable[[int], bytes | None]
    send: Callable[[bytes | memoryview], int]
    feed: Callable[[bytes], int]
    sent_at: int = 0
    script: Sequence[bytes] = ()
    step: int = 0


@dataclass(slots=True)
class Seat:
    """A target's open connections and the number of its next request."""

    address: Address
    connections: Sequence[Connection]
    next_number: int = 0


def _decrypting(sock: ssl.SSLSocket) -> Callable[[int], bytes | None]:
    """Receive as a plain socket does; None while a record is not whole."""

    def recv(size: int) -> bytes | None:
        try:
            data = sock.recv(size)
            while sock.pending():
                data += sock.recv(size)
        except ssl.SSLWantReadError:
            return None
        return data

    return recv


class Burden:
    """A request on a connection of its own, sent again and again, in pieces so small that nobody waits."""

    def __init__(self, connection: Connection, request: bytes, poller: select.epoll) -> None:
        """Begin to send."""
        self._lane = connection.lane()
        self._request = memoryview(request)
        self._poller = poller
        self.fd = self._lane.fd
        self.answers = 0
        self.busy = False
        poller.register(self.fd, 0)
        self._begin()

    def _begin(self) -> None:
        self._sent = 0
        self.busy = True
        self._poller.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)

    def turn(self, events: int, *, again: bool) -> None:
        """Send or receive a piece; begin again when all is answered."""
        if events & select.EPOLLOUT and self._sent < len(self._request):
            self._sent += self._lane.send(self._request[self._sent : self._sent + _CHUNK_BYTES])
            if self._sent == len(self._request):
                self._poller.modify(self.fd, select.EPOLLIN)
        if events & ~select.EPOLLOUT:
            data = self._lane.recv(_CHUNK_BYTES)
            if not data:
                raise BenchmarkError("the target closed the load's connection")
            if self._lane.feed(data):
                self.answers += 1
                self.busy = False
                if again:
                    self._begin()


def _send_whole(lane: Lane, request: bytes) -> None:
    if lane.send(request) != len(request):
        # The largest request is far below a socket's buffer, and nothing else is in flight.
        raise BenchmarkError("a request did not fit into the socket's buffer")


def run_burst(
    connections: Sequence[Connection],
    request: Request,
    first: int,
    seconds: float,
    load: tuple[Connection, bytes] | None = None,
) -> Burst:
    """Keep every connection busy for `seconds`, then let what is in flight come home.

    Args:
        connections: used all, each with one request in flight.
        request: gives the messages of the n-th request.
        first: the number of the first request.
        seconds: how long new requests are sent.
        load: what another connection sends meanwhile, over and over.

    Raises: ServerError, BenchmarkError: no figure is better than one with errors in it.
    """
    lanes = {lane.fd: lane for lane in (connection.lane() for connection in connections)}
    latencies: list[int] = []
    with select.epoll() as poller:
        for fd in lanes:
            poller.register(fd, select.EPOLLIN)
        burden = None if load is None else Burden(*load, poller)
        cpu_before = time.thread_time_ns()
        started = time.perf_counter_ns()
        deadline = started + int(seconds * 1e9)
        answered = _drive(lanes, poller, request, first, deadline, latencies, burden)
        cpu_after = time.thread_time_ns()
    return Burst(answered, len(latencies), seconds, latencies, cpu_after - cpu_before)


def _drive(
    lanes: dict[int, Lane],
    poller: select.epoll,
    request: Request,
    first: int,
    deadline: int,
    latencies: list[int],
    burden: Burden | None,
) -> int:
    """Run the measured loop; return how many answers came before the deadline."""
    clock = time.perf_counter_ns
    wait = poller.poll
    note = latencies.append
    number = first
    answered = 0
    for lane in lanes.values():
        lane.sent_at = clock()
        lane.script = request(number)
        _send_whole(lane, lane.script[0])
        number += 1
    in_flight = len(lanes)
    while in_flight or (burden is not None and burden.busy):
        events = wait(_PATIENCE_S)
        if not events:
            raise BenchmarkError(f"the target said nothing for {_PATIENCE_S:.0f} s")
        for fd, event in events:
            if burden is not None and fd == burden.fd:
                burden.turn(event, again=clock() < deadline)
                continue
            lane = lanes[fd]
            data = lane.recv(_CHUNK_BYTES)
            if not data:
                if data is None:
                    continue
                raise BenchmarkError("the target closed the connection")
            if not lane.feed(data):
                continue
            lane.step += 1
            if lane.step < len(lane.script):
                _send_whole(lane, lane.script[lane.step])
                continue
            now = clock()
            note(now - lane.sent_at)
            if now >= deadline:
                in_flight -= 1
                continue
            answered += 1
            lane.sent_at = now
            lane.step = 0
            lane.script = request(number)
            _send_whole(lane, lane.script[0])
            number += 1
    return answered
