"""Where settings come from: flags > PGWARDEN_* variables > the config file > defaults.

Enters: the flags given, the environment, a reader of files. Leaves: `Loaded`, the settings with all that
they name read in (certificates, users, tokens, passwords), or every wrong setting at once. Deliberately
absent: how each source is taken apart, which is gathering.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from itertools import starmap
from os.path import normpath
from pathlib import Path

from proxy.app.asking import Password, PasswordUnreadable, password_in
from proxy.app.backups.setup import PASSWORD as BACKUP_PASSWORD
from proxy.app.backups.setup import BackupsError, BackupSource, listener_backup
from proxy.app.bounds import doubts, doubts_of_door, keep_alive
from proxy.app.catalogue.address import parse_catalogue
from proxy.app.catalogue.source import PASSWORD, CatalogueSource
from proxy.app.certificates import ClientTlsError, ListenerTls, listener_tls
from proxy.app.gathering import Gathered, checked, gather
from proxy.app.ledger.address import PASSWORD as LEDGER_PASSWORD
from proxy.app.ledger.address import LedgerPlace, ledger_place
from proxy.app.notices.targets import Target, with_secret
from proxy.app.operating.doors import ConsoleError, ConsoleTls, console_tls
from proxy.app.operating.singlesignon import single_sign_on
from proxy.app.operating.tokens import Token, read_tokens
from proxy.app.settings import ListenerSettings, Settings
from proxy.app.users.setup import LogIn, LogInError, listener_log_in
from proxy.app.users.userlist import UserListError
from proxy.console.logins import SingleSignOn
from proxy.relay.address import parse_upstream
from proxy.relay.upstream import Upstream


class SettingsError(Exception):
    """Wrong settings; each problem is one line that begins with where the setting came from."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the problems in the order they were found."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class DoorPlan:
    """What one listener is made of; the attributes are those of `Loaded`."""

    settings: ListenerSettings
    upstream: Upstream
    catalogue: CatalogueSource | None
    backup: BackupSource | None
    client_tls: ListenerTls
    log_in: LogIn


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and what goes with them.

    Attributes:
        upstreams: one for each listener, with the certificates read.
        catalogues: one for each listener, None where none is to be read.
        backups: how the databases behind each listener are backed up; None where they are not.
        ledger: where the ledger lies.
        notify: where notices go, with the secrets read.
        tokens: whose tokens open the console.
        console_tls: what TLS is spoken with there; None for none.
        single: where people log in at the console, beside tokens; None for nowhere.
        client_tls: of each listener, with its certificate read.
        log_ins: of each listener, how its clients log in, with the users read.
        warnings: what their owner should hear about although it is not wrong.
    """

    settings: Settings
    upstreams: tuple[Upstream, ...]
    catalogues: tuple[CatalogueSource | None, ...]
    backups: tuple[BackupSource | None, ...]
    ledger: LedgerPlace
    client_tls: tuple[ListenerTls, ...]
    log_ins: tuple[LogIn, ...]
    warnings: tuple[str, ...]
    notify: tuple[Target, ...] = ()
    tokens: Mapping[str, Token] = field(default_factory=dict)
    console_tls: ConsoleTls | None = None
    single: SingleSignOn | None = None

    @property
    def doors(self) -> tuple[DoorPlan, ...]:
        """What each listener is made of."""
        listeners = self.settings.listeners
        parts = (self.upstreams, self.catalogues, self.backups, self.client_tls, self.log_ins)
        return tuple(starmap(DoorPlan, zip(listeners, *parts, strict=True)))


def read_text(path: str) -> str:
    """Read a file as UTF-8; the reader that the rest of the program uses."""
    return Path(path).read_bytes().decode("utf-8")


def load_settings(
    flags: Mapping[str, str | None], environment: Mapping[str, str], read: Callable[[str], str] = read_text
) -> Loaded:
    """Gather, merge and check the settings of `serve`.

    Args:
        flags: by setting name, with `config` for the config file; None is a flag not given.
        environment: the process's variables; those that begin with PGWARDEN_ count, unless they are empty.

    Raises:
        SettingsError: with every problem at once.
    """
    gathered = gather(flags, environment, read)
    settings = checked(gathered)
    upstreams = () if settings is None else tuple(_upstreams(gathered, settings))
    client_tls = () if settings is None else tuple(_client_tls(gathered, settings))
    catalogues: tuple[CatalogueSource | None, ...] = ()
    log_ins: tuple[LogIn, ...] = ()
    if settings is not None and len(upstreams) == len(settings.listeners):
        password = _password(gathered, settings, "catalogue_password_file", environment.get(PASSWORD))
        catalogues = tuple(_catalogues(gathered, settings, upstreams, password))
        log_ins = tuple(_log_ins(gathered, settings, upstreams, environment))
    backups = () if settings is None else tuple(_backups(gathered, settings, environment))
    ledger = None if settings is None else _ledger(gathered, settings, environment)
    notify = () if settings is None else tuple(_notify(gathered, settings))
    single = None if settings is None else _single_sign_on(gathered, settings, environment)
    tokens = {} if settings is None else _tokens(gathered, settings)
    console_tls = None if settings is None else _console_tls(gathered, settings)
    _tracing(gathered, settings)
    if settings is None or ledger is None or gathered.problems:
        raise SettingsError(gathered.problems)
    return Loaded(
        settings,
        upstreams,
        catalogues,
        backups,
        ledger,
        client_tls,
        log_ins,
        tuple(gathered.warnings),
        notify,
        tokens,
        console_tls,
        single,
    )


def _upstreams(gathered: Gathered, settings: Settings) -> Iterator[Upstream]:
    """Read the certificates that the upstreams need, and settings that do not go together."""
    if settings.statement_log is not None and _same_file(settings.statement_log, settings.refusal_log):
        origin = gathered.common["statement_log"].origin
        gathered.problems.append(f"{origin}: the statement log and the refusal log need a file each")
    if settings.peers and not settings.peer_id:
        origin = gathered.common["peers"].origin
        gathered.problems.append(f"{origin}: peers need a peer_id of this replica's own")
    taken: dict[str, str] = {}
    for (_, given), listener in zip(gathered.listeners, settings.listeners, strict=True):
        for address in listener.listen:
            if address.port and str(address) in taken:
                origin = given["listen"].origin
                gathered.problems.append(f"{origin}: {address} is taken by {taken[str(address)]}")
            taken[str(address)] = given["listen"].origin
        gathered.problems.extend(
            f"{given[name].origin}: {problem}" for name, problem in doubts_of_door(listener)
        )
    gathered.problems.extend(
        f"{gathered.common[name].origin}: {problem}" for name, problem in doubts(settings)
    )
    for (_, given), listener in zip(gathered.listeners, settings.listeners, strict=True):
        try:
            yield parse_upstream(
                listener.upstream,
                ca_file=settings.sslrootcert,
                connect_timeout_s=settings.connect_timeout_s,
                keep_alive=keep_alive(settings),
            )
        except ValueError as error:  # the URL was read before: it is the file that every upstream uses
            source = gathered.common.get("sslrootcert", given["upstream"])
            gathered.problems.append(f"{source.origin}: {error}")
    _unused_authorities(gathered, settings)


def _client_tls(gathered: Gathered, settings: Settings) -> Iterator[ListenerTls]:
    """Read what each listener shows its clients."""
    for (where, given), listener in zip(gathered.listeners, settings.listeners, strict=True):
        try:
            tls = listener_tls(listener)
        except ClientTlsError as error:
            origin = given[error.setting].origin if error.setting in given else where
            gathered.problems.append(f"{origin}: {error}")
            continue
        gathered.warnings.extend(f"{listener.listen}: {warning}" for warning in tls.warnings)
        yield tls


def _log_ins(
    gathered: Gathered, settings: Settings, upstreams: tuple[Upstream, ...], environment: Mapping[str, str]
) -> Iterator[LogIn]:
    """Read how each listener's clients log in."""
    listeners = zip(gathered.listeners, settings.listeners, upstreams, strict=True)
    for (where, given), listener, upstream in listeners:
        try:
            log_in = listener_log_in(listener, settings, upstream, environment)
        except LogInError as error:
            known = {**gathered.common, **given}
            origin = known[error.setting].origin if error.setting in known else where or error.setting
            gathered.problems.extend(f"{origin}: {problem}" for problem in error.problems)
            continue
        gathered.warnings.extend(f"{listener.listen}: {warning}" for warning in log_in.warnings)
        yield log_in


def _tokens(gathered: Gathered, settings: Settings) -> Mapping[str, Token]:
    """Whose tokens open the console."""
    try:
        return {} if settings.console_auth_file is None else read_tokens(settings.console_auth_file)
    except UserListError as error:
        origin = gathered.common["console_auth_file"].origin
        gathered.problems.extend(f"{origin}: {problem}" for problem in error.problems)
        return {}


def _console_tls(gathered: Gathered, settings: Settings) -> ConsoleTls | None:
    """TLS of the console; where others reach it, it has to have that, and logins."""
    try:
        tls = console_tls(settings)
    except ConsoleError as error:
        gathered.problems.append(f"{gathered.common[error.setting].origin}: {error}")
        return None
    if tls is not None:
        gathered.warnings.extend(f"console: {warning}" for warning in tls.read.warnings)
    return tls


def _single_sign_on(
    gathered: Gathered, settings: Settings, environment: Mapping[str, str]
) -> SingleSignOn | None:
    """The provider at which people log in at the console."""
    try:
        return single_sign_on(settings, environment)
    except ConsoleError as error:
        gathered.problems.append(f"{gathered.common[error.setting].origin}: {error}")
        return None


def _password(gathered: Gathered, settings: Settings, setting: str, variable: str | None) -> Password:
    """The password in the file that a setting names, else the variable's."""
    try:
        return password_in(getattr(settings, setting), variable)
    except PasswordUnreadable as error:
        gathered.problems.append(f"{gathered.common[setting].origin}: {error}")
        return None


def _ledger(gathered: Gathered, settings: Settings, environment: Mapping[str, str]) -> LedgerPlace | None:
    """Where the ledger lies, with its password and the certificates read."""
    password = _password(gathered, settings, "ledger_password_file", environment.get(LEDGER_PASSWORD))
    try:
        return ledger_place(settings.ledger, password, ca_file=settings.sslrootcert)
    except ValueError as error:  # the URL was read before: it is the file that every upstream uses
        origin = gathered.common.get("sslrootcert", gathered.common["ledger"]).origin
        line = f"{origin}: {error}"
        if line not in gathered.problems:
            gathered.problems.append(line)
        return None


def _catalogues(
    gathered: Gathered, settings: Settings, upstreams: tuple[Upstream, ...], password: Password
) -> Iterator[CatalogueSource | None]:
    """Who reads what the databases behind each listener hold."""
    listeners = zip(gathered.listeners, settings.listeners, upstreams, strict=True)
    for (_, given), listener, upstream in listeners:
        if listener.catalogue is None:
            yield None
            continue
        address = parse_catalogue(listener.catalogue)
        try:
            server = address.upstream(upstream, settings.sslrootcert, settings.connect_timeout_s)
        except ValueError as error:
            gathered.problems.append(f"{given['catalogue'].origin}: {error}")
            continue
        yield CatalogueSource(server, address.role, password)


def _backups(
    gathered: Gathered, settings: Settings, environment: Mapping[str, str]
) -> Iterator[BackupSource | None]:
    """Who dumps the databases behind each listener, and where to."""
    password = _password(gathered, settings, "backup_password_file", environment.get(BACKUP_PASSWORD))
    for (_, given), listener in zip(gathered.listeners, settings.listeners, strict=True):
        try:
            yield listener_backup(listener, settings, password)
        except BackupsError as error:
            known = gathered.common.get(error.setting) or given["backup"]
            gathered.problems.append(f"{known.origin}: {error}")


def _notify(gathered: Gathered, settings: Settings) -> Iterator[Target]:
    """Whom to tell, with the secrets that sign."""
    for target in settings.notify:
        try:
            yield with_secret(target)
        except ValueError as error:
            gathered.problems.append(f"{gathered.common['notify'].origin}: {error}")


def _tracing(gathered: Gathered, settings: Settings | None) -> None:
    """Where spans are to be sent OpenTelemetry is there; it is loaded before the workers, who share it."""
    if settings is None:
        return
    if settings.otlp_endpoint is None:
        if settings.otlp_statements:
            origin = gathered.common["otlp_statements"].origin
            gathered.problems.append(f"{origin}: otlp_statements needs an otlp_endpoint to send them to")
        return
    try:
        import_module("proxy.app.tracing.otlp")
    except ImportError:
        origin = gathered.common["otlp_endpoint"].origin
        gathered.problems.append(f"{origin}: needs more than is installed: pip install 'pgwarden[otel]'")


def _unused_authorities(gathered: Gathered, settings: Settings) -> None:
    """A file that no upstream reads today, none being asked for TLS, must be there all the same."""
    path = settings.sslrootcert
    if path in (None, "", "system"):
        return
    try:
        Path(str(path)).read_bytes()
    except OSError as error:
        line = f"{gathered.common['sslrootcert'].origin}: {path} cannot be read: {error.strerror}"
        if line not in gathered.problems:
            gathered.problems.append(line)


def _same_file(one: str, other: str) -> bool:
    return normpath(Path(one).absolute()) == normpath(Path(other).absolute())
