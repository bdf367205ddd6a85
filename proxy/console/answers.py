"""Answers over HTTP, each with the headers that lock a page down.

Enters: what an answer says. Leaves: responses that no cache keeps, that run no script and use no style but
the gate's own files, and that no other site may frame, embed or read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers say Origin: null of the page's own forms
    "X-Content-Type-Options": "nosniff",
}


def html(content: str, status: int = 200) -> web.Response:
    """A page."""
    return web.Response(
        text=content, status=status, content_type="text/html", charset="utf-8", headers=HEADERS
    )


def sent_to(url: str) -> web.Response:
    """Go there (303), by GET."""
    return web.Response(status=303, headers={**HEADERS, "Location": url})


def plain(content: str, status: int = 200) -> web.Response:
    """A sentence."""
    return web.Response(text=f"{content}\n", status=status, headers=HEADERS)


def json(content: object) -> web.Response:
    """What scripts of the page read."""
    return web.json_response(content, headers=HEADERS)


def file(content: bytes, kind: str) -> web.Response:
    """A file of the page's own; browsers ask again each time, so that an upgrade shows at once."""
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=HEADERS)
