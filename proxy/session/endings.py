"""What a client is told when its session ends for the server's sake, the gate's, or its own mistake."""

from __future__ import annotations

from typing import Final

from proxy.session.refusal import Denial
from proxy.wire.errors import ProtocolViolation, UnsupportedVersion

GOING_AWAY: Final = Denial(
    "shutdown",
    "57P01",
    "terminating connection: the gate is shutting down",
    "",
    "Connect again; another gate, or this one once it is back, will answer.",
)
NO_CONSOLE: Final = Denial(
    "console",
    "57P03",
    "The gate's console does not answer.",
    "",
    "Try again; if it goes on, look at the gate's log.",
)
LOST: Final = Denial(
    "upstream",
    "08006",
    "The server closed the connection.",
    "It ended without saying why; an open transaction is rolled back.",
    "Connect again; look at the server's log for the cause.",
)


def cannot_follow(violation: ProtocolViolation, *, heard: bool) -> Denial:
    """Why a session ends whose server is not understood."""
    if heard:
        detail = "The gate cannot follow this server any more, so it ends the session."
        return Denial("upstream", "08P01", str(violation), detail)
    return Denial(
        "upstream",
        "08P01",
        "The upstream does not answer as a PostgreSQL server does.",
        f"{str(violation).capitalize()}.",
        "Check the host and the port of the upstream.",
    )


def not_allowed(violation: ProtocolViolation) -> Denial:
    """Why a session ends whose client has sent what no client may."""
    return Denial(
        "protocol",
        "0A000" if isinstance(violation, UnsupportedVersion) else "08P01",
        str(violation),
        "No PostgreSQL client may send that here, so the connection is closed.",
        "Update the client's driver; if it comes back, tell those who run pgwarden.",
    )
