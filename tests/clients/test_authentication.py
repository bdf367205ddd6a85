"""Logging in where the gate itself checks who somebody is: every mode, TLS on either leg, channel binding.

The table that README.md shows is what these clients find.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.app.commands import pgwarden
from tests.clients.gate import Gate, moved, serving
from tests.clients.programs import Program
from tests.conftest import Programs
from tests.relay.certificates import Certificates

OPEN = "version: 1\nname: open\nenvironment: test\nrules: []\n"
MAJORS = (15, 17, 18)
SECRET = "pässwörd 🐘"
OWN_SECRET = "the gate's own"
BINDINGS = ("disable", "prefer", "require")


def _table() -> dict[tuple[str, bool, bool], tuple[str, ...]]:
    """README.md's: by mode, TLS of the client and of the server, which of the three get in."""
    _, _, rest = (Path(__file__).parents[2] / "README.md").read_text().partition("\n| auth_type |")
    found: dict[tuple[str, bool, bool], tuple[str, ...]] = {}
    for line in rest.partition("\n\n")[0].splitlines()[2:]:
        mode, client, server, bindings = (cell.strip() for cell in line.split("|")[1:-1])
        found[mode, client == "yes", server == "yes"] = tuple(bindings.split(", "))
    return found


TABLE = _table()
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
        return self.gate.url(**{"user": user, "sslmode": sslmode, **more}, door=door)


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
        cluster.execute("CREATE ROLE refused LOGIN PASSWORD 'other'")
        cluster.execute("CREATE ROLE asker LOGIN SUPERUSER PASSWORD 'asking'")
        for name, secret in (("role", SECRET), ("asking", "asking")):
            (folder / name).write_text(f"{secret}\n")
            (folder / name).chmod(0o600)
        for user, role in (("ada", "app"), ("eve", "refused")):
            added = pgwarden(
                *("user", "add", user, "--role", role, "--password-file", "role"),
                *("--auth-file", str(folder / "users")),
                script=OWN_SECRET,
            )
            assert added.out == f"added {user} in {folder}/users\n", added.err
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


@pytest.mark.defect_16
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
    assert (tuple(found) or ("none",)) == TABLE[mode, client_tls, server_tls]


@pytest.mark.defect_16
@pytest.mark.parametrize("mode", MODES)
def test_channel_binding_with_psycopg(behind: Behind, mode: str) -> None:
    """Its own libpq finds the same, whatever the rest of the machine has."""
    for (_, client_tls, server_tls), wanted in ((key, TABLE[key]) for key in TABLE if key[0] == mode):
        found = []
        for binding in BINDINGS:
            url = behind.url(mode, client_tls=client_tls, server_tls=server_tls, channel_binding=binding)
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(url, password=secret_of(mode)) as connection,
            ):
                assert connection.execute("SELECT current_user").fetchone() == ("app",)
                found.append(binding)
        assert (tuple(found) or ("none",)) == wanted, (client_tls, server_tls)


# -- who does not get in -----------------------------------------------------------------------------------

WRONG = 'FATAL:  password authentication failed for user "{}"'

NOT_AGAIN = "The server has refused this login several times, so it is not asked again for a while."


def refusal(url: str, password: str) -> str:
    """What a login that fails is told."""
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect(url, password=password)
    text = str(raised.value)
    return text[text.index("FATAL") :]


@pytest.mark.parametrize("mode", ["passthrough", "managed"])
@pytest.mark.parametrize("user", ["known", "nobody-of-that-name"])
def test_a_wrong_password_and_an_unknown_user_are_one(behind: Behind, mode: str, user: str) -> None:
    """And the server hears of neither: it is the gate that says no."""
    before, said = behind.gate.metrics("pgwarden_login_failures_total"), len(behind.cluster.log)
    known = {} if user == "known" else {"user": user}
    url = behind.url(mode, client_tls=True, server_tls=True, **known)
    name = user if known else "ada" if mode == "managed" else "app"
    assert refusal(url, "wrong") == WRONG.format(name)
    assert "authentication failed" not in behind.cluster.log[said:]
    assert moved(before, behind.gate.metrics("pgwarden_login_failures_total")) == {
        'pgwarden_login_failures_total{reason="password"}': 1
    }
    behind.gate.says("login failed", user=name, reason="password")


@pytest.mark.defect_25
def test_a_wrong_password_in_clear_is_the_servers_to_refuse_and_is_not_asked_again(behind: Behind) -> None:
    url = behind.url("password", client_tls=True, server_tls=True)
    told = [refusal(url, "wrong") for _ in range(5)]
    assert told[:3] == [WRONG.format("app")] * 3
    for text in told[3:]:
        lines = text.splitlines()
        assert lines[0] == WRONG.format("app")
        assert lines[1] == f"DETAIL:  {NOT_AGAIN}"
        assert lines[2].startswith("HINT:  Wait ")
    with psycopg.connect(url, password=SECRET) as connection:  # another password is another matter
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_password_in_clear_is_not_asked_for_without_tls(behind: Behind) -> None:
    url = behind.url("password", client_tls=False, server_tls=True)
    assert refusal(url, SECRET) == (
        "FATAL:  This gate asks for the password in clear, and takes it over TLS alone.\n"
        "DETAIL:  The client's connection is not encrypted; no password was asked for.\n"
        "HINT:  Connect with sslmode=require, or with sslmode=verify-full and sslrootcert."
    )


@pytest.mark.defect_16
def test_a_relayed_login_that_cannot_be_bound_says_what_to_do(behind: Behind) -> None:
    url = behind.url("passthrough, no verifier", client_tls=True, server_tls=True)
    assert refusal(url, SECRET) == (
        "FATAL:  The server binds logins to its TLS connection, which a login that is only passed on "
        "cannot do.\n"
        "DETAIL:  Both connections are encrypted, and the gate knows no verifier of this user.\n"
        "HINT:  Have those who run pgwarden give it one (auth_user, or pgwarden user learn); until then "
        "connect with channel_binding=disable."
    )


def test_errors_of_the_server_that_are_not_about_the_login_pass(behind: Behind) -> None:
    for mode in ("passthrough", "managed", "password"):
        url = behind.url(mode, client_tls=True, server_tls=True)
        for _ in range(4):  # and count for nothing
            with pytest.raises(psycopg.OperationalError, match='database "absent" does not exist'):
                psycopg.connect(url, password=secret_of(mode), dbname="absent")


def test_a_changed_password_counts_at_once(behind: Behind) -> None:
    behind.cluster.execute("CREATE ROLE changing LOGIN PASSWORD 'first'")
    url = behind.url("passthrough", client_tls=True, server_tls=True, user="changing")
    try:
        psycopg.connect(url, password="first").close()
        behind.cluster.execute("ALTER ROLE changing PASSWORD 'second'")
        psycopg.connect(url, password="second").close()
        assert refusal(url, "first") == WRONG.format("changing")
        behind.cluster.execute("ALTER ROLE changing NOLOGIN")
        assert refusal(url, "second") == WRONG.format("changing")
    finally:
        behind.cluster.execute("DROP ROLE changing")


def test_a_role_with_an_md5_hash_is_relayed(behind: Behind) -> None:
    behind.cluster.execute("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'old'")
    hba = behind.cluster.data / "pg_hba.conf"
    before = hba.read_text()
    try:
        hba.write_text(f"host all old 127.0.0.1/32 md5\n{before}")
        behind.cluster.execute("SELECT pg_reload_conf()")
        url = behind.url("passthrough", client_tls=True, server_tls=True, user="old")
        with psycopg.connect(url, password="old") as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("old",)
        assert refusal(url, "wrong") == WRONG.format("old")
    finally:
        hba.write_text(before)
        behind.cluster.execute("SELECT pg_reload_conf(); DROP ROLE old")


def test_the_database_stays_the_users_own_and_policies_see_the_user(behind: Behind) -> None:
    """A managed user without a database in its packet means the one of its own name, not of the role's."""
    behind.cluster.execute("CREATE DATABASE ada")
    url = behind.url("managed", client_tls=True, server_tls=True)
    with psycopg.connect(url, password=OWN_SECRET, dbname="") as connection:
        assert connection.execute("SELECT current_database(), current_user").fetchone() == ("ada", "app")
    behind.cluster.execute("DROP DATABASE ada WITH (FORCE)")


@pytest.mark.defect_25
def test_a_role_whose_password_the_server_refuses(behind: Behind) -> None:
    """The client hears that it is not its fault, the log the server's words, the server three logins."""
    said = len(behind.cluster.log)
    url = behind.url("managed", client_tls=True, server_tls=True, user="eve")
    told = [refusal(url, OWN_SECRET) for _ in range(5)]
    assert told[:3] == [
        'FATAL:  The server has refused the role that stands behind user "eve".\n'
        "DETAIL:  Your own password is right.\n"
        "HINT:  Tell those who run pgwarden: its log has the server's words."
    ] * 3  # fmt: skip
    assert [text.splitlines()[0] for text in told[3:]] == [WRONG.format("eve")] * 2
    assert behind.cluster.log[said:].count("password authentication failed") == 3
    wanted = 'the server said: password authentication failed for user "refused"'
    behind.gate.says("login failed", user="eve", reason="stale", message=wanted)


# -- other drivers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
async def test_asyncpg(behind: Behind, certificates: Certificates, mode: str) -> None:
    """It knows no channel binding and says so ("n"), so it gets in everywhere."""
    trusted = ssl.create_default_context(cafile=certificates.ca_file)
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=behind.gate.ports[behind.door(mode, True)],
        user="ada" if mode == "managed" else "app",
        password=secret_of(mode),
        database="postgres",
        ssl=trusted,
    )
    assert await connection.fetchval("SELECT current_user") == "app"
    await connection.close()


@pytest.mark.defect_22
@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_a_newer_protocol_is_negotiated_as_the_server_has_it(
    behind: Behind, programs: Programs, version: str
) -> None:
    """NegotiateProtocolVersion comes behind the client's authentication, before AuthenticationOk."""
    psql = Program(programs(18) / "psql", ("--no-psqlrc", "--tuples-only", "--no-align"))
    for mode in MODES:
        url = behind.url(mode, client_tls=True, server_tls=True, max_protocol_version=version)
        if mode == "passthrough, no verifier":
            url += "&channel_binding=disable"
        done = psql(url, "-c", "SELECT current_user", PGPASSWORD=secret_of(mode))
        assert (done.code, done.out) == (0, "app\n"), done


@pytest.mark.defect_25
def test_a_storm_of_wrong_passwords_is_the_gates_alone(behind: Behind) -> None:
    """Forty at a time, then the right one: the server has seen no login but that."""
    url = behind.url("managed", client_tls=True, server_tls=True)
    said = len(behind.cluster.log)

    async def fail() -> str:
        with pytest.raises(psycopg.OperationalError) as raised:
            await psycopg.AsyncConnection.connect(url, password="wrong")
        return str(raised.value).partition("FATAL:  ")[2]

    async def storm() -> list[str]:
        return await asyncio.gather(*(fail() for _ in range(40)))

    assert asyncio.run(storm()) == ['password authentication failed for user "ada"'] * 40
    psycopg.connect(url, password=OWN_SECRET).close()
    assert "authentication failed" not in behind.cluster.log[said:]
