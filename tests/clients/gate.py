"""A gate as people run it: a process of its own on free ports, and all that it says.

Enters: a policy, where the server is, settings. Leaves: a running gate once it has said that it serves; its
log, its refusal log and its metrics; its end. Nothing here looks into the gate.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar
from urllib.parse import quote, urlencode

from proxy.backup.cluster import Cluster
from tests.servers.forking import Forked, fork

WAIT_S = 60.0
_POLL_S = 0.01

_PACKS = Path(__file__).resolve().parents[2] / "policies" / "rules"
POLICY = f"""\
version: 1
name: test
environment: test
include:
  - {_PACKS}/no-data-loss.yaml
  - {_PACKS}/unscoped-writes.yaml
  - {_PACKS}/guard-the-guards.yaml
"""

Line = Mapping[str, object]
T = TypeVar("T")

latest: Final[deque[Gate]] = deque(maxlen=4)
"""The gates that were started last; what they said comes with the report of a test that fails."""

_TOLD_CHARACTERS: Final = 20_000


def upstream_of(cluster: Cluster) -> str:
    """The URL of a server, for a gate."""
    return f"postgresql://127.0.0.1:{cluster.port}"


def until(look: Callable[[], T], what: str, wait_s: float = WAIT_S) -> T:
    """Look again and again until there is something to see.

    Raises:
        AssertionError: it did not come in time.
    """
    deadline = time.monotonic() + wait_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {wait_s:g} s: {what}"
        time.sleep(_POLL_S)
    return seen


class Lines:
    """What one stream of a process has said so far, kept by a thread that reads it to its end."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._raw = bytearray()
        self._lines: list[Line] = []
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """Every byte of it."""
        with self._more:
            return self._raw.decode()

    @property
    def so_far(self) -> list[Line]:
        """One mapping a line; a line that is no JSON has only an `event`."""
        with self._more:
            return list(self._lines)

    def find(self, wanted: Callable[[Line], bool], what: str, begin: int = 0) -> Line:
        """Wait for a line from number `begin` on."""
        deadline = time.monotonic() + WAIT_S
        with self._more:
            while True:
                for line in self._lines[begin:]:
                    if wanted(line):
                        return line
                begin = len(self._lines)
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not (self._thread.is_alive() and self._more.wait(left_s)):
                    raise AssertionError(f"the gate did not say: {what}; it said:\n{self._raw.decode()}")

    def end(self) -> None:
        """Wait until the process has let go of the stream."""
        self._thread.join(WAIT_S)

    def _read(self) -> None:
        with self._stream:
            for raw in self._stream:
                try:
                    line = json.loads(raw)
                except ValueError:
                    line = {"event": raw.decode().rstrip("\n")}
                with self._more:
                    self._raw += raw
                    self._lines.append(line)
                    self._more.notify_all()
        with self._more:
            self._more.notify_all()


class Gate:
    """A running `pgwarden serve`.

    Attributes:
        ports: where clients connect, one for each listener.
        admin: the admin server's base URL.
        log: what it says of itself.
        refusals: its refusal log, on standard output unless the settings say otherwise.
    """

    def __init__(self, process: subprocess.Popen[bytes] | Forked) -> None:
        self._process = process
        self.log = Lines(process.stderr)
        self.refusals = Lines(process.stdout)
        start = self.says("pgwarden 0.1.0 serves")
        doors = str(start["listeners"]).split("; ")
        self.ports = [int(door.partition(" ")[0].rpartition(":")[2]) for door in doors]
        self.admin = f"http://{start['admin']}"
        latest.append(self)

    def __str__(self) -> str:
        """All that may explain why a test fails: whether it runs, and the end of what it said."""
        code = self._process.returncode
        ended = "" if code is None else f", ended with {code}"
        said = (self.log.text[-_TOLD_CHARACTERS:], self.refusals.text[-_TOLD_CHARACTERS:])
        return "\n".join((f"process {self.pid}, ports {self.ports}{ended}", *said))

    @property
    def pid(self) -> int:
        """The process that was started, which looks after the workers."""
        return self._process.pid

    @property
    def workers(self) -> dict[int, int]:
        """The processes that serve clients, by number; of each the newest."""
        return {int(str(line["worker"])): int(str(line["pid"])) for line in self.said("a worker serves")}

    @property
    def port(self) -> int:
        """The first listener's port."""
        return self.ports[0]

    @property
    def address(self) -> tuple[str, int]:
        """For a socket."""
        return "127.0.0.1", self.port

    def url(
        self, database: str = "postgres", user: str = "postgres", door: int = 0, **parameters: str
    ) -> str:
        """A URL through one of the gate's listeners."""
        query = urlencode(parameters, quote_via=quote)
        return f"postgresql://{user}@127.0.0.1:{self.ports[door]}/{database}" + (f"?{query}" if query else "")

    def says(self, event: str, *, begin: int = 0, **fields: str) -> Line:
        """Wait until its log has this event, from line number `begin` on, with these fields."""
        return self.log.find(
            lambda line: line["event"] == event and fields.items() <= line.items(), f"{event} {fields}", begin
        )

    def said(self, event: str) -> list[Line]:
        """The lines of its log with this event, so far."""
        return [line for line in self.log.so_far if line["event"] == event]

    def refused(self, sql: str) -> Line:
        """Wait for the refusal log's line about this text."""
        return self.refusals.find(lambda line: line.get("sql") == sql, f"that it refused {sql}")

    def get(self, page: str) -> tuple[int, str]:
        """Ask the admin server."""
        try:
            with urllib.request.urlopen(f"{self.admin}{page}", timeout=WAIT_S) as answer:  # noqa: S310 - our own
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    def metrics(self, *names: str) -> dict[str, float]:
        """Every series, or those of these metrics, with its value."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if not line.startswith("#")]
        series = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
        return {key: value for key, value in series.items() if not names or key.partition("{")[0] in names}

    @property
    def connections(self) -> int:
        """How many clients it counts."""
        return int(self.metrics()['pgwarden_connections{state="open"}'])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self, wait_s: float = WAIT_S) -> int:
        """Wait for its end and for its last line; returns the exit code."""
        code = self._process.wait(wait_s)
        self.log.end()
        self.refusals.end()
        return code

    def stop(self, wait_s: float = WAIT_S) -> int:
        """Tell it to stop; returns the exit code. No worker may fail meanwhile."""
        self.signal(signal.SIGTERM)
        code = self.ended(wait_s)
        events = [str(line["event"]) for line in self.log.so_far]
        assert not [event for event in events if event.startswith("pgwarden: worker")]
        return code


def moved(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The series that have changed, and by how much."""
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}


def environment(folder: Path) -> dict[str, str]:
    """Variables with nothing of the developer's in them, and a ledger in `folder`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PGWARDEN_", "PG"))}
    return {**clean, "PGWARDEN_LEDGER": str(folder / "ledger")}


@contextmanager
def serving(
    folder: Path, policy: Path, *upstreams: str | Mapping[str, str], **settings: str
) -> Iterator[Gate]:
    """Run a gate until the block ends.

    Args:
        folder: for its ledger and its config file.
        policy: the policy's file.
        upstreams: a listener for each: its server's URL, or its settings.
        settings: more of them, by name.
    """
    doors = [{"upstream": given} if isinstance(given, str) else given for given in upstreams]
    listeners = [{"listen": "127.0.0.1:0", "policy": str(policy), **door} for door in doors]
    (folder / "gate.yaml").write_text(json.dumps({"listeners": listeners}))
    given = {
        "config": str(folder / "gate.yaml"),
        "admin": "127.0.0.1:0",
        "log_format": "json",
        **settings,
    }
    flags = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", value)]
    process = fork(["serve", *flags], environment(folder))
    gate = None
    try:
        gate = Gate(process)
        yield gate
    finally:
        process.kill()
        process.wait()
        if gate is not None:
            gate.log.end()
            gate.refusals.end()
