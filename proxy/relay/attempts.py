"""How many wrong guesses an address has made lately.

Enters: addresses that guessed wrong. Leaves: whether one has used up what it may. Deliberately absent: what
is guessed, and what becomes of those who guess too much.
"""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

_REMEMBERED: Final = 10_000
_NETWORK_BITS: Final = 64
"""One customer commonly has so much of IPv6 to himself."""


class Attempts:
    """A bucket for every address: each wrong guess takes one, and they come back with time.

    Of very many addresses the one that guessed longest ago is forgotten first.
    """

    def __init__(self, burst: int, per_s: float, clock: Callable[[], float]) -> None:
        """Allow so many at once, and so many a second; `clock` gives seconds of a monotonic clock."""
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def exhausted(self, address: str | None) -> bool:
        """Whether this address, None for a Unix socket, has to wait."""
        return self._now(_bucket(address)) > self._burst - 1

    def failed(self, address: str | None) -> None:
        """It has guessed wrong."""
        bucket = _bucket(address)
        self._spent[bucket] = (self._now(bucket) + 1, self._clock())
        self._spent.move_to_end(bucket)
        if len(self._spent) > _REMEMBERED:
            self._spent.popitem(last=False)

    def _now(self, bucket: str) -> float:
        """How many guesses count against it still."""
        count, at = self._spent.get(bucket, (0.0, 0.0))
        return max(count - (self._clock() - at) * self._per_s, 0.0)


def _bucket(address: str | None) -> str:
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> _NETWORK_BITS)
    return str(parsed)
