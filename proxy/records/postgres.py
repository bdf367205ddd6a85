"""The ledger's entries in a PostgreSQL database, for gates on several hosts.

Enters: drafts, from any number of processes anywhere. Leaves: entries, in the schema `pgwarden`. An advisory
lock puts appends in order, NOTIFY tells others of them. Deliberately absent: connections (database.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

from proxy.records.database import Caller, Connection, PostgresAddress
from proxy.records.entry import COLUMNS, GENESIS, Draft, Entry, LedgerError, entry_of, row_of, seal, written
from proxy.records.migrations import MIGRATIONS, NEWEST
from proxy.records.store import Position

_CHANNEL: Final = "pgwarden_ledger"
LOCK_CLASS: Final = 0x70677764  # "pgwd"; the table's own number stands beside it
_INSERT: Final = f"INSERT INTO pgwarden.entry ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608 - a constant
_LAST: Final = "SELECT sequence, hash FROM pgwarden.entry ORDER BY sequence DESC LIMIT 1"
_IS_THERE: Final = (
    "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'pgwarden' AND c.relname = 'migration')"
)
_PAGE: Final = f"""
    SELECT {COLUMNS} FROM pgwarden.entry
    WHERE sequence > $1
        AND ($3::text[] IS NULL OR kind = ANY ($3))
        AND kind <> ALL ($4::text[])
        AND ($5::text IS NULL OR about = $5)
    ORDER BY sequence LIMIT $2
"""  # noqa: S608 - a constant


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
        self._woken = threading.Event()
        self._database = Caller(address, wait_s)
        try:
            self._database.call(lambda connection: self._prepare(connection, create))
        except BaseException:
            self.close()
            raise

    @property
    def place(self) -> str:
        """The server and the database, without a password."""
        return str(self._address)

    def append(self, drafts: Sequence[Draft], clock: Callable[[], datetime]) -> list[Entry | None]:
        """See `Store`."""
        return self._database.call(lambda connection: self._append(connection, drafts, clock))

    def last(self) -> Position:
        """See `Store`."""
        return self._database.call(_last)

    def hash_at(self, sequence: int) -> str | None:
        """See `Store`."""
        found = self._database.call(
            lambda connection: connection.fetchval(
                "SELECT hash FROM pgwarden.entry WHERE sequence = $1", sequence
            )
        )
        return None if found is None else str(found)

    def page(
        self, after: int, most: int, kinds: Collection[str] | None, but: Collection[str], about: str | None
    ) -> list[Entry]:
        """See `Store`."""
        wanted = None if kinds is None else sorted(kinds)
        rows = self._database.call(
            lambda connection: connection.fetch(_PAGE, after, most, wanted, sorted(but), about)
        )
        return [entry_of(row) for row in rows]

    def identity(self) -> Hashable:
        """The address: what lies there now is told by the hashes."""
        return str(self._address)

    def wait(self, timeout_s: float) -> None:
        """Wait for NOTIFY; where that cannot be had, for the time."""
        with suppress(LedgerError):  # whoever reads next hears why
            self._database.listen(_CHANNEL, self._woken.set)
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """See `Store`."""
        self._woken.set()

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Callable[[], bool]]:
        """By an advisory lock, on a connection of its own."""
        caller = Caller(self._address, self._wait_s)

        async def attempt(connection: Connection) -> bool:
            mine = "SELECT pg_try_advisory_lock($1, hashtext($2))"
            return bool(await connection.fetchval(mine, LOCK_CLASS + 1, name))

        try:
            yield lambda: caller.call(attempt)
        finally:
            caller.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._database.close()

    async def _append(
        self,
        connection: Connection,
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
                await connection.execute(_INSERT, *row_of(entry))
                last = Position(entry.sequence, entry.hash)
                entries.append(entry)
            await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, str(last.sequence))
        return entries

    async def _take_turn(self, connection: Connection) -> None:
        """Wait until nobody else appends; a role's own settings must not make a commit less than durable."""
        await connection.execute(f"SET LOCAL lock_timeout = {max(1, round(self._wait_s * 1000))}")
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', true) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
        await connection.execute(
            "SELECT pg_advisory_xact_lock($1, 'pgwarden.entry'::regclass::oid::int)", LOCK_CLASS
        )

    async def _prepare(self, connection: Connection, create: bool) -> None:
        applied = await _applied(connection)
        if applied == 0 and not create:
            raise LedgerError(f"there is no ledger at {self._address}")
        if applied < NEWEST:
            async with connection.transaction(isolation="read_committed"):
                await connection.execute("SELECT pg_advisory_xact_lock($1, 0)", LOCK_CLASS)
                await self._migrate(connection)
            applied = await _applied(connection)
        if applied > NEWEST:
            raise LedgerError(
                f"the ledger {self._address} was written by a newer pgwarden (schema {applied}); upgrade"
            )

    async def _migrate(self, connection: Connection) -> None:
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


async def _last(connection: Connection) -> Position:
    row = await connection.fetchrow(_LAST)
    return Position(0, GENESIS) if row is None else Position(int(str(row[0])), str(row[1]))


async def _within(connection: Connection, draft: Draft) -> bool:
    """Whether a draft's limits still let it in."""
    for kind, most in draft.limits:
        count = await connection.fetchval(
            "SELECT count(*) FROM pgwarden.entry WHERE kind = $1 AND about = $2", kind, draft.about
        )
        if int(str(count)) >= most:
            return False
    return True


async def _applied(connection: Connection) -> int:
    # Read from the catalogue's rows: to_regclass() would answer from a cache, which says that there is no
    # schema even after another has made it while this connection waited for the lock.
    if not await connection.fetchval(_IS_THERE):
        return 0
    newest = await connection.fetchval("SELECT coalesce(max(number), 0) FROM pgwarden.migration")
    return int(str(newest))
