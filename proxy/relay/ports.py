"""What the relay needs from a session, and what can be set about it.

Enters: nothing. Leaves: the Session protocol (proxy.session.Session fits it) and the relay's settings.
Deliberately absent: any judgement; the relay moves bytes and does what it is told.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from proxy.relay.sockets import KeepAlive
from proxy.session import (
    Activity,
    Change,
    Command,
    Credential,
    Event,
    Excess,
    GivenUp,
    Hold,
    Outcome,
    Peer,
    Recorded,
    Released,
    Screening,
    Standing,
    TlsInfo,
    Unavailable,
    Unrecorded,
    UpstreamFailure,
    Weighed,
)
from proxy.wire.framing import View


class Session(Protocol):
    """One connection's brain. Each method returns the commands to perform, in order."""

    @property
    def waiting(self) -> bool:
        """True while nothing may be read from the client."""

    @property
    def standing(self) -> Standing | None:
        """What it waits for, once it is logged in."""

    @property
    def activity(self) -> Activity:
        """What it does now, for people."""

    def from_client(self, data: bytes) -> View | list[Command]:
        """The client sent bytes. Bytes alone go to the server, and then more may be read from the client."""

    def analysed(self, outcome: Outcome) -> list[Command]:
        """The text of the last Analyse has been read."""

    def recorded(self, outcome: Recorded | Unrecorded) -> list[Command]:
        """What the last Record asked for is durable, or cannot be."""

    def held(self, outcome: Released | GivenUp) -> list[Command]:
        """What the last Hold asked for has come about, or will not."""

    def progressed(self, message: str, detail: str = "") -> list[Command]:
        """How far what the last Hold asked for is."""

    def pondered(self, weighed: Weighed) -> list[Command]:
        """What the work of the last Ponder gave."""

    def catalogue_ready(self) -> list[Command]:
        """What the last AwaitCatalogue asked for is done."""

    def credential_found(self, answer: Credential | Unavailable) -> list[Command]:
        """The user of the last FindCredential has been looked up."""

    def key_derived(self, salted: bytes) -> list[Command]:
        """What the last DeriveKey asked for is there."""

    def cancel(self) -> list[Command]:
        """Somebody has shown this session's key: what it runs is to end."""

    def facts_changed(self) -> list[Command]:
        """What is under way has to be looked at again."""

    def client_eof(self) -> list[Command]:
        """The client is gone."""

    def client_secured(self, tls: TlsInfo) -> list[Command]:
        """TLS stands with the client."""

    def client_not_secured(self, reason: str) -> list[Command]:
        """TLS with the client did not come about."""

    def server_connected(self, tls: TlsInfo | None) -> list[Command]:
        """The connection to the server stands, with this TLS on it."""

    def server_failed(self, failure: UpstreamFailure) -> list[Command]:
        """The connection to the server could not be made."""

    def turned_away(self, excess: Excess) -> list[Command]:
        """The connection to the server may not be made: there are too many."""

    def from_server(self, data: bytes) -> View | list[Command]:
        """The server sent bytes. Bytes alone go to the client, and then more may be read from it."""

    def server_eof(self) -> list[Command]:
        """The server is gone."""

    def drain(self) -> list[Command]:
        """End as soon as no work is under way."""

    def terminate(self, message: str, detail: str = "") -> list[Command]:
        """End now."""

    def expire(self, standing: Standing, limit_s: float) -> list[Command]:
        """End, because it has stood like this for longer than it may."""


class TextReader(Protocol):
    """Finds out what a long text does, away from the event loop and within bounds of its own."""

    def __call__(
        self, raw: bytes | memoryview, server_major: int, screen: Screening | None
    ) -> Coroutine[None, None, Outcome]:
        """Read one text for servers of this major version, unless the screen passes it.

        What cannot be read is an outcome too.
        """


class CatalogueReader(Protocol):
    """Reads what a database holds; sessions find it at their gate."""

    def __call__(self, database: str) -> Awaitable[None]:
        """Return when a reading that began after this call has ended, in success or not."""


class CredentialFinder(Protocol):
    """Looks users up."""

    def __call__(self, user: str) -> Coroutine[None, None, Credential | Unavailable]:
        """What is known of a user; for one that is not known, what is made up."""


class ChangeRecorder(Protocol):
    """Writes changes down where they stay."""

    def __call__(self, change: Change) -> Awaitable[Recorded | Unrecorded]:
        """Return once it is durable, or say why it is not; in bounded time."""


Told: TypeAlias = Callable[[str, str], None]


class Holder(Protocol):
    """Brings about what held statements need, or waits for it."""

    def __call__(self, hold: Hold, tell: Told) -> Awaitable[Released | GivenUp]:
        """Return once it is there, or why it is not, within the time that the Hold allows.

        Args:
            tell: is given, now and then and on the event loop, how far it is: a message and a detail.
        """


SessionFactory: TypeAlias = Callable[[Peer], Session]
Observer: TypeAlias = Callable[[Event], None]
CrashReporter: TypeAlias = Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Bounds of one listener's connections.

    Attributes:
        login_timeout_s: how long a client may take from connecting to having logged in.
        standing_s: how long a session may stand like what; 0 or nothing is for ever.
        flush_client_s: how long a client that is told to go may take to read what is pending for it.
        flush_server_s: how long a server may take for what is pending, once its client is gone; then it is
            cut off.
        cancels_at_once: how many CancelRequests are delivered at the same time; further ones wait.
        cancel_timeout_s: how long delivering one may take, waiting included.
        wrong_keys_at_once: how many CancelRequests with a wrong key one address may send at once, and
        wrong_keys_per_s: how many a second after that; those beyond are not looked at.
        backlog: how many connections the kernel may hold before they are accepted.
        keep_alive: how the clients' sockets notice that nobody is there any more.
        unix_socket_mode: who may connect to Unix sockets: bits as chmod has them.
    """

    login_timeout_s: float = 60.0
    standing_s: Mapping[Standing, float] = field(default_factory=dict)
    flush_client_s: float = 10.0
    flush_server_s: float = 1.0
    cancels_at_once: int = 32
    cancel_timeout_s: float = 10.0
    wrong_keys_at_once: int = 100
    wrong_keys_per_s: float = 1.0
    backlog: int = 1024
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    unix_socket_mode: int = 0o777
