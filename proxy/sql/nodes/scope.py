"""Does a WHERE restrict the rows of the table that is changed?

In: the target, what it is joined to, and the conditions. Out: the traits `unscoped` or `by_key`, or none.
A relation is limited when some conjunct filters it by its own columns, or ties it to a limited one. Without a
catalogue the owner of an unqualified column is not known where there are several relations: it then restricts
nothing, unless all of them are tied together. Deliberately absent: how many rows are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from proxy.sql.nodes.columns import calls, columns, has_sublink
from proxy.sql.nodes.fold import UNKNOWN, fold, lone_value
from proxy.sql.nodes.tautology import exhaustive, tautology
from proxy.sql.nodes.walk import only, qualified, strings
from proxy.sql.parse import Json

# Conditions inside conditions multiply: beyond this many steps the answer is "unscoped".
MAX_STEPS = 100_000

UNSCOPED = frozenset({"unscoped"})
BY_KEY = frozenset({"by_key"})
SCOPED: frozenset[str] = frozenset()

# Functions that turn what the client sends into rows: as limited as a VALUES list.
_ROWS_OF_ARGUMENT = frozenset(
    {
        "unnest",
        "json_array_elements",
        "json_array_elements_text",
        "json_populate_recordset",
        "json_to_recordset",
        "jsonb_array_elements",
        "jsonb_array_elements_text",
        "jsonb_populate_recordset",
        "jsonb_to_recordset",
        "regexp_split_to_table",
        "string_to_table",
    }
)
# Calls that surely give one value, or rows of their argument.
_FEW = _ROWS_OF_ARGUMENT | {"currval", "lastval", "lower", "now", "upper", "current_setting"}
_EQUALS: Json = {"kind": "AEXPR_OP", "name": [{"String": {"sval": "="}}]}
# Beyond this a LIMIT limits nothing that a person would call limited.
_MAX_LIMIT = 1_000_000


class _TooMuch(Exception):
    """The conditions are too many to be judged."""


@dataclass(slots=True)
class Sources:
    """The queries of the WITH lists in scope, and the steps left for judging what refers to them."""

    queries: Mapping[str, Json]
    steps: list[int]

    def get(self, name: str) -> Json | None:
        """The query of this name."""
        return self.queries.get(name)

    def without(self, name: str) -> Sources:
        """These less one: a recursive query must not be followed into itself."""
        return Sources({key: value for key, value in self.queries.items() if key != name}, self.steps)

    def step(self) -> None:
        """Count one step."""
        self.steps[0] += 1
        if self.steps[0] > MAX_STEPS:
            raise _TooMuch


@dataclass(slots=True)
class Scope:
    """The relations that a condition may speak of.

    limited holds the names whose rows are known to be few; default owns every unqualified column, where one
    relation does; own are the unqualified columns known to be the target's.
    """

    names: list[str]
    limited: set[str]
    sources: Sources
    target: str | None = None
    default: str | None = None
    own: frozenset[str] = frozenset()
    tied: list[frozenset[str]] = field(default_factory=list)
    doubtful: bool = False

    def settle(self, conjuncts: list[Json]) -> None:
        """Mark as limited every relation that the conjuncts limit, ties followed to the end."""
        changed = True
        while changed:
            changed = False
            for name in self.names:
                if name not in self.limited and any(limits(item, name, self) for item in conjuncts):
                    self.limited.add(name)
                    changed = True
        if self.doubtful and len(self.limited) < len(self.names) and self._all_tied():
            self.limited.update(self.names)

    def only_name(self) -> str | None:
        """The relation, where there is but one."""
        return self.names[0] if len(self.names) == 1 else None

    def _all_tied(self) -> bool:
        reached = set(self.names[:1])
        grown = True
        while grown:
            grown = False
            for tie in self.tied:
                if tie & reached and not tie <= reached:
                    reached |= tie
                    grown = True
        return reached >= set(self.names)


def restriction(
    target: Json, joined: list[Json], where: Json | None, queries: Mapping[str, Json], own: Iterable[str] = ()
) -> frozenset[str]:
    """UNSCOPED, BY_KEY or SCOPED for `UPDATE target … FROM joined WHERE where`.

    Args:
        target: the RangeVar's body.
        joined: nodes of FROM or USING.
        where: the condition, if any.
        queries: queries of the WITH lists in scope.
        own: columns known to be the target's (those that an UPDATE sets).
    """
    try:
        return _restriction(target, joined, where, Sources(queries, [0]), own)
    except _TooMuch:
        return UNSCOPED


def limited(query: Json, queries: Mapping[str, Json]) -> bool:
    """Whether a query gives few rows; not when in doubt."""
    try:
        return limited_query(query, Sources(queries, [0]))
    except _TooMuch:
        return False


def _restriction(
    target: Json, joined: list[Json], where: Json | None, sources: Sources, own: Iterable[str] = ()
) -> frozenset[str]:
    if not where:
        return UNSCOPED
    name = target.get("alias", {}).get("aliasname") or target.get("relname", "")
    scope = Scope([name], set(), sources, name, own=frozenset(own))
    found = list(conjuncts(where))
    for item in joined:
        found += _join(item, scope)
    scope.default = scope.only_name()
    scope.settle(found)
    if name not in scope.limited:
        return UNSCOPED
    return BY_KEY if any(_is_key(item, name, scope) for item in found) else SCOPED


def conjuncts(where: Json) -> Iterator[Json]:
    """The terms that a condition ANDs together."""
    kind, body = only(where)
    if kind == "BoolExpr" and body.get("boolop") == "AND_EXPR":
        for arg in body.get("args", []):
            yield from conjuncts(arg)
    else:
        yield where


def _join(item: Json, scope: Scope) -> list[Json]:
    """Add a FROM item's relations to the scope; its inner join conditions."""
    kind, body = only(item)
    if kind == "JoinExpr":
        found = _join(body.get("larg", {}), scope)
        right = _join(body.get("rarg", {}), scope)
        if body.get("jointype", "JOIN_INNER") != "JOIN_INNER":
            # An outer join's condition drops no row of its outer side; its inner side may be all NULL.
            return found
        found += right
        found += list(conjuncts(body["quals"])) if "quals" in body else []
        if "usingClause" in body or body.get("isNatural"):
            sides = [
                {"ColumnRef": {"fields": [{"String": {"sval": side}}, {"String": {"sval": "*using"}}]}}
                for side in scope.names[-2:]
            ]
            found.append({"A_Expr": {**_EQUALS, "lexpr": sides[0], "rexpr": sides[-1]}})
        return found
    alias = body.get("alias", {}).get("aliasname")
    if kind == "RangeVar":
        name = alias or body.get("relname", "")
        query = scope.sources.get(body.get("relname", "")) if "schemaname" not in body else None
        few = query is not None and limited_query(query, scope.sources.without(body.get("relname", "")))
    elif kind == "RangeSubselect":
        name = alias or f"*{len(scope.names)}"
        few = limited_query(body.get("subquery", {}), scope.sources)
    elif kind == "RangeTableSample":
        return _join(body.get("relation", {}), scope)
    else:
        name = alias or _function_name(body) or f"*{len(scope.names)}"
        few = kind == "RangeFunction" and _rows_of_argument(body)
    scope.names.append(name)
    if few:
        scope.limited.add(name)
    return []


def _function_name(body: Json) -> str | None:
    for call in _calls_of(body):
        return qualified(call.get("funcname", []))[1]
    return None


def _calls_of(body: Json) -> Iterator[Json]:
    for item in body.get("functions", []):
        for part in item.get("List", {}).get("items", []):
            if "FuncCall" in part:
                yield part["FuncCall"]


def _rows_of_argument(body: Json) -> bool:
    calls = list(_calls_of(body))
    return bool(calls) and all(
        qualified(call.get("funcname", []))[1] in _ROWS_OF_ARGUMENT
        and not any(True for arg in call.get("args", ()) for _ in columns(arg, sublinks=True))
        and not any(has_sublink(arg) for arg in call.get("args", ()))
        for call in calls
    )


def limited_query(query: Json, sources: Sources) -> bool:
    """Whether a sub-select gives few rows: VALUES, no FROM, a LIMIT, or a WHERE that limits all it reads."""
    kind, body = only(query)
    if kind in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}:
        return kind != "InsertStmt" and _limited_change(body, sources)
    if kind != "SelectStmt":
        return False
    if _limited_count(body.get("limitCount")):
        return True
    inner = sources
    if "withClause" in body:
        ctes = [item.get("CommonTableExpr", {}) for item in body["withClause"].get("ctes", [])]
        named = {cte.get("ctename", ""): cte.get("ctequery", {}) for cte in ctes}
        inner = Sources({**sources.queries, **named}, sources.steps)
    operation = body.get("op", "SETOP_NONE")
    if operation != "SETOP_NONE":
        left = limited_query({"SelectStmt": body["larg"]}, inner)
        right = limited_query({"SelectStmt": body["rarg"]}, inner)
        return {"SETOP_UNION": left and right, "SETOP_INTERSECT": left or right}.get(operation, left)
    if "valuesLists" in body:
        return True
    if "fromClause" not in body:
        return not any(_gives_rows(item) for item in body.get("targetList", []))
    having = body.get("havingClause")
    if having and (any(True for _ in columns(having)) or any(True for _ in calls(having))):
        return True
    return _limited_select(body, inner)


def _limited_select(body: Json, sources: Sources) -> bool:
    where = body.get("whereClause")
    found = list(conjuncts(where)) if where else []
    scope = Scope([], set(), sources)
    for item in body["fromClause"]:
        found += _join(item, scope)
    if fold(where) is False:
        return True
    scope.default = scope.only_name()
    scope.settle(found)
    if set(scope.names) <= scope.limited:
        return True
    given: set[str | None] = set()
    for item in body.get("targetList", []):
        given |= {qualifier for qualifier, _ in columns(item)}
    return bool(given) and given <= scope.limited


def _limited_change(body: Json, sources: Sources) -> bool:
    joined: list[Json] = body.get("fromClause") or body.get("usingClause") or []
    return _restriction(body.get("relation", {}), joined, body.get("whereClause"), sources) != UNSCOPED


def _limited_count(count: Json | None) -> bool:
    """A LIMIT that is a number or a parameter; LIMIT ALL and LIMIT NULL are none."""
    if not count:
        return False
    kind, _ = only(count)
    if kind in {"ParamRef", "TypeCast"} and fold(count) is UNKNOWN:
        return True
    value = fold(count)
    return isinstance(value, int | Decimal) and value <= _MAX_LIMIT


def _gives_rows(item: Json) -> bool:
    """A call in a SELECT without FROM may give many rows: only those of a given array are few."""
    return has_sublink(item) or not all(name in _FEW for name in calls(item))


def limits(expr: Json, name: str, scope: Scope, *, negated: bool = False) -> bool:
    """Whether this conjunct leaves out rows of `name`, given what is limited already."""
    scope.sources.step()
    known = fold(expr)
    if known is not UNKNOWN:
        # Nothing at all passes a condition that is false or NULL.
        return known is None or bool(known) is negated
    kind, body = only(expr)
    match kind:
        case "BoolExpr":
            operation = body.get("boolop")
            if operation == "NOT_EXPR":
                return limits(body["args"][0], name, scope, negated=not negated)
            every = (operation == "OR_EXPR") is not negated
            if every and exhaustive(body["args"]):
                return False
            found = (limits(arg, name, scope, negated=negated) for arg in body["args"])
            return all(found) if every else any(found)
        case "SubLink":
            return _sub_link(body, name, scope, negated=negated)
        case "BooleanTest":
            test = str(body.get("booltesttype", ""))
            if test.endswith("UNKNOWN"):
                return "NOT" not in test and not negated and _atom(expr, name, scope)
            flipped = test.endswith("FALSE") is not ("NOT" in test)
            return limits(body["arg"], name, scope, negated=flipped is not negated)
        case "CaseExpr":
            return _case(body, name, scope, negated=negated)
        case "CoalesceExpr":
            return all(limits(arg, name, scope, negated=negated) for arg in body.get("args", []))
        case "TypeCast":
            return limits(body["arg"], name, scope, negated=negated)
        case "CurrentOfExpr":
            return name == scope.target
        case "ParamRef":
            return False
        case _:
            if tautology(kind, body, negated=negated):
                return False
            return _atom(expr, name, scope)


def _case(body: Json, name: str, scope: Scope, *, negated: bool) -> bool:
    for item in body.get("args", []):
        arm = item["CaseWhen"]
        if "arg" not in body and fold(arm["expr"]) in (False, None):
            continue
        # `CASE a WHEN b` chooses rows where a = b.
        chosen = (
            {"A_Expr": {**_EQUALS, "lexpr": body["arg"], "rexpr": arm["expr"]}}
            if "arg" in body
            else arm["expr"]
        )
        if not limits(arm["result"], name, scope, negated=negated) and not limits(chosen, name, scope):
            return False
    return "defresult" not in body or limits(body["defresult"], name, scope, negated=negated)


def _sub_link(body: Json, name: str, scope: Scope, *, negated: bool) -> bool:
    query = body.get("subselect", {})
    test = body.get("testexpr", {})
    operation = (strings(body.get("operName", [])) or ["="])[-1]
    match body.get("subLinkType"):
        case "EXISTS_SUBLINK":
            return _mentions(query, name) if negated else _exists(query, name, scope)
        case "ANY_SUBLINK":
            if not _atom(test, name, scope):
                return False
            excluding = negated or operation == "<>"
            return not _never(query) if excluding else limited_query(query, scope.sources)
        case "ALL_SUBLINK":
            return operation == "<>" and not negated and _atom(test, name, scope) and not _never(query)
        case "EXPR_SUBLINK":
            inner = lone_value(query)
            return inner is not None and limits(inner, name, scope, negated=negated)
        case _:
            return False


def _exists(query: Json, name: str, scope: Scope) -> bool:
    """EXISTS is a join: the row is kept when a limited row of the sub-select is tied to it."""
    kind, body = only(query)
    if kind != "SelectStmt" or "fromClause" not in body:
        return False
    inner = Scope([], set(), scope.sources)
    found = list(conjuncts(body["whereClause"])) if "whereClause" in body else []
    for item in body["fromClause"]:
        found += _join(item, inner)
    if name in inner.names:
        return False  # the inner relation hides the outer one: nothing here speaks of the target
    few = limited_query(query, scope.sources)
    inner.limited |= set(inner.names) if few and "limitCount" not in body else set()
    inner.default = inner.only_name()
    inner.limited |= scope.limited
    inner.names.append(name)
    inner.settle(found)
    return name in inner.limited


def _never(query: Json) -> bool:
    """Whether a sub-select gives no row at all: then NOT IN holds for every row."""
    _, body = only(query)
    return fold(body.get("whereClause")) is False or fold(body.get("limitCount")) == 0


def _mentions(query: Json, name: str) -> bool:
    return any(qualifier == name for qualifier, _ in columns(query, sublinks=True)) and not _never(query)


def _atom(expr: Json, name: str, scope: Scope) -> bool:
    """A term without AND, OR and NOT: it filters `name` when it speaks of it and else of what is limited."""
    owners: set[str] = set()
    unsure = False
    for qualifier, column in columns(expr):
        if qualifier is not None:
            owners.add(qualifier)
        elif scope.default is not None:
            owners.add(scope.default)
        elif scope.target is not None and column in scope.own:
            owners.add(scope.target)
        else:
            unsure = True
    if unsure:
        owner = _owner_by_exclusion(owners, scope)
        if owner is None:
            scope.doubtful |= not owners
            return False
        owners.add(owner)
    if len(owners) > 1:
        scope.tied.append(frozenset(owners))
    return name in owners and owners - {name} <= scope.limited


def _owner_by_exclusion(owners: set[str], scope: Scope) -> str | None:
    """Of two relations, an unqualified column compared with one's column belongs to the other, by custom."""
    rest = [name for name in scope.names if name not in owners]
    return rest[0] if len(scope.names) == 2 and len(owners) == 1 and len(rest) == 1 else None


def _is_key(expr: Json, name: str, scope: Scope) -> bool:
    """`column = constant`, `column IN (constants)`, `column = ANY($1)`, WHERE CURRENT OF."""
    kind, body = only(expr)
    if kind == "CurrentOfExpr":
        return True
    if kind != "A_Expr" or body.get("kind") not in {"AEXPR_OP", "AEXPR_IN", "AEXPR_OP_ANY"}:
        return False
    if strings(body.get("name", [])) not in (["="], ["pg_catalog", "="]):
        return False
    sides = [body.get("lexpr", {}), body.get("rexpr", {})]
    for column, other in (sides, sides[::-1]):
        owner = [qualifier or scope.names[0] for qualifier, _ in columns(column)]
        if only(column)[0] in {"ColumnRef", "RowExpr"} and owner and set(owner) == {name}:
            return not any(True for _ in columns(other, sublinks=True)) and not has_sublink(other)
    return False
