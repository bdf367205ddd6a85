"""Asks the server for a user's verifier, as a role that may read pg_authid, or call a function that does.

Enters: a user's name. Leaves: what rolpassword holds, or a QueryFailed of one line without a secret. One
connection, kept; after a failure nobody connects for a while, so that a wrong password of the gate's own is
no storm. Nothing is cached: a password that was changed counts at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Protocol

import asyncpg  # type: ignore[import-untyped]

from proxy.app.asking import Password
from proxy.app.catalogue.source import FAULTS
from proxy.records import DriverTls
from proxy.wire.scram import DEFAULT_ITERATIONS

DEFAULT_QUERY: Final = (
    "SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin"
)

_SETTINGS: Final = {
    "application_name": "pgwarden auth",
    "search_path": "pg_catalog",
    "default_transaction_read_only": "on",
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "client_min_messages": "error",
}
"""No name in the query can mean an object of somebody else's (CVE-2025-12819), and nothing can be written."""

_FIRST_RETRY_S: Final = 0.5
_LAST_RETRY_S: Final = 30.0


class QueryFailed(Exception):
    """The server cannot be asked; the message is one line that says why."""


class _Connection(Protocol):
    """What is needed of asyncpg's connections, which have no types of their own."""

    async def fetch(self, query: str, *values: object) -> Sequence[Sequence[object]]: ...

    def get_settings(self) -> object: ...

    def is_closed(self) -> bool: ...

    async def close(self, *, timeout: float) -> None: ...  # noqa: ASYNC109 - asyncpg's own word

    def terminate(self) -> None: ...


@dataclass(frozen=True, slots=True)
class QuerySource:
    """Where to ask, as whom, and what.

    Attributes:
        password: or what gives it, asked for each connection; None leaves it to ~/.pgpass.
        query: gives rows of a name and a verifier for the user that is $1.
    """

    host: str
    port: int
    role: str
    database: str
    password: Password = field(repr=False)
    tls: DriverTls = field(default_factory=DriverTls)
    query: str = DEFAULT_QUERY
    timeout_s: float = 10.0

    async def connect(self) -> _Connection:
        """Open a connection.

        Raises: what FAULTS names.
        """
        connection: _Connection = await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=self.role,
            password=self.password,
            database=self.database,
            ssl=self.tls.mode,
            direct_tls=self.tls.direct,
            timeout=self.timeout_s,
            command_timeout=self.timeout_s,
            statement_cache_size=0,
            server_settings=_SETTINGS,
        )
        return connection


class VerifierQuery:
    """Asks one question at a time over one connection.

    Attributes:
        iterations: what the server gives to those whose password it hashes now; it reports that since 16.
    """

    def __init__(self, source: QuerySource) -> None:
        """Nothing is opened before somebody asks."""
        self._source = source
        self._connection: _Connection | None = None
        self._lock = asyncio.Lock()
        self._retry_s = 0.0
        self._retry_at = 0.0
        self._trouble = ""
        self.iterations = DEFAULT_ITERATIONS

    async def find(self, user: str) -> str | None:
        """The verifier of a user; None where there is no such user, or it has none.

        A client that goes away meanwhile takes nothing with it: the connection is everybody's.
        Raises: QueryFailed.
        """
        asking = asyncio.get_running_loop().create_task(self._find(user))
        asking.add_done_callback(_retrieve)
        return await asyncio.shield(asking)

    async def _find(self, user: str) -> str | None:
        async with self._lock:
            if self._trouble and monotonic() < self._retry_at:
                raise QueryFailed(self._trouble)
            try:
                rows = await self._ask(user)
            except FAULTS as error:
                await self._disconnect()
                raise self._failed(_reason(error)) from error
            self._trouble, self._retry_s = "", 0.0
        if not rows:
            return None
        verifier = rows[0][1] if len(rows) == 1 and len(rows[0]) > 1 else 0
        if not isinstance(verifier, str | None):
            raise QueryFailed("the auth_query does not give one row of a name and a verifier")
        return verifier

    async def close(self) -> None:
        """Let go of the connection."""
        async with self._lock:
            await self._disconnect()

    async def _ask(self, user: str) -> Sequence[Sequence[object]]:
        """Ask; a connection that was lost meanwhile is made anew, once."""
        connection = self._connection
        if connection is not None and not connection.is_closed():
            try:
                return await connection.fetch(self._source.query, user)
            except asyncpg.PostgresError as error:
                if not (error.sqlstate or "").startswith(("08", "57")):
                    raise
            except FAULTS:
                pass
            await self._disconnect()
        self._connection = await self._source.connect()
        reported = getattr(self._connection.get_settings(), "scram_iterations", "")
        self.iterations = int(reported) if reported.isdecimal() else DEFAULT_ITERATIONS
        return await self._connection.fetch(self._source.query, user)

    def _failed(self, reason: str) -> QueryFailed:
        self._trouble = reason
        self._retry_s = min(max(self._retry_s * 2, _FIRST_RETRY_S), _LAST_RETRY_S)
        self._retry_at = monotonic() + self._retry_s
        return QueryFailed(reason)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=1)
        except FAULTS:
            with suppress(*FAULTS):
                connection.terminate()


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _retrieve(task: asyncio.Task[str | None]) -> None:
    """Nobody may be left to hear of a failure, which asyncio would complain of."""
    if not task.cancelled():
        task.exception()
