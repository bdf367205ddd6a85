"""Turns of the event loop kept short: what is freed aside, and what is made before the first client."""

import asyncio
import subprocess
import sys
import threading

from proxy.app.turns import free_aside

_TABLES = """
import gc
from functools import _lru_cache_wrapper
from proxy.app.turns import keep_turns_short
from proxy.session import Session

keep_turns_short()
gc.unfreeze()
caches = [each for each in gc.get_objects() if isinstance(each, _lru_cache_wrapper)]
tables = [each for each in caches if each.__module__.startswith("proxy.sql.")]
print(*sorted(each.__name__ for each in tables if each.cache_info().currsize))
print(*sorted(each.__name__ for each in tables if not each.cache_info().currsize))
"""


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


def test_no_table_is_left_to_the_first_text() -> None:
    done = subprocess.run([sys.executable, "-c", _TABLES], capture_output=True, text=True, check=True)
    assert done.stdout == "_askers _by_oid _makers plain_screen\n\n"
