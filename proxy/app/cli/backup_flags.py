"""What the commands about backups have in common: which server, which places, which keys.

Leaves: typed values, or a CommandError whose one line begins with the flag or variable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.app.backups.setup import connection_at
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.values import wrong
from proxy.app.sources import SettingsError, load_settings
from proxy.app.users.private import PrivateFileError, read_password
from proxy.backup.clients import BackupError
from proxy.backup.connection import Connection, parse_connection
from proxy.backup.places import Place
from proxy.backup.sealing import read_identities, read_recipients

URL: Final = "PGWARDEN_BACKUP_URL"

UrlFlag = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="the database, best by its direct connection: postgresql://USER@HOST:PORT/DATABASE; "
        f"{URL} may hold the password, too",
    ),
]
PasswordFileFlag = Annotated[
    str | None, typer.Option("--password-file", metavar="FILE", help="holds the role's password, in one line")
]
IdentityFlag = Annotated[
    str | None,
    typer.Option(
        "--identity",
        metavar="FILE",
        envvar="PGWARDEN_BACKUP_IDENTITY",
        help="age's private key, to read what is encrypted",
    ),
]
BinDirFlag = Annotated[
    str | None,
    typer.Option(
        "--bin-dir",
        metavar="DIR",
        envvar="PGWARDEN_BACKUP_BIN_DIR",
        help="where pg_dump, pg_restore and psql are; else those that fit the server",
    ),
]
ScratchFlag = Annotated[
    str | None,
    typer.Option(
        "--scratch",
        metavar="URL",
        envvar="PGWARDEN_BACKUP_SCRATCH",
        help="a server to restore into for proof; else one is started for the while",
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="print JSON")]


def connection_to(url: str | None, password_file: str | None = None) -> Connection:
    """The database that is meant: --url, PGWARDEN_BACKUP_URL, or the gate's own server."""
    password = None
    if password_file is not None:
        try:
            password = read_password(password_file).decode()
        except PrivateFileError as error:
            raise wrong("--password-file", str(error)) from None
    variable = os.environ.get(URL)
    try:
        if url is not None:
            return parse_connection(url, password)
        if variable:
            return parse_connection(variable, password, secret=True)
    except ValueError as error:
        raise wrong("--url" if url is not None else URL, str(error)) from None
    return _gates_server(password)


def _gates_server(password: str | None) -> Connection:
    """The one upstream of the gate's settings, as PGUSER in PGDATABASE."""
    user, database = os.environ.get("PGUSER"), os.environ.get("PGDATABASE")
    if not (os.environ.get("PGWARDEN_UPSTREAM") or os.environ.get("PGWARDEN_CONFIG")):
        raise wrong("--url", f"which database? Name it, or set {URL}")
    if not user or not database:
        raise wrong("--url", "the gate's settings name a server; PGUSER and PGDATABASE have to name the rest")
    try:
        settings = load_settings({}, os.environ).settings
    except SettingsError as error:
        raise CommandError(ExitCode.USAGE, *error.problems) from error
    upstreams = {listener.upstream for listener in settings.listeners}
    if len(upstreams) > 1:
        raise wrong("--url", f"the gate's settings name {len(upstreams)} servers: say which")
    try:
        return connection_at(upstreams.pop(), user, database, password, settings.sslrootcert)
    except ValueError as error:
        raise wrong("the gate's upstream", str(error)) from None


def scratch_server(url: str | None) -> Connection | None:
    """The server to restore into for proof."""
    if url is None:
        return None
    try:
        return parse_connection(url)
    except ValueError as error:
        raise wrong("--scratch", str(error)) from None


def places_at(texts: Sequence[str], flag: str = "--to") -> list[Place]:
    """The places that copies go to; two of the same are a mistake."""
    places: list[Place] = []
    for text in texts:
        try:
            places.append(Place(text))
        except ValueError as error:
            raise wrong(flag, str(error)) from None
        except BackupError as error:
            raise CommandError(ExitCode.FAILED, f"{flag}: {error}") from None
    if len({place.url for place in places}) < len(places):
        raise wrong(flag, "names one place twice: two copies in one place are one copy")
    return places


def recipients_of(texts: Sequence[str]) -> list[object]:
    """Age's public keys."""
    try:
        return read_recipients(texts)
    except ValueError as error:
        raise wrong("--recipient", str(error)) from None
    except BackupError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from None


def identities_in(path: str | None) -> list[object]:
    """Age's private keys."""
    if path is None:
        return []
    try:
        return read_identities(Path(path))
    except ValueError as error:
        raise wrong("--identity", str(error)) from None
    except BackupError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from None


def directory(path: str | None) -> Path | None:
    """A directory that a flag names."""
    return None if path is None else Path(path)


@contextmanager
def telling_trouble() -> Iterator[None]:
    """What goes wrong with a backup ends the command."""
    try:
        yield
    except BackupError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from error
