"""What was blocked in the last hour, by rule, and the stream that says when there is more.

The stream is of server-sent events (HTML Living Standard, 9.2).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from aiohttp import web

from proxy.console import answers
from proxy.console.serving import take_time
from proxy.console.source import ConsoleSource
from proxy.console.views.desk import Desk, PageOf

Stands = Callable[[web.Request], bool]

_MOST_STREAMS: Final = 32
_HEARTBEAT_S: Final = 15.0


def routes(desk: Desk, stands: Stands) -> Iterator[web.RouteDef]:
    """The page and the stream.

    Args:
        stands: whether somebody who was let in would be now.
    """
    live = _Live(desk.source, stands)

    async def show(request: web.Request) -> web.Response:
        o = await desk.source.overview()
        rule = request.query.get("rule", "")
        fitting = [each for each in o.refusals.shown if rule in ("", each.rule)]
        shown = PageOf(fitting, request.query.get("page", ""))
        rules = Counter((each.rule, each.enforced) for each in o.refusals.shown)
        return await desk.show(
            request,
            "refusals.html",
            o,
            rule=rule,
            names=dict.fromkeys(name for (name, _), _ in rules.most_common()),
            rules=rules,
            shown=shown.items,
            page=shown.number,
            more=shown.more,
        )

    yield web.get("/refusals", show)
    yield web.get("/live", live.show, allow_head=False)


class _Live:
    """Streams, so many and no more."""

    def __init__(self, source: ConsoleSource, stands: Stands) -> None:
        self._source = source
        self._stands = stands
        self._open = 0

    async def show(self, request: web.Request) -> web.StreamResponse:
        if self._open >= _MOST_STREAMS:
            return answers.plain("too many pages are open", 503)
        self._open += 1
        try:
            return await self._stream(request)
        finally:
            self._open -= 1

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={**answers.HEADERS, "Content-Type": "text/event-stream"})
        await answer.prepare(request)
        take_time(request)
        await answer.write(b": open\n\n")
        with self._source.arrivals() as arrived, suppress(ConnectionError):  # that: the reader has gone
            while True:
                said = b"event: refused\ndata: \n\n"
                try:
                    await asyncio.wait_for(arrived.wait(), _HEARTBEAT_S)
                    arrived.clear()
                except TimeoutError:
                    said = b": still here\n\n"
                if not self._stands(request) or not await _written(answer, said):
                    break
        return answer


async def _written(answer: web.StreamResponse, said: bytes) -> bool:
    """Whether its reader has taken it; one that has not for long is cut off."""
    try:
        async with asyncio.timeout(_HEARTBEAT_S):
            await answer.write(said)
    except TimeoutError:
        return False
    return True
