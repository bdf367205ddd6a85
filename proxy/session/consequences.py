"""What a meaning does in one session's database: its effects, and those of the database's own code.

Enters: a Meaning, and what is known of bare names. Leaves: effects for the policy. Absent: the judgement, and
when the catalogue has to be read.
"""

from __future__ import annotations

from typing import Final

from proxy.session.gate import Gate
from proxy.session.meaning import Meaning
from proxy.session.overlay import Overlay, defines, runs_no_code
from proxy.session.resolution.bare import keeps_path, resolved
from proxy.session.resolution.lookup import Lookup
from proxy.sql.effects import EFFECT_KINDS, Effect

_UNSEEN: Final = Effect("code.unseen", risk=EFFECT_KINDS["code.unseen"].risk)


class Consequences:
    """Works out what one session's statements cause.

    Attributes:
        overlay: what the session has defined since the catalogue was read; None where that is up to date,
            or is not asked.
    """

    def __init__(self, gate: Gate, lookup: Lookup) -> None:
        """Begin before the catalogue was read for this session."""
        self._gate = gate
        self._lookup = lookup
        self.overlay = Overlay() if gate.catalogue else None

    def may_await(self, meaning: Meaning) -> bool:
        """Whether a reading of the catalogue may tell more of this, and can be had now."""
        overlay = self.overlay
        if overlay is None or (overlay.begun and not self._lookup.may_wait()):
            return False
        return not runs_no_code(meaning.effects, meaning.mentions)

    def define(self, meaning: Meaning) -> None:
        """What was let go on, and may change what the catalogue holds, is being run."""
        self.overlay = (self.overlay or Overlay()).plus(self.plain(meaning), meaning.mentions)

    def plain(self, meaning: Meaning) -> tuple[Effect, ...]:
        """What a meaning does, as far as its names are known without asking."""
        gate, who = self._gate, self._lookup.who
        path = who.search_path
        database = gate.databases.get(who.database)
        last = meaning.expansion
        if last is not None and last[0] is database and last[1] == path and self.overlay is None:
            return last[2]
        known = path is not None and bool(meaning.statements)
        effects = resolved(meaning.statements, path) if known else meaning.effects
        if not gate.catalogue:
            return effects
        caused = self.caused(meaning, effects, path)
        if database is not None and self.overlay is None:
            meaning.expansion = (database, path, caused)
        return caused

    def caused(
        self, meaning: Meaning, effects: tuple[Effect, ...], path: tuple[str, ...] | None
    ) -> tuple[Effect, ...]:
        """The effects of a meaning, and of all the database's code that runs because of them."""
        gate, statements = self._gate, meaning.statements
        if not gate.catalogue:
            return effects
        mentions, overlay = meaning.mentions, self.overlay
        if len(statements) > 1 and defines(effects):
            overlay = (overlay or Overlay()).plus(effects, mentions)
        if overlay is not None:
            effects, mentions = overlay.over(effects, mentions)
        database = gate.databases.get(self._lookup.who.database)
        if database is None:
            return effects if runs_no_code(effects, mentions) else (*effects, _UNSEEN)
        holds = keeps_path(statements) if statements else not meaning.renames
        return database.expand(effects, mentions, path if holds else None)
