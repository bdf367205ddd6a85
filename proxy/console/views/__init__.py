"""The pages, one address each, which always answers whole: scripts take out of it what they need.

Public names: `all_routes`, `Desk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aiohttp import web

from proxy.console.operations import Operations
from proxy.console.views import acting, assets, changes, explaining, now, refusals, standing
from proxy.console.views.desk import Desk

__all__ = ["Desk", "all_routes"]


def all_routes(
    desk: Desk, operations: Operations, stands: Callable[[web.Request], bool]
) -> Iterator[web.RouteDef]:
    """What is answered, and by what.

    Args:
        stands: whether somebody who was let in would be now.
    """
    for room in (now, standing, changes, assets):
        yield from room.routes(desk)
    yield from refusals.routes(desk, stands)
    yield from acting.routes(desk, operations)
    yield from explaining.routes(desk, operations)
