"""What arithmetic and functions leave of a column: whether the result still tells rows apart.

In: an operator or a function's name, and the subject that it is given. Out: the subject that it makes, with
the comparisons that filter by it. Deliberately absent: what is not named here, which makes nothing: it may be
the same for every row.
"""

from __future__ import annotations

from proxy.sql.parse import Json
from proxy.sql.scope.columns import nodes
from proxy.sql.scope.fold import UNKNOWN, fold
from proxy.sql.scope.operands import Kind
from proxy.sql.scope.patterns import number, swallows
from proxy.sql.scope.uses import Floor, Subject, Use
from proxy.sql.tree import only, qualified, scalar, strings

_SAME_NAMED = """
round ceil ceiling floor trunc date to_timestamp timezone date_trunc date_bin int4 int8
"""
_SAME = frozenset(_SAME_NAMED.split())


_SPELLINGS = frozenset({"lower", "upper", "initcap", "unaccent", "reverse", "quote_ident", "text", "host"})


_TRIMS = frozenset({"btrim", "ltrim", "rtrim"})


_HASHES = frozenset({"md5", "sha224", "sha256", "sha384", "sha512", "digest", "crypt", "encode", "hashtext"})


_SIZES_NAMED = """
length char_length character_length octet_length bit_length cardinality array_length jsonb_array_length
json_array_length abs
"""
_SIZES = frozenset(_SIZES_NAMED.split())


_PARTS_NAMED = """
left right substr substring split_part replace regexp_substr concat concat_ws json_extract_path_text
jsonb_extract_path_text json_extract_path jsonb_extract_path
"""
_PARTS = frozenset(_PARTS_NAMED.split())


# Functions whose other arguments only say what to do with the first.
_OF_FIRST = frozenset(
    {"left", "right", "substr", "substring", "split_part", "replace", "regexp_substr", "round", "trunc"}
)


RANGES = frozenset({"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"})


_DISTANCES = frozenset({"<->", "<=>", "<#>", "<+>", "<~>", "<%>", "<<->", "<->>"})


# The parts of a date that have few values, and how many.
_CYCLES = {"month": 12, "dow": 7, "isodow": 7, "hour": 24, "quarter": 4, "day": 31, "minute": 60, "week": 53}


def of_two(name: str, one: Subject, two: Subject) -> Subject | None:
    """`price * amount`, `ends - starts`, `first || last`: of different columns only."""
    if one.owner != two.owner or one.names & two.names:
        return None
    names = one.names | two.names
    if name == "||":
        return one.but(names=names, use=Use.EQUAL | Use.FILLED)
    columns = one.column is not None and two.column is not None
    if (columns and name == "*") or (name in {"+", "-"} and one.use & two.use & Use.ORDER):
        return one.but(names=names, use=Use.EQUAL | Use.ORDER, floor=Floor.COUNT)
    return one.but(names=names, use=Use.ORDER, floor=Floor.DISTANCE) if name in _DISTANCES else None


def of_one(name: str, one: Subject, kind: Kind, value: object, right: Json) -> Subject | None:
    """A column and a constant."""
    amount = number(value)
    if swallows(scalar(right)):
        return None
    if name in {"->", "->>", "#>", "#>>"}:
        return one.but(use=Use.EQUAL | Use.UNEQUAL | Use.TIE | Use.NULL, floor=Floor.ANY)
    if name == "||":
        return one.but(use=Use.EQUAL | Use.FILLED)
    if name in _DISTANCES:
        return one.but(use=Use.ORDER, floor=Floor.DISTANCE)
    if name == "%" and one.use & Use.EQUAL:
        if amount is None:
            return one.but(use=Use.EQUAL, floor=Floor.ANY) if kind is Kind.PARAMETER else None
        choices = int(abs(amount))
        return one.but(use=Use.EQUAL | Use.UNEQUAL, floor=Floor.ANY, choices=choices) if choices > 1 else None
    if name == "&":
        some = kind is Kind.PARAMETER or (amount is not None and amount != 0)
        mask = int(amount) if amount is not None else -1
        choices = 2 ** mask.bit_count() if mask > 0 else 0
        return one.but(use=Use.EQUAL | Use.UNEQUAL, mask=mask, choices=choices) if some else None
    if name == "*" and _is_span(right):
        # seconds * interval '1 second'
        return one.but(use=one.use & (Use.EQUAL | Use.ORDER))
    if name in {"*", "/"}:
        return one.but(use=one.use & (Use.EQUAL | Use.ORDER)) if amount is not None and amount > 0 else None
    if name not in {"+", "-"} or not one.use & Use.EQUAL:
        return None
    if amount is not None and scalar(right) is not None and only(right)[0] == "A_Const":
        return one.but(use=Use.EQUAL)
    # created_at + '30 days' may be in the future, created_at - '1 day' is not.
    return one.but(use=one.use & (Use.EQUAL | Use.ORDER), floor=one.floor if name == "-" else Floor.ANY)


def _is_span(expr: Json) -> bool:
    """An interval that is written out and longer than none."""
    body = expr.get("TypeCast", {})
    text = scalar(body.get("arg")) or ""
    named = strings(body.get("typeName", {}).get("names", []))[-1:] == ["interval"]
    return named and "-" not in text and any(digit in text for digit in "123456789")


def of_fixed(name: str, two: Subject, kind: Kind, left: Json) -> Subject | None:
    """`now() - created_at`, `'x' || name`."""
    if swallows(scalar(left)):
        return None
    if name == "||":
        return two.but(use=Use.EQUAL | Use.FILLED)
    if name in _DISTANCES:
        return two.but(use=Use.ORDER, floor=Floor.DISTANCE)
    if name == "-" and kind in {Kind.NOW, Kind.STABLE, Kind.PARAMETER} and two.use & Use.ORDER:
        return two.but(use=Use.ORDER | Use.EQUAL, floor=Floor.COUNT)
    if name == "+" and kind is Kind.LITERAL and two.use & Use.ORDER:
        return two.but(use=Use.EQUAL)
    return None


def of_call(name: str, args: list[Json], found: Subject) -> tuple[int, Floor, int]:
    """The comparisons that filter by `name(column, …)`."""
    several = len(found.names) > 1
    if name in _OF_FIRST and not any(kind == "ColumnRef" for kind, _ in nodes(args[0])):
        return Use.NONE, Floor.ANY, 0  # replace('a', 'b', name) is 'a'
    if name in {"concat", "concat_ws"}:
        return Use.EQUAL | Use.FILLED, Floor.ANY, 0
    if name in RANGES and several:
        return Use.EQUAL | Use.NULL, Floor.ANY, 0
    if name == "to_tsvector":
        return Use.NULL, Floor.ANY, 0
    if several:
        return (Use.EQUAL | Use.ORDER, Floor.COUNT, 0) if name == "age" else (Use.NONE, Floor.ANY, 0)
    if name == "date_trunc" and (scalar(args[0]) or "day") in {"decade", "century", "millennium"}:
        return Use.NONE, Floor.ANY, 0
    if name in _SAME:
        return found.use, found.floor, found.choices
    if (name in _TRIMS and len(args) == 1) or name in _SPELLINGS:
        return found.use & ~Use.ORDER, Floor.ANY, 0
    if name in _HASHES:
        # Of figures and letters always: no pattern tells them apart.
        return (Use.EQUAL | Use.FILLED if found.use & Use.EQUAL else Use.NONE), Floor.ANY, 0
    if name in _SIZES and any(_fixed_size(arg) for arg in args):
        return Use.NONE, Floor.ANY, 0
    if name in _SIZES and found.use & Use.EQUAL:
        # array_length() of an empty array is NULL.
        none = Use.NULL if name == "array_length" else Use.NONE
        return Use.EQUAL | Use.UNEQUAL | Use.ORDER | none, Floor.COUNT, 0
    if name == "age":
        return Use.ORDER | Use.EQUAL, Floor.COUNT, 0
    if name in {"similarity", "word_similarity", "strict_word_similarity"}:
        return Use.ORDER & found.use, Floor.COUNT, 0
    if name in {"levenshtein", "levenshtein_less_equal"}:
        return Use.ORDER & found.use, Floor.DISTANCE, 0
    if name in {"json_typeof", "jsonb_typeof"}:
        # Of a document's part: the whole is an object in every row.
        part = strings(only(args[0])[1].get("name", []))[-1:] in (["->"], ["#>"])
        return (Use.EQUAL if part else Use.NONE), Floor.ANY, 0
    if name in _PARTS and found.use & Use.EQUAL:
        return Use.EQUAL | Use.FILLED, Floor.ANY, 0
    if name == "to_char":
        # to_char(x, 'x') is 'x'.
        text = (scalar(args[-1]) or "").upper()
        return (
            (Use.EQUAL if any(part in text for part in ("YY", "MM", "DD", "HH", "99")) else Use.NONE),
            Floor.ANY,
            0,
        )
    if name == "mod":
        amount = number(fold(args[-1])) if fold(args[-1]) is not UNKNOWN else None
        ok = amount is not None and abs(amount) > 1
        return (
            (Use.EQUAL | Use.UNEQUAL if ok else Use.NONE),
            Floor.ANY,
            int(abs(amount)) if ok and amount else 0,
        )
    if name in {"extract", "date_part"}:
        return _of_extract((scalar(args[0]) or "").lower(), found)
    return Use.NONE, Floor.ANY, 0


def _fixed_size(expr: Json) -> bool:
    """A hash, of one length whatever it is of."""
    name = qualified(expr.get("FuncCall", {}).get("funcname", []))[1]
    return name in _HASHES - {"encode", "hashtext"}


def _of_extract(part: str, found: Subject) -> tuple[int, Floor, int]:
    if part in _CYCLES:
        return Use.EQUAL, Floor.ANY, _CYCLES[part]
    if part in {"year", "isoyear"}:
        return Use.EQUAL | Use.ORDER, Floor.YEAR, 0
    if part == "epoch":
        return Use.EQUAL | Use.ORDER, Floor.COUNT, 0
    return Use.NONE, Floor.ANY, 0
