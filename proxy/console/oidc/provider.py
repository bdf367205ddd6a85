"""An OpenID Connect provider, as the gate speaks with it.

Enters: codes that it gave out. Leaves: what it signed about somebody. Its configuration (OpenID Connect
Discovery 1.0) and keys are kept for an hour; a key that is unknown has the keys fetched again, seldom, so no
stranger's token makes the gate a storm. All is limited: time, bytes, calls at once; nothing is redirected.
Deliberately absent: browsers (flow.py).
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from urllib.parse import quote_plus

import aiohttp
from yarl import URL

from proxy.console.oidc.idtoken import BadToken, Claims, Key, UnknownKey, check_claims, read_keys, read_token

_WHOLE_S: Final = 10.0
_MOST_BYTES: Final = 512 * 1024
_MOST_CALLS: Final = 8
_KEPT_S: Final = 3600.0
_SOONEST_S: Final = 30.0
_PAUSE_S: Final = 5.0
_SHOWN: Final = 120

Value = TypeVar("Value")
Document = Mapping[str, object]


class ProviderError(Exception):
    """The provider does not answer, or answers nonsense; the text says so, short and printable."""


class Refused(ProviderError):
    """It answers that it will not: what it was shown is wrong, or its client is set up in another way."""


@dataclass(frozen=True, slots=True)
class Client:
    """What the provider knows the gate as.

    Attributes:
        issuer: the provider's URL, as its tokens have it.
        secret: gives the secret, which may change; None of a public client.
        scopes: asked for, with blanks between them.
        back: where the provider sends browsers to, the same each time.
    """

    issuer: str
    name: str
    secret: Callable[[], str] | None = field(repr=False)
    scopes: str
    back: str


class Kept(Generic[Value]):
    """Something fetched, kept for a while; one fetch at a time, and a pause after one that failed."""

    def __init__(self, fetch: Callable[[], Awaitable[Value]], clock: Callable[[], float]) -> None:
        """Nothing is fetched yet."""
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: Value | None = None
        self._at = self._failed = float("-inf")

    async def get(self, *, newer: bool = False) -> Value:
        """The value; a newer one, if the one that is kept is not quite fresh.

        Raises: ProviderError.
        """
        async with self._lock:
            kept_s = _SOONEST_S if newer else _KEPT_S
            if self._value is not None and self._clock() - self._at < kept_s:
                return self._value
            if self._clock() - self._failed < _PAUSE_S:
                raise ProviderError("it did not answer a moment ago: try again in some seconds")
            try:
                self._value = await self._fetch()
            except ProviderError:
                self._failed = self._clock()
                raise
            self._at = self._clock()
            return self._value


class Provider:
    """One provider."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is asked yet."""
        self.client = client
        self._tls = ssl.create_default_context()
        self._calls = asyncio.Semaphore(_MOST_CALLS)
        self._configuration = Kept(self._fetch_configuration, clock)
        self._keys = Kept(self._fetch_keys, clock)

    async def authorization_url(self, *, state: str, nonce: str, challenge: str) -> URL:
        """Where a browser goes to log in (OpenID Connect Core 1.0, 3.1.2.1; RFC 7636).

        Raises: ProviderError.
        """
        configuration = await self._configuration.get()
        return URL(self._endpoint(configuration, "authorization_endpoint")).update_query(
            response_type="code",
            client_id=self.client.name,
            redirect_uri=self.client.back,
            scope=self.client.scopes,
            state=state,
            nonce=nonce,
            code_challenge=challenge,
            code_challenge_method="S256",
        )

    async def says_issuer(self) -> bool:
        """Whether it names itself when it sends a browser back (RFC 9207).

        Raises: ProviderError.
        """
        configuration = await self._configuration.get()
        return configuration.get("authorization_response_iss_parameter_supported") is True

    async def redeem(self, code: str, *, verifier: str, nonce: str) -> Claims:
        """What it has signed about whoever brought this code.

        Raises: ProviderError, BadToken.
        """
        token = await self._token(code, verifier)
        try:
            claims = read_token(token, await self._keys.get())
        except UnknownKey:
            try:
                claims = read_token(token, await self._keys.get(newer=True))
            except UnknownKey:
                raise BadToken("it is signed by a key that the provider does not publish") from None
        issuer, client = self.client.issuer, self.client.name
        check_claims(claims, issuer=issuer, client=client, nonce=nonce, now_s=time.time())
        return claims

    async def _token(self, code: str, verifier: str) -> str:
        configuration = await self._configuration.get()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.back,
            "code_verifier": verifier,
        }
        headers = {}
        secret = None if self.client.secret is None else await asyncio.to_thread(self.client.secret)
        methods = configuration.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret is None:
            form["client_id"] = self.client.name
        elif isinstance(methods, list) and "client_secret_basic" not in methods:
            form |= {"client_id": self.client.name, "client_secret": secret}
        else:
            headers["Authorization"] = _basic(self.client.name, secret)
        answer = await self._call(self._endpoint(configuration, "token_endpoint"), form, headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("it gave no ID token: does the client have the scope openid?")
        return token

    # -- what is kept --------------------------------------------------------------------------------------

    async def _fetch_configuration(self) -> Document:
        issuer = self.client.issuer
        found = await self._call(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise ProviderError(f"it calls itself {short(found.get('issuer'))}, not {issuer}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self._endpoint(found, name)
        return found

    async def _fetch_keys(self) -> tuple[Key, ...]:
        configuration = await self._configuration.get()
        try:
            return read_keys(await self._call(self._endpoint(configuration, "jwks_uri")))
        except ValueError:
            raise ProviderError("its keys cannot be read") from None

    def _endpoint(self, configuration: Document, name: str) -> str:
        """A URL of its configuration, which has TLS if its issuer has."""
        url = configuration.get(name)
        schemes = ("https", "http") if self.client.issuer.startswith("http://") else ("https",)
        try:
            if isinstance(url, str) and URL(url).scheme in schemes and URL(url).host:
                return url
        except ValueError:
            pass
        raise ProviderError(f"its configuration has no {name} of use")

    # -- calls ---------------------------------------------------------------------------------------------

    async def _call(
        self, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Document:
        """Ask it; a GET where there is no form.

        Raises: ProviderError.
        """
        try:
            async with asyncio.timeout(_WHOLE_S), self._calls:
                status, content = await self._ask(url, form, headers)
        except TimeoutError:
            raise ProviderError(f"it did not answer within {_WHOLE_S:.0f} s") from None
        except aiohttp.ClientConnectorCertificateError:
            raise ProviderError("its certificate is signed by nobody whom this machine trusts") from None
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
            raise ProviderError(f"it cannot be reached ({type(error).__name__})") from None
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if status != 200 or not isinstance(answer, dict):
            said = answer if isinstance(answer, dict) else {}
            kind = Refused if form is not None and 400 <= status < 500 else ProviderError
            raise kind(
                f"it answers {status} {refusal(said.get('error'), said.get('error_description'))}".strip()
            )
        return answer

    async def _ask(
        self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        connector = aiohttp.TCPConnector(ssl=self._tls)
        method = "GET" if form is None else "POST"
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                method,
                url,
                data=form,
                headers={"Accept": "application/json", **(headers or {})},
                allow_redirects=False,
            ) as answer,
        ):
            content = bytearray()
            async for part in answer.content.iter_chunked(16 * 1024):
                content += part
                if len(content) > _MOST_BYTES:
                    raise ValueError("too long")
            return answer.status, bytes(content)


def _basic(name: str, secret: str) -> str:
    """RFC 6749, 2.3.1: both are form-encoded first."""
    return aiohttp.encode_basic_auth(quote_plus(name), quote_plus(secret))


def refusal(error: object, description: object) -> str:
    """What a provider says of an error (RFC 6749, 4.1.2.1 and 5.2), short."""
    return ": ".join(short(part) for part in (error, description) if part)


def short(text: object) -> str:
    """A provider's word as it may be shown; a page still has to escape it."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
