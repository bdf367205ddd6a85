"""How long the gate's event loop is held while hostile and very long statements go through it.

Enters: `python -m benchmarks.stall [--rounds N] [--only NAMES]`. Leaves: a table on standard output:
for each kind of text the longest time that the loop did nothing else, the time to the client's answer, and
the answer. The parts of a gate run in this very process, with a heartbeat beside them on the same loop; the
client is a process of its own. Deliberately absent: a verdict; a busy machine holds every loop up.
"""

import argparse
import asyncio
import logging
import os
import resource
import secrets
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import psutil
import structlog
import uvloop

from benchmarks.client import Address, Connection
from benchmarks.database import DATABASE, USER, filled_server
from benchmarks.machine import Machine, describe
from benchmarks.protocol import ServerError, bind, execute, parse, query, sync
from benchmarks.targets import POLICY, checkout
from benchmarks.workloads import chosen
from proxy.app.reading.form import Bounds
from proxy.app.reading.readers import SHORT_BYTES, Readers
from proxy.app.sources import read_text
from proxy.app.turns import keep_turns_short
from proxy.policy.facts import Facts
from proxy.policy.loading.load import load_policy
from proxy.relay import Listener, RelaySettings, Upstream, parse_upstream
from proxy.session import Event, Gate, Limits, Peer, Session

_MIB: Final = 1024 * 1024
_TABLE: Final = "CREATE TABLE stall_history (tid int, filler text, mtime timestamptz)"
_PARAMETERS: Final = "32,765 parameters, inserted"
_SLOW: Final = "80,000 CTEs, 1.7 MB"


def _each(form: str, count: int) -> str:
    """A piece for each number, by names that no text before had: none of it is known."""
    mark = secrets.token_hex(4)
    return "".join(form.format(f"{mark}_{number}") for number in range(count))


def _any() -> int:
    """A number that makes a text one that nobody knows."""
    return secrets.randbelow(10**9)


TEXTS: Final[Mapping[str, Callable[[], str]]] = {
    "nothing sent": lambda: "",
    "SELECT 1": lambda: "SELECT 1",
    "rows compared on the loop": lambda: f"DELETE FROM t WHERE (a,b) IN (({_any()},2){',(1,2)' * 7})",
    "comparisons on the loop": lambda: f"DELETE FROM t WHERE a={_any()}" + " OR a%2=1" * 4,
    "parameters on the loop": lambda: f"DELETE FROM t WHERE a={_any()} OR a IN ($1{',$1' * 54})",
    "a DO block on the loop": lambda: (
        f"DO $$DECLARE r record;BEGIN a:={_any()};" + "FOR r IN SELECT 1 LOOP END LOOP;" * 3 + " END$$"
    ),
    "384 bytes of comparisons": lambda: f"DELETE FROM t WHERE a={_any()}" + " OR a=1" * 50,
    "1+1+..., 10 MB": lambda: "SELECT " + "1+" * 5_000_000 + "1",
    "100,000 parentheses": lambda: "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
    "20,000 UNION ALL": lambda: " UNION ALL ".join(["SELECT 1"] * 20_000),
    "/**/, 2 MB": lambda: "SELECT 1 " + "/**/" * 500_000,
    "nested comments, 80 KB": lambda: "SELECT 1 " + "/*" * 20_000 + "*/" * 20_000,
    "IN of 8,000,000, 16 MB": lambda: "SELECT 1 WHERE 1 IN (" + "1," * 8_000_000 + "1)",
    _SLOW: lambda: "WITH " + ", ".join(f"c{i} AS (SELECT 1)" for i in range(80_000)) + " SELECT 1",
    "9,000 DROP TABLE": lambda: _each("DROP TABLE t{};", 4_500) * 2,
    "12,000 DROP TABLE": lambda: _each("DROP TABLE t{};", 12_000),
    "2,900 calls": lambda: _each("SELECT f{}();", 2_900),
    "2,900 deleting CTEs": lambda: (
        "WITH " + _each("c{0} AS (DELETE FROM t{0}), ", 2_900) + "last AS (SELECT 1) SELECT 1"
    ),
    "2,000 CREATE TABLE": lambda: _each("CREATE TABLE t{} (id int PRIMARY KEY, d date DEFAULT now());", 2000),
    "1,000 statements of 63 bytes": lambda: _each("UPDATE t SET a = 1 WHERE id = 1 AND b = 'n{}';", 1_000),
    "3,000 tables dropped by one": lambda: "DROP TABLE t" + _each(",t{}", 3_000),
    "200 KB of a name, unknown": lambda: f'DROP TABLE "{"x" * 200_000}{_any()}"',
    "a COMMENT of 100 KB, read": lambda: f"COMMENT ON TABLE t IS '{_any()}{'x' * 100_000}'",
    "short statements, 16 MiB": lambda: "SELECT 1;" * (16 * _MIB // 9 - 1),
    _PARAMETERS: lambda: (
        "INSERT INTO stall_history (tid) VALUES (" + "), (".join(f"${i}" for i in range(1, 32_766)) + ")"
    ),
    "a 5 MB literal, inserted": lambda: (
        "INSERT INTO stall_history (filler) VALUES (left('" + "x" * 5_000_000 + "', 9))"
    ),
    "50,000 rows, inserted": lambda: (
        "INSERT INTO stall_history (tid, mtime) VALUES " + ", ".join(["(1, '2026-11-25 10:00:00')"] * 50_000)
    ),
    "5,500 CTEs, 121 KiB": lambda: (
        "WITH " + ", ".join(f"c{i} AS (SELECT 1)" for i in range(5_500)) + " SELECT 1"
    ),
    "a 5 MB literal": lambda: "SELECT length('" + "x" * 5_000_000 + "')",
    "a 16 MB literal": lambda: "SELECT length('" + "x" * 16_000_000 + "')",
    "a 16 MB literal, not ASCII": lambda: "SELECT length('" + "xxxxxé" * 2_300_000 + "')",
}


class Turns:
    """Keeps the longest turn of the loop: all that is run before every other session is looked at again.

    It asks for a turn in each turn, so the loop never sleeps and each of its turns is measured by itself.
    own_s is the longest but for what the system took: of a turn in which the thread never gave its CPU up,
    its CPU time is left; of any other, all but the time in which it could have run and the system ran others,
    so its own work and its waiting for another thread of the gate.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin."""
        self._loop = loop
        self._schedule = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        self.reset()
        loop.call_soon(self._turn)

    def reset(self) -> None:
        """Begin a new measurement."""
        self.longest_s = self.longest_cpu_s = self.own_s = 0.0
        self._last, self._last_cpu, self._last_delay, self._last_given_up = self._now()

    def _now(self) -> tuple[float, float, float, int]:
        """The time, the thread's CPU time, the time it has waited for a CPU, and how often it gave one up."""
        delay = int(os.pread(self._schedule, 100, 0).split()[1]) / 1e9
        given_up = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        return time.perf_counter(), time.thread_time(), delay, given_up

    def _turn(self) -> None:
        now, cpu, delay, given_up = self._now()
        took, worked = now - self._last, cpu - self._last_cpu
        self.longest_s = max(self.longest_s, took)
        self.longest_cpu_s = max(self.longest_cpu_s, worked)
        waited = given_up > self._last_given_up
        self.own_s = max(self.own_s, took - (delay - self._last_delay) if waited else worked)
        self._last, self._last_cpu, self._last_delay, self._last_given_up = now, cpu, delay, given_up
        self._loop.call_soon(self._turn)


@dataclass(frozen=True, slots=True)
class Stall:
    """What one kind of text did: the worst of all rounds, of answer_ms the median.

    Attributes:
        held_ms: the longest turn of the loop.
        own_ms: the longest but for the time that the system gave to others (Turns).
        cpu_ms: the most CPU time of the loop's thread in a turn.
        answer_ms: until the client had its answer.
        said: that answer.
    """

    name: str
    held_ms: float
    own_ms: float
    cpu_ms: float
    answer_ms: float
    said: str


@dataclass(frozen=True, slots=True)
class Stalls:
    """One run."""

    date: str
    machine: Machine
    checkout: str
    rounds: int
    texts: tuple[Stall, ...]
    replaced_ms: float


@asynccontextmanager
async def _gate(upstream: Upstream) -> AsyncIterator[tuple[int, Readers]]:
    """The parts of a gate on this loop; gives its port."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    log: structlog.stdlib.BoundLogger = structlog.wrap_logger(structlog.PrintLogger(), wrapper_class=quiet)
    readers = Readers(Bounds(5.0, 512 * _MIB), 2, log)
    gate = Gate(
        load_policy(str(POLICY), read_text),
        Facts((), as_of=datetime.now(UTC)),
        clock=time.time,
        timer=time.perf_counter,
        token=lambda: secrets.token_hex(16),
        limits=Limits(),
    )

    def open_session(peer: Peer) -> Session:
        return Session(gate, peer)

    def ignore(_event: Event) -> None:
        return

    def crashed(error: Exception) -> None:
        print(f"!!! a session failed: {error!r}", file=sys.stderr)

    listener = Listener(
        [("127.0.0.1", 0)],
        open_session,
        upstream,
        ignore,
        RelaySettings(),
        reader=readers.understand,
        on_crash=crashed,
    )
    running = asyncio.get_running_loop().create_task(readers.run())
    await listener.start()
    try:
        yield listener.addresses[0][1], readers
    finally:
        await listener.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _measure(server: Address, names: Sequence[str], rounds: int) -> Stalls:
    here = describe()
    upstream = parse_upstream(f"postgresql://{server.host}:{server.port}?sslmode=disable")
    async with _gate(upstream) as (port, readers):
        client = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.stall", "--client", str(port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if client.stdin is None or client.stdout is None:
            raise RuntimeError("a process without pipes")
        keep_turns_short()
        turns = Turns(asyncio.get_running_loop())
        stalls = []
        for name in names:
            held, own, cpu, took, said = [], [], [], [], ""
            for _ in range(rounds):
                client.stdin.write(f"{name}\n".encode())
                await client.stdout.readline()  # the text is made, and nothing else goes on
                turns.reset()
                client.stdin.write(b"go\n")
                line = (await client.stdout.readline()).decode().rstrip("\n")
                seconds, _, said = line.partition(" ")
                held.append(turns.longest_s)
                own.append(turns.own_s)
                cpu.append(turns.longest_cpu_s)
                took.append(float(seconds))
            worst = (max(held), max(own), max(cpu), median(took))
            held_ms, own_ms, cpu_ms, answer_ms = (round(s * 1e3, 2) for s in worst)
            found = Stall(name, held_ms, own_ms, cpu_ms, answer_ms, said)
            print(row(found), flush=True)
            stalls.append(found)
        client.stdin.close()
        await client.wait()
        replaced_ms = round(await _replacement_s(readers) * 1e3, 1)
        print(f"two killed readers are replaced in {replaced_ms:.0f} ms")
        date = datetime.now(UTC).isoformat(timespec="seconds")
        return Stalls(date, here, checkout(), rounds, tuple(stalls), replaced_ms)


def row(stall: Stall) -> str:
    """A line for people."""
    figures = f"{stall.held_ms:8.2f} {stall.own_ms:8.2f} {stall.cpu_ms:8.2f} {stall.answer_ms:8.1f}"
    return f"{stall.name:32} {figures}  {stall.said[:80]}"


async def _replacement_s(readers: Readers) -> float:
    """From the death of both children in the middle of texts until two others have read a text each."""
    text = TEXTS[_SLOW]().encode()
    slow = [asyncio.ensure_future(readers.read(raw, 0)) for raw in (text, text[: len(text) // 8])]
    await asyncio.sleep(0.3)
    for process in psutil.Process().children():
        if "proxy.app.reading.nursery" in " ".join(process.cmdline()):
            for child in process.children():
                child.kill()
    started = time.perf_counter()
    await asyncio.gather(*slow)
    await asyncio.gather(*(readers.read(raw, 0) for raw in (b"SELECT 1", b"SELECT 1" + b" " * SHORT_BYTES)))
    return time.perf_counter() - started


def _client(port: int) -> None:
    """Send what standard input names, one at a time; answer with the time it took and what came back."""
    for line in sys.stdin:
        name = line.rstrip("\n")
        text = TEXTS[name]().encode()
        request = _with_parameters(text) if name == _PARAMETERS else query(text)
        with Connection(Address(port, USER, DATABASE)) as connection:
            print("made", flush=True)
            sys.stdin.readline()
            started = time.perf_counter()
            said = _said(connection, request if text else b"")
            print(f"{time.perf_counter() - started:.6f} {said}", flush=True)


def _with_parameters(text: bytes) -> bytes:
    """The extended protocol, as a driver sends it: the text, and a value for each of its parameters."""
    return parse(b"", text) + bind(b"", (b"7",) * text.count(b"$")) + execute() + sync()


def _said(connection: Connection, request: bytes) -> str:
    if not request:
        time.sleep(1.0)
        return ""
    try:
        connection.exchange(request)
    except ServerError as error:
        return str(error)
    return "done"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments; measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stall", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each text is sent (3)")
    parser.add_argument("--only", default="", help="texts: parts of names or globs, with |")
    parser.add_argument("--postgres", type=Path, help="directory of PostgreSQL's programs")
    parser.add_argument("--out", type=Path, help="write the figures to this file, too")
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.client is not None:
        _client(options.client)
        return
    names = chosen(TEXTS, [word for word in options.only.split("|") if word])
    with filled_server(1, options.postgres) as server:
        with Connection(server) as connection:
            connection.exchange(query(_TABLE.encode()))
        stalls = uvloop.run(_measure(server, names, options.rounds))
    if options.out is not None:
        options.out.write_bytes(msgspec.json.format(msgspec.json.encode(stalls), indent=1) + b"\n")


if __name__ == "__main__":
    main()
