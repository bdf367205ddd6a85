"""What can be done at the gate, for each way of doing it: the page, the HTTP API, psql.

Enters: a person, and what they want. Leaves: what came of it; or NotAllowed (people.py), or CannotBeDone. App
implements the port: it authorises, records in the ledger, logs and counts each action, so that no way has to.
Deliberately absent: HTTP, HTML, SQL; who somebody is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from proxy.console.people import Person
from proxy.console.values import FreezeNow


class CannotBeDone(Exception):
    """An action came to nothing.

    Attributes:
        why: one sentence of what and why.
        hint: one of what to do; "" where that is plain.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        """Keep both."""
        super().__init__(f"{why} {hint}".rstrip())
        self.why = why
        self.hint = hint


class TooOften(CannotBeDone):
    """Somebody has done more in a short time than people do.

    Attributes:
        wait_s: seconds until they may go on.
    """

    def __init__(self, most: int, wait_s: float) -> None:
        """Say how long to wait."""
        super().__init__(
            f"You have done {most} things here within a minute.",
            f"Wait {int(wait_s) + 1} s; a freeze passes.",
        )
        self.wait_s = wait_s


class NotThere(CannotBeDone):
    """What it was about is not there."""


class Unavailable(CannotBeDone):
    """The ledger does not answer: it may do so later."""


@dataclass(frozen=True, slots=True)
class SessionNow:
    """A client's session, as of when the list was asked for.

    Attributes:
        id: names it to `end_session`, and no other session ever.
        address: None for a Unix socket.
        role, database, application: as the client named them; "" until it has.
        state: as in pg_stat_activity: active, idle, idle in transaction, idle in transaction (aborted); held
            (its statement waits for a backup or an approval); logging in.
        since: when it connected.
        transaction: one is open.
        statement: the last that went on, its secrets masked; None where there was none, or none is kept.
    """

    id: str
    worker: int
    listener: str
    address: str | None
    role: str
    database: str
    application: str
    state: str
    since: datetime
    transaction: bool
    statement: str | None


@dataclass(frozen=True, slots=True)
class SessionsNow:
    """The sessions of all workers.

    Attributes:
        shown: those with a transaction or a statement under way first, then the oldest first.
        left_out: how many more there are.
        silent: workers that did not answer in time.
    """

    shown: tuple[SessionNow, ...]
    left_out: int = 0
    silent: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyLoaded:
    """What loading one policy again came to; `problem` is "" where it is in force."""

    path: str
    name: str
    digest: str
    problem: str


@dataclass(frozen=True, slots=True)
class ApprovalNow:
    """A request that waits for people.

    Attributes:
        digest: SHA-256 of the text's bytes.
        masked: the statement does not show all that the digest stands for, so only `pgwarden approve grant`
            with the very text can grant it.
        granted_by: names of those who have.
        one_more_needed: nobody knows who asked.
        request: SHA-256 of the request, which a grant signs; ledger: what names the ledger in that signature.
    """

    id: str
    statement: str
    digest: str
    masked: bool
    any_values: bool
    environment: str
    rules: tuple[str, ...]
    roles: tuple[str, ...]
    database: str | None
    networks: tuple[str, ...]
    since: datetime
    until: datetime
    left: int
    break_glass: bool
    held: bool
    reason: str
    asked_at: datetime
    asked_by: str
    granted_by: tuple[str, ...]
    one_more_needed: bool
    request: str
    ledger: str


@dataclass(frozen=True, slots=True)
class ApproverNow:
    """A key that is enrolled, so that its signatures count.

    Attributes:
        id: the first digits of its SHA-256.
        grants: it may grant, not only ask.
    """

    id: str
    name: str
    grants: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class SignedGrant:
    """An approver's yes: the id of an enrolled key, when it was signed, the Ed25519 signature in base64.

    What is signed is `grant_message` of proxy/records/kinds/approval.py; the gate never holds a private key.
    """

    key: str
    at: datetime
    signature: str


@dataclass(frozen=True, slots=True)
class Question:
    """What to explain.

    Attributes:
        at: None for now.
        policy: a path of those in force; "" for the first listener's.
    """

    sql: str
    role: str = "postgres"
    database: str = "postgres"
    at: datetime | None = None
    policy: str = ""


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line of the rule tree; `holds` is None where it neither holds nor fails."""

    depth: int
    text: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Told:
    """What a client would read, or would by a rule that only watches."""

    rule: str
    mode: str
    sqlstate: str
    message: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What a policy says of a text.

    Attributes:
        unreadable: why it cannot be read; "" where it can.
        told: the refusal first, then what rules in shadow mode would say.
        wanted: what it would be held for: backup, approval.
    """

    policy: str
    mode: str
    at: datetime
    allowed: bool
    unreadable: str
    statement_class: str
    effects: tuple[str, ...]
    tree: tuple[ExplainedLine, ...]
    told: tuple[Told, ...]
    wanted: tuple[str, ...]


class Operations(Protocol):
    """The gate, as those who operate it see it; each may raise NotAllowed and CannotBeDone."""

    async def freeze(
        self,
        person: Person,
        *,
        reason: str = "",
        until: datetime | None = None,
        database: str | None = None,
        kill: bool = False,
    ) -> FreezeNow:
        """Refuse writes from now on, in one database or (None) in all, at every gate of the ledger."""
        ...

    async def thaw(self, person: Person, *, database: str | None = None) -> tuple[FreezeNow, ...]:
        """End the freezes that stand, or those of one database alone; returns those that ended."""
        ...

    async def reload(self, person: Person) -> tuple[PolicyLoaded, ...]:
        """Do what SIGHUP does; returns when the policies are loaded."""
        ...

    async def sessions(self, person: Person, *, after: datetime | None = None) -> SessionsNow:
        """Who is connected; of those that came at that moment or after it, each worker's oldest first."""
        ...

    async def end_session(self, person: Person, session: str, *, reason: str = "") -> None:
        """End one session: its client gets FATAL 57P01, what it has not committed is undone."""
        ...

    async def approvals(self, person: Person) -> tuple[ApprovalNow, ...]:
        """Requests that somebody could still grant, the newest first."""
        ...

    async def approvers(self, person: Person) -> tuple[ApproverNow, ...]:
        """Whose signatures count."""
        ...

    async def grant(self, person: Person, request: str, signed: SignedGrant) -> ApprovalNow:
        """Let it run, by the signature of an enrolled key."""
        ...

    async def deny(self, person: Person, request: str, *, reason: str = "") -> None:
        """Say no: the request is over."""
        ...

    async def explain(self, person: Person, question: Question) -> Explained:
        """What a policy in force says of a text, and what would change that."""
        ...
