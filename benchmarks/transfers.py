"""Bulk: a million rows by SELECT, and by COPY in either direction.

Enters: an open connection. Leaves: workloads of which each slice is one whole transfer, in megabytes. An
answer is walked once, before anything is measured: afterwards its length and its end are looked at, for
walking a million messages in Python would take longer than a proxy does. Deliberately absent: keeping
anything.
"""

import socket
import time
from dataclasses import dataclass, field
from typing import Final

from benchmarks import protocol
from benchmarks.client import Burst, Connection, Seat
from benchmarks.protocol import BenchmarkError, ReplyWalk
from benchmarks.workloads import KEY_COUNT, KEY_FIRST, Workload

_BUFFER_BYTES: Final = 1024 * 1024
_READY: Final = b"Z\0\0\0\5I"
_MEGABYTE: Final = 1_000_000
_PIECE_BYTES: Final = 8192
_ROUNDS: Final = 10
BULK: Final = "bulk"
"""A table of KEY_COUNT rows that nothing changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Workload):
    """One transfer a slice, however long it takes.

    Attributes:
        request: what begins it.
        payload: what is sent then, CopyDone included, once the server is ready for it.
        rows: how many DataRow or CopyData come.
    """

    request: bytes
    payload: bytes = b""
    rows: int = 0
    _length: list[int] = field(default_factory=list)

    def run(self, seat: Seat, seconds: float) -> Burst:
        """Transfer all of it once; the first time each answer's length is learnt."""
        connection = seat.connections[0]
        if not self._length:
            self._length.append(walked(connection, self.request, self.payload, self.rows))
        cpu_before = time.thread_time_ns()
        started = time.perf_counter_ns()
        received = transferred(connection, self.request, self.payload, self._length[0])
        took_ns = time.perf_counter_ns() - started
        cpu_ns = time.thread_time_ns() - cpu_before
        megabytes = (received + len(self.payload)) / _MEGABYTE
        return Burst(megabytes, megabytes, took_ns / 1e9, [took_ns], cpu_ns)


def walked(connection: Connection, request: bytes, payload: bytes, rows: int) -> int:
    """Transfer, walk the answer, and return its length. Raises BenchmarkError for other than so many rows."""
    sock, walk = connection.stream(), ReplyWalk()
    sock.sendall(request)
    length = 0
    if payload:
        length = len(_welcome(sock))
        sock.sendall(payload)
    while True:
        data = sock.recv(_BUFFER_BYTES)
        if not data:
            raise BenchmarkError("the target closed the connection")
        length += len(data)
        if walk.feed(data):
            break
    if walk.rows + walk.copied != rows:
        raise BenchmarkError(f"{walk.rows + walk.copied} rows instead of {rows}")
    return length


def _welcome(sock: socket.socket) -> bytes:
    """Return the server's leave to send rows; it is alone, for the server waits now."""
    data = sock.recv(_BUFFER_BYTES)
    if data[:1] != b"G":
        raise BenchmarkError(f"no leave to send rows: {data[:200]!r}")
    return data


def transferred(connection: Connection, request: bytes, payload: bytes, length: int) -> int:
    """Transfer, and return the answer's length, which has to be that."""
    sock = connection.stream()
    sock.sendall(request)
    buffer = bytearray(_BUFFER_BYTES)
    received = 0
    if payload:
        received = len(_welcome(sock))
        sock.sendall(payload)
    end = b""
    while received < length:
        got = sock.recv_into(buffer)
        if not got:
            raise BenchmarkError("the target closed the connection")
        received += got
        end = (end + buffer[max(got - len(_READY), 0) : got])[-len(_READY) :]
    if received != length or end != _READY:
        raise BenchmarkError(f"an answer of {received} bytes instead of {length}, or with another end")
    return received


def poured(connection: Connection, request: bytes, piece: bytes, times: int) -> None:
    """Send a piece of CopyData again and again. Raises BenchmarkError if the target does not take it."""
    sock, walk = connection.stream(), ReplyWalk()
    sock.sendall(request)
    _welcome(sock)
    for _ in range(times):
        sock.sendall(piece)
    sock.sendall(protocol.copy_done())
    while True:
        data = sock.recv(_BUFFER_BYTES)
        if not data:
            raise BenchmarkError("the target closed the connection")
        if walk.feed(data):
            return


def copied_in(rows: int, row: bytes, *, done: bool = True) -> bytes:
    """Pack rows as a client sends them: in pieces of 8 KiB, and CopyDone."""
    per_piece = max(_PIECE_BYTES // len(row), 1)
    piece = protocol.copy_data(row * per_piece)
    whole, left = divmod(rows, per_piece)
    rest = protocol.copy_data(row * left) if left else b""
    return piece * whole + rest + (protocol.copy_done() if done else b"")


def _transfer(name: str, request: bytes, *, payload: bytes = b"", rows: int = 0) -> Transfer:
    return Transfer(
        name=name,
        concurrency=1,
        unit="MB",
        most_rounds=_ROUNDS,
        request=protocol.query(request),
        payload=payload,
        rows=rows,
    )


TRANSFER_ROWS: Final = (
    _transfer("bulk-select", f"SELECT aid, bid, abalance FROM {BULK}".encode(), rows=KEY_COUNT),
    _transfer("bulk-copy-out", f"COPY {BULK} TO STDOUT".encode(), rows=KEY_COUNT),
    _transfer(
        "bulk-copy-in",
        b"COPY shop_sink (aid, bid, delta) FROM STDIN WHERE false",
        payload=copied_in(KEY_COUNT, b"%d\t1\t500\n" % KEY_FIRST),
    ),
)
"""A million rows each; those that come in are dropped by the server."""
