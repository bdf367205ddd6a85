"""One database's answer to what a statement causes there.

Enters: a snapshot. Leaves: effects, those of the statement and those of all that runs because of it. Absent:
a server, and what the session alone knows (temporary objects, prepared statements).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from proxy.sql.database.behaviour import Behaviours, Readings
from proxy.sql.database.causes import Causes
from proxy.sql.database.closure import closed, key_of
from proxy.sql.database.index import Index
from proxy.sql.database.names import names_of
from proxy.sql.database.snapshot import Snapshot
from proxy.sql.effects import NO_MENTIONS, Effect, Mentions, Name, Target
from proxy.sql.screen import Screen

_DEFERRED: Final = frozenset({"deferred"})
_WRITTEN: Final = frozenset({"deferred", "by_key"})
_MAKES_VIEWS: Final = frozenset({"view.create", "view.replace"})
_WRITES: Final = ("row.insert", "row.update", "row.delete")
_NOTHING_READ: Final[Readings] = MappingProxyType({})


def _written(effects: Iterable[Effect], later: Iterable[Effect]) -> list[Effect]:
    """What may happen to the tables of views that are created: no snapshot has these yet, or ever."""
    if not any(effect.name in _MAKES_VIEWS for effect in effects):
        return []
    read = [effect for effect in later if effect.name == "row.read"]
    return [replace(effect, name=name, traits=_WRITTEN) for effect in read for name in _WRITES]


class Database:
    """What one database holds; nothing of it changes.

    Attributes:
        name: the database's.
        digest: equal for equal content.
        server_major: of the server that it is on.
    """

    def __init__(self, name: str, snapshot: Snapshot, readings: Readings = _NOTHING_READ) -> None:
        """Index a snapshot.

        Args:
            name: the database's.
            snapshot: all of it.
            readings: analyses of texts in it, by text; the others are read when they are asked for.
        """
        self.name = name
        self.server_major = snapshot.server_major
        self.digest = hashlib.sha256(repr(snapshot).encode(errors="surrogatepass")).hexdigest()
        self._index = Index(snapshot)
        self._types_read: dict[int, Name | None] = {}  # made as they are asked for
        self._causes = Causes(self._index, Behaviours(snapshot.server_major, readings))

    def expand(
        self,
        effects: tuple[Effect, ...],
        mentions: Mentions,
        search_path: tuple[str, ...] | None,
        most: int | None = None,
    ) -> tuple[Effect, ...]:
        """The effects, and those of all that runs because of them; a call whose functions were read goes.

        Args:
            effects: of a statement, as analyse() gives them.
            mentions: of the same statement.
            search_path: the schemas in which an unqualified name is looked for; None is any.
            most: how many things to follow, some microseconds each; None: all.

        Raises:
            TooMuch: there are more.
        """
        now = [effect for effect in effects if "deferred" not in effect.traits]
        later = [effect for effect in effects if "deferred" in effect.traits]
        found: dict[tuple[object, ...], Effect] = {}
        for effect in closed(self._causes, now, mentions, search_path, most):
            found.setdefault((effect.location, *key_of(effect)), effect)
        deferred = mentions.later or NO_MENTIONS
        if later or deferred is not NO_MENTIONS:
            through = _written(effects, later)
            for effect in closed(self._causes, [*later, *through], deferred, search_path, most):
                if effect in through:
                    continue
                put_off = replace(effect, traits=effect.traits | _DEFERRED)
                found.setdefault((effect.location, *key_of(put_off)), put_off)
        return tuple(found.values())

    @cached_property
    def screen(self) -> Screen | None:
        """Tells texts that cause nothing here but what it says; None where no name tells of that.

        Making it takes a moment for each name: ask first in another thread.
        """
        names = names_of(self._index, self._causes)
        return None if names is None else Screen(self.server_major, names)

    def read_by_code(self, oids: Iterable[int]) -> frozenset[Name]:
        """The names of those types whose values cannot be read without users' code: domains with checks."""
        return frozenset(filter(None, map(self._read_by_code, oids)))

    def _read_by_code(self, oid: int) -> Name | None:
        if oid not in self._types_read:
            found = self._index.types.get(oid)
            name = None if found is None else (found.schema, found.name)
            runs = name is not None and self.expand((), Mentions(types=frozenset({name})), None)
            self._types_read[oid] = name if runs else None
        return self._types_read[oid]

    def has_relation(self, name: str) -> bool:
        """Whether a relation of this name lies in any schema, as far as code hangs on it."""
        return bool(self._index.relations_named(None, name, None))

    def function(self, oid: int) -> Target | None:
        """The function that a FunctionCall message means, where it is none of the server's own."""
        found = self._index.functions.get(oid)
        return None if found is None else Target("function", found.schema, found.name)
