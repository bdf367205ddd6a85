"""Whatever either side says, and whatever happens: a session raises nothing, and sends nothing refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.session import AuthType
from tests.session.driven import EVENTS, Driven, gate
from tests.session.messages import Q
from tests.session.palette import CLIENT, LET_IN, LOSSES, REPLICATES, SERVER, START

Step = tuple[str, bytes]

CLIENT_SAYS = st.tuples(st.just("client"), st.sampled_from(CLIENT))
SERVER_SAYS = st.tuples(st.just("server"), st.sampled_from(SERVER))
HAPPENS = st.sampled_from(EVENTS).map(lambda event: (event, b""))
ANSWER = st.just(("answer", b""))
GARBAGE = st.tuples(st.sampled_from(["client", "server"]), st.binary(min_size=1, max_size=30))
STEPS = st.lists(CLIENT_SAYS | CLIENT_SAYS | SERVER_SAYS | ANSWER | HAPPENS | GARBAGE, max_size=25)


def play(driven: Driven, steps: Sequence[Step]) -> None:
    for kind, data in steps:
        if kind == "client":
            driven.client(data)
        elif kind == "server":
            driven.server(data)
        elif kind == "answer":
            driven.answer()
        else:
            driven.happen(kind)


def logged_in(driven: Driven, start: bytes = START) -> Driven:
    driven.client(start)
    driven.answer()
    driven.server(LET_IN)
    return driven


@settings(max_examples=400, deadline=None)
@given(
    steps=STEPS, watched=st.booleans(), keeps=st.booleans(), start=st.sampled_from([START, START, REPLICATES])
)
def test_in_a_conversation(steps: list[Step], watched: bool, keeps: bool, start: bytes) -> None:
    play(logged_in(Driven(gate(watched=watched, keeps=keeps)), start), steps)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, auth_type=st.sampled_from([None, *AuthType]), tls=st.booleans())
def test_from_the_first_byte(steps: list[Step], auth_type: AuthType | None, tls: bool) -> None:
    play(Driven(gate(auth_type, tls=tls)), steps)


def test_who_logs_in_while_the_gate_goes_hears_nothing_after_the_end() -> None:
    driven = Driven(gate(watched=True))
    play(driven, [("client", START), ("answer", b""), ("drain", b""), ("server", LET_IN)])
    assert (driven.closed, len(driven.owed)) == (True, 0)


@pytest.mark.parametrize("text", LOSSES)
def test_the_oracle_sees_what_it_should(text: str) -> None:
    """Under the open policy a loss goes on, and is seen as soon as the strict one is in force."""
    driven = logged_in(Driven(gate()))
    driven.happen("open")
    driven.client(Q(text))
    assert driven.to_server.endswith(Q(text))
    driven.gate.policy = gate().policy
    with pytest.raises(AssertionError, match="sent to the server: "):
        driven._look(Q(text))
