"""What a session waits for, and what its client is told when that has taken too long or may not begin.

Enters: nothing. Leaves: names for the states in which time is counted, and the texts of their ends. SQLSTATEs
and messages are the server's own for the same thing. Absent: clocks and limits (the relay has them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.policy.facts import Freeze
from proxy.policy.templates import printable
from proxy.session.refusal import Denial


class Standing(Enum):
    """What a session that is logged in waits for; the value is the setting that bounds it."""

    IDLE = "client_idle_timeout_s"  # a statement, between transactions
    TRANSACTION = "idle_transaction_timeout_s"  # a statement or data, while the server holds something open
    QUERY = "query_timeout_s"  # the server
    WRITING = "client_write_timeout_s"  # the client, to read what is written to it


@dataclass(frozen=True, slots=True)
class Excess:
    """Why there is no place for one more client; ``setting`` is the limit that says so."""

    setting: str
    message: str
    detail: str
    hint: str


_ENDS: Final[Mapping[Standing, tuple[str, str, str]]] = {
    Standing.IDLE: (
        "57P05",
        "terminating connection due to idle-session timeout",
        "Connect again; let pools close connections sooner than that.",
    ),
    Standing.TRANSACTION: (
        "25P03",
        "terminating connection due to idle-in-transaction timeout",
        "The transaction is rolled back: end transactions before you wait for anything else.",
    ),
    Standing.QUERY: (
        "57014",
        "canceling statement due to query timeout, and terminating connection",
        "Make the statement faster, or run it where it may take longer.",
    ),
    Standing.WRITING: (
        "57P05",
        "terminating connection because its client does not read",
        "Read results as they come, or ask for less at a time.",
    ),
}


def expired(standing: Standing, limit_s: float) -> Denial:
    """What is told of a session that has stood so for longer than it may."""
    sqlstate, message, hint = _ENDS[standing]
    return Denial("timeout", sqlstate, message, f"The gate's {standing.value} is {limit_s:g} s.", hint)


def killed(freeze: Freeze) -> Denial:
    """What is told of a session that had writes under way when a freeze with --kill began: admin_shutdown."""
    by = f" by {printable(freeze.by)}" if freeze.by else ""
    reason = f": {printable(freeze.reason)}" if freeze.reason else ""
    return Denial(
        "freeze",
        "57P01",
        "terminating connection: writes are frozen, and this session had some under way",
        f"Writes are frozen{by}{reason}.",
        "What was not committed is undone. Connect again: reads go on.",
    )


def exceeds(excess: Excess) -> Denial:
    """What a client is told for which there is no place: too_many_connections."""
    return Denial("limits", "53300", excess.message, excess.detail, excess.hint)
