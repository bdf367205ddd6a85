"""What is over is freed at once: garbage is collected among the young alone, and the rest by the hour."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from proxy.session.conversation import Conversation
from proxy.session.judge import Judge
from proxy.session.session import Session
from proxy.session.state import State
from proxy.wire.framing import Cutter
from tests.session.driven import Driven, gate
from tests.session.messages import Q
from tests.session.test_any_events import logged_in, play

OURS = (Session, Judge, Conversation, State, Cutter)
ENDS = [("client", b"X\0\0\0\4")], [("client", b"!")], [("client", Q("SELECT 1")), ("server", b"!")]


def alive() -> Counter[str]:
    """How many there are of what a session consists of."""
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, OURS))


@pytest.mark.parametrize("steps", ENDS)
def test_a_session_that_is_over_leaves_no_circle(steps: list[tuple[str, bytes]]) -> None:
    shared = gate()
    gc.collect()
    before = alive()
    gc.disable()
    try:
        driven = logged_in(Driven(shared))
        assert alive() != before
        play(driven, steps)
        driven.session.client_eof()
        del driven
        assert alive() == before
    finally:
        gc.enable()
