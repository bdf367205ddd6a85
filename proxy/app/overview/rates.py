"""How much the gate has judged lately, how fast, and for how many: samples of an hour, in a ring.

Enters: what all workers count, every ten seconds while there is a console. Leaves: `Rates`. Deliberately
absent: keeping more than an hour, or anything over a restart: Prometheus does that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from proxy.app.workers.merging import Family, merged
from proxy.console import Rate, Rates
from proxy.session.tally import JUDGEMENT_BUCKETS

EVERY_S: Final = 10.0
_KEPT: Final = 361
_SPANS: Final = (("the last minute", 60), ("the last ten minutes", 600), ("the last hour", 3600))


@dataclass(frozen=True, slots=True)
class Counts:
    """What all workers had counted at a moment.

    Attributes:
        judged: texts that were read and judged, by how long that took, in the order of JUDGEMENT_BUCKETS, and
            last those that took longer; each bucket without those before it.
    """

    at: datetime
    passed: float
    refused: float
    watched: float
    judged: tuple[float, ...]
    clients: int


class RateRing:
    """The samples of the last hour; used on the event loop alone."""

    def __init__(self) -> None:
        """Begin empty."""
        self._counts: deque[Counts] = deque(maxlen=_KEPT)

    def take(self, counts: Counts) -> None:
        """Add a sample; they come in order."""
        self._counts.append(counts)

    async def watch(self, reports: Callable[[], Awaitable[Iterable[Iterable[Family]]]]) -> None:
        """Take a sample of the workers' reports again and again, until cancelled."""
        while True:
            self.take(counts_of(merged(await reports()), datetime.now(UTC)))
            await asyncio.sleep(EVERY_S)

    def rates(self) -> Rates:
        """What they amount to."""
        kept = tuple(self._counts)
        if len(kept) < 2:
            return Rates((), ())
        newest = kept[-1]
        since = [
            (name, next(c for c in kept if newest.at - c.at <= timedelta(seconds=span_s + EVERY_S / 2)))
            for name, span_s in _SPANS
        ]
        return Rates(
            samples=tuple(_between(one, other) for one, other in pairwise(kept)),
            spans=tuple((name, _between(first, newest)) for name, first in since if first is not newest),
        )


def counts_of(families: Iterable[Family], at: datetime) -> Counts:
    """What the workers' families say, all added up."""
    decided = dict.fromkeys(("allowed", "refused", "shadowed"), 0.0)
    below: dict[str, float] = {}
    clients = 0.0
    for family in families:
        for name, labels, value in family.samples:
            match name:
                case "pgwarden_statements_total":
                    decided[dict(labels)["decision"]] += value
                case "pgwarden_judgement_seconds_bucket":
                    below[dict(labels)["le"]] = value
                case "pgwarden_connections":
                    clients += value
    cumulative = [below.get(bound, 0.0) for bound in (*map(repr, JUDGEMENT_BUCKETS), "+Inf")]
    judged = tuple(value - before for before, value in pairwise((0.0, *cumulative)))
    passed = decided["allowed"] + decided["shadowed"]
    return Counts(at, passed, decided["refused"], decided["shadowed"], judged, int(clients))


def _between(first: Counts, last: Counts) -> Rate:
    seconds = max((last.at - first.at).total_seconds(), 0.001)
    judged = [now - then for then, now in zip(first.judged, last.judged, strict=True)]
    return Rate(
        at=last.at,
        passed=(last.passed - first.passed) / seconds,
        refused=(last.refused - first.refused) / seconds,
        watched=(last.watched - first.watched) / seconds,
        judged=int(sum(judged)),
        half_ms=quantile_ms(judged, 0.5),
        most_ms=quantile_ms(judged, 0.99),
        clients=last.clients,
    )


def quantile_ms(judged: Sequence[float], share: float) -> float | None:
    """The time below which this share of judgements stayed, as Prometheus' histogram_quantile guesses it.

    None where there were none; the last bound where it was longer than that.
    """
    wanted = share * sum(judged)
    if wanted <= 0:
        return None
    seen = 0.0
    for lower, upper, count in zip((0.0, *JUDGEMENT_BUCKETS), JUDGEMENT_BUCKETS, judged, strict=False):
        if count and seen + count >= wanted:
            return 1000 * (lower + (upper - lower) * (wanted - seen) / count)
        seen += count
    return 1000 * JUDGEMENT_BUCKETS[-1]
