"""What the gate itself burns for one request: a link and its session, without sockets.

Enters: `python -m benchmarks.hotpath [--rounds N] [--only WORDS]`. Leaves: a table on standard output:
microseconds a request, its answer included; both come in one read each, as with pgbench. *warm*: CPU time,
one request after the other, the least of the rounds. *cold*: the median time where more memory than the
processor's nearest caches hold was written before each read: between two reads the kernel, clients and
servers use a gate's cores. The policy is policies/production.yaml. Deliberately absent: the kernel and the
event loop, which `python -m benchmarks` measures with all the rest, and a verdict.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias, cast

from benchmarks import protocol
from benchmarks.micro import gate_of
from benchmarks.relay import Leg
from benchmarks.statements import update
from benchmarks.targets import POLICY
from benchmarks.workloads import Mode, Queries, select
from proxy.app.compiled import built
from proxy.app.sources import read_text
from proxy.app.turns import keep_turns_short
from proxy.policy.loading.load import load_policy
from proxy.relay.cancel import Canceller
from proxy.relay.errands import Helpers
from proxy.relay.limits import Capacity, Occupancy
from proxy.relay.link import Link, Service
from proxy.relay.ports import RelaySettings
from proxy.relay.tls import SslMode
from proxy.relay.upstream import Arrival, Upstream
from proxy.session import Event, Gate, Peer, Session
from proxy.wire.backend import (
    Column,
    encode_command_complete,
    encode_data_row,
    encode_parameter_status,
    encode_ready,
    encode_row_description,
)
from proxy.wire.octets import int32, message

_REQUESTS: Final = 500
"""In a round; their bytes are packed before it."""
_COLD_REQUESTS: Final = 50
_CACHES: Final = 4 * 1024 * 1024
_PARSED: Final = message(b"1")
_BOUND: Final = message(b"2")
_LET_IN: Final = (
    message(b"R", int32(0))
    + b"".join(
        encode_parameter_status(name, value)
        for name, value in (
            ("client_encoding", "UTF8"),
            ("server_version", "17.5"),
            ("standard_conforming_strings", "on"),
        )
    )
    + message(b"K", int32(1) + int32(2))
    + encode_ready("I")
)
_ROW: Final = (
    encode_row_description([Column(b"abalance", 16384, 3, 23, 4)])
    + encode_data_row([b"0"])
    + encode_command_complete("SELECT 1")
    + encode_ready("I")
)
_CHANGED: Final = encode_command_complete("UPDATE 1") + encode_ready("I")
_NO_DATA: Final = message(b"n")
_ANSWERS: Final = {
    "select-simple": _ROW,
    "select-extended": _PARSED + _BOUND + _ROW,
    "select-prepared": _BOUND + _ROW,
    "update-simple": _CHANGED,
    "update-extended": _PARSED + _BOUND + _NO_DATA + _CHANGED,
    "unlike-simple": _CHANGED,
}
REQUESTS: Final = {
    load.name.removesuffix("-c1"): load
    for load in (
        *(select(mode, 1) for mode in Mode),
        *map(update, (Mode.SIMPLE, Mode.EXTENDED)),
        update(Mode.SIMPLE, alike=False),
    )
}
"""What is asked; updates by Query are like others before, or (unlike) have to be read."""


Receive: TypeAlias = Callable[[bytes], None]


class _Wire(asyncio.Transport):
    """One leg's socket, which takes all that is written to it.

    Attributes:
        written: how many bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.taken = asyncio.Event()
        self.receive: Receive = lambda data: None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Whoever reads it from now on."""
        self.taken.set()
        self.receive = cast(asyncio.Protocol, protocol).data_received

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Count, and forget."""
        self.written += len(data)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """There is no TLS, and no socket."""
        return default

    def is_closing(self) -> bool:
        """It stays open."""
        return False

    def pause_reading(self) -> None:
        """Nothing comes of itself."""

    def resume_reading(self) -> None:
        """Nothing comes of itself."""

    def abort(self) -> None:
        """There is nothing to cut."""


class _Sink(set[bytes]):
    """The same, written to by a method of C that keeps nothing, as an event loop's is."""

    write = set.discard
    set_protocol = _Wire.set_protocol
    get_extra_info = _Wire.get_extra_info
    is_closing = _Wire.is_closing
    abort = _Wire.abort

    def __init__(self) -> None:
        super().__init__()
        self.taken = asyncio.Event()


class _Nearby(Upstream):
    """A server that is there at once."""

    def __init__(self, wire: _Wire) -> None:
        super().__init__("127.0.0.1", sslmode=SslMode.DISABLE)
        object.__setattr__(self, "wire", wire)

    async def connect(self) -> tuple[asyncio.Transport, Arrival]:
        """The socket, on which nothing has been said."""
        return cast(_Wire, self.wire), Arrival()  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds a request."""

    workload: str
    warm: float
    cold: float


async def _logged_in(gate: Gate, events: list[Event], client: _Wire, server: _Wire) -> None:
    """Log a client in over its socket and its server's."""
    loop = asyncio.get_running_loop()
    upstream = _Nearby(server)
    seat = Occupancy(Capacity(), loop.time).enter(client.abort)
    if seat is None:
        raise RuntimeError("no seat where nothing is limited")
    service = Service(
        upstream,
        Canceller(upstream, at_once=1, timeout_s=1.0),
        RelaySettings(),
        console=None,
        router=None,
        helpers=Helpers(),
        certificate=lambda: None,
        observer=events.append,
        on_crash=_crash,
        on_finished=lambda link: None,
        loop=loop,
    )
    link = Link(Session(gate, Peer("127.0.0.1", 1)), seat, service)
    link.client_made(client)
    client.receive(protocol.startup({"user": "app", "database": "shop"}))
    await server.taken.wait()
    server.receive(_LET_IN)


def _crash(error: Exception) -> None:
    raise error


async def hot_callbacks(target: str, name: str, count: int) -> tuple[Receive, list[bytes], Receive, bytes]:
    """What takes the reads of a target's client, so many REQUESTS; what takes its server's, and an answer."""
    workload, answer = REQUESTS[name], _ANSWERS[name]
    client, server = cast(tuple[_Wire, _Wire], (_Sink(), _Sink()))
    if target == "relay":
        legs = Leg(), Leg()
        for leg, wire in zip(legs, (client, server), strict=True):
            wire.set_protocol(leg)
        legs[0].join(server)
        legs[1].join(client)
    else:
        keep_turns_short()
        await _logged_in(gate_of(load_policy(str(POLICY), read_text)), [], client, server)
        if workload.setup:
            client.receive(workload.setup)
            server.receive(_PARSED + encode_ready("I"))
    requests = [b"".join(workload.request(number)) for number in range(count)]
    return client.receive, requests, server.receive, answer


async def cost_of(workload: Queries, gate: Gate, rounds: int) -> Cost:
    """What a request of one workload costs."""
    events: list[Event] = []
    client, server = _Wire(), _Wire()
    await _logged_in(gate, events, client, server)
    if workload.setup:
        client.receive(workload.setup)
        server.receive(_PARSED + encode_ready("I"))
    answer = _ANSWERS[workload.name.removesuffix("-c1")]
    least, cold = float("inf"), list[float]()
    for number in range(rounds):
        await asyncio.sleep(0)  # a link that has read much lets others have their turn
        requests = [b"".join(workload.request(number * _REQUESTS + n)) for n in range(_REQUESTS)]
        some = requests[:_COLD_REQUESTS]
        asked, answered = server.written, client.written
        least = min(least, _warm(client.receive, server.receive, requests, answer))
        cold += _cold(client.receive, server.receive, some, answer)
        if server.written - asked != sum(map(len, requests + some)):
            raise RuntimeError(f"{workload.name}: not every request went on: {events}")
        if client.written - answered != len(requests + some) * len(answer):
            raise RuntimeError(f"{workload.name}: not every answer went on: {events}")
    return Cost(workload.name, least / _REQUESTS * 1e6, median(cold) * 1e6)


def _warm(read: Receive, read_answer: Receive, requests: Sequence[bytes], answer: bytes) -> float:
    began = time.thread_time()
    for request in requests:
        read(request)
        read_answer(answer)
    return time.thread_time() - began


def _cold(read: Receive, read_answer: Receive, requests: Sequence[bytes], answer: bytes) -> Iterator[float]:
    clock, ground, other = time.perf_counter, bytearray(_CACHES), bytes(_CACHES)
    for request in requests:
        ground[:] = other
        began = clock()
        read(request)
        spent = clock() - began
        ground[:] = other
        began = clock()
        read_answer(answer)
        yield spent + clock() - began


async def measure(rounds: int, only: Sequence[str]) -> list[Cost]:
    """Every workload with one request in flight."""
    keep_turns_short()
    gate = gate_of(load_policy(str(POLICY), read_text))
    return [
        await cost_of(load, gate, rounds)
        for load in REQUESTS.values()
        if not only or any(word in load.name for word in only)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments; measure; print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hotpath", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--rounds", type=int, default=50, help="of which the least counts (50)")
    parser.add_argument("--only", type=str.split, default=[], help="parts of workloads' names")
    options = parser.parse_args(arguments)
    costs = asyncio.run(measure(options.rounds, options.only))
    print(built())
    print("workload             warm    cold  (µs)")
    for cost in costs:
        print(f"{cost.workload:18} {cost.warm:6.2f}  {cost.cold:6.2f}")


if __name__ == "__main__":
    main()
