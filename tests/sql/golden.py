"""The golden files: statements with the exact effects they have, as text that people can review.

A case is one statement on lines of its own, then one line `-> effect` for each; `-> nothing` for none. A
line that starts with `#` is a comment. `python -m tests.sql.golden` writes the files anew from the analysis:
read the difference before it is committed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from proxy.sql.analyse import analyse
from proxy.sql.effects import Effect

FOLDER = Path(__file__).parent / "statements"


def shown(effect: Effect) -> str:
    """`row.delete table public.users {by_key} LOW (detail)`."""
    parts = [effect.name]
    if effect.target is not None:
        parts.append(f"{effect.target.kind} {effect.target}")
    if effect.traits:
        parts.append("{" + ", ".join(sorted(effect.traits)) + "}")
    parts.append(effect.risk.name)
    if effect.detail:
        parts.append(f"({effect.detail})")
    return " ".join(parts)


def effects_of(sql: str) -> list[str]:
    """The effects of a text, shown."""
    return [shown(effect) for effect in analyse(sql).effects] or ["nothing"]


def cases(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """(line, statement, effects) of each case of a file."""
    sql: list[str] = []
    wanted: list[str] = []
    start = 0
    for number, line in enumerate([*path.read_text().splitlines(), ""], start=1):
        if line.startswith("-> "):
            wanted.append(line[3:])
            continue
        if wanted:
            yield start, "\n".join(sql), wanted
            sql, wanted = [], []
        if line.strip() and not line.startswith("#"):
            start = start if sql else number
            sql.append(line)


def rewrite(path: Path) -> None:
    """Write the file anew with the effects of today."""
    out: list[str] = []
    sql: list[str] = []
    for line in [*path.read_text().splitlines(), ""]:
        if line.startswith("-> "):
            continue
        if sql and (not line.strip() or line.startswith("#")):
            out += [*sql, *(f"-> {effect}" for effect in effects_of("\n".join(sql)))]
            sql = []
        if line.strip() and not line.startswith("#"):
            sql.append(line)
        else:
            out.append(line)
    path.write_text("\n".join(out).rstrip() + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or [str(path) for path in sorted(FOLDER.glob("*.txt"))]:
        rewrite(Path(name))
