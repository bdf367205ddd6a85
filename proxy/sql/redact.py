"""redact(text, limit): a statement as a log may show it.

In: SQL text. Out: the same with its secret literals as '***', found in the tree. A text that cannot be read
is not shown at all: what is secret in it is not known. Deliberately absent: parameters' values, which never
come here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from proxy.sql.nodes.calls import sounds_secret
from proxy.sql.nodes.shapes import SHAPES
from proxy.sql.nodes.walk import only, qualified, scalar
from proxy.sql.parse import Json, SqlSyntaxError, parse

MASK = "'***'"

# Statements whose options may hold credentials: every option of a foreign object but the plainly public ones.
_FOREIGN = frozenset(
    {
        "AlterFdwStmt",
        "AlterForeignServerStmt",
        "AlterUserMappingStmt",
        "CreateFdwStmt",
        "CreateForeignServerStmt",
        "CreateForeignTableStmt",
        "CreateUserMappingStmt",
    }
)
_PUBLIC_OPTIONS = frozenset(
    {
        "host",
        "port",
        "dbname",
        "user",
        "schema_name",
        "table_name",
        "column_name",
        "fetch_size",
        "updatable",
        "truncatable",
    }
)
# Functions with a secret among their arguments: the first text of these is a connection string or a key.
_SECRET_CALLS = re.compile(
    r"dblink|crypt$|^pgp_|^hmac$|^encrypt|^decrypt|^crypto_|^http|secret|password|^digest$"
)
_LITERAL = re.compile(
    r"""[eE]?'(?:[^'\\]|''|\\.)*'(?:\s*\n\s*'(?:[^'\\]|''|\\.)*')*   # '…', E'…', and pieces on further lines
      | [uU]&'(?:[^']|'')*'
      | [bBxXnN]'(?:[^']|'')*'
      | (\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$).*?\1
    """,
    re.DOTALL | re.VERBOSE,
)
_PLAIN = re.compile(r"'(?:[^']|'')*'(?:\s*\n\s*'(?:[^']|'')*')*")


def redact(text: str, limit: int | None = None) -> str:
    """The text without its secrets, cut to limit characters with an ellipsis."""
    try:
        statements = parse(text)
        secrets = sorted(set(_in_tree(statements)))
    except (SqlSyntaxError, RecursionError):
        return f"<unreadable statement, {len(text)} characters>"
    shown = _masked(text, secrets) if secrets else text
    return shown if limit is None or len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"


def _in_tree(statements: Iterable[Json]) -> Iterator[int]:
    """Byte offsets at, or before which in the same option, a secret literal stands."""
    for raw in statements:
        kind, body = only(raw.get("stmt"))
        yield from _secrets(kind, body)


def _secrets(kind: str, body: Json, foreign: bool = False) -> Iterator[int]:
    foreign |= kind in _FOREIGN
    if kind == "DefElem":
        yield from _option(body, foreign)
    elif kind == "VariableSetStmt" and sounds_secret(body.get("name", "")):
        yield from _literals(body)
    elif kind == "FuncCall":
        yield from _call(body)
    if "conninfo_location" in body:
        yield int(body["conninfo_location"])
    for key, value in body.items():
        for item in value if type(value) is list else [value]:
            if type(item) is dict:
                inner, content = next(iter(item.items()), ("", {}))
                if inner[:1].isupper():
                    yield from _secrets(inner, content, foreign)
                else:
                    yield from _secrets(SHAPES.get(kind, {}).get(key, ""), item, foreign)


def _option(option: Json, foreign: bool) -> Iterator[int]:
    name = str(option.get("defname", "")).lower()
    secret = sounds_secret(name) or name in {"conninfo", "connection"}
    if "String" in option.get("arg", {}) and (secret or (foreign and name not in _PUBLIC_OPTIONS)):
        place = option.get("arg_location", -1)
        yield int(place if place >= 0 else option.get("location", 0))


def _call(call: Json) -> Iterator[int]:
    _, name = qualified(call.get("funcname", []))
    args = call.get("args", [])
    if name == "set_config" and args:
        setting = scalar(args[0])
        if setting is None or sounds_secret(setting):
            yield from _literals(args[1:])
    elif name is not None and _SECRET_CALLS.search(name):
        yield from _literals(args)


def _literals(value: object) -> Iterator[int]:
    """The places of all text literals below."""
    if type(value) is list:
        for item in value:
            yield from _literals(item)
    elif type(value) is dict:
        constant = value.get("A_Const")
        if constant is not None and "sval" in constant:
            yield int(constant.get("location", 0))
        else:
            for item in value.values():
                yield from _literals(item)


def _masked(text: str, offsets: list[int]) -> str:
    """Replace the literal at or after each byte offset; where none can be made out, all that follows goes."""
    raw = text.encode()
    places = [len(raw[:offset].decode("utf-8", "replace")) for offset in offsets]
    parts: list[str] = []
    done = 0
    for place in places:
        if place < done:
            continue
        found = _next_literal(text, place)
        if found is None:
            return "".join(parts) + text[done:place] + MASK + "…"
        parts.append(text[done : found[0]] + MASK)
        done = found[1]
    return "".join(parts) + text[done:]


def _next_literal(text: str, place: int) -> tuple[int, int] | None:
    """Start and end of the first literal from a place on."""
    match = _LITERAL.search(text, place)
    if match is None:
        return None
    plain = text[match.start()] == "'"
    if plain:
        # Without E a backslash is an ordinary character.
        simple = _PLAIN.match(text, match.start())
        return None if simple is None else simple.span()
    return match.span()
