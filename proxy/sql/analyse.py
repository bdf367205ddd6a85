"""analyse(text): what every statement of a text does.

In: the text of a Query or Parse message. Out: an Analysis of plain values, which others may cache: it
depends on nothing but the text and the server's major version. Deliberately absent: names resolved by
search_path, prepared statements and temporary tables, which only the session knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from proxy.sql.effects import (
    CLASS_ORDER,
    EFFECT_KINDS,
    NO_MENTIONS,
    Act,
    Effect,
    Mentions,
    Prepares,
    Risk,
    is_change,
    joined,
)
from proxy.sql.nodes.kinds import HANDLERS, HARMLESS
from proxy.sql.nodes.programs import plain_body
from proxy.sql.nodes.registering import bookkeeping
from proxy.sql.nodes.walk import Walk
from proxy.sql.parse import Json, SqlSyntaxError, UnreadableText, character_offsets, parse, too_deep
from proxy.sql.spelling import digests

__all__ = ["Analysis", "SqlSyntaxError", "Statement", "UnreadableText", "analyse"]

# The two tables, as plain objects: a proxy costs the walk a third of its time.
_HANDLERS = dict(HANDLERS)
# A text may hold thousands of statements, and whoever asks has other work.
_NAME, _EFFECTS, _MENTIONS = attrgetter("name"), attrgetter("effects"), attrgetter("mentions")
# What a migration's statements may stand among: BEGIN, SET and SELECT are no part of what it changes.
_QUIET = frozenset({"read", "transaction", "session"})
_LEXING, _COPIES_IN = attrgetter("lexing"), attrgetter("copies_in")


class Statement(msgspec.Struct, frozen=True, gc=False):
    """One statement of a text.

    kind is the grammar's name ("SelectStmt"); start and end are character offsets, blanks and comments in
    front left out; lexing and copies_in are what Analysis.may_change_lexing and .barrier are made of. digest
    is what tells the same statement elsewhere (spelling.py); "" for one that only reads, and in a text that
    changes nothing that is recorded. body is that of a function that CREATE OR REPLACE says nothing else of
    (nodes/programs.py), as `language:text`.
    """

    kind: str
    start: int
    end: int
    effects: tuple[Effect, ...]
    acts: tuple[Act, ...]
    lexing: bool = False
    copies_in: bool = False
    mentions: Mentions = NO_MENTIONS
    digest: str = ""
    body: str = ""


@dataclass(frozen=True)
class Analysis:
    """All statements of a text, and what they add up to."""

    statements: tuple[Statement, ...]

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        """The effects of all statements, in order; no two are equal, since their places differ."""
        if len(self.statements) == 1:
            return self.statements[0].effects
        return tuple(chain.from_iterable(map(_EFFECTS, self.statements)))

    @cached_property
    def effect_names(self) -> frozenset[str]:
        """The names of the effects."""
        return frozenset(map(_NAME, self.effects))

    @cached_property
    def mentions(self) -> Mentions:
        """The names that all statements mention."""
        return joined(map(_MENTIONS, self.statements))

    @cached_property
    def statement_class(self) -> str:
        """The gravest class of any effect, or "other"."""
        present = {word for name in self.effect_names for word in EFFECT_KINDS[name].classes}
        return next((name for name in CLASS_ORDER if name in present), "other")

    @cached_property
    def may_change_lexing(self) -> bool:
        """Whether the server may read the next text by other rules, or code that may do so runs."""
        return any(map(_LEXING, self.statements))

    @cached_property
    def barrier(self) -> bool:
        """Whether what follows must wait for the server: COPY … FROM STDIN, or an unknown statement."""
        return "statement.unknown" in self.effect_names or any(map(_COPIES_IN, self.statements))


def analyse(text: str, server_major: int = 0) -> Analysis:
    """What a text does.

    Args:
        text: as the server will decode it.
        server_major: the server's major version (15), 0 when not known. Newer built-ins, and JSON
            constructors that an older server takes for calls of users' functions, are only harmless where it
            is known.

    Raises:
        SqlSyntaxError: the text is no SQL.
        UnreadableText: a limit that keeps reading cheap is passed.
    """
    raw = parse(text)
    size = len(text) if text.isascii() else len(text.encode())
    try:
        statements = tuple([*_statements(raw, server_major, size)])
    except RecursionError:
        raise too_deep() from None
    return Analysis(_with_digests(text, _in_characters(text, statements)))


def _statements(raw: Iterable[Json], server_major: int, size: int) -> Iterator[Statement]:
    relexed = False
    for item in raw:
        walk = Walk(_HANDLERS, HARMLESS, server_major)
        walk.relexed = relexed
        yield _statement(item, walk, size)
        relexed = walk.relexed


def _statement(raw: Json, walk: Walk, size: int) -> Statement:
    """What one statement of a text of so many bytes does; its places are still bytes."""
    wrapped = raw.get("stmt", {})
    walk.node(wrapped)
    walk.acts.extend(bookkeeping(wrapped, walk.effects))
    start = raw.get("stmt_location", 0)
    length = raw.get("stmt_len", 0)
    return Statement(
        next(iter(wrapped), ""),
        start,
        start + length if length else size,
        walk.effects,
        tuple(walk.acts),
        walk.lexing,
        walk.copies_in,
        walk.mentions,
        body=plain_body(wrapped["CreateFunctionStmt"]) if "CreateFunctionStmt" in wrapped else "",
    )


def _in_characters(text: str, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Byte offsets become character offsets; an effect without a place gets its statement's."""
    if text.isascii():
        return tuple([each if _is_placed(each) else _placed(each, None) for each in statements])
    found = {effect.location for statement in statements for effect in _all_effects(statement)}
    found |= {offset for statement in statements for offset in (statement.start, statement.end)}
    places = character_offsets(text, found - {-1})
    return tuple([_placed(each, places) for each in statements])


def _is_placed(statement: Statement) -> bool:
    """Whether all effects have their places, as those of most statements do."""
    return not statement.acts and all([effect.location >= 0 for effect in statement.effects])


def _with_digests(text: str, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Only changes are looked for elsewhere: what else there is costs nothing."""
    if not any([is_change(effect) for statement in statements for effect in statement.effects]):
        return statements
    found = digests(text, ((statement.start, statement.end) for statement in statements))
    return tuple(
        replace(statement, digest=digest) if _acts(statement) else statement
        for statement, digest in zip(statements, found, strict=True)
    )


def _acts(statement: Statement) -> bool:
    return any(
        effect.risk >= Risk.HIGH or not EFFECT_KINDS[effect.name].classes <= _QUIET
        for effect in statement.effects
    )


def _all_effects(statement: Statement) -> tuple[Effect, ...]:
    prepared = (act.effects for act in statement.acts if isinstance(act, Prepares))
    return statement.effects + tuple(effect for effects in prepared for effect in effects)


def _placed(statement: Statement, places: Mapping[int, int] | None) -> Statement:
    start = statement.start if places is None else places[statement.start]
    end = statement.end if places is None else places[statement.end]

    def moved(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        return tuple(
            replace(effect, location=start)
            if effect.location < 0
            else effect
            if places is None
            else replace(effect, location=places[effect.location])
            for effect in effects
        )

    acts = tuple(
        Prepares(act.name, moved(act.effects), act.mentions) if isinstance(act, Prepares) else act
        for act in statement.acts
    )
    return replace(statement, start=start, end=end, effects=moved(statement.effects), acts=acts)
