"""What the names in a rule refer to: windows, sets of targets, sets that say who.

Enters: the definitions of all files, and names. Leaves: compiled windows, patterns and people; complaints
about names that lead nowhere or to the wrong thing. Deliberately absent: the rest of a rule (compiling.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from proxy.policy import schema
from proxy.policy.conditions.case import Condition
from proxy.policy.conditions.moments import Window, WindowCondition
from proxy.policy.conditions.targets import TargetPattern
from proxy.policy.conditions.who import Who, WhoShape, compile_who
from proxy.policy.loading.complaints import Complaints
from proxy.policy.loading.parsing import Set, parse_target
from proxy.policy.rules import Approval, Mode
from proxy.policy.schema.words import nearest
from proxy.source import Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What names in rules refer to, ready for use.

    Attributes:
        approvals: what lifts a rule that does not say.
        window_names, set_names: all that some file tries to define: a reference to a broken one is no second
            mistake.
    """

    mode: Mode
    approvals: Approval | None
    zone: ZoneInfo
    windows: Mapping[str, Window]
    sets: Mapping[str, Set]
    window_names: frozenset[str]
    set_names: frozenset[str]


class Resolver:
    """Finds what the names in one rule refer to, and notes those that lead nowhere."""

    def __init__(self, place: Path, around: Surroundings, complaints: Complaints) -> None:
        """`place` is the rule's path in its document."""
        self._place = place
        self._around = around
        self._complaints = complaints

    def _note(self, path: Path, message: str, suggestion: str | None = None) -> None:
        self._complaints.add((*self._place, *path), message, suggestion)

    def targets(self, words: Iterable[str], path: Path) -> tuple[TargetPattern, ...]:
        """Patterns, and the patterns of the sets named among them."""
        patterns: list[TargetPattern] = []
        for index, word in enumerate(words):
            named = self._around.sets.get(word)
            if isinstance(named, tuple):
                patterns += named
            elif isinstance(named, schema.WhoBlock):
                self._note((*path, index), f'the set "{word}" says who, here one of targets is needed')
            elif word in self._around.set_names:
                continue
            elif "." not in word and ":" not in word and (near := nearest(word, self._around.set_names)):
                self._note((*path, index), f'"{word}" is neither a set nor schema.name', near)
            else:
                patterns += parse_target(word, (*self._place, *path, index), self._complaints)
        return tuple(patterns)

    def who(self, ref: schema.WhoRef, path: Path) -> Who:
        """Who is meant, with the set that is named."""
        blocks = [_who_shape(ref)]
        named = None if ref.named is None else self._people(ref.named, (*path, "set"))
        if named is not None:
            blocks.append(_who_shape(named))
            self._check_that_somebody_fits(ref, named, path)
        return compile_who(blocks)

    def _people(self, name: str, path: Path) -> schema.WhoBlock | None:
        """The set of a name, which must say who."""
        named = self._around.sets.get(name)
        if isinstance(named, schema.WhoBlock):
            return named
        if named is not None:
            self._note(path, f'the set "{name}" holds targets, here one that says who is needed')
        elif name not in self._around.set_names:
            self._note(path, f'no set is named "{name}"', nearest(name, self._around.set_names))
        return None

    def look_up(self, written: object, path: Path) -> None:
        """Note the names that lead nowhere in a rule which is not well-formed, or in a part of it."""
        match written:
            case list():
                for index, entry in enumerate(written):
                    self.look_up(entry, (*path, index))
            case dict():
                for key, value in written.items():
                    self._look_up_key(key, value, (*path, key))

    def _look_up_key(self, key: str, value: object, path: Path) -> None:
        if self._complaints.concern((*self._place, *path)):
            return  # an unknown key, or no name at all: one mistake is enough
        words = value if isinstance(value, list) else [value]
        names = [word for word in words if isinstance(word, str)]
        if key in ("window", "targets") and len(names) == len(words):
            self.windows(names, path) if key == "window" else self.targets(names, path)
        elif key in ("who", "set") and isinstance(value, str):
            self._people(value, path)
        elif key != "examples":
            self.look_up(value, path)

    def _check_that_somebody_fits(self, ref: schema.WhoRef, named: schema.WhoBlock, path: Path) -> None:
        """A client has one role and one database: two lists of plain names must share one."""
        pairs = (("roles", ref.roles, named.roles), ("databases", ref.databases, named.databases))
        for key, own, of_set in pairs:
            if own is None or of_set is None or set(own) & set(of_set):
                continue
            if not any(sign in word for word in (*own, *of_set) for sign in "*?"):
                self._note((*path, key), f'nobody fits: the set "{ref.named}" names other {key}')

    def windows(self, names: Iterable[str], path: Path) -> list[Condition]:
        """A condition on the windows; none where all are mistakes."""
        windows: list[Window] = []
        for index, name in enumerate(names):
            if name in self._around.windows:
                windows.append(self._around.windows[name])
            elif name not in self._around.window_names:
                near = nearest(name, self._around.window_names)
                self._note((*path, index), f'no window is named "{name}"', near)
        return [WindowCondition(tuple(windows))] if windows else []


def _who_shape(block: schema.WhoBlock) -> WhoShape:
    return WhoShape(block.roles, block.databases, block.cidrs, block.applications)
