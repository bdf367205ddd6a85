"""A session that sleeps whenever it may says and does what one does that never sleeps."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.session import Standing
from proxy.session.admission import Admission
from proxy.session.conversation import Conversation
from proxy.session.judge import Judge
from proxy.session.opening import Login
from proxy.session.slumber import Asleep
from proxy.session.state import State
from tests.session.driven import Driven, gate
from tests.session.messages import B, E, P, Q, S
from tests.session.palette import LET_IN, REPLICATES, START
from tests.session.test_any_events import STEPS, Step, logged_in, play

READY = b"Z\0\0\0\5I"
DONE = b"C\0\0\0\rSELECT 1\0" + READY
PREPARED = b"1\0\0\0\4" + READY
PARTS = (Admission, Login, Conversation, Judge, State)


def ran(steps: Sequence[Step], *, sleeps: bool, watched: bool, start: bytes) -> tuple[Driven, list[Any]]:
    """A session through these steps, and all that can be seen of it behind each."""
    driven = logged_in(Driven(gate(watched=watched)), start)
    seen: list[Any] = []
    for step in steps:
        if sleeps:
            driven.session.sleep()
        play(driven, [step])
        session = driven.session
        seen.append((driven.to_client, driven.to_server, driven.closed, len(driven.owed)))
        seen.append((session.phase, session.idle, session.standing, session.waiting, session.activity))
    return driven, seen


def counted(driven: Driven) -> dict[str, Any]:
    """What its gate has counted; but how long judgements took, which its timer makes up."""
    tally = driven.gate.tally
    plain = {
        name: getattr(tally, name) for name in ("connections", "killed", "screened", "upstream_failures")
    }
    counts = {**tally.statements, **tally.blocked, **tally.lifted}
    return plain | {str(key): (count.value, count.newest) for key, count in counts.items()}


SELECT: Step = ("client", Q("SELECT 1"))
NAMED: Step = ("client", P("SELECT 1", "a") + S)
RUN: Step = ("client", B("a") + E() + S)


@settings(max_examples=500, deadline=None)
@given(steps=STEPS, watched=st.booleans(), start=st.sampled_from([START, START, REPLICATES]))
@example([("client", Q("SELECT 1")), ("server", DONE), ("client", Q("DROP TABLE s.t"))], False, START)
@example(
    [("client", P("SELECT 1", "a") + S), ("server", PREPARED), ("client", B("a") + E() + S)], False, START
)
def test_who_sleeps_whenever_it_may_is_not_told_apart(steps: list[Step], watched: bool, start: bytes) -> None:
    awake, before = ran(steps, sleeps=False, watched=watched, start=start)
    slept, after = ran(steps, sleeps=True, watched=watched, start=start)
    assert after == before
    assert counted(slept) == counted(awake)


def alive() -> Counter[str]:
    """How many there are of a session's larger parts."""
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, PARTS))


def asleep(driven: Driven) -> Asleep | None:
    """Let it sleep, if it may; what is left of its conversation then."""
    session = driven.session
    session.sleep()
    assert (session._asleep is None) == (session._conversation is not None)
    return session._asleep


def test_an_idle_session_keeps_where_it_comes_from_and_its_last_text() -> None:
    driven = logged_in(Driven(gate()))
    play(driven, [("client", Q("SELECT 1")), ("server", DONE)])
    kept = asleep(driven)
    assert (kept is not None, getattr(kept, "_state", "")) == (True, None)
    assert (driven.session.activity.text, driven.session.standing) == ("SELECT 1", Standing.IDLE)


def test_what_it_has_prepared_it_keeps() -> None:
    driven = logged_in(Driven(gate()))
    play(driven, [("client", P("SELECT 1", "a") + S), ("server", PREPARED)])
    assert isinstance(getattr(asleep(driven), "_state", None), State)


UNDER_WAY: dict[str, list[Step]] = {
    "a query": [("client", Q("SELECT 1"))],
    "a part of a message": [("client", Q("SELECT 1")[:7])],
    "a batch without its Sync": [("client", P("SELECT 1"))],
    "a transaction": [("client", Q("BEGIN")), ("server", b"C\0\0\0\nBEGIN\0Z\0\0\0\5T")],
    "a part of the server's": [("server", DONE[:3])],
    "a change of how texts are read": [("client", Q("SET client_encoding = 'LATIN1'"))],
}


@pytest.mark.parametrize("steps", UNDER_WAY.values(), ids=UNDER_WAY)
def test_nobody_sleeps_while_anything_is_under_way(steps: list[Step]) -> None:
    driven = logged_in(Driven(gate()))
    play(driven, steps)
    assert asleep(driven) is None


def test_nobody_sleeps_before_the_catalogue_is_read_and_where_statements_are_kept() -> None:
    watched = logged_in(Driven(gate(watched=True)))
    assert asleep(watched) is None
    watched.answer()
    assert asleep(watched) is not None
    assert asleep(logged_in(Driven(gate(keeps=True)))) is None


def test_who_logs_in_does_not_sleep() -> None:
    driven = Driven(gate())
    for step in [("client", START), ("answer", b""), ("server", LET_IN[:30]), ("server", LET_IN[30:])]:
        driven.session.sleep()
        assert driven.session._asleep is None
        play(driven, [step])
    assert asleep(driven) is not None


def test_what_sleeps_has_no_circle() -> None:
    shared = gate()
    gc.collect()
    before = alive()
    gc.disable()
    try:
        driven = logged_in(Driven(shared))
        assert asleep(driven) is not None
        assert alive() == before
    finally:
        gc.enable()
