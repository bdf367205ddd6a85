"""FunctionCall: judged, refused in its place, and followed like everything else."""

import struct

import pytest

from proxy.wire.frontend import FunctionCall, encode_function_call
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import Q, S, X
from tests.session.wired import gate_of

OPEN = "{version: 1, name: open, rules: [{id: none, match: {effects: [database.drop]}, deny: 'No.'}]}"
OPAQUE = """
version: 1
name: opaque
rules: [{id: no-opaque, match: {effects: [code.opaque], targets: ['function:*']}, deny: "No {targets}."}]
"""
INT4PL = 177
FORTY, TWO = struct.pack(">i", 40), struct.pack(">i", 2)
SUM = encode_function_call(FunctionCall(INT4PL, (FORTY, TWO), (1,), 1))
NULL = encode_function_call(FunctionCall(INT4PL, (None, TWO), (1,), 1))
NOWHERE = encode_function_call(FunctionCall(1))
UNKNOWN = 70_000
CALL = encode_function_call(FunctionCall(UNKNOWN))
REFUSED = ("E", "42501", f"No oid {UNKNOWN}. [rule no-opaque]")


@pytest.mark.defect_10
@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(
    ("messages", "ready"),
    [
        pytest.param(SUM + NULL + Q("SELECT 1"), 3, id="results, one of them NULL"),
        pytest.param(NOWHERE + Q("SELECT 1"), 2, id="a function that is not there"),
        pytest.param(X("SELECT 1/0") + SUM + S + SUM, 2, id="skipped behind an error, up to Sync"),
        pytest.param(X("SELECT 1") + SUM + S, 2, id="inside an open batch"),
    ],
)
def test_the_same_bytes_with_and_without_a_session(
    messages: bytes, ready: int, chunk: int, every_table: Database, clients: Clients
) -> None:
    seen = []
    for client in (clients.bare(every_table), clients.wired(every_table, gate_of(OPEN), chunk=chunk)):
        client.exchange(messages, ready=ready)
        seen.append(client.inbox)
    assert seen[1] == seen[0]


@pytest.mark.defect_10
def test_refused_in_its_place(every_table: Database, clients: Clients) -> None:
    client = clients.wired(every_table, gate_of(OPAQUE))
    assert client.exchange(CALL + Q("SELECT 1"), ready=2) == [
        REFUSED, ("Z", "I"), ("T",), ("D", b"1"), ("C", "SELECT 1"), ("Z", "I"),
    ]  # fmt: skip
    client.exchange(Q("BEGIN"))
    assert client.exchange(CALL) == [REFUSED, ("Z", "E")]
    assert client.exchange(Q("COMMIT")) == [("C", "ROLLBACK"), ("Z", "I")]
    assert struct.pack(">I", UNKNOWN) not in client.sent
    assert [(event.rule, event.effects, event.targets, event.text) for event in client.judged] == [
        ("no-opaque", ("code.opaque",), (f"oid {UNKNOWN}",), None)
    ] * 2
