"""What the other processes of a gate count: a port, which app fills.

Limits hold for the whole gate, whichever process serves a client. So each tells the others what it counts,
first, and then looks at what they have told: of two that count at the same moment, at least one sees both.
"""

from collections.abc import Hashable
from typing import Final, Protocol


class Elsewhere(Protocol):
    """The other processes. A key is any tuple of names and numbers whose repr tells it from others."""

    def add(self, by: int, *key: Hashable) -> None:
        """Tell them that this process counts so many more, or fewer, of this."""

    def count(self, *key: Hashable) -> int:
        """How many they count: never fewer than there are; more in rare cases."""


class Alone:
    """There is no other."""

    def add(self, by: int, *key: Hashable) -> None:
        """Tell nobody."""

    def count(self, *key: Hashable) -> int:
        """None."""
        return 0


ALONE: Final = Alone()
