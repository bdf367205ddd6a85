"""What the bare names of a text stand for, as far as it is known: `DROP TABLE t` names no schema.

Enters: the statements of a text, and what is known of names: an ``Answer`` of the server's, or its
search_path alone. Leaves: the text's effects, with `temporary` on what falls on a table of the session's own
temporary schema, and with the schemas that the other bare names may lie in. Absent: the judgement.

A text is followed statement by statement, since what stands in front may change what a name means. In doubt
nothing is known: a name then means anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from msgspec.structs import replace as changed

from proxy.session.resolution.freshness import NONE, Added, Freshness
from proxy.session.resolution.inquiry import MOST_NAMES, Answer, Asked, Own
from proxy.session.resolution.names import sets_path, spelled
from proxy.session.resolution.vacancy import believes, left, places
from proxy.sql.analyse import Statement
from proxy.sql.effects import CLASSES, Effect, Target

_FIRST: Final = ("pg_temp", "pg_catalog")
"""Where bare names are looked for before the search_path, unless that names these two."""

_WRITES: Final = frozenset({"DeleteStmt", "InsertStmt", "MergeStmt", "UpdateStmt"})
_EMPTIES: Final = frozenset({"DropStmt", "TruncateStmt"}) | _WRITES
_NAMING: Final = _EMPTIES | {
    "AlterSeqStmt",
    "AlterTableStmt",
    "CopyStmt",
    "CreateSeqStmt",
    "CreateStmt",
    "CreateTableAsStmt",
    "IndexStmt",
    "LockStmt",
    "RenameStmt",
    "SelectStmt",
    "VacuumStmt",
    "ViewStmt",
}
"""Statements whose bare names are looked up as the session's search_path is when they begin."""

_MAKING: Final = frozenset({"CreateStmt", "CreateTableAsStmt", "SelectStmt"})
_GOING: Final = frozenset({"drop", "rename", "move"})
_CODE: Final = CLASSES["opaque"] | CLASSES["server"] | {"statement.execute"}
_TEMPORARY: Final = frozenset({"temporary"})
_RELATIONS: Final = frozenset({"index", "sequence", "table", "view"})


_PLAIN: Final = {kind: Own(kind, plain=True, alone=True) for kind in _RELATIONS}


@dataclass(slots=True)
class _Known:
    """What is known when a statement begins.

    Attributes:
        path: the schemas of bare names; None when they are not known.
        own: the session's own relations; None stands for every name there is.
        bound: the own tables that a prepared statement's rows are of; None where it is looked up now.
        free: the keys of names that nothing has (``vacancy``); None stands for every name.
        fresh: what the transaction has added.
    """

    path: tuple[str, ...] | None
    own: dict[str, Own] | None
    bound: Set[str] | None = None
    free: frozenset[str] | None = frozenset()
    fresh: Freshness = field(default_factory=lambda: Freshness(NONE, {}, frozenset()))

    def find(self, target: Target) -> Own | None:
        """The session's own relation that a target is, if it is one."""
        if target.kind not in _RELATIONS or target.name is None or target.schema not in (None, "pg_temp"):
            return None
        if self.own is None:
            return _PLAIN[target.kind]
        own = self.own.get(spelled(target)) if self.own else None
        return own if own is not None and own.kind == target.kind else None

    def forget(self) -> None:
        """Names may mean anything from here on."""
        self.path = None
        self.own = {}


def resolved(
    statements: Iterable[Statement],
    path: tuple[str, ...] | None,
    answer: Answer | None = None,
    bound: Set[str] | None = None,
    added: Set[Added] = NONE,
) -> tuple[Effect, ...]:
    """The effects of a text, by what is known of its names.

    Args:
        path: the search_path, None where it is not known.
        answer: what the server said since anything ran last.
        bound: for a prepared statement the names, spelled, that were the session's own when it was resolved
            last: the server keeps what it has found.
        added: what the transaction has added before this text.
    """
    if answer is None:
        return tuple(_follow(statements, _Known(path, {}, bound)))
    fresh = Freshness(added, answer.grown, answer.made)
    return tuple(_follow(statements, _Known(path, dict(answer.own), bound, answer.free, fresh)))


def hopeful(
    statements: Iterable[Statement], path: tuple[str, ...], added: Set[Added] = NONE
) -> tuple[Effect, ...]:
    """The effects if the server gave the best answer: every bare relation own, every name free."""
    return tuple(_follow(statements, _Known(path, None, free=None, fresh=Freshness(added, None, None))))


def questions(statements: Iterable[Statement], added: Set[Added] = NONE) -> frozenset[Asked]:
    """All that may be asked of a text's names; too many where they are too many to ask."""
    everything = _Known(None, None)
    fresh = Freshness(added, None, None)
    names: set[Asked] = set()
    for statement in statements:
        names.update(fresh.hinges(statement))
        fresh.follow(statement, None)
        for effect in statement.effects:
            if effect.target is not None and everything.find(effect.target) is not None:
                names.add(spelled(effect.target))
        names.update(places(statement))
        if len(names) > MOST_NAMES:
            break
    return frozenset(names)


def unsettles(effects: Iterable[Effect]) -> bool:
    """Whether bare names may mean something else afterwards because the search_path may be another."""
    return any(sets_path(effect) or effect.name in CLASSES["opaque"] for effect in effects)


def keeps_path(statements: Sequence[Statement]) -> bool:
    """Whether every statement of a text begins with the search_path that the first one finds."""
    return not any(
        sets_path(effect) or (effect.name in CLASSES["opaque"] and statement is not statements[-1])
        for statement in statements
        for effect in statement.effects
    )


def _follow(statements: Iterable[Statement], known: _Known) -> Iterator[Effect]:
    for statement in statements:
        free = known.free
        hopes = free is None or bool(free)  # most of the time no name is
        effects = left(statement, free) if hopes else iter(statement.effects)
        if not known.fresh.empty:
            effects = (known.fresh.mark(effect, statement) for effect in effects)
        if statement.kind in _NAMING and not any(effect.name in _CODE for effect in statement.effects):
            for effect in effects:
                yield _named(effect, known)
            if any(map(sets_path, statement.effects)):
                known.forget()  # by set_config()
            else:
                _after(statement, known)
        else:
            yield from effects
            if not _keeps_names(statement):
                known.forget()
        known.fresh.follow(statement, free)
        if hopes:
            known.free = free if believes(statement) else frozenset()


def _named(effect: Effect, known: _Known) -> Effect:
    target = effect.target
    if target is None or "deferred" in effect.traits:
        return effect
    own = known.find(target)
    if own is not None and _stays_inside(effect, target, own, known):
        own_target = Target(target.kind, "pg_temp", target.name)
        return changed(effect, target=own_target, traits=effect.traits | _TEMPORARY)
    if target.schema is None and known.path is not None:
        known_target = Target(target.kind, None, target.name, _looked_in(known.path))
        return Effect(
            effect.name,
            known_target,
            effect.traits,
            effect.risk,
            effect.location,
            effect.detail,
            effect.through,
        )
    return effect


def _stays_inside(effect: Effect, target: Target, own: Own, known: _Known) -> bool:
    """Whether an effect on an own relation touches nothing but that."""
    family, _, verb = effect.name.rpartition(".")
    if own.kind != "table" and verb != "drop":
        return False  # a view hands rows through to everybody's tables
    if verb == "create":
        return False  # it makes another
    if family == "row":
        return own.plain and (known.bound is None or spelled(target) in known.bound)
    return own.alone or "cascade" not in effect.traits


@lru_cache(maxsize=64)
def _looked_in(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_FIRST, *path)))


def _after(statement: Statement, known: _Known) -> None:
    """Follow what a statement makes and takes away; it has succeeded, or nothing behind it runs."""
    if known.own is None:
        return
    if not known.own and statement.kind not in _MAKING:
        return
    if statement.kind not in _EMPTIES:
        known.own = {name: replace(own, alone=False) for name, own in known.own.items()}
    for effect in statement.effects:
        verb = effect.name.rpartition(".")[2]
        if verb in _GOING and ("cascade" in effect.traits or effect.target is None):
            known.own = {}
        elif verb in _GOING and effect.target is not None and effect.target.name is not None:
            for schema in (None, "pg_temp"):
                known.own.pop(spelled(Target("table", schema, effect.target.name)), None)
        elif statement.kind in _MAKING and _makes_own(effect):
            _made(known, effect)


def _makes_own(effect: Effect) -> bool:
    """IF NOT EXISTS may have found a view of that name; ON COMMIT DROP tells nothing within one text."""
    return effect.name == "table.create" and effect.traits == _TEMPORARY and effect.target is not None


def _made(known: _Known, effect: Effect) -> None:
    target = effect.target
    if target is None or known.own is None or target.schema not in (None, "pg_temp"):
        return
    found = _PLAIN["table"]
    known.own[spelled(Target("table", "pg_temp", target.name))] = found
    if known.path is not None and "pg_temp" not in known.path[1:]:
        known.own[spelled(Target("table", None, target.name))] = found


def _keeps_names(statement: Statement) -> bool:
    """Whether names mean the same after a statement that names no tables: SET of anything else, BEGIN."""
    return all(
        effect.name == "transaction.begin" or (effect.name == "session.set" and not unsettles((effect,)))
        for effect in statement.effects
    )
