"""The expressions that a filter is about: a column, or what is made of one so that it still tells rows apart.

In: an expression and its scope. Out: a Subject, with the comparisons that filter by it, or None: what is not
named here says nothing about a row. Deliberately absent: `id - id`, `id * 0`, whole rows, system columns, and
every function that may give the same for all rows (sign, greatest with a constant, pg_typeof).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from proxy.sql.parse import Json
from proxy.sql.scope.fold import built_in_name, fold
from proxy.sql.scope.formulas import of_call, of_fixed, of_one, of_two
from proxy.sql.scope.operands import Kind, fixed
from proxy.sql.scope.relations import Column, Relation, Scope, resolve
from proxy.sql.scope.uses import Floor, Subject, Use
from proxy.sql.tree import only, strings

# Names of columns whose being filled says that something is the case; of any other, most rows are filled.
_MARK = re.compile(
    r"(_(at|on|by|id|to|ts|date|time|until|till|since|from|ref)|[a-z](At|On|By|Id|Ts|Date|Time|Until))$"
    r"|(?i:ed$|error|reason|fail|exception|expir|delet|cancel|lock|parent|until|previous|replac|supersed)"
)

_SYSTEM = frozenset({"tableoid", "xmin", "xmax", "cmin", "cmax"})


_KEYS = frozenset({"id", "uuid", "pk", "rowid"})


_PAST_NAMED = """
created created_at createdat created_on created_date creation_date date_created inserted_at insertedat
updated updated_at updatedat updated_on modified modified_at last_modified date_joined
"""
_PAST = frozenset(_PAST_NAMED.split())


_NEVER_NULL = _KEYS | _PAST | _SYSTEM | {"ctid"}


# `t.row_to_json` is a call, of functions that take any row.
_OF_ROWS_NAMED = """
pg_typeof to_json to_jsonb row_to_json num_nulls num_nonnulls pg_column_size pg_column_compression
pg_column_toast_chunk_id quote_literal quote_nullable concat json_build_array jsonb_build_array
json_build_object jsonb_build_object hash_record hash_record_extended record_out record_send
"""
_OF_ROWS = frozenset(_OF_ROWS_NAMED.split())


_ORDERED_TYPES_NAMED = """
int2 int4 int8 numeric float4 float8 date timestamp timestamptz time timetz interval uuid inet cidr money
oid
"""
_ORDERED_TYPES = frozenset(_ORDERED_TYPES_NAMED.split())


_TEXT_TYPES = frozenset({"text", "varchar", "name", "citext", "json", "jsonb"})


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
        what.column.name.lower() in _NEVER_NULL or what.column.row or what.floor in {Floor.COUNT, Floor.PLACE}
    )


def is_mark(what: Subject) -> bool:
    """A column that is NULL until something has happened: `deleted_at`, `lockedBy`, `parent_id`, `failed`."""
    return what.column is None or _MARK.search(what.column.name) is not None


def has_key(exprs: list[Json], scope: Scope) -> bool:
    """Whether one of them names each row: groups by it are single rows, where there is one relation."""
    found = [subject(expr, scope) for expr in exprs] if len(scope.relations) == 1 else []
    return any(one is not None and one.column is not None and one.floor is Floor.KEY for one in found)


def _column(body: Json, scope: Scope) -> Subject | None:
    column = resolve(body, scope)
    if column is None or column.name in _SYSTEM:
        return None
    if len(body.get("fields", ())) > 1 and column.name in _OF_ROWS:
        return None
    names = frozenset({column.name})
    found = Subject(column.owner, names, Use.ALL, _floor(column.name), column, sure=column.sure)
    if column.name == "ctid" or column.row:
        return found.but(use=Use.EQUAL if column.row else Use.EQUAL | Use.TIE)
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
    return found.but(use=(use if definitions else Use.NONE) | Use.TIE, floor=floor, choices=choices)


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
        again = kind == "TypeCast" and built_in_name(strings(inner["typeName"].get("names", []))) == "bool"
        return found.no_column() if of_json or again else None
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
    if found.column is not None and found.column.row:
        use |= Use.FILLED
    return found.but(use=use).no_column()


def _collate(body: Json, scope: Scope) -> Subject | None:
    return subject(body.get("arg", {}), scope)


def _element(body: Json, scope: Scope) -> Subject | None:
    """`tags[1]`, `data['a']`, `(pair).a`."""
    found = subject(body.get("arg", {}), scope)
    if found is None or not all(_fixed_index(item, scope) for item in body.get("indirection", [])):
        return None
    return found.but(use=found.use & ~Use.TIE, floor=Floor.ANY).no_column()


def _fixed_index(item: Json, scope: Scope) -> bool:
    kind, body = only(item)
    if kind == "String":
        return True
    return kind == "A_Indices" and not body.get("is_slice") and fixed(body.get("uidx", {}), scope) is not None


def _expression(body: Json, scope: Scope) -> Subject | None:
    if body.get("kind") == "AEXPR_NULLIF":
        found = subject(body.get("lexpr", {}), scope)
        return found.but(use=found.use & ~(Use.UNEQUAL | Use.NULL)).no_column() if found else None
    name = built_in_name(strings(body.get("name", []))) or strings(body.get("name", []))[-1]
    if body.get("kind") != "AEXPR_OP" or "lexpr" not in body:
        return None
    left, right = body["lexpr"], body.get("rexpr", {})
    one, two = subject(left, scope), subject(right, scope)
    made: Subject | None
    if one is not None and two is not None:
        made = of_two(name, one, two)
    elif one is not None:
        other = fixed(right, scope)
        made = of_one(name, one, other.kind, fold(right), right) if other is not None else None
    elif two is not None:
        other = fixed(left, scope)
        made = of_fixed(name, two, other.kind, left) if other is not None else None
    else:
        return None
    return made.no_column() if made is not None else None


def _call(body: Json, scope: Scope) -> Subject | None:
    name = built_in_name(strings(body.get("funcname", [])))
    args: list[Json] = body.get("args", [])
    if name in _RANKS and scope.relations:
        over = body.get("over", {})
        if scope.single or has_key(over.get("partitionClause", []), scope):
            return None  # 1 for every row
        owner = scope.relations[0]
        ordered = name != "count" or "orderClause" in over  # a count that goes on is a place
        if over and not ordered and not over.keys() & {"partitionClause", "name", "refname"}:
            return None  # how many there are at all
        floor = Floor.PLACE if ordered else Floor.COUNT
        return Subject(owner, frozenset({name}), Use.EQUAL | Use.ORDER, floor)
    if not name or not args or body.keys() & {"over", "agg_within_group", "agg_star", "func_variadic"}:
        return None
    if name in _AGGREGATES:
        found = subject(args[0], scope)
        return found.but(use=found.use & ~Use.UNEQUAL).no_column() if found else None
    found = _argument(args, scope)
    if found is None:
        return None
    use, floor, choices = of_call(name, args, found)
    if not use:
        return None
    return found.but(use=use, floor=floor, choices=choices).no_column()


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
            found = found.but(names=found.names | this.names, use=Use.EQUAL)
        else:
            return None
    return found


def _coalesce(body: Json, scope: Scope) -> Subject | None:
    """`lower(coalesce(email, ''))`; where it is compared itself, terms.py looks closer."""
    args = body.get("args", [])
    found = subject(args[0], scope) if args else None
    others = [fixed(arg, scope) for arg in args[1:]]
    if found is None or None in others:
        return None
    use = Use.EQUAL | Use.UNEQUAL
    if all(operand is not None and operand.kind in {Kind.NOW, Kind.STABLE} for operand in others):
        # coalesce(seen_at, now() - '1 week'): a moment is no bound of the others.
        use |= Use.ORDER
    return found.but(use=found.use & use).no_column()


def _greatest(body: Json, scope: Scope) -> Subject | None:
    """`greatest(created_at, updated_at)`: with a constant it may be the constant for every row."""
    found = [subject(arg, scope) for arg in body.get("args", [])]
    subjects = [item for item in found if item is not None and item.column is not None]
    if not subjects or len(subjects) < len(found) or len({id(item.owner) for item in subjects}) > 1:
        return None
    names = frozenset().union(*(item.names for item in subjects))
    floor = next((item.floor for item in subjects if item.floor is not Floor.ANY), Floor.ANY)
    return subjects[0].but(names=names, use=Use.EQUAL | Use.ORDER, floor=floor).no_column()


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
