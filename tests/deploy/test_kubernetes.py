"""The chart: Helm's linter finds nothing, Kubernetes' schemas fit, the gate reads its configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from proxy import __version__
from proxy.app.operating.tokens import make_token
from proxy.app.sources import load_settings, read_text
from proxy.console.people import Role
from proxy.console.websessions import WHOLE_S
from tests.conftest import Obtain
from tests.relay.certificates import Authority
from tests.servers.tools import render_chart, validate_manifests

_ROOT = Path(__file__).resolve().parents[2]
_CHART = _ROOT / "deploy" / "helm" / "pgwarden"
_DOCKERFILE = (_ROOT / "Dockerfile").read_text()
# A ServiceMonitor is a kind of the Prometheus operator's: Kubernetes has no schema of it.
_OPERATORS_OWN = {"ServiceMonitor"}

Values: TypeAlias = dict[str, Any]
Render: TypeAlias = Callable[[Values], tuple[Mapping[str, str], Mapping[str, Any]]]

_LISTENER = {
    "name": "postgres",
    "port": 6432,
    "upstream": "postgresql://db.example.com:5432",
    "policy": "/etc/pgwarden/policies/production.yaml",
}
_LEAST: Values = {"replicas": 1, "listeners": [_LISTENER]}
_SHARED = {"url": "postgresql://gate@ledger:5432/ledger", "passwordSecret": {"name": "ledger"}}
_TWO: Values = {"listeners": [_LISTENER], "ledger": _SHARED}
_EVERYTHING: Values = {
    "replicas": 3,
    "listeners": [
        _LISTENER,
        {**_LISTENER, "name": "direct", "port": 6433, "catalogue": "postgresql://reader@"},
    ],
    "settings": {
        "workers": 2,
        "login_secret": "/etc/pgwarden/secrets/login",
        "otlp_endpoint": "http://collector.monitoring:4318",
        "notify": [{"name": "team", "kind": "slack", "to": "https://hooks.slack.com/services/T/B/X"}],
        "console_database": "gate",
    },
    "console": {
        "enabled": True,
        "tls": {"secretName": "console-certificate"},
        "auth": {"secretName": "console-tokens", "key": "tokens"},
    },
    "policies": {"shop.yaml": "version: 1\n"},
    "ledger": _SHARED,
    "tls": {"secretName": "certificate"},
    "secretName": "gate",
    "env": [{"name": "PGWARDEN_LOG_FORMAT", "value": "json"}],
    "imagePullSecrets": [{"name": "registry"}],
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {
        "clients": [{"namespaceSelector": {"matchLabels": {"team": "shop"}}}],
        "console": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
    },
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "database", "operator": "Exists"}],
    "podLabels": {"team": "shop"},
    "podAnnotations": {"team": "shop"},
}
_VALUES = {"one gate": _LEAST, "two gates": _TWO, "everything": _EVERYTHING}


@pytest.fixture(scope="module")
def render(obtain: Obtain) -> Render:
    """`render(values)` is what Helm makes of the chart, and what its linter says; each asked once."""

    @cache
    def ask(values: str) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        return obtain(lambda: render_chart(_CHART, yaml.safe_load(values)))

    return lambda values: ask(yaml.safe_dump(values))


def manifests(rendered: Mapping[str, str]) -> list[Any]:
    texts = [text for name, text in rendered.items() if not name.endswith(".txt")]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


def of_kind(rendered: Mapping[str, str], kind: str, name: str = "") -> Any:
    (found,) = [m for m in manifests(rendered) if m["kind"] == kind and m["metadata"]["name"].endswith(name)]
    return found


@pytest.mark.parametrize("values", _VALUES.values(), ids=_VALUES)
def test_helm_and_kubernetes_accept_it(render: Render, values: Values) -> None:
    rendered, report = render(values)
    assert report.get("failed") is None
    assert report["errors"] == []
    assert [m for m in report["messages"] if "icon is recommended" not in m["error"]] == []
    known = [m for m in manifests(rendered) if m["kind"] not in _OPERATORS_OWN]
    assert len(known) >= 5
    for version in ("1.31", "1.34"):
        validate_manifests(known, version)


@pytest.mark.parametrize("values", _VALUES.values(), ids=_VALUES)
def test_the_gate_reads_its_configuration(render: Render, tmp_path: Path, values: Values) -> None:
    rendered, _ = render(values)
    config = of_kind(rendered, "ConfigMap", "pgwarden")["data"]["pgwarden.yaml"]
    for folder in ("tls", "own", "secrets", "policies", "console", "console-tls"):
        config = config.replace(f"/etc/pgwarden/{folder}/", f"{tmp_path}/")
    (tmp_path / "config.yaml").write_text(config)
    certificate, key = Authority(tmp_path, "ours").certify("gate.example.com")
    certificate.rename(tmp_path / "tls.crt")
    key.rename(tmp_path / "tls.key")
    token, _ = make_token("ada", Role.OPERATOR, None)
    (tmp_path / "tokens").touch(0o600)
    (tmp_path / "tokens").write_text(f"{token.written()}\n")
    pod = of_kind(rendered, "StatefulSet")["spec"]["template"]["spec"]
    env = pod["containers"][0]["env"] or ()
    variables = {one["name"]: one.get("value", "1") for one in env}
    loaded = load_settings({"config": str(tmp_path / "config.yaml")}, variables, read_text)
    settings = loaded.settings
    assert [(door.listen[0].port, door.policy) for door in settings.listeners] == [
        (door["port"], str(tmp_path / Path(door["policy"]).name)) for door in values["listeners"]
    ]
    replicas = values.get("replicas", 2)
    assert sorted(settings.peers or ()) == ([] if replicas == 1 else list(range(1, replicas + 1)))
    assert settings.peer_id == (0 if replicas == 1 else 1)
    assert str(loaded.ledger).startswith("postgresql://" if "ledger" in values else "/")
    open_to_people = "console" in values
    assert str(settings.console) == ("0.0.0.0:8432" if open_to_people else "None")
    assert sorted(loaded.tokens) == (["ada"] if open_to_people else [])


def test_several_gates_have_one_ledger(render: Render) -> None:
    _, report = render({**_LEAST, "replicas": 2})
    assert "several gates need a common ledger: set ledger.url, or replicas to 1" in report["failed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"replicas": 0},
        {"listeners": []},
        {"listeners": [{**_LISTENER, "upstream": "db.example.com"}]},
        {"listeners": [{**_LISTENER, "policy": "production.yaml"}]},
        {"listeners": [{**_LISTENER, "name": "console"}]},
        {"settings": {"admin": "0.0.0.0:1"}},
        {"settings": {"console": "0.0.0.0:1"}},
        {"console": {"enabled": True, "token": "x"}},
    ],
    ids=str,
)
def test_wrong_values_are_told(render: Render, wrong: Values) -> None:
    rendered, report = render({**_TWO, **wrong})
    assert rendered == {}
    assert "values don't meet the specifications of the schema" in report["failed"]


def test_an_upstream_has_to_be_said(render: Render) -> None:
    _, report = render({"ledger": _SHARED})
    assert "says which server stands behind" in report["failed"]


def test_it_runs_the_image_as_it_is_made(render: Render) -> None:
    rendered, _ = render(_TWO)
    pod = of_kind(rendered, "StatefulSet")["spec"]["template"]["spec"]
    (user,) = re.findall(r"^USER (\d+)$", _DOCKERFILE, re.MULTILINE)
    assert pod["securityContext"]["runAsUser"] == int(user)
    (volume,) = re.findall(r"^VOLUME (\S+)$", _DOCKERFILE, re.MULTILINE)
    assert volume in [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    assert pod["containers"][0]["image"] == f"pgwarden:{__version__}"
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_clients_drain_before_the_pod_is_killed(render: Render) -> None:
    rendered, _ = render({**_TWO, "drain": {"preStopS": 7, "timeoutS": 120}})
    pod = of_kind(rendered, "StatefulSet")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 127
    assert pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "7"]


def test_peers_are_found_by_the_names_that_they_have(render: Render) -> None:
    rendered, _ = render(_TWO)
    gates = of_kind(rendered, "StatefulSet")
    service = of_kind(rendered, "Service", "-peers")
    config = yaml.safe_load(of_kind(rendered, "ConfigMap", "pgwarden")["data"]["pgwarden.yaml"])
    assert gates["spec"]["serviceName"] == service["metadata"]["name"]
    assert gates["spec"]["ordinals"] == {"start": 1}
    name = gates["metadata"]["name"]
    assert config["peers"] == {
        str(n): f"{name}-{n}.{service['metadata']['name']}.production.svc:6432" for n in (1, 2)
    }


def test_a_disruption_leaves_one_gate_and_strangers_stay_out(render: Render) -> None:
    rendered, _ = render(_EVERYTHING)
    assert of_kind(rendered, "PodDisruptionBudget")["spec"]["minAvailable"] == 1
    ingress = of_kind(rendered, "NetworkPolicy")["spec"]["ingress"]
    assert [[port["port"] for port in rule["ports"]] for rule in ingress] == [[6432, 6433], [8432], [9187]]
    assert ingress[0]["from"][0] == {"namespaceSelector": {"matchLabels": {"team": "shop"}}}
    assert ingress[1]["from"] == [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]
    monitored = of_kind(rendered, "ServiceMonitor")["spec"]
    labels = of_kind(rendered, "Service", "-peers")["metadata"]["labels"]
    assert monitored["selector"]["matchLabels"].items() <= labels.items()


def test_a_browser_stays_at_one_gate(render: Render) -> None:
    """Each gate has logins of its own; and the one that is not ready is the one that people look at."""
    rendered, _ = render(_EVERYTHING)
    service = of_kind(rendered, "Service", "-console")["spec"]
    assert (service["sessionAffinity"], service["publishNotReadyAddresses"]) == ("ClientIP", True)
    assert service["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"] == WHOLE_S
    container = of_kind(rendered, "StatefulSet")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["console"] == service["ports"][0]["port"]
    assert service["ports"][0]["targetPort"] == "console"


def test_without_its_port_a_console_is_psqls_alone(render: Render) -> None:
    rendered, _ = render({**_TWO, "console": {"auth": {"secretName": "tokens"}}})
    config = yaml.safe_load(of_kind(rendered, "ConfigMap", "pgwarden")["data"]["pgwarden.yaml"])
    assert (config["console_auth_file"], "console" in config) == ("/etc/pgwarden/console/tokens", False)
    assert [m["metadata"]["name"] for m in manifests(rendered) if m["kind"] == "Service"] == [
        "gate-pgwarden", "gate-pgwarden-peers"
    ]  # fmt: skip
    ingress = of_kind(rendered, "NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for rule in ingress for port in rule["ports"]] == [6432, 9187]


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ({"enabled": True, "auth": {"secretName": "tokens"}}, "the console takes a certificate"),
        ({"enabled": True, "tls": {"secretName": "certificate"}}, "the console takes logins"),
    ],
    ids=str,
)
def test_a_console_for_others_takes_a_certificate_and_logins(
    render: Render, console: Values, said: str
) -> None:
    _, report = render({**_TWO, "console": console})
    assert said in report["failed"]
