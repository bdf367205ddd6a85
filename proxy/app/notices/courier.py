"""Takes one target's notices there, by a thread of its own.

Enters: a pile. Leaves: messages at the target; counts of them. A target that fails is tried again, ever more
slowly and never in step with other gates (exponential back-off with full jitter); one that says Retry-After
is left alone for that long. A message for which all attempts failed is given up and counted; what comes
meanwhile piles up and goes with the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from random import SystemRandom
from typing import Final
from uuid import uuid4

from structlog.stdlib import BoundLogger

from proxy.app.notices.bodies import message
from proxy.app.notices.delivery import ATTEMPT_S, Result, deliver
from proxy.app.notices.pile import Bundle, Notice, Pile
from proxy.app.notices.targets import Target

ATTEMPTS: Final = 8
OUTCOMES: Final = ("sent", "retried", "failed")
_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 120.0
_JITTER: Final = SystemRandom()


def back_off_s(attempt: int, wanted_s: float, jitter: float) -> float:
    """How long to wait after an attempt.

    Args:
        attempt: from 1.
        wanted_s: what the target asked for, which is never cut short.
        jitter: from 0 to 1.
    """
    return wanted_s + jitter * min(_FIRST_WAIT_S * float(2 ** (attempt - 1)), _LONGEST_WAIT_S)


class Courier:
    """One target's thread.

    Attributes:
        counts: messages by what came of them, one of OUTCOMES; "retried" counts attempts that failed and
            were made again.
    """

    def __init__(
        self,
        target: Target,
        gate: str,
        log: BoundLogger,
        *,
        jitter: Callable[[], float] = _JITTER.random,
        attempt_s: float = ATTEMPT_S,
    ) -> None:
        """Make it; nothing runs yet.

        Args:
            target: where to.
            gate: who tells.
            log: told of what could not be delivered.
            jitter: gives numbers from 0 to 1.
            attempt_s: how long one attempt may take.
        """
        self.target = target
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self._gate = gate
        self._log = log.bind(target=target.name)
        self._jitter = jitter
        self._attempt_s = attempt_s
        self._pile = Pile()
        self._thread = threading.Thread(target=self._run, name=f"notify-{target.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, notice: Notice) -> None:
        """Hand over a notice; returns at once."""
        self._pile.add(notice)

    def stop(self) -> None:
        """Let it try once more with what it has, and end."""
        self._pile.close()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended; what it holds then is lost, and said."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._log.error("notices were not delivered before the gate ended", reason="no answer in time")

    def _run(self) -> None:
        while True:
            bundle = self._pile.take(self.target.batch_s)
            if bundle.counts:
                try:
                    self._deliver(bundle)
                except Exception as error:  # the thread has to live, whatever a target or a notice is like
                    self.counts["failed"] += 1
                    self._log.error("notices cannot be sent", reason=type(error).__name__)
            elif self._pile.closed:
                return

    def _deliver(self, bundle: Bundle) -> None:
        said = message(bundle, f"msg_{uuid4().hex}", datetime.now(UTC), self._gate)
        result = Result(False, "")
        for attempt in range(1, ATTEMPTS + 1):
            result = deliver(self.target, said, datetime.now(UTC), self._attempt_s)
            if result.sent:
                self.counts["sent"] += 1
                return
            if not result.again or attempt == ATTEMPTS or self._pile.closed:
                break
            self.counts["retried"] += 1
            self._pile.rest(back_off_s(attempt, result.wait_s, self._jitter()))
        self.counts["failed"] += 1
        self._log.error("notices cannot be delivered", reason=result.told, notices=said.total)
