"""What the gate knows of a user, and how a login is refused.

Secrets never stand in a repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from proxy.session.refusal import Denial
from proxy.wire.scram import Verifier


class AuthType(Enum):
    """How a listener's clients log in."""

    PASSTHROUGH = "passthrough"
    MANAGED = "managed"
    PASSWORD = "password"  # noqa: S105 - a way to log in


@dataclass(frozen=True, slots=True)
class Credential:
    """What is known of a user.

    Attributes:
        verifier: what checks the password. Of a user that is not known one that nobody's password fits;
            None where the server keeps no SCRAM verifier: then the login is relayed.
        known: False for a user that is made up.
        role: who the gate is at the server; None: the user's own name.
        password: that role's; None: the gate logs in with what the client's proof shows.
    """

    verifier: Verifier | None
    known: bool = True
    role: str | None = None
    password: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why users cannot be looked up now, for the client; app has logged more."""

    reason: str
    hint: str = "Try again; if it goes on, tell those who run pgwarden: its log says more."


class LoginRefused(Exception):
    """A login ends.

    Attributes:
        denial: what the client is told.
        reason: one of LOGIN_FAILURES.
    """

    def __init__(self, denial: Denial, reason: str) -> None:
        """Keep both."""
        super().__init__(denial.message)
        self.denial = denial
        self.reason = reason


def wrong_password(user: str, detail: str = "", hint: str = "") -> Denial:
    """What the server says, too, whether there is such a user or not."""
    return Denial("login", "28P01", f'password authentication failed for user "{user}"', detail, hint)
