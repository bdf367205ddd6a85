"""What a form says: the one door to the bodies of pages.

Enters: a request. Leaves: its fields. Only what a page's form sends is read: a body of another kind, a file
among them, is refused before anything of it is kept. Deliberately absent: what fields mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

_FORM: Final = "application/x-www-form-urlencoded"


async def fields_of(request: web.Request) -> Mapping[str, str]:
    """The fields; of several that bear one name the last; none where there is no body.

    Raises: HTTPUnsupportedMediaType, HTTPBadRequest.
    """
    if request.can_read_body and request.content_type != _FORM:
        raise web.HTTPUnsupportedMediaType
    try:
        posted = await request.post()
    except (ValueError, LookupError):  # no such charset, or not in it
        raise web.HTTPBadRequest from None
    return {name: value for name, value in posted.items() if isinstance(value, str)}
