"""Who somebody at the console is, for each way of asking: the port that app implements.

Enters: a token, or a name. Leaves: a `Person`, or a `LoginFailed` that never says why more than it must.
Deliberately absent: cookies (websessions.py), what people may do (people.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from proxy.console.people import Person, Role
from proxy.wire.scram import Verifier

AWAY_S: Final = 600
"""How long a browser may be away at a provider."""


class LoginFailed(Exception):
    """Nobody is let in.

    Attributes:
        wait_s: for how many seconds this address need not try again; 0 where it may at once.
        guess: whether it may have been a guess, not a fault of the gate or of a provider.
    """

    def __init__(self, message: str, wait_s: float = 0.0, *, guess: bool = True) -> None:
        """Keep all."""
        super().__init__(message)
        self.wait_s = wait_s
        self.guess = guess


class Logins(Protocol):
    """Tokens and their owners."""

    @property
    def offered(self) -> bool:
        """Whether there is a file of tokens at all."""
        ...

    async def check(self, token: str, address: str) -> Person:
        """Whose token this is; takes as long where there is none of that name.

        Raises: LoginFailed, also to an address with too many failures.
        """
        ...

    def verifier(self, name: str) -> Verifier:
        """What proves the token of this name, for SCRAM; made up, the same each time, where there is none."""
        ...

    def proved(self, name: str, address: str) -> Person:
        """The person whose token's proof by `verifier` held.

        Raises: LoginFailed, where there is no such token, or it has expired.
        """
        ...

    def wait_s(self, address: str) -> float:
        """For how many seconds this address has to wait before it may try; 0 for not at all."""
        ...

    def failed(self, name: str, address: str) -> None:
        """Count a login that failed elsewhere, by SCRAM or at a provider."""
        ...

    def came(self, person: Person) -> None:
        """Count a login that succeeded elsewhere, at a provider."""
        ...

    def role(self, person: Person) -> Role | None:
        """The role that somebody who logged in before has now; None where their token is gone or over."""
        ...


class SingleSignOn(Protocol):
    """Logins at a provider, where there is one (oidc/)."""

    @property
    def label(self) -> str:
        """What people know it as."""
        ...

    @property
    def start(self) -> str:
        """The URL at which a login begins, under the console's public name."""
        ...

    async def begin(self) -> tuple[str, str]:
        """Where to send a browser, and the cookie it keeps until it is back.

        Raises: LoginFailed.
        """
        ...

    async def finish(self, said: Mapping[str, str], cookie: str, address: str) -> Person:
        """Who has come back with this query and this cookie.

        Raises: LoginFailed.
        """
        ...
