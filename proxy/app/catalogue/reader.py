"""One reading of a database's catalogue.

Enters: a connection. Leaves: a Reading: the rows, and the Snapshot that they make. One transaction,
read-only, at repeatable read. Deliberately absent: when to read (keeper.py), and what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from proxy.app.catalogue import queries
from proxy.sql.database.snapshot import (
    Cast,
    Code,
    Dependant,
    EventTrigger,
    ForeignKey,
    Function,
    Operator,
    Relation,
    Snapshot,
    Type,
)

Rows: TypeAlias = Sequence[Sequence[Any]]  # a row's shape is its query's


class Cursor(Protocol):
    """The same of its cursors."""

    async def fetch(self, n: int) -> Rows:
        """The next rows."""


class Connection(Protocol):
    """What is needed of asyncpg's connections, which have no types of their own."""

    def transaction(self, *, isolation: str, readonly: bool) -> AbstractAsyncContextManager[object]:
        """A transaction, for a with."""

    async def cursor(self, query: str) -> Cursor:
        """The rows of a query, some at a time."""

    def is_closed(self) -> bool:
        """Whether it has ended."""

    async def close(self, *, timeout: float) -> None:  # noqa: ASYNC109 - asyncpg's own word
        """End it."""

    def terminate(self) -> None:
        """End it without a word."""


SETTINGS: Final = {
    "application_name": "pgwarden catalogue",
    "search_path": "pg_catalog",
    "default_transaction_read_only": "on",
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "client_min_messages": "error",
    "jit": "off",  # compiling the queries takes seconds, running them milliseconds
}
"""What a connection begins with: no name in it can mean a user's object, and nothing can be written."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one transaction.

    Attributes:
        state: changes when the catalogue changes.
        rows: what each query gave, by its name.
    """

    state: str
    rows: dict[str, Rows]

    def take_snapshot(self) -> Snapshot:
        """The rows as what they stand for; they are gone then. For a thread, where there are many."""
        snapshot = _snapshot(self.rows)
        self.rows.clear()
        return snapshot


_AT_ONCE: Final = 200

_QUERIES: Final = {
    "server": queries.SERVER,
    "schemas": queries.SCHEMAS,
    "extensions": queries.EXTENSIONS,
    "relations": queries.RELATIONS,
    "inherits": queries.INHERITS,
    "functions": queries.FUNCTIONS,
    "foreign_keys": queries.FOREIGN_KEYS,
    "operators": queries.OPERATORS,
    "casts": queries.CASTS,
    "types": queries.TYPES,
    "event_triggers": queries.EVENT_TRIGGERS,
    "dependants": queries.DEPENDANTS,
}


async def read(connection: Connection, known: str = "") -> Reading | None:
    """Read everything, unless the state is the one that is known.

    Raises:
        what source.py calls FAULTS.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        state = "\n".join(map(str, map(tuple, await _fetch(connection, queries.STATE))))
        if state == known:
            return None
        rows: dict[str, Rows] = {}
        for name, query in _QUERIES.items():
            rows[name] = await _fetch(connection, query)
        rows["code"] = [row for query in queries.CODE for row in await _fetch(connection, query)]
        return Reading(state, rows)


async def _fetch(connection: Connection, query: str) -> list[Sequence[Any]]:
    """All rows of a query; the driver decodes what comes at once in one turn of the loop."""
    cursor = await connection.cursor(query)
    rows: list[Sequence[Any]] = []
    while more := await cursor.fetch(_AT_ONCE):
        rows += more
    return rows


def _snapshot(rows: dict[str, Rows]) -> Snapshot:
    code = sorted(rows["code"], key=lambda row: (row[0], row[1], row[2], row[4]))
    return Snapshot(
        server_major=rows["server"][0][0],
        relations=tuple(Relation(*_values(row)) for row in rows["relations"]),
        inherits=tuple((row[0], row[1]) for row in rows["inherits"]),
        functions=tuple(Function(*_values(row)) for row in rows["functions"]),
        code=tuple(Code(*_values(row)) for row in code),
        foreign_keys=tuple(ForeignKey(*_values(row)) for row in rows["foreign_keys"]),
        operators=tuple(Operator(*row) for row in rows["operators"]),
        casts=tuple(Cast(*row) for row in rows["casts"]),
        types=tuple(Type(*_values(row)) for row in rows["types"]),
        event_triggers=tuple(EventTrigger(*_values(row)) for row in rows["event_triggers"]),
        dependants=tuple(_dependant(row) for row in rows["dependants"]),
        schemas=tuple((row[0], row[1]) for row in rows["schemas"]),
        extensions=tuple((row[0], row[1]) for row in rows["extensions"]),
    )


def _values(row: Sequence[Any]) -> Iterator[Any]:
    return (tuple(value) if type(value) is list else value for value in row)


def _dependant(row: Sequence[Any]) -> Dependant:
    return Dependant((row[0], row[1], row[2]), (row[3], row[4], row[5]), *row[6:])
