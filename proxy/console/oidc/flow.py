"""The authorization code flow with PKCE, from a browser's link to a person.

Enters: browsers that want to log in, and what the provider sends back with them. Leaves: persons, or a
LoginFailed. What the provider says is shown only to the browser that began this login, or anybody's link
could put words into the gate's page. Deliberately absent: HTTP, sessions (doorway.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from yarl import URL

from proxy.console.logins import LoginFailed
from proxy.console.oidc.claims import People
from proxy.console.oidc.handshakes import Handshakes
from proxy.console.oidc.idtoken import BadToken
from proxy.console.oidc.provider import Provider, ProviderError, Refused, refusal
from proxy.console.people import Person, Way

_LONGEST = 4096


class Oidc:
    """Logs in by one provider: `SingleSignOn`."""

    def __init__(self, provider: Provider, people: People) -> None:
        """Nobody is logged in, nothing is asked."""
        self._provider = provider
        self._people = people
        self._handshakes = Handshakes(time.monotonic)
        self._issuer = provider.client.issuer

    @property
    def label(self) -> str:
        """Where people log in."""
        return URL(self._issuer).host or self._issuer

    @property
    def start(self) -> str:
        """The URL of the link: of the console's public name, for the cookie is of the host that was asked."""
        return self._provider.client.back.removesuffix("/back")

    async def begin(self) -> tuple[str, str]:
        """Where to send a browser, and the cookie it keeps until it is back.

        Raises: LoginFailed.
        """
        handshake = self._handshakes.begin()
        try:
            url = await self._provider.authorization_url(
                state=handshake.state, nonce=handshake.nonce, challenge=handshake.challenge
            )
        except ProviderError as error:
            raise self._down(error) from None
        return str(url), handshake.cookie

    async def finish(self, said: Mapping[str, str], cookie: str, address: str) -> Person:
        """Who has come back with this query and this cookie.

        Raises: LoginFailed.
        """
        handshake = self._handshakes.take(cookie, said.get("state", ""))
        if handshake is None:
            raise LoginFailed("this login was begun elsewhere, too long ago, or is done: begin again")
        if "error" in said:
            raise LoginFailed(
                f"{self.label} refuses: {refusal(said['error'], said.get('error_description'))}"
            )
        try:
            await self._check_issuer(said.get("iss"))
            code = said.get("code", "")
            if not 0 < len(code) <= _LONGEST:
                raise Refused("it sent no code")
            claims = await self._provider.redeem(code, verifier=handshake.verifier, nonce=handshake.nonce)
            name, role = self._people.name(claims), self._people.role(claims)
        except BadToken as error:
            raise LoginFailed(f"the ID token of {self.label} does not count: {error}") from None
        except Refused as error:
            raise LoginFailed(f"{self.label} gives no ID token: {error}") from None
        except ProviderError as error:
            raise self._down(error) from None
        if role is None:
            raise LoginFailed(
                f"{name} has no role here: nothing of {self._people.role_claim} is in console_oidc_roles"
            )
        return Person(name, role, Way.OIDC, address)

    async def _check_issuer(self, said: str | None) -> None:
        """So that one provider's code is not taken to another (RFC 9207)."""
        if said != self._issuer and (said is not None or await self._provider.says_issuer()):
            raise Refused("another issuer sent this")

    def _down(self, error: ProviderError) -> LoginFailed:
        return LoginFailed(f"{self.label} is of no use now: {error}. A token still opens this.", guess=False)
