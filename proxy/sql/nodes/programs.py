"""Code that is kept or run: functions, DO, views, rules, triggers.

In: their nodes. Out: `kind.create` or `kind.replace`, and with the trait deferred what the definition will
do once it runs; of DO, what its body does. Deliberately absent: bodies in other languages than SQL and
PL/pgSQL, which are code.opaque.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from proxy.sql.effects import Risk, Target
from proxy.sql.functions import known
from proxy.sql.nodes.calls import calls_function
from proxy.sql.nodes.embedded import walk_text
from proxy.sql.nodes.heads import head
from proxy.sql.nodes.locks import BLOCKS_ALL, BLOCKS_WRITES
from proxy.sql.nodes.plpgsql import only_executes, walk_plpgsql
from proxy.sql.nodes.sessions import is_on
from proxy.sql.nodes.variables import NO_NAMES, Names, bind
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.tree import options, qualified, range_target, scalar, strings

# What a function may do and still only compute and read.
_LONG = 4_000
"""A body of more characters is not compared with what is there."""
_QUIET = frozenset({"row.read", "statement.fetch"})
_CHANGES = frozenset({"row.update", "row.delete"})
_OLD_AND_NEW = Names(variables=frozenset({"old", "new"}))


def _verb(body: Json) -> tuple[str, list[str]]:
    return ("replace", ["replaces"]) if body.get("replace") else ("create", [])


def _create_function(walk: Walk, body: Json) -> None:
    kind = "procedure" if body.get("is_procedure") else "function"
    target = Target(kind, *qualified(body.get("funcname", [])))
    verb, traits = _verb(body)
    given = dict(options(body))
    language = scalar(given.get("language", {}).get("arg")) or "sql"
    with walk.isolated() as found, walk.deferred():
        _settings(walk, body, "options")
        settings = len(found)
        walk.field(body, "parameters")
        _body(walk, body, given, language, target)
    if any(effect.name not in _QUIET for effect in list(found.values())[settings:]):
        traits.append("effectful")
    risk = None
    if target.name is not None and known(None, target.name, walk.server_major) is not None:
        # Even one that only computes: a WHERE that calls it may fit every row.
        traits.append("shadows")
        risk = Risk.HIGH
    walk.emit(f"{kind}.{verb}", target, traits=traits, risk=risk, detail=language)
    if language == "c":
        # The library is loaded, and its start-up code runs, as the function is created.
        texts = _texts(given)
        walk.emit("server.load", Target("library", None, texts[0] if texts else None))
    walk.adopt(found)


def plain_body(body: Json) -> str:
    """`language:text` of a function that is replaced, where it has no parameters and everything else as ever.

    "" for any other, for one that is long, and where letters are outside ASCII: the server's may be others.
    """
    given = dict(options(body))
    language = scalar(given.get("language", {}).get("arg")) or ""
    texts = _texts(given)
    plain = (
        body.keys() <= {"replace", "funcname", "returnType", "options"}
        and body.get("replace", False)
        and given.keys() == {"as", "language"}
        and len(body.get("options", ())) == 2
        and not body.get("returnType", {}).get("setof")
        and language in {"sql", "plpgsql"}
        and len(texts) == 1
    )
    return f"{language}:{texts[0]}" if plain and texts[0].isascii() and len(texts[0]) <= _LONG else ""


def _texts(given: Mapping[str, Json]) -> list[str]:
    return strings(given.get("as", {}).get("arg", {}).get("List", {}).get("items", []))


def _body(walk: Walk, body: Json, given: Mapping[str, Json], language: str, target: Target) -> None:
    names = _names(body, target)
    # A session's own may be called, though nobody has read it: for every row of a table, perhaps.
    loop = target.schema == "pg_temp"
    if loop:
        numbered = tuple(name or f"${number}" for number, name in enumerate(names.positional, 1))
        names = replace(names, many=frozenset(numbered), positional=numbered)
    if "sql_body" in body:
        bind(body["sql_body"], names, loop=loop)
        walk.node(body["sql_body"])
        return
    texts = _texts(given)
    with walk.isolated() as found:
        if language == "sql" and len(texts) == 1:
            walk_text(walk, texts[0], target, names, loop=loop)
        elif language == "plpgsql" and len(texts) == 1:
            walk_plpgsql(walk, partial(head, body), texts[0], names, target, loop=loop)
        else:
            # "internal" names any function of the server, lo_unlink's too.
            walk.opaque(target, language)
    walk.adopt(found, place=given.get("as", {}).get("location", -1))


def _names(body: Json, target: Target) -> Names:
    """The names of parameters, and the function's own, which may stand before them."""
    parameters = [item.get("FunctionParameter", {}) for item in body.get("parameters", [])]
    named = tuple(str(parameter.get("name", "")) for parameter in parameters)
    return Names(
        variables=frozenset(named) - {""},
        labels=frozenset() if target.name is None else frozenset({target.name}),
        positional=named,
    )


def _settings(walk: Walk, body: Json, field: str) -> None:
    """SET clauses of a function hold while it runs."""
    for name, option in options(body, field):
        if name == "set":
            walk.node(option.get("arg", {}))


# Whose rights a function has, and whether it may see what row level security hides.
_TRUSTED = {"security": "function.definer", "leakproof": "function.leakproof"}
# ROUTINE says not which.
_ALTERED = {"OBJECT_PROCEDURE": ("procedure",), "OBJECT_ROUTINE": ("function", "procedure")}


def _alter_function(walk: Walk, body: Json) -> None:
    given = ", ".join(name for name, _ in options(body, "actions"))
    called = qualified(body["func"].get("objname", []))
    kinds = _ALTERED.get(body.get("objtype", ""), ("function",))
    for kind in kinds:
        walk.emit(f"{kind}.alter", Target(kind, *called), detail=given)
    target = Target(kinds[0], *called)
    for name, option in options(body, "actions"):
        if name in _TRUSTED and is_on(option):
            walk.emit(_TRUSTED[name], target)
    with walk.deferred():
        _settings(walk, body, "actions")


def _do(walk: Walk, body: Json) -> None:
    given = dict(options(body, "args"))
    language = scalar(given.get("language", {}).get("arg")) or "plpgsql"
    text = scalar(given.get("as", {}).get("arg"))
    walk.emit("code.run", detail=language)
    acts = len(walk.acts)
    with walk.isolated() as found:
        if language == "plpgsql" and text is not None:
            walk_plpgsql(walk, lambda _: "DO", text, NO_NAMES, None)
            only_executes(walk, acts, None)
        else:
            walk.opaque(None, language)
    walk.adopt(found, place=given.get("as", {}).get("location", -1))


def _view(walk: Walk, body: Json) -> None:
    verb, traits = _verb(body)
    relation = body["view"]
    if relation.get("relpersistence") == "t":
        traits.append("temporary")
    walk.emit(
        f"view.{verb}", range_target(relation, "view"), traits=traits, location=relation.get("location", -1)
    )
    with walk.deferred():
        walk.node(body.get("query", {}))


def _rule(walk: Walk, body: Json) -> None:
    table = range_target(body["relation"])
    verb, traits = _verb(body)
    event = str(body.get("event", "")).removeprefix("CMD_").lower()
    detail = f"on {event} to {table} {'instead' if body.get('instead') else 'also'}"
    # A rule INSTEAD takes the place of what the table was to do.
    # OLD and NEW are the rows of the statement that the rule fires for, which says how many they are.
    for part in ("whereClause", "actions"):
        bind({part: body.get(part)}, _OLD_AND_NEW)
    with walk.isolated() as found, walk.deferred():
        walk.field(body, "whereClause", "actions")
    # Nor does a row that is added say that others may be changed.
    changes = any(effect.name in _CHANGES for effect in found.values())
    risk = Risk.HIGH if body.get("instead") or changes else None
    walk.emit(
        f"rule.{verb}",
        Target("rule", table.schema, body.get("rulename")),
        traits=BLOCKS_ALL.union(traits),
        risk=risk,
        detail=detail,
    )
    walk.adopt(found)


def _calls_later(walk: Walk, body: Json, *traits: str) -> None:
    with walk.deferred():
        calls_function(walk, body.get("funcname", []), *traits)


def _trigger(walk: Walk, body: Json) -> None:
    table = range_target(body["relation"])
    verb, traits = _verb(body)
    walk.emit(
        f"trigger.{verb}",
        Target("trigger", table.schema, body.get("trigname")),
        traits=BLOCKS_WRITES.union(traits),
        location=body["relation"].get("location", -1),
        detail=f"on {table}",
    )
    _calls_later(walk, body, "trigger")
    with walk.deferred():
        walk.field(body, "whenClause")


def _event_trigger(walk: Walk, body: Json) -> None:
    target = Target("event_trigger", None, body.get("trigname"))
    walk.emit("event_trigger.create", target, risk=Risk.MEDIUM, detail=str(body.get("eventname", "")))
    _calls_later(walk, body)


def _alter_event_trigger(walk: Walk, body: Json) -> None:
    target = Target("event_trigger", None, body.get("trigname"))
    fires = body.get("tgenabled") in {"O", "A"}
    detail = (
        ""
        if body.get("tgenabled") in {"O", "D"}
        else {"R": "replica only", "A": "always"}.get(str(body.get("tgenabled")), "")
    )
    walk.emit("trigger.enable" if fires else "trigger.disable", target, detail=detail)


HANDLERS: Mapping[str, Handler] = {
    "AlterEventTrigStmt": _alter_event_trigger,
    "AlterFunctionStmt": _alter_function,
    "CreateEventTrigStmt": _event_trigger,
    "CreateFunctionStmt": _create_function,
    "CreateTrigStmt": _trigger,
    "DoStmt": _do,
    "RuleStmt": _rule,
    "ViewStmt": _view,
}

# A function's parameters hold default expressions; RETURN holds one too; transition tables are names.
HARMLESS = frozenset({"FunctionParameter", "ReturnStmt", "TriggerTransition"})
