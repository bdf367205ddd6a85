"""Keeps what is known of databases fresh, for one listener.

Enters: sessions that ask for a database, and the news that some may have gone. Leaves: a Database for the
gate, read anew when the catalogue has changed; None when it cannot be read for too long. A database is read
while it has sessions: its connection closes after the last, so that it can be dropped, and whoever comes then
waits for what is read from scratch. Deliberately absent: the queries, and what a gate does without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from time import monotonic
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.catalogue.reader import Connection, Reading, read
from proxy.app.catalogue.readings import Texts
from proxy.app.catalogue.source import FAULTS, CatalogueSource, CatalogueUnreadable, unreadable
from proxy.session import Found
from proxy.sql.database import Database, Readings, Snapshot

Swap = Callable[[str, Database | None], None]
TextReader = Callable[[bytes, int], Coroutine[None, None, Found]]

_FIRST_RETRY_S: Final = 0.25
_LAST_RETRY_S: Final = 5.0
_TOGETHER_S: Final = 0.05
"""Sessions that end within this time are looked at together."""
_PATIENCE_S: Final = 1.0
"""How long somebody who asks may wait for the next attempt; after that the answer is no."""


class CatalogueKeeper:
    """The databases of one listener."""

    def __init__(
        self,
        source: CatalogueSource,
        swap: Swap,
        reader: TextReader,
        in_use: Callable[[str], bool],
        log: BoundLogger,
        *,
        interval_s: float,
        stale_after_s: float,
    ) -> None:
        """Nothing is read before somebody asks.

        Args:
            source: where, and as whom.
            swap: gives the gate what is known of a database.
            reader: reads long texts.
            in_use: whether sessions of a database are there.
            log: told when a catalogue is lost and found.
            interval_s: how often to look for changes, less where that would be stale.
            stale_after_s: how old what is known may be.
        """
        self._source = source
        self._swap = swap
        self._reader = reader
        self._in_use = in_use
        self._log = log
        self._interval_s = min(interval_s, stale_after_s / 2)
        self._stale_after_s = stale_after_s
        self._kept: dict[str, _Kept] = {}
        self._ended = asyncio.Event()

    async def refreshed(self, database: str) -> Database:
        """What is read of a database after this call began.

        Raises:
            CatalogueUnreadable: it cannot be read.
        """
        kept = self._kept.get(database)
        if kept is None:
            kept = self._kept[database] = _Kept(
                database, self._source, self._swap, Texts(self._reader), self._log, self._stale_after_s
            )
            kept.start(self._interval_s)
        return await kept.refreshed()

    async def ready(self, database: str) -> None:
        """Wait until a database was read anew, or could not be: then the gate has none."""
        try:
            await self.refreshed(database)
        except CatalogueUnreadable:
            return

    async def release(self) -> None:
        """Let go of the databases that nobody uses any more."""
        idle = [name for name in self._kept if not self._in_use(name)]
        gone = [self._kept.pop(name) for name in idle]
        for name in idle:
            self._swap(name, None)
        await asyncio.gather(*(kept.stop() for kept in gone))

    def session_ended(self) -> None:
        """A session is over; whether it was the last of its database is looked into soon."""
        self._ended.set()

    async def run(self) -> None:
        """Notice what grows old, and what nobody uses, until cancelled; then let go of all."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(1.0, self._stale_after_s / 4)):
                        await self._ended.wait()
                self._ended.clear()
                await asyncio.sleep(_TOGETHER_S)
                for kept in self._kept.values():
                    kept.notice_age()
                await self.release()
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of all."""
        gone = list(self._kept.values())
        self._kept.clear()
        await asyncio.gather(*(kept.stop() for kept in gone))

    @property
    def age_s(self) -> float:
        """How old the oldest of what is known is; 0 where nothing is kept."""
        return max((kept.age_s for kept in self._kept.values()), default=0.0)

    @property
    def readable(self) -> bool:
        """Whether every database that is in use can be read."""
        return not any(kept.trouble for kept in self._kept.values())


class _Kept:
    """One database: a connection, what was read last, and those who wait for the next reading."""

    def __init__(
        self,
        name: str,
        source: CatalogueSource,
        swap: Swap,
        texts: Texts,
        log: BoundLogger,
        stale_after_s: float,
    ) -> None:
        self._name = name
        self._source = source
        self._swap = swap
        self._texts = texts
        self._log = log
        self._stale_after_s = stale_after_s
        self._connection: Connection | None = None
        self._reading: Reading | None = None
        self._database: Database | None = None
        self._former: Database | None = None  # not used any more
        self._given = False  # the gate has it
        self._asked: list[asyncio.Future[Database]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._fresh_at = monotonic()
        self._retry_s = 0.0
        self._retry_at = 0.0
        self.trouble = ""

    @property
    def age_s(self) -> float:
        return monotonic() - self._fresh_at

    def start(self, interval_s: float) -> None:
        self._task = asyncio.get_running_loop().create_task(
            self._run(interval_s), name=f"catalogue {self._name}"
        )

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._refuse(CatalogueUnreadable(f"the catalogue of {self._name} is not read any more"))
        await self._disconnect()

    async def refreshed(self) -> Database:
        future: asyncio.Future[Database] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        self._wake.set()
        return await future

    async def _run(self, interval_s: float) -> None:
        """Look whenever somebody asks, and at intervals; those who ask meanwhile are next."""
        while True:
            pause_s = self._retry_at - monotonic() if self.trouble else 0.0
            if pause_s > _PATIENCE_S:
                self._refuse(CatalogueUnreadable(self.trouble))
            if pause_s > 0:
                await self._woken(pause_s)
                continue
            asked, self._asked = self._asked, []
            self._wake.clear()
            started = monotonic()
            try:
                database = await self._look()
            except CatalogueUnreadable as error:
                await self._failed(error)
                _tell(asked, error)
            except Exception as error:  # whatever it is: a database that cannot be read is not guessed at
                fault = CatalogueUnreadable(f"reading the catalogue failed: {type(error).__name__}")
                await self._failed(fault)
                _tell(asked, fault)
            else:
                self._succeeded(database, started)
                _tell(asked, database)
            former, self._former = [self._former], None
            await asyncio.to_thread(former.clear)  # taking thousands of objects apart takes milliseconds
            if not self.trouble:
                await self._woken(interval_s)

    async def _woken(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return
        if self.trouble:
            self._wake.clear()

    async def _look(self) -> Database:
        """Read the catalogue if it has changed."""
        reading = await self._read()
        if reading is None and self._database is not None:
            return self._database
        if reading is None:
            raise CatalogueUnreadable(f"the catalogue of {self._name} was lost")
        # A thread: for thousands of tables this takes longer than the event loop may be held.
        snapshot = await asyncio.to_thread(reading.take_snapshot)
        readings = await self._texts.read(snapshot)
        database = await asyncio.to_thread(_make, self._name, snapshot, readings)
        self._reading = reading
        if self._database is None or database.digest != self._database.digest:
            self._former, self._database = self._database, database
        else:
            self._former = database
        return self._database

    async def _read(self) -> Reading | None:
        """None where nothing has changed; a connection that was lost meanwhile is made anew, once."""
        if self._connection is not None and self._reading is not None:
            try:
                return await read(self._connection, self._reading.state)
            except FAULTS:
                await self._disconnect()
        try:
            self._connection = await self._source.connect(self._name)
            return await read(self._connection)
        except FAULTS as error:
            raise unreadable(self._name, error) from error

    def _succeeded(self, database: Database, started: float) -> None:
        if self.trouble:
            self._log.info("the catalogue is read again", database=self._name)
        self.trouble, self._retry_s = "", 0.0
        self._fresh_at = started
        self._given = True
        self._swap(self._name, database)

    async def _failed(self, error: CatalogueUnreadable) -> None:
        """Note it, once; what is known stays until it is too old."""
        if not self.trouble:
            self._log.error(str(error))
        self.trouble = str(error)
        self._retry_s = min(max(self._retry_s * 2, _FIRST_RETRY_S), _LAST_RETRY_S)
        self._retry_at = monotonic() + self._retry_s
        await self._disconnect()
        self.notice_age()

    def notice_age(self) -> None:
        """Take from the gate what is too old."""
        if self._given and self.age_s > self._stale_after_s:
            self._given = False
            self._log.error("what is known of the database is stale: it is not used", database=self._name)
            self._swap(self._name, None)

    def _refuse(self, error: CatalogueUnreadable) -> None:
        asked, self._asked = self._asked, []
        self._wake.clear()
        _tell(asked, error)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._reading = None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=1)
        except FAULTS:
            connection.terminate()


def _make(name: str, snapshot: Snapshot, readings: Readings) -> Database:
    """A database whose screen is made, too."""
    database = Database(name, snapshot, readings)
    database.screen  # noqa: B018 - kept from here on
    return database


def _tell(asked: list[asyncio.Future[Database]], outcome: Database | CatalogueUnreadable) -> None:
    """Answer those who still wait."""
    for future in asked:
        if future.done():
            continue
        if isinstance(outcome, Database):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
