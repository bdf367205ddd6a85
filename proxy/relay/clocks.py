"""Time-outs of sessions that are logged in, and the sleep of those that are idle.

Enters: how long a session may stand like what, and the links of a listener. Leaves: the end of those that
have stood so for too long; those that have not moved are let sleep. Deliberately absent: the time to log in,
which the link bounds itself.

Nothing is noted as messages pass: now and then every link is looked at, and has stood still when neither what
it waits for nor how much its client has sent has changed. So a time-out comes up to two looks late.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from proxy.session import Standing

_LOOKS: Final = 10
_SHORTEST_LOOK_S, _LONGEST_LOOK_S = 0.02, 5.0
_AT_ONCE: Final = 64
"""As many links are looked at before others have their turn."""
_REST_S: Final = 1.0

_Link = TypeVar("_Link")


@dataclass(frozen=True, slots=True)
class Stand:
    """How a link stands: for what it waits, and a number that changes with everything that moves it."""

    standing: Standing
    moved: int


class Watched(Protocol):
    """A link, as the clock sees it."""

    @property
    def stand(self) -> Stand | None:
        """How it stands; None while no time-out applies."""

    def expire(self, standing: Standing, limit_s: float) -> None:
        """End: it has stood like this for longer than it may."""


class Clock:
    """Ends what stands still for too long; `expired` counts those ends."""

    def __init__(self, limits_s: Mapping[Standing, float]) -> None:
        """Take the bounds, in seconds; what has none, or nought, may stand for ever."""
        self._limits_s = {standing: limit_s for standing, limit_s in limits_s.items() if limit_s > 0}
        self.expired = dict.fromkeys(Standing, 0)
        self._seen: dict[Watched, tuple[Stand, float]] = {}

    async def run(self, links: Iterable[Watched]) -> None:
        """Look at these again and again, until cancelled."""
        if not self._limits_s:
            return
        shortest_s = min(self._limits_s.values())
        pause_s = min(max(shortest_s / _LOOKS, _SHORTEST_LOOK_S), _LONGEST_LOOK_S)
        while True:
            await asyncio.sleep(pause_s)
            await self._look(tuple(links))

    async def _look(self, links: tuple[Watched, ...]) -> None:
        before, self._seen = self._seen, {}
        for few in _in_turns(links):
            now = asyncio.get_running_loop().time()
            for link in few:
                self._judge(link, before.get(link), now)
            await asyncio.sleep(0)

    def _judge(self, link: Watched, before: tuple[Stand, float] | None, now: float) -> None:
        stand = link.stand
        if stand is None or stand.standing not in self._limits_s:
            return
        since = now if before is None or before[0] != stand else before[1]
        self._seen[link] = (stand, since)
        limit_s = self._limits_s[stand.standing]
        if now - since >= limit_s:
            self.expired[stand.standing] += 1
            del self._seen[link]
            link.expire(stand.standing, limit_s)


class Sleeper(Protocol):
    """A link, as it is let sleep."""

    def rest(self) -> None:
        """It is looked at: what has not moved since the last time may sleep."""


async def let_sleep(links: Iterable[Sleeper]) -> None:
    """Look at these again and again, until cancelled."""
    while True:
        await asyncio.sleep(_REST_S)
        await _let_rest(tuple(links))  # a frame of its own: none is held until the next look


async def _let_rest(links: Sequence[Sleeper]) -> None:
    for few in _in_turns(links):
        for link in few:
            link.rest()
        await asyncio.sleep(0)


def _in_turns(links: Sequence[_Link]) -> Iterator[Sequence[_Link]]:
    return (links[begin : begin + _AT_ONCE] for begin in range(0, len(links), _AT_ONCE))
