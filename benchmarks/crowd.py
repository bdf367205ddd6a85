"""What thousands of idle connections weigh, what a gigabyte leaves behind, and how a reload is noticed.

Enters: a server, how many connections. Leaves: readings. The targets are started anew, so that their memory
is their own; the thousands stand before hall.py. Each connection has asked one query, after which a session
pool has given it a server connection, as a gate has from the beginning. Deliberately absent: passwords.
"""

import os
import re
import resource
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks import machine, protocol
from benchmarks.client import Address, Connection, run_burst
from benchmarks.database import DATABASE, USER
from benchmarks.protocol import BenchmarkError
from benchmarks.results import Reading
from benchmarks.rules import text_of
from benchmarks.targets import STARTERS, Site, Target, Unavailable, program, scratch
from benchmarks.transfers import copied_in, poured, transferred, walked
from benchmarks.workloads import Setting
from proxy.backup.cluster import free_port

CROWD: Final = 5_000
GIGABYTE: Final = 1_000_000_000
_PARTS: Final = 5
"""So many times a fifth of the crowd comes in, each a reading."""
_WARM: Final = 20
_SPARE_FILES: Final = 500
_RULES: Final = 1_000
RELOADS: Final = 5
_WATCHED_S: Final = 1.0
_PATIENCE: Final = 20
_SETTLE_S: Final = 1.0
REST_S: Final = 3.0
"""Who has asked nothing for so long is idle."""
_RESTLESS_BYTES: Final = 200_000
_SETTLES: Final = 60
_ROW: Final = 1_000
_PIECE_ROWS: Final = 8_000
_RIVALS: Final = ("pgbouncer", "gate")
_QUERY: Final = protocol.query(b"SELECT 1")


def room_for(wanted: int) -> int:
    """Raise this process's limit of open files as far as it may go; return how many of so many fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, (hard - _SPARE_FILES) // 2)


@contextmanager
def hall(certificate: tuple[Path, Path] | None) -> Iterator[Address]:
    """Run hall.py until the block is left."""
    address = Address(free_port(), USER, DATABASE)
    command = [sys.executable, "-m", "benchmarks.hall", "--listen", f"{address.host}:{address.port}"]
    if certificate is not None:
        command += ["--certificate", str(certificate[0]), "--key", str(certificate[1])]
    with scratch(None) as directory, program(command, directory, address):
        yield address


@contextmanager
def _started(name: str, site: Site, setting: Setting, tell: Callable[[str], None]) -> Iterator[Target | None]:
    with ExitStack() as stack:
        target = None
        try:
            target = stack.enter_context(STARTERS[name](site, setting))
        except Unavailable as reason:
            tell(f"!!! {name} is NOT measured: {reason}")
        yield target


def settled(target: Target) -> None:
    """Wait until a target's processes have all begun: a gate's children that read texts do so aside.

    Raises: BenchmarkError: its memory does not come to rest.
    """
    before = -1
    for _ in range(_SETTLES):
        now = _memory_bytes(target)
        if abs(now - before) < _RESTLESS_BYTES:
            return
        before = now
        time.sleep(_SETTLE_S)
    raise BenchmarkError(f"{target.name} does not come to rest")


def _memory_bytes(target: Target) -> int:
    return sum(machine.memory_bytes(pid) for pid in target.pids)


def _come_in(target: Target, many: int, stack: ExitStack) -> list[Connection]:
    came = []
    for _ in range(many):
        connection = stack.enter_context(Connection(target.address))
        connection.exchange(_QUERY)
        came.append(connection)
    return came


def idle(
    row: str, setting: Setting, many: int, certificate: tuple[Path, Path], tell: Callable[[str], None]
) -> Iterator[Reading]:
    """Let a crowd into each rival: kilobytes a connection."""
    for name in _RIVALS:
        with hall(certificate if setting is Setting.TLS else None) as server:
            site = Site(server, certificate, connections=many + _WARM, judged=False)
            with _started(name, site, setting, tell) as target, ExitStack() as stack:
                if target is None:
                    continue
                _come_in(target, _WARM, stack)
                settled(target)
                before = _memory_bytes(target)
                for _ in range(_PARTS):
                    _come_in(target, many // _PARTS, stack)
                    time.sleep(REST_S)
                    after = _memory_bytes(target)
                    yield Reading(row, name, round((after - before) / (many // _PARTS) / 1000, 2))
                    before = after


def reload(row: str, quiet: str, many: int, tell: Callable[[str], None]) -> Iterator[Reading]:
    """Give a gate with a crowd other policies of many rules: the longest that a busy client waits, in ms.

    Raises: BenchmarkError: a policy was not taken.
    """
    with hall(None) as server, scratch(None) as directory:
        policy = directory / "policy.yaml"
        policy.write_text(text_of(_RULES))
        with (
            _started("gate", Site(server, policy=policy, judged=False), Setting.PLAIN, tell) as target,
            ExitStack() as stack,
        ):
            if target is None:
                return
            others = _come_in(target, many, stack)
            yield from _reloads(row, quiet, target, policy, others)


def _reloads(
    row: str, quiet: str, target: Target, policy: Path, others: list[Connection]
) -> Iterator[Reading]:
    busy, *idle_ones = others

    def longest_ms() -> float:
        burst = run_burst([busy], lambda _: (_QUERY,), 0, _WATCHED_S)
        return round(max(burst.latencies_ns) / 1e6, 2)

    longest_ms()
    for number in range(1, RELOADS + 1):
        yield Reading(quiet, "gate", longest_ms())
        replacement = policy.with_suffix(".new")
        replacement.write_text(text_of(_RULES + number))
        replacement.replace(policy)
        os.kill(target.pids[0], signal.SIGHUP)
        longest = longest_ms()
        for _ in range(_PATIENCE):
            if _reloads_of(target) == number:
                break
            longest = max(longest, longest_ms())
        else:
            raise BenchmarkError("gate, reload: the policy was not loaded in time")
        yield Reading(row, "gate", longest)
        for other in idle_ones:  # each is judged anew
            other.exchange(_QUERY)


def _reloads_of(target: Target) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{target.admin}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(r'^pgwarden_policy_reloads_total\{result="loaded"\} (\d+)', text, re.MULTILINE)
    return int(found[1]) if found else 0


def stream(out: str, into: str, site: Site, size: int, tell: Callable[[str], None]) -> Iterator[Reading]:
    """Send so many bytes through each rival, either way: the most memory above what it had, in MB."""
    rows = size // _ROW
    select = protocol.query(f"SELECT repeat('x', {_ROW}) FROM generate_series(1, {rows})".encode())
    few = protocol.query(f"SELECT repeat('x', {_ROW}) FROM generate_series(1, 10)".encode())
    copy = protocol.query(b"COPY shop_text FROM STDIN WHERE false")
    piece = copied_in(_PIECE_ROWS, b"x" * (_ROW - 1) + b"\n", done=False)
    for name in _RIVALS:
        with _started(name, site, Setting.PLAIN, tell) as target:
            if target is None:
                continue
            with Connection(target.address) as connection:
                ten = walked(connection, few, b"", 10)
                poured(connection, copy, piece, 1)
                settled(target)
                each = 5 + 2 + 4 + _ROW
                # The end says how many rows there were.
                length = ten + (rows - 10) * each + len(str(rows)) - 2
                with most_memory(target) as grown:
                    transferred(connection, select, b"", length)
                yield Reading(out, name, grown())
                with most_memory(target) as grown:
                    poured(connection, copy, piece, rows // _PIECE_ROWS)
                yield Reading(into, name, grown())


@contextmanager
def most_memory(target: Target) -> Iterator[Callable[[], float]]:
    """Give what tells, after the block, by how many megabytes the target's processes had grown at most."""
    before = _memory_bytes(target)
    for pid in target.pids:
        machine.forget_peak(pid)
    peak = before

    def grown() -> float:
        return round((peak - before) / 1e6, 2)

    yield grown
    peak = sum(machine.peak_bytes(pid) for pid in target.pids)
