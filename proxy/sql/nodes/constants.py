"""Text put together of constants: what an expression is, where that is sure.

In: expression nodes. Out: the text, or None. Literals, casts to text that cut nothing off, `||`, and format()
with %s, %I and %L. Deliberately absent: columns, parameters and variables, which are never constant here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from proxy.sql.parse import Json, is_quoted_word
from proxy.sql.scope.fold import built_in_name
from proxy.sql.tree import constant, only, strings

# format('%1$s%1$s', …) within itself doubles each time.
MAX_LENGTH = 1_000_000
_SPECIFIER = re.compile(r"%(?:(?P<index>\d{1,4})\$)?(?P<kind>.?)", re.DOTALL)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def constant_text(wrapped: Json | None) -> str | None:
    """The text of a constant expression, None when it is not one."""
    kind, body = only(wrapped)
    match kind:
        case "A_Const":
            return constant(body) if "sval" in body else None
        case "TypeCast":
            return constant_text(body.get("arg")) if _to_text(body.get("typeName", {})) else None
        case "A_Expr":
            return _joined(body)
        case "FuncCall":
            return _formatted(body)
        case _:
            return None


def _to_text(name: Json) -> bool:
    """A cast that leaves a text as it is: varchar(3) would cut it."""
    plain = not name.keys() & {"typmods", "arrayBounds", "setof", "pct_type"}
    return plain and built_in_name(strings(name.get("names", []))) in {"text", "varchar"}


def _operand(wrapped: Json | None) -> str | None:
    kind, body = only(wrapped)
    return constant(body) if kind == "A_Const" and "ival" in body else constant_text(wrapped)


def _joined(body: Json) -> str | None:
    if body.get("kind") != "AEXPR_OP" or built_in_name(strings(body.get("name", []))) != "||":
        return None
    # 'a' || 'b' || … leans to the left: down it in a loop.
    parts = [_operand(body.get("rexpr"))]
    kind, left = only(body.get("lexpr"))
    while kind == "A_Expr" and built_in_name(strings(left.get("name", []))) == "||":
        parts.append(_operand(left.get("rexpr")))
        kind, left = only(left.get("lexpr"))
    parts.append(_operand({kind: left}) if kind else None)
    if None in parts:
        return None
    text = "".join(str(part) for part in reversed(parts))
    return text if len(text) <= MAX_LENGTH else None


def _formatted(body: Json) -> str | None:
    if built_in_name(strings(body.get("funcname", []))) != "format":
        return None
    if body.keys() - {"funcname", "args", "funcformat", "location"}:
        return None  # VARIADIC, DISTINCT and the like
    args = [_operand(arg) for arg in body.get("args", [])]
    if not args or None in args:
        return None
    return _format(str(args[0]), [str(arg) for arg in args[1:]])


def _format(pattern: str, args: list[str]) -> str | None:
    """As format() of the server; None where it would raise an error, or pads."""
    out: list[str] = []
    done = used = length = 0
    for found in _SPECIFIER.finditer(pattern):
        piece = "%"
        if found["kind"] != "%":
            used = int(found["index"]) if found["index"] else used + 1
            if not 1 <= used <= len(args) or found["kind"] not in {"s", "I", "L"}:
                return None
            piece = _QUOTE[found["kind"]](args[used - 1])
        elif found["index"]:
            return None
        out += [pattern[done : found.start()], piece]
        length += len(out[-1]) + len(out[-2])
        if length > MAX_LENGTH:
            return None
        done = found.end()
    return "".join([*out, pattern[done:]])


def _identifier(text: str) -> str:
    if _PLAIN_NAME.fullmatch(text) and not is_quoted_word(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f" E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{quoted}'"


_QUOTE: Mapping[str, Callable[[str], str]] = {"s": str, "I": _identifier, "L": _literal}
