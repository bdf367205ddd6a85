"""Answers the API's requests.

Enters: HTTP requests. Leaves: JSON, and problem details where a request comes to nothing; the description at
/openapi.json. A request with a body has to say that it is JSON, which no form of another site can (CSRF); no
cookie counts. Deliberately absent: which addresses are listened at (page.py), and what can be asked
(endpoints.py).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final

import msgspec
from aiohttp import web

from proxy.console.api import problems
from proxy.console.api.document import document
from proxy.console.api.endpoints import ENDPOINTS, Call, Endpoint
from proxy.console.api.problems import HEADERS, Refused
from proxy.console.api.source import ApiSource
from proxy.console.logins import LoginFailed, Logins
from proxy.console.operations import CannotBeDone, NotThere
from proxy.console.people import NotAllowed, Person, Role, Way, authorise

PREFIX: Final = "/api/v1"
MAX_BODY_BYTES: Final = 256 * 1024
_JSON: Final = "application/json"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """The API of one gate."""

    def __init__(self, source: ApiSource, logins: Logins, report: Callable[[str], None]) -> None:
        """Answer from `source` whoever `logins` knows; say what goes wrong to `report`."""
        self._source = source
        self._logins = logins
        self._report = report
        self._document = msgspec.json.encode(document(PREFIX))
        self._paths = [(_matching(endpoint), endpoint.method) for endpoint in ENDPOINTS]

    def routes(self) -> list[web.AbstractRouteDef]:
        """All that lies below PREFIX, for a server to add; whatever they answer is theirs alone."""
        found: list[web.AbstractRouteDef] = [
            web.get(f"{PREFIX}/openapi.json", self._guarded(self._describe), allow_head=False)
        ]
        for row in ENDPOINTS:
            found.append(web.route(row.method, PREFIX + row.path, self._guarded(self._answering(row))))
        return [*found, web.route("*", PREFIX + "{rest:(/.*)?}", self._guarded(self._nothing))]

    def _guarded(self, handler: _Handler) -> _Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refused as error:
                return problems.problem(error.status, error.detail, error.hint)
            except CannotBeDone as error:
                return problems.cannot_be_done(error)
            except LoginFailed as error:
                return problems.not_let_in(error)
            except Exception as error:  # a request's fault must stay in the request
                self._report(f"the API's {request.path} failed: {type(error).__name__}")
                failed = "the gate failed at this request."
                return problems.problem(HTTPStatus.INTERNAL_SERVER_ERROR, failed, "Its log says where.")

        return guarded

    async def _describe(self, request: web.Request) -> web.Response:
        return web.Response(body=self._document, content_type=_JSON, headers=HEADERS)

    async def _nothing(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(PREFIX)
        allowed = {method for pattern, method in self._paths if pattern.fullmatch(path)}
        return problems.not_handled(allowed | ({"GET"} if path == "/openapi.json" else set()), PREFIX)

    def _answering(self, endpoint: Endpoint[Any, Any]) -> _Handler:
        async def answer(request: web.Request) -> web.Response:
            person = await self._person(request)
            try:
                authorise(person, endpoint.action)
                said = await endpoint.run(self._source, await _call(request, endpoint, person))
            except NotAllowed as error:
                return problems.not_allowed(error, person)
            if endpoint.answer is None:
                return web.Response(status=endpoint.status, headers=HEADERS)
            raw = msgspec.json.encode(said)
            return web.Response(status=endpoint.status, body=raw, content_type=_JSON, headers=HEADERS)

        return answer

    async def _person(self, request: web.Request) -> Person:
        """Who asks: the owner of a token, or whoever looks on from this machine.

        Raises: LoginFailed.
        """
        given, address = request.headers.get("Authorization"), request.remote or ""
        if given is None:
            if not ip_address(address or "0.0.0.0").is_loopback:  # noqa: S104 - stands for no address
                raise LoginFailed("from another machine nobody looks on without a token")
            return Person("", Role.VIEWER, Way.NOBODY, address)
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            raise LoginFailed("the Authorization header holds no Bearer token")
        return await self._logins.check(token.strip(), address)


def _matching(endpoint: Endpoint[Any, Any]) -> re.Pattern[str]:
    return re.compile(endpoint.path.replace("{id}", "[^/]+"))


async def _call(request: web.Request, endpoint: Endpoint[Any, Any], person: Person) -> Call[Any, Any]:
    """The request, as its endpoint's types have it.

    Raises: Refused, NotThere.
    """
    name = request.match_info.get("id", "")
    if endpoint.takes_name and not re.fullmatch(endpoint.named, name):
        raise NotThere(f"there is none of this name; it is of the form {endpoint.named}.")
    body = None if endpoint.body is None else await _body(request, endpoint.body)
    return Call(person, name, _query(request, endpoint.query), body)


def _query(request: web.Request, kind: type[object]) -> object:
    """The query as its type has it.

    Raises: Refused.
    """
    asked = request.query
    if len(set(asked)) != len(asked):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "a parameter of the query is there twice.")
    try:
        return msgspec.convert(dict(asked), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"the query will not do: {error}.", _says()) from None


async def _body(request: web.Request, kind: type[object]) -> object:
    """The body as its type has it; read in pieces, so that no more is ever held than is allowed.

    Raises: Refused.
    """
    if request.content_type != _JSON:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is not JSON.", "Say Content-Type: application/json."
        )
    raw = bytearray()
    async for piece in request.content.iter_any():
        raw += piece
        if len(raw) > MAX_BODY_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {MAX_BODY_BYTES // 1024} KiB."
            )
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"the body will not do: {error}.", _says()) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is no JSON in UTF-8.", _says()) from None


def _says() -> str:
    return f"{PREFIX}/openapi.json says what it is like."
