"""Styles and scripts: the gate's own, and what it brings of others (assets/vendor/README.md)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from aiohttp import web

from proxy.console import answers
from proxy.console.views.desk import Desk

KINDS: Final = {
    "console.css": "text/css",
    "live.js": "text/javascript",
    "charts.js": "text/javascript",
    "approve.js": "text/javascript",
    "vendor/htmx.min.js": "text/javascript",
    "vendor/uPlot.iife.min.js": "text/javascript",
    "vendor/uPlot.min.css": "text/css",
}


def routes(desk: Desk) -> Iterator[web.RouteDef]:
    """One address each."""
    folder = files("proxy.console") / "assets"
    contents = {f"/assets/{name}": ((folder / name).read_bytes(), kind) for name, kind in KINDS.items()}

    async def show(request: web.Request) -> web.Response:
        return answers.file(*contents[request.path])

    for path in contents:
        yield web.get(path, show)
