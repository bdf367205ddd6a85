"""Login at a provider: a real one on a port of its own, a browser that keeps cookies, and what goes wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from joserfc import jwk
from yarl import URL

from proxy.console.oidc import Client, Oidc, People, Provider
from proxy.console.people import Role
from tests.console.hands import TEXTS
from tests.console.provider import CLIENT, SECRET, Key, LocalProvider, rsa, unsigned
from tests.console.test_doorway import Browser, Stage

KEY, OTHER = rsa("one"), rsa("two")
ROLES = {role.word: role for role in Role}
GROUPS = {"groups": ["staff", "operator"], "email": "ada@example.com", "email_verified": True}
Forge = Callable[[LocalProvider, dict[str, object]], str]


class Visitor:
    """A browser that logs in at the provider."""

    def __init__(self, browser: Browser, provider: LocalProvider) -> None:
        self.browser = browser
        self.provider = provider

    async def away(self) -> URL:
        """Go as far as the provider; where it sends the browser back to."""
        url = URL(f"{self.browser.base}/login/oidc")
        for _ in range(2):
            async with self.browser.client.get(url, allow_redirects=False) as answer:
                url = URL(answer.headers["Location"], encoded=True)
        return url

    async def back(self, url: URL) -> tuple[int, str]:
        async with self.browser.client.get(url, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def log_in(self) -> tuple[int, str]:
        return await self.back(await self.away())

    async def person(self) -> str:
        found = re.search(r"You are ([^<]*)\. <a", (await self.browser.get("/login"))[1])
        return "" if found is None else found[1]


@asynccontextmanager
async def visit(
    key: Key = KEY,
    default: Role | None = None,
    failures: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Visitor]:
    async with LocalProvider(key).serving() as provider:
        provider.claims = dict(GROUPS)

        def single(base: str) -> Oidc:
            client = Client(
                provider.issuer, CLIENT, lambda: SECRET, "openid email", f"{base}/login/oidc/back"
            )
            return Oidc(Provider(client, clock), People(None, "groups", ROLES, default))

        async with Stage(failures=failures, single=single).browser() as browser:
            yield Visitor(browser, provider)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", KEY),
        ("PS256", KEY),
        ("ES256", jwk.ECKey.generate_key("P-256", {"kid": "e"})),
        ("EdDSA", jwk.OKPKey.generate_key("Ed25519", {"kid": "o"})),
    ],
)
@pytest.mark.filterwarnings("ignore:EdDSA")
async def test_whoever_has_a_role_there_is_let_in(algorithm: str, key: Key) -> None:
    async with visit(key) as visitor:
        visitor.provider.algorithm = algorithm
        assert "Log in at 127.0.0.1</a>" in (await visitor.browser.get("/login"))[1]
        status, text = await visitor.log_in()
        assert (status, 'content="0; url=/"' in text) == (200, True)
        assert await visitor.person() == "ada@example.com, operator"
        csrf = await visitor.browser.csrf()
        for token, wanted in (("", 403), (csrf, 303)):
            answer = await visitor.browser.post("/policy/reload", {"csrf": token})
            assert answer.status == wanted


async def test_the_cookies_are_of_the_way_and_of_the_session() -> None:
    async with visit() as visitor:
        async with visitor.browser.client.get(
            f"{visitor.browser.base}/login/oidc", allow_redirects=False
        ) as answer:
            sent, away = answer.headers["Location"], answer.headers["Set-Cookie"]
        assert away.startswith("pgwarden-login=")
        assert set(away.split("; ")[1:]) == {"HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax"}
        assert URL(sent).query["redirect_uri"] == f"{visitor.browser.base}/login/oidc/back"
        async with visitor.browser.client.get(sent) as answer:
            said = answer.headers.getall("Set-Cookie")
        assert any(each.startswith("pgwarden=") and "SameSite=Strict" in each for each in said)
        assert any(each.startswith('pgwarden-login=""') and "Max-Age=0" in each for each in said)


def changed(**claims: object) -> Forge:
    return lambda provider, made: provider.signed({**made, **claims})


def without(name: str) -> Forge:
    return lambda provider, made: provider.signed({key: each for key, each in made.items() if key != name})


def by_secret(provider: LocalProvider, made: dict[str, object]) -> str:
    """Signed by HMAC, with the public key's PEM as its secret (RFC 8725, 2.1)."""
    parts = ({"alg": "HS256", "kid": "one"}, made)
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts
    )
    mac = hmac.digest(provider.key.as_pem(private=False), text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def broken(provider: LocalProvider, made: dict[str, object]) -> str:
    head, _, signature = provider.signed(made).split(".")
    _, body, _ = provider.signed({**made, "groups": ["approver"]}).split(".")
    return f"{head}.{body}.{signature}"


def by_another(provider: LocalProvider, made: dict[str, object]) -> str:
    provider.key = OTHER
    return provider.signed(made, kid="one")


FORGERIES: Mapping[str, tuple[Forge, str]] = {
    "nonce": (changed(nonce="another"), "it is for another login"),
    "no nonce": (without("nonce"), "it is for another login"),
    "expired": (changed(exp=time.time() - 3600), "it has expired"),
    "no end": (without("exp"), "its exp is no time"),
    "of the future": (changed(iat=time.time() + 3600), "it is of the future"),
    "not yet": (changed(nbf=time.time() + 3600), "it is of the future"),
    "audience": (changed(aud="another"), "it is for another client"),
    "no audience": (without("aud"), "it is for another client"),
    "audiences": (changed(aud=[CLIENT, "another"]), "it was given to another client"),
    "azp": (changed(azp="another"), "it was given to another client"),
    "issuer": (changed(iss="https://evil.example"), "another issuer made it"),
    "nobody": (without("sub"), "it names nobody"),
    "alg none": (lambda _, made: unsigned(made), "it is not signed by RS256"),
    "alg HS256": (by_secret, "it is not signed by RS256"),
    "alg of another key": (
        lambda p, made: p.signed(made).replace(p.signed({}).split(".")[0], _es()),
        "its key is not",
    ),
    "changed": (broken, "its signature is wrong"),
    "another's": (by_another, "its signature is wrong"),
    "unknown key": (
        lambda p, made: p.signed(made, kid="<b>"),
        "it is signed by a key that",
    ),
    "no token": (lambda _, made: "....", "it is no signed JWT"),
}


def _es() -> str:
    head = json.dumps({"alg": "ES256", "kid": "one"}).encode()
    return base64.urlsafe_b64encode(head).decode().rstrip("=")


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_token_that_does_not_count_lets_nobody_in(name: str) -> None:
    forge, said = FORGERIES[name]
    async with visit() as visitor:
        visitor.provider.sign = lambda made: forge(visitor.provider, made)
        status, text = await visitor.log_in()
        assert (status, f"does not count: {said}" in text) == (403, True), text
        assert await visitor.person() == ""


async def test_a_login_counts_once_and_in_the_browser_that_began_it() -> None:
    async with visit() as visitor, aiohttp.ClientSession() as other:
        jar = visitor.browser.client.cookie_jar
        url = await visitor.away()
        cookies = {each.key: each.value for each in jar}
        for wrong in (
            url.update_query(state="x" * 43),
            url.update_query(state=""),
            url.without_query_params("state"),
        ):
            status, text = await visitor.back(wrong)
            assert (status, "this login was begun elsewhere" in text) == (403, True)
            jar.update_cookies(cookies, URL(visitor.browser.base))
        async with other.get(url) as answer:  # somebody else's browser, which was sent this link
            assert answer.status == 403
        for forged in (
            "x.y.z",
            cookies["pgwarden-login"][:-1],
            "\N{SNOWMAN}",
            f"1{cookies['pgwarden-login']}",
        ):
            async with other.get(url, cookies={"pgwarden-login": forged}) as answer:
                assert answer.status == 403
        assert visitor.provider.asked["token"] == 0
        assert (await visitor.back(url))[0] == 200
        async with other.get(url, cookies=cookies) as answer:  # state, code and cookie once more
            assert (answer.status, visitor.provider.asked["token"]) == (403, 1)


async def test_a_code_that_was_used_is_refused_by_the_provider_and_said_escaped_and_short() -> None:
    async with visit() as visitor:
        used = (await visitor.away()).query["code"]
        for _ in range(2):  # PKCE refuses it in another login; and then it is used
            status, text = await visitor.back((await visitor.away()).update_query(code=used))
            assert (status, "it answers 400 invalid_grant: &lt;b&gt;long long" in text) == (403, True)
        assert len(text) < 2000


async def test_what_the_provider_refuses_is_said() -> None:
    async with visit() as visitor:
        visitor.provider.refuses = {"error": "access_denied", "error_description": "<script>" + "x" * 500}
        url = await visitor.away()
        status, text = await visitor.back(url)
        assert (status, "refuses: access_denied: &lt;script&gt;xxx" in text) == (403, True)
        assert "x" * 130 not in text
        text = (await visitor.back(url))[1]  # a link that somebody sent says nothing
        assert "access_denied" not in text


async def test_another_issuers_answer_is_not_taken() -> None:
    async with visit() as visitor:
        status, text = await visitor.back((await visitor.away()).update_query(iss="https://evil.example"))
        assert (status, "another issuer sent this" in text) == (403, True)
        assert (await visitor.back((await visitor.away()).update_query(iss=visitor.provider.issuer)))[
            0
        ] == 200
    async with visit() as visitor:
        visitor.provider.configuration["authorization_response_iss_parameter_supported"] = True
        assert (await visitor.log_in())[0] == 403


@pytest.mark.parametrize(
    ("claims", "default", "person"),
    [
        ({"groups": ["operator", "approver", "x"]}, None, "ada@example.com, approver"),
        ({"groups": "viewer"}, None, "ada@example.com, viewer"),
        ({"groups": ["x", 7, None]}, None, ""),
        ({"groups": {"approver": 1}}, None, ""),
        ({"groups": None}, Role.VIEWER, "ada@example.com, viewer"),
        ({"email_verified": False}, None, "u-1, operator"),
        ({"email_verified": "true", "preferred_username": "ada"}, None, "ada, operator"),
        ({"email_verified": False, "preferred_username": "bob@example.com"}, None, "u-1, operator"),
        ({"email": "a\nb", "preferred_username": " "}, None, "u-1, operator"),
        ({"email": None, "sub": "x" * 256}, None, ""),
    ],
)
async def test_who_somebody_is_and_as_what(
    claims: dict[str, object], default: Role | None, person: str
) -> None:
    async with visit(default=default) as visitor:
        visitor.provider.claims |= claims
        status, _ = await visitor.log_in()
        assert (await visitor.person(), status) == (person, 200 if person else 403)


async def test_new_keys_are_fetched_and_no_storm_of_unknown_ones() -> None:
    now = [1000.0]
    async with visit(clock=lambda: now[0]) as visitor:
        provider = visitor.provider
        assert (await visitor.log_in())[0] == 200
        provider.key, provider.published = OTHER, [KEY, OTHER]
        assert (await visitor.log_in())[0] == 403  # seldom
        now[0] += 31
        assert (await visitor.log_in())[0] == 200
        for _ in range(5):
            provider.sign = lambda made: provider.signed(made, kid="none")
            assert (await visitor.log_in())[0] == 403
        assert (provider.asked["keys"], provider.asked["openid-configuration"]) == (2, 1)


async def test_a_provider_that_is_down_is_said_and_tokens_still_count() -> None:
    now = [1000.0]
    async with visit(failures=1, clock=lambda: now[0]) as visitor:
        visitor.provider.down = True
        for said in ("it answers 503", "it did not answer a moment ago"):
            status, text = await visitor.browser.get("/login/oidc")
            assert (status, said in text, "A token still opens this." in text) == (502, True, True)
        assert visitor.provider.asked["openid-configuration"] == 1
        assert (await visitor.browser.post("/login", {"token": TEXTS[Role.VIEWER]})).status == 303
        now[0] += 6
        visitor.provider.down = False
        url = await visitor.away()
        visitor.provider.down = True
        assert (await visitor.back(url))[0] == 502
        assert (
            await visitor.browser.post(
                "/login", {"token": TEXTS[Role.VIEWER], "csrf": await visitor.browser.csrf()}
            )
        ).status == 303


async def test_guesses_have_to_wait() -> None:
    async with visit(failures=2) as visitor:
        for _ in range(2):
            assert (await visitor.browser.get("/login/oidc/back?state=x&code=y"))[0] == 403
        for path in ("/login/oidc", "/login/oidc/back?state=x&code=y"):
            status, text = await visitor.browser.get(path)
            assert (status, "too many logins failed" in text) == (429, True)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"issuer": "https://evil.example"}, "it calls itself https://evil.example"),
        ({"token_endpoint": "file:///etc/passwd"}, "no token_endpoint of use"),
        ({"jwks_uri": None}, "no jwks_uri of use"),
        ({"authorization_endpoint": "http://[::1"}, "no authorization_endpoint of use"),
        ({"more": "x" * 600_000}, "it cannot be reached"),
    ],
)
async def test_a_configuration_that_is_of_no_use(configuration: dict[str, object], said: str) -> None:
    async with visit() as visitor:
        visitor.provider.configuration = configuration
        status, text = await visitor.browser.get("/login/oidc")
        assert (status, said in text) == (502, True), text
