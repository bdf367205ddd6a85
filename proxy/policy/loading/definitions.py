"""What rules refer to by name: windows, sets, the zone, the days off, from all files together.

Enters: parsed files. Leaves: one `Definitions`. What a file defines goes before what it includes, so a
policy sets the time zone or a window of a pack by defining it itself; two packs side by side that differ,
with nobody above to choose, are a mistake. Deliberately absent: the rules themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from proxy.policy import schema
from proxy.policy.loading.parsing import ParsedFile, Set
from proxy.source import Path

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Definition(Generic[Thing]):
    """Something defined, and where."""

    value: Thing
    file: ParsedFile
    path: Path


Found = dict[str, Definition[Thing]]


@dataclass(slots=True)
class Definitions:
    """All that can be referred to.

    Attributes:
        window_names, set_names, time_keys: what some file tries to define, well-formed or not: a reference to
            a broken one is no second mistake.
    """

    windows: Found[schema.Window] = field(default_factory=dict)
    sets: Found[Set] = field(default_factory=dict)
    zone: Definition[ZoneInfo] | None = None
    holidays: Definition[schema.Holidays] | None = None
    window_names: frozenset[str] = frozenset()
    set_names: frozenset[str] = frozenset()
    time_keys: frozenset[str] = frozenset()


def collect_definitions(root: ParsedFile, files: Mapping[str, ParsedFile]) -> Definitions:
    """Gather the definitions of a policy and its packs."""
    gather = _Gather(files)
    zone = gather.collect(root, _zone, "")
    holidays = gather.collect(root, _holidays, "")
    windows: Found[schema.Window] = gather.collect(root, _windows, "the window ")
    sets: Found[Set] = gather.collect(root, _sets, "the set ")
    return Definitions(
        windows=windows,
        sets=sets,
        zone=zone.get("timezone"),
        holidays=holidays.get("holidays"),
        window_names=_raw_names(files, "time", "windows"),
        set_names=_raw_names(files, "sets"),
        time_keys=_raw_names(files, "time"),
    )


class _Gather:
    def __init__(self, files: Mapping[str, ParsedFile]) -> None:
        self._files = files

    def collect(self, file: ParsedFile, own: Callable[[ParsedFile], Found[Thing]], what: str) -> Found[Thing]:
        """A file's definitions over those of the packs that it includes."""
        done: dict[str, Found[Thing]] = {}
        return self._below(file, own, what, done)

    def _below(
        self,
        file: ParsedFile,
        own: Callable[[ParsedFile], Found[Thing]],
        what: str,
        done: dict[str, Found[Thing]],
    ) -> Found[Thing]:
        path = file.source.path
        if path in done:
            return done[path]
        defined = own(file)
        below: Found[Thing] = {}
        for included in file.source.included:
            for name, definition in self._below(self._files[included.path], own, what, done).items():
                other = below.setdefault(name, definition)
                if other.value != definition.value and name not in defined:
                    definition.file.complaints.add(
                        definition.path,
                        f"{what}{name} is defined otherwise in {other.file.source.path}; "
                        f"define it in {path} to choose",
                        key=True,
                    )
        done[path] = {**below, **defined}
        return done[path]


def _windows(file: ParsedFile) -> Found[schema.Window]:
    return {
        name: Definition(window, file, ("time", "windows", name)) for name, window in file.windows.items()
    }


def _sets(file: ParsedFile) -> Found[Set]:
    return {name: Definition(made, file, ("sets", name)) for name, made in file.sets.items()}


def _zone(file: ParsedFile) -> Found[ZoneInfo]:
    zone = file.head.time.timezone if file.head is not None and file.head.time is not None else None
    return {} if zone is None else {"timezone": Definition(zone, file, ("time", "timezone"))}


def _holidays(file: ParsedFile) -> Found[schema.Holidays]:
    days = file.head.time.holidays if file.head is not None and file.head.time is not None else None
    return {} if days is None else {"holidays": Definition(days, file, ("time", "holidays"))}


def _raw_names(files: Mapping[str, ParsedFile], *keys: str) -> frozenset[str]:
    names: set[str] = set()
    for file in files.values():
        data = file.source.document.data
        for key in keys:
            data = data.get(key) if isinstance(data, dict) else None
        if isinstance(data, dict):
            names.update(data)
    return frozenset(names)
