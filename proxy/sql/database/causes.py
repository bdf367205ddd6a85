"""What one thing causes at once: an effect, a name that is mentioned, a piece of code that runs.

In: an effect with the mentions of its text, or a Node. Out: Caused: whether the effect stays, the effects
that come of it, the nodes that run. The closure over these is database.py's. Deliberately absent: which of
several functions of a name is called, and which path code takes: all count.

Sources: the manual's chapters on rules, triggers, row security and CREATE CAST; rewriteHandler.c,
parse_func.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

from proxy.sql.database.behaviour import Behaviour, Behaviours, only_computes
from proxy.sql.database.cascades import Cascades
from proxy.sql.database.index import Index, SearchPath
from proxy.sql.database.snapshot import Code, EventTrigger, Function, Relation, Type
from proxy.sql.effects import (
    EACH_CHANGES,
    EACH_REMOVES,
    EFFECT_KINDS,
    ONCE,
    Effect,
    Mentions,
    Target,
)

_ALL_ROWS: Final = """
table.analyze table.vacuum table.cluster table.rewrite table.attach index.reindex index.create column.add
column.retype column.not_null constraint.add constraint.validate
"""
_EVENTS: Final[Mapping[str, str]] = {
    "row.read": "read",
    "row.lock": "read",
    "row.insert": "insert",
    "row.update": "update",
    "row.delete": "delete",
    "table.truncate": "truncate",
    "matview.refresh": "refresh",
    **dict.fromkeys(_ALL_ROWS.split(), "maintain"),
}
# What an index belongs to is not read; REINDEX of one is rare.
_OF_MANY: Final = frozenset({"schema", "database", "system", "index"})
_WRITES: Final = frozenset({"row.insert", "row.update", "row.delete"})
# Whose commands have tags of their own, so that an event trigger for one does not fire for others.
_OWN_TAGS: Final = frozenset(
    {
        "aggregate",
        "cast",
        "collation",
        "conversion",
        "extension",
        "function",
        "language",
        "operator",
        "policy",
        "procedure",
        "publication",
        "schema",
        "statistics",
        "subscription",
        "transform",
    }
)
_OF_COLUMNS: Final = frozenset({"check", "generated", "index", "partition", "policy", "statistics"})
_DEFINING: Final = frozenset({"ddl", "privilege"})
_REFRESHING: Final = frozenset({"matview.refresh", "matview.empty"})
"""No definitions, and yet event triggers fire."""

# Objects of the whole cluster: no event trigger fires for them.
_SHARED: Final = frozenset(["role", "database", "tablespace", "owner"])


@dataclass(frozen=True, slots=True)
class Touched:
    """A relation to which, to many of whose rows or not, something happens: the code kept with it runs."""

    relation: Relation
    event: str
    many: bool = False


Node: TypeAlias = Function | Code | Type | Touched | EventTrigger


@dataclass(frozen=True, slots=True)
class Step:
    """An effect that another one causes, with the mentions that say more of it, and by what."""

    effect: Effect
    mentions: Mentions
    by: str


@dataclass(frozen=True, slots=True)
class Caused:
    """What comes of one thing; steps and nodes are there once, and found while they are taken."""

    stays: bool = True
    steps: Iterable[Step] = ()
    nodes: Iterable[Node] = ()


def label(node: Node) -> str:
    """How a path names it; "" where what it belongs to says enough."""
    match node:
        case Function():
            return str(node)
        case Code(kind="trigger" | "rule" | "policy" | "check", name=name):
            return f"{node.kind} {name}"
        case Code(kind="view"):
            return ""
        case Code():
            return node.kind
        case EventTrigger():
            return f"event trigger {node.name}"
        case Touched():
            return str(node.relation)
        case Type():
            return f"type {node.schema}.{node.name}"


class Causes:
    """Answers for one database."""

    def __init__(self, index: Index, behaviours: Behaviours) -> None:
        """Answer from these."""
        self._index = index
        self._behaviours = behaviours
        self._cascades = Cascades(index)
        self._unnamed_casts = tuple(
            self._index.functions[cast.function]
            for cast in index.casts_of_the_server()
            if cast.function in self._index.functions
        )

    # -- effects -------------------------------------------------------------------------------------------

    def of_effect(
        self, effect: Effect, mentions: Mentions, path: SearchPath, *, stored: bool, often: bool = False
    ) -> Caused:
        """What an effect causes.

        Args:
            effect: of a statement, or of code that runs.
            mentions: of the same text.
            path: search_path, None where it is not known.
            stored: the database's own code has it, not the client's text.
            often: that code runs for each of many rows.
        """
        if effect.name == "code.call":
            return self._call(effect, path, stored=stored)
        fired = self._event_triggers(effect)
        target = effect.target
        if effect.name.endswith(".drop") and target is not None:
            return Caused(steps=self._dropped(effect, target, path), nodes=fired)
        event = _EVENTS.get(effect.name)
        if event is None:
            return Caused(nodes=fired)
        if target is None or target.name is None or target.kind in _OF_MANY:
            everything = self._index.snapshot.relations if event == "maintain" else ()
            return Caused(nodes=chain(fired, (Touched(relation, event) for relation in everything)))
        schema, name = target.schema, target.name
        types = self._index.types_named(schema, name, path) if target.kind == "domain" else ()
        relations = self._index.relations_named(schema, name, path)
        many = "unscoped" in effect.traits
        if event == "insert":
            many = often or name in mentions.fills
        touched = (node for relation in relations for node in self._touched(relation, event, many))
        steps = (step for relation in relations for step in self._passed_on(effect, relation, mentions))
        return Caused(steps=steps, nodes=chain(fired, types, touched))

    def _touched(self, relation: Relation, event: str, many: bool) -> Iterator[Touched]:
        if event == "insert" and relation.kind != "p":
            yield Touched(relation, event, many)
            return
        # An UPDATE that moves a row deletes it from one partition and inserts it into another.
        moves = event == "update" and relation.kind == "p"
        for member in self._index.family(relation):
            for each in ("update", "delete", "insert") if moves else (event,):
                yield Touched(member, each, many)

    def _passed_on(self, effect: Effect, relation: Relation, mentions: Mentions) -> Iterator[Step]:
        """The same happens to a view's table, and to what foreign keys tie to the rows."""
        if relation.kind == "v" and effect.name in _WRITES:
            base = self._written_through(relation, _EVENTS[effect.name])
            if base is not None:
                written = Effect(effect.name, base, effect.traits, effect.risk, detail=effect.detail)
                # Its columns may have other names in the view.
                fills = frozenset({str(base.name)} if relation.name in mentions.fills else ())
                yield Step(written, Mentions(fills=fills), str(relation))
        for step in self._cascades.of_rows(effect, relation, self._sets(effect, relation, mentions)):
            yield Step(step.effect, Mentions(sets=step.sets), step.by)

    def _sets(self, effect: Effect, relation: Relation, mentions: Mentions) -> frozenset[str] | None:
        """The columns that an UPDATE changes; None where they are not known."""
        if effect.name != "row.update" or not mentions.sets or self._changes_itself(relation):
            return None
        return mentions.sets

    def _changes_itself(self, relation: Relation) -> bool:
        """Whether triggers may give values to other columns than the statement does: to keys, that is."""
        keys = {
            column for key in self._index.referrers.get(relation.oid, ()) for column in key.parent_columns
        }
        return any(_assigns(function.text, keys) for function in self._before_updates(relation))

    def _before_updates(self, relation: Relation) -> Iterator[Function]:
        """The functions of triggers that may still change what an UPDATE is to write."""
        for member in self._index.family(relation):
            for code in self._index.code.get(member.oid, ()):
                if code.kind != "trigger" or "update" not in code.events or " BEFORE " not in code.text:
                    continue
                for effect in self._behaviours.of_code(code).effects:
                    if effect.name == "code.call" and effect.target is not None:
                        yield from self._functions_of(effect.target, None)

    def overwrites(self, effect: Effect, path: SearchPath) -> bool:
        """Whether triggers may put something fixed into columns that an UPDATE of new ones leaves alone."""
        target = effect.target
        if target is None or target.name is None:
            return True
        relations = self._index.relations_named(target.schema, target.name, path)
        return any(
            _overwrites(function.text)
            for relation in relations
            for function in self._before_updates(relation)
        )

    def _written_through(self, view: Relation, event: str) -> Target | None:
        """The table that an automatically updatable view stands for."""
        codes = self._index.code.get(view.oid, ())
        if any(code.instead and event in code.events for code in codes):
            return None
        for code in codes:
            if code.kind == "view":
                return self._behaviours.base_of(code)
        return None

    def _dropped(self, effect: Effect, target: Target, path: SearchPath) -> Iterator[Step]:
        for step in self._cascades.of_drop(effect, target, path):
            yield Step(step.effect, Mentions(), step.by)

    def _event_triggers(self, effect: Effect) -> Iterator[EventTrigger]:
        triggers = self._index.snapshot.event_triggers
        if not triggers or not (EFFECT_KINDS[effect.name].classes & _DEFINING or effect.name in _REFRESHING):
            return
        kind = effect.name.partition(".")[0]
        if kind in _SHARED and effect.name != "owner.drop":
            return
        for trigger in triggers:
            objects = {tag.partition(" ")[2].lower().replace(" ", "_") for tag in trigger.tags}
            if not objects or kind in objects or not objects <= _OWN_TAGS:
                yield trigger

    # -- calls ---------------------------------------------------------------------------------------------

    def _call(self, effect: Effect, path: SearchPath, *, stored: bool) -> Caused:
        target = effect.target
        if target is None or target.name is None:
            return Caused()
        functions = self._functions_of(target, path)
        types = [] if functions else self._index.types_named(target.schema, target.name, path)
        if not functions and not types:
            return Caused()
        # An extension's trigger function can do nothing else, and no-unknown-functions knows the trait.
        stored = stored and "trigger" not in effect.traits
        believed = [item for item in functions if not item.extension or stored or only_computes(item)]
        return Caused(len(believed) < len(functions), (), (*believed, *types))

    def _functions_of(self, target: Target, path: SearchPath) -> list[Function]:
        if target.name is None:
            return []
        if target.kind == "operator":
            return self._index.operator_functions(target.schema, target.name, path)
        return self._index.functions_named(target.schema, target.name, path)

    # -- mentions ------------------------------------------------------------------------------------------

    def called(self, mentions: Mentions, path: SearchPath) -> Iterator[Node]:
        """The users' functions that a text may call; how often, its effects say."""
        for schema, name in mentions.functions:
            yield from _own(self._index.functions_named(schema, name, path))

    def for_rows(self, mentions: Mentions, path: SearchPath) -> Iterator[Node]:
        """The users' code that may run by other names of a text: for each of its rows, however many."""
        index = self._index
        for schema, name in mentions.operators:
            yield from _own(index.operator_functions(schema, name, path))
        for name in mentions.fields:
            yield from _own(index.functions_of_rows(name))
        yield from index.mentioned_types(mentions.types, path)
        yield from index.mentioned_types(mentions.functions, path)

    def unnamed(self) -> tuple[Node, ...]:
        """What may run in any statement, for each of its rows."""
        return self._unnamed_casts

    # -- nodes ---------------------------------------------------------------------------------------------

    def of_node(self, node: Node) -> tuple[Behaviour, Iterable[Node]]:
        """What code does by itself, and what runs with it."""
        match node:
            case Function():
                behaviour = self._behaviours.of_function(node)
                kinds = (*node.arguments, node.returns)
                return behaviour, (*self._functions(behaviour.functions), *self._types(kinds))
            case Code():
                return self._behaviours.of_code(node), ()
            case EventTrigger():
                return Behaviour(), self._functions((node.function,))
            case Type():
                return Behaviour(), self._with_type(node)
            case Touched():
                return Behaviour(), self._with_relation(node)

    def _with_relation(self, touched: Touched) -> tuple[Node, ...]:
        relation, event = touched.relation, touched.event
        codes: list[Code] = [code for code in self._index.code.get(relation.oid, ()) if event in code.events]
        if event in {"insert", "update", "maintain"}:
            for ancestor in (relation.oid, *self._index.ancestors(relation.oid)):
                codes += [code for code in self._index.code.get(ancestor, ()) if "route" in code.events]
        return (*codes, *self._types(relation.columns))

    def _with_type(self, node: Type) -> tuple[Node, ...]:
        casts = [cast.function for cast in self._index.casts.get(node.oid, ())]
        codes = self._index.code.get(node.oid, ())
        return (*codes, *self._types(node.parts), *self._functions((*node.functions, *casts)))

    def _types(self, oids: Iterable[int]) -> tuple[Type, ...]:
        return tuple(self._index.types[oid] for oid in dict.fromkeys(oids) if oid in self._index.types)

    def _functions(self, oids: Iterable[int]) -> tuple[Function, ...]:
        functions = self._index.functions
        return tuple(functions[oid] for oid in dict.fromkeys(oids) if oid in functions)


def _own(functions: Iterable[Function]) -> Iterator[Function]:
    """An extension's are what they are without a catalogue: known by name, or a call."""
    return (function for function in functions if not function.extension)


def runs_for_rows(node: Node, by: Node | None) -> frozenset[str]:
    """What counts as of all rows in what one node causes: a column's code runs for each, whoever writes it.

    Rows that are added may count others by key, or note what has become of them; not remove them.
    """
    match node:
        case Type():
            return EACH_CHANGES
        case Code(kind="trigger"):
            if not isinstance(by, Touched) or not by.many or " FOR EACH ROW " not in node.text:
                return ONCE
            return EACH_REMOVES if by.event == "insert" else EACH_CHANGES
        case Code(kind=kind):
            return EACH_CHANGES if kind in _OF_COLUMNS else ONCE
        case _:
            return ONCE


# The whole new row is given another value, or another row is returned in its place.
_ROW_ASSIGNED: Final = re.compile(
    r'("new"|\bnew\b)\s*(:=|=)|\b(into(\s+strict)?|for|alias\s+for)\s+("new"|new\b(?!\s*\.))'
    r"|\breturn\s+(?!(new|old|null)\s*;)",
    re.IGNORECASE,
)


# NEW.val := '' and its like: nothing of the row, of who writes it or of when is in that.
_FIXED: Final = re.compile(
    r"""("new"|\bnew\b)\s*\.\s*("[^"]+"|\w+)\s*:?=\s*\(?\s*
    (e?'(''|[^'])*'|\$\w*\$.*?\$\w*\$|null|true|false|default|[-+]?[\d.]+)\s*(::\s*[\w\s."(,)\[\]]+?)?\)?\s*;""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def _overwrites(text: str) -> bool:
    """Whether a trigger function's text may put a constant, or another row, into the row."""
    return bool(_FIXED.search(text) or _ROW_ASSIGNED.search(text))


def _assigns(text: str, columns: set[str]) -> bool:
    """Whether a trigger function's text may change one of the columns; one that cannot be read may."""
    return not text or any(column in text for column in columns) or bool(_ROW_ASSIGNED.search(text))
