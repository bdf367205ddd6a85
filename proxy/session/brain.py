"""What a relay needs of a session: events in, commands out.

Enters: nothing. Leaves: an abstract class, since compiled its methods are called from C to C; those of a
protocol would be looked for by name. Compiled, an abstract method without a body is none that may be called:
so each says that it is not there. Deliberately absent: how a session does any of it (``session``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from mypy_extensions import mypyc_attr

from proxy.session.authentication.credentials import Credential, Unavailable
from proxy.session.cache import Outcome
from proxy.session.commands import Command, GivenUp, Recorded, Released, Unrecorded
from proxy.session.events import Activity
from proxy.session.expiry import Excess, Standing
from proxy.session.peer import UpstreamFailure
from proxy.session.tls import TlsInfo
from proxy.session.weighing import Weighed
from proxy.wire.framing import View


@mypyc_attr(allow_interpreted_subclasses=True)
class Brain(ABC):
    """One connection's brain. Nearly each method returns the commands to perform, in order."""

    @property
    @abstractmethod
    def waiting(self) -> bool:
        """True while nothing may be read from the client."""
        raise NotImplementedError

    @property
    @abstractmethod
    def standing(self) -> Standing | None:
        """What it waits for, once it is logged in."""
        raise NotImplementedError

    @property
    @abstractmethod
    def activity(self) -> Activity:
        """What it does now, for people."""
        raise NotImplementedError

    @abstractmethod
    def from_client(self, data: bytes) -> View | list[Command]:
        """The client sent bytes. Bytes alone go to the server, and then more may be read from the client."""
        raise NotImplementedError

    @abstractmethod
    def analysed(self, outcome: Outcome) -> list[Command]:
        """The text of the last Analyse has been read."""
        raise NotImplementedError

    @abstractmethod
    def recorded(self, outcome: Recorded | Unrecorded) -> list[Command]:
        """What the last Record asked for is durable, or cannot be."""
        raise NotImplementedError

    @abstractmethod
    def held(self, outcome: Released | GivenUp) -> list[Command]:
        """What the last Hold asked for has come about, or will not."""
        raise NotImplementedError

    @abstractmethod
    def progressed(self, message: str, detail: str = "") -> list[Command]:
        """How far what the last Hold asked for is."""
        raise NotImplementedError

    @abstractmethod
    def pondered(self, weighed: Weighed) -> list[Command]:
        """What the work of the last Ponder gave."""
        raise NotImplementedError

    @abstractmethod
    def catalogue_ready(self) -> list[Command]:
        """What the last AwaitCatalogue asked for is done."""
        raise NotImplementedError

    @abstractmethod
    def credential_found(self, answer: Credential | Unavailable) -> list[Command]:
        """The user of the last FindCredential has been looked up."""
        raise NotImplementedError

    @abstractmethod
    def key_derived(self, salted: bytes) -> list[Command]:
        """What the last DeriveKey asked for is there."""
        raise NotImplementedError

    @abstractmethod
    def cancel(self) -> list[Command]:
        """Somebody has shown this session's key: what it runs is to end."""
        raise NotImplementedError

    @abstractmethod
    def facts_changed(self) -> list[Command]:
        """What is under way has to be looked at again."""
        raise NotImplementedError

    @abstractmethod
    def client_eof(self) -> list[Command]:
        """The client is gone."""
        raise NotImplementedError

    @abstractmethod
    def client_secured(self, tls: TlsInfo) -> list[Command]:
        """TLS stands with the client."""
        raise NotImplementedError

    @abstractmethod
    def client_not_secured(self, reason: str) -> list[Command]:
        """TLS with the client did not come about."""
        raise NotImplementedError

    @abstractmethod
    def server_connected(self, tls: TlsInfo | None) -> list[Command]:
        """The connection to the server stands, with this TLS on it."""
        raise NotImplementedError

    @abstractmethod
    def server_failed(self, failure: UpstreamFailure) -> list[Command]:
        """The connection to the server could not be made."""
        raise NotImplementedError

    @abstractmethod
    def turned_away(self, excess: Excess) -> list[Command]:
        """The connection to the server may not be made: there are too many."""
        raise NotImplementedError

    @abstractmethod
    def from_server(self, data: bytes) -> View | list[Command]:
        """The server sent bytes. Bytes alone go to the client, and then more may be read from it."""
        raise NotImplementedError

    @abstractmethod
    def server_eof(self) -> list[Command]:
        """The server is gone."""
        raise NotImplementedError

    @abstractmethod
    def sleep(self) -> None:
        """Nothing has come for a while: keep no more than is needed to go on, if nothing is under way."""
        raise NotImplementedError

    @abstractmethod
    def drain(self) -> list[Command]:
        """End as soon as no work is under way."""
        raise NotImplementedError

    @abstractmethod
    def terminate(self, message: str, detail: str = "") -> list[Command]:
        """End now."""
        raise NotImplementedError

    @abstractmethod
    def expire(self, standing: Standing, limit_s: float) -> list[Command]:
        """End, because it has stood like this for longer than it may."""
        raise NotImplementedError
