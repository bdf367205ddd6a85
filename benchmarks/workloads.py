"""What is asked of every target: the requests, how they are packed, and how many are in flight.

Enters: nothing but a running number. Leaves: workloads, each of which turns that number into the bytes of one
request; all targets get the same bytes. The table of all of them is rows.py. Deliberately absent: randomness
(each target walks the same keys in the same order) and anything about how a target is reached.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from benchmarks import protocol
from benchmarks.client import Burst, Request, Seat, run_burst
from benchmarks.protocol import BenchmarkError

TABLE: Final = "pgbench_accounts"
KEY_FIRST: Final = 1_000_000
"""Keys have seven digits from the first to the last: every request of a workload is equally long."""
KEY_COUNT: Final = 1_000_000
_KEY_STRIDE: Final = 611_953
"""A prime far from any divisor of KEY_COUNT: the walk scatters over the table and meets every key before
the first returns."""

_STATEMENT: Final = b"key_select"
_BY_LITERAL: Final = f"SELECT abalance FROM {TABLE} WHERE aid = ".encode()
_BY_PARAMETER: Final = _BY_LITERAL + b"$1"
PROXIES: Final = ("direct", "pgbouncer", "relay", "gate")
RIVALS: Final = ("direct", "pgbouncer", "gate")
BY_SOCKET: Final = ("pgbouncer", "pgbouncer-unix", "relay", "gate")


class Setting(enum.Enum):
    """How the targets of a row are run."""

    PLAIN = "plain"
    TLS = "tls"
    """Both legs are encrypted; direct, its one."""
    TWO = "two"
    """The gate has two workers, and there are two PgBouncers on one address."""
    KEEPING = "keeping"
    """The gate has the server keep statements."""
    UNIX = "unix"
    """The server is reached by its Unix socket, but by the target that is called pgbouncer."""


class Mode(enum.Enum):
    """pgbench's three -M modes."""

    SIMPLE = "simple"
    EXTENDED = "extended"
    PREPARED = "prepared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(ABC):
    """One row of the table.

    Attributes:
        name: as `--only` has it.
        concurrency: how many connections work at a time.
        setup: goes over each connection once, before anything is measured, and ends in one ReadyForQuery (or
            is empty).
        setting: how the targets are run.
        targets: which there are.
        unit: what is counted.
        most_rounds: more are not measured, however many are asked for.
    """

    name: str
    concurrency: int
    setup: bytes = b""
    setting: Setting = Setting.PLAIN
    targets: tuple[str, ...] = PROXIES
    unit: str = ""
    most_rounds: int = 1_000_000

    @property
    def connections(self) -> int:
        """How many are open beforehand."""
        return self.concurrency

    @abstractmethod
    def run(self, seat: Seat, seconds: float) -> Burst:
        """Measure one slice of about so many seconds.

        Raises: ServerError, BenchmarkError for anything but the right answers; OSError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries(Workload):
    """Requests on open connections.

    Attributes:
        request: gives the n-th request.
        rows: how many DataRow answer it.
        load: what one more connection sends over and over, so that what is measured is what others notice.
    """

    request: Request
    rows: int = 1
    load: bytes = b""

    @property
    def connections(self) -> int:
        """One more for the load."""
        return self.concurrency + bool(self.load)

    def run(self, seat: Seat, seconds: float) -> Burst:
        """Keep all connections busy."""
        connections = seat.connections[: self.concurrency]
        load = (seat.connections[self.concurrency], self.load) if self.load else None
        before = sum(connection.rows for connection in connections)
        burst = run_burst(connections, self.request, seat.next_number, seconds, load)
        seat.next_number += int(burst.total)
        if sum(connection.rows for connection in connections) - before != burst.total * self.rows:
            raise BenchmarkError(f"{burst.total} answers with the wrong number of rows")
        return burst


def key(number: int) -> int:
    """Return the key that the n-th request asks for."""
    return KEY_FIRST + number * _KEY_STRIDE % KEY_COUNT


def around_key(sample: Callable[[bytes], bytes]) -> Request:
    """Pack a message once and return a function that only puts the key in its place."""
    mark = b"\x01KEY\x02!!"  # seven bytes, as long as a key
    before, after = sample(mark).split(mark)

    def request(number: int) -> tuple[bytes]:
        return (before + b"%d" % (KEY_FIRST + number * _KEY_STRIDE % KEY_COUNT) + after,)

    return request


def bound(statement: bytes, *values: bytes) -> bytes:
    """Bind, describe, execute and sync, in one packet."""
    return (
        protocol.bind(statement, values) + protocol.describe_portal() + protocol.execute() + protocol.sync()
    )


def select(
    mode: Mode,
    concurrency: int,
    setting: Setting = Setting.PLAIN,
    targets: tuple[str, ...] = PROXIES,
    *,
    name: str = "select",
    load: bytes = b"",
) -> Queries:
    """Make the workload of pgbench's select by key."""
    setup = b""
    match mode:
        case Mode.SIMPLE:
            request = around_key(lambda value: protocol.query(_BY_LITERAL + value))
        case Mode.EXTENDED:
            unnamed = protocol.parse(b"", _BY_PARAMETER)
            request = around_key(lambda value: unnamed + bound(b"", value))
        case Mode.PREPARED:
            setup = protocol.parse(_STATEMENT, _BY_PARAMETER) + protocol.sync()
            request = around_key(lambda value: bound(_STATEMENT, value))
    return Queries(
        name=f"{name}-{mode.value}-c{concurrency}",
        concurrency=concurrency,
        setup=setup,
        setting=setting,
        targets=targets,
        request=request,
        load=load,
    )


def chosen(names: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the names that contain or match one of the patterns; all of them without a pattern."""
    if not patterns:
        return tuple(names)
    return tuple(name for name in names if any(part in name or fnmatchcase(name, part) for part in patterns))
