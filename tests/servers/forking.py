"""Gates and commands forked from a process that has imported the program: each costs what is its own.

A fresh interpreter spends most of a first second on imports, hundreds of times. Enters: a command line,
variables. Leaves: a process with its output, signalled and waited for as one of `subprocess`; or its end.
How the program starts from nothing, tests/test_demo.py and tests/test_docs.py show.
Deliberately absent: threads, an event loop or anything else that a fork would take along.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

_ORDER_BYTES: Final = 1 << 17
_NUMBER: Final = 4


class Forked:
    """A running pgwarden.

    Attributes:
        pid: the process that was forked.
        stdout: what it prints.
        stderr: its errors, or its log.
        returncode: as of `subprocess.Popen`, once it is known that it has ended.
    """

    def __init__(self, pid: int, ends: socket.socket, stdout: int, stderr: int) -> None:
        self.pid = pid
        self.stdout = os.fdopen(stdout, "rb")
        self.stderr = os.fdopen(stderr, "rb")
        self.returncode: int | None = None
        self._ends = ends

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns the exit code, or the negative number of a signal.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        if self.returncode is None:
            self._ends.settimeout(timeout)
            try:
                status = self._ends.recv(_NUMBER)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("pgwarden", timeout or 0) from None
            self.returncode = os.waitstatus_to_exitcode(int.from_bytes(status))
            self._ends.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        try:
            self.wait(0)
        except subprocess.TimeoutExpired:
            # It may have ended since: its number is forgotten before this is told.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def fork(arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> Forked:
    """Start `pgwarden` with these arguments and variables, in this directory unless told another."""
    pipes = [os.pipe(), os.pipe()]
    ours, theirs = socket.socketpair()
    order = json.dumps([list(arguments), dict(environment), str(folder or Path.cwd())]).encode()
    handles = [pipes[0][1], pipes[1][1], theirs.fileno()]
    socket.send_fds(_forker()[0], [order], handles)
    theirs.close()
    for _, end in pipes:
        os.close(end)
    pid = int.from_bytes(ours.recv(_NUMBER))
    assert pid, "no gate can be forked"
    return Forked(pid, ours, pipes[0][0], pipes[1][0])


def run(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `pgwarden` to its end, with nothing on its standard input."""
    process = fork(arguments, environment, folder)
    try:
        with process.stdout, process.stderr, ThreadPoolExecutor(1) as aside:
            said = aside.submit(process.stderr.read)
            printed = process.stdout.read()
        return subprocess.CompletedProcess(
            ["pgwarden", *arguments], process.wait(), printed.decode(), said.result().decode()
        )
    finally:
        process.kill()


@cache
def _forker() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """This process's one forker; it ends with the socket."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PGWARDEN_", "PG"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.forking", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        env=clean,
        cwd=Path(__file__).resolve().parents[2],
    )
    theirs.close()
    atexit.register(_end, ours, process)
    return ours, process


def _end(orders: socket.socket, forker: subprocess.Popen[bytes]) -> None:
    orders.close()
    forker.kill()
    forker.wait()


def _next_order(orders: socket.socket) -> list[str]:
    """Fork for each order; returns in what was forked, which has become what the order says.

    Between the two stands a process that waits for the end and tells the code: only a parent can.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        order, handles, _, _ = socket.recv_fds(orders, _ORDER_BYTES, 3)
        if not order:
            os._exit(0)
        if os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *output, report = handles
            if (pid := os.fork()) == 0:
                os.close(report)
                return _become(order, output)
            for handle in output:
                os.close(handle)
            os.write(report, pid.to_bytes(_NUMBER))
            os.write(report, os.waitpid(pid, 0)[1].to_bytes(_NUMBER))
            os._exit(0)
        for handle in handles:
            os.close(handle)


def _become(order: bytes, output: Sequence[int]) -> list[str]:
    arguments, environment, directory = json.loads(order)
    for number, handle in enumerate(output, start=1):
        os.dup2(handle, number)
        os.close(handle)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    return [str(argument) for argument in arguments]


if __name__ == "__main__":
    from proxy.app.cli import main, serve  # noqa: F401 - what all of them begin with

    gc.collect()
    gc.freeze()
    sys.exit(main(_next_order(socket.socket(fileno=int(sys.argv[1])))))
