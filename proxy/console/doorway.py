"""Who a request is from, before anything answers it; and the login of browsers.

Enters: requests. Leaves: the person of each, or an answer in the page's place. A Bearer token (RFC 6750) is
for programs, a cookie for browsers. What may change something has to come from the page itself: its Origin is
the gate's own, and a form repeats what its session alone knows, so no other site's page can send it. A gate
that listens on loopback answers only a Host of this machine, or a page of anybody's could read it under a
name that is made to point here (DNS rebinding); elsewhere the certificate does not fit such a name. On
loopback whoever has not logged in may look. Deliberately absent: what a person may do (people.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from proxy.console import answers
from proxy.console.forms import fields_of
from proxy.console.logins import AWAY_S, LoginFailed, Logins, SingleSignOn
from proxy.console.people import Person, Role, Way
from proxy.console.rendering import Pages
from proxy.console.websessions import WebSession, WebSessions

_HOST: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([a-z0-9.]+))(?::[0-9]+)?")
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_API: Final = "/api/"
_OPEN: Final = ("/login", "/assets/")
_PERSON: Final = web.RequestKey("person", Person)
_SESSION: Final = web.RequestKey("session", WebSession)


def person_of(request: web.Request) -> Person:
    """Who a request that the doorway let in is from."""
    return request[_PERSON]


def csrf_of(request: web.Request) -> str:
    """What a form of this request's page has to repeat; "" for who has not logged in."""
    session = request.get(_SESSION)
    return "" if session is None else session.csrf


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gate listens: on this machine alone, or for others; by TLS."""

    local: bool
    encrypted: bool


class Doorway:
    """Lets requests in."""

    def __init__(
        self, logins: Logins, place: Place, pages: Pages, single: SingleSignOn | None = None
    ) -> None:
        """Ask these logins, and the provider of `single` where there is one."""
        self._logins = logins
        self._single = single
        self._place = place
        self._pages = pages
        self._sessions = WebSessions(time.monotonic, logins.role)

    @property
    def _cookie(self) -> str:
        """With the prefix that browsers take from nobody else over TLS (RFC 6265bis, 4.1.3.2)."""
        return "__Host-pgwarden" if self._place.encrypted else "pgwarden"

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        """Find out who this is; an answer where the request goes no further."""
        if self._place.local and not _of_this_machine(request.host):
            return answers.plain(
                "this page is for a browser that asks for localhost or a loopback address", 421
            )
        if request.path.startswith(_API):  # it takes no cookies, and asks for tokens itself
            told = self._place.local or "Authorization" in request.headers
            return None if told else _unauthorised(LoginFailed("send a token"))
        address = request.remote or ""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                request[_PERSON] = await self._logins.check(token.strip(), address)
            except LoginFailed as error:
                return _unauthorised(error)
            return None
        session = self._sessions.find(request.cookies.get(self._cookie, ""), address)
        if request.method not in _SAFE:
            problem = await self._forged(request, session)
            if problem:
                return answers.plain(problem, 403)
        if session is not None:
            request[_SESSION] = session
            request[_PERSON] = session.person
        elif self._place.local or request.path.startswith(_OPEN):
            request[_PERSON] = Person("", Role.VIEWER, Way.NOBODY, address)
        elif "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPSeeOther("/login")
        else:
            return _unauthorised(LoginFailed("log in, or send a token"))
        return None

    def stands(self, request: web.Request) -> bool:
        """Whether who was let in would be now; for what goes on after that."""
        session, person = request.get(_SESSION), person_of(request)
        if session is not None:
            return self._sessions.stands(session)
        return not person.known or self._logins.role(person) is not None

    async def _forged(self, request: web.Request, session: WebSession | None) -> str:
        """Why a request that may change something is not from a page of the gate's; "" where it is."""
        own = f"{'https' if self._place.encrypted else 'http'}://{request.host}"
        if request.headers.get("Origin") != own:
            return "this came from another site's page, or from none: open the gate's own page"
        if session is None:
            return ""  # a login; or somebody who may do nothing
        said = request.headers.get("X-CSRF-Token") or (await fields_of(request)).get("csrf", "")
        return "" if session.repeats(said) else "this form is of another login: load its page again"

    # -- logging in ----------------------------------------------------------------------------------------

    def routes(self) -> Iterator[web.RouteDef]:
        """The login and the logout."""
        yield web.get("/login", self._ask)
        yield web.post("/login", self._log_in)
        yield web.post("/logout", self._log_out)
        if self._single is not None:
            yield web.get("/login/oidc", self._send_away, allow_head=False)
            yield web.get("/login/oidc/back", self._take_back, allow_head=False)

    async def _ask(self, request: web.Request) -> web.Response:
        return self._form(request)

    def _form(self, request: web.Request, problem: str = "", status: int = 200) -> web.Response:
        person = person_of(request)
        page = self._pages.render(
            "login.html",
            problem=problem,
            offered=self._logins.offered,
            single=self._single,
            looking=self._place.local,
            person=person,
            csrf=csrf_of(request),
        )
        return answers.html(page, status)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        token = (await fields_of(request)).get("token", "").strip()
        try:
            person = await self._logins.check(token, request.remote or "")
        except LoginFailed as error:
            return self._refuse(request, error)
        return self._let_in(request, person, answers.sent_to("/"))

    def _refuse(self, request: web.Request, error: LoginFailed) -> web.Response:
        answer = self._form(request, str(error), 429 if error.wait_s else 403 if error.guess else 502)
        if error.wait_s:
            answer.headers["Retry-After"] = str(int(error.wait_s) + 1)
        return answer

    def _let_in(self, request: web.Request, person: Person, answer: web.Response) -> web.Response:
        """Begin a session: a new one, whatever cookie came along, and the one of that cookie ends."""
        self._sessions.end(request.cookies.get(self._cookie, ""))
        cookie, _ = self._sessions.begin(person)
        answer.set_cookie(
            self._cookie, cookie, httponly=True, samesite="Strict", secure=self._place.encrypted, path="/"
        )
        return answer

    async def _log_out(self, request: web.Request) -> web.Response:
        self._sessions.end(request.cookies.get(self._cookie, ""))
        answer = answers.sent_to("/login")
        answer.del_cookie(
            self._cookie, path="/", secure=self._place.encrypted, httponly=True, samesite="Strict"
        )
        return answer

    # -- logging in at a provider --------------------------------------------------------------------------

    async def _send_away(self, request: web.Request) -> web.StreamResponse:
        assert self._single is not None  # noqa: S101 - else there is no such route
        try:
            self._let_try(request)
            url, cookie = await self._single.begin()
        except LoginFailed as error:
            return self._refuse(request, error)
        answer = answers.sent_to(url)
        answer.set_cookie(  # Strict would not come back: it is the provider that sends the browser here
            self._away_cookie,
            cookie,
            max_age=AWAY_S,
            httponly=True,
            samesite="Lax",
            secure=self._place.encrypted,
            path="/",
        )
        return answer

    async def _take_back(self, request: web.Request) -> web.StreamResponse:
        assert self._single is not None  # noqa: S101 - else there is no such route
        address = request.remote or ""
        try:
            self._let_try(request)
            cookie = request.cookies.get(self._away_cookie, "")
            person = await self._single.finish(request.query, cookie, address)
        except LoginFailed as error:
            if error.guess and not error.wait_s:
                self._logins.failed("oidc", address)
            answer = self._refuse(request, error)
        else:
            self._logins.came(person)
            # A page that goes on by itself: browsers send no Strict cookie along a way from elsewhere.
            answer = self._let_in(request, person, answers.html(self._pages.render("entered.html")))
        answer.del_cookie(
            self._away_cookie, path="/", secure=self._place.encrypted, httponly=True, samesite="Lax"
        )
        return answer

    def _let_try(self, request: web.Request) -> None:
        wait_s = self._logins.wait_s(request.remote or "")
        if wait_s > 0:
            raise LoginFailed(f"too many logins failed: wait {int(wait_s) + 1} s", wait_s)

    @property
    def _away_cookie(self) -> str:
        return f"{self._cookie}-login"


def _unauthorised(error: LoginFailed) -> web.Response:
    answer = answers.plain(str(error), 429 if error.wait_s else 401)
    answer.headers["WWW-Authenticate"] = 'Bearer realm="pgwarden"'
    if error.wait_s:
        answer.headers["Retry-After"] = str(int(error.wait_s) + 1)
    return answer


def _of_this_machine(host: str) -> bool:
    """Whether a Host header names a loopback address, or localhost."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1] or match[2]
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
