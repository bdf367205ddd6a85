"""Texts that differ in values alone, and the values that nothing looks at.

In: a text's bytes, which the server is known to read as UTF-8 with ordinary backslashes. Out: a Cut, its
frame (the text without plain literals and whole numbers) and the values that were in it; and which of the
values may make a difference to what the text does. A value makes none where it is a constant of the tree that
neither the walk (nodes/) nor the question whether a WHERE limits (scope/) asks for: a value that is written,
or the other side of `column =`. Of a bound (`column <`) scope/ asks whether anything may be beyond it, so all
ordinary ones do the same: those to which no question there has another answer than to a million others. Where
such terms limit the only relation, a further one only limits it more, so of that no value makes a difference.
All others count as they are written, and so does all that is left in the frame; where it is not certain where
literals begin and end there is no Cut. Deliberately absent: what texts do.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from proxy.sql.functions import known
from proxy.sql.literals import parted
from proxy.sql.parse import Json, SqlSyntaxError, parse
from proxy.sql.sameness import SAME_DIGITS
from proxy.sql.scope import BY_KEY, SCOPED, conjuncts, restriction
from proxy.sql.scope.columns import nodes
from proxy.sql.tree import only, qualified, strings

# Of a number, a name or a parameter: what stands beside one of these is not all of a token. Longer numbers
# stay in the frame. What begins with a digit is found at a third of what looking behind first takes.
_NUMBER: Final = re.compile(rb'([0-9](?<![\w$.\x80-\xff"][0-9])[0-9]{0,17}+(?![\w$.\x80-\xff"]))')
# An empty text, or an apostrophe in one.
_TWO: Final = b"''"
_DIGIT: Final = re.compile(rb"[0-9]")

_NUMBERS: Final = frozenset({"ival", "fval"})
_VALUES: Final = _NUMBERS | {"sval", "bsval"}
# What is asked for operators and columns alone, beside constants.
_PLAIN: Final = frozenset({"A_Expr", "BoolExpr", "ColumnRef", "NullTest", "String"})
_KEYED: Final = frozenset({"AEXPR_OP", "AEXPR_IN", "AEXPR_OP_ANY"})

# So many forms are kept, of texts up to so many bytes.
_MOST_KEPT: Final = 2_000
_LONGEST_KEPT: Final = 2 * 1024

# A bound of which scope/ says the same as of any other (tests/sql/test_alike.py asks it): no 0 or 1, no last
# number of a type, nothing that stands for all there is (999999, 1000000); a day that rows may be older and
# younger than, and a time of that day.
_BOUND: Final = re.compile(
    rb"""(?! 1 0*+ $ | 9++ $ | 214748364[78] $ ) [1-9] [0-9]{0,17}
    | (?: 19 (?: 8 [1-9] | 9 [0-9] ) | 20 (?: [0-8] [0-9] | 9 [0-8] ) ) - [0-9]{2} - [0-9]{2}
      (?: [ T] [0-9:.]{1,15} (?: Z | [+-] [0-9:]{2,6} )? )?""",
    re.VERBOSE,
)
# One of a list that is no true and no false, however it is spelled: the two together are everything.
_ITEM: Final = re.compile(rb"[!-~]{6,}")
# A text that leaves rows out: the empty one may be what is left of every row of a sub-select.
_FILLED: Final = re.compile(rb"(?s:.+)")
# For a value that is ordinary; no value is a lone apostrophe.
_ORDINARY: Final = b"'"
_ORDERED: Final = frozenset({"<", "<=", ">", ">=", "<>"})
_DAYS: Final = frozenset({"date", "timestamp", "timestamptz"})


# Where a constant stands, in bytes, and what tells an ordinary one; None where any is.
_Asked: TypeAlias = "dict[int, re.Pattern[bytes] | None]"


class Places:
    """The values of a frame that may make a difference.

    Attributes:
        exact: each of these does.
        ordinary: these do but where they are ordinary; with what tells those.
    """

    __slots__ = ("exact", "ordinary")

    def __init__(self, exact: tuple[int, ...], ordinary: tuple[tuple[int, re.Pattern[bytes]], ...]) -> None:
        """Hold them."""
        self.exact = exact
        self.ordinary = ordinary


class Cut:
    """A text cut into what is the same for many and what is not.

    Attributes:
        frame: equal for texts that have the same tokens in the same places, values left out.
        form: where the values are.
    """

    __slots__ = ("_code", "_parts", "form", "frame")

    def __init__(self, form: Form, parts: list[bytes], code: bytes) -> None:
        """Hold the parts: code and literals by turns, and the code."""
        self.frame = form.frame or form.frame_of(code)
        self.form = form
        self._parts = parts
        self._code = code

    @property
    def values(self) -> list[bytes]:
        """What was left out: the literals, then the numbers, both in order."""
        starts, ends = self.form.starts, self.form.ends
        numbers = [self._code[start:end] for start, end in zip(starts, ends, strict=True)]
        return self._parts[1::2] + numbers

    def value(self, place: int) -> bytes:
        """One of the values."""
        form = self.form
        if place < form.literals:
            return self._parts[2 * place + 1]
        place -= form.literals
        return self._code[form.starts[place] : form.ends[place]]

    def key(self, places: Places) -> tuple[bytes, ...]:
        """The frame and the values in these places, of ordinary ones that they are."""
        told = [self.frame]
        for place in places.exact:
            told.append(self.value(place))
        for place, ordinary in places.ordinary:
            value = self.value(place)
            told.append(_ORDINARY if ordinary.fullmatch(value) else value)
        return tuple(told)


class Form:
    """What cuts of texts have in common that differ in literals and digits alone.

    Attributes:
        frame: theirs; b"" where digits in it tell them apart (`$1`, `t5`).
        literals: how many there are.
        starts, ends: of the numbers, in the code.
    """

    __slots__ = ("ends", "frame", "literals", "starts")

    def __init__(self, code: bytes, literals: int) -> None:
        """Find the numbers in code whose literals were left out."""
        pieces = _NUMBER.split(code)
        frame = b"\0".join(pieces[::2])
        self.frame = b"" if _DIGIT.search(frame) else frame
        self.literals = literals
        self.starts: list[int] = []
        self.ends: list[int] = []
        at = 0
        for index, piece in enumerate(pieces):
            if index % 2:
                self.starts.append(at)
                self.ends.append(at + len(piece))
            at += len(piece)

    def frame_of(self, code: bytes) -> bytes:
        """The frame of a text with this code."""
        pieces, at = list[bytes](), 0
        for start, end in zip(self.starts, self.ends, strict=True):
            pieces.append(code[at:start])
            at = end
        pieces.append(code[at:])
        return b"\0".join(pieces)

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.literals + len(self.starts)


class Forms:
    """Cuts texts, and remembers where in texts of one form the values are.

    What is a number, and where a literal certainly ends, is the same whatever digits and literals there are.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.forms: dict[bytes, Form] = {}

    def cut(self, raw: bytes) -> Cut | None:
        """A text's parts, as ``cut`` has them.

        Raises: UnicodeDecodeError when it is not UTF-8.
        """
        if len(raw) > _LONGEST_KEPT:
            return cut(raw)
        if 0 in raw:
            return None
        if not raw.isascii():
            raw.decode()
        parts = raw.split(b"'")
        if len(parts) % 2 == 0:
            return None
        code = _TWO.join(parts[::2])
        same = code.translate(SAME_DIGITS)
        form = self.forms.get(same)
        if form is not None:
            return Cut(form, parts, code)
        found = cut(raw)
        if found is not None and 2 * found.form.literals + 1 == len(parts):  # an apostrophe is in none
            if len(self.forms) >= _MOST_KEPT:
                self.forms.clear()
            self.forms[same] = found.form
        return found


def cut(raw: bytes) -> Cut | None:
    """A text's parts; None where it takes a closer look, and where it has no values.

    Raises: UnicodeDecodeError when it is not UTF-8.
    """
    if 0 in raw:
        return None
    if not raw.isascii():
        raw.decode()
    found = parted(raw)
    if found is None:
        return None
    code, parts = found
    if _TWO in raw:
        parts = _joined(parts)
        code = _TWO.join(parts[::2])
    form = Form(code, len(parts) // 2)
    return Cut(form, parts, code) if form.count else None


def _joined(parts: list[bytes]) -> list[bytes]:
    """Code and literals by turns; where nothing stands between two literals, an apostrophe is in one."""
    found = parts[:2]
    for index in range(2, len(parts) - 1, 2):
        if parts[index]:
            found += parts[index : index + 2]
        else:
            found[-1] += _TWO + parts[index + 1]
    found += parts[-1:] if len(parts) > 1 else []
    return found


def telling(raw: bytes, parts: Cut) -> Places:
    """The values that may make a difference; all of them where the text cannot be read.

    What the others are makes none for any text of this frame: a frame's tokens decide what its tree is.
    """
    try:
        statements = parse(raw.decode())
    except SqlSyntaxError:
        return Places(tuple(range(len(parts.values))), ())
    asked: _Asked = {}
    if len(statements) == 1:
        _statement(statements[0].get("stmt", {}), asked)
    exact: list[int] = []
    ordinary: list[tuple[int, re.Pattern[bytes]]] = []
    for place, starts in enumerate(_starts(raw)):
        start = next((each for each in starts if each in asked), -1)
        of = asked.get(start)
        if of is not None:
            ordinary.append((place, of))
        elif start < 0:
            exact.append(place)
    return Places(tuple(exact), tuple(ordinary))


def _starts(raw: bytes) -> list[tuple[int, ...]]:
    """Where the constants would stand, in bytes, in the order of Cut.values; -5 begins at its sign."""
    literals: list[tuple[int, ...]] = []
    numbers: list[tuple[int, ...]] = []
    at = 0
    for index, part in enumerate(_joined(raw.split(b"'"))):
        if index % 2:
            literals.append((at - 1,))
        else:
            for match in _NUMBER.finditer(part):
                start = at + match.start()
                numbers.append((start, start - 1) if raw[start - 1 : start] == b"-" else (start,))
        at += len(part) + 1
    return literals + numbers


def _statement(statement: Json, asked: _Asked) -> None:
    """Take in a statement: all constants that are not named here count as they are written."""
    kind, body = only(statement)
    if "withClause" in body:
        return
    match kind:
        case "UpdateStmt":
            _given(body, asked)
            _changed(body, asked, alone="fromClause" not in body)
        case "DeleteStmt":
            _changed(body, asked, alone="usingClause" not in body)
        case "InsertStmt":
            for row in only(body.get("selectStmt"))[1].get("valuesLists", ()):
                _walked(row, asked)
            _given(body.get("onConflictClause", {}), asked)
        case "SelectStmt" if body.get("op") == "SETOP_NONE" and _calls_unknown(body):
            # How many rows there are tells how often the function runs.
            alone = list(map(list, body.get("fromClause", ()))) == [["RangeVar"]]
            _compared(body.get("whereClause"), asked, alone=alone)
        case "SelectStmt" if body.get("op") == "SETOP_NONE" and not _reads_settings(body):
            for field in ("whereClause", "limitCount", "limitOffset"):
                _walked(body.get(field), asked)


def _given(body: Json, asked: _Asked) -> None:
    """The values of SET."""
    for item in body.get("targetList", ()):
        _walked(item.get("ResTarget", {}).get("val"), asked)


def _changed(body: Json, asked: _Asked, *, alone: bool) -> None:
    """The WHERE of an UPDATE or DELETE.

    Where some of its ANDed terms limit the only relation, whatever their values are, another term can only
    limit it more: then no value makes a difference that the walk does not ask for. As key do the others count
    where those are keys, or none of these may be one.
    """
    where = body.get("whereClause")
    _compared(where, asked, alone=alone)
    if not where or not alone:
        return
    certain, others = list[Json](), list[Json]()
    for term in conjuncts(where):
        (certain if _is_certain(term, asked) else others).append(term)
    if not certain or not others:
        return
    own = [item["ResTarget"].get("name", "") for item in body.get("targetList", ()) if "ResTarget" in item]
    condition = {"BoolExpr": {"boolop": "AND_EXPR", "args": certain}}
    found = restriction(body["relation"], [], condition, {}, own)
    if found == BY_KEY or (found == SCOPED and not any([_may_be_key(term) for term in others])):
        for term in others:
            _walked(term, asked)


def _is_certain(term: Json, asked: _Asked) -> bool:
    """Whether a term is made of columns and of constants of which any does the same."""
    for kind, body in nodes(term):
        if kind == "A_Const":
            if not body.keys() & _VALUES or (
                "location" in body and asked.get(body["location"], _FILLED) is None
            ):
                continue
            return False
        if kind not in _PLAIN:
            return False
    return True


def _may_be_key(term: Json) -> bool:
    kind, body = only(term)
    return kind == "CurrentOfExpr" or body.get("kind") in _KEYED


def _compared(where: Json | None, asked: _Asked, *, alone: bool) -> None:
    """The constants of ANDed comparisons of a column; of each it is asked by itself what it leaves out.

    alone: there is one relation, of which any column may have any number of values.
    """
    for term in conjuncts(where or {}):
        body = term.get("A_Expr", {})
        name, right = strings(body.get("name", ())), body.get("rexpr", {})
        if "ColumnRef" not in body.get("lexpr", {}):
            continue
        match body.get("kind"):
            case "AEXPR_OP" if name == ["="] and "A_Const" in right:
                _walked(right, asked, None if alone else _FILLED)
            case "AEXPR_OP" if alone and len(name) == 1 and name[0] in _ORDERED:
                _bound(right, asked)
            case "AEXPR_BETWEEN" if alone:
                for item in right.get("List", {}).get("items", ()):
                    _bound(item, asked)
            case "AEXPR_IN" if alone and name == ["="]:
                items = right.get("List", {}).get("items", ())
                if all(["A_Const" in item for item in items]):
                    for item in items:
                        _walked(item, asked, _ITEM if _NUMBERS.isdisjoint(item["A_Const"]) else None)


def _bound(expr: Json, asked: _Asked) -> None:
    """A constant, or one that is cast to a moment."""
    body = expr.get("TypeCast", {})
    if body and not _DAYS.isdisjoint(strings(body.get("typeName", {}).get("names", ()))[-1:]):
        expr = body.get("arg", {})
    if "A_Const" in expr:
        _walked(expr, asked, _BOUND)


def _calls_unknown(body: Json) -> bool:
    """Whether a SELECT calls what may be a user's function."""
    for kind, call in nodes(body):
        if kind == "FuncCall":
            schema, name = qualified(call.get("funcname", []))
            found = None if name is None else known(schema, name, 0)
            if found is None or found.of_extension:
                return True
    return False


def _reads_settings(body: Json) -> bool:
    """Whether a SELECT's condition may say which setting it is about."""
    items = body.get("fromClause", ())
    return any(item.get("RangeVar", {}).get("relname") == "pg_settings" for item in items)


def _walked(expr: Json | None, asked: _Asked, of: re.Pattern[bytes] | None = None) -> None:
    """The constants that are reached by nodes of which the walk asks for operators, names and types alone.

    of: what tells those that are ordinary; None where all are.
    """
    waiting = [expr]
    while waiting:
        kind, body = only(waiting.pop())
        match kind:
            case "A_Const":
                if "location" in body:
                    asked[body["location"]] = of
            case "A_Expr":
                waiting += (body.get("lexpr"), body.get("rexpr"))
            case "BoolExpr":
                waiting += body.get("args", ())
            case "List":
                waiting += body.get("items", ())
            case "NullTest" | "TypeCast":
                waiting.append(body.get("arg"))
