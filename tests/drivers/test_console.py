"""pgjdbc at the gate's console; drivers that are quicker to fetch: tests/clients/test_psql_console.py."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from proxy.app.operating.tokens import make_token
from proxy.console.people import Role
from proxy.console.psql.statements import USAGES
from tests.app.running import running
from tests.conftest import Obtain
from tests.drivers import unpacked
from tests.servers.database import Database

POLICY = "version: 1\nname: p\nrules: []\n"
# A list of tables is all that it asks catalogues for; what changes something runs outside of transactions.
SAID = (
    "version: pgwarden 0.1.0",
    "is valid: true",
    "prepared, eight times: 8",
    "tables: 0A000",
    "goes on: p",
    f"in portions: {len(USAGES)}",
    "freeze in a transaction: 25001",
    "after that: 25P02",
    "freeze: false",
    "freezes: jdbc",
    "thaw: false",
    "read only: pgwarden 0.1.0",
)
MODES = ("extended", "simple", "extendedForPrepared", "extendedCacheEverything")


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_pgjdbc(tmp_path: Path, database: Database, obtain: Obtain, pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--heavy-drivers"):
        pytest.skip("pgjdbc takes long to fetch: make test-drivers")
    command = obtain(lambda: unpacked.java(Path(__file__).with_name("PgjdbcConsole.java")))
    (tmp_path / "policy.yaml").write_text(POLICY)
    token, text = make_token("ada", Role.OPERATOR, None)
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    tokens.write_text(f"{token.written()}\n")
    flags = (
        "--upstream",
        f"postgresql://127.0.0.1:{database.port}",
        "--policy",
        str(tmp_path / "policy.yaml"),
    )
    with running(tmp_path, "--listen", "127.0.0.1:0", "--console-auth-file", str(tokens), *flags) as gate:
        url = f"jdbc:postgresql://127.0.0.1:{gate.ports[0]}/pgwarden"
        done = subprocess.run(
            [*command.argv, url, "ada", text],
            env=command.environment(), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{mode} {line}" for mode in MODES for line in SAID]
