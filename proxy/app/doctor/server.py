"""The database server: who else connects, who could, and what guards it if the gate is gone round.

Enters: a role's way to one database, the gate's addresses. Leaves: findings. Each question is asked in a
read-only transaction of its own, so that one which the role may not ask costs no other its answer.
Deliberately absent: what the answers mean (hba.py, roles.py, guards.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from proxy.app.catalogue.reader import Connection, Rows
from proxy.app.catalogue.source import FAULTS, CatalogueSource, CatalogueUnreadable
from proxy.app.doctor import guards
from proxy.app.doctor.finding import Finding, critical, fine, note, warning
from proxy.app.doctor.hba import HBA, examine_hba
from proxy.app.doctor.networks import LOOPBACK, Networks, inside, network_of, shown
from proxy.app.doctor.roles import ROLES, examine_roles
from proxy.relay import parse_upstream
from proxy.sql.screen import MAJORS

FORM: Final = "postgresql://ROLE@HOST:PORT/DATABASE"
_CLOCK: Final = timedelta(seconds=2)
_MOST_ROWS: Final = 1000

_SELF: Final = """
SELECT current_setting('server_version_num')::int / 10000, host(inet_client_addr()), clock_timestamp(),
       current_setting('ssl'), current_setting('password_encryption'), current_setting('log_connections'),
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""
_SESSIONS: Final = """
SELECT usename, datname, host(client_addr), count(*)
FROM pg_stat_activity
WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_DATABASES: Final = "SELECT datname FROM pg_database"


@dataclass(frozen=True, slots=True)
class Myself:
    """The server, and this connection as it sees it.

    Attributes:
        address: where this connection comes from; None for a Unix socket.
        ahead: how far the server's clock is ahead of ours.
        doubt: half the round trip, by which `ahead` may be wrong.
        sees_others: whether the role may see where others come from.
    """

    major: int
    address: str | None
    ahead: timedelta
    doubt: timedelta
    ssl: str
    password_encryption: str
    log_connections: str
    sees_others: bool

    def gates(self, given: Networks) -> Networks:
        """The gate's networks: those given, and, since this runs on the gate's host, where we come from."""
        if self.address is None:
            return (*LOOPBACK, *given)
        own = network_of(self.address)
        return (*(LOOPBACK if own is not None and own.is_loopback else (own,) if own else ()), *given)


def parse_server(url: str, ca_file: str | None) -> tuple[CatalogueSource, str]:
    """Who asks, and in which database; the password is libpq's: PGPASSWORD or ~/.pgpass.

    Raises: ValueError, in one line.
    """
    try:
        parts = urlsplit(url.strip())
        password = parts.password
    except ValueError:
        raise ValueError(f"is not a URL: write {FORM}") from None
    if password is not None:
        raise ValueError("must not hold a password: put it into PGPASSWORD or ~/.pgpass")
    user, _, where = parts.netloc.rpartition("@")
    database = unquote(parts.path.removeprefix("/"))
    if not user or not database or "/" in database:
        raise ValueError(f"must name a role and a database: {FORM}")
    rest = urlunsplit((parts.scheme, where, "", parts.query, parts.fragment))
    return CatalogueSource(parse_upstream(rest, ca_file=ca_file), unquote(user), None), database


async def examine_server(
    source: CatalogueSource, database: str, given: Networks, console: str = ""
) -> list[Finding]:
    """Ask the server.

    Args:
        source, database: as whom, where.
        given: the gate's networks, besides the address that this connection comes from.
        console: the database by whose name psql reaches the console; "" for none.
    """
    try:
        connection = await source.connect(database)
    except CatalogueUnreadable as error:
        reason = str(error).partition("cannot be read: ")[2]
        what = f"{source.server} could not be asked as {source.role}: {reason}"
        return [
            warning("server", what, "say another role or address with --url, and its password in ~/.pgpass")
        ]
    try:
        return [finding async for finding in _examine(connection, source.role, given, console)]
    finally:
        with suppress(*FAULTS):
            await connection.close(timeout=1)


async def _examine(
    connection: Connection, role: str, given: Networks, console: str
) -> AsyncIterator[Finding]:
    before = datetime.now(UTC)
    try:
        (row,) = await _ask(connection, _SELF)
    except FAULTS as error:
        yield _unseen("the server's settings", role, error)
        return
    myself = _myself(row, before, datetime.now(UTC))
    gates = myself.gates(given)
    for finding in (*_settings(myself, gates), _clock(myself)):
        yield finding
    questions: Sequence[tuple[str, str, Callable[[Rows], Iterator[Finding]]]] = (
        ("who is connected", _SESSIONS, lambda rows: _sessions(rows, gates, myself, role)),
        ("pg_hba.conf", HBA, lambda rows: examine_hba(rows, gates, by_socket=myself.address is None)),
        ("roles", ROLES, examine_roles),
        ("event triggers", guards.EVENT_TRIGGERS, guards.examine_event_triggers),
        ("replication slots", guards.SLOTS, guards.examine_slots),
        ("extensions", guards.EXTENSIONS, guards.examine_extensions),
        ("databases", _DATABASES, lambda rows: _databases(rows, console)),
    )
    for what, query, examine in questions:
        try:
            rows = await _ask(connection, query)
        except FAULTS as error:
            yield _unseen(what, role, error)
            continue
        for finding in examine(rows):
            yield finding


def _databases(rows: Rows, console: str) -> Iterator[Finding]:
    if any(name == console for (name,) in rows):
        yield warning(
            "console",
            f"no client reaches the database {console}: that name opens the gate's console",
            "set console_database to a name that no database has",
        )


async def _ask(connection: Connection, query: str) -> Rows:
    async with connection.transaction(isolation="read_committed", readonly=True):
        return await (await connection.cursor(query)).fetch(_MOST_ROWS)


def _unseen(what: str, role: str, error: BaseException) -> Finding:
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return note(
        "unseen",
        f"{what} could not be seen as {role}: {reason}",
        "ask as a role that may, such as a superuser or a member of pg_monitor",
    )


def _myself(row: Sequence[Any], before: datetime, after: datetime) -> Myself:
    major, address, theirs, ssl, encryption, log_connections, sees = row
    half = (after - before) / 2
    return Myself(major, address, theirs - (before + half), half, ssl, encryption, log_connections, sees)


def _settings(myself: Myself, gates: Networks) -> Iterator[Finding]:
    if myself.major in MAJORS:
        yield fine("server", f"it is PostgreSQL {myself.major}")
    else:
        yield warning(
            "server",
            f"it is PostgreSQL {myself.major}; the gate knows {MAJORS[1]} to {MAJORS[-1]}",
            "put the gate before a version that it was tested with",
        )
    if myself.ssl == "off":
        local = all(network.is_loopback for network in gates)
        yield (note if local else critical)(
            "tls", "the server speaks no TLS (ssl = off)", "give it a certificate, set ssl = on, reload"
        )
    if myself.password_encryption != "scram-sha-256":  # noqa: S105 - a setting's value
        yield warning(
            "login",
            f"new passwords are kept as {myself.password_encryption}",
            "set password_encryption = 'scram-sha-256', then set the passwords anew",
        )
    if myself.log_connections in ("off", ""):
        yield note(
            "log",
            "the server does not log who connects (log_connections)",
            "set log_connections = on: its log then shows who has gone round the gate",
        )


def _clock(myself: Myself) -> Finding:
    apart = abs(myself.ahead) - myself.doubt
    if apart <= _CLOCK:
        return fine("clock", "the server's clock and this host's agree")
    which = "ahead of" if myself.ahead > timedelta() else "behind"
    return warning(
        "clock",
        f"the server's clock is {apart.total_seconds():.0f} s {which} this host's",
        "have both hosts keep time by NTP: windows and the age of backups hang on it",
    )


def _sessions(rows: Rows, gates: Networks, myself: Myself, role: str) -> Iterator[Finding]:
    if not myself.sees_others:
        yield note(
            "unseen",
            f"who else is connected could not be seen as {role}",
            f"GRANT pg_read_all_stats TO {role}, or ask as another",
        )
        return
    others = [row for row in rows if not inside(network_of(row[2] or "127.0.0.1"), gates)]
    for user, database, address, count in others:
        sessions = "a session" if count == 1 else f"{count} sessions"
        who, place = user or "somebody", database or "replication"
        if address is None or ((found := network_of(address)) is not None and found.is_loopback):
            yield note(
                "sessions",
                f"{who} has {sessions} in {place} from the server's own host",
                "see what runs there beside the server: the gate does not judge it",
            )
        else:
            yield critical(
                "sessions",
                f"{who} has {sessions} in {place} from {address}, which is not the gate",
                "point it at the gate, and let nobody else in; if it is a gate, name it with --gate",
            )
    if not others:
        yield fine("sessions", f"nobody else is connected than from {shown(gates)}")
