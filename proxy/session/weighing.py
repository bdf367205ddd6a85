"""One judgement as a pure function: what a meaning does by what is known now, put before the policy.

Enters: a Meaning, and a Basis of values that nothing changes, so that another thread can work it out. Leaves:
a Weighed. Where several states are possible each is judged, and the worst counts. Absent: what follows from
it, and when to judge again.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Final

from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.decision import Decision
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.session.consequences import World
from proxy.session.letting import Held
from proxy.session.meaning import Meaning
from proxy.session.overlay import Overlay, defines
from proxy.session.resolution.bare import hopeful, questions, resolved
from proxy.session.resolution.freshness import Added
from proxy.session.resolution.inquiry import MOST_NAMES, Answer, Asked
from proxy.sql.effects import Effect
from proxy.sql.settings import LEXING

FOREVER: Final = float("inf")
_LEXING: Final = LEXING | {None}


@dataclass(frozen=True, slots=True)
class Basis:
    """All that a judgement rests on.

    Attributes:
        contexts: they differ in the transaction's state alone.
        world: where it would run.
        answer: what the server has said of names.
        bound, added: as ``bare.resolved`` has them.
        may_ask: whether the server can be asked what names stand for.
    """

    policy: Policy
    facts: Facts
    contexts: tuple[Context, ...]
    world: World
    answer: Answer | None
    bound: Set[str] | None
    added: frozenset[Added]
    may_ask: bool


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a judgement has come to.

    Attributes:
        decision: the worst of all states that are possible.
        since: when it was reached, in POSIX seconds; it is none before, on a clock that was set back.
            Where time plays no part it always was one.
        until: when it has to be looked at again.
        ask: the answer hinges on what these names stand for.
        closer: it rests on what the server has said of names.
        defines: what the session has defined once this has been run; None where it defines nothing.
        relexes: the database's own code changes how later texts are read.
        writes: it writes, or may.
        held: lets go of the effects where they are many.
    """

    decision: Decision
    since: float
    until: float
    ask: frozenset[Asked] | None = None
    closer: bool = False
    defines: Overlay | None = None
    relexes: bool = False
    writes: bool = False
    held: Held | None = None

    def holds(self, now: float) -> bool:
        """Whether it is one at this moment."""
        return self.since <= now < self.until


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The decisions of all states that are possible: the worst of them, and until when all hold.

    Attributes:
        firings: how many rules fired in them, those among them that approvals have lifted.
        timeless: no moment would make a difference.
    """

    worst: Decision
    firings: int
    until: float
    timeless: bool


def weigh(meaning: Meaning, basis: Basis) -> Weighed:
    """Judge a meaning whose EXECUTEs have been resolved.

    Raises: TooMuch where the world is bounded.
    """
    world = basis.world
    since = basis.contexts[0].now.timestamp()
    plain = world.plain(meaning)
    verdict = _judge(plain, basis)
    closer = _look_closer(meaning, basis, verdict) if verdict.firings else None
    if isinstance(closer, frozenset):
        return Weighed(verdict.worst, since, verdict.until, ask=closer)
    final = closer or verdict
    effects = final.worst.effects
    return Weighed(
        final.worst,
        -FOREVER if final.timeless else since,
        final.until,
        closer=closer is not None,
        defines=world.defined(meaning, plain) if world.catalogue and defines(effects) else None,
        relexes=world.catalogue and any(map(_changes_lexing, effects)),
        writes=any(effect.name in basis.policy.freeze.writes.match.names for effect in effects),
    )


def weigh_aside(meaning: Meaning, basis: Basis) -> Weighed:
    """The same in another thread, however much comes of it."""
    weighed = weigh(meaning, replace(basis, world=replace(basis.world, most=None)))
    return replace(weighed, held=Held(weighed.decision.effects))


def _judge(effects: tuple[Effect, ...], basis: Basis) -> _Verdict:
    first, *others = basis.contexts
    decisions = [decide(effects, first, basis.policy, basis.facts)]
    if decisions[0].transaction_used:
        decisions += [decide(effects, context, basis.policy, basis.facts) for context in others]
    # Which state it is nobody knows yet: an approval that is needed in one of them is used.
    lifted = dict.fromkeys(lift for each in decisions for lift in each.lifted)
    allowed = decisions[0] if not lifted else replace(decisions[0], lifted=tuple(lifted))
    return _Verdict(
        next((each for each in decisions if not each.allowed), allowed),
        sum(len(each.enforced) + len(each.shadowed) + len(each.lifted) for each in decisions),
        min(each.holds_until.timestamp() if each.holds_until else FOREVER for each in decisions),
        all(each.timeless for each in decisions),
    )


def _look_closer(meaning: Meaning, basis: Basis, verdict: _Verdict) -> _Verdict | frozenset[Asked] | None:
    """The verdict by what the server says of names; names when it should be asked; None: no difference."""
    statements, world, answer = meaning.statements, basis.world, basis.answer
    path = world.path
    names = questions(statements, basis.added)
    if answer is not None and names <= answer.asked:
        path = path if answer.search_path is None else answer.search_path
        effects = resolved(statements, path, answer, basis.bound, basis.added)
        return _judge(world.caused(meaning, effects, path), basis)
    if not statements or len(names) > MOST_NAMES or not basis.may_ask:
        return None
    path = path or ()  # at best nothing of the database's own lies there: no lower(varchar)
    best = _judge(world.caused(meaning, hopeful(statements, path, basis.added), path), basis)
    return names if best.firings < verdict.firings else None


def _changes_lexing(effect: Effect) -> bool:
    target = effect.target
    return effect.name == "session.set" and target is not None and target.name in _LEXING
