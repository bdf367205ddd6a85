"""SQL scripts on disk: plain files, and the folders of migrations that tools keep.

Enters: paths. Leaves: scripts in the order in which their tool runs them, each with the SQL that it would
send, at its own lines and columns; and what is passed over, with the reason. A folder is known by how its
files are named and by the comments that tools read in them. Deliberately absent: migrations in other
languages, whose SQL does not exist before they run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "meta"})
_FLYWAY = re.compile(r"(?P<kind>[VUR])(?P<version>[0-9][0-9._]*)?__.*\.sql")
_SECTION = re.compile(
    r"^[ \t]*--[ \t]*(?:migrate:(?P<dbmate>up|down)|\+goose[ \t]+(?P<goose>Up|Down)|"
    r"\+migrate[ \t]+(?P<rubenv>Up|Down))\b",
    re.IGNORECASE | re.MULTILINE,
)
# pg_dump writes these around a plain dump; only psql reads them, and they do nothing at the server.
_RESTRICTED = re.compile(r"^\\(?:un)?restrict\b.*$", re.MULTILINE)
_DIGITS = re.compile(r"([0-9]+)")
_UNDOES = "undoes a migration; it does not run on the way up"
_CODE = {
    ".py": "is Python; give the output of `manage.py sqlmigrate` or `alembic upgrade --sql`",
    ".js": "is JavaScript, whose SQL does not exist before it runs",
    ".cjs": "is JavaScript, whose SQL does not exist before it runs",
    ".mjs": "is JavaScript, whose SQL does not exist before it runs",
    ".ts": "is TypeScript, whose SQL does not exist before it runs",
    ".rb": "is Ruby, whose SQL does not exist before it runs",
    ".go": "is Go, whose SQL does not exist before it runs",
    ".php": "is PHP, whose SQL does not exist before it runs",
    ".java": "is Java, whose SQL does not exist before it runs",
    ".kt": "is Kotlin, whose SQL does not exist before it runs",
}


@dataclass(frozen=True, slots=True)
class Script:
    """What one file sends to the server.

    Attributes:
        name: what its tool calls it: the migration's folder, or the file without its ending.
        sql: the file's text; what is not sent is blanked, so that lines and columns stay.
    """

    path: str
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not judged, and why.

    Attributes:
        runs: its tool would run it all the same.
    """

    path: str
    reason: str
    runs: bool = True


@dataclass(frozen=True, slots=True)
class Scripts:
    """All that was found."""

    scripts: tuple[Script, ...]
    skipped: tuple[Skipped, ...]


def find_scripts(paths: Iterable[str]) -> Scripts:
    """Find the scripts of files and folders, each folder's in its tool's order.

    Raises:
        OSError: a path does not exist, or cannot be read; its `filename` says which.
    """
    scripts: list[Script] = []
    skipped: list[Skipped] = []
    for path in paths:
        found = _below(Path(path)) if Path(path).is_dir() else [Path(path)]
        for file in found:
            read = _read(file)
            if isinstance(read, Script):
                scripts.append(read)
            elif isinstance(read, Skipped):
                skipped.append(read)
    return Scripts(tuple(scripts), tuple(skipped))


def code_of(path: str) -> str:
    """Why a file's SQL is not in it; "" where it may be."""
    return _CODE.get(Path(path).suffix, "")


def comes_later(path: str, other: str) -> bool:
    """Whether a tool runs the one after the other, where both lie in one folder."""
    return _order(Path(path)) > _order(Path(other))


def _below(folder: Path) -> list[Path]:
    """The files under a folder that may be migrations, in order."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    wanted = [
        path for path in found if path.suffix == ".sql" or (path.suffix in _CODE and path.stem != "__init__")
    ]
    return sorted(wanted, key=_order)


def _order(path: Path) -> tuple[object, ...]:
    """By folder, then as tools do: numbers by their value; Flyway's repeatable ones last."""
    flyway = _FLYWAY.fullmatch(path.name)
    repeatable = flyway is not None and flyway["version"] is None
    name = path.name if flyway is None or flyway["version"] is None else flyway["version"].replace("_", ".")
    return (tuple(map(_natural, path.parent.parts)), repeatable, _natural(name))


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    pieces = (piece for piece in _DIGITS.split(name) if piece)
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces)


def _read(path: Path) -> Script | Skipped:
    shown = path.as_posix()
    if path.suffix in _CODE:
        return Skipped(shown, _CODE[path.suffix])
    if path.name.endswith((".down.sql", ".undo.sql")) or path.name == "down.sql":
        return Skipped(shown, _UNDOES, runs=False)
    flyway = _FLYWAY.fullmatch(path.name)
    if flyway is not None and flyway["kind"] == "U":
        return Skipped(shown, _UNDOES, runs=False)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(shown, "is not UTF-8 text")
    return Script(shown, _name(path), _sent(text))


def _name(path: Path) -> str:
    """`migration.sql` and its like are named by their folder."""
    if path.name in ("migration.sql", "up.sql"):
        return path.parent.name
    return path.name.removesuffix(".sql").removesuffix(".up")


def _sent(text: str) -> str:
    """What goes to the server when the migration runs: a part that undoes it is blanked."""
    text = _RESTRICTED.sub(lambda match: " " * len(match[0]), text)
    pieces: list[str] = []
    end, up = 0, True
    for start, section in _sections(text):
        pieces.append(text[end:start] if up else _blank(text[end:start]))
        end, up = start, section == "up"
    pieces.append(text[end:] if up else _blank(text[end:]))
    return "".join(pieces)


def _sections(text: str) -> Iterator[tuple[int, str]]:
    for match in _SECTION.finditer(text):
        yield match.start(), (match["dbmate"] or match["goose"] or match["rubenv"]).lower()


def _blank(text: str) -> str:
    """Spaces in place of everything but the ends of lines."""
    return "".join(character if character in "\r\n" else " " for character in text)
