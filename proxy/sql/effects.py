"""The words sql/ speaks in: an Effect on a Target, and the acts on prepared statements.

In: nothing. Out: the types every room above judges by, and the vocabulary re-exported from vocabulary/.
Deliberately absent: any knowledge of trees, policies or sessions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from proxy.sql.vocabulary import CLASS_ORDER, CLASSES, EFFECT_KINDS, TRAITS, EffectKind, Risk

__all__ = [
    "CLASSES",
    "CLASS_ORDER",
    "EACH_CHANGES",
    "EACH_REMOVES",
    "EFFECT_KINDS",
    "NO_MENTIONS",
    "ONCE",
    "TRAITS",
    "Act",
    "Deallocates",
    "DiscardsAll",
    "Effect",
    "EffectKind",
    "Executes",
    "Mentions",
    "Name",
    "Prepares",
    "Risk",
    "Target",
    "for_each_row",
    "joined",
]

NO_TRAITS: frozenset[str] = frozenset()
_REPEATED, _BY_KEY, _UNSCOPED = frozenset({"repeated"}), frozenset({"by_key"}), frozenset({"unscoped"})
ONCE: frozenset[str] = frozenset()
EACH_REMOVES = frozenset({"row.delete"})
EACH_CHANGES = frozenset({"row.delete", "row.update"})
"""What counts as of all rows where code does it by key: it runs once, or for each of many rows."""

Name: TypeAlias = tuple[str | None, str]
"""A schema, None where search_path decides, and a name, as the server knows both."""
_NO_NAMES: frozenset[Name] = frozenset()


class Target(msgspec.Struct, frozen=True, gc=False):
    """What an effect falls on.

    schema None: as search_path says; name None: not known; path: the schemas that a bare name may lie in,
    () where they are not known.
    """

    kind: str
    schema: str | None
    name: str | None
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`public.users`, `users`, `public.*unknown*`."""
        name = "*unknown*" if self.name is None else self.name
        return name if self.schema is None else f"{self.schema}.{name}"


class Effect(msgspec.Struct, frozen=True, gc=False):
    """One thing a statement does.

    location is a character offset in the text, or -1; detail is what the name does not say (a setting's
    value, a column, a language, a role's option) and never a secret; through is the way from what the
    statement names to what has the effect, where a database's own code lies between.
    """

    name: str
    target: Target | None = None
    traits: frozenset[str] = NO_TRAITS
    risk: Risk = Risk.NONE
    location: int = -1
    detail: str = ""
    through: str = ""


def for_each_row(effect: Effect, counts: frozenset[str] = EACH_CHANGES) -> Effect:
    """What an effect of code is where that runs for each of many rows: by key each time, all in the end."""
    if effect.name == "code.call" and "row.update" in counts:
        return msgspec.structs.replace(effect, traits=effect.traits | _REPEATED)
    if effect.name in counts:
        return msgspec.structs.replace(effect, traits=effect.traits - _BY_KEY | _UNSCOPED, risk=Risk.HIGH)
    return effect


@dataclass(frozen=True, slots=True)
class Mentions:
    """The names through which a statement may run code that a database holds, built-in names too.

    Attributes:
        functions: of every call; `int4(x)` and `d(x)` may be casts.
        operators: written, or meant by IN, BETWEEN, CASE, USING and their like.
        types: of casts, columns, variables and parameters.
        fields: last names of what is read from a row (`v.f`, `(v).f`): each may call a function f(v).
        sets: columns that UPDATE, ON CONFLICT and MERGE give values to.
        fills: tables to which many rows may be added.
        later: the same of what is only defined here.
    """

    functions: frozenset[Name] = _NO_NAMES
    operators: frozenset[Name] = _NO_NAMES
    types: frozenset[Name] = _NO_NAMES
    fields: frozenset[str] = NO_TRAITS
    sets: frozenset[str] = NO_TRAITS
    fills: frozenset[str] = NO_TRAITS
    later: Mentions | None = None

    def __or__(self, other: Mentions) -> Mentions:
        """The names of both."""
        return joined((self, other))


_CHANGES = (CLASSES["ddl"] | CLASSES["privilege"] | {"transaction.commit_prepared"}) - {
    "role.set"  # that one changes its session alone
}


def is_change(effect: Effect) -> bool:
    """Whether it alters the schema or privileges, or may lose data or protection: what is recorded.

    What ends a prepared transaction is one, too: it decides of the changes in it.
    """
    if "temporary" in effect.traits:
        return False
    return effect.risk >= Risk.HIGH or effect.name in _CHANGES


NO_MENTIONS = Mentions()


def joined(mentions: Iterable[Mentions]) -> Mentions:
    """The names of all; one object where all that say anything are one."""
    distinct = {each for each in mentions if each is not NO_MENTIONS}
    several = [each for each in distinct if each != NO_MENTIONS]
    if len(several) < 2:
        return several[0] if several else NO_MENTIONS
    later = [each.later for each in several if each.later is not None]
    return Mentions(
        frozenset().union(*(each.functions for each in several)),
        frozenset().union(*(each.operators for each in several)),
        frozenset().union(*(each.types for each in several)),
        frozenset().union(*(each.fields for each in several)),
        frozenset().union(*(each.sets for each in several)),
        frozenset().union(*(each.fills for each in several)),
        joined(later) if later else None,
    )


@dataclass(frozen=True, slots=True)
class Prepares:
    """PREPARE name AS …; effects and mentions are those of the inner statement."""

    name: str
    effects: tuple[Effect, ...]
    mentions: Mentions = NO_MENTIONS


@dataclass(frozen=True, slots=True)
class Executes:
    """EXECUTE name: what it runs only the session knows."""

    name: str


@dataclass(frozen=True, slots=True)
class Deallocates:
    """DEALLOCATE name; None is ALL."""

    name: str | None


@dataclass(frozen=True, slots=True)
class DiscardsAll:
    """DISCARD ALL: every prepared statement and cursor goes."""


@dataclass(frozen=True, slots=True)
class Keeps:
    """It touches the history that a migration tool keeps."""

    tool: str


@dataclass(frozen=True, slots=True)
class Registers:
    """It registers a migration before that runs: each a text, or the number of its parameter."""

    checksum: str | int
    name: str | int


Act = Prepares | Executes | Deallocates | DiscardsAll | Keeps | Registers
