"""Where a message stands that might be held at the gate: a statement that is held must hold no lock.

Enters: nothing. Leaves: the kinds of ground, and how the client is told what a statement waits for. Absent:
what it is held for, and for how long.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from proxy.wire.backend import encode_notice

SUCCESS: Final = "00000"


class Ground(Enum):
    """Where a message stands; the value is why nothing is held there, as a clause."""

    CLEAR = ""
    UNSETTLED = "the server has not answered all that was sent before"
    BATCH = "it comes behind others in one batch, which may hold locks already, so it is not held"
    TRANSACTION = "inside of a transaction, which may hold locks already, no statement is held"
    WALSENDER = "on a replication connection no statement is held"


def told(message: str, detail: str) -> bytes:
    """A notice for a client whose statement is held."""
    fields = {"S": "NOTICE", "V": "NOTICE", "C": SUCCESS, "M": f"pgwarden: {message}"}
    return encode_notice(fields | ({"D": detail} if detail else {}))
