"""WITH lists: which queries are visible where.

In: WITH clauses. Out: mappings from a name to an entry, which is the query's node with what it sees itself: a
name that is taken later is not the same query. Deliberately absent: what the queries give (queries.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.sql.parse import Json
from proxy.sql.scope.relations import Scope

# What is kept in the entry of a WITH list's query: the answer, what is visible to it, where it is written.
READ, SOURCES, PARENT = "*read", "*sources", "*parent"


def with_sources(clause: Json, sources: Mapping[str, Json], parent: Scope | None = None) -> dict[str, Json]:
    """What is visible behind a WITH list: each query sees those before it, all of them if RECURSIVE."""
    visible = dict(sources)
    for item in clause.get("ctes", []):
        visible = add_source(item.get("CommonTableExpr", {}), visible, parent)
    if clause.get("recursive"):
        for item in clause.get("ctes", []):
            visible[item.get("CommonTableExpr", {}).get("ctename", "")][SOURCES] = visible
    return visible


def add_source(cte: Json, sources: Mapping[str, Json], parent: Scope | None = None) -> dict[str, Json]:
    """What is visible once a query of a WITH list is named. parent: the scope that it is written in."""
    return {**sources, cte.get("ctename", ""): {**cte, SOURCES: sources, PARENT: parent}}


def visible_to(body: Json, sources: Mapping[str, Json], parent: Scope | None) -> Mapping[str, Json]:
    """The sources of a statement with the WITH list that it may have."""
    return with_sources(body["withClause"], sources, parent) if "withClause" in body else sources
