"""What follows from letting something run, for what is believed of the session."""

from __future__ import annotations

from mypy_extensions import i64

from proxy.session.gate import Gate
from proxy.session.inflight import Grant, Sent
from proxy.session.judge import Judge
from proxy.session.meaning import Meaning
from proxy.session.state import State
from proxy.session.statementcache import StatementCache


def disturbs(cache: StatementCache, judge: Judge, meaning: Meaning, *, unnamed: bool) -> None:
    """What was just allowed runs next: no statement may be kept that might mean something else then.

    Args:
        cache: what is kept.
        judge: has allowed it.
        meaning: what it does by its text.
        unnamed: the unnamed statement outlives it.
    """
    cache.runs(meaning, defines=judge.defines is not None or judge.relexes, unnamed=unnamed)


def runs(gate: Gate, judge: Judge, state: State, sent: Sent | None, meaning: Meaning, boundary: i64) -> None:
    """A message goes on that runs what was just allowed, None where it is bare; ``boundary`` ends it."""
    if judge.defines is not None:
        judge.consequences.overlay = judge.defines
    if judge.relexes:
        state.lexing.unsettle(boundary)
    if judge.writes:
        state.written = boundary
    answer = state.lookup.answer
    state.runs(sent, meaning, boundary)
    if sent is not None and meaning.barrier:
        sent.grant = Grant(meaning, gate.policy, answer, judge.since, judge.until, gate.rests)
