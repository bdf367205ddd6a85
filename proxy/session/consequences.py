"""What a meaning does in one session's database: its effects, and those of the database's own code.

Enters: a Meaning, and what is known of bare names. Leaves: effects for the policy. Absent: the judgement, and
when the catalogue has to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.session.gate import Gate
from proxy.session.meaning import Meaning
from proxy.session.overlay import Overlay, defines, runs_no_code
from proxy.session.resolution.bare import keeps_path, resolved
from proxy.session.resolution.lookup import Lookup
from proxy.sql.database import Database, TooMuch
from proxy.sql.effects import EFFECT_KINDS, Effect

_UNSEEN: Final = Effect("code.unseen", risk=EFFECT_KINDS["code.unseen"].risk)
_STEPS: Final = 5
"""Following the database's code takes some microseconds a step, judging an effect up to twenty."""


@dataclass(frozen=True, slots=True)
class World:
    """What is known at one moment of where a session's statements run; nothing of it changes.

    Attributes:
        catalogue: whether judgements need to know what the database holds.
        database: what it holds, None where that is not known.
        path: its search_path, None where that is not known.
        overlay: what the session has defined since the catalogue was read; None where that is up to date, or
            is not asked.
        most: how many effects there may be, with TooMuch for more; None: any number.
    """

    catalogue: bool
    database: Database | None
    path: tuple[str, ...] | None
    overlay: Overlay | None
    most: int | None

    @property
    def digest(self) -> str:
        """Of what the database holds; "" where that is not known."""
        return "" if self.database is None else self.database.digest

    def plain(self, meaning: Meaning) -> tuple[Effect, ...]:
        """What a meaning does, as far as its names are known without asking.

        Raises: TooMuch.
        """
        self._bound(meaning.effects)
        database, path = self.digest, self.path
        last = meaning.expansion
        if last is not None and last[0] == database and last[1] == path and self.overlay is None:
            return self._bound(last[2])
        known = path is not None and bool(meaning.statements)
        effects = resolved(meaning.statements, path) if known else meaning.effects
        if not self.catalogue:
            return effects
        caused = self.caused(meaning, effects, path)
        if self.database is not None and self.overlay is None:
            meaning.expansion = (database, path, caused)
        return caused

    def caused(
        self, meaning: Meaning, effects: tuple[Effect, ...], path: tuple[str, ...] | None
    ) -> tuple[Effect, ...]:
        """The effects of a meaning, and of all the database's code that runs because of them.

        Raises: TooMuch.
        """
        if not self.catalogue:
            return effects
        statements, mentions, overlay = meaning.statements, meaning.mentions, self.overlay
        anywhere = False
        if len(statements) > 1 and defines(effects):
            overlay = (overlay or Overlay()).plus(effects, mentions, effects)
        if overlay is not None:
            if self.most is not None and len(effects) + len(overlay) > self.most:
                raise TooMuch
            effects, mentions, anywhere = overlay.over(effects, mentions, self.database)
        if meaning.screened_in and meaning.screened_in != self.digest:
            return (*effects, _UNSEEN)  # the names in its text may mean something else by now
        if self.database is None:
            return effects if runs_no_code(effects, mentions) else (*effects, _UNSEEN)
        holds = not anywhere and (keeps_path(statements) if statements else not meaning.renames)
        most = None if self.most is None else self.most * _STEPS
        return self._bound(self.database.expand(effects, mentions, path if holds else None, most))

    def defined(self, meaning: Meaning, effects: tuple[Effect, ...]) -> Overlay:
        """What the session has defined when this meaning, which does that, has been run."""
        return (self.overlay or Overlay()).plus(effects, meaning.mentions, meaning.effects)

    def _bound(self, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        if self.most is not None and len(effects) > self.most:
            raise TooMuch
        return effects


class Consequences:
    """Follows what one session has defined.

    Attributes:
        overlay: what the session has defined since the catalogue was read; None where that is up to date,
            or is not asked.
    """

    def __init__(self, gate: Gate, lookup: Lookup) -> None:
        """Begin before the catalogue was read for this session."""
        self._gate = gate
        self._lookup = lookup
        self.overlay = Overlay() if gate.catalogue else None

    def world(self, most: int | None) -> World:
        """What is known now."""
        gate, who = self._gate, self._lookup.who
        return World(gate.catalogue, gate.databases.get(who.database), who.search_path, self.overlay, most)

    def may_await(self, meaning: Meaning) -> bool:
        """Whether a reading of the catalogue may tell more of this, and can be had now."""
        overlay = self.overlay
        if overlay is None or (overlay.begun and not self._lookup.course.may_wait()):
            return False
        return not runs_no_code(meaning.effects, meaning.mentions)
