"""How far one session has come with its server, as those see it who judge.

Absent: how that is known (``state``).
"""

from __future__ import annotations

from typing import Final

from proxy.session.holding import Ground
from proxy.session.meaning import Meaning


class Course:
    """One that has not begun: nothing was sent, and nobody can be asked."""

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return 0

    @property
    def holds_writes(self) -> bool:
        """Something may have been written that is not committed."""
        return False

    def ground(self) -> Ground:
        """Where a message stands that would go on now."""
        return Ground.CLEAR

    def goes_on(self, meaning: Meaning) -> None:
        """A recorded change is about to be sent."""

    def may_ask(self) -> bool:
        """Whether a question can stand in front of what comes next from the client."""
        return False

    def may_wait(self) -> bool:
        """Whether what comes next may wait for what others see of this session's work."""
        return False


NOT_BEGUN: Final = Course()
