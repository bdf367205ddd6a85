"""Once a session knows of a freeze, no message that could write reaches its server, whatever was before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.wire.backend import (
    encode_command_complete,
    encode_copy_in_response,
    encode_error,
    encode_ready,
)
from proxy.wire.frontend import FunctionCall, encode_copy_data, encode_copy_done, encode_function_call
from proxy.wire.octets import message
from tests.session.driven import Driven, gate
from tests.session.messages import B, E, H, P, Q, S, X
from tests.session.palette import CLIENT, SERVER
from tests.session.test_any_events import Step, logged_in, play

TEXTS = (
    *("SELECT 1", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "ROLLBACK TO a", "SELECT 1; COMMIT"),
    *("INSERT INTO t VALUES (1)", "BEGIN; INSERT INTO t VALUES (1)", "COPY t FROM STDIN", "SELECT f()"),
    *("PREPARE w AS DELETE FROM t WHERE id = 1", "EXECUTE w", "PREPARE TRANSACTION 'x'", "FETCH c"),
    *("COMMIT PREPARED 'x'", "DECLARE c CURSOR FOR SELECT nextval('s')", "SET TRANSACTION READ WRITE"),
)
SAYS = (
    *(make(text) for make in (Q, X) for text in TEXTS),
    *(P(text, name) for text in TEXTS[:10] for name in "ab"),
    *(make(name) for make in (B, E) for name in ("", "a", "b", "c")),
    *(B(name, portal="c") for name in "ab"),
    *(S, S, H, encode_copy_data(b"1\n"), encode_copy_data(b"2\n"), encode_copy_done()),
    encode_function_call(FunctionCall(1598, (), (), 1)),
)
HEARS = (
    *(message(kind) for kind in (b"1", b"2", b"3", b"s")),
    *(encode_ready(status) for status in "IITTE"),
    *(encode_command_complete(tag) for tag in ("INSERT 0 1", "ROLLBACK")),
    *(encode_copy_in_response(0, [0]), encode_copy_in_response(0, [0])),
    encode_error({"S": "ERROR", "V": "ERROR", "C": "22012", "M": "division by zero"}),
)
WRITE = Q("BEGIN; INSERT INTO t VALUES (1)")
DONE = encode_command_complete("BEGIN") + encode_command_complete("INSERT 0 1") + encode_ready("T")
COPY = Q("COPY t FROM STDIN")
BATCH = X("INSERT INTO t VALUES (1)")
HEADING = encode_copy_in_response(0, [0])
PREPARED = [("client", P("INSERT INTO t VALUES (1)", "a") + P("COMMIT", "b") + S)]
SITUATIONS: tuple[list[Step], ...] = (
    [],
    PREPARED,
    [*PREPARED, ("client", B("a", portal="c"))],
    [("client", WRITE)],
    [("client", WRITE), ("server", DONE)],
    [("client", WRITE), ("server", DONE), ("client", BATCH)],
    [("client", WRITE), ("server", DONE), ("client", COPY), ("server", HEADING)],
    [("client", BATCH)],
    [("client", BATCH), ("server", message(b"1") + message(b"2") + encode_command_complete("INSERT 0 1"))],
    [("client", COPY)],
    [("client", COPY), ("server", HEADING)],
    [("client", COPY), ("server", HEADING), ("client", encode_copy_data(b"1\n"))],
    [("client", X("COPY t FROM STDIN")), ("server", message(b"1") + message(b"2") + HEADING)],
)
SOME = st.lists(
    st.tuples(st.just("client"), st.sampled_from(SAYS))
    | st.tuples(st.just("client"), st.sampled_from(SAYS))
    | st.tuples(st.just("server"), st.sampled_from(HEARS))
    | st.tuples(st.sampled_from(["client", "server"]), st.sampled_from((*CLIENT, *SERVER)))
    | st.sampled_from(["answer", "freeze", "thaw", "refused", "cancel"]).map(lambda event: (event, b"")),
    max_size=6,
)


@settings(max_examples=500, deadline=None)
@given(before=st.sampled_from(SITUATIONS), steps=SOME, after=SOME, watched=st.booleans())
def test_nothing_that_could_write_goes_on(
    before: list[Step], steps: list[Step], after: list[Step], watched: bool
) -> None:
    driven = logged_in(Driven(gate(watched=watched)))
    driven.happen("open")
    play(driven, [*(("answer", b"") for _ in range(2)), *before, *steps, ("freeze", b""), *after])


# what is let on where nobody looks, and how the witness calls it
SEEN = [
    ([("freeze", Q("INSERT INTO t VALUES (1)"))], "runs "),
    ([("freeze", Q("COMMIT PREPARED 'x'"))], "runs "),
    ([("", WRITE), ("server", DONE), ("freeze", Q("COMMIT"))], "completes "),
    ([("", WRITE), ("server", DONE), ("freeze", X("FETCH c"))], "completes "),
    ([("", BATCH), ("freeze", S)], "commits"),
    ([("", BATCH), ("freeze", Q("SELECT 1"))], "commits"),
    ([("", P("INSERT INTO t VALUES (1)", "a")), ("freeze", B("a") + E())], "runs "),
    ([("", COPY), ("server", encode_copy_in_response(0, [0])), ("freeze", encode_copy_done())], "COPY data"),
]


@pytest.mark.parametrize(("steps", "called"), SEEN)
def test_the_witness_sees_what_it_should(steps: list[Step], called: str) -> None:
    witness = logged_in(Driven(gate())).witness
    *before, (_, last) = steps
    for kind, data in before:
        (witness.server_says if kind == "server" else witness.sends)(data)
    witness.frozen = True
    with pytest.raises(AssertionError, match=called):
        witness.sends(last)
