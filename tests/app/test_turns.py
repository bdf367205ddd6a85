"""What a gate has ready before its first client: of tables made on first use, that client would wait for them."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
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


def test_tables_are_made_before_the_first_text() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "_askers _by_oid _makers plain_screen\n\n"
