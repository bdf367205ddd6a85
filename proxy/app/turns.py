"""The event loop's turns kept short: who else may run, and when garbage is looked for."""

from __future__ import annotations

import asyncio
import gc
import sys

from proxy.app.givingback import give_back_aside
from proxy.sql.screen import MAJORS, plain_screen

_TURN_S = 0.0005
_YOUNG, _OLDER, _NEVER = 700, 1, 1_000_000
_COLLECT_S = 3600.0


def keep_turns_short() -> None:
    """Let nothing but its own work keep the event loop from its next turn for long.

    Another thread hands over after half a millisecond instead of five. Garbage is looked for among what is
    young: looking through all that sessions, caches and catalogues hold takes tens of milliseconds, and a
    statement of thousands of effects would bring it on.
    """
    sys.setswitchinterval(_TURN_S)
    give_back_aside()
    for server_major in MAJORS:
        plain_screen(server_major)  # making one takes milliseconds
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _NEVER)


async def collect_garbage() -> None:
    """Sessions that have lived long leave circles of some kilobytes behind: those are found by the hour."""
    while True:
        await asyncio.sleep(_COLLECT_S)
        gc.collect()
