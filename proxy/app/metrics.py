"""What Prometheus reads: one table of metrics, and a collector that fills it from plain counters.

Enters: the gates' tallies, the state of policies, facts and logs. Leaves: metric families. Sessions count
into plain integers, so nothing here is on the hot path; a scrape reads them. Deliberately absent: the HTTP
side (console), labels whose values a client chooses (they would grow without bound).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from proxy import __version__
from proxy.policy.rules import RESERVED, Mode, Policy
from proxy.session.tally import JUDGEMENT_BUCKETS, LOGIN_FAILURES, TLS_FAILURES, UPSTREAM_FAILURES, Tally
from proxy.sql.effects import CLASSES
from proxy.sql.screen import Screened

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Merge(Enum):
    """What several workers' values of one series are together."""

    SUM = auto()
    MAX = auto()
    MIN = auto()


@dataclass(frozen=True, slots=True)
class MetricKind:
    """One row of the table of metrics; what is counted is added up, other gauges say how they merge."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str
    merge: Merge = Merge.SUM


METRICS: Mapping[str, MetricKind] = {
    kind.name: kind
    for kind in (
        MetricKind("pgwarden_statements_total", "counter", ("decision", "class"), "Statements judged."),
        MetricKind(
            "pgwarden_blocked_statements_total",
            "counter",
            ("rule", "mode"),
            "Statements that a rule refused (mode enforce) or would have refused (mode shadow).",
        ),
        MetricKind(
            "pgwarden_screened_texts_total",
            "counter",
            (),
            "Texts that the screen passed, so that none was read.",
        ),
        MetricKind(
            "pgwarden_screen",
            "gauge",
            ("class",),
            "1 where every policy leaves texts to the screen that do no more than this.",
            Merge.MIN,
        ),
        MetricKind("pgwarden_connections", "gauge", ("state",), "Clients connected now."),
        MetricKind("pgwarden_connections_accepted_total", "counter", (), "Clients accepted."),
        MetricKind(
            "pgwarden_connections_refused_total",
            "counter",
            ("reason",),
            "Connections refused, or cut off to make room, by the setting that says so.",
        ),
        MetricKind(
            "pgwarden_sessions_expired_total", "counter", ("reason",), "Sessions ended by a time-out."
        ),
        MetricKind(
            "pgwarden_sessions_crashed_total", "counter", (), "Sessions ended by a fault of the gate."
        ),
        MetricKind(
            "pgwarden_upstream_failures_total",
            "counter",
            ("reason",),
            "Sessions ended because the server was not reached (connect), went without a word (lost) or was "
            "not understood (protocol).",
        ),
        MetricKind(
            "pgwarden_tls_failures_total",
            "counter",
            ("reason",),
            "Clients turned away because no handshake came about (handshake), TLS is required (plain) or "
            "their certificate will not do (certificate).",
        ),
        MetricKind(
            "pgwarden_login_failures_total",
            "counter",
            ("reason",),
            "Logins that failed: wrong password or unknown user, found by the gate (password); the server "
            "said no (refused), or no longer takes what the gate has checked (stale); too many had failed "
            "(throttled); wrong messages (protocol); the server binds logins to TLS and the gate knows no "
            "verifier (binding); users could not be looked up (unavailable); TLS was missing (tls).",
        ),
        MetricKind(
            "pgwarden_certificate_not_after_timestamp_seconds",
            "gauge",
            ("listener",),
            "When the certificate that clients are shown expires.",
            Merge.MIN,
        ),
        MetricKind(
            "pgwarden_certificate_last_reload_successful",
            "gauge",
            (),
            "1 unless the newest certificate files do not load.",
            Merge.MIN,
        ),
        MetricKind(
            "pgwarden_cancel_requests_total",
            "counter",
            ("outcome",),
            "Cancel requests: taken to their session (delivered), with nobody's key (wrong_key), from an "
            "address with too many of those (limited), or for a peer that did not answer (unreachable).",
        ),
        MetricKind(
            "pgwarden_judgement_seconds",
            "histogram",
            (),
            "Time to read and judge a statement that no kept verdict covers.",
        ),
        MetricKind(
            "pgwarden_policy_reloads_total", "counter", ("result",), "Times a policy was loaded again."
        ),
        MetricKind(
            "pgwarden_policy_last_reload_successful",
            "gauge",
            (),
            "1 unless the newest policy files do not load.",
            Merge.MIN,
        ),
        MetricKind(
            "pgwarden_policy_info",
            "info",
            ("name", "environment", "mode", "digest"),
            "The policies in force.",
            Merge.MAX,
        ),
        MetricKind("pgwarden_build_info", "info", ("version", "python"), "The running program.", Merge.MAX),
        MetricKind("pgwarden_workers", "gauge", (), "Workers that serve clients now."),
        MetricKind("pgwarden_worker_restarts_total", "counter", (), "Workers started in a dead one's place."),
        MetricKind(
            "pgwarden_facts_age_seconds", "gauge", (), "Age of the newest facts from the ledger.", Merge.MAX
        ),
        MetricKind(
            "pgwarden_facts_stale", "gauge", (), "1 when the facts are too old to be believed.", Merge.MAX
        ),
        MetricKind("pgwarden_frozen", "gauge", (), "1 while writes to any database are frozen.", Merge.MAX),
        MetricKind(
            "pgwarden_ledger_intact",
            "gauge",
            (),
            "0 once the ledger's chain of hashes was found broken.",
            Merge.MIN,
        ),
        MetricKind(
            "pgwarden_ledger_head",
            "gauge",
            (),
            "Number of the ledger's last entry with a published head.",
            Merge.MAX,
        ),
        MetricKind(
            "pgwarden_catalogue_age_seconds",
            "gauge",
            (),
            "Age of the oldest of what is known of databases.",
            Merge.MAX,
        ),
        MetricKind(
            "pgwarden_catalogue_readable",
            "gauge",
            (),
            "0 while a database that is in use cannot be read.",
            Merge.MIN,
        ),
        MetricKind("pgwarden_log_failures_total", "counter", ("log", "reason"), "Log lines lost."),
    )
}

DECISIONS = ("allowed", "refused", "shadowed")
RELOAD_RESULTS = ("failed", "loaded", "unchanged")


class GateView(Protocol):
    """What the collector reads of a gate."""

    @property
    def policy(self) -> Policy:
        """The rules in force."""
        ...

    @property
    def screened(self) -> Mapping[Screened, object]:
        """What the screen may pass."""
        ...

    @property
    def tally(self) -> Tally:
        """What was counted."""
        ...


@dataclass(slots=True)
class Reloads:
    """How often policies were loaded again, and whether the newest files are in force.

    Attributes:
        failing: policy files whose newest content does not load.
    """

    results: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RELOAD_RESULTS, 0))
    failing: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class MetricsView:
    """Where a worker's collector looks; everything is read at each scrape."""

    gates: Sequence[GateView]
    facts_age_s: Callable[[], float]
    facts_stale: Callable[[], bool]
    frozen: Callable[[], bool]
    ledger_intact: Callable[[], bool]
    ledger_head: Callable[[], int]
    catalogue_age_s: Callable[[], float]
    catalogue_readable: Callable[[], bool]
    connection_states: Callable[[], Mapping[str, int]]
    not_after_s: Callable[[], Mapping[tuple[str, ...], float]]
    certificates_failing: Callable[[], bool]
    refused_connections: Callable[[], Mapping[str, int]]
    expired_sessions: Callable[[], Mapping[str, int]]
    crashes: Callable[[], int]
    cancels: Callable[[], Mapping[str, int]]
    log_failures: Callable[[], Mapping[tuple[str, ...], int]]


class GateCollector(Collector):
    """Turns a worker's counters into metric families, one method a family."""

    def __init__(self, view: MetricsView) -> None:
        """Look at `view` at each scrape."""
        self._view = view

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: otherwise registering would already scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All families, in the table's order."""
        yield self._statements()
        yield self._blocked()
        yield _counter("pgwarden_screened_texts_total", {(): sum(g.tally.screened for g in self._view.gates)})
        yield _gauge(
            "pgwarden_screen",
            {(kind.value,): all(kind in gate.screened for gate in self._view.gates) for kind in Screened},
        )
        yield self._connections()
        yield _counter(
            "pgwarden_connections_accepted_total", {(): sum(g.tally.connections for g in self._view.gates)}
        )
        yield _counter("pgwarden_connections_refused_total", _by_reason(self._view.refused_connections()))
        yield _counter("pgwarden_sessions_expired_total", _by_reason(self._view.expired_sessions()))
        yield _counter("pgwarden_sessions_crashed_total", {(): self._view.crashes()})
        yield self._upstream_failures()
        yield self._tls_failures()
        yield self._login_failures()
        yield _gauge("pgwarden_certificate_not_after_timestamp_seconds", self._view.not_after_s())
        yield _gauge(
            "pgwarden_certificate_last_reload_successful", {(): 0 if self._view.certificates_failing() else 1}
        )
        yield _counter("pgwarden_cancel_requests_total", {(k,): v for k, v in self._view.cancels().items()})
        yield self._judgements()
        yield self._policies()
        yield _gauge("pgwarden_facts_age_seconds", {(): self._view.facts_age_s()})
        yield _gauge("pgwarden_facts_stale", {(): 1 if self._view.facts_stale() else 0})
        yield _gauge("pgwarden_frozen", {(): 1 if self._view.frozen() else 0})
        yield _gauge("pgwarden_ledger_intact", {(): 1 if self._view.ledger_intact() else 0})
        yield _gauge("pgwarden_ledger_head", {(): self._view.ledger_head()})
        yield _gauge("pgwarden_catalogue_age_seconds", {(): self._view.catalogue_age_s()})
        yield _gauge("pgwarden_catalogue_readable", {(): 1 if self._view.catalogue_readable() else 0})
        yield _counter("pgwarden_log_failures_total", self._view.log_failures())

    def _statements(self) -> Metric:
        totals: dict[tuple[str, ...], float] = {(d, c): 0 for d in DECISIONS for c in (*CLASSES, "other")}
        for gate in self._view.gates:
            for key, count in list(gate.tally.statements.items()):
                totals[key] = totals.get(key, 0) + count.value
        return _counter("pgwarden_statements_total", totals)

    def _blocked(self) -> Metric:
        totals: dict[tuple[str, ...], float] = {}
        for gate in self._view.gates:
            totals.update(dict.fromkeys(_rules(gate.policy), 0))
        for gate in self._view.gates:
            for key, count in list(gate.tally.blocked.items()):
                totals[key] = totals.get(key, 0) + count.value
        return _counter("pgwarden_blocked_statements_total", totals)

    def _connections(self) -> Metric:
        return _gauge("pgwarden_connections", {(k,): v for k, v in self._view.connection_states().items()})

    def _upstream_failures(self) -> Metric:
        tallies = [gate.tally.upstream_failures for gate in self._view.gates]
        return _counter(
            "pgwarden_upstream_failures_total",
            {(reason,): sum(tally[reason] for tally in tallies) for reason in UPSTREAM_FAILURES},
        )

    def _tls_failures(self) -> Metric:
        tallies = [gate.tally.tls_failures for gate in self._view.gates]
        return _counter(
            "pgwarden_tls_failures_total",
            {(reason,): sum(tally[reason] for tally in tallies) for reason in TLS_FAILURES},
        )

    def _login_failures(self) -> Metric:
        tallies = [gate.tally.login_failures for gate in self._view.gates]
        return _counter(
            "pgwarden_login_failures_total",
            {(reason,): sum(tally[reason] for tally in tallies) for reason in LOGIN_FAILURES},
        )

    def _judgements(self) -> Metric:
        counts = [
            sum(column) for column in zip(*(g.tally.judgement_counts for g in self._view.gates), strict=True)
        ]
        bounds = [*(f"{bound!r}" for bound in JUDGEMENT_BUCKETS), "+Inf"]
        buckets: list[tuple[str, float]] = []
        below = 0
        for bound, number in zip(bounds, counts or [0] * len(bounds), strict=True):
            below += number
            buckets.append((bound, below))
        kind = METRICS["pgwarden_judgement_seconds"]
        family = HistogramMetricFamily(kind.name, kind.help, labels=kind.labels)
        family.add_metric([], buckets, sum(gate.tally.judgement_sum for gate in self._view.gates))
        return family

    def _policies(self) -> Metric:
        rows = {(p.name, p.environment, p.mode, p.digest) for p in (gate.policy for gate in self._view.gates)}
        return _info("pgwarden_policy_info", sorted(rows))


def _rules(policy: Policy) -> set[tuple[str, ...]]:
    """Every rule that can block something, with its mode: those series exist before the first block."""
    known = {rule.id: rule.mode for rule in policy.rules}
    raised_elsewhere = {(rule, str(Mode.ENFORCE)) for rule in RESERVED if rule not in known}
    return {(rule, str(mode)) for rule, mode in known.items() if mode is not Mode.OFF} | raised_elsewhere


@dataclass(frozen=True, slots=True)
class SupervisorView:
    """Where the supervisor's collector looks.

    Attributes:
        workers: how many serve.
        restarts: how many were started in a dead one's place.
    """

    reloads: Reloads
    workers: Callable[[], int]
    restarts: Callable[[], int]


class SupervisorCollector(Collector):
    """Turns what the supervisor itself counts into metric families."""

    def __init__(self, view: SupervisorView) -> None:
        """Look at `view` at each scrape."""
        self._view = view

    def collect(self) -> Iterable[Metric]:
        """All families."""
        yield _info("pgwarden_build_info", [(__version__, platform.python_version())])
        yield _gauge("pgwarden_workers", {(): self._view.workers()})
        yield _counter("pgwarden_worker_restarts_total", {(): self._view.restarts()})
        yield _counter(
            "pgwarden_policy_reloads_total",
            {(result,): n for result, n in self._view.reloads.results.items()},
        )
        yield _gauge("pgwarden_policy_last_reload_successful", {(): 0 if self._view.reloads.failing else 1})


def exposition(*collectors: Collector) -> bytes:
    """Answer a scrape with what these say now."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def _by_reason(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(reason,): count for reason, count in counts.items()}


def _counter(name: str, samples: Mapping[tuple[str, ...], float]) -> Metric:
    kind = METRICS[name]
    family = CounterMetricFamily(name, kind.help, labels=kind.labels)
    for labels, value in sorted(samples.items()):
        family.add_metric(labels, value)
    return family


def _gauge(name: str, samples: Mapping[tuple[str, ...], float]) -> Metric:
    kind = METRICS[name]
    family = GaugeMetricFamily(name, kind.help, labels=kind.labels)
    for labels, value in sorted(samples.items()):
        family.add_metric(labels, value)
    return family


def _info(name: str, rows: Iterable[tuple[str, ...]]) -> Metric:
    kind = METRICS[name]
    family = InfoMetricFamily(name.removesuffix("_info"), kind.help, labels=kind.labels)
    for row in rows:
        family.add_metric(row, {})
    return family
