"""What can be compared so that it tells rows apart.

Out: Subject, with the comparisons that filter by it and the values that no row has. Deliberately absent:
which expressions are subjects (subjects.py, formulas.py).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from proxy.sql.scope.relations import Column, Relation


class Floor(enum.Enum):
    """Below what no row is, by what the subject is or by custom."""

    ANY = "no number below zero"
    KEY = "keys start at 1, and each names one row"
    PAST = "when a row was made: never in the future"
    COUNT = "0 or more, and hardly ever 0"
    PLACE = "from 1 on, in an order: an upper bound is a LIMIT"
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
        mask: the subject is `flags & mask`: the mask, -1 where it is not known, else 0.
    """

    owner: Relation | str
    names: frozenset[str]
    use: Use
    floor: Floor = Floor.ANY
    column: Column | None = None
    choices: int = 0
    mask: int = 0
    sure: bool = True
