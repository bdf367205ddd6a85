"""The way to the gate's console, and how often one process may go it.

Enters: where the console is. Leaves: whether one more may call now. A flood of callers must cost the
console's process, which looks after all workers, no more than so many connections a second, whoever they
are. Deliberately absent: who may log in there.
"""

from collections.abc import Callable

from proxy.relay.tls import SslMode
from proxy.relay.upstream import Upstream
from proxy.session import Excess

SETTING = "console"


class Console:
    """One process's way.

    Attributes:
        upstream: its Unix socket.
    """

    def __init__(
        self,
        directory: str,
        number: int,
        clock: Callable[[], float],
        *,
        at_once: int = 16,
        burst: float = 20.0,
        per_s: float = 10.0,
    ) -> None:
        """Prepare.

        Args:
            directory, number: where it lies, as Unix sockets of PostgreSQL are named.
            clock: seconds from anywhere.
            at_once: how many calls may be open.
            burst: how many may come at once, and
            per_s: how many a second after that.
        """
        self.upstream = Upstream(directory, number, SslMode.DISABLE)
        self._clock = clock
        self._at_once = at_once
        self._burst = burst
        self._per_s = per_s
        self._open = 0
        self._spent = 0.0
        self._at = clock()

    def begin(self) -> Excess | None:
        """One more calls; says why not. Then `end` is owed."""
        now = self._clock()
        self._spent = max(self._spent - (now - self._at) * self._per_s, 0.0)
        self._at = now
        if self._open >= self._at_once or self._spent > self._burst - 1:
            return _TOO_MANY
        self._open += 1
        self._spent += 1
        return None

    def end(self) -> None:
        """It is over."""
        self._open -= 1


_TOO_MANY = Excess(
    SETTING,
    "too many connections to pgwarden's console",
    "",
    "Close those that nobody uses, and try again in a second.",
)
