"""analyse(text): what each statement of a text does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from proxy.sql.effects import CATALOGUE, CLASS_ORDER, Act, Effect
from proxy.sql.parse import SqlSyntaxError

__all__ = ["Analysis", "SqlSyntaxError", "Statement", "analyse"]


@dataclass(frozen=True, slots=True)
class Statement:
    kind: str
    start: int
    end: int
    effects: tuple[Effect, ...]
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Analysis:
    statements: tuple[Statement, ...]

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        return tuple(dict.fromkeys(effect for statement in self.statements for effect in statement.effects))

    @cached_property
    def statement_class(self) -> str:
        present = {name for effect in self.effects for name in CATALOGUE[effect.name].classes}
        return next((name for name in CLASS_ORDER if name in present), "other")

    @cached_property
    def may_change_lexing(self) -> bool:
        return True

    @cached_property
    def barrier(self) -> bool:
        return True


def analyse(text: str) -> Analysis:
    raise NotImplementedError
