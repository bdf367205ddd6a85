"""What the running transaction has added: columns of tables, and what it has made (``making``).

Enters: the statements of a text, what the transaction has added before it, what the server says of that.
Leaves: effects with `fresh` on what falls on such columns and things alone, which hold nothing of before.
Absent: how the server is asked (``inquiry``).

A column is fresh where ADD COLUMN has made it in this transaction, which locks the table exclusively from
then on. The server says that the table is an ordinary one (of a foreign table the column was elsewhere), that
no child of it had a column of that name already, and that the column is this transaction's work. In doubt
none is fresh: behind savepoints, code, renamings, and whatever else is not named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from msgspec.structs import replace as changed

from proxy.session.resolution.making import WRITES, Made, Making
from proxy.session.resolution.names import sets_path, spelled
from proxy.session.resolution.vacancy import Place, believes
from proxy.sql.analyse import Statement
from proxy.sql.effects import Effect, Risk, Target

_FRESH: Final = frozenset({"fresh"})
_NEVER: Final = frozenset({"cascade", "deferred"})
_KEEPS: Final = frozenset(
    {
        *("column.add", "column.alter", "column.default", "column.drop", "column.not_null", "column.retype"),
        *("comment.set", "constraint.add", "constraint.drop", "constraint.validate", "domain.create"),
        *("function.create", "function.drop", "function.replace", "index.create", "index.drop"),
        *("matview.create", "matview.drop", "policy.create", "policy.drop"),
        *("procedure.create", "procedure.drop", "procedure.replace"),
        *("row.delete", "row.insert", "row.lock", "row.read", "row.update", "row_security.enable"),
        *("schema.create", "sequence.advance", "sequence.create", "sequence.drop", "sequence.reset"),
        *(
            "statement.copy",
            "table.create",
            "table.drop",
            "table.lock",
            "table.truncate",
            "transaction.begin",
        ),
        *("trigger.create", "trigger.drop", "trigger.replace", "type.alter", "type.create", "type.drop"),
        *("type.value_rename", "view.create", "view.drop", "view.replace"),
    }
)
"""Behind these every name of a table and of a column stands for the same, but for what came or went."""

_ON_MADE: Final = frozenset({"code.call", "sequence.alter"})
"""And behind these, where they fall on what was made."""

_FIRES: Final = frozenset({"row.delete", "row.insert", "row.update", "statement.copy", "table.truncate"})
"""In these triggers may run, which may do all that no rule forbids: shadow a name, move the search_path."""

_COMES_OR_GOES: Final = frozenset({"create", "drop"})

_MARKED: Final = frozenset(
    {"AlterTableStmt", "DeleteStmt", "InsertStmt", "MergeStmt", "SelectStmt", "UpdateStmt"}
)
"""In these no name means something else halfway, as it may in DO."""

_DROP: Final = ": drop"
_MOST_ADDED: Final = 1_000
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


@dataclass(frozen=True, slots=True)
class Growth:
    """What the server says of an ordinary table.

    Attributes:
        columns: those that are this transaction's work.
        fires: it has triggers of its own, or rules.
    """

    columns: frozenset[str] = frozenset()
    fires: bool = False


_NOTHING: Final = Growth()
_FIRING: Final = Growth(fires=True)

Added: TypeAlias = Column | Made

NONE: Final[frozenset[Added]] = frozenset()


class Freshness:
    """What is fresh, while a text is followed statement by statement.

    Attributes:
        columns: those there are now; for one that was there unless something was free, that.
        making: what has been made.
    """

    __slots__ = ("_asks_again", "_grown", "columns", "making")

    def __init__(
        self,
        added: Set[Added],
        grown: Mapping[str, Growth] | None,
        made: Set[str] | None,
        *,
        asks_again: bool = False,
    ) -> None:
        """Begin a text.

        Args:
            added: what the transaction has added before.
            grown: the ordinary tables; None where nobody has been asked: then all are, at best, and none
                fires anything.
            made: the keys of what this transaction has made, None likewise.
            asks_again: the server will be asked before anything of this is believed.
        """
        self._grown = grown
        self._asks_again = asks_again
        self.columns: dict[Column, Place | None] = {
            column: None
            for column in added
            if isinstance(column, Column)
            and (grown is None or column.name in grown.get(column.table, _NOTHING).columns)
        }
        self.making = Making((thing for thing in added if isinstance(thing, Made)), made)

    @property
    def empty(self) -> bool:
        """Whether nothing is fresh."""
        return not self.columns and not self.making.things

    def mark(self, effect: Effect, statement: Statement) -> Effect:
        """An effect of the next statement, with `fresh` where it falls on what is fresh alone."""
        if self.making.of(effect, statement) is None and not (self.columns and self._of(effect, statement)):
            return effect
        return changed(effect, traits=effect.traits | _FRESH, risk=min(effect.risk, Risk.MEDIUM))

    def hinges(self, statement: Statement) -> Iterator[Grown | Made | Place]:
        """What has to be asked, for marks on the next statement to be believed."""
        if self.empty:
            return
        for effect in statement.effects:
            thing = self.making.of(effect, statement)
            if thing is not None:
                yield self.making.hinges(thing)
                continue
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
        at_once = [effect for effect in statement.effects if "deferred" not in effect.traits]
        if not all(self._keeps(effect, statement) for effect in at_once):
            self.columns.clear()
            self.making.forget(tables_too=not self._asks_again)
            if not self._asks_again:
                return
        if not self._asks_again and any(self._fires(effect, statement) for effect in at_once):
            self._doubt()
        self.making.follow(statement, free, asks_again=self._asks_again)
        for effect in at_once:
            if effect.name == "column.drop":
                self.columns.pop(_column(effect), None)
            self._comes_or_goes(effect)
        for effect in at_once:  # ALTER TABLE drops first, whatever stands first
            if effect.name == "column.add" and _on_a_table(effect) and statement.kind == "AlterTableStmt":
                self._add(_column(effect), effect, free)
        for effect in at_once:
            if effect.name == "table.lock" and effect.detail == "foreign key":
                self._refer(effect, statement)

    def _keeps(self, effect: Effect, statement: Statement) -> bool:
        if effect.name == "session.set":
            return not sets_path(effect)
        if effect.name in _ON_MADE:
            thing = self.making.of(effect, statement)
            return thing is not None and thing.does <= WRITES
        return effect.name in _KEEPS and "cascade" not in effect.traits

    def _fires(self, effect: Effect, statement: Statement) -> bool:
        """Whether triggers may run: none are on a table that the text has made, unless it makes one."""
        if self._fills(effect, statement):
            return False
        if effect.name == "code.call":
            return not self.making.only_reads(effect.target)
        if effect.name in _FIRES:
            return not self.making.is_of_the_text(effect.target)
        return effect.name.startswith("trigger.")

    def _fills(self, effect: Effect, statement: Statement) -> bool:
        """Whether an UPDATE changes fresh columns alone, on which no older key hangs, where nothing fires."""
        if effect.name != "row.update" or statement.kind != "UpdateStmt" or not statement.mentions.sets:
            return False
        table = _column(effect).table
        if self._grown is not None and self._grown.get(table, _FIRING).fires:
            return False
        return all(Column(table, name) in self.columns for name in statement.mentions.sets)

    def _doubt(self) -> None:
        """Within a text nobody is asked what hangs on a table now, or which one a name stands for."""
        self.columns.clear()
        self.making.forget_relations()

    def _comes_or_goes(self, effect: Effect) -> None:
        """Where a relation does, its name may stand for another one."""
        family, _, verb = effect.name.rpartition(".")
        target = effect.target
        if verb in _COMES_OR_GOES and target is not None and target.name and family == target.kind:
            last = spelled(Target("table", None, target.name))
            for column in [each for each in self.columns if each.table.endswith(last)]:
                del self.columns[column]

    def _refer(self, effect: Effect, statement: Statement) -> None:
        """A foreign key may refer to something fresh by what was there, ON UPDATE or ON DELETE CASCADE."""
        name = "" if effect.target is None else spelled(Target("table", None, effect.target.name))
        if any(column.table.endswith(name) for column in self.columns):
            self.columns.clear()
        self.making.refer(name, statement)

    def _add(self, column: Column, effect: Effect, free: Set[str] | None) -> None:
        if column in self.columns or not (column.table + column.name).isascii():
            return  # outside ASCII "Ä" and Ä may be two names (``vacancy``)
        place = None
        if "if_exists" in effect.traits and effect.target is not None:
            place = Place("column", effect.target.name, column.name)
        is_new = place is None or free is None or place.key in free
        if is_new and (self._grown is None or column.table in self._grown):
            self.columns[column] = place


def added_by(
    statements: Iterable[Statement], before: Set[Added], free: frozenset[str] = frozenset()
) -> frozenset[Added]:
    """What the transaction has added once a text has run in it, and it is still the same one.

    Args:
        free: the keys of what nothing was called before it, as far as the server was asked.
    """
    freshness = Freshness(before, None, None, asks_again=True)
    for statement in statements:
        freshness.follow(statement, free)
        free = free if believes(statement) else frozenset()
    if len(freshness.columns) + len(freshness.making.things) > _MOST_ADDED:
        return NONE
    return frozenset((*freshness.columns, *freshness.making.things))


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
