"""How far a backup is proved: there, whole, readable to its end, restored.

Enters: a stored backup, the level asked for. Leaves: how long the restore took, when that level is reached;
else BackupError. Deliberately absent: writing down what was proved.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from proxy.backup.clients import BackupError, Clients, Damaged, find_clients
from proxy.backup.cluster import Cluster
from proxy.backup.connection import Connection
from proxy.backup.manifest import Manifest, major_of
from proxy.backup.programs import ClusterError, find_binaries
from proxy.backup.restore import Stored, read_through, restore_into
from proxy.backup.session import Session, Table, quoted
from proxy.policy.facts import Verification

_ROLE: Final = "pgwarden_scratch"
_SCRATCH_DATABASE: Final = "restored"
_SHOWN: Final = 3


def prove(
    stored: Stored, level: Verification, *, bin_dir: Path | None = None, server: Connection | None = None
) -> int | None:
    """Prove a backup to a level, and all levels below it.

    Args:
        bin_dir: where PostgreSQL's programs are.
        server: whose scratch databases `restored` uses; None starts a server of its own.

    Returns:
        How long the restore took, in milliseconds, the start of a server left out; None without one.

    Raises:
        BackupError: it is not that good.
    """
    if level >= Verification.EXISTS:
        stored.check_size()
    if level in (Verification.CHECKSUM, Verification.TOC):
        for _ in stored.pieces():
            pass
    if level < Verification.TOC:
        return None
    clients = find_clients(bin_dir, stored.manifest.tool_major)
    if level in (Verification.TOC, Verification.FULL_READ):
        read_through(clients, stored)  # reads the table of contents, too
        return None
    if stored.manifest.counts is None:
        raise BackupError("no rows were counted when the backup was made, so a restore could not be compared")
    if server is not None:
        with _database_on(clients, server) as target:
            return _restored(clients, stored, target, owners=False)
    with _own_server(clients, stored.manifest) as target:
        return _restored(clients, stored, target, owners=True)


def _restored(clients: Clients, stored: Stored, target: Connection, *, owners: bool) -> int:
    """Restore and compare; how long the first took, in milliseconds."""
    begun = monotonic()
    restore_into(clients, stored, target, owners=owners)
    took_ms = round((monotonic() - begun) * 1000)
    compare(clients, target, stored.manifest)
    return took_ms


def compare(clients: Clients, target: Connection, manifest: Manifest) -> None:
    """Count the rows of a restored database.

    Raises:
        BackupError: a table has not as many as in the snapshot.
    """
    wrong: list[str] = []
    with Session(clients, target) as session:
        for count in manifest.counts or ():
            found = session.count(Table(count.schema, count.table))
            if found != count.rows:
                wrong.append(f"{count.schema}.{count.table} has {found} rows instead of {count.rows}")
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise Damaged(f"what was restored is not what was dumped: {', '.join(wrong[:_SHOWN])}{more}")


@contextmanager
def new_database(clients: Clients, server: Connection, name: str) -> Iterator[Connection]:
    """Make an empty database, and remove it again should the block raise.

    Raises:
        BackupError: it is there already, or may not be made.
    """
    with Session(clients, server) as session:
        session.ask(f"CREATE DATABASE {quoted(name)} TEMPLATE template0")
    try:
        yield server.to(name)
    except BaseException:
        drop_database(clients, server, name)
        raise


def drop_database(clients: Clients, server: Connection, name: str) -> None:
    """Remove a database, whoever uses it."""
    with Session(clients, server) as session:
        session.ask(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


@contextmanager
def _database_on(clients: Clients, server: Connection) -> Iterator[Connection]:
    name = f"{_ROLE}_{secrets.token_hex(6)}"
    with new_database(clients, server, name) as target:
        yield target
    drop_database(clients, server, name)


@contextmanager
def _own_server(clients: Clients, manifest: Manifest) -> Iterator[Connection]:
    """A throwaway server with the roles that the backup names."""
    try:
        with Cluster(_server_programs(clients, manifest.tool_major), superuser=_ROLE) as cluster:
            server = Connection("127.0.0.1", cluster.port, cluster.superuser, "postgres")
            with Session(clients, server) as session:
                for role in manifest.roles:
                    if role != _ROLE:
                        session.ask(f"CREATE ROLE {quoted(role)}")
            with new_database(clients, server, _SCRATCH_DATABASE) as target:
                yield target
    except ClusterError as error:
        raise BackupError(f"no scratch server: {error}; --scratch names one") from error


def _server_programs(clients: Clients, major: int) -> Path:
    """Initdb and postgres beside the client programs, else whatever is installed and new enough."""
    if (clients.bin_dir / "initdb").is_file() and (clients.bin_dir / "postgres").is_file():
        return clients.bin_dir
    try:
        directory = find_binaries()
    except ClusterError:
        raise BackupError(
            "a restore needs a server to restore into, and there are no server programs here: --scratch "
            "names a server, or install PostgreSQL's"
        ) from None
    said = subprocess.run(
        [str(directory / "postgres"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    version = next((word for word in said.split() if word[:1].isdigit()), "0")
    if major_of(version) < major:
        raise BackupError(
            f"the server programs in {directory} are of version {version}, the backup of {major}: --scratch "
            "names a server that is new enough"
        )
    return directory
