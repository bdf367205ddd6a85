"""Prepared transactions: what became of the changes in them, by COMMIT PREPARED and ROLLBACK PREPARED.

Enters: changes and how they ended, in the ledger's order. Leaves: for those that waited as ``prepared``, what
another change has made of them. What ends a prepared transaction is a change itself, whoever sends it, so
nothing else is written down. Deliberately absent: what was decided past the gate; such changes stay
``prepared``.

Source: the manual's COMMIT PREPARED: a name is in use once in a whole server, and any session of the database
may end it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.policy.recording import Ending
from proxy.records.kinds.change import ChangeBegun
from proxy.records.kinds.outcome import ChangeEnded

_DECIDES: Final = {"transaction.commit_prepared", "transaction.rollback_prepared"}
_DECISIONS: Final[Mapping[tuple[str, ...], Ending]] = {
    ("COMMIT PREPARED",): Ending.COMMITTED,
    ("ROLLBACK PREPARED",): Ending.ROLLED_BACK,
}
"""By what the server answers, which says more than what was asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change happens: whose databases of one name are different ones.

    Attributes:
        decides: the prepared transaction that it ends, if it completes; "" for none.
    """

    environment: str
    database: str
    decides: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """A change that was prepared has come to its end.

    Attributes:
        change: its number.
        by: the number of the change that ended it.
    """

    change: int
    ending: Ending
    by: int


@dataclass(slots=True)
class _Name:
    """What is known of a prepared transaction's name.

    Attributes:
        group: the transaction that bore it last, by the number of its first change.
        waits: the changes that are in it.
        ended: how it was ended, and by which change; `group` is then the one that ended so.
    """

    group: int = 0
    waits: list[int] = field(default_factory=list)
    ended: tuple[Ending, int] | None = None


class PreparedTransactions:
    """Follows their names.

    A change's end is written behind, so that of the transaction's changes may come after its decision.
    """

    def __init__(self, most: int) -> None:
        """Keep so many names; of what is forgotten nothing is said."""
        self._most = most
        self._names: OrderedDict[tuple[str, str, str], _Name] = OrderedDict()

    def ends(self, number: int, place: Place, ended: ChangeEnded) -> tuple[Decided, ...]:
        """Take how a change ended; which changes have come to their end by it."""
        if ended.ending == Ending.PREPARED:
            return self._prepared(number, ended.kept_with, self._name(place, ended.kept_as))
        decision = _DECISIONS.get(ended.tags)
        if place.decides and decision is not None and ended.ending == Ending.COMMITTED:
            return self._decided((decision, number), self._name(place, place.decides))
        return ()

    def _name(self, place: Place, name: str) -> _Name:
        key = place.environment, place.database, name
        found = self._names[key] = self._names.pop(key) if key in self._names else _Name()
        if len(self._names) > self._most:
            self._names.popitem(last=False)
        return found

    @staticmethod
    def _prepared(number: int, group: int, name: _Name) -> tuple[Decided, ...]:
        if name.ended is not None and number < name.ended[1] and name.group in (0, group):
            name.group = group
            return (Decided(number, *name.ended),)
        if name.group != group or name.ended is not None:  # the name is in use again
            name.group, name.waits, name.ended = group, [], None
        name.waits.append(number)
        return ()

    @staticmethod
    def _decided(decision: tuple[Ending, int], name: _Name) -> tuple[Decided, ...]:
        found = tuple(Decided(change, *decision) for change in name.waits)
        group = name.group if found else 0
        name.group, name.waits, name.ended = group, [], decision
        return found


def place_of(begun: ChangeBegun) -> Place:
    """Where a change happens, and what it decides."""
    (part, *others) = begun.parts or (None,)
    decides = part.on if part is not None and not others and part.effect in _DECIDES else ""
    return Place(begun.environment, begun.database, decides)
