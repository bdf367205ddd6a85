"""Texts that differ in values alone, and the values that nothing looks at.

In: a text's bytes, which the server is known to read as UTF-8 with ordinary backslashes. Out: a Cut, its
frame (the text without plain literals and whole numbers) and the values that were in it; and which of the
values may make a difference to what the text does. A value makes none where it is a constant of the tree that
neither the walk (nodes/) nor the question whether a WHERE limits (scope/) asks for: a value that is written,
or the other side of `column =`. All others count as they are written, and so does all that is left in the
frame; where it is not certain where literals begin and end there is no Cut. Deliberately absent: what texts
do.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.sql.literals import parted
from proxy.sql.parse import Json, SqlSyntaxError, parse
from proxy.sql.scope import conjuncts
from proxy.sql.tree import only, strings

# Of a number, a name or a parameter: what stands beside one of these is not all of a token. Longer numbers
# stay in the frame. What begins with a digit is found at a third of what looking behind first takes.
_NUMBER: Final = re.compile(rb'([0-9](?<![\w$.\x80-\xff"][0-9])[0-9]{0,17}+(?![\w$.\x80-\xff"]))')
# An empty text, which may leave no row out, or an apostrophe in one.
_TWO: Final = b"''"

_NUMBERS: Final = frozenset({"ival", "fval"})


class Cut:
    """A text cut into what is the same for many and what is not.

    Attributes:
        frame: equal for texts that have the same tokens in the same places, values left out.
        values: what was left out: the literals, then the numbers, both in order.
    """

    __slots__ = ("frame", "values")

    def __init__(self, frame: bytes, values: list[bytes]) -> None:
        """Hold the parts."""
        self.frame = frame
        self.values = values

    def key(self, places: tuple[int, ...]) -> tuple[bytes, ...]:
        """The frame and the values in these places."""
        values = self.values
        return (self.frame, *[values[place] for place in places])


def cut(raw: bytes) -> Cut | None:
    """A text's parts; None where it takes a closer look, and where it has no values.

    Raises: UnicodeDecodeError when it is not UTF-8.
    """
    if _TWO in raw or 0 in raw:
        return None
    if not raw.isascii():
        raw.decode()
    found = parted(raw)
    if found is None:
        return None
    code, parts = found
    pieces = _NUMBER.split(code)
    values = parts[1::2]
    values += pieces[1::2]
    return Cut(b"\0".join(pieces[::2]), values) if values else None


def telling(raw: bytes, parts: Cut) -> tuple[int, ...]:
    """The places of the values that may make a difference; all of them where the text cannot be read.

    What the others are makes none for any text of this frame: a frame's tokens decide what its tree is.
    """
    try:
        statements = parse(raw.decode())
    except SqlSyntaxError:
        return tuple(range(len(parts.values)))
    unseen = _unseen(statements[0].get("stmt", {})) if len(statements) == 1 else frozenset()
    return tuple(place for place, starts in enumerate(_starts(raw)) if unseen.isdisjoint(starts))


def _starts(raw: bytes) -> list[tuple[int, ...]]:
    """Where the constants would stand, in bytes, in the order of Cut.values; -5 begins at its sign."""
    literals: list[tuple[int, ...]] = []
    numbers: list[tuple[int, ...]] = []
    at = 0
    for index, part in enumerate(raw.split(b"'")):
        if index % 2:
            literals.append((at - 1,))
        else:
            for match in _NUMBER.finditer(part):
                start = at + match.start()
                numbers.append((start, start - 1) if raw[start - 1 : start] == b"-" else (start,))
        at += len(part) + 1
    return literals + numbers


def _unseen(statement: Json) -> frozenset[int]:
    """Where the constants stand, in bytes, whose values are never asked for."""
    kind, body = only(statement)
    found: list[int] = []
    if "withClause" in body:
        return frozenset()
    match kind:
        case "UpdateStmt":
            _given(body, found)
            _compared(body.get("whereClause"), found, alone="fromClause" not in body)
        case "DeleteStmt":
            _compared(body.get("whereClause"), found, alone="usingClause" not in body)
        case "InsertStmt":
            for row in only(body.get("selectStmt"))[1].get("valuesLists", ()):
                _walked(row, found)
            _given(body.get("onConflictClause", {}), found)
        case "SelectStmt" if body.get("op") == "SETOP_NONE" and not _reads_settings(body):
            for field in ("whereClause", "limitCount", "limitOffset"):
                _walked(body.get(field), found)
    return frozenset(found)


def _reads_settings(body: Json) -> bool:
    """Whether a SELECT's condition may say which setting it is about."""
    items = body.get("fromClause", ())
    return any(item.get("RangeVar", {}).get("relname") == "pg_settings" for item in items)


def _given(body: Json, found: list[int]) -> None:
    """The values of SET."""
    for item in body.get("targetList", ()):
        _walked(item.get("ResTarget", {}).get("val"), found)


def _walked(expr: Json | None, found: list[int]) -> None:
    """The constants that are reached by nodes of which the walk asks for operators, names and types alone."""
    waiting = [expr]
    while waiting:
        kind, body = only(waiting.pop())
        match kind:
            case "A_Const":
                if "location" in body:
                    found.append(body["location"])
            case "A_Expr":
                waiting += (body.get("lexpr"), body.get("rexpr"))
            case "BoolExpr":
                waiting += body.get("args", ())
            case "List":
                waiting += body.get("items", ())
            case "NullTest" | "TypeCast":
                waiting.append(body.get("arg"))


def _compared(where: Json | None, found: list[int], *, alone: bool) -> None:
    """The constants of ANDed `column = constant`, `column IN (1, 2)`: whatever they are, rows are left out.

    alone: there is one relation, of which any column may have any number of values.
    """
    for term in conjuncts(where or {}):
        body = term.get("A_Expr", {})
        left, right = body.get("lexpr", {}), body.get("rexpr", {})
        if "ColumnRef" not in left or strings(body.get("name", ())) != ["="]:
            continue
        if body.get("kind") == "AEXPR_OP" and "A_Const" in right:
            _walked(right, found)
        elif body.get("kind") == "AEXPR_IN" and alone:
            items = right.get("List", {}).get("items", ())
            if all(not _NUMBERS.isdisjoint(item.get("A_Const", ())) for item in items):
                _walked(right, found)
