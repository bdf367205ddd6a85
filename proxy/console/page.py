"""The server of the pages for those on call.

Enters: HTTP requests. Leaves: what the views (views/) answer to those that the doorway lets in. Deliberately
absent: who somebody is (doorway.py), and what they may do (people.py).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from ipaddress import ip_address

from aiohttp import web

from proxy.console import answers
from proxy.console.api import Api
from proxy.console.doorway import Doorway, Place
from proxy.console.logins import Logins, SingleSignOn
from proxy.console.operations import Operations
from proxy.console.serving import HttpBounds, HttpServer
from proxy.console.source import ConsoleSource
from proxy.console.views import Desk, all_routes

_MOST_BODY_BYTES = 64 * 1024


class PageServer(HttpServer):
    """An HTTP server on the running event loop."""

    def __init__(
        self,
        source: ConsoleSource,
        operations: Operations,
        logins: Logins,
        report: Callable[[str], None],
        *,
        place: Place,
        single: SingleSignOn | None = None,
        api: Api | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Show `source`, and do by `operations` what its people ask; say what goes wrong to `report`.

        The API answers below its prefix, and asks who somebody is by itself.
        """
        self._desk = Desk(source)
        self._place = place
        doorway = Doorway(logins, place, self._desk.pages, single)
        own = () if api is None else api.routes()
        routes = (*doorway.routes(), *all_routes(self._desk, operations, doorway.stands), *own)
        super().__init__(
            "console",
            routes,
            report,
            self._failed,
            before=doorway.before,
            tls=tls,
            bounds=HttpBounds(body_bytes=_MOST_BODY_BYTES),
        )

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; returns the address that was bound.

        Raises: OSError when the address cannot be had, or is none of loopback where it has to be.
        """
        self._desk.pages.read_all()
        bound = await super().start(host, port)
        if self._place.local and not ip_address(bound[0]).is_loopback:
            await self.stop()
            raise OSError(f"{bound[0]} is no loopback address")
        return bound

    def _failed(self, request: web.Request, status: int, reason: str) -> web.StreamResponse:
        match status:
            case 404:
                return answers.html(self._desk.pages.render("missing.html", path=request.path), 404)
            case 500:
                return answers.html(self._desk.pages.render("failed.html"), 500)
            case _:
                return answers.plain(f"{status} {reason}", status)
