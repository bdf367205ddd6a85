"""What can be compared so that it tells rows apart.

Out: Subject, with the comparisons that filter by it and the values that no row has. Deliberately absent:
which expressions are subjects (subjects.py, formulas.py).
"""

from __future__ import annotations

import enum
from typing import Final

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


class Use:
    """The comparisons that filter by a subject: bits of an int, for enum.Flag makes an object of each sum."""

    NONE: Final = 0
    EQUAL: Final = 1
    UNEQUAL: Final = 2
    ORDER: Final = 4
    # Equal to a column of a limited relation: a value of the one is hardly more than one row of the other.
    TIE: Final = 8
    NULL: Final = 16
    # An empty text is what is left of every row (`left(x, 0)`).
    FILLED: Final = 32
    ALL: Final = 31


class Subject:
    """What a filter is about.

    Attributes:
        owner: the relation, or the name of a column that may be one of several relations'.
        names: the columns.
        use: the comparisons, of Use.
        column: the column where the subject is one, as it is.
        choices: how many values there are (`id % 3`), 0 where there is no saying.
        mask: the subject is `flags & mask`: the mask, -1 where it is not known, else 0.
        sure: whether it can be no other relation's.
    """

    __slots__ = ("choices", "column", "floor", "mask", "names", "owner", "sure", "use")

    def __init__(
        self,
        owner: Relation | str,
        names: frozenset[str],
        use: int,
        floor: Floor = Floor.ANY,
        column: Column | None = None,
        choices: int = 0,
        mask: int = 0,
        sure: bool = True,
    ) -> None:
        """Hold what was found out; nobody changes it."""
        self.owner = owner
        self.names = names
        self.use = use
        self.floor = floor
        self.column = column
        self.choices = choices
        self.mask = mask
        self.sure = sure

    def but(
        self,
        *,
        names: frozenset[str] | None = None,
        use: int | None = None,
        floor: Floor | None = None,
        choices: int | None = None,
        mask: int | None = None,
    ) -> Subject:
        """The same with what is given in the place of what it has."""
        return Subject(
            self.owner,
            self.names if names is None else names,
            self.use if use is None else use,
            self.floor if floor is None else floor,
            self.column,
            self.choices if choices is None else choices,
            self.mask if mask is None else mask,
            self.sure,
        )

    def no_column(self) -> Subject:
        """The same of an expression, which is no column as it is."""
        return Subject(self.owner, self.names, self.use, self.floor, None, self.choices, self.mask, self.sure)

    def of(self, owner: Relation) -> Subject:
        """The same of another relation."""
        return Subject(
            owner, self.names, self.use, self.floor, self.column, self.choices, self.mask, self.sure
        )
