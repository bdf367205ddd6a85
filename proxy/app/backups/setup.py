"""Which role dumps, where copies go, and how far that can be proved: what the settings say of backups.

Enters: settings. Leaves: a `BackupSource` for each listener that has one, or a BackupsError that names the
setting and repeats no secret. Deliberately absent: looking whether places and programs are there; whoever
makes a backup says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from proxy.app.asking import Password, PasswordUnreadable
from proxy.app.catalogue.address import parse_role
from proxy.app.settings import ListenerSettings, Settings
from proxy.backup.clients import BackupError
from proxy.backup.connection import Connection, parse_connection
from proxy.backup.sealing import read_identities, read_recipients
from proxy.policy.facts import Verification
from proxy.policy.rules import Mode, Policy
from proxy.policy.wanting import NO_MEANS, BackupMeans, Means, needed

PASSWORD: Final = "PGWARDEN_BACKUP_PASSWORD"  # noqa: S105 - a variable's name


class BackupsError(Exception):
    """A setting about backups that does not do; the message is one line without a secret."""

    def __init__(self, setting: str, message: str) -> None:
        """Keep which setting it is."""
        super().__init__(message)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class BackupSource:
    """How the databases behind one listener are backed up.

    Attributes:
        server: as a role's URL has it, without role and database: the scheme, host, port and parameters.
        password: None leaves it to PGPASSWORD and ~/.pgpass.
        ca_file: the certificates to trust where the URL names none.
        places, recipients: at least one place; keys of age's, maybe none.
    """

    server: str
    role: str
    password: Password = field(repr=False)
    ca_file: str | None
    places: tuple[str, ...]
    recipients: tuple[str, ...]
    identity: str | None
    scratch: str | None
    bin_dir: str | None

    @property
    def means(self) -> Means:
        """What its backups can be at best: what is encrypted is read with a private key alone."""
        sealed = bool(self.recipients) and self.identity is None
        return Means(
            BackupMeans(len(self.places), Verification.CHECKSUM if sealed else Verification.RESTORED)
        )

    def connection(self, database: str) -> Connection:
        """The role's way to a database.

        Raises:
            ValueError: the server's URL has what the programs do not know, or the password's file cannot be
                read now; in one line.
        """
        try:
            password = self.password() if callable(self.password) else self.password
        except PasswordUnreadable as error:
            raise ValueError(str(error)) from error
        return connection_at(self.server, self.role, database, password, self.ca_file)


def connection_at(
    server: str, role: str, database: str, password: str | None, ca_file: str | None
) -> Connection:
    """A role's way to a database of a gate's server.

    Raises:
        ValueError: in one line.
    """
    parts = urlsplit(server)
    query = f"?{parts.query}" if parts.query else ""
    where = parts.netloc.rpartition("@")[2]
    more = {"PGSSLROOTCERT": ca_file} if ca_file else {}
    made = parse_connection(
        f"postgresql://{quote(role, safe='')}@{where}/{quote(database, safe='')}{query}", password
    )
    return Connection(
        made.host, made.port, made.user, made.database, made.password, {**more, **made.variables}
    )


def listener_backup(
    listener: ListenerSettings, settings: Settings, password: Password
) -> BackupSource | None:
    """How the databases behind a listener are backed up; None where nobody said.

    Raises:
        BackupsError: a setting does not do.
    """
    if listener.backup is None:
        return None
    if not settings.backup_to:
        raise BackupsError("backup", "needs backup_to: where shall the copies go?")
    if find_spec("obstore") is None:
        raise BackupsError("backup", "needs more than is installed: pip install 'pgwarden[backup]'")
    address = parse_role(listener.backup, "backup_password_file")
    source = BackupSource(
        server=address.server or listener.upstream,
        role=address.role,
        password=password,
        ca_file=settings.sslrootcert,
        places=settings.backup_to,
        recipients=settings.backup_recipients,
        identity=settings.backup_identity,
        scratch=settings.backup_scratch,
        bin_dir=settings.backup_bin_dir,
    )
    _try("backup", lambda: source.connection("postgres"))
    if source.recipients:
        _try("backup_recipients", lambda: read_recipients(source.recipients))
    if source.identity is not None:
        _try("backup_identity", lambda: read_identities(Path(str(source.identity))))
    if source.scratch is not None:
        _try("backup_scratch", lambda: parse_connection(str(source.scratch)))
    return source


def _try(setting: str, read: Callable[[], object]) -> None:
    try:
        read()
    except (ValueError, BackupError) as error:
        raise BackupsError(setting, str(error)) from error


def in_vain(policy: Policy, source: BackupSource | None) -> Mapping[str, str]:
    """The rules of a policy whose `else: backup` can never help here, each with why, as a clause."""
    means = NO_MEANS if source is None else source.means
    wants = {rule.id: needed(rule) for rule in policy.rules if rule.mode is Mode.ENFORCE}
    return {
        rule: why for rule, wanted in wants.items() if wanted is not None and (why := means.lacking(wanted))
    }
