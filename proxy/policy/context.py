"""Who sends a statement, from where, when, and in which state of the transaction.

Enters: nothing; the session builds one for each judgement. Leaves: an immutable value. Deliberately absent:
anything that the statement itself says (those are effects) and anything that has to be looked up (those are
facts).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Transaction = Literal["none", "open"]


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one execution.

    Attributes:
        client_address: the peer's IP address; None where there is none (a Unix socket) or it cannot be known.
        application: what the client calls itself. It may say anything, so it proves nothing.
        now: the moment of judgement, aware. The policy's only clock.
        transaction: "open" when the statement runs inside a transaction that an earlier one began.
    """

    role: str
    database: str
    client_address: str | None
    application: str | None
    now: datetime
    transaction: Transaction
