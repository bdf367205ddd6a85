"""The change log in a table of a database, for those who look at it with SQL.

Enters: changes as `as_dict` gives them. Leaves: a row for each, made or brought up to date. The ledger stays
the only truth: nothing is read back. Deliberately absent: removing rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from proxy.records import LedgerError, PostgresAddress
from proxy.records.database import Caller, Connection

WAIT_S: Final = 10.0
_AT_ONCE: Final = 500

_COLUMNS: Final[Mapping[str, str]] = {
    "change": "bigint PRIMARY KEY",
    "time": "timestamptz NOT NULL",
    "recorded_by": "text NOT NULL",
    "database": "text NOT NULL",
    "role": "text NOT NULL",
    "client_address": "text",
    "application": "text NOT NULL",
    "listener": "text NOT NULL",
    "transaction": "text NOT NULL",
    "policy": "text NOT NULL",
    "statement": "text",
    "effects": "text[] NOT NULL",
    "targets": "text[] NOT NULL",
    "risk": "text NOT NULL",
    "migration": "text",
    "backup": "text",
    "newest_backup": "text",
    "approval": "text",
    "staging": "text",
    "outcome": "text",
    "tags": "text[] NOT NULL",
    "rows": "bigint",
    "sqlstate": "text",
    "duration_ms": "bigint",
    "prepared_as": "text",
    "rollback_plan": "text[] NOT NULL",
}
"""By the keys of `as_dict`."""


def put(address: PostgresAddress, name: tuple[str, str], rows: Sequence[Mapping[str, object]]) -> None:
    """Make the table where there is none, and put the rows into it, in one transaction.

    Args:
        name: schema and table.

    Raises:
        LedgerError: it cannot be done; one sentence.
    """
    table = ".".join(_quoted(part) for part in name)
    columns = ", ".join(f"{_quoted(column)} {kind}" for column, kind in _COLUMNS.items())
    names = ", ".join(map(_quoted, _COLUMNS))
    later = ", ".join(f"{_quoted(c)} = excluded.{_quoted(c)}" for c in _COLUMNS if c != "change")
    fill = (
        f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608 - names of our own, and a quoted one
        f"FROM jsonb_populate_recordset(NULL::{table}, $1::text::jsonb) "
        f"ON CONFLICT (change) DO UPDATE SET {later}"
    )

    async def work(connection: Connection) -> None:
        async with connection.transaction(isolation="read_committed"):
            there = "SELECT true FROM pg_namespace WHERE nspname = $1"
            if not await connection.fetchval(there, name[0]):
                await connection.execute(f"CREATE SCHEMA {_quoted(name[0])}")
            await connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
            for at in range(0, len(rows), _AT_ONCE):
                await connection.execute(fill, json.dumps(rows[at : at + _AT_ONCE]))

    caller = Caller(address, WAIT_S, "the database")
    try:
        caller.call(work)
    finally:
        caller.close()


def _quoted(name: str) -> str:
    if "\0" in name:
        raise LedgerError("a name holds a zero byte")
    return '"' + name.replace('"', '""') + '"'
