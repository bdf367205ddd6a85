"""The closure over what causes.py says of each thing: all that runs because of a statement.

Enters: effects and mentions. Leaves: effects. What was seen is not looked at again, so recursion ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Set
from typing import Final

from msgspec.structs import replace

from proxy.sql.database.causes import Caused, Causes, Node, label, runs_for_rows
from proxy.sql.database.index import SearchPath
from proxy.sql.effects import NO_MENTIONS, Effect, Mentions, Risk, for_each_row

_LONGEST_PATH: Final = 4
_FRESH: Final = frozenset({"fresh"})
_NOTHING: Final[Set[object]] = frozenset()


class TooMuch(Exception):
    """What comes of a statement is more than was to be followed here."""


def closed(
    causes: Causes, effects: Iterable[Effect], mentions: Mentions, path: SearchPath, most: int | None = None
) -> Iterator[Effect]:
    """The effects that stay, and those of all that runs because of them.

    Args:
        causes: of the database.
        effects: of a text.
        mentions: of the same text.
        path: search_path, None where it is not known.
        most: how many things to follow; None: all.

    Raises:
        TooMuch: there are more.
    """
    return Run(causes, most).closed(effects, mentions, path)


class Run:
    """One search.

    Attributes:
        seen: what it has looked at.
    """

    def __init__(self, causes: Causes, most: int | None = None, known: Set[object] = _NOTHING) -> None:
        """Look at no more than ``most`` things, and at nothing that an earlier search has seen."""
        self._causes = causes
        self._known = known
        self._left = -1 if most is None else most
        self._waiting: deque[tuple[Effect | Node, Mentions, str, bool]] = deque()
        self.seen: set[object] = set()

    def closed(self, effects: Iterable[Effect], mentions: Mentions, path: SearchPath) -> Iterator[Effect]:
        """Breadth first, so that each effect comes by its shortest way."""
        for effect in effects:
            caused = self._causes.of_effect(effect, mentions, path, stored=False)
            if caused.stays:
                yield self._as_triggers_leave_it(effect, path)
            self.seen.add((key_of(effect), mentions.sets))
            self._follow(caused, "", repeated="repeated" in effect.traits)
        self._mentioned(mentions, path, "")
        if effects or mentions is not NO_MENTIONS:
            self._nodes(self._causes.unnamed(), "", repeated=True)
        yield from self._all()

    def _as_triggers_leave_it(self, effect: Effect, path: SearchPath) -> Effect:
        """An UPDATE of new columns alone, unless triggers write others."""
        if "fresh" in effect.traits and effect.name == "row.update" and self._causes.overwrites(effect, path):
            return replace(effect, traits=effect.traits - _FRESH, risk=Risk.HIGH)
        return effect

    def _mentioned(self, mentions: Mentions, path: SearchPath, way: str) -> None:
        """Note what runs by the names that a text mentions."""
        self._nodes(self._causes.called(mentions, path), way)
        self._nodes(self._causes.for_rows(mentions, path), way, repeated=True)

    def _follow(self, caused: Caused, way: str, *, repeated: bool) -> None:
        """Note what comes of something."""
        for step in caused.steps:
            self._count()
            self._waiting.append((step.effect, step.mentions, _longer(way, step.by), False))
        self._nodes(caused.nodes, way, repeated=repeated)

    def _nodes(
        self, nodes: Iterable[Node], way: str, *, repeated: bool = False, by: Node | None = None
    ) -> None:
        """Note what runs; repeated: for each of many rows; by: what causes it."""
        for node in nodes:
            self._count()
            self._waiting.append((node, NO_MENTIONS, way, repeated or runs_for_rows(node, by)))

    def _count(self) -> None:
        if self._left == 0:
            raise TooMuch
        self._left -= 1

    def _all(self) -> Iterator[Effect]:
        """Every effect that comes of what was noted."""
        while self._waiting:
            thing, mentions, way, repeated = self._waiting.popleft()
            if isinstance(thing, Effect):
                yield from self._effect(thing, mentions, way)
                continue
            key = (thing, "repeated") if repeated else thing
            if key not in self.seen and key not in self._known:
                self.seen.add(key)
                self._node(thing, _longer(way, label(thing)), repeated=repeated)

    def _effect(self, effect: Effect, mentions: Mentions, way: str) -> Iterator[Effect]:
        key = (key_of(effect), mentions.sets)
        if key in self.seen or key in self._known:
            return
        self.seen.add(key)
        caused = self._causes.of_effect(effect, mentions, None, stored=True)
        if caused.stays:
            yield replace(effect, through=way)
        self._follow(caused, way, repeated="repeated" in effect.traits)

    def _node(self, node: Node, way: str, *, repeated: bool) -> None:
        behaviour, nodes = self._causes.of_node(node)
        for effect in behaviour.effects:
            self._count()
            each = for_each_row(effect) if repeated else effect
            self._waiting.append((each, behaviour.mentions, way, False))
        self._mentioned(behaviour.mentions, None, way)
        self._nodes(nodes, way, repeated=repeated, by=node)


def key_of(effect: Effect) -> tuple[object, ...]:
    """What makes two effects the same, their place left aside."""
    return effect.name, effect.target, effect.traits, effect.risk, effect.detail


def _longer(way: str, by: str) -> str:
    """A path with one step more; long ones keep their beginning."""
    if not by or way.endswith("…"):
        return way
    if not way:
        return by
    return f"{way} > {by}" if way.count(" > ") < _LONGEST_PATH else f"{way} > …"
