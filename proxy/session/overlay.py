"""What a session has defined since its database's catalogue was read: no snapshot knows of it yet.

Enters: the effects of what the session runs. Leaves: the effects of later statements, with all that its own
definitions may add. A function's body was judged where it was created; until a snapshot has it, whatever may
run code may run that body. Absent: when a snapshot is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from proxy.sql.database import Database
from proxy.sql.effects import (
    CLASSES,
    EACH_CHANGES,
    EACH_REMOVES,
    EFFECT_KINDS,
    NO_MENTIONS,
    ONCE,
    Effect,
    Mentions,
    Risk,
    Target,
    for_each_row,
)

_DEFERRED: Final = frozenset({"deferred"})
_CALLED_OFTEN: Final = frozenset({"deferred", "repeated"})
_FRESH: Final = frozenset({"fresh"})
_HARMLESS: Final = frozenset({"session", "transaction"})
_MAKES_CODE: Final = frozenset({"create", "replace"})
_CALLED: Final = frozenset({"aggregate", "function", "operator", "procedure"})
_REROUTING: Final = frozenset({"enable", "move", "rename"})
"""After these, code that the snapshot knows elsewhere, or knows as switched off, runs under other names."""

_RELATIONS: Final = frozenset({"foreign_table", "matview", "sequence", "table", "view"})

_MAY_DEFINE: Final = CLASSES["ddl"] | {"code.dynamic", "code.opaque", "server.load"}
_MAY_DEFINE_ANYTHING: Final = frozenset({"statement.unknown", "statement.unparsed"})
_ANYTHING: Final = Effect("code.call", Target("function", None, None), risk=EFFECT_KINDS["code.call"].risk)


def runs_no_code(effects: Iterable[Effect], mentions: Mentions) -> bool:
    """Whether a statement can run no code of the database: transaction control, settings, roles, SELECT 1."""
    return mentions == NO_MENTIONS and all(
        EFFECT_KINDS[e.name].classes <= _HARMLESS or e.name == "role.set" for e in effects
    )


def defines(effects: Iterable[Effect]) -> bool:
    """Whether the catalogue may be another afterwards."""
    return any(
        effect.name in _MAY_DEFINE_ANYTHING
        or (effect.name in _MAY_DEFINE and effect.traits.isdisjoint({"deferred", "temporary"}))
        for effect in effects
    )


def _not_fresh(effect: Effect) -> Effect:
    if effect.name != "row.update" or "fresh" not in effect.traits:
        return effect
    return replace(effect, traits=effect.traits - _FRESH, risk=Risk.HIGH)


class Overlay:
    """The session's own definitions; nothing of it changes.

    Attributes:
        begun: the session has defined something; if not, a reading at any time will do.
    """

    __slots__ = (
        "_called",
        "_casts",
        "_effects",
        "_families",
        "_mentions",
        "_often",
        "_rerouted",
        "_triggers",
        "begun",
    )

    def __init__(self) -> None:
        """Begin with none."""
        self.begun = False
        self._effects: dict[Effect, None] = {}
        self._often: tuple[Effect, ...] = ()  # calls for each of many rows, by what is defined here
        self._mentions = NO_MENTIONS
        self._called: frozenset[tuple[str | None, str]] = frozenset()
        self._triggers = self._casts = False
        self._rerouted: frozenset[str] = frozenset()  # names of relations
        self._families: tuple[frozenset[str], ...] = ()  # names of tables, of each partitions and heirs

    def __len__(self) -> int:
        """How many effects they have."""
        return len(self._effects)

    def __bool__(self) -> bool:
        """Always true: an overlay that is there counts, even with nothing in it."""
        return True

    def plus(self, effects: Iterable[Effect], mentions: Mentions, calls: Iterable[Effect]) -> Overlay:
        """These definitions and those that running this makes.

        Args:
            effects: what it does, and what comes of that.
            mentions: its names.
            calls: the effects of its text, among which its calls of what was defined here still are.
        """
        more = Overlay()
        more.begun = True
        more._effects = dict(self._effects)
        often = (effect for effect in calls if effect.name == "code.call" and effect.traits >= _CALLED_OFTEN)
        more._often = tuple(dict.fromkeys((*self._often, *often)))
        more._mentions = self._mentions | (mentions.later or NO_MENTIONS)
        more._triggers, more._casts = self._triggers, self._casts
        called, rerouted = set(self._called), set(self._rerouted)
        for effect in effects:
            kind, _, verb = effect.name.partition(".")
            more._triggers |= kind == "trigger"
            more._casts |= kind == "cast"
            target = effect.target
            if effect.traits & _DEFERRED:
                more._effects[replace(effect, traits=effect.traits - _DEFERRED)] = None
            elif kind in _CALLED and verb in _MAKES_CODE and target is not None and target.name is not None:
                called.add((target.schema, target.name))
            elif verb in _REROUTING and (
                target is None or target.name is None or target.kind not in _RELATIONS
            ):
                more._effects[_ANYTHING] = None
            elif verb in _REROUTING and target is not None and target.name is not None:
                rerouted.add(target.name)
        more._called = frozenset(called)
        more._rerouted = frozenset(rerouted)
        more._families = _joined(self._families, effects)
        return more

    def over(
        self, effects: tuple[Effect, ...], mentions: Mentions, database: Database | None
    ) -> tuple[tuple[Effect, ...], Mentions, bool]:
        """What a statement does where these definitions may run.

        Args:
            effects: what it does by itself.
            mentions: its names.
            database: what was there before; code of what was not is all among these definitions.

        Returns: its effects and mentions; and whether bare names among them may lie in any schema.
        """
        if runs_no_code(effects, mentions):
            return effects, mentions, False
        relatives = tuple(self._relatives(effects))
        if database is not None and any(map(database.has_relation, self._rerouted)):
            effects = (*effects, _ANYTHING)
        effects = (*effects, *relatives)
        if self._triggers:  # what these write, no snapshot tells yet
            effects = tuple(map(_not_fresh, effects))
        each = self._each(effects, mentions)
        every = dict.fromkeys((*effects, *(for_each_row(effect, each) for effect in self._effects)))
        kept = tuple(effect for effect in every if not self._is_own_call(effect))
        return kept, mentions | self._mentions, bool(relatives)

    def _each(self, effects: Iterable[Effect], mentions: Mentions) -> frozenset[str]:
        """What counts as of all rows in what was defined here, where this statement may run that."""
        if self._by_other_names(mentions):
            return EACH_CHANGES
        if any(
            "repeated" in effect.traits and self._is_own_call(effect) for effect in (*effects, *self._often)
        ):
            return EACH_CHANGES
        return EACH_REMOVES if self._triggers and mentions.fills else ONCE

    def _relatives(self, effects: Iterable[Effect]) -> Iterator[Effect]:
        """The same on what was attached: code of the one runs for rows of the other."""
        for family in self._families:
            for effect in effects:
                target = effect.target
                if target is not None and target.name in family:
                    for name in sorted(family - {target.name}):
                        yield replace(effect, target=Target(target.kind, None, name))

    def _by_other_names(self, mentions: Mentions) -> bool:
        """Whether what was made here may run for each row without a call: `row.f`, or in a cast."""
        fields = any(name in mentions.fields for _, name in self._called)
        return fields or (self._casts and bool(mentions.types))

    def _is_own_call(self, effect: Effect) -> bool:
        """Whether a call is of a function made here: what that does is among these effects."""
        target = effect.target
        if effect.name != "code.call" or target is None or target.name is None or target.kind not in _CALLED:
            return False
        schemas = {schema for schema, name in self._called if name == target.name}
        return bool(schemas) and (target.schema is None or None in schemas or target.schema in schemas)


def _joined(families: tuple[frozenset[str], ...], effects: Iterable[Effect]) -> tuple[frozenset[str], ...]:
    """Families of tables, with what these effects attach to one another; those that share a name are one."""
    attached = [effect for effect in effects if effect.name == "table.attach" and effect.target is not None]
    for effect in attached:
        names = {each.target.name for each in attached if each.target and each.detail == effect.detail}
        family = frozenset({effect.detail, *(name for name in names if name is not None)})
        akin = [each for each in families if each & family]
        apart = [each for each in families if not each & family]
        families = (*apart, family.union(*akin))
    return families
