"""Where settings come from: flags > PGWARDEN_* variables > the config file > defaults.

Enters: the flags given, the environment, a reader of files. Leaves: `Settings`, or every wrong setting at
once, each one line that begins with where it came from. Deliberately absent: source lines with carets, which
could show a password that somebody put into a URL.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path

from pydantic import ValidationError

from proxy.app.bounds import doubts, doubts_of_door, keep_alive
from proxy.app.catalogue.address import parse_catalogue
from proxy.app.catalogue.source import PASSWORD, CatalogueSource
from proxy.app.certificates import ClientTlsError, ListenerTls, listener_tls
from proxy.app.kinds import shown
from proxy.app.ledger.address import PASSWORD as LEDGER_PASSWORD
from proxy.app.ledger.address import LedgerPlace, is_url, ledger_place, read_password
from proxy.app.settings import PATHS, STANDARD_OUTPUT, Setting, Settings, table
from proxy.app.users.setup import AUTH_PASSWORD, LogIn, LogInError, listener_log_in
from proxy.relay.address import parse_upstream
from proxy.relay.upstream import Upstream
from proxy.source.diagnostics import SourceError
from proxy.source.yamldoc import Document, RepeatedKeys, read_yaml

SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in table()}
LISTENER_NAMES = tuple(name for name, setting in SETTINGS.items() if setting.of_listener)
COMMON_NAMES = tuple(name for name, setting in SETTINGS.items() if not setting.of_listener)

# Kubernetes puts these into every pod beside a Service that is called pgwarden: they are not meant for us.
_OF_KUBERNETES = re.compile(
    r"PGWARDEN(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP)\w*)?)|PGWARDEN_PORT\w*"
)


_NO_SETTINGS = frozenset({"PGWARDEN_CONFIG", "PGWARDEN_TRACEBACK", PASSWORD, AUTH_PASSWORD, LEDGER_PASSWORD})


class SettingsError(Exception):
    """Wrong settings; each problem is one line that begins with where the setting came from."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the problems in the order they were found."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it came from."""

    value: object
    origin: str


@dataclass(slots=True)
class Gathered:
    """What all the sources gave, before it is judged."""

    common: dict[str, Given] = field(default_factory=dict)
    listeners: list[tuple[str, dict[str, Given]]] = field(default_factory=list)
    short: dict[str, Given] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and what goes with them.

    Attributes:
        upstreams: one for each listener, with the certificates read.
        catalogues: one for each listener, None where none is to be read.
        ledger: where the ledger lies.
        client_tls: of each listener, with its certificate read.
        log_ins: of each listener, how its clients log in, with the users read.
        warnings: what their owner should hear about although it is not wrong.
    """

    settings: Settings
    upstreams: tuple[Upstream, ...]
    catalogues: tuple[CatalogueSource | None, ...]
    ledger: LedgerPlace
    client_tls: tuple[ListenerTls, ...]
    log_ins: tuple[LogIn, ...]
    warnings: tuple[str, ...]


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
    gathered = Gathered()
    given = {name: value for name, value in environment.items() if value}
    _from_config(gathered, flags.get("config"), given.get("PGWARDEN_CONFIG"), read)
    _from_environment(gathered, given)
    for name, value in flags.items():
        if value is not None and name != "config":
            _put(gathered, name, Given(value, SETTINGS[name].flag))
    _short_form(gathered)
    settings = _checked(gathered)
    upstreams = () if settings is None else tuple(_upstreams(gathered, settings))
    client_tls = () if settings is None else tuple(_client_tls(gathered, settings))
    catalogues: tuple[CatalogueSource | None, ...] = ()
    log_ins: tuple[LogIn, ...] = ()
    if settings is not None and len(upstreams) == len(settings.listeners):
        password = _password(
            gathered,
            "catalogue_password_file",
            settings.catalogue_password_file,
            environment.get(PASSWORD),
            read,
        )
        catalogues = tuple(_catalogues(gathered, settings, upstreams, password))
        log_ins = tuple(_log_ins(gathered, settings, upstreams, environment))
    ledger = None if settings is None else _ledger(gathered, settings, environment, read)
    if settings is None or ledger is None or gathered.problems:
        raise SettingsError(gathered.problems)
    return Loaded(settings, upstreams, catalogues, ledger, client_tls, log_ins, tuple(gathered.warnings))


def _put(gathered: Gathered, name: str, given: Given) -> None:
    (gathered.short if SETTINGS[name].of_listener else gathered.common)[name] = given


def _from_environment(gathered: Gathered, environment: Mapping[str, str]) -> None:
    names = {setting.variable: name for name, setting in SETTINGS.items()}
    for variable in sorted(environment):
        if not variable.startswith("PGWARDEN_") or variable in _NO_SETTINGS:
            continue
        if variable in names:
            _put(gathered, names[variable], Given(environment[variable], variable))
        elif _OF_KUBERNETES.fullmatch(variable):
            continue
        elif near := difflib.get_close_matches(variable, names, 1, 0.85):
            gathered.problems.append(f'{variable}: unknown setting, did you mean "{near[0]}"?')
        else:
            gathered.warnings.append(f"{variable} is no setting and does nothing")


def _from_config(
    gathered: Gathered, flag: str | None, variable: str | None, read: Callable[[str], str]
) -> None:
    path = flag if flag is not None else variable
    if path is None:
        return
    origin = "--config" if flag is not None else "PGWARDEN_CONFIG"
    try:
        document = read_yaml(read(path), path)
    except OSError as error:
        gathered.problems.append(f"{origin}: {path} cannot be read: {error.strerror or error}")
        return
    except UnicodeDecodeError:
        gathered.problems.append(f"{origin}: {path} is not UTF-8 text")
        return
    except SourceError as error:
        gathered.problems.extend(
            _one_line(d.position.file, d.position.line, d.position.column, d.message)
            for d in error.diagnostics
        )
        if not isinstance(error, RepeatedKeys):
            return
        document = error.document
    _ConfigFile(gathered, document, Path(path).parent).take()


@dataclass(frozen=True, slots=True)
class _ConfigFile:
    """Takes a read config file apart; every value keeps its place in the file."""

    gathered: Gathered
    document: Document
    folder: Path

    def take(self) -> None:
        data = self.document.data
        if data is None:
            self.problem((), "the config file is empty: it needs listeners")
            return
        if not isinstance(data, dict):
            self.problem((), "a config file is a mapping of settings")
            return
        for name, value in data.items():
            if name == "listeners":
                self.take_listeners(value)
            elif name in LISTENER_NAMES:
                self.problem((name,), f'"{name}" belongs to an entry under "listeners:"', key=True)
            elif name in COMMON_NAMES:
                self.gathered.common[name] = self.given((name,), name, value)
            else:
                self.unknown((name,), name, (*COMMON_NAMES, "listeners"))

    def take_listeners(self, entries: object) -> None:
        if not isinstance(entries, list) or not entries:
            self.problem(("listeners",), "listeners is a list of {listen, upstream, policy}", key=True)
            return
        for index, entry in enumerate(entries):
            path = ("listeners", index)
            if not isinstance(entry, dict):
                self.problem(path, "a listener is {listen, upstream, policy}")
                continue
            given: dict[str, Given] = {}
            for name, value in entry.items():
                if name in LISTENER_NAMES:
                    given[name] = self.given((*path, name), name, value)
                elif name in COMMON_NAMES:
                    self.problem(
                        (*path, name),
                        f'"{name}" is a setting of the whole gate, not of one listener',
                        key=True,
                    )
                else:
                    self.unknown((*path, name), name, LISTENER_NAMES)
            self.gathered.listeners.append((self.where(path), given))

    def given(self, path: tuple[str | int, ...], name: str, value: object) -> Given:
        named = isinstance(value, str) and value.strip() not in ("", STANDARD_OUTPUT)
        if name in PATHS and named and not is_url(str(value)):
            value = str(self.folder / str(value))
        return Given(value, self.where(path))

    def unknown(self, path: tuple[str | int, ...], name: object, known: tuple[str, ...]) -> None:
        near = difflib.get_close_matches(str(name), known, 1, 0.6)
        suggestion = f', did you mean "{near[0]}"?' if near else ""
        self.problem(path, f"unknown setting {shown(name)}{suggestion}", key=True)

    def problem(self, path: tuple[str | int, ...], message: str, *, key: bool = False) -> None:
        self.gathered.problems.append(f"{self.where(path, key=key)}: {message}")

    def where(self, path: tuple[str | int, ...], *, key: bool = False) -> str:
        position = self.document.position(path, key=key)
        return f"{position.file}:{position.line}:{position.column}"


def _one_line(file: str, line: int, column: int, message: str) -> str:
    return f"{file}:{line}:{column}: {' '.join(message.split())}"


def _short_form(gathered: Gathered) -> None:
    """Fold --listen, --upstream and --policy into the one listener that they are the short form of."""
    if not gathered.short:
        return
    count = len(gathered.listeners)
    if count == 0:
        gathered.listeners.append(("", dict(gathered.short)))
    elif count == 1:
        where, written = gathered.listeners[0]
        gathered.listeners[0] = (where, {**written, **gathered.short})
    else:
        gathered.problems.extend(
            f"{given.origin}: the config file has {count} listeners; change it there"
            for given in gathered.short.values()
        )


def _checked(gathered: Gathered) -> Settings | None:
    if not gathered.listeners and not gathered.problems:
        gathered.problems.append(
            "nothing to serve: give --listen, --upstream and --policy, or a config file with listeners"
        )
    values: dict[str, object] = {name: given.value for name, given in gathered.common.items()}
    values["listeners"] = [{name: g.value for name, g in given.items()} for _, given in gathered.listeners]
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        for problem in error.errors():
            line = _explained(
                gathered, problem["loc"], problem["type"], str(problem.get("ctx", {}).get("error", ""))
            )
            if line is not None:
                gathered.problems.append(line)
        return None


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


def _password(
    gathered: Gathered, setting: str, path: str | None, variable: str | None, read: Callable[[str], str]
) -> str | None:
    """The password in the file that a setting names, else the variable's; None leaves it to ~/.pgpass."""
    if path is None:
        return variable
    try:
        return read_password(path, read)
    except ValueError as error:
        gathered.problems.append(f"{gathered.common[setting].origin}: {error}")
        return None


def _ledger(
    gathered: Gathered, settings: Settings, environment: Mapping[str, str], read: Callable[[str], str]
) -> LedgerPlace | None:
    """Where the ledger lies, with its password and the certificates read."""
    password = _password(
        gathered,
        "ledger_password_file",
        settings.ledger_password_file,
        environment.get(LEDGER_PASSWORD) or None,
        read,
    )
    try:
        return ledger_place(settings.ledger, password, ca_file=settings.sslrootcert)
    except ValueError as error:  # the URL was read before: it is the file that every upstream uses
        origin = gathered.common.get("sslrootcert", gathered.common["ledger"]).origin
        line = f"{origin}: {error}"
        if line not in gathered.problems:
            gathered.problems.append(line)
        return None


def _catalogues(
    gathered: Gathered, settings: Settings, upstreams: tuple[Upstream, ...], password: str | None
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


def _explained(gathered: Gathered, location: tuple[int | str, ...], kind: str, reason: str) -> str | None:
    match location:
        case ("listeners", int(index), str(name), *_):
            where, given = gathered.listeners[index]
            if kind != "missing":
                return f"{given[name].origin}: {reason}"
            setting = SETTINGS[name]
            if where:
                return f'{where}: this listener has no "{name}"'
            return f"{setting.flag}: is missing (or set {setting.variable}): {setting.meaning}"
        case ("listeners", *_):
            return None  # said already, with its place
        case (str(name), *_):
            return f"{gathered.common[name].origin}: {reason}"
        case _:
            return reason
