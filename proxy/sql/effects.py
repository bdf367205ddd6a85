"""The words sql/ speaks in: an Effect on a Target, and the acts on prepared statements.

In: nothing. Out: the types every room above judges by, and the vocabulary re-exported from catalogue.py.
Deliberately absent: any knowledge of trees, policies or sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.sql.catalogue import CATALOGUE, CLASS_ORDER, CLASSES, TRAITS, EffectKind, Risk

__all__ = [
    "CATALOGUE",
    "CLASSES",
    "CLASS_ORDER",
    "TRAITS",
    "Act",
    "Deallocates",
    "DiscardsAll",
    "Effect",
    "EffectKind",
    "Executes",
    "Prepares",
    "Risk",
    "Target",
]

NO_TRAITS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Target:
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


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing a statement does.

    location is a character offset in the text, or -1; detail is what the name does not say (a setting's
    value, a column, a language, a role's option) and never a secret.
    """

    name: str
    target: Target | None = None
    traits: frozenset[str] = NO_TRAITS
    risk: Risk = Risk.NONE
    location: int = -1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Prepares:
    """PREPARE name AS …; effects are those of the inner statement."""

    name: str
    effects: tuple[Effect, ...]


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


Act = Prepares | Executes | Deallocates | DiscardsAll
