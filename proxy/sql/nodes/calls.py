"""Calls in expressions: functions, operators, and the grammar's own forms of both.

In: FuncCall, A_Expr and their like. Out: what functions.py says of the name, or code.call; SQL text that a
built-in runs is read by embedded.py. Deliberately absent: casts and the functions behind users' operators and
types, which need a catalogue (an operator no server knows is a call).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy.sql import builtins
from proxy.sql.effects import Name, Target
from proxy.sql.functions import Cause, Known, as_field, known
from proxy.sql.nodes.constants import constant_text
from proxy.sql.nodes.embedded import runs_text
from proxy.sql.nodes.sequences import catches_up, named_in_text
from proxy.sql.nodes.sessions import set_setting
from proxy.sql.nodes.variables import of_many
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json, SqlSyntaxError, parse
from proxy.sql.scope.columns import nodes
from proxy.sql.tree import only, qualified, scalar, strings

# JSON constructors and MERGE's function: keywords since this version; before it, the same text is a call.
_SINCE = {
    "JsonScalarExpr": ("json_scalar", 17),
    "JsonParseExpr": ("json", 17),
    "JsonSerializeExpr": ("json_serialize", 17),
    "MergeSupportFunc": ("merge_action", 17),
    "JsonArrayConstructor": ("json_array", 16),
    "JsonArrayAgg": ("json_arrayagg", 16),
}
_NO_CALL: Json = {}
_VARIES = frozenset({"ColumnRef", "ParamRef"})
_EQUAL: Name = (None, "=")
_BETWEEN: tuple[Name, ...] = ((None, ">="), (None, "<="), (None, "<"), (None, ">"))
_JSON_FUNCTIONS = {
    "JSON_EXISTS_OP": "json_exists",
    "JSON_QUERY_OP": "json_query",
    "JSON_VALUE_OP": "json_value",
}


def _func_call(walk: Walk, body: Json) -> None:
    schema, name = qualified(body.get("funcname", []))
    if name is None:
        walk.unknown("FuncCall")
    else:
        walk.mentioned.functions.add((schema, name))
        found = known(schema, name, walk.server_major)
        if found is None or found.of_extension:
            unknown_call(walk, Target("function", schema, name), body.get("location", -1), body)
        if found is not None:
            _apply(walk, body, name, found)
            if found.names_type >= 0:
                _reads_type(walk, _argument(body.get("args", []), found.names_type, ()), name)
        if name == "pg_show_all_settings" and walk.defining:
            walk.settings_later(body.get("location", -1))
    walk.children("FuncCall", body, ("funcname",))


def unknown_call(walk: Walk, target: Target, location: int = -1, call: Json = _NO_CALL) -> None:
    """Note a call of what may be a user's function: it may do anything its owner may."""
    walk.lexing = True
    repeated = any(level.many() for level in walk.levels) or of_many(call)
    # What each turn of a loop calls alike goes on where the last one has left off.
    repeated = repeated or (walk.turning and not any(kind in _VARIES for kind, _ in nodes(call)))
    walk.emit("code.call", target, traits=("repeated",) if repeated else (), location=location)


def calls_function(walk: Walk, name: list[Json], *traits: str) -> None:
    """Note that a function is called with arguments that nobody sees: by a trigger, a cast, an operator."""
    schema, function = qualified(name)
    if function is not None:
        walk.mentioned.functions.add((schema, function))
    found = None if function is None else known(schema, function, walk.server_major)
    if found is None or found.of_extension:
        walk.lexing = True
        walk.emit("code.call", Target("function", schema, function), traits=traits)
    if found is not None:
        _apply(walk, {}, str(function), found)


def _apply(walk: Walk, body: Json, name: str, found: Known) -> None:
    args: list[Json] = body.get("args", [])
    location = body.get("location", -1)
    for cause in found.causes:
        if found.changes_settings:
            _set_config(walk, args, location)
        else:
            target = _target(cause, args, found.parameters)
            if name == "setval" and catches_up(args, walk.select, walk.sources, target):
                walk.emit("sequence.advance", target, location=location, detail="to the greatest number")
                continue
            traits = ("unscoped",) if cause.effect in {"row.delete", "row.update"} else ()
            walk.emit(
                cause.effect,
                target,
                traits=traits,
                risk=cause.risk,
                location=location,
                detail=cause.detail or (name if target is None else ""),
            )
            walk.lexing |= cause.effect.startswith("code.")
    if name == "ts_rewrite" and len(args) == 3:
        return
    for index in found.runs:
        # Without arguments it is called by what this statement defines, with some that nobody sees.
        if not args or index < len(args):
            runs_text(walk, _argument(args, index, found.parameters), name, location)


def _reads_type(walk: Walk, argument: Json | None, name: str) -> None:
    """Note the type whose values a function reads: one of the users' may run code."""
    text = constant_text(argument)
    try:
        tree = parse(f"SELECT NULL::{text}") if text is not None else []
    except SqlSyntaxError:
        tree = []
    targets = only(tree[0].get("stmt"))[1].get("targetList", []) if len(tree) == 1 else []
    value = targets[0].get("ResTarget", {}).get("val", {}) if len(targets) == 1 else {}
    if "TypeCast" in value:
        walk.typed("TypeName", value["TypeCast"]["typeName"])
    else:
        walk.opaque(Target("function", None, name), "reads a type that only the call names")


def _argument(args: list[Json], index: int, parameters: tuple[str, ...]) -> Json | None:
    """The argument of a function's parameter: in its place, or by its name behind those in their places."""
    if index < 0:
        return None
    if index < len(args) and "NamedArgExpr" not in args[index]:
        return args[index]
    for item in args:
        kind, body = only(item)
        if kind == "NamedArgExpr" and index < len(parameters) and body.get("name") == parameters[index]:
            found: Json = body.get("arg", {})
            return found
    return None


def _target(cause: Cause, args: list[Json], parameters: tuple[str, ...]) -> Target | None:
    if not cause.kind:
        return None
    text = scalar(_argument(args, cause.argument, parameters))
    if text is None or cause.kind not in {"sequence", "table", "index"}:
        return Target(cause.kind, None, text)
    return named_in_text(cause.kind, text)


def _set_config(walk: Walk, args: list[Json], location: int) -> None:
    name = scalar(args[0]) if args else None
    if name is None and args and strings(only(args[0])[1].get("fields", []))[-1:] == ["name"]:
        name = walk.setting
    value = scalar(args[1]) if len(args) > 1 else None
    set_setting(walk, None if name is None else name.lower(), value, location)


def _mention_operators(walk: Walk, names: Sequence[Json]) -> None:
    """Note the operators that an A_Expr uses; the server makes several of BETWEEN."""
    name = names[-1]["String"].get("sval", "") if names else ""
    if "BETWEEN" in name:
        walk.mentioned.operators.update(_BETWEEN)
    elif name:
        schema = names[-2]["String"].get("sval", "") if len(names) > 1 else None
        walk.mentioned.operators.add((schema, name))


def _a_expr(walk: Walk, body: Json) -> None:
    # 1+1+1+… leans to the left: down it in a loop.
    chain = [body]
    kind, left = only(body.get("lexpr"))
    while kind == "A_Expr":
        chain.append(left)
        kind, left = only(left.get("lexpr"))
    if kind:
        walk.typed(kind, left)
    for item in reversed(chain):
        name = item.get("name", ())
        _mention_operators(walk, name)
        if (name and name[-1]["String"].get("sval") not in builtins.OPERATORS) or len(name) > 1:
            _operator(walk, item)
        right = item.get("rexpr")
        if right:
            walk.node(right)


# Operators that the grammar rewrites, and those a schema in front of does not make another's.
def _operator(walk: Walk, body: Json) -> None:
    schema, name = qualified(body.get("name", []))
    built_in = (
        name in builtins.OPERATORS or name in {"!=", "BETWEEN", "BETWEEN SYMMETRIC"} or "BETWEEN" in str(name)
    )
    if not (built_in and schema in {None, "pg_catalog"}):
        unknown_call(walk, Target("operator", schema, name), body.get("location", -1), body)


def _range_function(walk: Walk, body: Json) -> None:
    first = only(next(iter(body.get("functions", ())), None))[1].get("items", ())
    call = only(next(iter(first), None))[1]
    if walk.server_major < 16 and call.get("funcformat") == "COERCE_SQL_SYNTAX":
        _, name = qualified(call.get("funcname", []))
        if name == "system_user":  # no key word yet: a table
            walk.typed("RangeVar", {"relname": name, "location": call.get("location", -1)})
    with walk.at(walk.beside):
        walk.children("RangeFunction", body)


def _json(kind: str) -> Handler:
    name, since = _SINCE[kind]

    def handle(walk: Walk, body: Json) -> None:
        # RETURNING is no argument of a call: an older server rejects it.
        plain = "output" not in body and "output" not in body.get("constructor", ())
        if plain and walk.server_major < since:
            unknown_call(walk, Target("function", None, name), body.get("location", -1))
        walk.children(kind, body)

    return handle


def _json_func(walk: Walk, body: Json) -> None:
    name = _JSON_FUNCTIONS.get(body.get("op", ""), "")
    if walk.server_major < 17 and "output" not in body:
        unknown_call(walk, Target("function", None, name or None), body.get("location", -1))
    walk.children("JsonFuncExpr", body)


def _call(walk: Walk, body: Json) -> None:
    call = body.get("funccall", {})
    schema, name = qualified(call.get("funcname", []))
    if name is not None:
        walk.mentioned.functions.add((schema, name))
    unknown_call(walk, Target("procedure", schema, name), call.get("location", -1), call)
    walk.children("FuncCall", call, ("funcname",))


def _column(walk: Walk, body: Json) -> None:
    fields = body.get("fields", ())
    if len(fields) > 1 and "String" in fields[-1]:
        _field(walk, fields[-1]["String"].get("sval", ""), {}, body.get("location", -1))


def _parameter(walk: Walk, body: Json) -> None:
    """A parameter, or what variables.py puts into the place of a variable's field."""
    if "field" in body:
        _field(walk, body["field"], {}, body.get("location", -1))


def _indirection(walk: Walk, body: Json) -> None:
    steps = body.get("indirection", [])
    for index, step in enumerate(steps):
        if "String" in step:
            of = {} if index else body.get("arg", {})
            _field(walk, step["String"].get("sval", ""), of, only(of)[1].get("location", -1))
    walk.children("A_Indirection", body)


def _field(walk: Walk, name: str, of: Json, location: int) -> None:
    """`of.name`: a column, or where there is none a call of name(of) (ParseFuncOrColumn in parse_func.c)."""
    walk.mentioned.fields.add(name)
    found = as_field(name, walk.server_major)
    if found is not None:
        _apply(walk, {"args": [of] if of else [], "location": location}, name, found)


def _type(walk: Walk, body: Json) -> None:
    schema, name = qualified(body.get("names", []))
    if name is not None:
        walk.mentioned.types.add((schema, name))
    walk.children("TypeName", body)


def _compares(kind: str, *fields: str) -> Handler:
    """A node that compares by "=" where one of these fields is there, or by the operator that it names."""

    def handle(walk: Walk, body: Json) -> None:
        if "operName" in body or "useOp" in body:
            schema, name = qualified(body.get("operName") or body.get("useOp") or [])
            if name is not None:
                walk.mentioned.operators.add((schema, name))
        elif any(field in body for field in fields):
            walk.mentioned.operators.add(_EQUAL)
        walk.children(kind, body)

    return handle


def _leaf(walk: Walk, body: Json) -> None:
    """Nothing below and nothing done: constants, parameters, columns by name."""


_LEAVES = """
A_Const A_Star BitString Boolean CurrentOfExpr Float Integer SQLValueFunction
SetToDefault String
"""
LEAVES = frozenset(_LEAVES.split())

HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(LEAVES, _leaf),
    "A_Indirection": _indirection,
    "CaseExpr": _compares("CaseExpr", "arg"),
    "ColumnRef": _column,
    "FuncCall": _func_call,
    "JoinExpr": _compares("JoinExpr", "isNatural", "usingClause"),
    "ParamRef": _parameter,
    "SortBy": _compares("SortBy"),
    "SubLink": _compares("SubLink", "testexpr"),
    "TypeName": _type,
    "A_Expr": _a_expr,
    "CallStmt": _call,
    "JsonFuncExpr": _json_func,
    "RangeFunction": _range_function,
    **{kind: _json(kind) for kind in _SINCE},
}

HARMLESS = frozenset(
    {
        "A_ArrayExpr",
        "A_Indices",
        "BoolExpr",
        "BooleanTest",
        "CaseWhen",
        "CoalesceExpr",
        "CollateClause",
        "GroupingFunc",
        "JsonAggConstructor",
        "JsonArgument",
        "JsonArrayQueryConstructor",
        "JsonBehavior",
        "JsonFormat",
        "JsonIsPredicate",
        "JsonKeyValue",
        "JsonObjectAgg",
        "JsonObjectConstructor",
        "JsonOutput",
        "JsonReturning",
        "JsonTable",
        "JsonTableColumn",
        "JsonTablePathSpec",
        "JsonValueExpr",
        "List",
        "MinMaxExpr",
        "NamedArgExpr",
        "NullTest",
        "RowExpr",
        "TypeCast",
        "XmlExpr",
        "XmlSerialize",
    }
)
