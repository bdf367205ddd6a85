"""How often an expression runs: once, or for each of many rows of the queries around it.

In: the query whose rows it runs for. Out: whether these may be many, which is asked only where it matters: of
calls of functions that may do anything. Deliberately absent: how many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.sql import scope
from proxy.sql.parse import Json
from proxy.sql.tree import copied, only


class Level:
    """A query around what is walked; or rows that are known to be many, or not."""

    __slots__ = ("_many", "_query", "_sources")

    def __init__(
        self,
        query: Json | None = None,
        sources: Mapping[str, Json] | None = None,
        *,
        many: bool | None = None,
    ) -> None:
        """Of the rows of a query, read with the WITH lists in scope; or of what is known of them."""
        self._query = query or {}
        self._sources = sources or {}
        self._many = many

    def many(self) -> bool:
        """Whether there may be many rows; in doubt, there are."""
        if self._many is None:
            # Of a copy: what was found out of a node is kept in it, and this one is being walked.
            self._many = not scope.limited({"SelectStmt": copied(self._query)}, self._sources)
        return self._many


class Beside(Level):
    """The rows that a function in FROM runs for: those of what else is there."""

    __slots__ = ()

    def many(self) -> bool:
        """As of a query without the functions; of several functions, whether one gives many rows."""
        if self._many is None:
            items = list(_leaves(self._query.get("fromClause", [])))
            rest = [item for item in items if "RangeFunction" not in item]
            if rest:
                self._query = {**self._query, "fromClause": rest}
                return super().many()
            self._many = len(items) > 1 and scope.gives_rows(copied(items))
        return self._many


def _leaves(items: list[Json]) -> Iterator[Json]:
    for item in items:
        kind, body = only(item)
        if kind == "JoinExpr":
            yield from _leaves([body.get("larg", {}), body.get("rarg", {})])
        else:
            yield item
