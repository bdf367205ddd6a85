"""Turns of the event loop kept short: what is freed aside."""

import asyncio
import threading

from proxy.app.turns import free_aside


class Part:
    """Notes the thread that frees it."""

    def __init__(self, freed_by: list[int]) -> None:
        self._freed_by = freed_by

    def __del__(self) -> None:
        self._freed_by.append(threading.get_ident())


def test_parts_are_freed_by_another_thread() -> None:
    freed_by: list[int] = []
    parts: list[object] = [Part(freed_by) for _ in range(3)]
    asyncio.run(free_aside(parts))
    assert parts == []
    assert len(freed_by) == 3
    assert threading.get_ident() not in freed_by
