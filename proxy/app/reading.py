"""Reading long texts away from the event loop.

Enters: a text that a session has handed out. Leaves: its analysis, or why it cannot be read.
"""

import asyncio

from proxy.session import Outcome
from proxy.sql.analyse import SqlSyntaxError, analyse


async def read_aside(raw: bytes, server_major: int) -> Outcome:
    """Read a text in a thread."""
    return await asyncio.to_thread(_read, raw, server_major)


def _read(raw: bytes, server_major: int) -> Outcome:
    try:
        return analyse(raw.decode(), server_major)
    except SqlSyntaxError as error:
        return error
