"""Who a request is from, what lets it in, and what people do by the page's forms."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from proxy.app.log import logger
from proxy.app.operating.logins import TokenLogins
from proxy.app.operating.tokens import Token, make_token
from proxy.console import PageServer
from proxy.console.doorway import Place
from proxy.console.logins import SingleSignOn
from proxy.console.people import NEEDED, Action, Role
from tests.console.hands import TEXTS, NotedOperations, logins
from tests.console.test_page import Source, evil_overview
from tests.relay.certificates import Authority, server_context

LOCAL = Place(True, False)
SIGNED = {"key": "k", "at": "2026-11-26T12:00:00.000000+00:00", "signature": "s"}
FORMS: dict[Action, tuple[str, dict[str, str]]] = {
    Action.FREEZE: ("/freezes/freeze", {"reason": "incident 12", "lasting": "2h", "kill": "on"}),
    Action.THAW: ("/freezes/thaw", {"database": "shop"}),
    Action.RELOAD: ("/policy/reload", {}),
    Action.END_SESSION: ("/sessions/end", {"session": "0-ab", "reason": "it holds locks"}),
    Action.GRANT: ("/approvals/grant", {"request": "aa", **SIGNED}),
    Action.DENY: ("/approvals/deny", {"request": "aa", "reason": "not today"}),
}


class Browser:
    """A browser at a gate: it keeps cookies, and says where a form is from."""

    def __init__(self, base: str, client: aiohttp.ClientSession) -> None:
        self.base = base
        self.client = client
        self.origin: str | None = base

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.client.get(self.base + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, form: dict[str, str], **headers: str) -> aiohttp.ClientResponse:
        if self.origin is not None:
            headers["Origin"] = self.origin
        answer = await self.client.post(self.base + path, data=form, headers=headers, allow_redirects=False)
        await answer.read()
        return answer

    async def log_in(self, role: Role) -> str:
        """Log in; what forms repeat."""
        answer = await self.post("/login", {"token": TEXTS[role]})
        assert (answer.status, await answer.text()) == (303, "")
        assert answer.headers["Location"] == "/"
        return await self.csrf()

    async def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.get("/login"))[1])
        return "" if found is None else found[1]


class Stage:
    """A running page."""

    def __init__(
        self,
        place: Place = LOCAL,
        failures: int = 0,
        single: Callable[[str], SingleSignOn] | None = None,
    ) -> None:
        self.single = single
        self.source = Source(evil_overview())
        self.operations = NotedOperations()
        self.place = place
        self.logins = logins(failures)
        self.tls: ssl.SSLContext | None = None
        self.trust: ssl.SSLContext | bool = True

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        said: list[str] = []
        scheme = "https" if self.place.encrypted else "http"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        base = f"{scheme}://127.0.0.1:{port}"
        server = PageServer(
            self.source,
            self.operations,
            self.logins,
            said.append,
            place=self.place,
            single=None if self.single is None else self.single(base),
            tls=self.tls,
        )
        await server.start("127.0.0.1", port)
        jar = aiohttp.CookieJar(unsafe=True)
        connector = aiohttp.TCPConnector(ssl=self.trust)
        try:
            async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as client:
                yield Browser(base, client)
        finally:
            await server.stop()
        assert said == []


@pytest.mark.parametrize("role", list(Role))
async def test_each_form_takes_its_role(role: Role) -> None:
    stage = Stage()
    async with stage.browser() as browser:
        csrf = await browser.log_in(role)
        allowed = []
        for action, (path, form) in FORMS.items():
            answer = await browser.post(path, {**form, "csrf": csrf})
            assert answer.status == (303 if role >= NEEDED[action] else 403)
            if answer.status == 303:
                allowed.append(action.value)
            else:
                assert f"takes the role {NEEDED[action].word}" in await answer.text()
    assert [(what, who) for what, who, _ in stage.operations.done] == [(what, role.word) for what in allowed]


async def test_what_a_form_says_is_what_is_done() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        csrf = await browser.log_in(Role.APPROVER)
        for path, form in FORMS.values():
            await browser.post(path, {**form, "csrf": csrf})
    said = {what: said for what, _, said in stage.operations.done}
    assert said["freeze"] == {"reason": "incident 12", "ends": True, "database": None, "kill": True}
    assert said["thaw"] == {"database": "shop"}
    assert said["end_session"] == {"session": "0-ab", "reason": "it holds locks"}
    assert said["deny"] == {"request": "aa", "reason": "not today"}
    signed = said["grant"]["signed"]
    assert getattr(signed, "at", None) == datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)  # noqa: UP017


async def test_who_has_not_logged_in_looks_and_does_nothing() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        for path in ("/", "/sessions", "/approvals", "/freezes", "/login"):
            status, text = await browser.get(path)
            assert (status, 'name="csrf"' in text) == (200, False)
        for path, form in FORMS.values():
            answer = await browser.post(path, form)
            assert (answer.status, "log in with a token" in await answer.text()) == (403, True)
    assert stage.operations.done == []


async def test_forms_of_other_pages_and_other_logins_do_nothing() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        csrf = await browser.log_in(Role.APPROVER)
        port = browser.base.rpartition(":")[2]
        for origin in (
            None,
            "null",
            "https://evil.example",
            f"http://localhost:{port}",
            "http://127.0.0.1:1",
        ):
            browser.origin = origin
            for path, form in (*FORMS.values(), ("/logout", {}), ("/login", {"token": TEXTS[Role.VIEWER]})):
                answer = await browser.post(path, {**form, "csrf": csrf})
                assert (answer.status, "another site's page" in await answer.text()) == (403, True)
        browser.origin = browser.base
        for wrong in ("", csrf[:-1], csrf + "x", "\N{SNOWMAN}"):
            for path, form in FORMS.values():
                answer = await browser.post(path, {**form, "csrf": wrong})
                assert (answer.status, "of another login" in await answer.text()) == (403, True)
        assert (await browser.get("/freezes/freeze"))[0] == 405
    assert stage.operations.done == []


async def test_a_login_takes_up_no_cookie_that_came_along() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        browser.client.cookie_jar.update_cookies({"pgwarden": "fixed"}, URL(browser.base))
        await browser.log_in(Role.OPERATOR)
        (first,) = (cookie.value for cookie in browser.client.cookie_jar if cookie.key == "pgwarden")
        csrf = await browser.csrf()
        answer = await browser.post("/login", {"token": TEXTS[Role.APPROVER], "csrf": csrf})
        (second,) = (cookie.value for cookie in browser.client.cookie_jar if cookie.key == "pgwarden")
        assert answer.status == 303
        assert len({"fixed", first, second}) == 3
        for old in ("fixed", first):
            async with aiohttp.ClientSession(cookies={"pgwarden": old}) as other:
                answer = await other.get(f"{browser.base}/login")
                assert "You are" not in await answer.text()


async def test_the_logout_ends_it() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        csrf = await browser.log_in(Role.OPERATOR)
        assert "You are operator, operator." in (await browser.get("/login"))[1]
        (cookie,) = (cookie.value for cookie in browser.client.cookie_jar)
        answer = await browser.post("/logout", {"csrf": csrf})
        assert answer.status == 303
        async with aiohttp.ClientSession(cookies={"pgwarden": cookie}) as other:
            again = await other.get(f"{browser.base}/login")
            assert "You are" not in await again.text()


async def test_what_follows_the_gate_ends_with_the_login() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        csrf = await browser.log_in(Role.VIEWER)
        async with browser.client.get(f"{browser.base}/live") as stream:
            assert await stream.content.readuntil(b"\n\n") == b": open\n\n"
            stage.source.arrived.set()
            assert await stream.content.readuntil(b"\n\n") == b"event: refused\ndata: \n\n"
            await browser.post("/logout", {"csrf": csrf})
            stage.source.arrived.set()
            assert await asyncio.wait_for(stream.content.read(), 30) == b""


async def test_a_login_ends_with_its_token(tmp_path: Path) -> None:
    """Two browsers are logged in; the file changes below them."""
    file = tmp_path / "tokens"
    file.touch(0o600)
    made = {name: make_token(name, Role.OPERATOR, None) for name in ("ada", "bob")}
    rewritten = made["ada"][0], replace(made["bob"][0], role=Role.VIEWER)
    anew, _ = make_token("ada", Role.OPERATOR, None)
    stage = Stage()
    stage.logins = TokenLogins(str(file), {name: token for name, (token, _) in made.items()}, 0, logger())
    async with stage.browser() as ada, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as c:
        bob = Browser(ada.base, c)
        csrf = {}
        for browser, name in ((ada, "ada"), (bob, "bob")):
            assert (await browser.post("/login", {"token": made[name][1]})).status == 303
            csrf[browser] = await browser.csrf()

        async def freezing(browser: Browser, *tokens: Token) -> tuple[int, bool]:
            file.write_text("".join(f"{token.written()}\n" for token in tokens))
            await stage.logins.reload(only_changed=False)
            form = {"reason": "r", "csrf": csrf[browser]}
            status = (await browser.post("/freezes/freeze", form)).status
            return status, "You are" in (await browser.get("/login"))[1]

        assert await freezing(ada, *rewritten) == (303, True)
        assert await freezing(bob, *rewritten) == (403, True)  # a viewer now
        assert await freezing(bob, made["ada"][0]) == (403, False)  # revoked
        assert await freezing(ada, anew) == (403, False)  # the token was made anew: the old one is out
        assert await freezing(ada, made["ada"][0]) == (403, False)  # and what has ended stays so


async def test_two_tabs_are_one_login_and_its_end_is_of_both() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        await browser.log_in(Role.OPERATOR)
        first, second = await browser.csrf(), await browser.csrf()
        assert first == second
        for tab in (first, second):
            assert (await browser.post("/freezes/freeze", {"reason": "r", "csrf": tab})).status == 303
        stale = await browser.post("/login", {"token": TEXTS[Role.APPROVER]})  # a tab from before the login
        assert (stale.status, "load its page again" in await stale.text()) == (403, True)
        await browser.post("/login", {"token": TEXTS[Role.APPROVER], "csrf": first})
        answer = await browser.post("/freezes/freeze", {"reason": "r", "csrf": first})
        assert (answer.status, "of another login" in await answer.text()) == (403, True)
        tab = await browser.csrf()
        assert (await browser.post("/logout", {"csrf": tab})).status == 303
        answer = await browser.post("/freezes/freeze", {"reason": "r", "csrf": tab})
        assert (answer.status, "log in with a token" in await answer.text()) == (403, True)
    assert len(stage.operations.done) == 2


async def test_a_cookie_is_for_the_gate_alone() -> None:
    async with Stage().browser() as browser:
        answer = await browser.post("/login", {"token": TEXTS[Role.VIEWER]})
        value = answer.headers["Set-Cookie"].partition("; ")
        assert value[0].startswith("pgwarden=")
        assert value[2] == "HttpOnly; Path=/; SameSite=Strict"
        assert TEXTS[Role.VIEWER] not in str(answer.headers)


async def test_programs_send_a_bearer_token() -> None:
    stage = Stage()
    async with stage.browser() as browser:
        browser.origin = None
        for scheme in ("Bearer", "bearer"):
            answer = await browser.post(
                "/policy/reload", {}, Authorization=f"{scheme} {TEXTS[Role.OPERATOR]}"
            )
            assert answer.status == 303
        answer = await browser.post("/policy/reload", {}, Authorization="Bearer operator~guess")
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="pgwarden"')
        assert TEXTS[Role.OPERATOR] not in await answer.text()
    assert [what for what, _, _ in stage.operations.done] == ["reload", "reload"]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disp", 415),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nx\r\n--b--',
            415,
        ),
        ("text/plain", b"token=x", 415),
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded; charset=nonsense", b"token=x", 400),
        ("application/x-www-form-urlencoded; charset=ascii", b"token=\xff", 400),
        ("application/x-www-form-urlencoded", b"token=%ff%00", 403),
        ("application/x-www-form-urlencoded", b"", 403),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/explain"])
async def test_bodies_that_no_form_sends(path: str, kind: str, body: bytes, status: int) -> None:
    """Whoever sends them is told so, and the gate's log says nothing: `browser` asserts that."""
    async with Stage().browser() as browser:
        headers = {"Origin": browser.base, "Content-Type": kind}
        async with browser.client.post(f"{browser.base}{path}", data=body, headers=headers) as answer:
            assert answer.status == (status if path == "/login" or status != 403 else 400)


async def test_guesses_have_to_wait() -> None:
    async with Stage(failures=2).browser() as browser:
        for _ in range(2):
            assert (await browser.post("/login", {"token": "viewer~guess"})).status == 403
        answer = await browser.post("/login", {"token": TEXTS[Role.VIEWER]})
        assert (answer.status, 0 < int(answer.headers["Retry-After"]) <= 61) == (429, True)
        status, _ = await browser.get("/", Authorization=f"Bearer {TEXTS[Role.VIEWER]}")
        assert status == 429


async def test_what_cannot_be_done_is_said() -> None:
    stage = Stage()
    stage.operations.trouble = "the ledger <b> does not answer."
    async with stage.browser() as browser:
        csrf = await browser.log_in(Role.APPROVER)
        answer = await browser.post("/freezes/freeze", {"reason": "r", "csrf": csrf})
        assert answer.status == 409
        assert "the ledger &lt;b&gt; does not answer.</p>\n<p>See to it.</p>" in await answer.text()
        stage.operations.trouble = ""
        for form, said in (
            ({"lasting": "soon"}, "Write how long as 30m, 2h or 1d."),
            ({"reason": "x" * 5000}, "one of the fields is too long."),
        ):
            answer = await browser.post("/freezes/freeze", {**form, "csrf": csrf})
            assert (answer.status, said in await answer.text()) == (409, True)
        answer = await browser.post("/approvals/grant", {"request": "a", "csrf": csrf})
        assert (answer.status, "it is not signed" in await answer.text()) == (409, True)
        answer = await browser.post("/freezes/freeze", {"reason": "x" * 100_000, "csrf": csrf})
        assert answer.status == 413
    assert stage.operations.done == []


async def test_elsewhere_nothing_is_shown_without_a_login(tmp_path: Path) -> None:
    stage = Stage(Place(False, True))
    stage.tls = server_context(Authority(tmp_path, "us").certify("127.0.0.1"))
    stage.trust = False
    async with stage.browser() as browser:
        for path in ("/", "/refusals", "/live", "/rates.json", "/sessions", "/approvals", "/nothing"):
            assert (await browser.get(path))[0] == 401
            assert (await browser.get(path, Accept="text/html"))[0] == 303
        assert (await browser.get("/api/v1/sessions", Accept="text/html"))[0] == 401
        assert (await browser.get("/assets/console.css"))[0] == 200
        answer = await browser.post("/login", {"token": TEXTS[Role.VIEWER]})
        said = answer.headers["Set-Cookie"]
        assert said.startswith("__Host-pgwarden=")
        assert said.endswith("; HttpOnly; Path=/; SameSite=Strict; Secure") or "; Secure" in said
        assert (await browser.get("/"))[0] == 200
