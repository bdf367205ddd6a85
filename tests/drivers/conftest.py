"""Fixtures: `production`, a gate under the production policy out of peak hours, with a backup; `orders`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import Gate, environment, serving, upstream_of
from tests.drivers.table import DRIVERS
from tests.relay.certificates import Certificates
from tests.servers import forking
from tests.servers.database import Database

_POLICIES = Path(__file__).resolve().parents[2] / "policies"
_NAME = "drivers"
WAYS = ("plain", "TLS")
# Hours from now.
_PEAK = {"from": 10, "to": 11}
# Drizzle keeps its history in a schema of its own.
_ORDERS = """
DROP SCHEMA IF EXISTS drizzle CASCADE;
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL);
INSERT INTO orders VALUES (1, 'lamp');
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`driver` is each driver, `way` how it comes in; the heavy ones and TLS under --heavy-drivers only."""
    if "driver" in metafunc.fixturenames:
        heavy = metafunc.config.getoption("--heavy-drivers")
        drivers = [driver for driver in DRIVERS if heavy or not driver.heavy]
        # The first run of a heavy one fetches it, on however busy a machine.
        fetching = (pytest.mark.heavy, pytest.mark.timeout(600))
        rows = [pytest.param(d, id=d.title, marks=fetching if d.heavy else ()) for d in drivers]
        metafunc.parametrize("driver", rows)
        plain, secure = WAYS
        secured = [pytest.param(secure, marks=pytest.mark.heavy)] if heavy else []
        metafunc.parametrize("way", [plain, *secured])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Those of the secure door."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def production(
    tmp_path_factory: pytest.TempPathFactory, server: Cluster, certificates: Certificates
) -> Iterator[Gate]:
    """The production policy at an hour when the schema may change, with a proved backup in two places.

    So what it refuses, it refuses at any hour, and whatever the evidence. Its doors are those of `WAYS`. Only
    that changes come through migrations is left out: a day's work here has some, and each tool its own.
    """
    folder = tmp_path_factory.mktemp("production")
    now = datetime.now(UTC)
    peak = "".join(f'{name}: "{now + timedelta(hours=hours):%H:%M}", ' for name, hours in _PEAK.items())
    text = (_POLICIES / "production.yaml").read_text().replace("- rules/", f"- {_POLICIES}/rules/")
    text, found = re.subn(r"(peak: {).*}", rf"\1{peak}}}", text)
    assert found == 1
    text, found = re.subn(r"  - .*/migrations-only.yaml\n", "", text)
    assert found == 1
    (folder / "policy.yaml").write_text(text)
    for place in ("here", "there"):
        backup = ("--database", _NAME, "--location", f"file:///{place}", "--verified", "full_read")
        recorded = ["backup", "record", *backup, "--finished", now.isoformat()]
        forking.run(recorded, environment(folder)).check_returncode()
    certificate, key = certificates.loopback
    own = {"client_tls_cert_file": str(certificate), "client_tls_key_file": str(key)}
    secure = {"upstream": upstream_of(server), "client_tls_sslmode": "require", **own}
    with serving(folder, folder / "policy.yaml", upstream_of(server), secure) as gate:
        yield gate


@pytest.fixture(scope="module")
def database(server: Cluster) -> Iterator[Database]:
    """The database that the backup is of."""
    server.execute(f"CREATE DATABASE {_NAME}")
    yield Database(server, _NAME)
    server.execute(f"DROP DATABASE {_NAME} WITH (FORCE)")


@pytest.fixture
def orders(database: Database) -> Database:
    """The database as every program finds it."""
    database.execute(_ORDERS)
    return database
