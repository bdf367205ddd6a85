r"""What drivers and tools say by themselves, answered so that they go on.

Enters: the tokens of a command that is none of the console's own. Leaves: a Statement; None where nothing
is known. Each entry names who sends it. Deliberately absent: catalogue queries (psql's `\d` and tab
completion, drivers that load types): there is no catalogue, and an empty answer would be a lie; they get
the error that names SHOW HELP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy import __version__
from proxy.console.psql.statements import Control, Fact, Nothing, Statement
from proxy.console.psql.tables import Column, texts
from proxy.console.psql.tables import Kind as ColumnKind
from proxy.console.psql.tokens import Kind, Refused, Token

SERVER_VERSION: Final = f"15.0 (pgwarden {__version__})"
"""Drivers read a PostgreSQL version out of it, and psql warns where it is newer than itself."""

REPORTED: Final[Mapping[str, str]] = {
    "server_version": SERVER_VERSION,
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "application_name": "",
    "is_superuser": "off",
    "session_authorization": "",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
    "default_transaction_read_only": "off",
    "in_hot_standby": "off",
}
"""ParameterStatus at the start; two are filled for each client."""

_SHOWN: Final[Mapping[str, str]] = {
    "server_version_num": "150000",
    "search_path": "",
    "transaction_isolation": "read committed",
    "default_transaction_isolation": "read committed",
    "transaction_read_only": "off",
    "max_identifier_length": "63",
    "statement_timeout": "0",
    "lc_collate": "C.UTF-8",
    "ssl": "off",
}
"""What SHOW says beside those: SQLAlchemy, libpq's target_session_attrs, poolers' health checks."""

_UTF8: Final = frozenset(("utf8", "utf-8", "unicode", "default", "sql_ascii"))
_IGNORED: Final = ("set", "reset", "discard", "deallocate", "close", "unlisten")
_TAGS: Final[Mapping[str, str]] = {"close": "CLOSE CURSOR"}
_CONTROLS: Final[Mapping[str, str]] = {
    "begin": "BEGIN",
    "start": "BEGIN",
    "commit": "COMMIT",
    "end": "COMMIT",
    "rollback": "ROLLBACK",
    "abort": "ROLLBACK",
    "savepoint": "SAVEPOINT",
    "release": "RELEASE",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a connection knows of itself.

    Attributes:
        number: what pg_backend_pid() says.
    """

    user: str
    database: str
    number: int
    application: str = ""


def reported(asked: Asked) -> Mapping[str, str]:
    """The settings that a client is told when it has logged in."""
    return {**REPORTED, "application_name": asked.application, "session_authorization": asked.user}


def courtesy(command: tuple[Token, ...], asked: Asked) -> Statement | None:
    """What to answer, if it is known.

    Raises: Refused on an encoding that is not spoken here.
    """
    first = command[0].folded if command[0].kind is Kind.WORD else ""
    if first in _CONTROLS:
        back_to = first == "rollback" and any(token.says("to") for token in command[1:3])
        return Control(_CONTROLS[first], back_to)
    if first in _IGNORED:
        _check_encoding(command)
        return Nothing(_tag(command))
    said = " ".join(token.folded for token in command)
    if first == "show":
        return _show(said.removeprefix("show "), asked)
    return _FACTS[said](asked) if said in _FACTS else None


def _tag(command: tuple[Token, ...]) -> str:
    first = command[0].folded
    if first in ("discard", "deallocate") and len(command) == 2 and command[1].says("all"):
        return f"{first.upper()} ALL"
    return _TAGS.get(first, first.upper())


def _check_encoding(command: tuple[Token, ...]) -> None:
    """`SET client_encoding TO 'LATIN1'` must not seem to be done: the rows would be misread."""
    words = [token.folded.lower() for token in command]
    if words[0] == "set" and ("client_encoding" in words or "names" in words[:3]) and words[-1] not in _UTF8:
        raise Refused("0A000", "pgwarden's console speaks UTF8 alone", hint="SET client_encoding TO 'UTF8'")


def _show(name: str, asked: Asked) -> Statement | None:
    name = {"transaction isolation level": "transaction_isolation", "time zone": "timezone"}.get(name, name)
    known = {key.lower(): (key, value) for key, value in {**_SHOWN, **reported(asked)}.items()}
    if name not in known:
        return None
    column, value = known[name]
    return Fact(texts(column), (value,), "SHOW")


def _one(name: str, value: str | int | bool | None, kind: ColumnKind = ColumnKind.TEXT) -> Fact:
    return Fact((Column(name, kind),), (value,))


def _version(asked: Asked) -> Fact:
    return _one("version", f"PostgreSQL {SERVER_VERSION}, the console")


def _pid(asked: Asked) -> Fact:
    return _one("pg_backend_pid", asked.number, ColumnKind.INT8)


_FACTS: Final[Mapping[str, Callable[[Asked], Fact]]] = {
    "select 1": lambda asked: _one("?column?", 1, ColumnKind.INT8),  # health checks
    "select version ( )": _version,
    "select pg_catalog . version ( )": _version,  # SQLAlchemy
    "select current_schema ( )": lambda asked: _one("current_schema", None),
    "select current_user": lambda asked: _one("current_user", asked.user),
    "select session_user": lambda asked: _one("session_user", asked.user),
    "select current_database ( )": lambda asked: _one("current_database", asked.database),
    "select pg_backend_pid ( )": _pid,
    "select pg_catalog . pg_backend_pid ( )": _pid,
    "select pg_is_in_recovery ( )": lambda asked: _one("pg_is_in_recovery", False, ColumnKind.BOOL),
    "select pg_catalog . pg_is_in_recovery ( )": lambda asked: _one(
        "pg_is_in_recovery", False, ColumnKind.BOOL
    ),
    "select pg_advisory_unlock_all ( )": lambda asked: _one("pg_advisory_unlock_all", ""),  # asyncpg's pool
}
