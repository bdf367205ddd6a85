"""What the gate goes by: policies, the calendar of windows, backups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from aiohttp import web

from proxy.console.views.desk import Desk, PageOf

_PAGES: Final = {"/policy": "policy.html", "/calendar": "calendar.html"}


def routes(desk: Desk) -> Iterator[web.RouteDef]:
    """One page each; backups, of which there may be years, in several."""

    async def backups(request: web.Request) -> web.Response:
        known = await desk.source.backups()
        shown = PageOf(known.copies, request.query.get("page", ""))
        return await desk.show(
            request, "backups.html", known=known, shown=shown.items, page=shown.number, more=shown.more
        )

    yield web.get("/backups", backups)
    for path, template in _PAGES.items():
        yield web.get(path, partial(desk.show, template=template))
