"""What Prometheus reads: collectors that fill the table of metrics from plain counters.

Enters: the gates' tallies, the state of policies, facts and logs. Leaves: metric families. Sessions count
into plain integers, so nothing here is on the hot path; a scrape reads them. Deliberately absent: the HTTP
side (console), labels whose values a client chooses (they would grow without bound).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from proxy import __version__
from proxy.app.metrickinds import METRICS
from proxy.policy.facts import Backup, Verification
from proxy.policy.rules import RESERVED, Mode, Policy
from proxy.session.tally import (
    JUDGEMENT_BUCKETS,
    LOGIN_FAILURES,
    TLS_FAILURES,
    UNNAMED_PARSES,
    UPSTREAM_FAILURES,
    Count,
    Tally,
)
from proxy.sql.effects import CLASSES
from proxy.sql.screen import Screened

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


DECISIONS = ("allowed", "refused", "shadowed")
LIFTED = ("approval", "break_glass")
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
    backups: Callable[[], Sequence[Backup]]
    connection_states: Callable[[], Mapping[str, int]]
    connections_limit: Callable[[], int]
    not_after_s: Callable[[], Mapping[tuple[str, ...], float]]
    certificates_failing: Callable[[], bool]
    refused_connections: Callable[[], Mapping[str, int]]
    expired_sessions: Callable[[], Mapping[str, int]]
    crashes: Callable[[], int]
    cancels: Callable[[], Mapping[str, int]]
    log_failures: Callable[[], Mapping[tuple[str, ...], int]]
    notifications: Callable[[], Mapping[tuple[str, ...], int]]
    spans: Callable[[], Mapping[str, int]]
    held: Callable[[], int]
    holds: Callable[[], Mapping[str, Count]]


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
        yield self._lifted()
        yield _counter("pgwarden_screened_texts_total", {(): sum(g.tally.screened for g in self._view.gates)})
        yield _gauge(
            "pgwarden_screen",
            {(kind.value,): all(kind in gate.screened for gate in self._view.gates) for kind in Screened},
        )
        yield self._unnamed_parses()
        yield self._connections()
        yield _gauge("pgwarden_connections_limit", {(): self._view.connections_limit()})
        yield _counter(
            "pgwarden_connections_accepted_total", {(): sum(g.tally.connections for g in self._view.gates)}
        )
        yield _counter("pgwarden_connections_refused_total", _by_reason(self._view.refused_connections()))
        yield _counter("pgwarden_sessions_expired_total", _by_reason(self._view.expired_sessions()))
        yield _counter("pgwarden_sessions_killed_total", {(): sum(g.tally.killed for g in self._view.gates)})
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
        yield _gauge("pgwarden_held_statements", {(): self._view.held()})
        yield _pointing("pgwarden_holds_total", {(k,): v for k, v in self._view.holds().items()})
        yield _gauge("pgwarden_frozen", {(): 1 if self._view.frozen() else 0})
        yield self._backups()
        yield _gauge("pgwarden_ledger_intact", {(): 1 if self._view.ledger_intact() else 0})
        yield _gauge("pgwarden_ledger_head", {(): self._view.ledger_head()})
        yield _gauge("pgwarden_catalogue_age_seconds", {(): self._view.catalogue_age_s()})
        yield _gauge("pgwarden_catalogue_readable", {(): 1 if self._view.catalogue_readable() else 0})
        yield _counter("pgwarden_log_failures_total", self._view.log_failures())
        yield _counter("pgwarden_notifications_total", self._view.notifications())
        yield _counter("pgwarden_spans_total", {(k,): v for k, v in self._view.spans().items()})

    def _statements(self) -> Metric:
        totals: dict[tuple[str, ...], float] = {(d, c): 0 for d in DECISIONS for c in (*CLASSES, "other")}
        for gate in self._view.gates:
            for key, count in list(gate.tally.statements.items()):
                totals[key] = totals.get(key, 0) + count.value
        return _counter("pgwarden_statements_total", totals)

    def _blocked(self) -> Metric:
        totals: dict[tuple[str, ...], Count] = {}
        for gate in self._view.gates:
            for rule in _rules(gate.policy):
                totals.setdefault(rule, Count())
        for gate in self._view.gates:
            for key, count in list(gate.tally.blocked.items()):
                totals.setdefault(key, Count()).take(count)
        return _pointing("pgwarden_blocked_statements_total", totals)

    def _lifted(self) -> Metric:
        rules = {rule for gate in self._view.gates for rule, _ in _rules(gate.policy)}
        totals: dict[tuple[str, ...], float] = {(rule, how): 0 for rule in rules for how in LIFTED}
        for gate in self._view.gates:
            for key, count in list(gate.tally.lifted.items()):
                totals[key] = totals.get(key, 0) + count.value
        return _counter("pgwarden_lifted_statements_total", totals)

    def _unnamed_parses(self) -> Metric:
        tallies = [gate.tally.unnamed_parses for gate in self._view.gates]
        return _counter(
            "pgwarden_unnamed_parses_total",
            {(outcome,): sum(tally[outcome] for tally in tallies) for outcome in UNNAMED_PARSES},
        )

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

    def _backups(self) -> Metric:
        newest: dict[tuple[str, ...], float] = {}
        for backup in self._view.backups():
            for level in Verification:
                if level <= backup.verified:
                    key = (backup.database, level.name.lower())
                    newest[key] = max(newest.get(key, 0), backup.finished.timestamp())
        return _gauge("pgwarden_backup_finished_timestamp_seconds", newest)

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
        actions: at the console, by action and outcome.
        logins: at the console, by outcome.
        callers: of psql's console, now.
        not_after_s: when the console's certificate expires, as of `GateView`.
        certificates_failing: whether its newest files do not load.
    """

    reloads: Reloads
    workers: Callable[[], int]
    restarts: Callable[[], int]
    actions: Callable[[], Mapping[tuple[str, ...], int]]
    logins: Callable[[], Mapping[tuple[str, ...], int]]
    callers: Callable[[], int]
    not_after_s: Callable[[], Mapping[tuple[str, ...], float]]
    certificates_failing: Callable[[], bool]


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
        yield _counter("pgwarden_console_actions_total", self._view.actions())
        yield _counter("pgwarden_console_logins_total", self._view.logins())
        yield _gauge("pgwarden_console_connections", {(): self._view.callers()})
        yield _gauge("pgwarden_certificate_not_after_timestamp_seconds", self._view.not_after_s())
        yield _gauge(
            "pgwarden_certificate_last_reload_successful", {(): 0 if self._view.certificates_failing() else 1}
        )


def exposition(*collectors: Collector, accept: str = "") -> tuple[bytes, str]:
    """Answer a scrape with what these say now, and say of what type the answer is.

    Args:
        accept: the header of the request: OpenMetrics, which alone has exemplars, for whoever asks for it.
    """
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    ranges = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    if "application/openmetrics-text" in ranges:
        written: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return written, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE


def _by_reason(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(reason,): count for reason, count in counts.items()}


def _counter(name: str, samples: Mapping[tuple[str, ...], float]) -> Metric:
    kind = METRICS[name]
    family = CounterMetricFamily(name, kind.help, labels=kind.labels)
    for labels, value in sorted(samples.items()):
        family.add_metric(labels, value)
    return family


def _pointing(name: str, samples: Mapping[tuple[str, ...], Count]) -> Metric:
    """A counter with an exemplar: the decision that each series has counted last."""
    kind = METRICS[name]
    family = CounterMetricFamily(name, kind.help, labels=kind.labels)
    for labels, count in sorted(samples.items(), key=itemgetter(0)):
        newest = count.newest
        exemplar = newest and Exemplar({"decision_id": newest[0]}, 1.0, newest[1])
        family.add_metric(labels, count.value, exemplar=exemplar)
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
