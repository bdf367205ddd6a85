"""What is asked of every target: the requests, how they are packed, and how many are in flight.

Enters: nothing but a running number. Leaves: workloads, each of which turns that number into the bytes of one
request. A new row of the table is a new entry of `WORKLOADS`; all targets get the same bytes. Deliberately
absent: randomness (each target walks the same keys in the same order) and anything about how a target is
reached.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from benchmarks import protocol

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


class Mode(enum.Enum):
    """pgbench's three -M modes."""

    SIMPLE = "simple"
    EXTENDED = "extended"
    PREPARED = "prepared"


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the table.

    `request(n)` is the n-th request, answered by `rows` DataRow and one ReadyForQuery. `setup` goes over each
    connection once, before anything is measured, and ends in one ReadyForQuery (or is empty).
    """

    name: str
    concurrency: int
    request: Callable[[int], bytes]
    rows: int = 1
    setup: bytes = b""


def _around_key(sample: Callable[[bytes], bytes]) -> Callable[[int], bytes]:
    """Pack a message once and return a function that only puts the key in its place."""
    mark = b"\x01KEY\x02!!"  # seven bytes, as long as a key
    before, after = sample(mark).split(mark)

    def request(number: int) -> bytes:
        return before + b"%d" % (KEY_FIRST + number * _KEY_STRIDE % KEY_COUNT) + after

    return request


def _bound(statement: bytes, value: bytes) -> bytes:
    return (
        protocol.bind(statement, (value,)) + protocol.describe_portal() + protocol.execute() + protocol.sync()
    )


def _select(mode: Mode, concurrency: int) -> Workload:
    name = f"select-{mode.value}-c{concurrency}"
    match mode:
        case Mode.SIMPLE:
            return Workload(name, concurrency, _around_key(lambda value: protocol.query(_BY_LITERAL + value)))
        case Mode.EXTENDED:
            unnamed = protocol.parse(b"", _BY_PARAMETER)
            return Workload(name, concurrency, _around_key(lambda value: unnamed + _bound(b"", value)))
        case Mode.PREPARED:
            setup = protocol.parse(_STATEMENT, _BY_PARAMETER) + protocol.sync()
            return Workload(
                name, concurrency, _around_key(lambda value: _bound(_STATEMENT, value)), setup=setup
            )


WORKLOADS: Final[tuple[Workload, ...]] = tuple(
    _select(mode, concurrency) for mode in Mode for concurrency in (1, 8, 32)
)


def chosen(names: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the names that contain or match one of the patterns; all of them without a pattern."""
    if not patterns:
        return tuple(names)
    return tuple(name for name in names if any(part in name or fnmatchcase(name, part) for part in patterns))
