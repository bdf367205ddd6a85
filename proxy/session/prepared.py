"""What the server may understand by each name: prepared statements, portals.

A definition counts as possible from the moment it is sent, and replaces the ones before it only when the
server has confirmed it. Within one batch of the extended protocol it is exact at once: had it failed, the
server would skip the rest of the batch.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from mypy_extensions import i64

from proxy.session.meaning import Meaning, worst
from proxy.session.registration import Registered
from proxy.sql.effects import EFFECT_KINDS, Effect, Prepares

LONGEST: Final = 63
"""NAMEDATALEN - 1: the server looks names up by their first 63 bytes."""

NOTHING: Final[Set[str]] = frozenset()
_DEEPEST_EXECUTE: Final = 8


class Definition:
    """One meaning that a name was given, and the one before it while that may still hold.

    Attributes:
        depth: how many definitions of the name may still hold, this one included.
        own: the bare names that were tables of the session's own when the server resolved it last.
        registers: of a portal, what running it registers.
    """

    __slots__ = ("depth", "failed", "meaning", "older", "own", "registers", "serial")

    def __init__(self, meaning: Meaning, serial: i64, older: Definition | None) -> None:
        """Serials grow with each message sent."""
        self.meaning = meaning
        self.serial = serial
        self.older = older
        self.depth: i64 = 1
        if older is not None:
            self.depth = older.depth + 1
        self.failed = False
        self.own = NOTHING
        self.registers: Registered | None = None

    def confirm(self) -> None:
        """The server has taken it: what the name meant before is gone."""
        self.older = None
        self.depth = 1

    def fail(self) -> None:
        """The server has not taken it."""
        self.failed = True


class Names:
    """The possible meanings of the names of one kind. Most of what is sent has none: no table is asked."""

    __slots__ = ("_named", "_recent", "_recent_name", "_unnamed")

    def __init__(self) -> None:
        """Begin with no name known."""
        self._named: dict[bytes, Definition] | None = None
        self._recent_name = b""  # what was asked for last; most of the time the next is the same, and
        self._recent: Definition | None = None  # comparing is cheaper than looking in a table
        self._unnamed: Definition | None = None

    def __bool__(self) -> bool:
        """True while any name is known."""
        return self._unnamed is not None or bool(self._named)

    def forget(self) -> None:
        """None is known any more."""
        self._named = self._unnamed = self._recent = None

    def _latest(self, name: bytes) -> Definition | None:
        if len(name) == 0:  # compiled, whether bytes are true is asked of Python
            return self._unnamed
        if self._recent is not None and name == self._recent_name:
            return self._recent
        named = self._named
        found = None if named is None else named.get(name[:LONGEST])
        self._recent_name = name
        self._recent = found
        return found

    def define(self, name: bytes, meaning: Meaning, serial: i64) -> Definition:
        """Note that a definition was sent."""
        definition = Definition(meaning, serial, _standing(self._latest(name)))
        if len(name):
            if self._named is None:
                self._named = {}
            self._named[name[:LONGEST]] = definition
            self._recent = None
        else:
            self._unnamed = definition
        return definition

    def meaning(self, name: bytes, batch: i64) -> Meaning | None:
        """What the name means for the next message, at worst; None when nothing is known of it.

        Args:
            name: as the server knows it.
            batch: the serial of the last batch's end: definitions after it are exact.
        """
        definition = self._latest(name)
        if definition is None:
            return None
        if not definition.failed and (definition.serial > batch or definition.older is None):
            return definition.meaning
        known = self.meanings(name, batch)
        return worst(known) if known else None

    def meanings(self, name: bytes, batch: i64) -> list[Meaning]:
        """Every meaning that the name may have for the next message, newest first; [] when it has none.

        Args:
            name: as the server knows it.
            batch: the serial of the last batch's end: definitions after it are exact.
        """
        found: list[Meaning] = []
        definition = self._latest(name)
        while definition is not None:
            if not definition.failed:
                found.append(definition.meaning)
                if definition.serial > batch:
                    break
            definition = definition.older
        return found

    def only(self, name: bytes, batch: i64) -> Definition | None:
        """The name's definition, where no other may hold."""
        definition = _standing(self._latest(name))
        if definition is None or definition.serial > batch or _standing(definition.older) is None:
            return definition
        return None

    def disown(self) -> None:
        """Nobody knows any more what the bare names of any of them are resolved to."""
        for latest in (self._unnamed, *(self._named or {}).values()):
            definition = latest
            while definition is not None:
                definition.own = NOTHING
                definition = definition.older

    def remove(self, name: bytes, serial: i64) -> None:
        """The server has confirmed that the name was dropped by the message with this serial."""
        definition = self._latest(name)
        if definition is None:
            return
        if definition.serial < serial:
            if name and self._named is not None:
                del self._named[name[:LONGEST]]
                self._recent = None
            elif not name:
                self._unnamed = None
            return
        while definition.older is not None and definition.older.serial >= serial:
            definition = definition.older
        definition.older = None

    def clear(self, serial: i64, *, unnamed: bool) -> None:
        """The server has confirmed that this message dropped every name, and what is `unnamed`, too."""
        for name in tuple(self._named or ()):
            self.remove(name, serial)
        if unnamed:
            self.remove(b"", serial)


def _standing(definition: Definition | None) -> Definition | None:
    """The newest definition that has not failed."""
    while definition is not None and definition.failed:
        definition = definition.older
    return definition


def resolve(meaning: Meaning, statements: Names, batch: i64, depth: int = 0) -> Meaning:
    """Add what a meaning EXECUTEs by name; itself when it EXECUTEs nothing.

    A name that nothing is known of is statement.unknown: what cannot be judged is not run.
    """
    if not meaning.executes:
        return meaning
    parts = [meaning]
    prepared_here = {act.name for group in meaning.acts for act in group if isinstance(act, Prepares)}
    for name in meaning.executes:
        known = statements.meanings(name.encode(), batch)
        if depth < _DEEPEST_EXECUTE:
            parts += [resolve(found, statements, batch, depth + 1) for found in known]
        if (not known and name not in prepared_here) or depth >= _DEEPEST_EXECUTE:
            risk = EFFECT_KINDS["statement.unknown"].risk
            effect = Effect("statement.unknown", risk=risk, detail=f'prepared statement "{name}"')
            parts.append(Meaning((effect,), statement_class="opaque", missing=name))
    whole = worst(parts)
    whole.text = meaning.text
    if whole.acts == meaning.acts:
        whole.several = meaning.several
    return whole
