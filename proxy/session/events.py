"""What happens in a session that people want to know of.

Texts are raw here: whoever writes them down redacts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.policy.decision import Lift
from proxy.policy.recording import Ending
from proxy.wire.framing import View


@dataclass(frozen=True, slots=True)
class Activity:
    """What a session does now; no event, but told of whoever asks.

    Attributes:
        role, database, application: as the client named them; "" until it has.
        address: None for a Unix socket.
        state: as in pg_stat_activity, or held, or logging in.
        transaction: one is open.
        text: the last that went on; None where there was none, or it is not kept.
    """

    role: str
    database: str
    address: str | None
    application: str
    state: str
    transaction: bool
    text: str | LongText | None


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
    """Who sent a statement, from where: what judging it again would need beside its text.

    Attributes:
        environment: the policy's.
        run: the migration run's token, by its SHA-256; "" for none.
    """

    role: str
    database: str
    client_address: str | None
    application: str
    listener: str
    transaction: str
    policy_digest: str
    environment: str = ""
    run: str = ""


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
        missing: what those rules require and did not find, each phrase once.
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
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """A statement that went on to the server (reported only where the statement log is on)."""

    at: float
    text: str | LongText
    effects: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class RefusedText:
    """A text that was refused and that people may approve.

    Attributes:
        decision_id: its refusal's; "" where it is held instead.
        digest: SHA-256 of its bytes, in hexadecimal.
        environment: the policy's.
        rules: those that refuse it.
        effects, targets: the first MOST_LISTED.
    """

    decision_id: str
    text: str
    digest: str
    environment: str
    rules: tuple[str, ...]
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Lifted:
    """A statement goes on although it breaks rules: people have approved it, and the ledger has its use.

    Attributes:
        at: POSIX seconds.
        effects, targets: the first MOST_LISTED.
        text: as it was sent.
    """

    at: float
    lifts: tuple[Lift, ...]
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    origin: Origin
    text: str | LongText | None


@dataclass(frozen=True, slots=True)
class Concluded:
    """What became of a change that was recorded before it ran.

    Attributes:
        number: of the change's entry.
        tags: the server's answers to its statements that may change something, the first MOST_LISTED.
        rows: how many those affected; None where none counts them.
        sqlstate: of the error; "" for none.
        duration_s: from when it was sent until its last answer; None where that did not come.
        kept_as: the name of the prepared transaction that it is in; "" for none.
        kept_with: the first change in it, by the number of its entry; 0 for none.
    """

    number: int
    ending: Ending
    tags: tuple[str, ...] = ()
    rows: int | None = None
    sqlstate: str = ""
    duration_s: float | None = None
    kept_as: str = ""
    kept_with: int = 0


Event = Opened | LoginFailed | Ended | Judged | Passed | Concluded | RefusedText | Lifted
