"""What a condition limits: for each relation, one thing that must hold of its rows.

In: regions of columns. Out: Limits, joined by AND and OR. A clause says that some column is within its
region; ORed clauses are wider, and one that may be everything is dropped. Deliberately absent: the terms.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.sql.scope.regions import Region
from proxy.sql.scope.relations import Relation

# A relation, or the name of a column that is one of several relations'.
Owner = Relation | str
# No entry: nothing is limited. None: no row passes at all.
Limits = dict[Owner, "Clause"]


class Clause:
    """Some column of a relation is within its region. seen tells which columns are spoken of together."""

    __slots__ = ("regions", "seen")

    def __init__(self, names: frozenset[str], region: Region) -> None:
        """A clause of one region."""
        self.regions = {names: region}
        self.seen = dict.fromkeys(names, names)

    @property
    def rank(self) -> int:
        """How well this tells rows apart: the less the better."""
        return max(region.rank for region in self.regions.values())

    def add(self, other: Clause) -> bool:
        """Take another clause in; False when the two together may be everything."""
        for names, region in other.regions.items():
            known = self.regions.get(names)
            if known is not None:
                if not known.add(region):
                    return False
                continue
            for name in names:
                before = self.seen.setdefault(name, names)
                # a = b or a < 5: two views of one column, which may complete each other
                if before != names and not _simple(region) and not _simple(self.regions.get(before)):
                    return False
            self.regions[names] = region
        return True


def _simple(region: Region | None) -> bool:
    return region is not None and region.rank <= 1


def every(found: Iterable[Limits | None]) -> Limits | None:
    """AND: the best clause for each relation."""
    result: Limits = {}
    for limits in found:
        if limits is None:
            return None
        for owner, clause in limits.items():
            known = result.get(owner)
            if known is None or (len(clause.regions), clause.rank) < (len(known.regions), known.rank):
                result[owner] = clause
    return result


def either(found: Iterable[Limits | None]) -> Limits | None:
    """OR: for each relation that every branch limits, all of their clauses."""
    result: Limits | None = None
    for limits in found:
        if limits is None:
            continue
        if result is None:
            result = limits
        else:
            for owner in list(result):
                if owner not in limits or not result[owner].add(limits[owner]):
                    del result[owner]
        if not result:
            return {}
    return result
