"""What follows from letting something run, for what is believed of the session."""

from __future__ import annotations

from proxy.session.gate import Gate
from proxy.session.inflight import Grant, Sent
from proxy.session.judge import Judge
from proxy.session.meaning import Meaning
from proxy.session.state import State


def runs(gate: Gate, judge: Judge, state: State, sent: Sent, meaning: Meaning, boundary: int) -> None:
    """A message goes on that runs what was just allowed; ReadyForQuery number ``boundary`` ends it."""
    if judge.defines is not None:
        judge.consequences.overlay = judge.defines
    if judge.relexes:
        state.lexing.unsettle(boundary)
    if judge.writes:
        state.written = boundary
    answer = state.lookup.answer
    state.runs(sent, meaning, boundary)
    if meaning.barrier:
        sent.grant = Grant(meaning, gate.policy, answer, judge.since, judge.until, gate.rests)
