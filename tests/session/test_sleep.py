"""A session that sleeps whenever it may says and does what one does that never sleeps."""

from __future__ import annotations

import gc
import inspect
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.policy.rules import Policy
from proxy.session import Gate, Standing
from proxy.session.admission import Admission
from proxy.session.conversation import Conversation
from proxy.session.judge import Judge
from proxy.session.opening import Login
from proxy.session.slumber import Asleep
from proxy.session.state import State
from proxy.session.who import Who
from proxy.wire.backend import encode_parameter_status
from proxy.wire.framing import Grammar
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


@pytest.mark.parametrize(
    "steps",
    [
        [NAMED, ("server", PREPARED)],
        [("client", Q("SET search_path = s")), ("server", b"C\0\0\0\x08SET\0" + READY)],
        [("server", encode_parameter_status("client_encoding", "LATIN1"))],
    ],
)
def test_what_only_its_state_knows_it_keeps(steps: list[Step]) -> None:
    driven = logged_in(Driven(gate()))
    play(driven, steps)
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


_PASSING = {
    # They grow with each message: nothing that is left refers to one of the past.
    *("_serial", "_newest", "batch", "boundaries", "ready", "_settled", "_unsettled_until", "_unsure_until"),
    # Of the last judgement, or text: set again before they are read.
    *("since", "until", "defines", "relexes", "writes", "_held_at", "_held_id", "_started", "_screened_by"),
    # Of the text that came last: read again, it means the same.
    *("_again", "_again_means", "_again_epoch"),
    # Of the last frame, likewise set again.
    *("kind", "size", "oversize", "_discard", "show_all"),
    # The way back from the lookup to the state, which is cut.
    "course",
    # The name that was looked for last, of none that are known.
    *("_recent", "_recent_name"),
}
"""What need not be remembered."""


def remembered(each: object, seen: set[int], at: str = "") -> dict[str, Any]:
    """Every value that the parts of a conversation hold, by where it is."""
    if not type(each).__module__.startswith("proxy.") or isinstance(each, Gate | Who | Grammar | Policy):
        return {at: each}
    if id(each) in seen:
        return {}
    seen.add(id(each))
    slots = {name for name in dir(type(each)) if inspect.isdatadescriptor(getattr(type(each), name))}
    computed = {name for name in slots if isinstance(getattr(type(each), name), property)}
    names = (slots - computed) | set(getattr(each, "__dict__", {}))
    found: dict[str, Any] = {}
    for name in sorted(name for name in names - _PASSING if not name.startswith("__")):
        found |= remembered(getattr(each, name), seen, f"{at}.{name}")
    return found


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, watched=st.booleans())
def test_what_wakes_remembers_what_slept(steps: list[Step], watched: bool) -> None:
    """Whoever gives a session something to remember has to say when it may not be forgotten."""
    driven = logged_in(Driven(gate(watched=watched)))
    driven.answer()
    for step in steps:
        play(driven, [step])
        before = driven.session._conversation
        if before is None or asleep(driven) is None:
            continue
        assert driven.session._wakes()
        woken = remembered(driven.session._conversation, set())
        slept = remembered(before, set())
        assert len(woken) > 60
        assert [name for name in woken.keys() | slept.keys() if woken.get(name) != slept.get(name)] == []
