"""Setting a key of a YAML file without disturbing the rest: comments, order and layout stay.

Enters: a file's text, the path of a key, its new value, comments above it. Leaves: the text with that key
set. What is written in braces on one line is written anew where a key goes into it. Deliberately absent: keys
inside lists, and what a value means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from proxy.source import Document, read_yaml

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS: Final = frozenset({"true", "false", "null"})
_INDENT: Final = 2
_WIDTH: Final = 100

KeyPath = tuple[str, ...]


def set_key(text: str, path: KeyPath, value: object, comments: Sequence[str] = ()) -> str:
    """Set the key at a path to a plain value; mappings on the way are made.

    Raises:
        SourceError: the text is no YAML.
    """
    lines = text.splitlines()
    document = read_yaml(text, "")
    data = document.data if isinstance(document.data, dict) else {}
    depth = len(path)
    while depth > 1 and not _stands_alone(lines, document, data, path[:depth]):
        # What stands in braces, or is not there: its parent is written anew, with this in it.
        depth -= 1
        present = _at(data, path[:depth])
        inside = dict(present) if isinstance(present, dict) else {}
        if _block_children(lines, document, path[:depth], inside):
            return _insert(lines, document, path[: depth + 1], value, inside, comments)
        value = {**inside, path[depth]: value}
    if path[0] not in data:
        return _joined([*lines, *([""] if lines else []), *_block(path[0], value, 0, comments)])
    start, end = _extent(lines, document, path[:depth])
    indent = _indent(lines[start])
    return _joined([*lines[:start], *_block(path[depth - 1], value, indent, comments), *lines[end:]])


def _insert(
    lines: list[str],
    document: Document,
    path: KeyPath,
    value: object,
    beside: Mapping[str, object],
    comments: Sequence[str],
) -> str:
    """Put a new key behind those of a mapping in block style."""
    start, _ = _extent(lines, document, (*path[:-1], next(iter(beside))))
    _, end = _extent(lines, document, path[:-1])
    block = _block(path[-1], value, _indent(lines[start]), comments)
    return _joined([*lines[:end], *block, *lines[end:]])


def _at(data: object, path: KeyPath) -> object:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def _stands_alone(lines: list[str], document: Document, data: object, path: KeyPath) -> bool:
    """Whether the key is there, and begins its line."""
    parent = _at(data, path[:-1])
    if not isinstance(parent, dict) or path[-1] not in parent:
        return False
    place = document.position(path, key=True)
    return not lines[place.line - 1][: place.column - 1].strip()


def _block_children(
    lines: list[str], document: Document, path: KeyPath, inside: Mapping[str, object]
) -> bool:
    if not inside:
        return False
    place = document.position((*path, next(iter(inside))), key=True)
    return not lines[place.line - 1][: place.column - 1].strip()


def _extent(lines: list[str], document: Document, path: KeyPath) -> tuple[int, int]:
    """The lines of a key and its value, without the comments behind it: first, and one past the last."""
    start = document.position(path, key=True).line - 1
    indent, end = _indent(lines[start]), start + 1
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if _indent(line) <= indent and not (_indent(line) == indent and line.lstrip().startswith("- ")):
            break
        end = number + 1
    return start, end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block(key: str, value: object, indent: int, comments: Sequence[str]) -> Iterator[str]:
    margin = " " * indent
    for comment in comments:
        yield f"{margin}# {_one_line(comment)}"
    flow = f"{margin}{_scalar(key)}: {_flow(value)}"
    match value:
        case dict() if value and (len(flow) > _WIDTH or any(isinstance(v, dict) for v in value.values())):
            yield f"{margin}{_scalar(key)}:"
            for inner, part in value.items():
                yield from _block(inner, part, indent + _INDENT, ())
        case list() if value and len(flow) > _WIDTH:
            yield f"{margin}{_scalar(key)}:"
            for part in value:
                yield f"{margin}{' ' * _INDENT}- {_flow(part)}"
        case _:
            yield flow


def _flow(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_scalar(key)}: {_flow(part)}" for key, part in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case _:
            return _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else f'"{"".join(map(_quoted, value))}"'
    return json.dumps(value)


def _one_line(comment: str) -> str:
    """What others chose, as a role's name, must not end the comment and go on as YAML."""
    return "".join(character if character.isprintable() else "?" for character in comment)


def _quoted(character: str) -> str:
    """A character between double quotes, by chapter 5.7 of YAML 1.2."""
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
