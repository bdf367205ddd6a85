"""One reading of a database's catalogue.

Enters: a connection. Leaves: a Reading: the rows, and the Snapshot that they make. One transaction,
read-only, at repeatable read. Deliberately absent: when to read (keeper.py), and what the rows mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import asyncpg

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

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Rows: TypeAlias = Sequence[Sequence[Any]]  # a row's shape is its query's

SETTINGS: Final = {
    "application_name": "pgwarden catalogue",
    "search_path": "pg_catalog",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "repeatable read",
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "client_min_messages": "error",
    "DateStyle": "ISO",
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

    def snapshot(self) -> Snapshot:
        """The rows as what they stand for; for a thread, where there are many."""
        return _snapshot(self.rows)


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
        asyncpg.PostgresError, asyncpg.InterfaceError, OSError: as the connection does.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        state = "\n".join(map(str, map(tuple, await connection.fetch(queries.STATE))))
        if state == known:
            return None
        rows: dict[str, Rows] = {}
        for name, query in _QUERIES.items():
            rows[name] = await connection.fetch(query)
        rows["code"] = [row for query in queries.CODE for row in await connection.fetch(query)]
        return Reading(state, rows)


def _snapshot(rows: dict[str, Rows]) -> Snapshot:
    code = sorted(rows["code"], key=lambda row: (row[0], row[1], row[2], row[4]))
    return Snapshot(
        server_major=rows["server"][0][0],
        relations=tuple(Relation(*row[:4], tuple(row[4])) for row in rows["relations"]),
        inherits=tuple((row[0], row[1]) for row in rows["inherits"]),
        functions=tuple(
            Function(*row[:6], tuple(row[6]), *row[7:11], tuple(row[11])) for row in rows["functions"]
        ),
        code=tuple(Code(*row[:3], frozenset(row[3]), *row[4:]) for row in code),
        foreign_keys=tuple(
            ForeignKey(*row[:5], tuple(row[5]), tuple(row[6])) for row in rows["foreign_keys"]
        ),
        operators=tuple(Operator(*row) for row in rows["operators"]),
        casts=tuple(Cast(*row) for row in rows["casts"]),
        types=tuple(Type(*row[:4], tuple(row[4]), row[5], tuple(row[6])) for row in rows["types"]),
        event_triggers=tuple(
            EventTrigger(row[0], row[1], tuple(row[2]), row[3]) for row in rows["event_triggers"]
        ),
        dependants=tuple(
            Dependant((row[0], row[1], row[2]), (row[3], row[4], row[5]), *row[6:])
            for row in rows["dependants"]
        ),
        schemas=tuple((row[0], row[1]) for row in rows["schemas"]),
        extensions=tuple((row[0], row[1]) for row in rows["extensions"]),
    )
