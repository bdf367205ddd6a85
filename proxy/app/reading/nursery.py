"""The process that the children are forked from: it has imported all they need, and reads nothing itself.

Enters: orders on the socket at standard input: fork a child on the socket that comes along, or bury one.
Leaves: for each child that was buried, how it ended. Starting Python for each child would cost a fifth of a
second; a fork costs some milliseconds. Deliberately absent: threads, which a fork would leave behind.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Final, NoReturn

import msgspec

from proxy.app.reading import child
from proxy.app.reading.form import Bounds

ORDER: Final = struct.Struct("!cI")
"""FORK or BURY, and the child's serial number, which the gate chooses."""

FORK: Final = b"F"
BURY: Final = b"B"

REPORT: Final = struct.Struct("!IiQ")
"""A child's serial number, its wait status, and the most memory it had, in bytes."""

_REAP_EVERY_S: Final = 0.005


class Nursery:
    """Forks children and buries them."""

    def __init__(self, orders: socket.socket, bounds: Bounds) -> None:
        """Take orders from a socket."""
        self._orders = orders
        self._bounds = bounds
        self._children: dict[int, int] = {}  # serial number -> process id
        self._dying: dict[int, int] = {}

    def run(self) -> None:
        """Work until the gate is gone; no child is left then."""
        try:
            while True:
                wait_s = _REAP_EVERY_S if self._dying else None
                ready, _, _ = select.select([self._orders], [], [], wait_s)
                if ready and not self._take_order():
                    return
                self._reap()
        finally:
            for pid in (*self._children.values(), *self._dying.values()):
                _kill(pid)

    def _take_order(self) -> bool:
        data, handles, _, _ = socket.recv_fds(self._orders, ORDER.size, 1)
        if len(data) < ORDER.size:
            return False
        order, serial = ORDER.unpack(data)
        if order == FORK:
            self._fork(serial, handles[0])
        elif serial in self._children:
            # Not reaped yet, so the number is still this child's, dead or alive.
            self._dying[serial] = pid = self._children.pop(serial)
            _kill(pid)
        else:
            self._report(serial, 0, 0)  # a child of the nursery before this one
        return True

    def _fork(self, serial: int, handle: int) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_child(parent, handle)
        os.close(handle)
        self._children[serial] = pid

    def _be_child(self, parent: int, handle: int) -> NoReturn:
        """Never returns: what is on the stack belongs to the nursery."""
        code = child.EXIT_FAILED
        try:
            child.die_with_parent(parent)
            self._orders.close()
            connection = socket.socket(fileno=handle)
            child.confine(self._bounds)
            child.serve(connection, self._bounds)
            code = 0
        except MemoryError:
            code = child.EXIT_MEMORY
        except OSError:
            code = 0  # the gate does not want the answer any more
        finally:
            os._exit(code)

    def _reap(self) -> None:
        for serial, pid in tuple(self._dying.items()):
            ended, status, used = os.wait4(pid, os.WNOHANG)
            if ended:
                del self._dying[serial]
                self._report(serial, status, used.ru_maxrss)

    def _report(self, serial: int, status: int, peak: int) -> None:
        self._orders.sendall(REPORT.pack(serial, status, peak * child.PEAK_UNIT))


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Be the nursery: `python -c … BOUNDS GATE`, bounds in JSON, then the gate's process id."""
    # A signal for the whole group is for the gate, which goes on until its sessions have ended.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    child.die_with_parent(int(sys.argv[2]))
    gc.freeze()
    orders = socket.socket(fileno=0)
    Nursery(orders, msgspec.json.decode(sys.argv[1], type=Bounds)).run()
