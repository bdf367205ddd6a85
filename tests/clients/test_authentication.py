"""Logging in where the gate itself checks who somebody is: every mode, TLS on either leg, channel binding.

The table that README.md shows is what these clients find.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from tests.app.commands import pgwarden
from tests.clients.gate import Gate, serving
from tests.clients.programs import Program
from tests.conftest import Programs
from tests.relay.certificates import Certificates

OPEN = "version: 1\nname: open\nenvironment: test\nrules: []\n"
MAJORS = (15, 17, 18)
SECRET = "pässwörd 🐘"
OWN_SECRET = "the gate's own"
BINDINGS = ("disable", "prefer", "require")

TABLE = {
    # mode, client's TLS, server's TLS: which of disable, prefer, require get in
    ("passthrough, no verifier", False, False): "disable prefer",
    ("passthrough, no verifier", False, True): "disable prefer",
    ("passthrough, no verifier", True, False): "disable prefer",
    ("passthrough, no verifier", True, True): "disable",
    ("passthrough", False, False): "disable prefer",
    ("passthrough", False, True): "disable prefer",
    ("passthrough", True, False): "disable prefer require",
    ("passthrough", True, True): "disable prefer require",
    ("managed", False, False): "disable prefer",
    ("managed", False, True): "disable prefer",
    ("managed", True, False): "disable prefer require",
    ("managed", True, True): "disable prefer require",
    ("password", False, False): "",
    ("password", False, True): "",
    ("password", True, False): "disable prefer",
    ("password", True, True): "disable prefer",
}
MODES = tuple(dict.fromkeys(mode for mode, _, _ in TABLE))


@dataclass
class Behind:
    """A server, and a gate with a door for each mode and each way to the server.

    Attributes:
        file: the users of the gate's own.
    """

    cluster: Cluster
    gate: Gate
    folder: Path

    def door(self, mode: str, server_tls: bool) -> int:
        return MODES.index(mode) * 2 + server_tls

    def url(self, mode: str, *, client_tls: bool, server_tls: bool, **more: str) -> str:
        user = "ada" if mode == "managed" else "app"
        sslmode = "require" if client_tls else "disable"
        door = self.door(mode, server_tls)
        return self.gate.url(**{"user": user, "sslmode": sslmode, **more}, door=door)  # type: ignore[arg-type]


def secret_of(mode: str) -> str:
    return OWN_SECRET if mode == "managed" else SECRET


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=MAJORS, ids=lambda major: f"pg{major}")
def behind(
    request: pytest.FixtureRequest,
    programs: Programs,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "policy.yaml").write_text(OPEN)
    with Cluster(programs(request.param), auth="scram-sha-256", tls=certificates.loopback) as cluster:
        cluster.execute(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'")
        cluster.execute("CREATE ROLE asker LOGIN SUPERUSER PASSWORD 'asking'")
        for name, secret in (("role", SECRET), ("asking", "asking")):
            (folder / name).write_text(f"{secret}\n")
            (folder / name).chmod(0o600)
        added = pgwarden(
            *("user", "add", "ada", "--role", "app", "--password-file", "role"),
            *("--auth-file", str(folder / "users")),
            script=OWN_SECRET,
        )
        assert added.out == f"added ada in {folder}/users\n", added.err
        certificate, key = certificates.loopback
        shown = {"client_tls_cert_file": str(certificate), "client_tls_key_file": str(key)}
        settings = {
            "passthrough, no verifier": {},
            "passthrough": {"auth_user": "asker", "auth_password_file": str(folder / "asking")},
            "managed": {"auth_type": "managed", "auth_file": str(folder / "users")},
            "password": {"auth_type": "password"},
        }
        upstream = f"postgresql://127.0.0.1:{cluster.port}"
        ways = (
            f"{upstream}?sslmode=disable",
            f"{upstream}?sslmode=verify-full&sslrootcert={certificates.ca_file}",
        )
        doors = [{"upstream": way, **shown, **settings[mode]} for mode in MODES for way in ways]
        with serving(
            folder, folder / "policy.yaml", *doors, log_level="debug", login_failures="1000"
        ) as gate:
            yield Behind(cluster, gate, folder)
            said = gate.log.text + gate.refusals.text + gate.get("/metrics")[1]
            verifiers = cluster.execute("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")
            own = (folder / "users").read_text().split('"')[3]
            secrets = [SECRET, OWN_SECRET, "asking", own, *verifiers.splitlines()]
            assert [secret for secret in secrets if secret in said] == []


@pytest.mark.parametrize(
    ("mode", "client_tls", "server_tls"),
    TABLE,
    ids=[f"{mode}-{'tls' if one else 'plain'}-{'tls' if other else 'plain'}" for mode, one, other in TABLE],
)
def test_channel_binding_with_psql(
    behind: Behind, programs: Programs, mode: str, client_tls: bool, server_tls: bool
) -> None:
    """Psql of the server's own version: those of 15, 17 and 18 differ in how they begin TLS."""
    major = int(behind.cluster.execute("SHOW server_version_num")) // 10000
    psql = Program(programs(major) / "psql", ("--no-psqlrc", "--tuples-only", "--no-align"))
    found = []
    for binding in BINDINGS:
        url = behind.url(mode, client_tls=client_tls, server_tls=server_tls, channel_binding=binding)
        done = psql(url, "-c", "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                    PGPASSWORD=secret_of(mode))  # fmt: skip
        if done.code == 0:
            assert done.out == f"app|{'t' if server_tls else 'f'}\n"
            found.append(binding)
        else:
            assert done.code == 2, done
            assert done.err.startswith("psql: error: connection to server at"), done
    assert " ".join(found) == TABLE[mode, client_tls, server_tls]
