"""Alerts and dashboards: promtool accepts them, and every series that they name is one that the gate has."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from proxy.app.metrickinds import METRICS
from tests.conftest import Obtain
from tests.servers.tools import find_promtool

Promtool: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_RULES = _DEPLOY / "prometheus" / "pgwarden.rules.yml"
_TESTS = _DEPLOY / "prometheus" / "pgwarden.rules.test.yml"
_DASHBOARD = json.loads((_DEPLOY / "grafana" / "pgwarden.json").read_text())

_SERIES = {
    name
    for kind in METRICS.values()
    for name in (
        [f"{kind.name}_{part}" for part in ("bucket", "count", "sum")]
        if kind.type == "histogram"
        else [kind.name]
    )
} | {"process_cpu_seconds_total", "process_resident_memory_bytes", "up"}
_KEYWORDS = re.compile(r'"[^"]*"|\[[^\]]*\]|\b(?:by|on|without|ignoring)\s*\([^)]*\)')
_SELECTOR = re.compile(r"\b([a-z_:][a-z0-9_:]*)\b(\s*\{([^}]*)\})?(?!\s*\()")
_OPERATORS = {"and", "or", "unless", "by", "on"}


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for g in yaml.safe_load(_RULES.read_text())["groups"] for rule in g["rules"]}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in _DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [
        *(rule["expr"] for rule in alerts().values()),
        *(target["expr"] for panel in panels() for target in panel["targets"]),
        *(annotation["expr"] for annotation in _DASHBOARD["annotations"]["list"]),
    ]


@pytest.fixture(scope="module")
def promtool(obtain: Obtain) -> Promtool:
    """`promtool("check", …)` runs it."""
    path = obtain(find_promtool)
    return lambda *arguments: subprocess.run([path, *arguments], capture_output=True, text=True, check=False)


def test_promtool_accepts_the_alerts(promtool: Promtool) -> None:
    done = promtool("check", "rules", "--lint-fatal", _RULES)
    assert done.returncode == 0, done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


def test_the_alerts_fire_and_only_where_they_should(promtool: Promtool) -> None:
    done = promtool("test", "rules", _TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_shown_to_fire() -> None:
    fired = {
        test["alertname"]
        for group in yaml.safe_load(_TESTS.read_text())["tests"]
        for test in group["alert_rule_test"]
        if test["exp_alerts"]
    }
    assert fired == set(alerts())


def test_promtool_accepts_the_configuration(promtool: Promtool, tmp_path: Path) -> None:
    for source in (_DEPLOY / "compose" / "prometheus.yml", _RULES):
        (tmp_path / source.name).write_text(source.read_text())
    done = promtool("check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_asked_for_is_a_metric_of_the_gate() -> None:
    for expression in expressions():
        bare = _KEYWORDS.sub(" ", expression.replace("$__rate_interval", "5m").replace("$__range", "1h"))
        named = {match[1] for match in _SELECTOR.finditer(re.sub(r"\{[^}]*\}", " ", bare))} - _OPERATORS
        assert named, expression
        assert named <= _SERIES, expression


def test_labels_are_those_of_the_metric() -> None:
    beside = {"instance", "job"}
    for expression in expressions():
        for name, _, inside in _SELECTOR.findall(expression):
            labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!=|=)", inside))
            if name in METRICS:
                assert labels <= {*METRICS[name].labels, *beside, "le"}, expression


def test_the_dashboard_shows_every_metric() -> None:
    """Or it is named here, with the reason."""
    shown = {name for name in METRICS if any(name in expression for expression in expressions())}
    assert set(METRICS) - shown == {
        "pgwarden_build_info",  # the variable that chooses the gate lists it
        "pgwarden_screen",  # a property of the policy
        "pgwarden_screened_texts_total",  # of interest to who tunes
        "pgwarden_unnamed_parses_total",  # the same
        "pgwarden_ledger_head",  # a number to compare by hand
        "pgwarden_catalogue_readable",  # its age shows it
    }
    (variable,) = [v for v in _DASHBOARD["templating"]["list"] if v["name"] == "instance"]
    assert "pgwarden_build_info" in variable["query"]["query"]


def test_series_that_have_exemplars_are_drawn_with_them() -> None:
    drawn = [target for panel in panels() if panel["type"] == "timeseries" for target in panel["targets"]]
    told = re.compile(r"pgwarden_(blocked_statements|holds)_total")
    assert [bool(told.search(target["expr"])) for target in drawn] == [
        target.get("exemplar", False) for target in drawn
    ]
    compose = yaml.safe_load((_DEPLOY / "compose" / "compose.yaml").read_text())["services"]
    assert "--enable-feature=exemplar-storage" in compose["prometheus"]["command"]


def test_panels_neither_overlap_nor_share_a_number() -> None:
    assert len({panel["id"] for panel in _DASHBOARD["panels"]}) == len(_DASHBOARD["panels"])
    cells: set[tuple[int, int]] = set()
    for panel in _DASHBOARD["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        assert max(x for x, _ in own) < 24
        cells |= own
