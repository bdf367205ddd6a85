"""What the running transaction has made: tables, views, functions … that hold nothing of before.

Enters: the statements of a text, what the transaction has made before it, what the server says of that.
Leaves: whether an effect falls on such a thing alone. Absent: how the server is asked (``inquiry``).

Until the transaction ends nobody else has seen these, so they may be changed, emptied and dropped. A function
was judged where it was created, so it may be called: with parameters, for many rows, or later, only if it
computes and reads.
What a text makes and uses in one go counts where nothing had the name before, in any schema that a bare name
may mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from typing import Final

from proxy.session.resolution.names import spelled
from proxy.session.resolution.vacancy import RELATION, Place
from proxy.sql.analyse import Statement
from proxy.sql.effects import Effect, Target

_RELATIONS: Final = frozenset({"table", "view", "matview", "sequence"})
_KINDS: Final = {
    **{kind: kind for kind in _RELATIONS},
    **dict.fromkeys(("function", "procedure"), "routine"),
    **dict.fromkeys(("type", "domain"), "type"),
}
"""Kind of a target -> what shares names and statements with it."""

_LOSES: Final = {
    "table": {
        *("table.drop", "table.move", "table.rename", "table.truncate", "table.unidentify", "table.unlog"),
        *("column.default", "column.drop", "column.rename", "column.retype", "row.delete", "row.update"),
        *("constraint.drop", "constraint.rename", "constraint.unenforce"),
    },
    "view": {"view.drop", "view.move", "view.rename", "view.replace"},
    "matview": {"matview.drop", "matview.empty", "matview.move", "matview.rename"},
    "sequence": {f"sequence.{verb}" for verb in ("alter", "drop", "move", "rename", "reset")},
    "routine": {
        f"{kind}.{verb}"
        for kind in ("function", "procedure")
        for verb in ("drop", "move", "rename", "replace")
    },
    "type": {
        *(f"{kind}.{verb}" for kind in ("type", "domain") for verb in ("drop", "move", "rename")),
        *("domain.default", "type.value_rename"),
    },
}
"""What takes nothing of before away, by what it falls on."""

_FIRES: Final = frozenset({"row.delete", "row.update"})
_REPLACES: Final = frozenset({"function.replace", "procedure.replace"})
_LOSING: Final = frozenset(
    {
        *("AlterDomainStmt", "AlterEnumStmt", "AlterObjectSchemaStmt", "AlterSeqStmt", "AlterTableStmt"),
        *("CreateFunctionStmt", "DeleteStmt", "DropStmt", "InsertStmt", "MergeStmt", "RefreshMatViewStmt"),
        *("RenameStmt", "SelectStmt", "TruncateStmt", "UpdateStmt", "ViewStmt"),
    }
)
_CALLING: Final = frozenset(
    {
        *("AlterTableStmt", "CallStmt", "CreateFunctionStmt", "CreatePolicyStmt", "CreateStmt"),
        *("CreateTableAsStmt", "CreateTrigStmt", "DeleteStmt", "IndexStmt", "InsertStmt", "SelectStmt"),
        *("UpdateStmt", "ViewStmt"),
    }
)
"""In these no name means something else halfway, as it may in DO."""

_MAKING: Final = frozenset(
    {
        *("CompositeTypeStmt", "CreateDomainStmt", "CreateEnumStmt", "CreateFunctionStmt"),
        *("CreateRangeStmt", "CreateSchemaStmt", "CreateSeqStmt", "CreateStmt", "CreateTableAsStmt"),
        *("DefineStmt", "SelectStmt", "ViewStmt"),
    }
)
"""These have made what they say once they have succeeded; code may have gone another way."""

_REFERS: Final = frozenset({"column.add", "constraint.add", "table.create"})
READS, WRITES, ANYTHING, AS_TOLD = range(4)
"""What a routine does at most: it computes and reads, changes rows besides, or whatever there is; or it does
more than read, and what hangs on its parameters: a row by its key, or all by the greatest."""

_WRITING: Final = frozenset(
    {"row.delete", "row.insert", "row.lock", "row.read", "row.update", "sequence.advance", "table.lock"}
)
_TRIGGERS: Final = frozenset({"trigger.create", "trigger.replace"})
_REACHES: Final = frozenset({"cascade", "temporary"})
_LATER_OR_OFTEN: Final = frozenset({"deferred", "repeated"})


@dataclass(frozen=True, slots=True)
class Made:
    """Asks whether a name stands for what this transaction has made, and for nothing else.

    Attributes:
        kind: table, view, matview, sequence, routine or type.
        name: as ``spelled`` spells it; of a routine or a type without its schema: there must be one alone.
        does: of a routine, what it does at most, one of READS, WRITES, ANYTHING and AS_TOLD; of a table, what
            triggers do that it was given.
    """

    kind: str
    name: str
    does: int = 0

    @property
    def key(self) -> str:
        """What stands for it in a question and its answer."""
        return f"{self.kind} {self.name}"


class Making:
    """What has been made, while a text is followed statement by statement.

    Attributes:
        things: those there are now; for one that the text itself has made, what has to have been free.
    """

    __slots__ = ("_came", "things")

    def __init__(self, made: Iterable[Made], confirmed: Set[str] | None) -> None:
        """Begin a text.

        Args:
            made: what the transaction has made before.
            confirmed: the keys of what the server says is so; None where nobody has been asked: all, at best.
        """
        self._came: set[str] = set()
        self.things: dict[Made, Place | None] = {
            thing: None for thing in made if confirmed is None or thing.key in confirmed
        }

    def of(self, effect: Effect, statement: Statement) -> Made | None:
        """The thing that an effect falls on, if it falls on such a one alone."""
        thing = None if effect.traits & _REACHES else self._find(effect.target)
        if thing is None:
            return None
        if effect.name == "code.call":
            at_once = thing.does != AS_TOLD and effect.traits.isdisjoint(_LATER_OR_OFTEN)
            safe = thing.does == READS or at_once
            return thing if safe and statement.kind in _CALLING else None
        if thing.does and effect.name in _FIRES:
            return None
        if thing.does == READS and effect.name in _REPLACES and _does(effect, statement):
            return None  # what calls it was let pass because it reads
        falls = effect.name in _LOSES[thing.kind] and "deferred" not in effect.traits
        return thing if falls and statement.kind in _LOSING else None

    def hinges(self, thing: Made) -> Made | Place:
        """What has to be asked, for that to be believed."""
        return self.things[thing] or thing

    def is_of_the_text(self, target: Target | None) -> bool:
        """Whether the text itself has made this."""
        thing = self._find(target)
        return thing is not None and self.things[thing] is not None

    def follow(self, statement: Statement, free: Set[str] | None, *, asks_again: bool) -> None:
        """A statement has succeeded.

        Args:
            free: the keys of what nothing was called before it; None: of everything.
            asks_again: the server will be asked about what was made before it is believed.
        """
        for effect in statement.effects:
            family, _, verb = effect.name.rpartition(".")
            if effect.target is None or effect.target.name is None or "deferred" in effect.traits:
                continue
            if effect.name in _TRIGGERS:
                self._fires(effect.detail.rpartition(".")[2].removeprefix("on "))
            elif verb == "drop" and family == effect.target.kind:
                self._drop(effect.target)
            elif verb in {"create", "replace"} and family == effect.target.kind:
                self._add(effect, effect.target, statement, free, asks_again=asks_again)

    def _fires(self, name: str) -> None:
        """A table's rows cannot be changed any more without what a trigger does."""
        last = spelled(Target("table", None, name))
        for thing in [each for each in self.things if each.kind == "table" and each.name.endswith(last)]:
            self.things[replace(thing, does=ANYTHING)] = self.things.pop(thing)

    def _drop(self, target: Target) -> None:
        """Something is dropped; of a routine that only reads, the next of its name may do more."""
        found = self._find(target)
        self._forget(str(target.name))
        if found is not None and found.kind == "routine" and found.does == READS:
            self._forget_callers()

    def _forget_callers(self) -> None:
        """Routines that may call one that was let pass because it only reads."""
        for thing in [each for each in self.things if each.kind == "routine" and each.does]:
            del self.things[thing]

    def refer(self, name: str, statement: Statement) -> None:
        """A table refers to those of this last name; if it is not of what was made, these are no more."""
        tables = (effect.target for effect in statement.effects if effect.name in _REFERS)
        if not all(self._find(table) for table in tables):
            for thing in [each for each in self.things if each.name.endswith(name)]:
                del self.things[thing]

    def only_reads(self, target: Target | None) -> bool:
        """Whether this is a function that was made, and computes and reads."""
        thing = self._find(target)
        return thing is not None and thing.does == READS

    def forget_relations(self) -> None:
        """Code may have hung something on these, or shadowed them; nothing old takes a function's name."""
        for thing in [each for each in self.things if each.kind in _RELATIONS]:
            del self.things[thing]

    def forget(self, *, tables_too: bool) -> None:
        """Names may stand for anything; of tables the server tells."""
        for thing in [each for each in self.things if tables_too or each.kind != "table"]:
            del self.things[thing]

    def _add(
        self,
        effect: Effect,
        target: Target,
        statement: Statement,
        free: Set[str] | None,
        *,
        asks_again: bool,
    ) -> None:
        found = self._find(target)
        does = max(_does(effect, statement), READS if found is None else found.does)
        replaces = effect.name.endswith(".replace")
        if found is not None and replaces:  # it is made of what was made
            place = self.things.pop(found)
            if found.kind == "routine" and found.does == READS < does:
                self._forget_callers()  # itself among them: it may have called what it was
            else:
                self.things[replace(found, does=does)] = place
            return
        self._forget(str(target.name))
        thing = _made(target, does)
        first = found is not None or target.name not in self._came
        self._came.add(str(target.name))
        if not (first or asks_again) or statement.kind not in _MAKING:
            return  # the name may stand for what came first: a temporary view, an aggregate
        if thing is None or "temporary" in effect.traits or not thing.name.isascii():
            return  # outside ASCII "Ä" and Ä may be two names (``vacancy``)
        family = RELATION if thing.kind in _RELATIONS else thing.kind
        if asks_again:
            place = Place(family, target.schema, str(target.name))
            may_be_old = replaces or ("if_exists" in effect.traits and thing.kind != "table")
            if not may_be_old or free is None or place.key in free:
                self.things[thing] = None
            return
        schema = target.schema if family == RELATION else None
        place = Place(family, schema, str(target.name))
        if free is None or place.key in free:
            self.things[thing] = place

    def _find(self, target: Target | None) -> Made | None:
        thing = None if target is None or target.name is None else _made(target)
        if thing is None:
            return None
        grades = (replace(thing, does=does) for does in (READS, WRITES, ANYTHING, AS_TOLD))
        return next((each for each in grades if each in self.things), None)

    def _forget(self, name: str) -> None:
        """Something of this name has come or gone: what the name stands for may be another."""
        last = spelled(Target("table", None, name))
        for thing in [each for each in self.things if each.name.endswith(last)]:
            del self.things[thing]


def _made(target: Target, does: int = READS) -> Made | None:
    kind = _KINDS.get(target.kind)
    if kind is None:
        return None
    name = target if kind in _RELATIONS else Target(target.kind, None, target.name)
    return Made(kind, spelled(name), does)


def _does(effect: Effect, statement: Statement) -> int:
    """What something does that is made here, if it is a function."""
    if "effectful" not in effect.traits:
        return READS
    later = statement.mentions.later
    if later is not None and later.types:  # of parameters, or of anything else
        return AS_TOLD
    body = (each.name for each in statement.effects if "deferred" in each.traits)
    return WRITES if all(name in _WRITING for name in body) else ANYTHING


def asked_of(names: Iterable[object]) -> Iterator[Made]:
    """Those among what is asked, in order."""
    yield from sorted((name for name in names if isinstance(name, Made)), key=lambda made: made.key)
