"""What the relay needs from others, and what can be set about it.

Enters: nothing. Leaves: protocols of those whom a link asks, and the relay's settings; what it needs of a
session is `proxy.session.Brain`.
Deliberately absent: any judgement; the relay moves bytes and does what it is told.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from proxy.relay.sockets import KeepAlive
from proxy.session import (
    Brain,
    Change,
    Credential,
    Event,
    GivenUp,
    Hold,
    Outcome,
    Peer,
    Recorded,
    Released,
    Screening,
    Standing,
    Unavailable,
    Unrecorded,
)


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


SessionFactory: TypeAlias = Callable[[Peer], Brain]
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
