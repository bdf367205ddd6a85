"""Failed logins of late, by whoever is to be slowed down.

That is an address, or a credential that the server refused. Bounded: of more keys than fit, those whose
window began first are forgotten. What other processes of the gate count in the same minute is added.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Hashable
from functools import lru_cache
from typing import Final

from proxy.session.elsewhere import ALONE, Elsewhere

_MOST_KEYS: Final = 10_000
_SUBNET: Final = 64


class Attempts:
    """Counts failures in windows that begin with the first one."""

    def __init__(
        self,
        limit: int,
        window_s: float = 60.0,
        most_keys: int = _MOST_KEYS,
        *,
        name: str = "",
        elsewhere: Elsewhere = ALONE,
    ) -> None:
        """Begin with none.

        Args:
            limit: how many failures a window may hold; 0: any number.
            window_s: how long it lasts, in seconds.
            most_keys: how many windows are kept.
            name: by which other processes know these, and no others.
            elsewhere: those processes. Among them a window begins when the clock shows a multiple of its
                length, so that nobody has to tell when one has ended.
        """
        self.limit = limit
        self.window_s = window_s
        self._most_keys = most_keys
        self._windows: dict[Hashable, tuple[float, int]] = {}
        self._name = name
        self._elsewhere = elsewhere
        self._told: deque[tuple[int, Hashable]] = deque()

    def wait_s(self, key: Hashable, now: float) -> float:
        """How long this key has to wait before it may try again, in seconds; 0 when it may now."""
        if not self.limit or (not self._windows and self._elsewhere is ALONE):
            return 0.0
        began, count = self._window(key, now)
        if self.limit <= count:
            return began + self.window_s - now
        common = int(now // self.window_s)
        if self.limit <= count + self._elsewhere.count(self._name, common, key):
            return (common + 1) * self.window_s - now
        return 0.0

    def failed(self, key: Hashable, now: float) -> None:
        """Count one failure."""
        if not self.limit:
            return
        began, count = self._window(key, now)
        if not count and len(self._windows) >= self._most_keys:
            del self._windows[next(iter(self._windows))]
        self._windows[key] = (began, count + 1)
        self._tell(int(now // self.window_s), key)

    def forget(self, key: Hashable) -> None:
        """It has succeeded."""
        self._windows.pop(key, None)

    def _tell(self, common: int, key: Hashable) -> None:
        """Tell the others, and take back what was of windows that are over."""
        while self._told and (self._told[0][0] != common or len(self._told) > self._most_keys):
            self._elsewhere.add(-1, self._name, *self._told.popleft())
        self._elsewhere.add(1, self._name, common, key)
        self._told.append((common, key))

    def _window(self, key: Hashable, now: float) -> tuple[float, int]:
        """The window that is open; a clock that was set back opens a new one: nobody waits for hours."""
        began, count = self._windows.get(key, (now, 0))
        if began <= now < began + self.window_s:
            return began, count
        self._windows.pop(key, None)
        return now, 0


@lru_cache(1_000)
def source_of(address: str | None) -> str:
    """Whom failures are counted against: an IPv4 address, an IPv6 network of 64 bits, or the host itself."""
    if address is None:
        return "local"
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 4:
        return address
    return str(ipaddress.ip_network((int(known), _SUBNET), strict=False))
