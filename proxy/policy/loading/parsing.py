"""One file's document to typed parts.

Enters: documents. Leaves: the head, and the rules, windows and sets that are well-formed, each read by
itself, so that one mistake hides no other; complaints about the rest. Deliberately absent: what names refer
to (compiling.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from proxy.policy import schema
from proxy.policy.conditions.targets import TargetPattern, compile_target
from proxy.policy.loading.complaints import Complaints
from proxy.policy.loading.files import PolicyDocument
from proxy.policy.schema.block import Block
from proxy.policy.schema.words import found, one_or_more
from proxy.source import Path

SomeBlock = TypeVar("SomeBlock", bound=Block)
TargetSet = tuple[TargetPattern, ...]
Set = TargetSet | schema.WhoBlock


@dataclass(slots=True)
class ParsedFile:
    """What of one file is well-formed.

    Attributes:
        rules: with their place in the file's list.
        malformed: the other rules as written, with their place: the names in them are looked up all the same.
        ids: those of all rules, well-formed or not, with their place.
    """

    source: PolicyDocument
    head: schema.PolicyFile | None = None
    rules: list[tuple[int, schema.Rule]] = field(default_factory=list)
    malformed: list[tuple[int, object]] = field(default_factory=list)
    ids: list[tuple[int, str]] = field(default_factory=list)
    windows: dict[str, schema.Window] = field(default_factory=dict)
    sets: dict[str, Set] = field(default_factory=dict)

    @property
    def complaints(self) -> Complaints:
        """Where mistakes in this file go."""
        return self.source.complaints


def parse_file(source: PolicyDocument) -> ParsedFile:
    """Read all parts of a file."""
    parsed = ParsedFile(source)
    data = source.document.data
    if not isinstance(data, dict) or not data:
        said = "a policy is a mapping" if data else "the file is empty"
        source.complaints.add((), f'{said}; it begins with "version: 1"')
        return parsed
    for path, message in _empty(data, ()):
        source.complaints.add(path, message, key=True)
    parsed.head = _block(schema.PolicyFile, data, (), source.complaints)
    for index, rule in enumerate(_list(data.get("rules"))):
        if isinstance(rule, dict) and isinstance(rule.get("id"), str):
            parsed.ids.append((index, rule["id"]))
        block = _block(schema.Rule, rule, ("rules", index), source.complaints)
        if block is not None:
            parsed.rules.append((index, block))
        else:
            parsed.malformed.append((index, rule))
    time = data.get("time")
    for name, window in _mapping(time.get("windows") if isinstance(time, dict) else None):
        shape = _block(schema.Window, window, ("time", "windows", name), source.complaints)
        if shape is not None:
            parsed.windows[name] = shape
    for name, entry in _mapping(data.get("sets")):
        made = _set(entry, ("sets", name), source.complaints)
        if made is not None:
            parsed.sets[name] = made
    return parsed


def parse_target(word: str, place: Path, complaints: Complaints) -> TargetSet:
    """Compile one target pattern; none where it is a mistake."""
    try:
        return (compile_target(word),)
    except ValueError as error:
        complaints.add(place, str(error))
        return ()


def _set(entry: object, place: Path, complaints: Complaints) -> Set | None:
    """A mapping says who, a list says what."""
    if isinstance(entry, dict):
        return _block(schema.WhoBlock, entry, place, complaints)
    words = one_or_more(entry)
    if not isinstance(words, tuple) or not words:
        complaints.add(place, "a set is a list of targets, or a mapping with roles, databases, cidrs")
        return None
    patterns: list[TargetPattern] = []
    for index, word in enumerate(words):
        if isinstance(word, str):
            patterns += parse_target(word, (*place, index), complaints)
        else:
            complaints.add((*place, index), f"expected text, such as public.users, found {found(word)}")
    return tuple(patterns)


def _block(kind: type[SomeBlock], data: object, place: Path, complaints: Complaints) -> SomeBlock | None:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        complaints.add_validation(place, kind, error)
    except RecursionError:
        complaints.add(place, "the value is nested too deep")
    return None


def _empty(data: object, path: Path) -> Iterator[tuple[Path, str]]:
    """What is there without saying anything.

    It can be read in two ways, as nothing or as anything, so it is not read at all.
    """
    if data is None or data == {}:
        what = "nothing" if data is None else "an empty mapping"
        if path[-1] == "match":
            yield path, "the match is empty; say what the rule is about, such as effects or classes"
        elif isinstance(path[-1], str):
            yield path, f'"{path[-1]}" holds {what}; leave the key out, or write what it holds'
        else:
            yield path, f"the entry holds {what}; leave it out, or write what it holds"
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _empty(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _empty(value, (*path, index))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> list[tuple[str, object]]:
    return list(value.items()) if isinstance(value, dict) else []
