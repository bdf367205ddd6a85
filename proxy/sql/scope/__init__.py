"""Does a WHERE restrict the rows of the table that is changed?

In: the nodes of a statement. Out: the traits `unscoped` and `by_key`, or none; and whether a query gives a
limited number of rows. Deliberately absent: effects (nodes/), and how many rows are left.
"""

from proxy.sql.scope.amounts import conjuncts, gives_rows
from proxy.sql.scope.relations import Steps
from proxy.sql.scope.restriction import BY_KEY, SCOPED, UNSCOPED, limited, restriction
from proxy.sql.scope.sources import add_source, with_sources

__all__ = [
    "BY_KEY",
    "SCOPED",
    "UNSCOPED",
    "Steps",
    "add_source",
    "conjuncts",
    "gives_rows",
    "limited",
    "restriction",
    "with_sources",
]
