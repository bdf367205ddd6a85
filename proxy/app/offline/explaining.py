"""What a statement does, and what a policy would say of it, when, to whom: for a terminal and the console.

Enters: a text that was read, a policy, circumstances, evidence. Leaves: an `Explained`, made by the functions
that judge for real. Deliberately absent: reading the text, a terminal, HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.app.offline.judging import MigrationWord, denial_of, imagined_runs, of
from proxy.policy.context import Context
from proxy.policy.decision import ApprovalWanted, Firing, Wanted
from proxy.policy.explain import Branch, Explanation, explain
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.session.meaning import Meaning
from proxy.session.refusal import Denial
from proxy.source import Diagnostic, Position
from proxy.sql.database import Database
from proxy.sql.effects import Effect
from proxy.sql.screen import plain_screen


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text an effect stands: line and column count from 1, in characters."""

    line: int
    column: int
    source_line: str

    def lines(self) -> tuple[str, ...]:
        """The place, the line and a caret below it."""
        head = f"{self.line}:{self.column}: "
        position = Position("SQL", self.line, self.column)
        shown = Diagnostic(position, "", self.source_line).excerpt() or ("", "^")
        return head + shown[0], " " * len(head) + shown[1]


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement with what a policy says of it.

    Attributes:
        told: what the client would read; None when it passes.
    """

    policy: Policy
    explanation: Explanation
    context: Context
    told: Denial | None


@dataclass(frozen=True, slots=True)
class Explained:
    """All that can be said of a text.

    Attributes:
        places: of each effect, where it stands; None for what stands nowhere in the text.
        screened: why the screen does not pass it; None when it does: then no session parses it, if no rule
            asks.
        judged: None where no policy was asked.
    """

    meaning: Meaning
    places: tuple[Place | None, ...]
    screened: str | None
    judged: Judged | None = None

    @property
    def error_place(self) -> Place | None:
        """Where the text cannot be read."""
        error = self.meaning.error
        return place(str(self.meaning.text), error.position - 1) if error and error.position else None


def explained(text: str, meaning: Meaning, held: Database | None = None) -> Explained:
    """What it does.

    Args:
        held: what the database holds; None where that is not known.
    """
    return Explained(meaning, places_of(meaning), _screened(text, held))


def judged(
    meaning: Meaning,
    policy: Policy,
    context: Context,
    facts: Facts,
    migration: MigrationWord | None = None,
) -> Judged:
    """What a policy says of it: for a terminal, the console's page and its API.

    Args:
        context: who, when and where; what belongs to the text is added.
        migration: how surely it is taken to belong to one; None: as it does.
    """
    context = of(context, meaning, migration)
    facts = replace(facts, runs=(*facts.runs, *imagined_runs(context)))
    lines = [() if place is None else place.lines() for place in places_of(meaning)]
    explanation = explain(meaning.effects, context, policy, facts, lines)
    return Judged(policy, explanation, context, denial_of(explanation.decision, meaning))


def places_of(meaning: Meaning) -> tuple[Place | None, ...]:
    """Where each of its effects stands."""
    text = str(meaning.text)
    return tuple(place(text, effect.location) for effect in meaning.effects)


def place(text: str, offset: int) -> Place | None:
    """The place of a character; None for what stands nowhere in the text."""
    if not 0 <= offset <= len(text):
        return None
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:].partition("\n")[0].rstrip("\r")
    return Place(text.count("\n", 0, offset) + 1, offset - start + 1, line)


def effect_line(effect: Effect) -> str:
    """An effect as people read it."""
    target = "" if effect.target is None else f" on {effect.target.kind} {effect.target}"
    traits = f", {', '.join(sorted(effect.traits))}" if effect.traits else ""
    through = f", through {effect.through}" if effect.through else ""
    return f"{effect.name}{target} (risk {effect.risk.name.lower()}{traits}){through}"


def screen_line(screened: str | None) -> str:
    """What the screen makes of it, as people read it."""
    return "the screen passes it" if screened is None else f"the screen does not pass it: {screened}"


def as_dict(found: Explained) -> dict[str, object]:
    """All of it, as `explain --json` prints it."""
    meaning, screened = found.meaning, found.screened
    shown: dict[str, object] = {
        "class": meaning.statement_class,
        "screen": {"passes": screened is None, "why": screened},
        "unreadable": None if meaning.error is None else str(meaning.error),
        "effects": list(map(_effect_as_dict, meaning.effects, found.places)),
    }
    if found.judged is not None:
        decision = found.judged.explanation.decision
        policy = found.judged.policy
        shown["policy"] = {"name": policy.name, "mode": policy.mode, "digest": policy.digest}
        shown["allowed"] = decision.allowed
        shown["at"] = found.judged.context.now.isoformat()
        shown["enforced"] = [_firing_as_dict(firing) for firing in decision.enforced]
        shown["shadowed"] = [_firing_as_dict(firing) for firing in decision.shadowed]
        shown["wanted"] = [_wanted_as_dict(wanted) for wanted in decision.wanted]
        shown["holds_until"] = None if decision.holds_until is None else decision.holds_until.isoformat()
        shown["tree"] = _branches_as_list(found.judged.explanation.branches)
    return shown


def _screened(text: str, held: Database | None) -> str | None:
    """Why the screen does not pass a text; None when it does: then no session parses it, if no rule asks."""
    screen = plain_screen(0) if held is None else held.screen
    if screen is None:
        return "code runs in this database that no name tells of"
    try:
        return screen.objection(text.encode())
    except UnicodeError:
        return "it is not UTF-8"


def _effect_as_dict(effect: Effect, place: Place | None) -> dict[str, object]:
    target = effect.target
    return {
        "name": effect.name,
        "target": None
        if target is None
        else {"kind": target.kind, "schema": target.schema, "name": target.name},
        "traits": sorted(effect.traits),
        "risk": effect.risk.name.lower(),
        "detail": effect.detail,
        "through": effect.through,
        "line": None if place is None else place.line,
        "column": None if place is None else place.column,
    }


def _firing_as_dict(firing: Firing) -> dict[str, object]:
    return {
        "rule": firing.rule,
        "mode": firing.mode,
        "sqlstate": firing.sqlstate,
        "message": firing.message,
        "detail": firing.detail,
        "hint": firing.hint,
        "targets": list(firing.targets),
        "effects": list(firing.effects),
        "missing": list(firing.missing),
    }


def _wanted_as_dict(wanted: Wanted) -> dict[str, object]:
    if isinstance(wanted, ApprovalWanted):
        return {
            "kind": "approval",
            "rules": list(wanted.rules),
            "at_most_s": wanted.at_most.total_seconds(),
            "by": wanted.by,
        }
    return {
        "kind": "backup",
        "rules": list(wanted.rules),
        "at_most_s": wanted.at_most.total_seconds(),
        "verified": wanted.verified.name.lower(),
        "copies": wanted.copies,
        "tables": None if wanted.tables is None else sorted(wanted.tables),
    }


def _branches_as_list(branches: Sequence[Branch]) -> list[object]:
    return [
        {"text": branch.text, "holds": branch.holds, "below": _branches_as_list(branch.below)}
        for branch in branches
    ]
