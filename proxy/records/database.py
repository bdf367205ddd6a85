"""One database, asked from any thread: plain calls over asyncpg.

Enters: an address, work to do on a connection. Leaves: its result, or a LedgerError of one sentence without a
secret. asyncpg runs on an event loop in a thread of this module's own; a call waits for it, in bounded time.
Deliberately absent: what is asked (postgres.py); reading URLs (app/ledger/address.py).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeVar

import asyncpg  # type: ignore[import-untyped]

from proxy.records.entry import LedgerError

T = TypeVar("T")

_IDLE_S: Final = 1.0
_FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that was lost in between
    OSError,
    TimeoutError,
    EOFError,
)
"""What connecting and asking may raise."""


class Connection(Protocol):
    """What is needed of asyncpg's connections, which have no types of their own."""

    def transaction(self, *, isolation: str) -> AbstractAsyncContextManager[object]:
        """A transaction, for a with."""

    async def execute(self, query: str, *values: object, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's own word
        """Run a query."""

    async def fetch(self, query: str, *values: object) -> Sequence[Sequence[object]]:
        """The rows of a query."""

    async def fetchrow(self, query: str, *values: object) -> Sequence[object] | None:
        """The first row of a query."""

    async def fetchval(self, query: str, *values: object) -> object:
        """The first value of a query's first row; None where there is none."""

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        """Be called with each NOTIFY."""

    def is_closed(self) -> bool:
        """Whether it has ended."""

    def terminate(self) -> None:
        """End it without a word."""


@dataclass(frozen=True, slots=True)
class DriverTls:
    """TLS in asyncpg's terms.

    Attributes:
        mode: how it is spoken; "prefer": where the server has it; False: not at all.
        direct: it begins at once, without being asked for.
    """

    mode: ssl.SSLContext | Literal["prefer", False] = field(default=False, repr=False, compare=False)
    direct: bool = False


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database that holds a ledger.

    Attributes:
        host: a name, an address, or the directory of a Unix socket.
        password: or what gives it, asked for each connection; None leaves it to PGPASSWORD and ~/.pgpass, as
            in libpq.
    """

    host: str
    port: int
    user: str
    database: str
    password: str | Callable[[], str] | None = field(default=None, repr=False)
    tls: DriverTls = field(default_factory=DriverTls)

    def __str__(self) -> str:
        """For messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{self.user}@{host}:{self.port}/{self.database}"

    async def connect(self, timeout_s: float) -> Connection:
        """Open a connection in which names are PostgreSQL's own."""
        connection: Connection = await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database,
            ssl=self.tls.mode,
            direct_tls=self.tls.direct,
            timeout=timeout_s,
            command_timeout=2 * timeout_s,
            statement_cache_size=0,  # a transaction pooler may stand in between
            server_settings={"application_name": "pgwarden ledger", "search_path": "pg_catalog"},
        )
        return connection


class Caller:
    """Asks one database; any thread may call."""

    def __init__(self, address: PostgresAddress, wait_s: float, what: str = "the ledger") -> None:
        """Start the thread; nothing is connected before the first call.

        Args:
            wait_s: how long to wait for a lock, and for an answer.
            what: what lies there, for messages.
        """
        self._address = address
        self._place = f"{what} {address}"
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ledger", daemon=True)
        self._thread.start()
        self._connection: Connection | None = None
        self._listener: Connection | None = None
        self._used = 0.0

    def call(self, work: Callable[[Connection], Coroutine[object, object, T]]) -> T:
        """Have work done on the connection, or on a new one where that is lost.

        Raises:
            LedgerError: it cannot be done.
        """

        async def attempt() -> T:
            connection = await self._usable()
            try:
                return await work(connection)
            except _FAULTS:
                connection.terminate()  # whatever state it is in
                raise
            finally:
                self._used = self._loop.time()

        with self._lock:
            return self._run(attempt())

    def listen(self, channel: str, callback: Callable[[], None]) -> None:
        """Have each NOTIFY told, on a connection of its own, and once when that begins.

        Raises:
            LedgerError: there is no connection to be had.
        """

        async def listen() -> None:
            if self._listener is None or self._listener.is_closed():
                self._listener = await self._address.connect(self._wait_s)
                await self._listener.add_listener(channel, lambda *_: callback())
                callback()  # what was told before it listened

        self._run(listen())

    def close(self) -> None:
        """Let go of the connections and the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join(self._wait_s)
        if not self._thread.is_alive():
            self._loop.close()

    # -- on the thread -------------------------------------------------------------------------------------

    async def _usable(self) -> Connection:
        """A connection that answers: one that was idle may have been lost without a word."""
        connection = self._connection
        if connection is not None and self._loop.time() - self._used > _IDLE_S:
            try:
                await connection.execute("SELECT 1", timeout=self._wait_s)
            except _FAULTS:
                connection.terminate()
        if connection is None or connection.is_closed():
            connection = self._connection = await self._address.connect(self._wait_s)
        return connection

    async def _end(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        for connection in (self._listener, self._connection):
            if connection is not None:
                connection.terminate()
        for _ in range(3):  # until the sockets are closed
            await asyncio.sleep(0)
        self._loop.stop()

    def _run(self, work: Coroutine[object, object, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(3 * self._wait_s):
                return await work

        if self._loop.is_closed():
            work.close()
            raise LedgerError(f"{self._place} is closed")
        try:
            return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()
        except CancelledError:
            raise LedgerError(f"{self._place} is closed") from None
        except _FAULTS as error:
            raise LedgerError(_explained(self._place, error, self._wait_s)) from error


def _explained(place: str, error: BaseException, wait_s: float) -> str:
    """What went wrong, in one sentence."""
    match error:
        case asyncpg.LockNotAvailableError():
            return f"{place} stayed locked by another process for {wait_s:g} s"
        case TimeoutError():
            return f"{place} does not answer in time"
        case asyncpg.ReadOnlySQLTransactionError():
            return f"{place} cannot be written: the database is read-only, a standby perhaps"
        case asyncpg.DiskFullError() | asyncpg.OutOfMemoryError():
            return f"{place} cannot grow: the server says {_one_line(error)}"
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return f"{place} does not let us in: {_one_line(error)}"
        case asyncpg.InvalidCatalogNameError():
            return f"{place} cannot be used: there is no such database; create it first"
        case asyncpg.InsufficientPrivilegeError():
            return f"{place} cannot be used: {_one_line(error)}"
        case asyncpg.UndefinedTableError() | asyncpg.InvalidSchemaNameError():
            return f"{place} is gone; put it back, a new one would know of nothing"
        case OSError() if error.strerror:
            return f"{place} cannot be reached: {error.strerror}"
        case _:
            return f"{place} cannot be used: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
