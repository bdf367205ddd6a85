"""What a request is told that comes to nothing: problem details (RFC 9457), each with what to do.

Enters: what went wrong. Leaves: an answer. Deliberately absent: anything that a request held, but names.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from proxy.console.api.shapes import Problem
from proxy.console.logins import LoginFailed
from proxy.console.operations import CannotBeDone, NotThere, TooOften, Unavailable
from proxy.console.people import NotAllowed, Person

CONTENT_TYPE: Final = "application/problem+json"
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_LOG_IN: Final = "Send a token: Authorization: Bearer TOKEN."


class Refused(Exception):
    """A request that is not answered; fields as of Problem."""

    def __init__(self, status: HTTPStatus, detail: str, hint: str = "") -> None:
        """Say so."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint


def not_allowed(error: NotAllowed, person: Person) -> web.Response:
    """Somebody may not do it: nobody knows who they are, or all know that they may not."""
    if person.known:
        return problem(HTTPStatus.FORBIDDEN, f"{error}.")
    return problem(HTTPStatus.UNAUTHORIZED, f"{error}.", _LOG_IN, {"WWW-Authenticate": "Bearer"})


def not_let_in(error: LoginFailed) -> web.Response:
    """Nobody knows who asks; or this address has shown too many wrong tokens."""
    if error.wait_s:
        wait = {"Retry-After": str(int(error.wait_s) + 1)}
        return problem(HTTPStatus.TOO_MANY_REQUESTS, f"{error}.", "", wait)
    wrong = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return problem(HTTPStatus.UNAUTHORIZED, f"{error}.", _LOG_IN, wrong)


def cannot_be_done(error: CannotBeDone) -> web.Response:
    """It came to nothing."""
    headers: dict[str, str] = {}
    match error:
        case NotThere():
            status = HTTPStatus.NOT_FOUND
        case Unavailable():
            status = HTTPStatus.SERVICE_UNAVAILABLE
        case TooOften():
            status = HTTPStatus.TOO_MANY_REQUESTS
            headers["Retry-After"] = str(int(error.wait_s) + 1)
        case _:
            status = HTTPStatus.CONFLICT
    return problem(status, error.why, error.hint, headers)


def not_handled(allowed: Iterable[str], prefix: str) -> web.Response:
    """There is nothing of this name, or it cannot be asked so, but by the methods that are allowed."""
    methods = ", ".join(sorted(allowed))
    hint = f"{prefix}/openapi.json says what there is."
    if methods:
        told = f"this takes {methods} alone."
        return problem(HTTPStatus.METHOD_NOT_ALLOWED, told, hint, {"Allow": methods})
    return problem(HTTPStatus.NOT_FOUND, "there is nothing of this name.", hint)


def problem(
    status: HTTPStatus, detail: str, hint: str = "", headers: dict[str, str] | None = None
) -> web.Response:
    """The answer."""
    body = msgspec.json.encode(Problem("about:blank", status.phrase, int(status), detail, hint))
    return web.Response(
        status=status, body=body, content_type=CONTENT_TYPE, headers={**HEADERS, **(headers or {})}
    )
