"""The ledger's entries in a PostgreSQL database, for gates on several hosts.

Enters: drafts, from any number of processes anywhere. Leaves: entries, in the schema `pgwarden`. An advisory
lock puts appends in order, NOTIFY tells others of them. Deliberately absent: asyncio for the caller: asyncpg
runs on a thread of this store's own, and each call here waits for it; reading URLs (app/ledger/address.py).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Collection, Coroutine, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import asyncpg  # type: ignore[import-untyped]

from proxy.records.entry import GENESIS, Draft, Entry, LedgerError, seal, written
from proxy.records.migrations import MIGRATIONS, NEWEST
from proxy.records.store import Position

T = TypeVar("T")

_CHANNEL: Final = "pgwarden_ledger"
_LOCK_CLASS: Final = 0x70677764  # "pgwd"; the table's own number stands beside it
_COLUMNS: Final = "sequence, kind, about, recorded_at, recorded_by, payload, hash"
_INSERT: Final = f"INSERT INTO pgwarden.entry ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608 - a constant
_LAST: Final = "SELECT sequence, hash FROM pgwarden.entry ORDER BY sequence DESC LIMIT 1"
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM pgwarden.entry
    WHERE sequence > $1
        AND ($3::text[] IS NULL OR kind = ANY ($3))
        AND kind <> ALL ($4::text[])
        AND ($5::text IS NULL OR about = $5)
    ORDER BY sequence LIMIT $2
"""  # noqa: S608 - a constant
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


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database that holds a ledger.

    Attributes:
        host: a name, an address, or the directory of a Unix socket.
        password: None leaves it to PGPASSWORD and ~/.pgpass, as in libpq.
        context: TLS, None for none.
    """

    host: str
    port: int
    user: str
    database: str
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """For messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{self.user}@{host}:{self.port}/{self.database}"

    async def connect(self, timeout_s: float) -> Any:
        """Open a connection in which names are PostgreSQL's own."""
        return await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database,
            ssl=self.context if self.context is not None else False,
            timeout=timeout_s,
            command_timeout=2 * timeout_s,
            statement_cache_size=0,  # a transaction pooler may stand in between
            server_settings={"application_name": "pgwarden ledger", "search_path": "pg_catalog"},
        )


class PostgresStore:
    """`Store` on a PostgreSQL database."""

    def __init__(self, address: PostgresAddress, *, create: bool, wait_s: float) -> None:
        """Connect, bringing an older ledger up to date.

        Args:
            address: where.
            create: make the schema when there is none; without it that is an error.
            wait_s: how long to wait for another's write, and for any answer.

        Raises:
            LedgerError: not reachable, absent, unwritable, or written by a newer version.
        """
        self._address = address
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ledger", daemon=True)
        self._thread.start()
        self._connection: Any = None
        self._listener: Any = None
        self._used = 0.0
        try:
            self._call(lambda connection: self._prepare(connection, create))
        except BaseException:
            self.close()
            raise

    @property
    def place(self) -> str:
        """The server and the database, without a password."""
        return str(self._address)

    def append(self, drafts: Sequence[Draft], clock: Callable[[], datetime]) -> list[Entry | None]:
        """See `Store`."""
        return self._call(lambda connection: self._append(connection, drafts, clock))

    def last(self) -> Position:
        """See `Store`."""
        return self._call(_last)

    def hash_at(self, sequence: int) -> str | None:
        """See `Store`."""

        async def look(connection: Any) -> str | None:
            found = await connection.fetchval("SELECT hash FROM pgwarden.entry WHERE sequence = $1", sequence)
            return None if found is None else str(found)

        return self._call(look)

    def page(
        self, after: int, most: int, kinds: Collection[str] | None, but: Collection[str], about: str | None
    ) -> list[Entry]:
        """See `Store`."""

        async def look(connection: Any) -> list[Entry]:
            wanted = None if kinds is None else sorted(kinds)
            rows = await connection.fetch(_PAGE, after, most, wanted, sorted(but), about)
            return [Entry(*row) for row in rows]

        return self._call(look)

    def identity(self) -> Hashable:
        """The address: what lies there now is told by the hashes."""
        return str(self._address)

    def wait(self, timeout_s: float) -> None:
        """Wait for NOTIFY, on a connection of its own; where that cannot be had, for the time."""
        with suppress(LedgerError):  # whoever reads next hears why
            self._run(self._listen())
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """See `Store`."""
        self._woken.set()

    def close(self) -> None:
        """Let go of the connections and the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join(self._wait_s)
        if not self._thread.is_alive():
            self._loop.close()

    # -- on the thread -------------------------------------------------------------------------------------

    async def _append(
        self,
        connection: Any,
        drafts: Sequence[Draft],
        clock: Callable[[], datetime],
    ) -> list[Entry | None]:
        entries: list[Entry | None] = []
        async with connection.transaction(isolation="read_committed"):
            await self._take_turn(connection)
            last = await _last(connection)
            now = clock()
            for draft in drafts:
                if not await _within(connection, draft):
                    entries.append(None)
                    continue
                entry = seal(draft, last.sequence + 1, last.hash, now)
                await connection.execute(_INSERT, *_values(entry))
                last = Position(entry.sequence, entry.hash)
                entries.append(entry)
            await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, str(last.sequence))
        return entries

    async def _take_turn(self, connection: Any) -> None:
        """Wait until nobody else appends; a role's own settings must not make a commit less than durable."""
        await connection.execute(f"SET LOCAL lock_timeout = {max(1, round(self._wait_s * 1000))}")
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', true) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
        await connection.execute(
            "SELECT pg_advisory_xact_lock($1, 'pgwarden.entry'::regclass::oid::int)", _LOCK_CLASS
        )

    async def _prepare(self, connection: Any, create: bool) -> None:
        applied = await _applied(connection)
        if applied == 0 and not create:
            raise LedgerError(f"there is no ledger at {self._address}")
        if applied < NEWEST:
            async with connection.transaction(isolation="read_committed"):
                await connection.execute("SELECT pg_advisory_xact_lock($1, 0)", _LOCK_CLASS)
                await self._migrate(connection)
            applied = await _applied(connection)
        if applied > NEWEST:
            raise LedgerError(
                f"the ledger {self._address} was written by a newer pgwarden (schema {applied}); upgrade"
            )

    async def _migrate(self, connection: Any) -> None:
        done = await _applied(connection)
        if done == 0:
            await connection.execute("CREATE SCHEMA IF NOT EXISTS pgwarden")
            await connection.execute(
                "CREATE TABLE pgwarden.migration "
                "(number int PRIMARY KEY, name text NOT NULL, applied_at text NOT NULL)"
            )
        for migration in MIGRATIONS[done:]:
            for statement in migration.postgres:
                await connection.execute(statement)
            await connection.execute(
                "INSERT INTO pgwarden.migration (number, name, applied_at) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                written(datetime.now(UTC)),
            )

    async def _end(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        for connection in (self._listener, self._connection):
            if connection is not None:
                connection.terminate()
        for _ in range(3):  # until the sockets are closed
            await asyncio.sleep(0)
        self._loop.stop()

    async def _listen(self) -> None:
        if self._listener is not None and not self._listener.is_closed():
            return
        self._listener = await self._address.connect(self._wait_s)
        await self._listener.add_listener(_CHANNEL, lambda *_: self._woken.set())
        self._woken.set()  # what was appended before it listened

    # -- calling it ----------------------------------------------------------------------------------------

    def _call(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Have work done on the connection, or on a new one where that is lost."""

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

    async def _usable(self) -> Any:
        """A connection that answers: one that was idle may have been lost without a word."""
        connection = self._connection
        if connection is not None and self._loop.time() - self._used > _IDLE_S:
            try:
                await connection.execute("SELECT 1", timeout=self._wait_s)
            except _FAULTS:
                connection.terminate()
        if connection is None or connection.is_closed():
            self._connection = await self._address.connect(self._wait_s)
        return self._connection

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(3 * self._wait_s):
                return await work

        if self._loop.is_closed():
            work.close()
            raise LedgerError(f"the ledger {self._address} is closed")
        try:
            return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()
        except _FAULTS as error:
            raise LedgerError(self._explained(error)) from error

    def _explained(self, error: BaseException) -> str:
        place = f"the ledger {self._address}"
        match error:
            case asyncpg.LockNotAvailableError():
                return f"{place} stayed locked by another process for {self._wait_s:g} s"
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


async def _last(connection: Any) -> Position:
    row = await connection.fetchrow(_LAST)
    return Position(0, GENESIS) if row is None else Position(int(row[0]), str(row[1]))


async def _within(connection: Any, draft: Draft) -> bool:
    """Whether a draft's limits still let it in."""
    for kind, most in draft.limits:
        count = await connection.fetchval(
            "SELECT count(*) FROM pgwarden.entry WHERE kind = $1 AND about = $2", kind, draft.about
        )
        if count >= most:
            return False
    return True


async def _applied(connection: Any) -> int:
    if await connection.fetchval("SELECT to_regclass('pgwarden.migration')") is None:
        return 0
    return int(await connection.fetchval("SELECT coalesce(max(number), 0) FROM pgwarden.migration"))


def _values(entry: Entry) -> tuple[object, ...]:
    return (
        entry.sequence,
        entry.kind,
        entry.about,
        entry.recorded_at,
        entry.recorded_by,
        entry.payload,
        entry.hash,
    )


def _one_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
