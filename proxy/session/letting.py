"""What a text of thousands of effects means is let go bit by bit: all at once is milliseconds of the loop.

Enters: tuples of small things, while others still hold them too. Leaves: the same tuples, to whoever frees
them, once nobody refers to the Held any more. Deliberately absent: a choice of what is much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeAlias

Things: TypeAlias = tuple[tuple[object, ...], ...]


class Held:
    """Keeps things alive for as long as it lives, and then hands them over.

    Attributes:
        taker: gets what nobody needs any more.
    """

    __slots__ = ("_things",)

    taker: ClassVar[Callable[[Things], object]]

    def __init__(self, *things: tuple[object, ...]) -> None:
        """Hold these."""
        self._things = things

    def __del__(self) -> None:
        """Others have let go of the tuples, or soon will: what is in them is for the taker."""
        type(self).taker(self._things)


def let_go_by(taker: Callable[[Things], object]) -> None:
    """Hand over what a Held has held.

    Args:
        taker: called anywhere, in a thread perhaps; it must only take note.
    """
    Held.taker = staticmethod(taker)


let_go_by(lambda things: None)
