"""Names of relations, and what moves the schemas that bare ones are looked for in.

Enters: targets and effects. Leaves: how the server reads a name, and whether bare names may mean something
else afterwards. Absent: what a name stands for.
"""

from __future__ import annotations

from typing import Final

from proxy.sql.effects import CLASSES, Effect, Target

_MOVES_PATH: Final = frozenset({"role.set", "session.reset", "session.discard", "statement.fetch"})
_NAMES_HANG_ON: Final = frozenset({"search_path", "role", "session_authorization", None})

UNSETTLING: Final = CLASSES["opaque"] | _MOVES_PATH | {"session.set"}
"""Without any of these effects bare names mean the same afterwards."""

ADDS: Final = frozenset(
    {
        *("column.add", "domain.create", "function.create", "function.replace", "matview.create"),
        *("procedure.create", "procedure.replace", "sequence.create", "table.create", "type.create"),
        *("view.create", "view.replace"),
    }
)
"""These may leave behind what holds nothing of before (``freshness``)."""


def spelled(target: Target) -> str:
    """A relation's name as the server reads it in a text: quoted, with its schema where it has one."""
    parts = [part for part in (target.schema, target.name) if part is not None]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def sets_path(effect: Effect) -> bool:
    """Whether this by itself may move the search_path."""
    if effect.name == "session.set":
        return effect.target is not None and effect.target.name in _NAMES_HANG_ON
    return effect.name in _MOVES_PATH
