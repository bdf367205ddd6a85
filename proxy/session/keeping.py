"""Which refused texts are kept for people to approve: so many, and so much, of each role in an hour.

Enters: a refusal that an approval could lift. Leaves: its number, which stays the same while the same client
tries the same text again, and whether the text is to be kept. Deliberately absent: keeping it (app).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

WINDOW_S: Final = 3600.0
MOST_TEXTS: Final = 50
MOST_BYTES: Final = 1024 * 1024
"""Of one role within the window, by one worker."""

_REMEMBERED: Final = 1000

What: TypeAlias = tuple[object, ...]
"""Who was refused what: a key."""


@dataclass(slots=True)
class _Room:
    """What has been kept of one role since its window began."""

    begun: float
    texts: int = 0
    size: int = 0


@dataclass(slots=True)
class RefusedTexts:
    """Admits refused texts.

    Attributes:
        clock: POSIX seconds.
    """

    clock: Callable[[], float]
    _numbers: OrderedDict[What, tuple[float, str]] = field(default_factory=OrderedDict)
    _rooms: dict[str, _Room] = field(default_factory=dict)

    def admit(self, role: str, what: What, size: int, new_id: Callable[[], str]) -> tuple[str, bool]:
        """The refusal's number, and whether its text is to be kept.

        Args:
            role: whose text it is.
            what: equal for the same text of the same client that breaks the same rules.
            size: of the text in bytes.
            new_id: makes a number.
        """
        now = self.clock()
        known = self._numbers.get(what)
        if known is not None and 0 <= now - known[0] < WINDOW_S:
            return known[1], False
        decision_id = new_id()
        room = self._rooms.get(role)
        if room is None or not 0 <= now - room.begun < WINDOW_S:
            room = self._rooms[role] = _Room(now)
        if room.texts >= MOST_TEXTS or room.size + size > MOST_BYTES:
            return decision_id, False
        room.texts += 1
        room.size += size
        self._numbers[what] = (now, decision_id)
        self._numbers.move_to_end(what)
        while len(self._numbers) > _REMEMBERED:
            self._numbers.popitem(last=False)
        return decision_id, True
