"""What somebody had the gate do at its console that has no entry of another kind.

Enters: who, and what. Leaves: an entry, appended before it is done: no more than that it was asked for.
Deliberately absent: any rule that would judge by it.
"""

from __future__ import annotations

from datetime import datetime

from proxy.records.entry import LedgerError, check_text
from proxy.records.kinds.backup import holds_secret
from proxy.records.kinds.kind import Payload

MAX_REASON_CHARS = 500


class Operated(Payload, frozen=True, kw_only=True):
    """Somebody had the gate do this; the entry is about the session, or nothing.

    Attributes:
        action: reload or end_session.
        role: what that person is to the gate: viewer, operator or approver.
        gate: the host of the gate that was told.
        target: a session's role, database and address, for people.
    """

    kind = "operated"

    action: str
    role: str
    gate: str
    target: str = ""
    reason: str = ""

    def check(self, now: datetime) -> None:
        """Refuse what nobody should read."""
        check_text("target", self.target)
        check_text("reason", self.reason, most=MAX_REASON_CHARS)
        if any(holds_secret(word) for word in self.reason.split()):
            raise LedgerError("the reason holds a password or a token, and the ledger would show it")
