"""The change log: searched, a page at a time; and one change whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from proxy.console.questions import ChangeSearch
from proxy.console.views.desk import Desk
from proxy.policy.recording import Ending

_WORDS: Final = tuple(field.name for field in fields(ChangeSearch))
_LONGEST: Final = 200
_OUTCOMES: Final = tuple(str(ending).replace("_", " ") for ending in Ending)


def routes(desk: Desk) -> Iterator[web.RouteDef]:
    """The list, and one of it."""

    async def search(request: web.Request) -> web.Response:
        asked = {name: request.query.get(name, "")[:_LONGEST] for name in _WORDS}
        found = await desk.source.changes(ChangeSearch(**asked))
        chosen = {name: word for name, word in asked.items() if word and name != "before"}
        return await desk.show(
            request,
            "changes.html",
            asked=asked,
            found=found,
            outcomes=_OUTCOMES,
            chosen=bool(chosen),
            newest=f"?{urlencode(chosen)}" if chosen else "/changes",
            older=f"?{urlencode({**chosen, 'before': found.older})}",
        )

    async def show(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        found = await desk.source.change(number)
        return await desk.show(
            request, "change.html", status=404 if found is None else 200, number=number, found=found
        )

    yield web.get("/changes", search)
    yield web.get(r"/changes/{number:\d{1,18}}", show)
