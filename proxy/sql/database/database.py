"""One database's answer to what a statement causes there.

Enters: a snapshot. Leaves: effects, those of the statement and those of all that runs because of it: the
closure over what causes.py says of each thing, so recursion ends. Deliberately absent: a server, and what
the session alone knows (temporary objects, prepared statements).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from proxy.sql.database.behaviour import Behaviours, Readings
from proxy.sql.database.causes import Caused, Causes, Node, label
from proxy.sql.database.index import Index, SearchPath
from proxy.sql.database.snapshot import Snapshot
from proxy.sql.effects import NO_MENTIONS, Effect, Mentions, Target

_DEFERRED: Final = frozenset({"deferred"})
_NOTHING_READ: Final[Readings] = MappingProxyType({})
_LONGEST_PATH: Final = 4


class TooMuch(Exception):
    """What comes of a statement is more than was to be followed here."""


class Database:
    """What one database holds; nothing of it changes.

    Attributes:
        name: the database's.
        digest: equal for equal content.
        server_major: of the server that it is on.
    """

    __slots__ = ("_causes", "_index", "digest", "name", "server_major")

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
        for effect in self._closed(now, mentions, search_path, most):
            found.setdefault((effect.location, *_key(effect)), effect)
        deferred = mentions.later or NO_MENTIONS
        if later or deferred is not NO_MENTIONS:
            for effect in self._closed(later, deferred, search_path, most):
                put_off = replace(effect, traits=effect.traits | _DEFERRED)
                found.setdefault((effect.location, *_key(put_off)), put_off)
        return tuple(found.values())

    def function(self, oid: int) -> Target | None:
        """The function that a FunctionCall message means, where it is none of the server's own."""
        found = self._index.functions.get(oid)
        return None if found is None else Target("function", found.schema, found.name)

    def _closed(
        self, effects: Iterable[Effect], mentions: Mentions, path: SearchPath, most: int | None
    ) -> Iterator[Effect]:
        """Breadth first, so that each effect comes by its shortest way."""
        run = _Run(self._causes, most)
        for effect in effects:
            caused = self._causes.of_effect(effect, mentions, path, stored=False)
            if caused.stays:
                yield effect
            run.seen.add((_key(effect), mentions.sets))
            run.follow(caused, "")
        run.nodes(self._causes.of_mentions(mentions, path), "")
        if effects or mentions is not NO_MENTIONS:
            run.nodes(self._causes.unnamed(), "")
        yield from run.all()


class _Run:
    """One search."""

    def __init__(self, causes: Causes, most: int | None) -> None:
        self._causes = causes
        self._left = -1 if most is None else most
        self._waiting: deque[tuple[Effect | Node, Mentions, str]] = deque()
        self.seen: set[object] = set()

    def follow(self, caused: Caused, way: str) -> None:
        """Note what comes of something."""
        for step in caused.steps:
            self._count()
            self._waiting.append((step.effect, step.mentions, _longer(way, step.by)))
        self.nodes(caused.nodes, way)

    def nodes(self, nodes: Iterable[Node], way: str) -> None:
        """Note what runs."""
        for node in nodes:
            self._count()
            self._waiting.append((node, NO_MENTIONS, way))

    def _count(self) -> None:
        if self._left == 0:
            raise TooMuch
        self._left -= 1

    def all(self) -> Iterator[Effect]:
        """Every effect that comes of what was noted."""
        while self._waiting:
            thing, mentions, way = self._waiting.popleft()
            if isinstance(thing, Effect):
                yield from self._effect(thing, mentions, way)
            elif thing not in self.seen:
                self.seen.add(thing)
                self._node(thing, _longer(way, label(thing)))

    def _effect(self, effect: Effect, mentions: Mentions, way: str) -> Iterator[Effect]:
        key = (_key(effect), mentions.sets)
        if key in self.seen:
            return
        self.seen.add(key)
        caused = self._causes.of_effect(effect, mentions, None, stored=True)
        if caused.stays:
            yield replace(effect, through=way)
        self.follow(caused, way)

    def _node(self, node: Node, way: str) -> None:
        behaviour, nodes = self._causes.of_node(node)
        for effect in behaviour.effects:
            self._count()
            self._waiting.append((effect, behaviour.mentions, way))
        self.nodes(self._causes.of_mentions(behaviour.mentions, None), way)
        self.nodes(nodes, way)


def _key(effect: Effect) -> tuple[object, ...]:
    return effect.name, effect.target, effect.traits, effect.risk, effect.detail


def _longer(way: str, by: str) -> str:
    """A path with one step more; long ones keep their beginning."""
    if not by or way.endswith("…"):
        return way
    if not way:
        return by
    return f"{way} > {by}" if way.count(" > ") < _LONGEST_PATH else f"{way} > …"
