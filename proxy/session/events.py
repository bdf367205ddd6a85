"""What happens in a session that people want to know of.

Texts are raw here: whoever writes them down redacts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.wire.framing import View


@dataclass(frozen=True, slots=True)
class Opened:
    """A client has logged in."""

    role: str
    database: str
    application: str


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """A client did not get in.

    Attributes:
        reason: one of LOGIN_FAILURES.
        message: what went wrong: the gate's words, or the server's, which the client may not have been told.
    """

    role: str
    database: str
    client_address: str | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over. ``reason`` is "" for an ordinary end, else one clause in plain words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a statement, from where: what judging it again would need beside its text."""

    role: str
    database: str
    client_address: str | None
    application: str
    listener: str
    transaction: str
    policy_digest: str


@dataclass(frozen=True, slots=True)
class LongText:
    """In place of a text that is too long to be kept, or written down; ``size`` is in bytes."""

    size: int


LONGEST_TOLD: Final = 128 * 1024
"""Of longer texts, in bytes, only the size is told: each copy of them would hold the event loop up."""

MOST_LISTED: Final = 100
"""Of the effects and targets of one statement, as many are told."""


def told(raw: View) -> str | LongText:
    """A text as events have it; bytes that are not UTF-8 become U+FFFD."""
    return bytes(raw).decode(errors="replace") if len(raw) <= LONGEST_TOLD else LongText(len(raw))


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement that broke at least one rule.

    Attributes:
        at: POSIX seconds.
        mode: "enforce" when it was refused, "shadow" when it passed and was only counted.
        rules: every rule that fired, in the policy's order; ``rule`` is the one that the client was told.
        effects, targets: the first MOST_LISTED.
        text: the statement as it was sent, None where there is none (a message without text).
        unreadable: True when the gate's parser could not read the text.
    """

    at: float
    decision_id: str
    rule: str
    mode: str
    sqlstate: str
    message: str
    rules: tuple[str, ...]
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    origin: Origin
    text: str | LongText | None
    unreadable: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """A statement that went on to the server (reported only where the statement log is on)."""

    at: float
    text: str | LongText
    effects: tuple[str, ...]
    origin: Origin


Event = Opened | LoginFailed | Ended | Judged | Passed
