"""What a session asks the relay to do, in order.

Plain values: a whole session can be tested without a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.session.cache import Screening
from proxy.session.events import Event, LongText, Origin
from proxy.session.weighing import Weighed
from proxy.wire.framing import View


@dataclass(slots=True)
class ToServer:
    """Write these bytes to the server."""

    data: View


@dataclass(slots=True)
class ToClient:
    """Write these bytes to the client."""

    data: View


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
    """

    role: str = ""
    database: str = ""


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
    """What the last ``Analyse`` asked for is not needed any more."""


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
class Change:
    """A change that is about to run.

    Attributes:
        text: as it was sent; None where there is none.
        risk: the gravest of its effects, in lower case.
    """

    text: str | LongText | None
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    risk: str
    unreadable: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is durable; ``number`` is its entry's."""

    number: int


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """It could not be recorded; ``reason`` is one clause in plain words, without a secret."""

    reason: str


@dataclass(slots=True)
class Record:
    """Have this recorded, durably; then call ``recorded``. The change goes on only then, or not at all."""

    change: Change


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
    | Close
    | Report
)
