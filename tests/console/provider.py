"""An OpenID Connect provider on a port of its own, which signs what it is told to, wrong things too.

It is strict where a provider has to be: the client, its secret, the redirect URI, PKCE, and each code once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from joserfc import jwk, jwt
from yarl import URL

CLIENT, SECRET = "gate:1", "s3cret/+%"
BASIC = base64.b64encode(b"gate%3A1:s3cret%2F%2B%25").decode()
Key = jwk.RSAKey | jwk.ECKey | jwk.OKPKey


def rsa(name: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


class LocalProvider:
    """The provider.

    Attributes:
        claims: of everybody who comes, added to those that it has to make.
        sign: makes the ID token of claims.
        refuses: what it answers to browsers, in a code's place.
        asked: how often each path was asked for.
    """

    def __init__(self, key: Key) -> None:
        self.key: Key = key
        self.published: list[Key] = [key]
        self.algorithm = "RS256"
        self.claims: dict[str, object] = {}
        self.sign: Callable[[dict[str, object]], str] = self.signed
        self.refuses: dict[str, str] = {}
        self.configuration: dict[str, object] = {}
        self.down = False
        self.asked: Counter[str] = Counter()
        self.issuer = ""
        self._codes: dict[str, dict[str, str]] = {}

    def signed(self, claims: dict[str, object], **header: object) -> str:
        head = {"alg": self.algorithm, "kid": self.key.kid, **header}
        return jwt.encode(head, claims, self.key, algorithms=[self.algorithm])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LocalProvider]:
        application = web.Application()
        application.router.add_get("/realm/.well-known/openid-configuration", self._configured)
        application.router.add_get("/realm/authorize", self._authorize)
        application.router.add_post("/realm/token", self._token)
        application.router.add_get("/realm/keys", self._keys)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}/realm"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _seen(self, request: web.Request) -> None:
        self.asked[request.path.rpartition("/")[2]] += 1
        if self.down:
            raise web.HTTPServiceUnavailable

    async def _configured(self, request: web.Request) -> web.Response:
        self._seen(request)
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.configuration,
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        self._seen(request)
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.published]})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert (asked["tenant"], asked["response_type"], asked["client_id"]) == ("1", "code", CLIENT)
        assert (asked["code_challenge_method"], "openid" in asked["scope"].split()) == ("S256", True)
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        said = self.refuses or {"code": code}
        raise web.HTTPFound(URL(asked["redirect_uri"]).update_query({"state": asked["state"], **said}))

    async def _token(self, request: web.Request) -> web.Response:
        self._seen(request)
        form = await request.post()
        asked = self._codes.pop(str(form["code"]), None)
        verified = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        if request.headers.get("Authorization") != f"Basic {BASIC}":
            return web.json_response({"error": "invalid_client"}, status=401)
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked["code_challenge"] != verified.decode().rstrip("=")
        ):
            return web.json_response(
                {"error": "invalid_grant", "error_description": "<b>" + "long " * 100}, status=400
            )
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.issuer, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 300,
            "nonce": asked["nonce"],
        }  # fmt: skip
        token = self.sign({**claims, **self.claims})
        return web.json_response({"access_token": "a", "token_type": "Bearer", "id_token": token})


def unsigned(claims: dict[str, object]) -> str:
    """As `alg: none` has it."""
    parts = (json.dumps(each).encode() for each in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
