"""What a piece of a database's code does when it runs: the effects and mentions of its text.

In: a function, or the text that is kept with a relation or type. Out: Behaviour, read once and kept.
Deliberately absent: what those effects cause in their turn (causes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from proxy.sql.analyse import Analysis, SqlSyntaxError, analyse
from proxy.sql.database.snapshot import FIRST_USER, Code, Function
from proxy.sql.effects import EFFECT_KINDS, NO_MENTIONS, Effect, Mentions, Target
from proxy.sql.functions import Known, known
from proxy.sql.parse import parse
from proxy.sql.tree import range_target

Readings = Mapping[str, Analysis | SqlSyntaxError]
_READ_LANGUAGES = frozenset({"sql", "plpgsql"})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Effects and mentions of code; functions are those that it runs and that no text names, by oid."""

    effects: tuple[Effect, ...] = ()
    mentions: Mentions = NO_MENTIONS
    functions: tuple[int, ...] = ()


HARMLESS = Behaviour()

# text, varchar, char(n), name, cstring, and arrays of these.
_MAY_HOLD_SQL = frozenset({25, 1043, 1042, 19, 2275, 1009, 1015, 1014, 1003, 1263})


def only_computes(function: Function) -> bool:
    """Whether an extension's function does nothing else, whatever a client gives it.

    A stable one may run what it reads: it is not believed where an argument can be SQL.
    """
    if function.kind == "p" or known(None, function.name, 0) is not None:
        return False
    return function.volatility == "i" or (
        function.volatility == "s" and _MAY_HOLD_SQL.isdisjoint(function.arguments)
    )


class Behaviours:
    """Reads code, each text once."""

    def __init__(self, server_major: int, readings: Readings) -> None:
        """Take what was read already, by text; the rest is read here when it is asked for."""
        self._server_major = server_major
        self._readings = readings
        self._functions: dict[int, Behaviour] = {}
        self._texts: dict[str, Behaviour] = {}

    def of_function(self, function: Function) -> Behaviour:
        """What a call does."""
        found = self._functions.get(function.oid)
        if found is None:
            found = self._functions[function.oid] = self._function(function)
        return found

    def of_code(self, code: Code) -> Behaviour:
        """What runs with its owner."""
        return self._text(code.text, Target(code.kind, None, code.name or None))

    def base_of(self, view: Code) -> Target | None:
        """The relation of a view that reads one and nothing else: what is written to it goes there."""
        try:
            statements = parse(view.text)
        except SqlSyntaxError:
            return None
        for statement in statements:
            query = statement.get("stmt", {}).get("ViewStmt", {}).get("query", {})
            items = query.get("SelectStmt", {}).get("fromClause", [])
            if len(items) == 1 and "RangeVar" in items[0]:
                return range_target(items[0]["RangeVar"])
        return None

    def _function(self, function: Function) -> Behaviour:
        target = Target("procedure" if function.kind == "p" else "function", function.schema, function.name)
        if function.oid < FIRST_USER:
            return self._built_in(function, target)
        if function.extension:
            return self._of_extension(function, target)
        if function.kind == "a" or (function.language == "internal" and function.support):
            return Behaviour(functions=function.support)
        if function.language in _READ_LANGUAGES and function.text:
            return self._text(function.text, target)
        return Behaviour((_effect("code.opaque", target, function.language),))

    def _built_in(self, function: Function, target: Target) -> Behaviour:
        """One of the server's own, called by an operator, cast, aggregate or trigger: arguments unseen."""
        found = known("pg_catalog", function.name, self._server_major)
        return Behaviour((_effect("code.call", target),)) if found is None else _of_known(found, target)

    def _of_extension(self, function: Function, target: Target) -> Behaviour:
        """By its authors' word immutable or stable: it only computes, unless the table knows better."""
        found = known(None, function.name, self._server_major)
        if found is not None:
            return _of_known(found, target)
        if function.volatility != "v" or function.kind == "a":
            return HARMLESS
        return Behaviour((_effect("code.call", target),))

    def _text(self, text: str, target: Target) -> Behaviour:
        found = self._texts.get(text)
        if found is None:
            found = self._texts[text] = self._read(text, target)
        return found

    def _read(self, text: str, target: Target) -> Behaviour:
        try:
            analysis = self._readings.get(text) or analyse(text, self._server_major)
        except SqlSyntaxError as error:
            analysis = error
        if not isinstance(analysis, Analysis):
            return Behaviour((_effect("code.opaque", target, "unreadable code"),))
        mentions = analysis.mentions
        if not text.startswith("CREATE"):
            return Behaviour(tuple(_unplaced(effect) for effect in analysis.effects), mentions)
        # The CREATE itself is done; what was put off by it happens now.
        effects = (effect for effect in analysis.effects if "deferred" in effect.traits)
        return Behaviour(tuple(_unplaced(effect) for effect in effects), mentions.later or NO_MENTIONS)


def _of_known(found: Known, target: Target) -> Behaviour:
    effects = [
        _effect(cause.effect, Target(cause.kind, None, None) if cause.kind else target, str(target.name))
        for cause in found.causes
    ]
    if found.runs:
        effects.append(_effect("code.dynamic", target))
    return Behaviour(tuple(effects))


def _effect(name: str, target: Target, detail: str = "") -> Effect:
    traits = frozenset({"unscoped"}) if name in {"row.delete", "row.update"} else frozenset()
    return Effect(name, target, traits, EFFECT_KINDS[name].risk, detail=detail)


def _unplaced(effect: Effect) -> Effect:
    return replace(effect, traits=effect.traits - {"deferred"}, location=-1)
