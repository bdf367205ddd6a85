"""One HTTP server: started, stopped, and guarded, so that a request's fault stays in the request.

Enters: routes, an address, TLS. Leaves: answers. Whoever takes long to send a request, or to take its answer,
is cut off, and there are so many connections and no more: the process that answers here looks after the whole
gate. Deliberately absent: what is answered.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Before = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
Failed = Callable[[web.Request, int, str], web.StreamResponse]

_LIMIT: Final = web.RequestKey("limit", asyncio.Timeout)


def take_time(request: web.Request) -> None:
    """Let this request last as long as its stream does."""
    request[_LIMIT].reschedule(None)


@dataclass(frozen=True, slots=True)
class HttpBounds:
    """What one server grants.

    Attributes:
        body_bytes: the longest body.
        request_s: how long a request may take, from its head until its answer is taken.
        handshake_s: how long TLS's handshake may take.
        connections: how many there may be at once.
    """

    body_bytes: int = 1024
    request_s: float = 60.0
    handshake_s: float = 15.0
    connections: int = 1000


class _TurnedAway(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class HttpServer:
    """An HTTP server on the running event loop."""

    def __init__(
        self,
        name: str,
        routes: Iterable[web.AbstractRouteDef],
        report: Callable[[str], None],
        failed: Failed,
        *,
        before: Before | None = None,
        tls: ssl.SSLContext | None = None,
        bounds: HttpBounds | None = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            name: of it, for messages.
            routes: what it answers.
            report: told what goes wrong.
            failed: the answer to a request that failed, with its status and why.
            before: may answer in the routes' place.
            tls: what TLS is spoken with; none where None.
        """
        self._name = name
        self._routes = tuple(routes)
        self._report = report
        self._failed = failed
        self._before = before
        self._tls = tls
        self._bounds = bounds or HttpBounds()
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; returns the address that was bound.

        Raises: OSError when the address cannot be had.
        """

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        application = web.Application(middlewares=[guarded], client_max_size=self._bounds.body_bytes)
        application.router.add_routes(self._routes)
        runner = web.AppRunner(
            application,
            access_log=None,
            keepalive_timeout=15,
            shutdown_timeout=0.1,
            handler_cancellation=True,  # a stream ends when its reader goes
        )
        await runner.setup()
        try:
            self._server = await self._listen(runner, None if host in ("", "*") else host, port)
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        bound = self._server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    async def _listen(self, runner: web.AppRunner, host: str | None, port: int) -> asyncio.Server:
        protocols, bounds = runner.server, self._bounds
        if protocols is None:
            raise RuntimeError("a runner that is set up has a server")

        def accept() -> asyncio.Protocol:
            return _TurnedAway() if len(protocols.connections) >= bounds.connections else protocols()

        return await asyncio.get_running_loop().create_server(
            accept,
            host,
            port,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else bounds.handshake_s,
        )

    async def stop(self) -> None:
        """Close the address and what is connected to it."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._bounds.request_s) as limit:
                request[_LIMIT] = limit
                answer = await self._answered(request, handler)
                with suppress(ConnectionError):
                    await answer.prepare(request)
                    await answer.write_eof()  # here, where it is waited for in bounded time
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=408)
        return answer

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            answer = None if self._before is None else await self._before(request)
            return await handler(request) if answer is None else answer
        except web.HTTPException as error:
            if error.status < 400:
                raise  # it sends somebody elsewhere
            return self._failed(request, error.status, error.reason)
        except Exception as error:  # a page's fault must stay in the page
            self._report(f"the {self._name} page {request.path} failed: {type(error).__name__}")
            return self._failed(request, 500, "this page failed")
