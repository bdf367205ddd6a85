"""What a scrape shows, line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from proxy import __version__
from proxy.app.metrickinds import METRICS, Merge
from proxy.app.metrics import (
    DECISIONS,
    GateCollector,
    MetricsView,
    Reloads,
    SupervisorCollector,
    SupervisorView,
    exposition,
)
from proxy.app.workers.merging import Merged, counted, families_of, merged
from proxy.policy.facts import Backup, Verification
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.session.tally import Count, Tally
from proxy.sql.effects import CLASSES
from proxy.sql.screen import Screened


@dataclass
class Gate:
    policy: Policy
    tally: Tally
    screened: Mapping[Screened, object] = field(default_factory=dict)


def policy(name: str, rules: Mapping[str, str], mode: str = "enforce") -> Policy:
    text = (
        f"version: 1\nname: {name}\nenvironment: production\ndefaults: {{mode: {mode}}}\nrules:\n"
        + "".join(
            f"  - {{id: {rule}, match: {{effects: [table.drop]}}, deny: no, mode: {mode}}}\n"
            for rule, mode in rules.items()
        )
    )
    return load_policy(f"{name}.yaml", lambda path: text)


MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
BACKUPS = (
    Backup("shop", MONDAY, "/a", Verification.CHECKSUM),
    Backup("shop", MONDAY - timedelta(days=1), "/b", Verification.RESTORED),
)


def two_gates() -> list[Gate]:
    first = policy("direct", {"no-drop": "enforce", "sleeping": "off"})
    second = policy("pooled", {"no-drop": "enforce"}, mode="shadow")
    return [Gate(first, Tally()), Gate(second, Tally())]


def count(value: int, *newest: tuple[str, float]) -> Count:
    made = Count()
    made.value, made.newest = value, newest[0] if newest else None
    return made


def view(gates: list[Gate]) -> MetricsView:
    return MetricsView(
        gates=gates,
        facts_age_s=lambda: 0.5,
        facts_stale=lambda: False,
        frozen=lambda: True,
        ledger_intact=lambda: True,
        ledger_head=lambda: 17,
        catalogue_age_s=lambda: 0.0,
        catalogue_readable=lambda: True,
        backups=lambda: BACKUPS,
        connections_limit=lambda: 500,
        connection_states=lambda: {"open": 3},
        not_after_s=lambda: {("127.0.0.1:6432",): 1_800_000_000.0},
        certificates_failing=lambda: True,
        refused_connections=lambda: {"max_client_conn": 2, "max_logins": 0},
        expired_sessions=lambda: {"client_idle_timeout_s": 1},
        crashes=lambda: 1,
        cancels=lambda: {"delivered": 3, "wrong_key": 1, "limited": 0, "unreachable": 0},
        held=lambda: 2,
        holds=lambda: {"released": count(3), "given_up": count(0), "abandoned": count(1)},
        log_failures=lambda: {("refusals", "dropped"): 2, ("refusals", "unwritten"): 0},
        notifications=lambda: {("chat", "sent"): 4, ("chat", "failed"): 1},
        spans=lambda: {"sent": 5, "failed": 1, "dropped": 2},
    )


def lines_of(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]


def scrape(gates: list[Gate], reloads: Reloads | None = None) -> str:
    supervisor = SupervisorView(
        reloads or Reloads(),
        lambda: 2,
        lambda: 1,
        lambda: {("freeze", "done"): 1},
        lambda: {("done",): 1},
        lambda: 3,
        lambda: {("console",): 1.9e9},
        lambda: False,
    )
    both = (GateCollector(view(gates)), SupervisorCollector(supervisor))
    return exposition(Merged(merged(map(families_of, both))))[0].decode()


def test_series_exist_before_anything_happened() -> None:
    text = scrape(two_gates())
    outright = {"freeze", "ledger", "lexing", "over-size", "protocol", "undecodable"}
    of_the_policy = {"catalogue", "freeze", "ledger", "no-drop", "replication", "stale-facts", "unknown"}
    of_the_policy |= {"unparsed"}
    blocked = {("enforce", rule) for rule in outright | of_the_policy} | {
        ("shadow", rule) for rule in of_the_policy
    }
    assert sorted(lines_of(text, "pgwarden_blocked_statements_total")) == sorted(
        f'pgwarden_blocked_statements_total{{mode="{mode}",rule="{rule}"}} 0.0' for mode, rule in blocked
    )
    assert sorted(lines_of(text, "pgwarden_statements_total")) == sorted(
        f'pgwarden_statements_total{{class="{name}",decision="{decision}"}} 0.0'
        for decision in DECISIONS
        for name in (*CLASSES, "other")
    )
    assert lines_of(text, "pgwarden_cancel_requests_total") == [
        'pgwarden_cancel_requests_total{outcome="delivered"} 3.0',
        'pgwarden_cancel_requests_total{outcome="limited"} 0.0',
        'pgwarden_cancel_requests_total{outcome="unreachable"} 0.0',
        'pgwarden_cancel_requests_total{outcome="wrong_key"} 1.0',
    ]
    assert lines_of(text, "pgwarden_upstream_failures_total") == [
        'pgwarden_upstream_failures_total{reason="connect"} 0.0',
        'pgwarden_upstream_failures_total{reason="lost"} 0.0',
        'pgwarden_upstream_failures_total{reason="protocol"} 0.0',
    ]
    assert lines_of(text, "pgwarden_policy_reloads_total") == [
        'pgwarden_policy_reloads_total{result="failed"} 0.0',
        'pgwarden_policy_reloads_total{result="loaded"} 0.0',
        'pgwarden_policy_reloads_total{result="unchanged"} 0.0',
    ]


def test_gates_are_added_up() -> None:
    gates = two_gates()
    for gate in gates:
        gate.tally.statement("refused", "ddl").value += 2
        gate.tally.connections += 5
        gate.tally.upstream_failures["lost"] += 1
    gates[0].tally.block("no-drop", "enforce").value += 2
    text = scrape(gates)
    assert 'pgwarden_statements_total{class="ddl",decision="refused"} 4.0' in text.splitlines()
    assert 'pgwarden_blocked_statements_total{mode="enforce",rule="no-drop"} 2.0' in text.splitlines()
    assert lines_of(text, "pgwarden_connections_accepted_total") == [
        "pgwarden_connections_accepted_total 10.0"
    ]
    assert 'pgwarden_upstream_failures_total{reason="lost"} 2.0' in text.splitlines()
    assert lines_of(text, "pgwarden_connections") == ['pgwarden_connections{state="open"} 3.0']


def test_judgements_are_a_cumulative_histogram() -> None:
    gates = two_gates()
    gates[0].tally.judged(1e-6)
    gates[0].tally.judged(0.75)
    gates[1].tally.judged(3.0)
    text = scrape(gates)
    assert lines_of(text, "pgwarden_judgement_seconds_bucket") == [
        'pgwarden_judgement_seconds_bucket{le="1e-06"} 1.0',
        *(
            f'pgwarden_judgement_seconds_bucket{{le="{bound}"}} 1.0'
            for bound in (
                "2.5e-06", "5e-06", "1e-05", "2.5e-05", "5e-05", "0.0001", "0.00025", "0.0005",
                "0.001", "0.0025", "0.005", "0.01", "0.025", "0.1",
            )
        ),
        'pgwarden_judgement_seconds_bucket{le="1.0"} 2.0',
        'pgwarden_judgement_seconds_bucket{le="+Inf"} 3.0',
    ]  # fmt: skip
    assert lines_of(text, "pgwarden_judgement_seconds_count") == ["pgwarden_judgement_seconds_count 3.0"]
    assert lines_of(text, "pgwarden_judgement_seconds_sum") == ["pgwarden_judgement_seconds_sum 3.750001"]


def test_the_policy_in_force_and_the_program_are_named() -> None:
    gates = two_gates()
    text = scrape(gates)
    labels = f'digest="{gates[0].policy.digest}",environment="production",mode="enforce",name="direct"'
    others = f'digest="{gates[1].policy.digest}",environment="production",mode="shadow",name="pooled"'
    assert lines_of(text, "pgwarden_policy_info") == [
        f"pgwarden_policy_info{{{labels}}} 1.0",
        f"pgwarden_policy_info{{{others}}} 1.0",
    ]
    assert lines_of(text, "pgwarden_build_info")[0].startswith("pgwarden_build_info{")
    assert f'version="{__version__}"' in lines_of(text, "pgwarden_build_info")[0]


def test_a_reload_shows_at_once() -> None:
    gates, reloads = two_gates(), Reloads()
    assert "brand-new" not in scrape(gates, reloads)
    gates[0].policy = policy("direct", {"brand-new": "enforce"})
    reloads.results["failed"] += 1
    reloads.failing.add("p.yaml")
    text = scrape(gates, reloads)
    assert 'pgwarden_blocked_statements_total{mode="enforce",rule="brand-new"} 0.0' in text.splitlines()
    assert lines_of(text, "pgwarden_policy_last_reload_successful") == [
        "pgwarden_policy_last_reload_successful 0.0"
    ]
    assert 'pgwarden_policy_reloads_total{result="failed"} 1.0' in text.splitlines()


def test_facts_and_logs() -> None:
    text = scrape(two_gates())
    assert lines_of(text, "pgwarden_facts_age_seconds") == ["pgwarden_facts_age_seconds 0.5"]
    assert lines_of(text, "pgwarden_facts_stale") == ["pgwarden_facts_stale 0.0"]
    assert lines_of(text, "pgwarden_frozen") == ["pgwarden_frozen 1.0"]
    assert lines_of(text, "pgwarden_held_statements") == ["pgwarden_held_statements 2.0"]
    assert lines_of(text, "pgwarden_holds_total") == [
        'pgwarden_holds_total{outcome="abandoned"} 1.0',
        'pgwarden_holds_total{outcome="given_up"} 0.0',
        'pgwarden_holds_total{outcome="released"} 3.0',
    ]
    assert lines_of(text, "pgwarden_ledger_intact") == ["pgwarden_ledger_intact 1.0"]
    assert lines_of(text, "pgwarden_ledger_head") == ["pgwarden_ledger_head 17.0"]
    assert lines_of(text, "pgwarden_log_failures_total") == [
        'pgwarden_log_failures_total{log="refusals",reason="dropped"} 2.0',
        'pgwarden_log_failures_total{log="refusals",reason="unwritten"} 0.0',
    ]
    assert lines_of(text, "pgwarden_notifications_total") == [
        'pgwarden_notifications_total{outcome="failed",target="chat"} 1.0',
        'pgwarden_notifications_total{outcome="sent",target="chat"} 4.0',
    ]
    assert lines_of(text, "pgwarden_spans_total") == [
        'pgwarden_spans_total{outcome="dropped"} 2.0',
        'pgwarden_spans_total{outcome="failed"} 1.0',
        'pgwarden_spans_total{outcome="sent"} 5.0',
    ]


def test_each_level_of_proof_has_its_newest_backup() -> None:
    monday, sunday = MONDAY.timestamp(), MONDAY.timestamp() - 86400
    name = "pgwarden_backup_finished_timestamp_seconds"
    assert dict(sample for sample in samples(scrape(two_gates()), name)) == {
        ("shop", "recorded"): monday,
        ("shop", "exists"): monday,
        ("shop", "checksum"): monday,
        ("shop", "toc"): sunday,
        ("shop", "full_read"): sunday,
        ("shop", "restored"): sunday,
    }


def samples(text: str, name: str) -> list[tuple[tuple[str, ...], float]]:
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return [(tuple(sample.labels.values()), sample.value) for sample in families[name].samples]


def test_tls() -> None:
    gates = two_gates()
    gates[0].tally.tls_failures["plain"] += 2
    gates[1].tally.tls_failures["plain"] += 1
    text = scrape(gates)
    assert lines_of(text, "pgwarden_tls_failures_total") == [
        'pgwarden_tls_failures_total{reason="certificate"} 0.0',
        'pgwarden_tls_failures_total{reason="handshake"} 0.0',
        'pgwarden_tls_failures_total{reason="plain"} 3.0',
    ]
    assert lines_of(text, "pgwarden_certificate_not_after_timestamp_seconds") == [
        'pgwarden_certificate_not_after_timestamp_seconds{listener="127.0.0.1:6432"} 1.8e+09',
        'pgwarden_certificate_not_after_timestamp_seconds{listener="console"} 1.9e+09',
    ]
    assert lines_of(text, "pgwarden_certificate_last_reload_successful") == [
        "pgwarden_certificate_last_reload_successful 0.0"
    ]


def test_the_table_is_the_whole_truth() -> None:
    text = scrape(two_gates())
    families = {family.name: family for family in text_string_to_metric_families(text)}
    ours = {name for name in families if name.startswith("pgwarden_")}
    shown = {name: METRICS.get(name) or METRICS[f"{name}_total"] for name in ours}
    assert {kind.name for kind in shown.values()} == set(METRICS)
    for name, kind in shown.items():
        family = families[name]
        assert family.documentation == kind.help
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(kind.labels)}


def test_names_follow_prometheus_conventions() -> None:
    """Counters end in _total, everything measured in its base unit; what `promtool check metrics` asks."""
    for kind in METRICS.values():
        assert re.fullmatch(r"pgwarden_[a-z]+(_[a-z]+)*", kind.name)
        assert kind.name.endswith("_total") == (kind.type == "counter")
        assert kind.name.endswith("_info") == (kind.type == "info")
        assert re.search(r"_(ms|millis|minutes|hours|kb|mb|count|sum|bucket)(_|$)", kind.name) is None
        assert {"le", "quantile", "instance", "job"}.isdisjoint(kind.labels)
        assert kind.help.endswith(".")


def test_what_several_processes_have_is_one_gate_s() -> None:
    one, other = two_gates(), two_gates()
    for gates, number in ((one, 1), (other, 10)):
        gates[0].tally.statement("refused", "ddl").value += number
        gates[0].tally.judged(2e-6)
    one[0].screened = one[1].screened = dict.fromkeys(Screened)
    other[0].screened = other[1].screened = {Screened.READS: None}
    reports = [families_of(GateCollector(view(gates))) for gates in (one, other)]
    text = exposition(Merged(merged(reports)))[0].decode()
    assert 'pgwarden_statements_total{class="ddl",decision="refused"} 11.0' in text.splitlines()
    assert 'pgwarden_judgement_seconds_bucket{le="2.5e-06"} 2.0' in text.splitlines()
    assert lines_of(text, "pgwarden_connections") == ['pgwarden_connections{state="open"} 6.0']
    assert lines_of(text, "pgwarden_screen") == [
        'pgwarden_screen{class="read"} 1.0',
        'pgwarden_screen{class="write"} 0.0',
    ]
    assert len(lines_of(text, "pgwarden_policy_info")) == 2
    heads = [line for line in scrape(one).splitlines() if line.startswith("#")]
    assert {line for line in text.splitlines() if line.startswith("#")} <= set(heads)


def test_what_a_dead_worker_counted_stays() -> None:
    gates = two_gates()
    gates[0].tally.statement("refused", "ddl").value += 3
    gates[0].tally.judged(1.5)
    past = counted(families_of(GateCollector(view(gates))))
    text = exposition(Merged(merged([past, families_of(GateCollector(view(two_gates())))])))[0].decode()
    assert 'pgwarden_statements_total{class="ddl",decision="refused"} 3.0' in text.splitlines()
    assert lines_of(text, "pgwarden_judgement_seconds_count") == ["pgwarden_judgement_seconds_count 1.0"]
    assert lines_of(text, "pgwarden_connections") == ['pgwarden_connections{state="open"} 3.0']


OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.2"


def exemplars(text: str) -> dict[tuple[str, ...], tuple[str, float]]:
    return {
        tuple(sample.labels.values()): (
            sample.exemplar.labels["decision_id"],
            float(sample.exemplar.timestamp),
        )
        for family in open_metrics(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    }


def test_exemplars_name_the_newest_decision_of_all_workers() -> None:
    one, other = two_gates(), two_gates()
    one[0].tally.block("no-drop", "enforce").add("aaaaaaaaaaaa", 1000.5)
    one[1].tally.block("no-drop", "enforce").add("bbbbbbbbbbbb", 1002.5)
    one[1].tally.block("no-drop", "shadow").add("cccccccccccc", 1003.0)
    other[0].tally.block("no-drop", "enforce").add("dddddddddddd", 1001.0)
    held = replace(view(other), holds=lambda: {"released": count(2, ("eeeeeeeeeeee", 1004.0))})
    past = counted(families_of(GateCollector(view(one))))
    reports = [past, families_of(GateCollector(held))]
    raw, content_type = exposition(Merged(merged(reports)), accept=OPEN_METRICS)
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert exemplars(raw.decode()) == {
        ("enforce", "no-drop"): ("bbbbbbbbbbbb", 1002.5),
        ("shadow", "no-drop"): ("cccccccccccc", 1003.0),
        ("released",): ("eeeeeeeeeeee", 1004.0),
    }
    raw, content_type = exposition(Merged(merged(reports)), accept="text/plain;version=0.0.4")
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert (b"bbbbbbbbbbbb" in raw, b"# EOF" in raw) == (False, False)


def test_each_gauge_says_how_it_merges() -> None:
    assert {kind.name: kind.merge for kind in METRICS.values() if kind.type in ("gauge", "info")} == {
        "pgwarden_screen": Merge.MIN,
        "pgwarden_connections": Merge.SUM,
        "pgwarden_console_connections": Merge.SUM,
        "pgwarden_connections_limit": Merge.SUM,
        "pgwarden_backup_finished_timestamp_seconds": Merge.MAX,
        "pgwarden_policy_last_reload_successful": Merge.MIN,
        "pgwarden_policy_info": Merge.MAX,
        "pgwarden_build_info": Merge.MAX,
        "pgwarden_workers": Merge.SUM,
        "pgwarden_facts_age_seconds": Merge.MAX,
        "pgwarden_facts_stale": Merge.MAX,
        "pgwarden_held_statements": Merge.SUM,
        "pgwarden_frozen": Merge.MAX,
        "pgwarden_ledger_intact": Merge.MIN,
        "pgwarden_ledger_head": Merge.MAX,
        "pgwarden_certificate_not_after_timestamp_seconds": Merge.MIN,
        "pgwarden_certificate_last_reload_successful": Merge.MIN,
        "pgwarden_catalogue_age_seconds": Merge.MAX,
        "pgwarden_catalogue_readable": Merge.MIN,
    }
    assert {kind.merge for kind in METRICS.values() if kind.type in ("counter", "histogram")} == {Merge.SUM}


def test_what_the_screen_passes() -> None:
    gates = two_gates()
    gates[0].tally.screened = 3
    gates[1].tally.screened = 4
    gates[0].screened = dict.fromkeys(Screened)
    gates[1].screened = {Screened.READS: None}
    text = scrape(gates)
    assert lines_of(text, "pgwarden_screened_texts_total") == ["pgwarden_screened_texts_total 7.0"]
    assert lines_of(text, "pgwarden_screen") == [
        'pgwarden_screen{class="read"} 1.0',
        'pgwarden_screen{class="write"} 0.0',
    ]


def test_what_became_of_parses_without_a_name() -> None:
    gates = two_gates()
    gates[0].tally.unnamed_parses["answered"] = 3
    gates[1].tally.unnamed_parses["answered"] = 4
    gates[1].tally.unnamed_parses["kept"] = 1
    assert lines_of(scrape(gates), "pgwarden_unnamed_parses_total") == [
        'pgwarden_unnamed_parses_total{outcome="answered"} 7.0',
        'pgwarden_unnamed_parses_total{outcome="forwarded"} 0.0',
        'pgwarden_unnamed_parses_total{outcome="kept"} 1.0',
    ]
