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
from proxy.sql.effects import EACH_CHANGES, NO_MENTIONS, ONCE, Effect, Mentions, Risk, for_each_row

_LONGEST_PATH: Final = 4
_FRESH: Final = frozenset({"fresh"})
_OFTEN: Final = frozenset({"code.call", "row.insert"})
"""What these cause hangs on how often they happen; of what they change, its traits tell."""
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
        self._waiting: deque[tuple[Effect | Node, Mentions, str, frozenset[str]]] = deque()
        self.seen: set[object] = set()

    def closed(self, effects: Iterable[Effect], mentions: Mentions, path: SearchPath) -> Iterator[Effect]:
        """Breadth first, so that each effect comes by its shortest way."""
        for effect in effects:
            caused = self._causes.of_effect(effect, mentions, path, stored=False)
            if caused.stays:
                yield self._as_triggers_leave_it(effect, path)
            self.seen.add(_seen_as(effect, mentions, ONCE))
            self._follow(caused, "", EACH_CHANGES if "repeated" in effect.traits else ONCE)
        self._mentioned(mentions, path, "")
        if effects or mentions is not NO_MENTIONS:
            self._nodes(self._causes.unnamed(), "", EACH_CHANGES)
        yield from self._all()

    def _as_triggers_leave_it(self, effect: Effect, path: SearchPath) -> Effect:
        """An UPDATE of new columns alone, unless triggers write others."""
        if "fresh" in effect.traits and effect.name == "row.update" and self._causes.overwrites(effect, path):
            return replace(effect, traits=effect.traits - _FRESH, risk=Risk.HIGH)
        return effect

    def _mentioned(self, mentions: Mentions, path: SearchPath, way: str) -> None:
        """Note what runs by the names that a text mentions."""
        self._nodes(self._causes.called(mentions, path), way)
        self._nodes(self._causes.for_rows(mentions, path), way, EACH_CHANGES)

    def _follow(self, caused: Caused, way: str, each: frozenset[str]) -> None:
        """Note what comes of something."""
        for step in caused.steps:
            self._count()
            self._waiting.append((step.effect, step.mentions, _longer(way, step.by), ONCE))
        self._nodes(caused.nodes, way, each)

    def _nodes(
        self, nodes: Iterable[Node], way: str, each: frozenset[str] = ONCE, by: Node | None = None
    ) -> None:
        """Note what runs; each: what of it counts as of all rows; by: what causes it."""
        for node in nodes:
            self._count()
            self._waiting.append((node, NO_MENTIONS, way, each | runs_for_rows(node, by)))

    def _count(self) -> None:
        if self._left == 0:
            raise TooMuch
        self._left -= 1

    def _all(self) -> Iterator[Effect]:
        """Every effect that comes of what was noted."""
        while self._waiting:
            thing, mentions, way, each = self._waiting.popleft()
            if isinstance(thing, Effect):
                yield from self._effect(thing, mentions, way, each)
                continue
            key = (thing, each) if each else thing
            if key not in self.seen and key not in self._known:
                self.seen.add(key)
                self._node(thing, _longer(way, label(thing)), each)

    def _effect(self, effect: Effect, mentions: Mentions, way: str, each: frozenset[str]) -> Iterator[Effect]:
        key = _seen_as(effect, mentions, each)
        if key in self.seen or key in self._known:
            return
        self.seen.add(key)
        caused = self._causes.of_effect(effect, mentions, None, stored=True, often=bool(each))
        if caused.stays:
            yield replace(effect, through=way)
        called = each if effect.name == "code.call" else ONCE
        self._follow(caused, way, EACH_CHANGES if "repeated" in effect.traits else called)

    def _node(self, node: Node, way: str, each: frozenset[str]) -> None:
        behaviour, nodes = self._causes.of_node(node)
        for effect in behaviour.effects:
            self._count()
            self._waiting.append((for_each_row(effect, each), behaviour.mentions, way, each))
        self._mentioned(behaviour.mentions, None, way)
        self._nodes(nodes, way, each, node)


def key_of(effect: Effect) -> tuple[object, ...]:
    """What makes two effects the same, their place left aside."""
    return effect.name, effect.target, effect.traits, effect.risk, effect.detail


def _seen_as(effect: Effect, mentions: Mentions, each: frozenset[str]) -> tuple[object, ...]:
    """What makes two effects cause the same."""
    key = (key_of(effect), mentions.sets)
    return (*key, mentions.fills, each) if effect.name in _OFTEN else key


def _longer(way: str, by: str) -> str:
    """A path with one step more; long ones keep their beginning."""
    if not by or way.endswith("…"):
        return way
    if not way:
        return by
    return f"{way} > {by}" if way.count(" > ") < _LONGEST_PATH else f"{way} > …"
