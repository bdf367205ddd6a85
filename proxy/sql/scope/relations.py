"""The relations that a condition may speak of, and whose column a name is.

In: FROM items (what they hold is told by the caller), ColumnRefs. Out: Scope, Relation, Column. Without a
catalogue the columns of a table are not known: an unqualified name belongs to the only table that may have
it, and of several to none in particular. Deliberately absent: whether a relation is limited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from proxy.sql.parse import Json
from proxy.sql.tree import strings

# Beyond this many steps the answer is "unscoped": what is judged more than once must not multiply.
MAX_STEPS = 200_000


class TooMuch(Exception):
    """The conditions are too many to be judged."""


class Steps:
    """The steps spent on one judgement."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        """Begin with none."""
        self.spent = 0

    def add(self, count: int = 1) -> None:
        """Count steps."""
        self.spent += count
        if self.spent > MAX_STEPS:
            raise TooMuch


_NO_COLUMNS: Final[Mapping[str, tuple[Definition, ...]]] = {}


class Relation:
    """A relation of a FROM list.

    Attributes:
        name: as the query knows it.
        table: the table's own name with its schema, None of what is no table.
        columns: what is behind the columns that are known: expressions, with the scope they are in.
        open: whether it has, or may have, other columns as well: those of a table.
        few: its rows are few.
        function: its name stands for its value, too.
    """

    __slots__ = ("columns", "few", "function", "name", "open", "table")

    def __init__(
        self,
        name: str,
        table: str | None = None,
        columns: Mapping[str, tuple[Definition, ...]] = _NO_COLUMNS,
        *,
        open: bool = False,
        few: bool = False,
        function: bool = False,
    ) -> None:
        """Hold what is known of it."""
        self.name = name
        self.table = table
        self.columns = columns
        self.open = open
        self.few = few
        self.function = function


class Scope:
    """The relations of one level of a query, and the levels around it.

    Attributes:
        sources: the queries of the WITH lists that are visible here.
        limited: relations whose rows are known to be few, those of the levels around too.
        own: unqualified columns known to be the target's.
        ties: (the relations that one side speaks of, the relation that equals them).
        limiting: by the identity of a settled term, whether it limits anything.
        single: its groups are single rows, grouped by a key.
        partners: by the right side of a LEFT JOIN, the relations that it is to be a partner of.
    """

    __slots__ = (
        "known",
        "limited",
        "limiting",
        "named",
        "own",
        "parent",
        "partners",
        "relations",
        "single",
        "sources",
        "steps",
        "tables",
        "target",
        "ties",
    )

    def __init__(
        self,
        sources: Mapping[str, Json],
        steps: Steps,
        parent: Scope | None = None,
        own: frozenset[str] = frozenset(),
    ) -> None:
        """Begin without relations."""
        self.sources = sources
        self.steps = steps
        self.parent = parent
        self.own = own
        self.relations: list[Relation] = []
        self.named: dict[str, Relation | None] = {}
        self.tables: list[Relation] = []
        self.known: dict[str, Relation | None] = {}
        self.limited: set[Relation] = set()
        self.target: Relation | None = None
        self.ties: list[tuple[frozenset[Relation], Relation]] = []
        self.partners: dict[Relation, frozenset[Relation]] = {}
        self.limiting: dict[int, bool] = {}
        self.single = False

    def add(self, relation: Relation) -> None:
        """Add a relation; one of a name that is there already can no longer be spoken of."""
        self.relations.append(relation)
        self.named[relation.name] = None if relation.name in self.named else relation
        if relation.open:
            self.tables.append(relation)
        for column in relation.columns:
            self.known[column] = None if column in self.known else relation
        if relation.few:
            self.limited.add(relation)

    def levels(self) -> Iterator[Scope]:
        """This level and those around it."""
        level: Scope | None = self
        while level is not None:
            self.steps.add()
            yield level
            level = level.parent


Definition: TypeAlias = "tuple[Json, Scope]"


class Column:
    """A column that a name stands for.

    Attributes:
        owner: its relation; the column's own name where it may be one of several.
        sure: whether it can be no other relation's; a table may lack the column, and then the query around
            is meant.
        row: the name is the relation's own, and stands for a whole row if there is no such column.
    """

    __slots__ = ("name", "owner", "row", "sure")

    def __init__(self, owner: Relation | str, name: str, *, sure: bool = True, row: bool = False) -> None:
        """Hold what was found out; nobody changes it."""
        self.owner = owner
        self.name = name
        self.sure = sure
        self.row = row


def resolve(ref: Json, scope: Scope) -> Column | None:
    """The column that a ColumnRef means; None of `*`, and of what no relation here has."""
    fields = ref.get("fields", [])
    names = strings(fields)
    if not names or len(names) < len(fields):
        return None
    if len(names) > 1:
        for level in scope.levels():
            if names[-2] in level.named:
                relation = level.named[names[-2]]
                return Column(relation, names[-1]) if relation is not None else None
        return None
    name = names[0]
    for level in scope.levels():
        if name in level.own and level.target is not None:
            return Column(level.target, name)
        if name in level.known:
            relation = level.known[name]
            return Column(relation, name) if relation is not None else None
        if len(level.tables) == 1:
            return _probable(name, level)
        if level.tables:
            return Column(name, name, sure=False)
        found = level.named.get(name)
        if found is not None and found.function:
            return Column(found, name)
    return None


# The server's own, which have a column pid: what sessions held is looked up there once they are gone.
_OF_SESSIONS = frozenset(
    f"{schema}.{name}" for schema in ("", "pg_catalog") for name in ("pg_stat_activity", "pg_locks")
)


def _probable(name: str, level: Scope) -> Column:
    """A column of the only table there is, or of one further out, should the table not have it."""
    if name == "pid" and level.tables[0].table in _OF_SESSIONS:
        return Column(level.tables[0], name)
    row = name in level.named
    around = list(level.parent.levels()) if level.parent is not None else []
    if any(len(outer.relations) > 1 for outer in around):
        return Column(name, name, sure=False, row=row)
    return Column(level.tables[0], name, sure=not any(outer.relations for outer in around), row=row)


def trusted(column: Column, other: Relation | str, others: frozenset[str]) -> bool:
    """Whether a column may be taken for the relation's that it seems to be of.

    `id IN (SELECT user_id FROM u)` says nothing where u has no user_id and the table around has: the classic
    accident. It takes a column of the same name to hold for every row.

    Args:
        other: the relation that it is compared with.
        others: and that one's columns.
    """
    if column.sure or column.name not in others or column.name.lower() == "id":
        return True
    known = isinstance(column.owner, Relation) and isinstance(other, Relation)
    return known and column.owner.table == other.table is not None  # type: ignore[union-attr]
