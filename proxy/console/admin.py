"""The admin server: /metrics, /healthz and /readyz.

Enters: HTTP requests on the admin address. Leaves: text. What it says comes from functions that app hands in;
when one of them fails, that request is answered 500 and nothing else happens. Deliberately absent: anything
that changes the gate, and statements: who may see those is decided when there is a login.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from proxy.console.serving import HttpServer

_PLAIN = "text/plain; charset=utf-8"
_PAGES = """pgwarden

/metrics  counters for Prometheus
/healthz  its processes live
/readyz   it can take clients
"""


@dataclass(frozen=True, slots=True)
class AdminSource:
    """What the pages say.

    Attributes:
        metrics: the exposition and its content type, by the request's Accept header.
        not_ready: why the gate cannot take clients; empty when it can.
        not_well: why it should be started anew; empty when it should not.
    """

    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    not_ready: Callable[[], Awaitable[tuple[str, ...]]]
    not_well: Callable[[], tuple[str, ...]]


class AdminServer(HttpServer):
    """An HTTP server on the running event loop."""

    def __init__(self, source: AdminSource, report: Callable[[str], None]) -> None:
        """Answer from `source`; say what goes wrong to `report`."""
        self._source = source
        routes = (
            web.get("/", self._index),
            web.get("/metrics", self._metrics),
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
        )
        super().__init__("admin", routes, report, _failed)

    async def _index(self, request: web.Request) -> web.Response:
        return _text(_PAGES)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = await self._source.metrics(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type, "Vary": "Accept"})

    async def _healthz(self, request: web.Request) -> web.Response:
        reasons = self._source.not_well()
        return _text("\n".join(reasons), 503) if reasons else _text("ok")

    async def _readyz(self, request: web.Request) -> web.Response:
        reasons = await self._source.not_ready()
        return _text("\n".join(reasons), 503) if reasons else _text("ready")


def _text(content: str, status: int = 200) -> web.Response:
    headers = {"Content-Type": _PLAIN, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=content.rstrip("\n") + "\n", status=status, headers=headers)


def _failed(request: web.Request, status: int, reason: str) -> web.StreamResponse:
    return _text(reason if status == 500 else f"{status} {reason}", status)
