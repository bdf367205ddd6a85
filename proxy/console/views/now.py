"""The first page: how things stand, at a glance, and the numbers that its charts are drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aiohttp import web

from proxy.console import answers
from proxy.console.views.desk import Desk

_NEWEST = 3


def routes(desk: Desk) -> Iterator[web.RouteDef]:
    """The page and its numbers."""

    async def show(request: web.Request) -> web.Response:
        o = await desk.source.overview()
        return await desk.show(
            request,
            "now.html",
            o,
            rates=desk.source.rates(),
            newest=o.refusals.shown[:_NEWEST],
            refused=sum(each.enforced for each in o.refusals.shown),
            rules=Counter(each.rule for each in o.refusals.shown if each.enforced).most_common(_NEWEST),
        )

    async def numbers(request: web.Request) -> web.Response:
        samples = desk.source.rates().samples
        return answers.json(
            {
                "at": [int(each.at.timestamp()) for each in samples],
                "passed": [each.passed for each in samples],
                "refused": [each.refused for each in samples],
                "half_ms": [each.half_ms for each in samples],
                "most_ms": [each.most_ms for each in samples],
            }
        )

    yield web.get("/", show)
    yield web.get("/rates.json", numbers)
