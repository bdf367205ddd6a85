"""Code that is kept or run: functions, DO, views, rules, triggers.

In: their nodes. Out: `kind.create` or `kind.replace`, and with the trait deferred what the definition will
do once it runs. Deliberately absent: the bodies of procedural languages, which are code.opaque until they
are read.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.sql.effects import Risk, Target
from proxy.sql.functions import known
from proxy.sql.nodes.calls import walk_text
from proxy.sql.nodes.walk import Handler, Walk, options, qualified, range_target, scalar, strings
from proxy.sql.parse import Json


def _verb(body: Json) -> tuple[str, list[str]]:
    return ("replace", ["replaces"]) if body.get("replace") else ("create", [])


def _create_function(walk: Walk, body: Json) -> None:
    kind = "procedure" if body.get("is_procedure") else "function"
    schema, name = qualified(body.get("funcname", []))
    verb, traits = _verb(body)
    given = dict(options(body))
    language = (scalar(given.get("language", {}).get("arg")) or "sql").lower()
    walk.emit(f"{kind}.{verb}", Target(kind, schema, name), traits=traits, detail=language)
    with walk.deferred():
        walk.field(body, "parameters")
        _settings(walk, body, "options")
        if "sql_body" in body:
            walk.node(body["sql_body"])
    if "sql_body" not in body:
        _body(walk, given, language, Target(kind, schema, name))


def _body(walk: Walk, given: Mapping[str, Json], language: str, target: Target) -> None:
    items = given.get("as", {}).get("arg", {}).get("List", {}).get("items", [])
    texts = strings(items)
    if language == "c":
        # The library is loaded, and its start-up code runs, as the function is created.
        walk.emit("server.load", Target("library", None, texts[0] if texts else None))
    elif language == "sql" and len(texts) == 1:
        with walk.deferred():
            walk_text(walk, texts[0], str(target))
        return
    if language != "internal":
        with walk.deferred():
            walk.emit("code.opaque", target, detail=language)


def _settings(walk: Walk, body: Json, field: str) -> None:
    """SET clauses of a function hold while it runs."""
    for name, option in options(body, field):
        if name == "set":
            walk.node(option.get("arg", {}))


def _alter_function(walk: Walk, body: Json) -> None:
    kind = "procedure" if body.get("objtype") == "OBJECT_PROCEDURE" else "function"
    given = ", ".join(name for name, _ in options(body, "actions"))
    walk.emit(f"{kind}.alter", Target(kind, *qualified(body["func"].get("objname", []))), detail=given)
    with walk.deferred():
        _settings(walk, body, "actions")


def _do(walk: Walk, body: Json) -> None:
    given = dict(options(body, "args"))
    language = (scalar(given.get("language", {}).get("arg")) or "plpgsql").lower()
    walk.lexing = True
    walk.emit("code.run", detail=language)
    walk.emit("code.opaque", detail=language)


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
    risk = Risk.MEDIUM if body.get("instead") or verb == "replace" else None
    walk.emit(
        f"rule.{verb}",
        Target("rule", table.schema, body.get("rulename")),
        traits=traits,
        risk=risk,
        detail=detail,
    )
    with walk.deferred():
        walk.field(body, "whereClause", "actions")


def _calls_later(walk: Walk, body: Json) -> None:
    schema, name = qualified(body.get("funcname", []))
    if name is not None and known(schema, name, walk.server_major) is None:
        with walk.deferred():
            walk.emit("code.call", Target("function", schema, name))


def _trigger(walk: Walk, body: Json) -> None:
    table = range_target(body["relation"])
    verb, traits = _verb(body)
    walk.emit(
        f"trigger.{verb}",
        Target("trigger", table.schema, body.get("trigname")),
        traits=[*traits, "blocks_writes"],
        location=body["relation"].get("location", -1),
        detail=f"on {table}",
    )
    _calls_later(walk, body)
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
