"""Definitions that name functions: operators, aggregates, casts, types, operator classes and their like.

In: their nodes. Out: `kind.create` and its like, and with the trait deferred what the named functions do:
whoever uses the object calls them without a call to be seen. Deliberately absent: functions themselves and
triggers (programs.py), and definitions that run nothing (definitions.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.sql import builtins
from proxy.sql.effects import Risk, Target
from proxy.sql.functions import known
from proxy.sql.nodes.calls import calls_function
from proxy.sql.nodes.definitions import emit_if_known, kind_of, simple
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.tree import only, options, qualified, strings

# Options of CREATE OPERATOR, AGGREGATE, TYPE, TEXT SEARCH PARSER and TEMPLATE, and of ALTER OPERATOR and
# TYPE, whose value is a function.
_NAMED = """
function procedure restrict join
sfunc sfunc1 finalfunc combinefunc serialfunc deserialfunc msfunc minvfunc mfinalfunc
input output receive send typmod_in typmod_out analyze analyse subscript canonical subtype_diff
start gettoken end headline lextypes init lexize handler validator
"""
_FUNCTION_OPTIONS = frozenset(_NAMED.split())
_OPTION_LISTS = ("definition", "params", "options", "func_options")
_NAME_LISTS = ("handler_name", "func_name", "plhandler", "plinline", "plvalidator")
_WITH_ARGUMENTS = ("func", "fromsql", "tosql")
# Their options are words and file names, whatever they are called.
_NO_FUNCTIONS = frozenset({"OBJECT_COLLATION", "OBJECT_TSDICTIONARY", "OBJECT_TSCONFIGURATION"})
# Whose use is told by the name alone.
_CALLED_BY_NAME = frozenset({"aggregate", "operator"})
_ITEM_FUNCTION = 2  # OPCLASS_ITEM_FUNCTION


def _functions(body: Json) -> Iterator[list[Json]]:
    """The names of the functions that a definition names."""
    for field in _OPTION_LISTS:
        for name, option in options(body, field):
            if name in _FUNCTION_OPTIONS:
                yield _option_name(option.get("arg"))
    for field in _NAME_LISTS:
        yield body.get(field, [])
    for field in _WITH_ARGUMENTS:
        yield body.get(field, {}).get("objname", [])
    for item in body.get("items", ()):
        member = item.get("CreateOpClassItem", {})
        if member.get("itemtype") == _ITEM_FUNCTION:
            yield member.get("name", {}).get("objname", [])


def _option_name(arg: Json | None) -> list[Json]:
    kind, value = only(arg)
    match kind:
        case "TypeName":
            return list(value.get("names", []))
        case "List":
            return list(value.get("items", []))
        case "String":
            return [{"String": value}]
        case _:
            return []


def _calls(walk: Walk, body: Json) -> None:
    for names in _functions(body):
        if names:
            with walk.deferred():
                calls_function(walk, names)


def _define(walk: Walk, body: Json) -> None:
    kind = kind_of(walk, body, "kind")
    if kind is None:
        return
    replaces = bool(body.get("replace"))
    traits = ["replaces"] if replaces else []
    if body.get("if_not_exists"):
        traits.append("if_exists")
    target = Target(kind, *qualified(body.get("defnames", [])))
    risk = None
    with walk.isolated() as found:
        if body.get("kind") not in _NO_FUNCTIONS:
            _calls(walk, body)
    if kind in _CALLED_BY_NAME:
        if found:
            traits.append("effectful")
        if _is_built_in(walk, target):
            # With arguments that fit better it is taken in the built-in's place.
            traits.append("shadows")
            risk = Risk.HIGH
    emit_if_known(walk, kind, "replace" if replaces else "create", target, traits, risk=risk)
    walk.adopt(found)


def _is_built_in(walk: Walk, target: Target) -> bool:
    if target.kind == "operator":
        return target.name in builtins.OPERATORS
    return target.name is not None and known(None, target.name, walk.server_major) is not None


def _create_cast(walk: Walk, body: Json) -> None:
    names = [".".join(strings(body[field].get("names", []))) for field in ("sourcetype", "targettype")]
    walk.emit("cast.create", Target("cast", None, " AS ".join(names)))
    _calls(walk, body)


def _create_transform(walk: Walk, body: Json) -> None:
    name = f"{'.'.join(strings(body['type_name'].get('names', [])))} AS {body.get('lang', '')}"
    _made(walk, "transform", Target("transform", None, name), body)


def _create_language(walk: Walk, body: Json) -> None:
    _made(walk, "language", Target("language", None, body.get("plname")), body)


def _made(walk: Walk, kind: str, target: Target, body: Json) -> None:
    replaces = bool(body.get("replace"))
    walk.emit(
        f"{kind}.{'replace' if replaces else 'create'}", target, traits=["replaces"] if replaces else []
    )
    _calls(walk, body)


def _operator_change(walk: Walk, body: Json) -> None:
    walk.emit("operator.alter", Target("operator", *qualified(body["opername"].get("objname", []))))
    _calls(walk, body)


def _family_change(walk: Walk, body: Json) -> None:
    _change_family(walk, body)
    if body.get("isDrop"):
        target = Target("operator_family", *qualified(body.get("opfamilyname", [])))
        walk.emit("operator_family.drop", target, detail="operators or functions of it")


def _simple(effect: str, field: str) -> Handler:
    emit = simple(effect, field, deferred=False)

    def handle(walk: Walk, body: Json) -> None:
        emit(walk, body)
        _calls(walk, body)

    return handle


_change_family = _simple("operator_family.alter", "opfamilyname")

HANDLERS: Mapping[str, Handler] = {
    "AlterFdwStmt": _simple("foreign_data_wrapper.alter", "fdwname"),
    "AlterOpFamilyStmt": _family_change,
    "AlterOperatorStmt": _operator_change,
    "AlterTypeStmt": _simple("type.alter", "typeName"),
    "CreateAmStmt": _simple("access_method.create", "amname"),
    "CreateCastStmt": _create_cast,
    "CreateConversionStmt": _simple("conversion.create", "conversion_name"),
    "CreateFdwStmt": _simple("foreign_data_wrapper.create", "fdwname"),
    "CreateOpClassStmt": _simple("operator_class.create", "opclassname"),
    "CreatePLangStmt": _create_language,
    "CreateRangeStmt": _simple("type.create", "typeName"),
    "CreateTransformStmt": _create_transform,
    "DefineStmt": _define,
}

# Parts of these definitions that name and never run anything.
HARMLESS = frozenset({"CreateOpClassItem", "ObjectWithArgs"})
