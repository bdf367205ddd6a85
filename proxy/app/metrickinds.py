"""The table of metrics: names, types, labels, what they say, and what several workers' values are together.

The one truth: collectors, merging, the dashboard and README.md follow it. Deliberately absent: labels whose
values a client chooses (they would grow without bound).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


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
            "pgwarden_lifted_statements_total",
            "counter",
            ("rule", "how"),
            "Statements that a rule did not refuse because they were approved (approval), or the glass was "
            "broken (break_glass).",
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
        MetricKind(
            "pgwarden_unnamed_parses_total",
            "counter",
            ("outcome",),
            "Allowed Parses without a name, where keep_statements is on: answered by the gate (answered), "
            "sent under a name that the server keeps (kept), sent as they came (forwarded).",
        ),
        MetricKind("pgwarden_connections", "gauge", ("state",), "Clients connected now."),
        MetricKind(
            "pgwarden_connections_limit",
            "gauge",
            (),
            "Clients that may be connected at once: max_client_conn, or what open files allow.",
        ),
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
            "pgwarden_sessions_killed_total",
            "counter",
            (),
            "Sessions with writes under way that a freeze has ended.",
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
            "When the certificate expires that clients are shown, or browsers (console).",
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
        MetricKind(
            "pgwarden_console_actions_total",
            "counter",
            ("action", "outcome"),
            "What people did at the console: done, failed, or not_allowed to them.",
        ),
        MetricKind(
            "pgwarden_console_logins_total",
            "counter",
            ("outcome",),
            "Logins at the console: done, failed, or limited, from an address with too many that failed.",
        ),
        MetricKind(
            "pgwarden_console_connections", "gauge", (), "Connections to psql's console, logged in or not."
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
        MetricKind("pgwarden_held_statements", "gauge", (), "Statements that are held for a backup now."),
        MetricKind(
            "pgwarden_holds_total",
            "counter",
            ("outcome",),
            "Statements that were held: until it was there (released), until there was none, or none in time "
            "(given_up), until they were cancelled or their client was gone (abandoned).",
        ),
        MetricKind("pgwarden_frozen", "gauge", (), "1 while writes to any database are frozen.", Merge.MAX),
        MetricKind(
            "pgwarden_backup_finished_timestamp_seconds",
            "gauge",
            ("database", "verified"),
            "When the newest backup of a database finished that is proved to this level, or to a higher one.",
            Merge.MAX,
        ),
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
        MetricKind(
            "pgwarden_notifications_total",
            "counter",
            ("target", "outcome"),
            "Messages to the targets of notify: delivered (sent), given up (failed); and attempts that "
            "failed and are made again (retried).",
        ),
        MetricKind(
            "pgwarden_spans_total",
            "counter",
            ("outcome",),
            "Spans for otlp_endpoint: taken by the collector (sent), not taken in time (failed), too many to "
            "wait (dropped).",
        ),
    )
}
