"""What the running transaction has added to tables: columns that hold nothing of before.

Enters: the statements of a text, what the transaction has added before it, what the server says of the
tables. Leaves: effects with `fresh` on what falls on such columns alone. Absent: how the server is asked
(``inquiry``).

A column is fresh where ADD COLUMN has made it in this transaction, which locks the table exclusively from
then on. The server says that the table is an ordinary one (of a foreign table the column was elsewhere), that
no child of it had a column of that name already, and that the column is this transaction's work. In doubt
none is fresh: behind savepoints, code, renamings, and whatever else is not named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final

from msgspec.structs import replace as changed

from proxy.session.resolution.names import sets_path, spelled
from proxy.session.resolution.vacancy import Place
from proxy.sql.analyse import Statement
from proxy.sql.effects import Effect, Risk, Target

_FRESH: Final = frozenset({"fresh"})
_NEVER: Final = frozenset({"cascade", "deferred"})
_KEEPS: Final = frozenset(
    {
        *("column.add", "column.alter", "column.default", "column.drop", "column.not_null", "column.retype"),
        *("comment.set", "constraint.add", "constraint.validate", "index.create", "sequence.create"),
        *("row.delete", "row.insert", "row.lock", "row.read", "row.update", "sequence.advance"),
        *("function.create", "function.replace", "procedure.create", "procedure.replace"),
        *("statement.copy", "table.create", "table.lock", "transaction.begin", "type.create", "view.create"),
    }
)
"""Behind these every name of a table and of a column stands for the same."""

_MARKED: Final = frozenset(
    {"AlterTableStmt", "DeleteStmt", "InsertStmt", "MergeStmt", "SelectStmt", "UpdateStmt"}
)
"""In these no name means something else halfway, as it may in DO."""

_DROP: Final = ": drop"
_MOST_COLUMNS: Final = 1_000
"""More than these a session does not remember."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a transaction has added, its table as ``spelled`` spells it."""

    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Grown:
    """Asks whether this is an ordinary table, and which of its columns are this transaction's work."""

    table: str


NONE: Final[frozenset[Column]] = frozenset()


class Freshness:
    """The fresh columns, while a text is followed statement by statement.

    Attributes:
        columns: those there are now; for one that was there unless something was free, that.
    """

    __slots__ = ("_grown", "columns")

    def __init__(self, added: Set[Column], grown: Mapping[str, Set[str]] | None) -> None:
        """Begin a text.

        Args:
            added: what the transaction has added before.
            grown: the ordinary tables, each with the columns that are this transaction's work; None where
                nobody has been asked: then all are, at best.
        """
        self._grown = grown
        self.columns: dict[Column, Place | None] = {
            column: None for column in added if grown is None or column.name in grown.get(column.table, ())
        }

    def mark(self, effect: Effect, statement: Statement) -> Effect:
        """An effect of the next statement, with `fresh` where it falls on fresh columns alone."""
        if not self.columns or not self._of(effect, statement):
            return effect
        return changed(effect, traits=effect.traits | _FRESH, risk=min(effect.risk, Risk.MEDIUM))

    def hinges(self, statement: Statement) -> Iterator[Grown | Place]:
        """What has to be asked, for marks on the next statement to be believed."""
        if self.columns:
            for effect in statement.effects:
                for column in self._of(effect, statement):
                    yield Grown(column.table)
                    place = self.columns[column]
                    if place is not None:
                        yield place

    def _of(self, effect: Effect, statement: Statement) -> tuple[Column, ...]:
        """The columns that an effect falls on, if all of these are fresh."""
        if statement.kind not in _MARKED or effect.traits & _NEVER or not _on_a_table(effect):
            return ()
        found = tuple(replace(_column(effect), name=name) for name in _columns(effect, statement))
        return found if all(column in self.columns for column in found) else ()

    def follow(self, statement: Statement, free: Set[str] | None) -> None:
        """A statement has succeeded, or nothing behind it runs.

        Args:
            free: the keys of what nothing was called before it; None: of everything.
        """
        for effect in statement.effects:
            if "deferred" in effect.traits:
                continue
            if not _keeps(effect):
                self.columns.clear()
                return
            if effect.name == "column.drop":
                self.columns.pop(_column(effect), None)
        for effect in statement.effects:  # ALTER TABLE drops first, whatever stands first
            if effect.name == "column.add" and _on_a_table(effect):
                self._add(_column(effect), effect, free)
        for effect in statement.effects:
            if effect.name == "table.lock" and effect.detail == "foreign key":
                self._refer(effect)

    def _refer(self, effect: Effect) -> None:
        """A foreign key may refer to a fresh column by one that was there, ON UPDATE CASCADE."""
        name = "" if effect.target is None else spelled(Target("table", None, effect.target.name))
        if any(column.table.endswith(name) for column in self.columns):
            self.columns.clear()

    def _add(self, column: Column, effect: Effect, free: Set[str] | None) -> None:
        if column in self.columns or not (column.table + column.name).isascii():
            return  # outside ASCII "Ä" and Ä may be two names (``vacancy``)
        place = None
        if "if_exists" in effect.traits and effect.target is not None:
            place = Place("column", effect.target.name, column.name)
        is_new = place is None or free is None or place.key in free
        if is_new and (self._grown is None or column.table in self._grown):
            self.columns[column] = place


def added_by(statements: Iterable[Statement], before: Set[Column]) -> frozenset[Column]:
    """What the transaction has added once a text has run in it, and it is still the same one."""
    freshness = Freshness(before, None)
    for statement in statements:
        freshness.follow(statement, frozenset())
    return frozenset(freshness.columns) if len(freshness.columns) <= _MOST_COLUMNS else NONE


def _keeps(effect: Effect) -> bool:
    if effect.name == "session.set":
        return not sets_path(effect)
    return effect.name in _KEEPS and "cascade" not in effect.traits


def _on_a_table(effect: Effect) -> bool:
    target = effect.target
    return target is not None and target.kind == "table" and target.name is not None


def _column(effect: Effect) -> Column:
    """The column of a table that an effect names."""
    return Column("" if effect.target is None else spelled(effect.target), effect.detail)


def _columns(effect: Effect, statement: Statement) -> Iterable[str]:
    """The columns that an effect takes something from; none where it takes more than that, or nothing."""
    match effect.name:
        case "row.update" if "unscoped" in effect.traits:
            return statement.mentions.sets
        case "column.drop" | "column.retype":
            return (effect.detail,)
        case "column.default" if effect.detail.endswith(_DROP) and "rewrites_table" not in effect.traits:
            return (effect.detail.removesuffix(_DROP),)
    return ()
