"""YAML text to plain values that know where they stand.

Enters: the text of one file. Leaves: a `Document`: dict, list, str, int, float, bool, None, and a position
for each; or a `SourceError`. Scalars follow the core rules of YAML 1.2, so 22:00, on, off, yes and no are
text and 010 is ten. Deliberately absent: tags, merge keys, several documents in one text, keys that are not
plain scalars (all are errors: each makes two readers see two policies), and reading files.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from proxy.source.diagnostics import Diagnostic, Position, SourceError

Path = tuple[str | int, ...]

MAX_CHARACTERS = 4 * 1024 * 1024
# A hand-written policy nests some eight levels deep. libyaml itself slows quadratically with depth.
MAX_DEPTH = 32
_TOO_DEEP = f"values are nested more than {MAX_DEPTH} deep"
# Counted with aliases unfolded: a few lines of anchors can otherwise stand for billions of values.
MAX_NODES = 500_000

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as libyaml counts lines
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_OCTAL = re.compile(r"0o[0-7]{1,100}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# The parser's words, and what a writer of policies can do about it.
_STUMBLES = {
    "end of stream while scanning a quoted scalar": "the quote that begins here does not end",
    "while parsing a flow": "a comma or a closing bracket is missing before this",
    "mapping values are not allowed": "no colon can stand here; put text that holds one in quotes",
    "expected '-' indicator": "this line is indented otherwise than those it belongs to",
    "did not find expected key": "no key begins here; put text that begins with { or [ in quotes",
}
_NAN = frozenset({".nan", ".NaN", ".NAN"})


@dataclass(slots=True)
class _Node:
    """One value with its place (line and column from 0) and those of its parts.

    Attributes:
        size: number of values in it, aliases unfolded.
        depth: levels below it.
        closed: False while its parts are still being read.
    """

    data: Any
    line: int
    column: int
    size: int = 1
    depth: int = 0
    closed: bool = True
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    parts: dict[str | int, "_Node"] = field(default_factory=dict)


class Document:
    """A YAML document: `data`, and where each part of it stands.

    An alias has the position of the value that it repeats.
    """

    __slots__ = ("__weakref__", "_lines", "_root", "data", "file")

    def __init__(self, root: _Node, lines: list[str], file: str) -> None:
        """Built by `read_yaml`."""
        self.data: Any = root.data
        self.file = file
        self._root = root
        self._lines = lines

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Where the value at `path` stands, or with `key` its key.

        A path that leads nowhere has the position of its last part that exists: a missing key is reported
        where it should have been.
        """
        node = self._root
        line, column = node.line, node.column
        for index, step in enumerate(path):
            if step not in node.parts:
                break
            if key and index == len(path) - 1 and isinstance(step, str):
                line, column = node.keys[step]
                break
            node = node.parts[step]
            line, column = node.line, node.column
        return Position(self.file, line + 1, column + 1)

    def source_line(self, position: Position) -> str:
        """The line of text at `position`, without its end."""
        return self._lines[position.line - 1] if position.line <= len(self._lines) else ""


class RepeatedKeys(SourceError):
    """Keys given twice, and nothing else that stops reading: `document` serves to tell of more mistakes."""

    def __init__(self, diagnostics: Iterable[Diagnostic], document: Document) -> None:
        """Keep the document, in which the last of equal keys counts."""
        super().__init__(diagnostics)
        self.document = document


def read_yaml(text: str, file: str) -> Document:
    """Read one YAML document.

    Raises:
        RepeatedKeys: that is all that is wrong.
        SourceError: the text is no YAML, or YAML that this reader refuses. Refused constructs are all told; a
            mistake of grammar ends the reading.
    """
    if len(text) > MAX_CHARACTERS:
        raise _only(file, [], 0, 0, f"the file is larger than {MAX_CHARACTERS // 1024 // 1024} MiB")
    text = text.removeprefix("\ufeff")
    lines = _LINE_BREAK.split(text)
    reader = _Reader(file, lines)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        unclosed = error.context_mark if "quoted scalar" in str(error.context) else None
        mark = unclosed or error.problem_mark or error.context_mark
        reader.refuse_at(mark.line if mark else 0, mark.column if mark else 0, _sentence(error))
        raise SourceError(reader.diagnostics) from None
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, file, lines, error.position, int(error.character)) from None
    except UnicodeEncodeError as error:
        raise _unreadable(text, file, lines, error.start, ord(text[error.start])) from None
    document = Document(reader.root or _Node(None, 0, 0), lines, file)
    if reader.diagnostics:
        if len(reader.diagnostics) == reader.repeated:
            raise RepeatedKeys(reader.diagnostics, document)
        raise SourceError(reader.diagnostics)
    return document


class _Reader:
    """Builds nodes from the parser's events, on its own stack: no text can exhaust the interpreter's."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.root: _Node | None = None
        self.repeated = 0
        self._file = file
        self._lines = lines
        self._open: list[tuple[_Node, str | None]] = []  # the collection, and of a mapping the key that waits
        self._anchors: dict[str, _Node] = {}
        self._total = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Handle one event.

        Raises:
            SourceError: reading cannot go on: too deep, too large.
        """
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, "a second document begins here; one file holds one document")
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.SequenceStartEvent():
                self._begin(event, [])
            case yaml.MappingStartEvent():
                self._begin(event, {})
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end(event)
            case yaml.AliasEvent():
                self._alias(event)
            case _:
                pass

    def refuse_at(self, line: int, column: int, message: str) -> None:
        """Note a mistake at a place, counted from 0 as the parser does."""
        self.diagnostics.append(_diagnostic(self._file, self._lines, line, column, message))

    def _refuse(self, event: yaml.Event, message: str) -> None:
        self.refuse_at(*_where(event), message)

    def _give_up(self, event: yaml.Event, message: str) -> NoReturn:
        self._refuse(event, message)
        raise SourceError(self.diagnostics)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None:
            self._refuse(
                event, f"tags such as {_short(event.tag)} are not used here; text is written in quotes"
            )
        if self._awaits_key():
            self._key(event)
            return
        try:
            data = event.value if event.style else _plain(event.value)
        except ValueError as error:
            self._refuse(event, str(error))
            data = None
        self._place(_Node(data, *_where(event)), event)

    def _begin(self, event: yaml.CollectionStartEvent, data: Any) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._give_up(event, _TOO_DEEP)
        if event.tag is not None:
            self._refuse(event, f"tags such as {_short(event.tag)} are not used here")
        node = _Node(data, *_where(event), closed=False)
        if self._awaits_key():
            self._give_up(event, "a key must be a plain word, not a list or a mapping")
        self._place(node, event)
        self._open.append((node, None))

    def _end(self, event: yaml.Event) -> None:
        node, _ = self._open.pop()
        node.closed = True
        node.size = 1 + sum(part.size for part in node.parts.values())
        node.depth = 1 + max((part.depth for part in node.parts.values()), default=0)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self._awaits_key():
            self._give_up(event, "a key must be a plain word, not an alias")
        name = event.anchor or ""
        target = self._anchors.get(name)
        if target is None:
            self._refuse(event, f'no anchor "&{_short(name)}" stands before this alias')
            target = _Node(None, *_where(event))
        elif not target.closed:
            self._refuse(event, f'the alias "*{_short(name)}" lies inside the value that it repeats')
            target = _Node(None, *_where(event))
        elif len(self._open) + target.depth > MAX_DEPTH:
            self._give_up(event, f"aliases nest values more than {MAX_DEPTH} deep")
        self._place(target, event)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0].data, dict) and self._open[-1][1] is None

    def _key(self, event: yaml.ScalarEvent) -> None:
        if event.value == "<<" and not event.style:
            self._refuse(event, 'merge keys ("<<") are not used here; write the keys out')
        if event.value in self._open[-1][0].keys:
            self.repeated += 1
            first = self._open[-1][0].keys[event.value][0] + 1
            self._refuse(event, f'the key "{_short(event.value)}" was already given in line {first}')
        node = self._open[-1][0]
        node.keys.setdefault(event.value, _where(event))
        self._open[-1] = (node, event.value)

    def _place(self, node: _Node, event: yaml.Event) -> None:
        """Put a value where it belongs: into the open collection, or as the document."""
        anchor = getattr(event, "anchor", None)
        if anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._anchors[anchor] = node
        self._total += node.size
        if self._total > MAX_NODES:
            self._give_up(event, f"the file stands for more than {MAX_NODES} values")
        if not self._open:
            if self.root is None:
                self.root = node
            return
        parent, key = self._open[-1]
        if isinstance(parent.data, list):
            parent.parts[len(parent.data)] = node
            parent.data.append(node.data)
            return
        if key is None:
            raise AssertionError("a mapping's value comes after its key")
        parent.data[key] = node.data
        parent.parts[key] = node
        self._open[-1] = (parent, None)


def _where(event: yaml.Event) -> tuple[int, int]:
    """Line and column where an event begins, from 0."""
    mark = event.start_mark
    return (mark.line, mark.column) if mark is not None else (0, 0)


def _plain(value: str) -> str | int | float | bool | None:
    """The value of a scalar without quotes, by YAML 1.2's core schema.

    Raises:
        ValueError: a number too large for any use.
    """
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    if _OCTAL.fullmatch(value):
        return int(value[2:], 8)
    if _HEXADECIMAL.fullmatch(value):
        return int(value[2:], 16)
    if _FLOAT.fullmatch(value):
        number = float(value)
        if math.isinf(number):
            raise ValueError("the number is too large")
        return number
    infinity = _INFINITY.fullmatch(value)
    if infinity is not None:
        return -math.inf if infinity[1] == "-" else math.inf
    return math.nan if value in _NAN else value


def _sentence(error: yaml.MarkedYAMLError) -> str:
    """The parser's words, made to say what to do where people commonly stumble."""
    problem = str(error.problem or "the text is no YAML")
    if "nesting depth" in problem:  # some releases of libyaml stop before this reader does
        return _TOO_DEEP
    if "cannot start any token" in problem:
        return (
            "this character cannot start a value; indent with spaces, and quote text that begins with @ or `"
        )
    context = str(error.context or "")
    for word, meaning in _STUMBLES.items():
        if word in f"{problem} {context}":
            return f"not valid YAML: {meaning}"
    return f"not valid YAML: {problem} {context}".rstrip()


def _unreadable(text: str, file: str, lines: list[str], index: int, character: int) -> SourceError:
    """The error for a character that YAML does not admit.

    `index` may count bytes, so the character itself is looked for.
    """
    found = text.find(chr(character)) if character < 0x110000 else -1
    before = _LINE_BREAK.split(text[: found if found >= 0 else index])
    message = f"the character U+{character:04X} is not allowed in YAML"
    return _only(file, lines, len(before) - 1, len(before[-1]), message)


def _only(file: str, lines: list[str], line: int, column: int, message: str) -> SourceError:
    return SourceError([_diagnostic(file, lines, line, column, message)])


def _diagnostic(file: str, lines: list[str], line: int, column: int, message: str) -> Diagnostic:
    # The parser reports an unexpected end one line past the last one: show the last line instead.
    if lines and line >= len(lines):
        line, column = len(lines) - 1, len(lines[-1])
    if lines and line == len(lines) - 1 and line > 0 and not lines[line]:
        line, column = line - 1, len(lines[line - 1])
    source_line = lines[line] if line < len(lines) else ""
    return Diagnostic(Position(file, line + 1, column + 1), message, source_line)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
