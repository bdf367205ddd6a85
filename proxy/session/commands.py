"""What a session asks the relay to do, in order.

Plain values: a whole session can be tested without a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.policy.conditions.case import Proof
from proxy.policy.context import NO_WORDING, Wording
from proxy.policy.decision import Wanted
from proxy.session.cache import Screening
from proxy.session.events import Event, LongText, Origin, RefusedText
from proxy.session.weighing import Weighed
from proxy.wire.framing import View


@dataclass(slots=True, init=False)
class ToServer:
    """Write these bytes to the server."""

    data: View

    def __init__(self, data: View) -> None:
        """Written out: there is one for every message, and mypyc leaves a generated one uncompiled."""
        self.data = data


@dataclass(slots=True, init=False)
class ToClient:
    """Write these bytes to the client."""

    data: View

    def __init__(self, data: View) -> None:
        """Written out, as that of ``ToServer``."""
        self.data = data


@dataclass(slots=True)
class StartTls:
    """Speak TLS with the client from here on, as its server.

    Then call ``client_secured`` or ``client_not_secured``; nothing that it sends reaches the session before.

    Attributes:
        begun: what the client has already sent of its handshake.
    """

    begun: bytes


@dataclass(slots=True)
class Connect:
    """Open the connection to the server, TLS included, if there may be one more.

    Then call ``server_connected``, with what TLS stands on it, ``server_failed`` or ``turned_away``.

    Attributes:
        role, database: for which it is, as limits count them.
        console: to the gate's own console in the server's place, which counts its callers itself.
    """

    role: str = ""
    database: str = ""
    console: bool = False


@dataclass(slots=True)
class Cancel:
    """Deliver this CancelRequest to the server on a connection of its own: for what this session runs."""

    packet: bytes


@dataclass(slots=True)
class CancelAnother:
    """The client has shown a key and said nothing else: find the session that it names, call its ``cancel``.

    Then let this client go.

    Attributes:
        address: the client's, None for a Unix socket.
    """

    key: bytes
    address: str | None


@dataclass(slots=True)
class Abandon:
    """What the last ``Analyse`` or ``Hold`` asked for is not needed any more."""


@dataclass(slots=True)
class Analyse:
    """Find out what this text does, away from the event loop; then call ``analysed``.

    A text is handed out because reading it may take long: what does it must bound time, memory and stack.

    Attributes:
        screen: says what it does at most, if that is enough to judge it; None when it has to be read.
    """

    raw: View
    server_major: int
    screen: Screening | None = None


@dataclass(slots=True)
class Ponder:
    """Call this in another thread, then call ``pondered`` with what it gave: it takes long.

    It reads values that nothing changes, and has no effect.
    """

    work: Callable[[], Weighed]


@dataclass(slots=True)
class AwaitCatalogue:
    """Have the catalogue of this database read, beginning now or later; then call ``catalogue_ready``.

    Also when it cannot be read: then the gate's sessions find no such database.
    """

    database: str


@dataclass(frozen=True, slots=True)
class Use:
    """An approval that a statement needs: of its uses one is taken.

    Attributes:
        approval: its id.
        most: how often it may be used in all.
        rules: those that it lifts here.
    """

    approval: str
    most: int
    rules: tuple[str, ...]
    break_glass: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is about to run.

    Attributes:
        text: as it was sent; None where there is none.
        risk: the gravest of its effects, in lower case.
        parts: its effects one by one, each with what it falls on and its detail, the first MOST_LISTED.
        proofs: the evidence by which the policy let it pass.
        uses: what has to be taken first, of every one of these approvals.
        wording: what it is known by elsewhere.
    """

    text: str | LongText | None
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    risk: str
    unreadable: bool
    origin: Origin
    parts: tuple[tuple[str, str, str], ...] = ()
    proofs: tuple[Proof, ...] = ()
    uses: tuple[Use, ...] = ()
    wording: Wording = NO_WORDING


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is durable; ``number`` is its entry's."""

    number: int


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """It could not be recorded.

    Attributes:
        reason: one clause in plain words, without a secret.
        spent: the approval that was used up, or had ended, before this could use it; "" for none.
    """

    reason: str
    spent: str = ""


@dataclass(slots=True)
class Record:
    """Have this recorded, durably; then call ``recorded``. The change goes on only then, or not at all."""

    change: Change


@dataclass(frozen=True, slots=True)
class Released:
    """What was wanted has come about, and the gate's facts know it.

    Attributes:
        note: what is not as somebody may expect, as a clause; told if the statement is refused all the same.
    """

    note: str = ""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It has not come about, or not in time; ``reason`` is one clause in plain words, without a secret."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Have this brought about, or wait for it, for as long as it says at most; then call ``held``.

    Meanwhile ``progressed`` tells the client how far it is. The statement is judged again afterwards.

    Attributes:
        text: what people are asked to approve, where that is wanted.
        decision_id: its number; its refusal's, too, if it comes to that and the text was not refused before.
    """

    wanted: Wanted
    change: Change
    text: RefusedText | None = None
    decision_id: str = ""


@dataclass(slots=True)
class FindCredential:
    """Look up what the gate knows of this user; then call ``credential_found``.

    What is looked up for an unknown user has to take as long as for a known one.
    """

    user: str


@dataclass(slots=True)
class DeriveKey:
    """Derive a salted password (``salted_password``), away from the event loop; then call ``key_derived``."""

    password: bytes = field(repr=False)
    salt: bytes
    iterations: int


@dataclass(slots=True)
class Close:
    """Write out what is pending on both sides, then close both."""


@dataclass(slots=True)
class Report:
    """Hand this event to the observer."""

    event: Event


Command = (
    ToServer
    | ToClient
    | StartTls
    | Connect
    | Cancel
    | CancelAnother
    | Analyse
    | Ponder
    | Abandon
    | AwaitCatalogue
    | FindCredential
    | DeriveKey
    | Record
    | Hold
    | Close
    | Report
)
