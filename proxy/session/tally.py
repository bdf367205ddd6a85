"""Counters of one gate: plain numbers, written by its sessions, read by whoever exposes them."""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import Final

JUDGEMENT_BUCKETS: Final = (
    1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 1e-1, 1.0,
)  # fmt: skip
"""Upper bounds in seconds: from a short statement's judgement to the parse of a very long text."""

UPSTREAM_FAILURES: Final = ("connect", "lost", "protocol")
"""Why a session ended for the server's sake: not reached, gone without a word, not understood."""

TLS_FAILURES: Final = ("handshake", "plain", "certificate")
"""Why a client was turned away: no handshake came about, TLS is required, its certificate will not do."""

LOGIN_FAILURES: Final = (
    "password",
    "refused",
    "stale",
    "throttled",
    "protocol",
    "binding",
    "unavailable",
    "tls",
    "run",
)
"""Why a login failed: see the metric."""

UNNAMED_PARSES: Final = ("answered", "kept", "forwarded")
"""What became of a Parse without a name, where statements are kept: see the metric."""


class Count:
    """One counter, shared by reference so that the hot path adds without a look-up.

    Attributes:
        newest: the last decision that was counted with its id, and when that was in POSIX seconds.
    """

    __slots__ = ("newest", "value")

    def __init__(self) -> None:
        """Begin at nought."""
        self.value = 0
        self.newest: tuple[str, float] | None = None

    def add(self, decision_id: str, at: float) -> None:
        """Count a decision that people can look for."""
        self.value += 1
        self.newest = (decision_id, at)

    def take(self, other: Count) -> None:
        """Add another's; the newest decision of both is the newest."""
        self.value += other.value
        self.newest = max(filter(None, (self.newest, other.newest)), key=itemgetter(1), default=None)


class Tally:
    """What a gate has counted since it started.

    Attributes:
        statements: (decision, class) -> count; decisions are "allowed", "shadowed" and "refused".
        blocked: (rule, mode) -> count; modes are "enforce" and "shadow".
        lifted: (rule, how) -> count; "approval", or "break_glass".
        judgement_counts: how many judgements, the reading of a new text included, took at most
            JUDGEMENT_BUCKETS[i] and more than the bound before; the last entry counts the slower ones.
        judgement_sum: seconds spent judging.
        connections: clients accepted.
        upstream_failures: reason -> sessions that ended for the server's sake.
        tls_failures: reason -> clients turned away for the sake of TLS.
        login_failures: reason -> logins that failed.
        killed: sessions that a freeze has ended, since they had writes under way.
        screened: texts that passed the screen, so that they were not read.
        unnamed_parses: what became of it -> allowed Parses without a name, where statements are kept.
    """

    def __init__(self) -> None:
        """Begin with every counter at nought."""
        self.statements: dict[tuple[str, str], Count] = {}
        self.blocked: dict[tuple[str, str], Count] = {}
        self.lifted: dict[tuple[str, str], Count] = {}
        self.judgement_counts = [0] * (len(JUDGEMENT_BUCKETS) + 1)
        self.judgement_sum = 0.0
        self.connections = 0
        self.upstream_failures = dict.fromkeys(UPSTREAM_FAILURES, 0)
        self.tls_failures = dict.fromkeys(TLS_FAILURES, 0)
        self.login_failures = dict.fromkeys(LOGIN_FAILURES, 0)
        self.killed = 0
        self.screened = 0
        self.unnamed_parses = dict.fromkeys(UNNAMED_PARSES, 0)

    def statement(self, decision: str, statement_class: str) -> Count:
        """The counter of statements with this decision and class."""
        return self.statements.setdefault((decision, statement_class), Count())

    def block(self, rule: str, mode: str) -> Count:
        """The counter of statements that this rule refused (enforce) or would have refused (shadow)."""
        return self.blocked.setdefault((rule, mode), Count())

    def lift(self, rule: str, how: str) -> Count:
        """The counter of statements that this rule did not refuse since they were approved."""
        return self.lifted.setdefault((rule, how), Count())

    def judged(self, seconds: float) -> None:
        """Add one judgement to the histogram."""
        self.judgement_counts[bisect_left(JUDGEMENT_BUCKETS, seconds)] += 1
        self.judgement_sum += seconds
