"""The expressions that a filter is about: a column, or what is made of one so that it still tells rows apart.

In: an expression and its scope. Out: a Subject, with the comparisons that filter by it, or None: what is not
named here says nothing about a row. Deliberately absent: `id - id`, `id * 0`, whole rows, system columns, and
every function that may give the same for all rows (sign, greatest with a constant, pg_typeof).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from proxy.sql.nodes.fold import UNKNOWN, built_in_name, fold
from proxy.sql.nodes.operands import Kind, fixed
from proxy.sql.nodes.patterns import number
from proxy.sql.nodes.relations import Column, Relation, Scope, resolve
from proxy.sql.nodes.walk import only, scalar, strings
from proxy.sql.parse import Json


class Floor(enum.Enum):
    """Below what no row is, by what the subject is or by custom."""

    ANY = "no number below zero"
    KEY = "keys start at 1, and each names one row"
    PAST = "when a row was made: never in the future"
    COUNT = "0 or more, and hardly ever 0"
    YEAR = "from 1970 to 2100"
    DISTANCE = "0 or more: only an upper bound says something"


class Use(enum.Flag):
    """The comparisons that filter by a subject."""

    EQUAL = enum.auto()
    UNEQUAL = enum.auto()
    ORDER = enum.auto()
    # Equal to a column of a limited relation: a value of the one is hardly more than one row of the other.
    TIE = enum.auto()
    NULL = enum.auto()
    # An empty text is what is left of every row (`left(x, 0)`).
    FILLED = enum.auto()
    ALL = EQUAL | UNEQUAL | ORDER | TIE | NULL


@dataclass(frozen=True, slots=True)
class Subject:
    """What a filter is about.

    Attributes:
        owner: the relation, or the name of a column that may be one of several relations'.
        names: the columns.
        column: the column where the subject is one, as it is.
        choices: how many values there are (`id % 3`), 0 where there is no saying.
        mask: the subject is `flags & mask`.
    """

    owner: Relation | str
    names: frozenset[str]
    use: Use
    floor: Floor = Floor.ANY
    column: Column | None = None
    choices: int = 0
    mask: bool = False
    sure: bool = True


_SYSTEM = frozenset({"tableoid", "xmin", "xmax", "cmin", "cmax"})
_KEYS = frozenset({"id", "uuid", "pk", "rowid"})
_PAST = frozenset(
    [
        "created",
        "created_at",
        "createdat",
        "created_on",
        "created_date",
        "creation_date",
        "date_created",
        "inserted_at",
        "insertedat",
        "updated",
        "updated_at",
        "updatedat",
        "updated_on",
        "modified",
        "modified_at",
        "last_modified",
        "date_joined",
    ]
)
_NEVER_NULL = _KEYS | _PAST | _SYSTEM | {"ctid"}
# `t.row_to_json` is a call, of functions that take any row.
_OF_ROWS = frozenset(
    [
        "pg_typeof",
        "to_json",
        "to_jsonb",
        "row_to_json",
        "num_nulls",
        "num_nonnulls",
        "pg_column_size",
        "pg_column_compression",
        "pg_column_toast_chunk_id",
        "quote_literal",
        "quote_nullable",
        "concat",
        "json_build_array",
        "jsonb_build_array",
        "json_build_object",
        "jsonb_build_object",
        "hash_record",
        "hash_record_extended",
        "record_out",
        "record_send",
    ]
)
_ORDERED_TYPES = frozenset(
    [
        "int2",
        "int4",
        "int8",
        "numeric",
        "float4",
        "float8",
        "date",
        "timestamp",
        "timestamptz",
        "time",
        "timetz",
        "interval",
        "uuid",
        "inet",
        "cidr",
        "money",
        "oid",
    ]
)
_TEXT_TYPES = frozenset({"text", "varchar", "name", "citext", "json", "jsonb"})
_SAME = frozenset(
    [
        "round",
        "ceil",
        "ceiling",
        "floor",
        "trunc",
        "date",
        "to_timestamp",
        "timezone",
        "date_trunc",
        "date_bin",
        "int4",
        "int8",
    ]
)
_SPELLINGS = frozenset({"lower", "upper", "initcap", "unaccent", "reverse", "quote_ident", "text"})
_TRIMS = frozenset({"btrim", "ltrim", "rtrim"})
_HASHES = frozenset({"md5", "sha224", "sha256", "sha384", "sha512", "digest", "crypt", "encode"})
_SIZES = frozenset(
    [
        "length",
        "char_length",
        "character_length",
        "octet_length",
        "bit_length",
        "cardinality",
        "array_length",
        "jsonb_array_length",
        "json_array_length",
        "abs",
    ]
)
_PARTS = frozenset(
    [
        "left",
        "right",
        "substr",
        "substring",
        "split_part",
        "replace",
        "regexp_substr",
        "concat",
        "concat_ws",
        "json_extract_path_text",
        "jsonb_extract_path_text",
        "json_extract_path",
        "jsonb_extract_path",
    ]
)
RANGES = frozenset({"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"})
_DISTANCES = frozenset({"<->", "<=>", "<#>", "<+>", "<~>", "<%>", "<<->", "<->>"})
_AGGREGATES = frozenset({"min", "max", "avg", "sum"})
_RANKS = frozenset({"count", "row_number", "rank", "dense_rank"})


def subject(expr: Json, scope: Scope) -> Subject | None:
    """What an expression is about, or None."""
    scope.steps.add()
    kind, body = only(expr)
    reader = _READERS.get(kind)
    return reader(body, scope) if reader is not None else None


def never_null(what: Subject) -> bool:
    """A column that no row has NULL in, by what it is or by overwhelming custom."""
    return what.column is not None and (
        what.column.name.lower() in _NEVER_NULL or what.column.row or what.floor is Floor.COUNT
    )


def _column(body: Json, scope: Scope) -> Subject | None:
    column = resolve(body, scope)
    if column is None or column.name in _SYSTEM:
        return None
    if len(body.get("fields", ())) > 1 and column.name in _OF_ROWS:
        return None
    names = frozenset({column.name})
    found = Subject(column.owner, names, Use.ALL, _floor(column.name), column, sure=column.sure)
    if column.name == "ctid" or column.row:
        return replace(found, use=Use.EQUAL if column.row else Use.EQUAL | Use.TIE)
    if (isinstance(column.owner, Relation) and not column.owner.open) or _defined(column):
        return _derived(found, column)
    return found


def _floor(name: str) -> Floor:
    lowered = name.lower()
    return Floor.KEY if lowered in _KEYS else Floor.PAST if lowered in _PAST else Floor.ANY


def _defined(column: Column) -> bool:
    return isinstance(column.owner, Relation) and column.name in column.owner.columns


def _derived(found: Subject, column: Column) -> Subject:
    """A sub-select's column filters as the expression does that it stands for; any may be a tie."""
    assert isinstance(column.owner, Relation)  # noqa: S101 - told by the caller
    use, floor, choices = Use.ALL, found.floor, 0
    definitions = column.owner.columns.get(column.name, ())
    for expr, scope in definitions:
        behind = subject(expr, scope)
        if behind is None or behind.owner not in scope.relations:
            use = Use.TIE
            break
        use &= behind.use
        floor = behind.floor if behind.floor is not Floor.ANY else floor
        choices = max(choices, behind.choices)
    return replace(found, use=(use if definitions else Use(0)) | Use.TIE, floor=floor, choices=choices)


def _cast(body: Json, scope: Scope) -> Subject | None:
    found = subject(body.get("arg", {}), scope)
    name = body.get("typeName", {})
    names = strings(name.get("names", []))
    if found is None:
        return None
    built_in = built_in_name(names)
    if built_in == "bool":
        # id::bool holds for every id but 0.
        kind, inner = only(body.get("arg"))
        of_json = kind == "A_Expr" and strings(inner.get("name", []))[-1:] in (["->>"], ["#>>"])
        return replace(found, column=None) if of_json else None
    use = found.use
    if name.keys() & {"arrayBounds", "setof", "pct_type"}:
        use &= Use.EQUAL | Use.NULL
    elif built_in in _ORDERED_TYPES:
        use = use if found.floor is Floor.DISTANCE or not use & Use.EQUAL else use | Use.ORDER
    elif built_in in _TEXT_TYPES:
        use &= ~Use.ORDER
    else:
        use &= Use.EQUAL | Use.UNEQUAL | Use.NULL
    # timestamp(0) is one, varchar(1) is not.
    if "typmods" in name and built_in not in _ORDERED_TYPES - {"numeric"}:
        use &= Use.EQUAL | Use.NULL
    return replace(found, use=use, column=None)


def _collate(body: Json, scope: Scope) -> Subject | None:
    return subject(body.get("arg", {}), scope)


def _element(body: Json, scope: Scope) -> Subject | None:
    """`tags[1]`, `data['a']`, `(pair).a`."""
    found = subject(body.get("arg", {}), scope)
    if found is None or not all(_fixed_index(item, scope) for item in body.get("indirection", [])):
        return None
    return replace(found, use=found.use & ~Use.TIE, column=None, floor=Floor.ANY)


def _fixed_index(item: Json, scope: Scope) -> bool:
    kind, body = only(item)
    if kind == "String":
        return True
    return kind == "A_Indices" and not body.get("is_slice") and fixed(body.get("uidx", {}), scope) is not None


def _expression(body: Json, scope: Scope) -> Subject | None:
    if body.get("kind") == "AEXPR_NULLIF":
        found = subject(body.get("lexpr", {}), scope)
        return replace(found, use=found.use & ~(Use.UNEQUAL | Use.NULL), column=None) if found else None
    name = built_in_name(strings(body.get("name", []))) or strings(body.get("name", []))[-1]
    if body.get("kind") != "AEXPR_OP" or "lexpr" not in body:
        return None
    left, right = body["lexpr"], body.get("rexpr", {})
    one, two = subject(left, scope), subject(right, scope)
    made: Subject | None
    if one is not None and two is not None:
        made = _of_two(name, one, two)
    elif one is not None:
        other = fixed(right, scope)
        made = _of_one(name, one, other.kind, fold(right), right) if other is not None else None
    elif two is not None:
        other = fixed(left, scope)
        made = _of_fixed(name, two, other.kind) if other is not None else None
    else:
        return None
    return replace(made, column=None) if made is not None else None


def _of_two(name: str, one: Subject, two: Subject) -> Subject | None:
    """`price * amount`, `ends - starts`, `first || last`: of different columns only."""
    if one.owner != two.owner or one.names & two.names:
        return None
    names = one.names | two.names
    if name == "||":
        return replace(one, names=names, use=Use.EQUAL | Use.FILLED)
    if name in {"+", "-", "*"} and one.column is not None and two.column is not None:
        return replace(one, names=names, use=Use.EQUAL | Use.ORDER, floor=Floor.COUNT)
    return replace(one, names=names, use=Use.ORDER, floor=Floor.DISTANCE) if name in _DISTANCES else None


def _of_one(name: str, one: Subject, kind: Kind, value: object, right: Json) -> Subject | None:
    """A column and a constant."""
    amount = number(value)
    if name in {"->", "->>", "#>", "#>>"}:
        return replace(one, use=Use.EQUAL | Use.UNEQUAL | Use.TIE | Use.NULL, floor=Floor.ANY)
    if name == "||":
        return replace(one, use=Use.EQUAL | Use.FILLED)
    if name in _DISTANCES:
        return replace(one, use=Use.ORDER, floor=Floor.DISTANCE)
    if name == "%" and one.use & Use.EQUAL:
        if amount is None:
            return replace(one, use=Use.EQUAL, floor=Floor.ANY) if kind is Kind.PARAMETER else None
        choices = int(abs(amount))
        return (
            replace(one, use=Use.EQUAL | Use.UNEQUAL, floor=Floor.ANY, choices=choices)
            if choices > 1
            else None
        )
    if name == "&":
        some = kind is Kind.PARAMETER or (amount is not None and amount != 0)
        return replace(one, use=Use.EQUAL | Use.UNEQUAL, mask=True) if some else None
    if name in {"*", "/"}:
        return (
            replace(one, use=one.use & (Use.EQUAL | Use.ORDER)) if amount is not None and amount > 0 else None
        )
    if name not in {"+", "-"} or not one.use & Use.EQUAL:
        return None
    if amount is not None and scalar(right) is not None and only(right)[0] == "A_Const":
        return replace(one, use=Use.EQUAL)
    # created_at + '30 days' may be in the future, created_at - '1 day' is not.
    return replace(one, use=one.use & (Use.EQUAL | Use.ORDER), floor=one.floor if name == "-" else Floor.ANY)


def _of_fixed(name: str, two: Subject, kind: Kind) -> Subject | None:
    """`now() - created_at`, `'x' || name`."""
    if name == "||":
        return replace(two, use=Use.EQUAL | Use.FILLED)
    if name in _DISTANCES:
        return replace(two, use=Use.ORDER, floor=Floor.DISTANCE)
    if name == "-" and kind in {Kind.NOW, Kind.STABLE, Kind.PARAMETER} and two.use & Use.ORDER:
        return replace(two, use=Use.ORDER | Use.EQUAL, floor=Floor.COUNT)
    if name == "+" and kind is Kind.LITERAL and two.use & Use.ORDER:
        return replace(two, use=Use.EQUAL)
    return None


def _call(body: Json, scope: Scope) -> Subject | None:
    name = built_in_name(strings(body.get("funcname", [])))
    args: list[Json] = body.get("args", [])
    if name in _RANKS and scope.relations:
        owner = scope.relations[0]
        return Subject(owner, frozenset({name}), Use.EQUAL | Use.ORDER, Floor.COUNT)
    if not name or not args or body.keys() & {"over", "agg_within_group", "agg_star", "func_variadic"}:
        return None
    if name in _AGGREGATES:
        found = subject(args[0], scope)
        return replace(found, use=found.use & ~Use.UNEQUAL, column=None) if found else None
    found = _argument(args, scope)
    if found is None:
        return None
    use, floor, choices = _of_call(name, args, found)
    if not use:
        return None
    return replace(found, use=use, floor=floor, column=None, choices=choices)


def _argument(args: list[Json], scope: Scope) -> Subject | None:
    """The one argument that is no constant; several only of concat(), which cannot lose one."""
    found: Subject | None = None
    for arg in args:
        this = subject(arg, scope)
        if this is None:
            if fixed(arg, scope) is None:
                return None
        elif found is None:
            found = this
        elif found.owner == this.owner and not found.names & this.names:
            found = replace(found, names=found.names | this.names, use=Use.EQUAL)
        else:
            return None
    return found


def _of_call(name: str, args: list[Json], found: Subject) -> tuple[Use, Floor, int]:
    """The comparisons that filter by `name(column, …)`."""
    several = len(found.names) > 1
    if name in {"concat", "concat_ws"}:
        return Use.EQUAL | Use.FILLED, Floor.ANY, 0
    if name in RANGES and several:
        return Use.EQUAL | Use.NULL, Floor.ANY, 0
    if name == "to_tsvector":
        return Use.NULL, Floor.ANY, 0
    if several:
        return (Use.EQUAL | Use.ORDER, Floor.COUNT, 0) if name == "age" else (Use(0), Floor.ANY, 0)
    if name == "date_trunc" and (scalar(args[0]) or "day") in {"decade", "century", "millennium"}:
        return Use(0), Floor.ANY, 0
    if name in _SAME:
        return found.use, found.floor, found.choices
    if (name in _TRIMS and len(args) == 1) or name in _SPELLINGS:
        return found.use & ~Use.ORDER, Floor.ANY, 0
    if name in _HASHES:
        return Use.EQUAL & found.use, Floor.ANY, 0
    if name in _SIZES and found.use & Use.EQUAL:
        return Use.EQUAL | Use.UNEQUAL | Use.ORDER, Floor.COUNT, 0
    if name == "age":
        return Use.ORDER | Use.EQUAL, Floor.COUNT, 0
    if name in _PARTS and found.use & Use.EQUAL:
        return Use.EQUAL | Use.FILLED, Floor.ANY, 0
    if name == "to_char":
        # to_char(x, 'x') is 'x'.
        text = (scalar(args[-1]) or "").upper()
        return (
            (Use.EQUAL if any(part in text for part in ("YY", "MM", "DD", "HH", "99")) else Use(0)),
            Floor.ANY,
            0,
        )
    if name == "mod":
        amount = number(fold(args[-1])) if fold(args[-1]) is not UNKNOWN else None
        ok = amount is not None and abs(amount) > 1
        return (
            (Use.EQUAL | Use.UNEQUAL if ok else Use(0)),
            Floor.ANY,
            int(abs(amount)) if ok and amount else 0,
        )
    if name in {"extract", "date_part"}:
        return _of_extract((scalar(args[0]) or "").lower(), found)
    return Use(0), Floor.ANY, 0


# The parts of a date that have few values, and how many.
_CYCLES = {"month": 12, "dow": 7, "isodow": 7, "hour": 24, "quarter": 4, "day": 31, "minute": 60, "week": 53}


def _of_extract(part: str, found: Subject) -> tuple[Use, Floor, int]:
    if part in _CYCLES:
        return Use.EQUAL, Floor.ANY, _CYCLES[part]
    if part in {"year", "isoyear"}:
        return Use.EQUAL | Use.ORDER, Floor.YEAR, 0
    if part == "epoch":
        return Use.EQUAL | Use.ORDER, Floor.COUNT, 0
    return Use(0), Floor.ANY, 0


def _coalesce(body: Json, scope: Scope) -> Subject | None:
    """`lower(coalesce(email, ''))`; where it is compared itself, terms.py looks closer."""
    args = body.get("args", [])
    found = subject(args[0], scope) if args else None
    if found is None or any(fixed(arg, scope) is None for arg in args[1:]):
        return None
    return replace(found, use=found.use & (Use.EQUAL | Use.UNEQUAL), column=None)


def _greatest(body: Json, scope: Scope) -> Subject | None:
    """`greatest(created_at, updated_at)`: with a constant it may be the constant for every row."""
    found = [subject(arg, scope) for arg in body.get("args", [])]
    subjects = [item for item in found if item is not None and item.column is not None]
    if not subjects or len(subjects) < len(found) or len({id(item.owner) for item in subjects}) > 1:
        return None
    names = frozenset().union(*(item.names for item in subjects))
    floor = next((item.floor for item in subjects if item.floor is not Floor.ANY), Floor.ANY)
    return replace(subjects[0], names=names, use=Use.EQUAL | Use.ORDER, floor=floor, column=None)


_READERS: Mapping[str, Callable[[Json, Scope], Subject | None]] = {
    "ColumnRef": _column,
    "TypeCast": _cast,
    "CollateClause": _collate,
    "A_Indirection": _element,
    "A_Expr": _expression,
    "FuncCall": _call,
    "CoalesceExpr": _coalesce,
    "MinMaxExpr": _greatest,
}
