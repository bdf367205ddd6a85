"""Sub-selects: whether their rows are few, and what is behind their columns.

In: a query and what is visible to it. Out: Query. Few are VALUES, a SELECT of constants, a small LIMIT, and
what a WHERE limits in every relation that it reads. A query of a WITH list is read once, however often it is
named. Deliberately absent: what a sub-select means to the query around it (links.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.sql.parse import Json
from proxy.sql.scope.amounts import conjuncts, correlated, counts_up, gives_rows, small_limit
from proxy.sql.scope.clauses import Limits
from proxy.sql.scope.columns import columns
from proxy.sql.scope.fold import fold
from proxy.sql.scope.leftovers import note_partner
from proxy.sql.scope.outputs import (
    OBSCURE,
    Query,
    add_function,
    add_outputs,
    column_ref,
    handed,
    relation_of,
    returned,
)
from proxy.sql.scope.relations import Definition, Relation, Scope, Steps
from proxy.sql.scope.sources import PARENT, READ, SOURCES, visible_to
from proxy.sql.scope.subjects import has_key
from proxy.sql.tree import only, strings

Condition = Callable[[Json, Scope], Limits | None]


Settle = Callable[[list[Json], Scope], None]


Change = Callable[[Json, Mapping[str, Json], Steps], bool]


class Reader:
    """Reads queries, by means of what judges conditions.

    Attributes:
        settle: marks as limited what conditions limit in a scope.
        condition: what one condition limits.
        change: whether a DELETE, UPDATE or MERGE with RETURNING is itself limited.
    """

    __slots__ = ("change", "condition", "settle")

    def __init__(self, settle: Settle, condition: Condition, change: Change) -> None:
        """Hold them."""
        self.settle = settle
        self.condition = condition
        self.change = change

    def read(self, query: Json, sources: Mapping[str, Json], steps: Steps, parent: Scope | None) -> Query:
        """What a query gives."""
        steps.add()
        kind, body = only(query)
        if kind in {"UpdateStmt", "DeleteStmt", "MergeStmt"}:
            return returned(body, sources, steps, few=self.change(body, sources, steps))
        if kind == "InsertStmt":
            return returned(body, sources, steps, few=False)
        if kind != "SelectStmt":
            return Query()
        if body.get("op", "SETOP_NONE") != "SETOP_NONE":
            return self._combined(body, sources, steps, parent)
        return self._select(body, visible_to(body, sources, parent), steps, parent)

    def from_items(self, items: list[Json], scope: Scope) -> list[Json]:
        """Add the relations of a FROM list to a scope; the conditions of its inner joins."""
        found: list[Json] = []
        for item in items:
            found += self._item(item, scope)
        return found

    def _combined(self, body: Json, sources: Mapping[str, Json], steps: Steps, parent: Scope | None) -> Query:
        # A chain of UNIONs leans to the left: down it in a loop.
        levels: list[tuple[Json, Mapping[str, Json]]] = []
        while body.get("op", "SETOP_NONE") != "SETOP_NONE":
            sources = visible_to(body, sources, parent)
            levels.append((body, sources))
            body = body["larg"]
        result = self.read({"SelectStmt": body}, sources, steps, parent)
        for level, visible in reversed(levels):
            right = self.read({"SelectStmt": level["rarg"]}, visible, steps, parent)
            operation = level["op"]
            if operation == "SETOP_UNION":
                result.few = result.few and right.few
                result.stars += right.stars
                for mine, other in zip(result.outputs, right.outputs, strict=False):
                    mine[1].extend(other[1])
            elif operation == "SETOP_INTERSECT":
                result.few = result.few or right.few
            if small_limit(level) and not correlated(level):
                result.few = True
        return result

    def _select(self, body: Json, sources: Mapping[str, Json], steps: Steps, parent: Scope | None) -> Query:
        scope = Scope(sources, steps, parent)
        if "valuesLists" in body:
            width = len(body["valuesLists"][0].get("List", {}).get("items", []))
            few = not gives_rows(body["valuesLists"]) and not any(True for _ in columns(body["valuesLists"]))
            behind: list[Definition] = [] if few else [(OBSCURE, scope)]
            return Query(
                few, [(f"column{number}", list(behind)) for number in range(1, width + 1)], [], scope
            )
        items = body.get("fromClause", [])
        if parent is not None:
            scope.limited |= parent.limited
        terms = self.from_items(items, scope)
        result = Query(scope=scope)
        add_outputs(body.get("targetList", []), scope, result)
        steps.add(len(result.outputs))
        where = body.get("whereClause")
        if not items:
            result.few = handed(body.get("targetList", []), scope) and not gives_rows(
                body.get("targetList", []), strict=True
            )
            return result
        if where:
            terms += conjuncts(where)
        self.settle(terms, scope)
        few = scope.limited.issuperset(scope.relations) or (
            where is not None and fold(where) in (False, None)
        )
        having = body.get("havingClause")
        windows = (item.get("WindowDef", {}) for item in body.get("windowClause", []))
        groups = [body.get("groupClause", []), *(window.get("partitionClause", []) for window in windows)]
        scope.single = any(has_key(group, scope) for group in groups)
        if not few and having and body.get("groupClause"):
            few = bool(self.condition(having, scope))
        if not few and small_limit(body):
            few = not correlated(body)
        result.few = few and not gives_rows(body.get("targetList", []))
        return result

    def _item(self, item: Json, scope: Scope) -> list[Json]:
        scope.steps.add()
        kind, body = only(item)
        alias = body.get("alias", {})
        if kind == "JoinExpr":
            return self._join(body, scope)
        if kind == "RangeTableSample":
            return self._item(body.get("relation", {}), scope)
        if kind == "RangeVar":
            entry = scope.sources.get(body.get("relname", "")) if "schemaname" not in body else None
            name = alias.get("aliasname") or body.get("relname", "")
            if entry is None:
                table = f"{body.get('schemaname', '')}.{body.get('relname', '')}"
                scope.add(Relation(name, table, open=True))
            else:
                read = self._source(entry, scope)
                scope.add(relation_of(name, read, alias, entry.get("aliascolnames", [])))
        elif kind == "RangeSubselect":
            around = scope if body.get("lateral") else scope.parent
            read = self.read(body.get("subquery", {}), scope.sources, scope.steps, around)
            name = alias.get("aliasname") or f"*{len(scope.relations)}"
            scope.add(relation_of(name, read, alias, []))
        else:
            add_function(kind, body, alias, scope)
        return []

    def _source(self, entry: Json, scope: Scope) -> Query:
        """A query of a WITH list, read once; within itself it is not known to give few rows."""
        found = entry.get(READ)
        if isinstance(found, Query):
            return found
        entry[READ] = Query()
        query, sources = entry.get("ctequery", {}), entry.get(SOURCES, {})
        select = only(query)[1]
        recursive = select.get("op") == "SETOP_UNION" and sources.get(entry.get("ctename", "")) is entry
        if recursive:
            result = self._recursive(entry, select, visible_to(select, sources, None), scope.steps)
        else:
            result = self.read(query, sources, scope.steps, entry.get(PARENT))
        entry[READ] = result
        return result

    def _recursive(self, entry: Json, select: Json, sources: Mapping[str, Json], steps: Steps) -> Query:
        """Few are found from few where each step is tied to the one before: a tree's branch.

        A column that is computed (`depth + 1`) may count to any number, so that nothing can be tied to it.
        """
        parent = entry.get(PARENT)
        first = self.read({"SelectStmt": select["larg"]}, sources, steps, parent)
        targets = select["rarg"].get("targetList", [])
        computed = [only(item.get("ResTarget", {}).get("val"))[0] != "ColumnRef" for item in targets]
        plain = not any(computed)
        result = Query(first.few and (plain or not first.stars), [], first.stars)
        for index, (name, behind) in enumerate(first.outputs):
            counts = not plain and (len(computed) != len(first.outputs) or computed[index])
            hidden = [(OBSCURE, found[1]) for found in behind] if counts else list(behind)
            result.outputs.append((name, hidden))
        entry[READ] = result
        rest = self.read({"SelectStmt": select["rarg"]}, sources, steps, parent)
        table = rest.scope is not None and bool(rest.scope.tables)
        few = result.few and rest.few and table and not counts_up(select["rarg"])
        return Query(few, result.outputs, [*first.stars, *rest.stars], first.scope)

    def _join(self, body: Json, scope: Scope) -> list[Json]:
        if "alias" in body:
            # The alias hides what is joined.
            scope.add(Relation(body["alias"].get("aliasname", ""), columns={}, open=True))
            return []
        start = len(scope.relations)
        found = self._item(body.get("larg", {}), scope)
        middle = len(scope.relations)
        right = self._item(body.get("rarg", {}), scope)
        if body.get("jointype", "JOIN_INNER") != "JOIN_INNER":
            # An outer join's condition drops no row of its outer side; its inner side may be all NULL.
            if body.get("jointype") == "JOIN_LEFT":
                left, right_side = scope.relations[start:middle], scope.relations[middle:]
                note_partner(body.get("quals", {}), left, right_side, scope)
            return found if body.get("jointype") == "JOIN_LEFT" else []
        found += right
        if "quals" in body:
            found += conjuncts(body["quals"])
        joined = strings(body.get("usingClause", []))
        same = start + 1 == middle or only(body.get("larg"))[1].get("usingClause") == body.get("usingClause")
        if joined and same and middle + 1 == len(scope.relations):
            sides = [column_ref(scope.relations[index].name, joined[0]) for index in (middle - 1, middle)]
            equals = [{"String": {"sval": "="}}]
            found.append(
                {"A_Expr": {"kind": "AEXPR_OP", "name": equals, "lexpr": sides[0], "rexpr": sides[1]}}
            )
        return found
