"""Each driver plays the scenario through the gate, and tells what the table says it tells."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.clients.gate import Gate
from tests.drivers.conftest import WAYS
from tests.drivers.table import Driver
from tests.relay.certificates import Certificates
from tests.servers.cache import Missing
from tests.servers.database import Database


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def test_a_days_work_and_its_refusals(
    driver: Driver,
    way: str,
    production: Gate,
    certificates: Certificates,
    orders: Database,
    pytestconfig: pytest.Config,
) -> None:
    try:
        command = driver.command()
    except Missing as missing:
        if pytestconfig.getoption("--require-real"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
    # libpq's words and variables; node has its own for whom it trusts.
    tls = {"sslmode": "verify-full", "sslrootcert": certificates.ca_file} if way == "TLS" else {}
    variables = {f"PG{name.upper()}": value for name, value in tls.items()}
    parameters = {name: tls[name] for name in driver.tls_by_url if tls}
    done = subprocess.run(
        [*command.argv, production.url(orders.name, door=WAYS.index(way), **parameters)],
        env=command.environment() | variables | {"NODE_EXTRA_CA_CERTS": certificates.ca_file},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if (done.stderr, done.returncode) != ("", 0):
        pytest.fail(f"{done.stdout}{done.stderr}exit code {done.returncode}", pytrace=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    version = told.pop(0)
    assert version["step"] == "connect"
    assert _numbers(version["value"]) >= _numbers(driver.version)
    assert {line["step"]: line["value"] for line in told} == driver.play.expected()
    assert orders.execute("SELECT id, item FROM orders ORDER BY id").splitlines() == driver.play.rows_left()
