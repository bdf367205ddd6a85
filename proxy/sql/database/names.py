"""What the screen has to know of a database: under which names more may run than a text shows.

Enters: an index and its causes. Leaves: Names for the screen, or None where something runs that no name tells
of. Each name is put where a text may have it, and what causes.py says of that decides: nothing is listed here
twice. Where a name means nothing in this database the text has it for itself, as without a catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from proxy.sql.builtins import OPERATORS
from proxy.sql.database.causes import Causes
from proxy.sql.database.closure import Run
from proxy.sql.database.index import Index
from proxy.sql.effects import EFFECT_KINDS, NO_MENTIONS, Effect, Mentions, Target
from proxy.sql.functions import known
from proxy.sql.screen import Names, Screened

MENTIONED: Final[Mapping[str, Callable[[str], Mentions]]] = MappingProxyType(
    {
        "functions": lambda name: Mentions(functions=frozenset({(None, name)})),
        "operators": lambda name: Mentions(operators=frozenset({(None, name)})),
        "types": lambda name: Mentions(types=frozenset({(None, name)})),
        "fields": lambda name: Mentions(fields=frozenset({name})),
    }
)
"""How a text may mention a name: each field of Mentions but `sets` and `fills`, which run nothing, and
`later`, which no query has."""


def names_of(index: Index, causes: Causes) -> Names | None:
    """The names, as the catalogue has them; a text may add a schema to each."""
    major = index.snapshot.server_major
    reading, adding = _Harmless(causes, Screened.READS), _Harmless(causes, Screened.ADDS)
    if not reading.holds((_row_effect("row.read", None, None),), NO_MENTIONS):
        return None  # code that runs without a name
    signs = {
        sign
        for sign in index.operator_names
        if reading.holds(() if sign in OPERATORS else _calls("operator", sign), *_mentions(sign, "operators"))
    }
    if (index.operator_names - signs) & OPERATORS:
        return None  # IN, BETWEEN, LIKE and CASE mean operators, too
    calls, effective = set[str](), set[str]()
    for name in index.function_names | index.type_names:
        built_in = known(None, name, major) is not None  # then a text's effects have no call of it
        called = () if built_in or name not in index.function_names else _calls("function", name)
        harmless = reading.holds(called, *_mentions(name, "functions", "types", "fields"))
        if not harmless and index.is_in_pg_catalog(name):
            return None  # there are key words for names in pg_catalog: int, timestamp, AT TIME ZONE
        (calls if harmless else effective).add(name)
    # Of a built-in's name the screen knows itself what it does; a harmless overload says nothing of it.
    calls = {name for name in calls & index.function_names if known(None, name, major) is None}
    on_insert = set[str]()
    for relation in index.relations.values():
        where = (relation.schema, relation.name)
        if not reading.holds((_row_effect("row.read", *where),), NO_MENTIONS):
            effective.add(relation.name)
        if not adding.holds(
            (_row_effect("row.read", *where), _row_effect("row.insert", *where)), NO_MENTIONS
        ):
            on_insert.add(relation.name)
    return Names(frozenset(effective), frozenset(on_insert), frozenset(calls), frozenset(signs))


class _Harmless:
    """Whether things cause nothing more than a kind of screened text says; what was found so is kept."""

    def __init__(self, causes: Causes, screened: Screened) -> None:
        self._causes = causes
        self._at_most = frozenset((e.name, e.traits, e.risk) for e in screened.effects)
        self._known: set[object] = set()

    def holds(self, effects: Iterable[Effect], *mentions: Mentions) -> bool:
        """Whether it is so of these effects with each of these mentions, anywhere on a search_path."""
        for each in mentions:
            run = Run(self._causes, known=self._known)
            found = run.closed(tuple(effects), each, None)
            if any((effect.name, effect.traits, effect.risk) not in self._at_most for effect in found):
                return False
            self._known |= run.seen
        return True


def _mentions(name: str, *ways: str) -> tuple[Mentions, ...]:
    return tuple(MENTIONED[way](name) for way in ways)


def _calls(kind: str, name: str) -> tuple[Effect, ...]:
    return (Effect("code.call", Target(kind, None, name), risk=EFFECT_KINDS["code.call"].risk),)


def _row_effect(name: str, schema: str | None, relation: str | None) -> Effect:
    return Effect(name, Target("table", schema, relation), risk=EFFECT_KINDS[name].risk)
