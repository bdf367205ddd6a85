"""The admin server: /metrics, /healthz and /readyz.

Enters: HTTP requests on the admin address. Leaves: text. What it says comes from functions that app hands in;
when one of them fails, that request is answered 500 and nothing else happens. Deliberately absent: anything
that changes the gate, and statements: who may see those is decided when there is a login.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

_PLAIN = "text/plain; charset=utf-8"
_PAGES = """pgwarden

/metrics  counters for Prometheus
/healthz  its processes live
/readyz   it can take clients
"""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class AdminSource:
    """What the pages say.

    Attributes:
        metrics: the exposition, and its content type.
        not_ready: why the gate cannot take clients; empty when it can.
        not_well: why it should be started anew; empty when it should not.
    """

    metrics: Callable[[], Awaitable[bytes]]
    metrics_type: str
    not_ready: Callable[[], Awaitable[tuple[str, ...]]]
    not_well: Callable[[], tuple[str, ...]]


class AdminServer:
    """An HTTP server on the running event loop."""

    def __init__(self, source: AdminSource, report: Callable[[str], None]) -> None:
        """Answer from `source`; say what goes wrong to `report`."""
        self._source = source
        self._report = report
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; returns the address that was bound.

        Raises: OSError when the address cannot be had.
        """

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        application = web.Application(middlewares=[guarded], client_max_size=1024)
        application.router.add_get("/", self._index)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        runner = web.AppRunner(application, access_log=None, keepalive_timeout=15, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, None if host in ("", "*") else host, port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        bound = runner.addresses[0]
        return str(bound[0]), int(bound[1])

    async def stop(self) -> None:
        """Close the address and what is connected to it."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as answer:
            return _text(f"{answer.status} {answer.reason}", answer.status)
        except Exception as error:  # a page's fault must stay in the page
            self._report(f"the admin page {request.path} failed: {type(error).__name__}")
            return _text("this page failed", 500)

    async def _index(self, request: web.Request) -> web.Response:
        return _text(_PAGES)

    async def _metrics(self, request: web.Request) -> web.Response:
        body = await self._source.metrics()
        return web.Response(body=body, headers={"Content-Type": self._source.metrics_type})

    async def _healthz(self, request: web.Request) -> web.Response:
        reasons = self._source.not_well()
        return _text("\n".join(reasons), 503) if reasons else _text("ok")

    async def _readyz(self, request: web.Request) -> web.Response:
        reasons = await self._source.not_ready()
        return _text("\n".join(reasons), 503) if reasons else _text("ready")


def _text(content: str, status: int = 200) -> web.Response:
    headers = {"Content-Type": _PLAIN, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=content.rstrip("\n") + "\n", status=status, headers=headers)
