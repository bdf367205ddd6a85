"""A gate that really runs, as a process of its own, and what it says."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.servers.forking import Forked, fork

WAIT_S = 30
_JSON = ("--log-format", "json")

Line = Mapping[str, object]


class Gate:
    """A running `pgwarden serve`.

    Attributes:
        ports: where clients connect, one for each listener.
        admin: the admin server's base URL.
        pid: the process that was started, which looks after the workers.
    """

    def __init__(self, process: subprocess.Popen[bytes] | Forked, *, read_output: bool) -> None:
        self._process = process
        self.pid = process.pid
        self._said: queue.Queue[Line | None] = queue.Queue()
        self._refused: queue.Queue[Line | None] = queue.Queue()
        _start_reading(process.stderr, self._said)
        if read_output:
            _start_reading(process.stdout, self._refused)
        start = self.says("pgwarden 0.1.0 serves")
        self.started = start
        self.ports = [
            int(door.partition(" ")[0].rpartition(":")[2]) for door in str(start["listeners"]).split("; ")
        ]
        self.admin = f"http://{start['admin']}"

    def says(self, event: str) -> Line:
        """Wait until the gate's log has this event."""
        while True:
            line = self._said.get(timeout=WAIT_S)
            assert line is not None, f"the gate ended before it said: {event}"
            if line["event"] == event:
                return line

    def refuses(self) -> Line:
        """Wait for the next line of the refusal log on standard output."""
        line = self._refused.get(timeout=WAIT_S)
        assert line is not None, "the gate ended"
        return line

    def url(self, database: str, port: int = 0) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.ports[port]}/{database}"

    def get(self, page: str) -> tuple[int, str]:
        """Ask the admin server."""
        try:
            with urllib.request.urlopen(f"{self.admin}{page}", timeout=WAIT_S) as answer:  # noqa: S310 - our own
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def metric(self, series: str) -> float:
        """The value of one series."""
        lines = dict(line.rpartition(" ")[::2] for line in self.get("/metrics")[1].splitlines())
        return float(lines[series])

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; returns the exit code."""
        return self._process.wait(WAIT_S)


def _start_reading(stream: IO[bytes] | None, lines: queue.Queue[Line | None]) -> None:
    assert stream is not None
    threading.Thread(target=_read, args=(stream, lines), daemon=True).start()


def _read(stream: IO[bytes], lines: queue.Queue[Line | None]) -> None:
    with stream:
        for raw in stream:
            try:
                lines.put(json.loads(raw))
            except ValueError:
                lines.put({"event": raw.decode().rstrip("\n")})
    lines.put(None)


def command(*arguments: str) -> list[str]:
    """The arguments of a gate."""
    return ["serve", *_JSON, *arguments]


def environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PGWARDEN_", "PG"))}
    return {**clean, "PGWARDEN_LEDGER": str(folder / "ledger")}


@contextmanager
def running(folder: Path, *arguments: str, read_output: bool = True) -> Iterator[Gate]:
    """Run a gate with its ledger in `folder` until the block ends."""
    process = fork(["serve", *_JSON, "--admin", "127.0.0.1:0", *arguments], environment(folder))
    try:
        yield Gate(process, read_output=read_output)
    finally:
        process.kill()
        process.wait()
        if not read_output:
            process.stdout.close()
