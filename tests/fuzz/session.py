"""A whole session: any bytes of either side, any events, in any order."""

from __future__ import annotations

from proxy.session import AuthType
from tests.session.driven import EVENTS, Driven, gate
from tests.session.palette import CLIENT, LET_IN, REPLICATES, SERVER, START

_GATES = (
    lambda: gate(),
    lambda: gate(watched=True),
    lambda: gate(AuthType.PASSTHROUGH, tls=True),
    lambda: gate(AuthType.PASSWORD),
)
LONGEST = 128
"""Bytes of an input: some 40 steps, so that many are tried."""

_LOGGED_IN = 0x80
_REPLICATES = 0x40

SEEDS = (
    bytes([_LOGGED_IN, 0, 8, 1, 12, 0, 9, 3, 8]),
    bytes([_LOGGED_IN | 1, 0, 36, 4, 0, 40, 1, 12, 4]),
    bytes([_LOGGED_IN | _REPLICATES, 0, 35, 4, 0, 7, 2]),
    bytes([0, 0, 4, 0, 0, 4, 1, 0]),
    bytes([2, 0, 4, 4, 0, 0, 4, 0, 100]),
    bytes([_LOGGED_IN, 0, 8, 1, 0, 7, 160]),
)


def fuzz(data: bytes) -> None:
    """The first byte chooses the gate, and how far it has come; steps follow."""
    first = data[0] if data else 0
    driven = Driven(_GATES[first % len(_GATES)]())
    if first & _LOGGED_IN:
        driven.client(REPLICATES if first & _REPLICATES else START)
        driven.answer()
        driven.server(LET_IN)
    at = 1
    while at + 1 < len(data):
        kind, which = data[at], data[at + 1]
        at += 2
        match kind % 8:
            case 0:
                driven.client(CLIENT[which % len(CLIENT)])
            case 1:
                driven.server(SERVER[which % len(SERVER)])
            case 2 | 3:
                driven.client(data[at : at + which])
                at += which
            case 4:
                driven.answer()
            case 5:
                driven.server(data[at : at + which])
                at += which
            case 6:
                driven.client(CLIENT[which % len(CLIENT)] * 2)
            case _:
                driven.happen(EVENTS[which % len(EVENTS)])
