"""The process that the workers are forked from.

It is forked itself, before the gate has any thread or event loop, and holds what all workers begin with: the
program, the settings, the policies as they were at the start, the bound sockets. So a worker is there within
milliseconds, is the program that was started even where its files have been replaced since, and never another
than its siblings. It reads nothing, decides nothing and has no threads, which a fork would leave behind.

Enters: orders on a socket: fork a worker, let its sockets rest, kill it, let go of all sockets. Leaves: on
the same socket, which worker has begun and how it ended. When the supervisor is gone, so is this process; the
workers hear of it by their own sockets. Deliberately absent: what a worker does (worker.py).
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import socket
import struct
import threading
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from proxy.app.workers.doors import Doors
from proxy.relay import Sockets

Work: TypeAlias = Callable[[int, socket.socket, tuple[Sockets, ...]], int]
"""What a worker does: its number, its socket to the supervisor, its sockets by listener; the exit code."""

_ORDER: Final = struct.Struct("!cI")
_FORK, _REST, _KILL, _CLOSE = b"F", b"R", b"K", b"C"

_REPORT: Final = struct.Struct("!cIIi")
_BEGUN, _ENDED, _DONE = b"B", b"E", b"D"

_FAULT: Final = 3


class ForkServerLost(Exception):
    """The fork server has ended: no worker can be started any more."""


class ForkServer:
    """The supervisor's side.

    Attributes:
        on_end: told a worker's number, process id and wait status when it has ended.
        on_lost: told when no more can be started.
    """

    def __init__(self, doors: Doors, work: Work) -> None:
        """Fork it. The sockets are its own from here on.

        Raises:
            RuntimeError: this process has threads.
        """
        if threading.active_count() > 1:
            raise RuntimeError("the fork server has to be forked before any thread")
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        gc.collect()
        gc.freeze()  # so that looking for garbage does not copy what is shared
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            _Forks(theirs, doors, work).run()
        theirs.close()
        doors.close()
        ours.setblocking(False)
        self._orders = ours
        self._begun: dict[int, asyncio.Future[int]] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.on_end: Callable[[int, int, int], None] = lambda number, pid, status: None
        self.on_lost: Callable[[], None] = lambda: None

    def listen(self) -> None:
        """Hear its reports on the running event loop."""
        asyncio.get_running_loop().add_reader(self._orders, self._hear)

    async def fork(self, number: int) -> tuple[int, socket.socket]:
        """Start a worker; returns its process id and the socket to talk to it.

        Raises:
            ForkServerLost: it cannot be started.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        begun = self._begun[number] = asyncio.get_running_loop().create_future()
        try:
            with theirs:
                socket.send_fds(self._orders, [_ORDER.pack(_FORK, number)], [theirs.fileno()])
            return await begun, ours
        except (OSError, ForkServerLost):
            ours.close()
            raise ForkServerLost from None

    async def rest(self, number: int) -> None:
        """Let nobody in at a worker's sockets until the next one listens; who waits there is cut off."""
        await self._have_done(_REST, number)

    async def kill(self, number: int) -> None:
        """End a worker at once."""
        await self._have_done(_KILL, number)

    async def close_doors(self) -> None:
        """Let go of the sockets: they are open then only as long as the workers keep them so."""
        await self._have_done(_CLOSE, 0)

    def stop(self) -> None:
        """End it; the workers have ended, or hear of the end of their own sockets."""
        with suppress(RuntimeError):
            asyncio.get_running_loop().remove_reader(self._orders)
        self._orders.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    async def _have_done(self, order: bytes, number: int) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        try:
            self._orders.send(_ORDER.pack(order, number))
        except OSError:
            self._lose()
        await done

    def _hear(self) -> None:
        try:
            data = self._orders.recv(_REPORT.size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        report, number, pid, status = _REPORT.unpack(data)
        if report == _BEGUN:
            self._begun.pop(number).set_result(pid)
        elif report == _ENDED:
            self.on_end(number, pid, status)
        else:
            self._settle(self._waiting.popleft())

    def _lose(self) -> None:
        asyncio.get_running_loop().remove_reader(self._orders)
        for begun in self._begun.values():
            begun.set_exception(ForkServerLost())
        self._begun.clear()
        while self._waiting:
            self._settle(self._waiting.popleft())
        self.on_lost()

    def _settle(self, waiting: asyncio.Future[None]) -> None:
        if not waiting.done():
            waiting.set_result(None)


class _Forks:
    """The fork server's own side."""

    def __init__(self, orders: socket.socket, doors: Doors, work: Work) -> None:
        self._orders = orders
        self._doors = doors
        self._work = work
        self._workers: dict[int, int] = {}  # process id -> number
        self._wakes, self._woken = socket.socketpair()

    def run(self) -> NoReturn:
        """Work until the supervisor is gone."""
        try:
            # A signal for the whole group is for the supervisor, which tells the others what it means.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self._woken.setblocking(False)
            signal.signal(signal.SIGCHLD, lambda number, frame: None)
            signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
            while True:
                ready, _, _ = select.select([self._orders, self._wakes], [], [])
                if self._wakes in ready:
                    self._wakes.recv(4096)
                if self._orders in ready and not self._take_order():
                    break
                self._reap()
        except OSError:
            pass  # the supervisor went in the middle of a word
        finally:
            os._exit(0)

    def _take_order(self) -> bool:
        data, handles, _, _ = socket.recv_fds(self._orders, _ORDER.size, 1)
        if len(data) < _ORDER.size:
            return False
        order, number = _ORDER.unpack(data)
        if order == _FORK:
            self._fork(number, handles[0])
            return True
        if order == _REST:
            self._doors.rest(number)
        elif order == _KILL:
            for pid, worker in self._workers.items():
                if worker == number:
                    os.kill(pid, signal.SIGKILL)  # not reaped yet: the process id is still its own
        else:
            self._doors.keep_only(None)
        self._tell(_DONE, number)
        return True

    def _fork(self, number: int, handle: int) -> None:
        try:
            pid = os.fork()
        except OSError:  # no memory, or too many processes: as if it had died at once
            os.close(handle)
            self._tell(_BEGUN, number)
            self._tell(_ENDED, number, 0, _FAULT << 8)
            return
        if pid == 0:
            self._be_worker(number, handle)
        os.close(handle)
        self._workers[pid] = number
        self._tell(_BEGUN, number, pid)

    def _be_worker(self, number: int, handle: int) -> NoReturn:
        """Never returns: what is on the stack belongs to the command line."""
        code = _FAULT
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (self._orders, self._wakes, self._woken):
                each.close()
            self._doors.keep_only(number)
            code = self._work(number, socket.socket(fileno=handle), self._doors.of(number))
        except Exception as error:  # the edge of the process: what a fault says may quote a statement
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            os.write(2, f"pgwarden: worker {number} failed: {type(error).__name__} at {place}\n".encode())
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._tell(_ENDED, self._workers.pop(pid), pid, status)

    def _tell(self, report: bytes, number: int, pid: int = 0, status: int = 0) -> None:
        self._orders.send(_REPORT.pack(report, number, pid, status))
