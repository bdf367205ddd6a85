"""What flags, PGWARDEN_* variables and the config file give, each value with its place.

Enters: the flags given, the environment, a reader of files. Leaves: `Settings`, or one line for each wrong
value that begins with where it came from. Deliberately absent: source lines with carets, which could show a
password that somebody put into a URL; what the settings lead to (certificates, users), which is read in
sources.py.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from proxy.app.backups.setup import PASSWORD as BACKUP_PASSWORD
from proxy.app.catalogue.source import PASSWORD
from proxy.app.kinds import shown
from proxy.app.ledger.address import PASSWORD as LEDGER_PASSWORD
from proxy.app.ledger.address import is_url
from proxy.app.notices.targets import FILES
from proxy.app.operating.singlesignon import OIDC_SECRET
from proxy.app.settings import PATHS, STANDARD_OUTPUT, Setting, Settings, table
from proxy.app.users.setup import AUTH_PASSWORD
from proxy.source.diagnostics import SourceError
from proxy.source.yamldoc import Document, RepeatedKeys, read_yaml

SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in table()}
LISTENER_NAMES = tuple(name for name, setting in SETTINGS.items() if setting.of_listener)
COMMON_NAMES = tuple(name for name, setting in SETTINGS.items() if not setting.of_listener)

# Kubernetes puts these into every pod beside a Service that is called pgwarden: they are not meant for us.
_OF_KUBERNETES = re.compile(
    r"PGWARDEN(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP)\w*)?)|PGWARDEN_PORT\w*"
)


_NO_SETTINGS = frozenset(
    {
        *("PGWARDEN_CONFIG", "PGWARDEN_TRACEBACK"),
        *(PASSWORD, AUTH_PASSWORD, LEDGER_PASSWORD, BACKUP_PASSWORD, OIDC_SECRET),
        "PGWARDEN_BACKUP_URL",  # what `pgwarden backup` reads beside the settings
    }
)


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


def gather(
    flags: Mapping[str, str | None], environment: Mapping[str, str], read: Callable[[str], str]
) -> Gathered:
    """Take what all the sources give, the later ones before the earlier.

    Args:
        flags: by setting name, with `config` for the config file; None is a flag not given.
        environment: the process's variables; those that begin with PGWARDEN_ count, unless they are empty.
        read: gives a file's text.
    """
    gathered = Gathered()
    given = {name: value for name, value in environment.items() if value}
    _from_config(gathered, flags.get("config"), given.get("PGWARDEN_CONFIG"), read)
    _from_environment(gathered, given)
    for name, value in flags.items():
        if value is not None and name != "config":
            _put(gathered, name, Given(value, SETTINGS[name].flag))
    _short_form(gathered)
    return gathered


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
        if name == "notify":
            value = _beside(self.folder, value)
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


def checked(gathered: Gathered) -> Settings | None:
    """Judge what was gathered; each problem is told in `gathered`, and None is returned."""
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


def _beside(folder: Path, targets: object) -> object:
    """Files that targets name are relative to the config file, as all others."""
    if not isinstance(targets, list):
        return targets
    return [
        {
            key: str(folder / value) if key in FILES and isinstance(value, str) and value.strip() else value
            for key, value in target.items()
        }
        if isinstance(target, dict)
        else target
        for target in targets
    ]


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
