"""The gate's side of the children: ordered from the nursery, asked, and buried.

Enters: bounds. Leaves: children that are ready to read, and how those that were buried had ended. A nursery
that has died is started again with the next order. Deliberately absent: which text is read when (readers.py).
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from proxy.app.reading import form
from proxy.app.reading.form import Bounds, Done, Failed, Hello, MalformedAnswer, Message, Part, Rejected
from proxy.app.reading.nursery import BURY, FORK, ORDER, REPORT
from proxy.sql.analyse import Analysis, SqlSyntaxError, Statement

_ATTEMPTS: Final = 3
_START_S: Final = 20.0  # a busy machine imports slowly
_REPORT_S: Final = 2.0
_CHUNK_BYTES: Final = 65_536
_PASSED_ON: Final = ("LD_LIBRARY_PATH", "PATH")
_START: Final = "import sys; sys.path[:] = {path!r}; from proxy.app.reading.nursery import main; main()"


class ChildLost(Exception):
    """The child is gone, or does not speak the form: it must be buried."""


class CannotStart(Exception):
    """No child can be had; the text says why."""


class ChildFailed(Exception):
    """A fault of the program in the child; the text says what and where. The child goes on."""


@dataclass(frozen=True, slots=True)
class End:
    """How a child ended, as far as it is known: a signal or an exit code, and its peak memory."""

    signal: int = 0
    code: int = 0
    peak_bytes: int = 0


class Child:
    """One child. It reads one text at a time.

    Attributes:
        serial: tells it from all others.
        pid: its process.
        retired: it will read nothing more.
    """

    def __init__(self, serial: int, connection: socket.socket) -> None:
        """Speak with it over this socket."""
        self.serial = serial
        self.pid = 0
        self.retired = False
        self._connection = connection
        self._rest = b""
        self._number = 0

    async def greet(self) -> None:
        """Wait until it is ready.

        Raises: ChildLost, CannotStart when it is of another version.
        """
        hello = await self._message()
        if not isinstance(hello, Hello):
            raise ChildLost
        if hello.version != form.VERSION:
            raise CannotStart(f"the parser is of version {hello.version}, the gate of {form.VERSION}")
        self.pid = hello.pid

    def lives(self) -> bool:
        """False when it has ended while it had nothing to do; nobody can have been harmed by that."""
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False  # the end, or words that nobody asked for

    async def read(self, raw: bytes | memoryview, server_major: int) -> Analysis | SqlSyntaxError:
        """Have a text read; there is no time limit here.

        Raises: ChildLost, ChildFailed.
        """
        loop = asyncio.get_running_loop()
        self._number += 1
        try:
            # Two writes: joining them would copy the text once more.
            header = form.REQUEST.pack(self._number, server_major, len(raw))
            await loop.sock_sendall(self._connection, header)
            for at in range(
                0, len(raw), _CHUNK_BYTES
            ):  # a child that reads along takes all of it in one turn
                await loop.sock_sendall(self._connection, raw[at : at + _CHUNK_BYTES])
                await asyncio.sleep(0)
        except OSError:
            raise ChildLost from None
        statements: list[Statement] = []
        while True:
            message = await self._message()
            match message:
                case Part():
                    _take_in(statements, message)
                    await asyncio.sleep(0)  # a long answer must not hold the others up
                case Done() if message.number == self._number:
                    self.retired = message.retires
                    return Analysis(tuple(statements))
                case Rejected() if message.number == self._number and not statements:
                    self.retired = message.retires
                    return message.error()
                case Failed() if message.number == self._number:
                    raise ChildFailed(f"{message.kind} at {message.place}")
                case _:
                    raise ChildLost

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    async def _message(self) -> Message:
        (size,) = form.LENGTH.unpack(await self._bytes(form.LENGTH.size))
        if size > form.MAX_MESSAGE_BYTES:
            raise ChildLost
        try:
            return form.decode(await self._bytes(size))
        except MalformedAnswer:
            raise ChildLost from None

    async def _bytes(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        pieces = [self._rest]
        missing = size - len(self._rest)
        while missing > 0:
            try:
                piece = await loop.sock_recv(self._connection, _CHUNK_BYTES)
            except OSError:
                raise ChildLost from None
            if not piece:
                raise ChildLost
            pieces.append(piece)
            missing -= len(piece)
        data = b"".join(pieces)
        self._rest = data[size:]
        return data[:size]


def _take_in(statements: list[Statement], part: Part) -> None:
    """Add the statements of a part.

    Raises: ChildLost.
    """
    try:
        more = form.decode_statements(part.statements)
    except MalformedAnswer:
        raise ChildLost from None
    if part.continues:
        if not statements or not more:
            raise ChildLost
        before, (first, *others) = statements.pop(), more
        more = (replace(before, effects=before.effects + first.effects), *others)
    statements += more


class Children:
    """Orders children from the nursery and buries them."""

    def __init__(self, bounds: Bounds) -> None:
        """Nothing is started yet."""
        self._bounds = bounds
        self._nursery: subprocess.Popen[bytes] | None = None
        self._lost: list[subprocess.Popen[bytes]] = []
        self._orders: socket.socket | None = None
        self._serial = 0
        self._ends: dict[int, asyncio.Future[End]] = {}
        self._reports = b""

    async def fresh(self) -> Child:
        """A new child, ready to read.

        Raises: CannotStart.
        """
        for _ in range(_ATTEMPTS):
            child = self._ask_for()
            try:
                async with asyncio.timeout(_START_S):
                    await child.greet()
                return child
            except ChildLost:
                self.bury(child)  # killed before it could say a word, perhaps: try again
            except TimeoutError:
                child.close()
                self._lose_nursery()
                raise CannotStart("the parser's process does not start: it takes too long") from None
            except BaseException:
                self.bury(child)
                raise
        self._lose_nursery()
        raise CannotStart("the parser's process does not start: it ends at once")

    def _ask_for(self) -> Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._serial += 1
        with theirs:
            try:
                self._order(FORK, self._serial, theirs)
            except OSError:
                self._lose_nursery()  # the child's socket will tell that there is no child
        return Child(self._serial, ours)

    def bury(self, child: Child) -> asyncio.Future[End]:
        """End a child, if it has not ended by itself; its end becomes known soon."""
        child.close()
        end = self._ends[child.serial] = asyncio.get_running_loop().create_future()
        try:
            self._order(BURY, child.serial)
        except OSError:
            self._lose_nursery()
        return end

    async def end_of(self, child: Child) -> End:
        """Bury a child and wait until it is known how it had ended."""
        try:
            async with asyncio.timeout(_REPORT_S):
                return await self.bury(child)
        except TimeoutError:
            return End()

    async def stop(self) -> None:
        """End the nursery, and with it all children."""
        self._lose_nursery()
        for nursery in self._lost:
            await asyncio.to_thread(nursery.wait)

    def _order(self, order: bytes, serial: int, handle: socket.socket | None = None) -> None:
        if self._nursery is None and order == FORK:
            self._start()
        if self._orders is None:
            raise ConnectionError("there is no nursery")
        rights = [] if handle is None else [_rights(handle)]
        self._orders.sendmsg([ORDER.pack(order, serial)], rights)

    def _start(self) -> None:
        """Start the nursery: in a group of its own, with no handle but its socket, and no environment."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        path = [str(Path(entry).absolute()) for entry in sys.path]
        command = [sys.executable, "-I", "-c", _START.format(path=path)]
        with theirs:
            self._nursery = subprocess.Popen(
                [*command, msgspec.json.encode(self._bounds).decode(), str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                start_new_session=True,
            )
        self._orders = ours
        self._reports = b""
        asyncio.get_running_loop().add_reader(ours, self._hear)

    def _hear(self) -> None:
        if self._orders is None:
            return
        try:
            data = self._orders.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose_nursery()
            return
        self._reports += data
        while len(self._reports) >= REPORT.size:
            serial, status, peak = REPORT.unpack(self._reports[: REPORT.size])
            self._reports = self._reports[REPORT.size :]
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            self._tell(serial, End(number, os.WEXITSTATUS(status) if not number else 0, peak))

    def _tell(self, serial: int, end: End) -> None:
        waiting = self._ends.pop(serial, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(end)

    def _lose_nursery(self) -> None:
        """The nursery has ended, or has to: its children end with it, and their sockets tell."""
        if self._orders is not None:
            with suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._orders)
            self._orders.close()
            self._orders = None
        if self._nursery is not None:
            self._nursery.kill()
            self._lost = [nursery for nursery in (*self._lost, self._nursery) if nursery.poll() is None]
            self._nursery = None
        for serial in tuple(self._ends):
            self._tell(serial, End())


def _rights(handle: socket.socket) -> tuple[int, int, array.array[int]]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [handle.fileno()])
