"""One database in the place of another, which stays under another name.

Enters: both names. Leaves: the name that the old one has now. The two renames and what follows are one
transaction: whoever connects finds the old one or the new one. Deliberately absent: dropping.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from proxy.backup.clients import BackupError, Clients
from proxy.backup.connection import Connection
from proxy.backup.session import Session, quoted

LONGEST_NAME: Final = 63
"""Bytes, as PostgreSQL is built (NAMEDATALEN)."""


def put_in_place(clients: Clients, server: Connection, new: str, old: str, moment: datetime) -> str:
    """Give `new` the name of `old`, its owner and its settings.

    Sessions in the old database are ended: a database in use cannot be renamed.

    Raises:
        BackupError: it may not be done; then both are as they were, and `old` takes connections again.
    """
    kept = beside(old, f"_before_{moment:%Y%m%d_%H%M%S}")
    with Session(clients, server) as session:
        this = f"datname = {_literal(old)}"
        if session.ask(f"SELECT count(*) FROM pg_database WHERE {this}") == 0:  # noqa: S608 - quoted
            raise BackupError(f"there is no database {old} to replace; the restored one is {new}")
        session.ask(f"ALTER DATABASE {quoted(old)} ALLOW_CONNECTIONS false")
    try:
        with Session(clients, server) as session:
            ended = "count(pg_terminate_backend(pid, 5000))"
            session.ask(f"SELECT {ended} FROM pg_stat_activity WHERE {this}")  # noqa: S608 - quoted
            owner = session.ask(
                f"SELECT to_json(pg_get_userbyid(datdba)) FROM pg_database WHERE {this}"  # noqa: S608 - quoted
            )
            session.ask("BEGIN")
            for setting in _settings(session, old):
                session.ask(f"ALTER DATABASE {quoted(new)} {setting}")
            session.ask(f"ALTER DATABASE {quoted(new)} OWNER TO {quoted(owner)}")
            session.ask(f"ALTER DATABASE {quoted(old)} RENAME TO {quoted(kept)}")
            session.ask(f"ALTER DATABASE {quoted(new)} RENAME TO {quoted(old)}")
            session.ask("COMMIT")
    except BaseException as error:
        with Session(clients, server) as session:
            session.ask(f"ALTER DATABASE {quoted(old)} ALLOW_CONNECTIONS true")
        if isinstance(error, BackupError):
            raise BackupError(f"{old} could not be replaced ({error}); the restored one is {new}") from error
        raise
    with Session(clients, server) as session:
        session.ask(f"ALTER DATABASE {quoted(kept)} ALLOW_CONNECTIONS true")
    return kept


def beside(name: str, ending: str) -> str:
    """A name for a database beside another; the server would cut a longer one without an error."""
    return name.encode()[: LONGEST_NAME - len(ending)].decode(errors="ignore") + ending


def _settings(session: Session, database: str) -> list[str]:
    """What ALTER DATABASE … SET has set, for all roles."""
    rows = session.ask(
        "SELECT coalesce(json_agg(setting), '[]') FROM pg_db_role_setting s "  # noqa: S608
        "JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) setting "
        f"WHERE s.setrole = 0 AND d.datname = {_literal(database)}"
    )
    pairs = (row.partition("=") for row in rows)
    return [f"SET {name} = {_value(name, value)}" for name, _, value in pairs]


# Lists are kept quoted already, as pg_dump knows (variable_is_guc_list_quote in dumputils.c).
_LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)


def _value(name: str, value: str) -> str:
    return value if name in _LISTS and value else _literal(value)


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{escaped}'"
